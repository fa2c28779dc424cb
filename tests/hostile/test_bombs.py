# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""Rows L of decoders, limits and whole streams: bombs, floods, damage, and
what others may see of a tree while it is unpacked."""
import contextlib
import gzip
import os
import random
import signal
import subprocess
import threading
import zlib

import images
import lib
import rows
import tars
from images import sha256
from lib import INSECURE, failed
from rows import row
from sites import LAYER
from tars import (CHAR, GNU, base256, dir_, file, head, link, node, pax,
                  symlink, tar)

WRONG = "sha256:" + "ab" * 32           # where nobody comes to compare
SMALL = tar(file("f", b"x" * 3000))


def streams(ids, title, says="", **k):
    """Rows of one blob each: (bytes, codec, tar) or a function of none."""
    def make(site, value):
        data, codec, inner = value() if callable(value) else value
        site.image(layers=[(data, LAYER + codec)],
                   diff_ids=[sha256(inner) if inner is not None else WRONG])
    rows.rows(ids, title, says=says, **k)(make)


# L6: what stands behind the end.

SLACK = 20 << 30
streams({
    "L6.zeros-gzip": lambda: (gzip.compress(SMALL) +
                              tars.gzip_zeros(SLACK), "+gzip", None),
    "L6.zeros-zstd": lambda: (tars.zstd_frame(SMALL) +
                              tars.zstd_zeros(SLACK), "+zstd", None),
}, "20 GiB behind the end marker, %s", cve="CVE-2017-14992",
    says="too much behind the end marker")
streams({"L6.a-mebibyte": lambda: (SMALL + bytes((1 << 20) + 512), "",
                                   None)},
        "a little more than a mebibyte of zeros",
        says="too much behind the end marker", cve="CVE-2017-14992")


# L7: sparse files.

def sparse(*parts):
    data = tar(*parts)
    return data, "", data


MANY = [(2 * i, 1) for i in range(1000000)]
streams({
    "L7.a-million-regions": lambda: sparse(
        tars.gnu_sparse("s", MANY, 1 << 22, bytes(len(MANY)))),
    "L7.a-million-numbers": lambda: sparse(tars.pax_sparse(
        "s", [len(MANY)] + [n for r in MANY for n in r], 1 << 22)),
    "L7.count-is-a-lie": lambda: sparse(tars.pax_sparse(
        "s", [1 << 60, 0, 1], 100, b"x")),
    "L7.count-minus": lambda: sparse(tars.pax_sparse(
        "s", [-1, 0, 1], 100, b"x")),
    "L7.number-huge": lambda: sparse(tars.pax_sparse(
        "s", [1, 10 ** 30, 1], 100, b"x")),
    "L7.real-size-2-63": lambda: sparse(tars.gnu_sparse(
        "s", [(0, 1)], base256((1 << 63) - 1, 12), b"x")),
    "L7.real-size-minus": lambda: sparse(tars.gnu_sparse(
        "s", [(0, 1)], base256(-1, 12), b"x")),
    "L7.pax-real-size-2-63": lambda: sparse(tars.pax_sparse(
        "s", [1, 0, 1], (1 << 63) - 1, b"x")),
    "L7.offset-2-62": lambda: sparse(tars.gnu_sparse(
        "s", [(base256(1 << 62, 12), 1)], 100, b"x")),
    "L7.offset-minus": lambda: sparse(tars.gnu_sparse(
        "s", [(base256(-512, 12), 1)], 100, b"x")),
    "L7.overlap": lambda: sparse(tars.gnu_sparse(
        "s", [(0, 512), (256, 512)], 2000, b"x" * 1024)),
    "L7.unsorted": lambda: sparse(tars.gnu_sparse(
        "s", [(1024, 512), (0, 512)], 2000, b"x" * 1024)),
    "L7.beyond-the-size": lambda: sparse(tars.gnu_sparse(
        "s", [(0, 512), (4096, 512)], 1000, b"x" * 1024)),
    "L7.more-than-stored": lambda: sparse(tars.gnu_sparse(
        "s", [(0, 4096)], 8192, b"x" * 512)),
    "L7.01-map": lambda: sparse(tars.pax_sparse_01(
        "s", "0,1,-5,1", 100, 2, b"xx")),
    "L7.01-blocks": lambda: sparse(tars.pax_sparse_01(
        "s", "0,1", 100, 1000000000, b"x")),
    "L7.on-a-directory": lambda: sparse(pax(
        ("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"),
        ("GNU.sparse.realsize", "9"), ("GNU.sparse.name", "s")),
        dir_("d")),
}, "a sparse file, %s", cve="CVE-2025-58183", says=r"layer sha256:\w+: ")
streams({"L7.holes-count": lambda: sparse(*[tars.gnu_sparse(
    "s%d" % i, [(0, 1)], base256(200 << 30, 12), b"x") for i in (1, 2)])},
    "two files that are mostly holes and too large together",
    says="layer too large", cve="CVE-2025-58183")


# L8: bombs.

def fills(bench, blob, codec):
    """A store on a disk of 48 MiB: refused when that is full, and all of
    it is free again."""
    top = os.path.join(bench.top, "s")
    os.mkdir(top, 0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m,mode=700",
                    "berth-test", top], check=True)
    try:
        bench.site.image(layers=[(blob, LAYER + codec)], diff_ids=[WRONG])
        r = bench.store(INSECURE, "fetch", bench.site.ref)
        failed(r, 1, "No space left on device")
        lib.await_true("room again", lambda: os.statvfs(top).f_bavail * 4096
                       > 44 << 20)
        lib.await_true("tidy", lambda: bench.store.leftovers() == [])
        lib.await_true("the end", lambda: not lib.berths())
    finally:
        lib.await_true("umount", lambda: subprocess.run(
            ["umount", top], check=False).returncode == 0)
    if bench.peers is not None:
        bench.peers.full(bench.site.ref, "48m")


def huge(size=16 << 30):
    return head("zeros", size=base256(size, 12))


BOMBS = {
    "L8.gzip": lambda: (gzip.compress(huge()) + tars.gzip_zeros(16 << 30),
                        "+gzip"),
    "L8.zstd": lambda: (tars.zstd_frame(huge()) + tars.zstd_zeros(16 << 30),
                        "+zstd"),
    "L8.files": lambda: (gzip.compress(b"".join(
        file("f%d" % i, bytes(1 << 20)) for i in range(100)), 9), "+gzip"),
}


@rows.rows(BOMBS, "16 GiB in a small blob, %s", own=True,
           cve="GHSA-gcpm-8w8q-gp9v")
def _(bench, make):
    fills(bench, *make())


streams({
    "L8.gzip-in-gzip": lambda: (gzip.compress(gzip.compress(SMALL)),
                                "+gzip", gzip.compress(SMALL)),
    "L8.gzip-in-zstd": lambda: (tars.zstd_frame(gzip.compress(SMALL)),
                                "+zstd", gzip.compress(SMALL)),
    "L8.gzip-in-tar": lambda: (gzip.compress(SMALL), "",
                               gzip.compress(SMALL)),
}, "more codecs than the media type names, %s",
    says="checksum|format|readers|truncated|tar")
streams({"L8.zstd-window-%d" % n: lambda n=n: (tars.zstd_frame(SMALL, n),
                                               "+zstd", SMALL)
         for n in (28, 31, 41)}, "a window of too much memory, %s",
        says="zstd: .*memory")
streams({"L8.zstd-skippable-only": lambda: (
    tars.zstd_skippable(b"x" * 100) * 1000, "+zstd", None)},
    "skippable frames and nothing else", says="diff id|zstd")
streams({"L8.empty-members": lambda: (tars.members(b"") * 100000 +
                                      tars.members(SMALL) +
                                      tars.members(b"") * 100000,
                                      "+gzip", SMALL)},
        "200,000 empty gzip members around a layer", good=True)


# L9: floods.

def flood(n):
    """Entries that cost nothing but their counting."""
    block = node("dev/null", CHAR)
    return subprocess.run(
        ["zstd", "-q", "-1", "-c"], input=block * n,
        stdout=subprocess.PIPE, check=True).stdout


streams({"L9.two-million-entries": lambda: (flood(2000001), "+zstd", None)},
        "more entries than are counted", says="too many entries")
FLOODS = {
    "depth": [pax(("path", "d/" * 128 + "f")), file("f")],
    "name": [pax(("path", "n" * 256)), file("f")],
    "gnu-name": [tars.gnu_long("n" * 256), file("f", magic=GNU)],
    "path": [pax(("path", "d/" * 60 + ("n" * 250 + "/") * 20)), file("f")],
    "path-5000": [tars.gnu_long("p/" * 2500), file("f", magic=GNU)],
    "link-target": [pax(("linkpath", "t" * 4097)), symlink("l", "x")],
    "long-name-200-mib": [head("././@LongLink", b"L", size=200 << 20,
                               magic=GNU)],
    "pax-64-mib": [head("x", b"x", size=64 << 20)],
    "pax-over-1-mib": [pax(("comment", "c" * (1 << 20))), file("f")],
    "attributes": [pax(*[("SCHILY.xattr.user.a%d" % i, "v")
                         for i in range(65)]), file("f")],
    "attribute-bytes": [pax(("SCHILY.xattr.user.a", "v" * 65536)),
                        file("f")],
}
streams({"L9." + n: lambda p=p: sparse(*p) for n, p in FLOODS.items()},
        "too much of something, %s",
        says="too (deep|long|many)|long|length|extended")
streams({
    "L9.hard-links": lambda: sparse(file("f"), *[
        link("l%d" % i, "f") for i in range(20000)]),
    "L9.same-name": lambda: sparse(*[file("f", b"%d" % i)
                                     for i in range(20000)]),
    "L9.deep-enough": lambda: sparse(*[
        dir_("/".join("d" * (i + 1))) for i in range(128)]),
}, "many of something that is not too much, %s", good=True)


# L16, L17: streams that are damaged.

def crc(data, at, value=1):
    return data[:at] + bytes([data[at] ^ value]) + data[at + 1:]


GZ = gzip.compress(SMALL, 6, mtime=0)
ZS = subprocess.run(["zstd", "-q", "--check", "-c"], input=SMALL,
                    stdout=subprocess.PIPE, check=True).stdout
streams({
    "L17.crc": (crc(GZ, len(GZ) - 8), "+gzip", SMALL),
    "L17.isize": (crc(GZ, len(GZ) - 4), "+gzip", SMALL),
    "L17.no-trailer": (GZ[:-8], "+gzip", SMALL),
    "L17.half-trailer": (GZ[:-4], "+gzip", SMALL),
    "L17.reserved-flag": (crc(GZ, 3, 0x80), "+gzip", SMALL),
    "L17.method": (crc(GZ, 2, 0x0f), "+gzip", SMALL),
    "L17.behind": (GZ + b"x" * 20, "+gzip", SMALL),
    "L17.zeros-behind": (GZ + bytes(512), "+gzip", SMALL),
    "L17.one-byte-behind": (GZ + b"\x1f", "+gzip", SMALL),
    "L17.raw-deflate": (zlib.compress(SMALL)[2:-4], "+gzip", SMALL),
    "L17.zlib": (zlib.compress(SMALL), "+gzip", SMALL),
    "L17.zstd-checksum": (crc(ZS, len(ZS) - 1), "+zstd", SMALL),
    "L17.zstd-cut": (ZS[:-5], "+zstd", SMALL),
    "L17.zstd-behind": (ZS + b"garbage!", "+zstd", SMALL),
    "L17.zstd-dictionary": (b"\x28\xb5\x2f\xfd\x03\0\1\2\3\4" + ZS[6:],
                            "+zstd", SMALL),
    "L17.empty-gzip": (b"", "+gzip", b""),
    "L17.empty-zstd": (b"", "+zstd", b""),
    "L17.diff-id": (GZ, "+gzip", SMALL + bytes(512)),
}, "a damaged stream, %s", says="gzip|zstd|diff id|size|empty")


@row("L17.swapped", "two layers in each other's place",
     says="diff id is", keeps=("layers",))
def _(site):
    a, b = tar(file("a")), tar(file("b"))
    site.image(layers=[(b, LAYER), (a, LAYER)],
               diff_ids=[sha256(a), sha256(b)])


def each(bench, blobs, codec, diff):
    """Every blob is refused, by the reason and not by a crash."""
    for i, blob in enumerate(blobs):
        bench.site.image(layers=[(blob, LAYER + codec)], diff_ids=[diff])
        r = bench.store(INSECURE, "fetch", bench.site.ref)
        line = failed(r, 1, "layer sha256:")
        assert "signal" not in line and "died" not in line, (i, line)
        bench.peer()
    lib.await_true("an empty store", lambda: bench.store.layers() == [])


@rows.rows({"L17.cut-gzip": "gzip", "L17.cut-zstd": "zstd"},
           "a stream cut at many places, %s", own=True)
def _(bench, codec):
    random.seed(17)
    data = tar(*[file("f%d" % i, random.randbytes(700)) for i in range(40)])
    blob = images.compress(data, codec)
    each(bench, [blob[:len(blob) * i // 13] for i in range(1, 13)],
         "+" + codec, sha256(data))


@rows.rows({"L17.flip-gzip": "gzip", "L17.flip-zstd": "zstd",
            "L17.flip-tar": "none"}, "a bit of a stream changed, %s",
           own=True)
def _(bench, codec):
    rng = random.Random(codec)
    data = tar(*[file("f%d" % i, rng.randbytes(99)) for i in range(40)])
    blob = images.compress(data, codec)
    each(bench, [crc(blob, rng.randrange(len(blob)), 1 << rng.randrange(8))
                 for _ in range(12)], "" if codec == "none" else "+" + codec,
         sha256(data))


# L19: the parser itself is lost.

def mutants(rng, data, n):
    """Headers with wild bytes, their checksums made good again."""
    for _ in range(n):
        m = bytearray(data)
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(m) // 512 - 2) * 512
            for _ in range(rng.randrange(1, 12)):
                m[at + rng.randrange(512)] = rng.choice(
                    (0, 0xff, 0x80, rng.randrange(256)))
            m[at + 148:at + 156] = b" " * 8
            m[at + 148:at + 156] = b"%06o\0 " % sum(m[at:at + 512])
        yield bytes(m)


@row("L19.mutants", "tars with wild headers: refused or taken, no crash",
     own=True, cve="CVE-2024-57970 CVE-2026-4424 CVE-2026-4426 "
     "CVE-2026-5121")
def _(bench):
    rng = random.Random(19)
    data = tar(dir_("d"), tars.gnu_long("n" * 150), file("x", magic=GNU),
               pax(("path", "p" * 120), ("mtime", "1.5")), file("y"),
               tars.gnu_sparse("s", [(512 * i, 9) for i in range(30)],
                               30000, b"x" * 270),
               tars.pax_sparse("t", [2, 0, 1, 9, 1], 30, b"xx"),
               symlink("l", "d"), link("h", "d"), file("z", b"z" * 600))
    for i, m in enumerate(mutants(rng, data, 40)):
        bench.site.image([m])
        r = bench.store(INSECURE, "fetch", bench.site.ref)
        assert r.returncode in (0, 1), (i, r)
        assert "signal" not in r.stderr and "died" not in r.stderr, (i, r)
        if r.returncode == 1:
            failed(r, 1, "layer sha256:")
        bench.peer()


@row("L19.killed",
     "the unpacker is killed in the middle of a layer", own=True,
     cve="CVE-2024-57970")
def _(bench):
    half, go = threading.Event(), threading.Event()
    data = tar(*[file("f%d" % i, bytes(9000)) for i in range(200)])
    bench.site.image([data])

    def slowly(h):
        h.send_response(200)
        h.send_header("Content-Length", str(len(data)))
        h.end_headers()
        h.wfile.write(data[:len(data) // 2])
        half.set()
        go.wait(20)
        h.wfile.write(data[len(data) // 2:])
    bench.site.on[bench.site.path + "blobs/" + sha256(data)] = slowly
    p = bench.store.popen(INSECURE, "fetch", bench.site.ref,
                          encoding="utf-8")

    def ended():
        """Once more, until it hits: the manifest's unpacker may still be."""
        for pid, name in lib.descendants(p.pid).items():
            if name == "berth-unpack":
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        return p.poll() is not None
    try:
        assert half.wait(20)
        lib.await_true("the end of the fetch", ended)
    finally:
        go.set()
    out, err = p.communicate(timeout=20)
    assert p.returncode == 1 and out == "", err
    assert len([x for x in err.splitlines() if x.startswith("berth: layer")
                or "unpack" in x]) == 1, err
    lib.await_true("an empty store", lambda: bench.store.layers() == [])


# L20: what the kernel would parse.

@rows.rows({"L20." + n.split("/")[-1].split(".")[-1].replace("+", "-"): n
            for n in (
                "application/vnd.erofs.layer.v1.erofs",
                "application/vnd.oci.image.layer.v1.squashfs",
                "application/vnd.oci.image.layer.v1.ext4",
                "application/vnd.oci.image.layer.v1.qcow2",
                "application/vnd.oci.image.layer.v1.tar+xz",
                "application/vnd.oci.image.layer.v1.tar+encrypted",
                "application/x-raw-disk-image", "text/plain")},
           "a layer of the type %s", says="media ?[tT]ype|layers",
           cve="CVE-2020-15229")
def _(site, media):
    site.image(layers=[(SMALL, media)])


test = rows.runner(__name__)
