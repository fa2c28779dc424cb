# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""Tars and compressed streams byte by byte, as no honest program writes
them.  Pure: arguments in, bytes out."""
import gzip
import struct
import zlib

BLOCK = 512
canary = "/canary"  # set when the tests know it
END = bytes(2 * BLOCK)
TIME = 1700000000
USTAR = b"ustar\x0000"
GNU = b"ustar  \0"
V7 = bytes(8)
FILE, LINK, SYMLINK, CHAR, BLK, DIR, FIFO = b"0 1 2 3 4 5 6".split()


def raw(text):
    return text if isinstance(text, bytes) else text.encode(
        "utf-8", "surrogateescape")


def octal(value, size):
    """A number as tar writes it; bytes are taken as they are."""
    if isinstance(value, bytes):
        return value.ljust(size, b"\0")
    return b"%0*o\0" % (size - 1, value)


def base256(value, size):
    """GNU's form for what octal cannot say."""
    return bytes([(value >> 8 * (size - 1) & 0x7f) | 0x80]) + (
        value & (1 << 8 * (size - 1)) - 1).to_bytes(size - 1, "big")


def checksum(h):
    return sum(h[:148]) + sum(h[156:]) + 8 * 32


def head(name, kind=FILE, size=0, mode=0o644, uid=0, gid=0, mtime=TIME,
         link="", magic=USTAR, tail=b"", device=(0, 0), add=0):
    """One header block.  tail: all from offset 345; add: what the checksum
    is wrong by."""
    h = raw(name)[:100].ljust(100, b"\0") + octal(mode, 8) + \
        octal(uid, 8) + octal(gid, 8) + octal(size, 12) + \
        octal(mtime, 12) + b" " * 8 + kind + \
        raw(link)[:100].ljust(100, b"\0") + magic + bytes(64)
    if magic == V7:
        h += bytes(16)
    else:
        h += octal(device[0], 8) + octal(device[1], 8)
    h = (h + tail).ljust(BLOCK, b"\0")
    return h[:148] + b"%06o\0 " % (checksum(h) + add) + h[156:]


def pad(data):
    return data + bytes(-len(data) % BLOCK)


def entry(name, data=b"", **k):
    k.setdefault("size", len(data))
    return head(name, **k) + pad(data)


def file(name, data=b"x", **k):
    return entry(name, data, **k)


def dir_(name, mode=0o755, **k):
    return head(name, DIR, mode=mode, **k)


def link(name, target, **k):
    return head(name, LINK, link=target, **k)


def symlink(name, target, **k):
    return head(name, SYMLINK, mode=0o777, link=target, **k)


def node(name, kind, device=(1, 3), **k):
    return head(name, kind, device=device, **k)


def record(key, value):
    """One record of a pax header."""
    body = b" " + raw(key) + b"=" + raw(value) + b"\n"
    n = len(body)
    while len(b"%d" % n) + len(body) != n:
        n = len(b"%d" % n) + len(body)
    return b"%d" % n + body


def pax(*records, kind=b"x", **k):
    """An extended header: (key, value) pairs, or bytes as they are."""
    data = b"".join(r if isinstance(r, bytes) else record(*r)
                    for r in records)
    return entry("PaxHeaders/x", data, kind=kind, **k)


def gnu_long(text, kind=b"L"):
    return entry("././@LongLink", raw(text) + b"\0", kind=kind, magic=GNU)


def tar(*parts):
    return b"".join(parts) + END


def xattr(name, value=b"y"):
    return pax(("SCHILY.xattr." + name, value))


def capability(effective=True):
    """Every capability, as setcap writes it."""
    return struct.pack("<IIIII", 0x02000000 | effective, 0xffffffff, 0,
                       0x1ff, 0)


# Sparse files.

def gnu_sparse(name, regions, real, data=b"", **k):
    """The old form: map in the header and, beyond four, in more blocks.
    regions: (offset, length) pairs."""
    pairs = b"".join(octal(o, 12) + octal(n, 12) for o, n in regions)
    tail = bytes(41) + pairs[:96].ljust(96, b"\0") + \
        (b"\1" if len(regions) > 4 else b"\0") + octal(real, 12)
    out = head(name, b"S", size=k.pop("size", len(data)), magic=GNU,
               tail=tail, **k)
    rest = pairs[96:]
    blocks = [(rest[at:at + 504].ljust(504, b"\0") +
               (b"\1" if at + 504 < len(rest) else b"\0")).ljust(
                   BLOCK, b"\0") for at in range(0, len(rest), 504)]
    return out + b"".join(blocks) + pad(data)


def pax_sparse(name, numbers, real, data=b""):
    """Form 1.0: the map, as decimal lines, before the data."""
    text = pad(b"".join(b"%d\n" % n for n in numbers))
    return pax(("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"),
               ("GNU.sparse.name", name),
               ("GNU.sparse.realsize", str(real))) + \
        entry("GNUSparseFile.0/x", text + data)


def pax_sparse_01(name, text, real, blocks, data=b""):
    """Form 0.1: the map in the pax header."""
    return pax(("GNU.sparse.size", str(real)),
               ("GNU.sparse.numblocks", str(blocks)),
               ("GNU.sparse.name", name),
               ("GNU.sparse.map", text)) + entry("sparse", data)


# Compressed streams.

def members(*parts):
    """A gzip member for each part, as estargz does."""
    return b"".join(gzip.compress(p, 6, mtime=0) for p in parts)


def gzip_zeros(size, piece=64 << 20):
    """A stream of zeros, from copies of one member: made at once however
    long it is."""
    if not hasattr(gzip_zeros, "member"):
        c = zlib.compressobj(9, zlib.DEFLATED, 31)
        gzip_zeros.member = c.compress(bytes(piece)) + c.flush()
    return gzip_zeros.member * (size // piece)


def zstd_frame(data, window=17, checksum_flag=0):
    """Uncompressed blocks in a frame that asks for a window of 2**window
    bytes."""
    out = struct.pack("<IBB", 0xfd2fb528, checksum_flag << 2,
                      (window - 10) << 3)
    for at in range(0, len(data) or 1, 100000):
        piece = data[at:at + 100000]
        last = at + 100000 >= len(data)
        out += struct.pack("<I", len(piece) << 3 | last)[:3] + piece
    return out


def zstd_zeros(size):
    """Zeros: blocks of one repeated byte, 128 KiB from four."""
    blocks = size >> 17
    block = struct.pack("<I", 1 << 17 << 3 | 2)[:3] + b"\0"
    last = struct.pack("<I", 1 << 17 << 3 | 3)[:3] + b"\0"
    return struct.pack("<IBB", 0xfd2fb528, 0, 10 << 3) + \
        block * (blocks - 1) + last


def zstd_skippable(data, number=0):
    return struct.pack("<II", 0x184d2a50 | number, len(data)) + data


# What is no tar at all; enough of each for a reader that guesses.

def cpio(name=b"evil", data=b"x"):
    return b"070701" + b"".join(b"%08x" % n for n in (
        1, 0o100644, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)) + \
        (name + b"\0").ljust(10, b"\0") + data.ljust(4, b"\0")


def others():
    import io
    import zipfile
    buf = io.BytesIO()
    with zipfile.ZipFile(buf, "w") as z:
        z.writestr("evil", "x")
    iso = bytes(32768) + b"\1CD001\1" + bytes(2041) + b"\xffCD001\1"
    return {
        "cpio": cpio(), "zip": buf.getvalue(), "iso": iso,
        "ar": b"!<arch>\nevil/           0           0     0     100644  "
              b"1         `\nx\n",
        "7z": b"7z\xbc\xaf\x27\x1c\0\4" + bytes(24),
        "rar": b"Rar!\x1a\x07\0" + bytes(13),
        "rar5": b"Rar!\x1a\x07\1\0" + bytes(12),
        "xar": b"xar!" + struct.pack(">HHQQI", 28, 1, 0, 0, 1),
        "warc": b"WARC/1.0\r\nWARC-Type: resource\r\n\r\n",
        "mtree": b"#mtree\nevil type=file contents=/etc/shadow\n",
        "lha": b"\x19\x00-lh0-" + bytes(20), "cab": b"MSCF" + bytes(40),
        "squashfs": b"hsqs" + bytes(92),
        "erofs": bytes(1024) + b"\xe2\xe1\xf5\xe0" + bytes(124),
        "ext4": bytes(1080) + b"\x53\xef" + bytes(966),
        "elf": b"\x7fELF\2\1\1" + bytes(57), "text": b"hello\n" * 100,
    }
