#!/usr/bin/python3
# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""Makes an OCI layout of what layers may hold at worst and still be valid.

    oddimage.py [--files N] [--megabytes N] [--codec gzip|zstd|none] DIR

The image is DIR:odd.  All of it is made up from a fixed seed.  What umoci
0.4 unpacks is the oracle, so nothing is in it that umoci cannot read (old
GNU sparse files, zstd): gnu_sparse_layer() has the first, --codec the other.
"""
import argparse
import gzip
import hashlib
import io
import json
import os
import random
import struct
import subprocess
import tarfile
import tempfile

TIME = 1500000000


class Layer:
    """A tar in the making.  Formats: pax (the default) and GNU."""

    def __init__(self, pax=True):
        self.file = io.BytesIO()
        self.tar = tarfile.open(
            fileobj=self.file, mode="w",
            format=tarfile.PAX_FORMAT if pax else tarfile.GNU_FORMAT,
            encoding="utf-8", errors="surrogateescape")

    def add(self, name, kind, mode=0o644, uid=0, gid=0, mtime=TIME, link="",
            data=None, xattrs=None):
        info = tarfile.TarInfo(name)
        info.type, info.mode, info.uid, info.gid = kind, mode, uid, gid
        info.mtime, info.linkname = mtime, link
        info.size = len(data) if data is not None else 0
        for key, value in (xattrs or {}).items():
            info.pax_headers["SCHILY.xattr." + key] = value.decode(
                "utf-8", "surrogateescape")
        if any("\udc80" <= c <= "\udcff" for v in info.pax_headers.values()
               for c in v):
            info.pax_headers["hdrcharset"] = "BINARY"
        self.tar.addfile(info, io.BytesIO(data) if data is not None else None)

    def dir(self, name, mode=0o755, **more):
        self.add(name, tarfile.DIRTYPE, mode, **more)

    def put(self, name, data=b"", mode=0o644, **more):
        self.add(name, tarfile.REGTYPE, mode, data=data, **more)

    def symlink(self, name, target, **more):
        self.add(name, tarfile.SYMTYPE, 0o777, link=target, **more)

    def hard(self, name, target):
        self.add(name, tarfile.LNKTYPE, link=target)

    def whiteout(self, name):
        head, _, tail = name.rpartition("/")
        self.put((head + "/" if head else "") + ".wh." + tail)

    def opaque(self, name):
        self.put(name + "/.wh..wh..opq")

    def done(self):
        self.tar.close()
        return self.file.getvalue()


def capability():
    """cap_net_raw=ep, as setcap writes it."""
    return struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0)


def acl_access():
    """rw for the owner, r for user 33, mask r, none for others."""
    out = struct.pack("<I", 2)
    for tag, perm, who in ((0x01, 6, -1), (0x02, 4, 33), (0x04, 4, -1),
                           (0x10, 4, -1), (0x20, 0, -1)):
        out += struct.pack("<HHi", tag, perm, who)
    return out


def base_layer(rng, files, megabytes):
    """What all others change; many files, much data."""
    l = Layer()
    l.dir("./", mtime=TIME + 1)
    for name in ("usr", "usr/lib", "usr/bin", "usr/share", "etc", "var",
                 "var/mail", "data", "dev", "old", "old/deep", "old/deep/er",
                 "gone", "kept", "turn", "turn/todir", "links", "shut"):
        l.dir(name, mtime=TIME + len(name))
    l.symlink("lib", "usr/lib")
    l.symlink("bin", "/usr/bin")
    l.symlink("up", "../../../usr/../etc")
    l.symlink("usr/share/loop", "loop")
    for i in range(files):
        sub = "usr/share/d%02d" % (i % 50)
        if i < 50:
            l.dir(sub, mtime=TIME + i)
        l.put("%s/f%05d" % (sub, i), rng.randbytes(rng.randrange(2000)),
              mode=rng.choice((0o644, 0o600, 0o755, 0o444)),
              uid=rng.choice((0, 0, 0, 33)), gid=rng.choice((0, 0, 33)),
              mtime=TIME + i + 0.123456789)
    word = [rng.randbytes(64) for _ in range(256)]
    for i in range(megabytes):
        block = b"".join(rng.choices(word, k=8192)) + rng.randbytes(1 << 19)
        l.put("data/blob%03d" % i, block, mtime=TIME + i)
    l.put("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
    l.put("usr/bin/su", b"#!su\n", mode=0o4755)
    l.put("usr/bin/wall", b"#!wall\n", mode=0o2755, gid=5)
    l.dir("tmp", mode=0o1777)
    l.dir("var/local", mode=0o2775, gid=50)
    l.put("var/local/mine", b"group root")
    l.dir("var/local/sub", mode=0o755)
    l.dir("shut/out", mode=0o000)
    l.put("shut/out/inside", b"a directory without any mode bit")
    l.dir("shut/readonly", mode=0o555, uid=1000)
    l.put("shut/readonly/x", b"x", uid=1000, mode=0o400)
    for name in ("a", "b", "c"):
        if name == "a":
            l.put("links/a", b"one inode, many names", uid=7, mtime=TIME + 9)
        else:
            l.hard("links/" + name, "links/a")
    l.hard("etc/a-too", "links/a")
    l.put("links/single", b"one name for now")
    l.symlink("links/soft", "single")
    l.hard("links/soft-too", "links/soft")
    for name in ("old/x", "old/y", "old/deep/z", "old/deep/er/w", "gone/1",
                 "gone/2", "kept/1", "kept/2", "turn/tofile", "data/small"):
        l.put(name, name.encode())
    l.dir("turn/todir/sub")
    l.put("turn/todir/sub/file", b"below")
    l.add("var/fifo", tarfile.FIFOTYPE, 0o622, uid=4)
    l.add("dev/null", tarfile.CHRTYPE, 0o666)
    l.add("dev/console", tarfile.CHRTYPE, 0o600)
    return l.done()


def self_contained_layer(rng):
    """Every parent is named; whiteouts of all kinds."""
    l = Layer()
    for name in ("etc", "usr", "usr/share", "usr/share/d00", "old",
                 "old/deep", "turn", "kept"):
        l.dir(name + "/", mtime=TIME + 100)
    l.whiteout("etc/passwd")
    l.whiteout("gone")
    l.opaque("old/deep")
    l.put("old/deep/new", b"alone in here")
    l.whiteout("old/x")
    # made again behind its whiteout, and before it
    l.whiteout("usr/share/d00/f00000")
    l.put("usr/share/d00/f00000", b"again")
    l.put("usr/share/d00/f00050", b"before")
    l.whiteout("usr/share/d00/f00050")
    l.dir("kept/re")
    l.put("kept/re/made", b"1")
    l.whiteout("usr/share/d01")
    l.dir("usr/share/d01", mode=0o700)
    l.put("usr/share/d01/only", b"")
    l.put("usr/share/d02only", b"x")
    l.dir("usr/share/d02", mode=0o711)
    l.put("usr/share/d02/new", b"y")
    l.whiteout("usr/share/d02")
    l.whiteout("kept/nothing-there")
    # a directory becomes a file, a file a directory
    l.put("turn/todir", b"was a directory")
    l.dir("turn/tofile")
    l.put("turn/tofile/in", b"was a file")
    # twice in one layer, of another kind each time
    l.put("turn/many", b"first body")
    l.dir("turn/many")
    l.put("turn/many/in", b"second body, lost as well")
    l.symlink("turn/many", "nowhere")
    l.put("turn/many", b"third body")
    l.put("turn/twice", b"lost body")
    l.put("turn/twice", b"kept body", mode=0o640)
    l.put("turn/h1", b"linked, then replaced")
    l.hard("turn/h2", "turn/h1")
    l.put("turn/h1", b"another inode")
    # through a link of this very layer
    l.symlink("kept/way", "re")
    l.put("kept/way/through", b"lies in kept/re")
    l.dir("new", mode=0o750, uid=1, gid=2, mtime=TIME + 0.5)
    l.dir("new/" + "d" * 255)
    l.put("new/" + "d" * 255 + "/" + "f" * 255, b"long")
    l.symlink("new/long-link", "t/" * 400 + "t")
    l.put("new/user", b"u", xattrs={"user.comment": b"hello",
                                    "user.bytes": b"a\0b\xff\xfe"})
    l.dir("new/userdir", xattrs={"user.of": b"a directory"})
    l.put("new/cap", b"c", mode=0o755,
          xattrs={"security.capability": capability()})
    l.put("new/acl", b"a", mode=0o640,
          xattrs={"system.posix_acl_access": acl_access()})
    l.put("new/\udcff\udcfe-bytes", b"not UTF-8")
    l.put("new/\u00fcml\u00e4ut-\u65e5\u672c", b"UTF-8")
    l.put("new/esc\x1b[31m\n\\", b"a terminal's nightmare")
    l.symlink("new/to-bytes", "\udcff\udcfe-bytes")
    l.put("new/before-epoch", b"", mtime=-86400.25)
    l.put("new/.whatever", b"begins nearly like a whiteout")
    return l.done()


def gnu_layer(rng):
    """GNU headers: long names of the other form, raw bytes, base-256."""
    l = Layer(pax=False)
    l.dir("gnu", uid=1000, gid=1000, mtime=TIME + 7)
    l.dir("gnu/" + "g" * 200)
    l.put("gnu/" + "g" * 200 + "/" + "n" * 200, b"long name")
    l.symlink("gnu/link", "x" * 300)
    l.hard("gnu/hard", "gnu/" + "g" * 200 + "/" + "n" * 200)
    l.put("gnu/\udce4\udcf6\udcfc", b"latin-1")
    l.put("gnu/future", b"", mtime=2 ** 33 + 5)
    l.put("gnu/nobody", b"", uid=65534, gid=65534)
    return l.done()


def needs_lower_layer(rng):
    """What cannot be applied without what lies beneath."""
    l = Layer()
    # a link to a lower file that has four names already
    l.hard("links/d", "links/b")
    l.hard("etc/single-too", "links/single")
    l.hard("etc/soft-three", "links/soft-too")
    # parents that no entry names
    l.put("srv/www/html/index.html", b"<p>")
    l.put("usr/share/d03/unnamed-parent", b"")
    # through lower links: relative, absolute, with too many ".."
    l.put("lib/libnew.so", b"lies in usr/lib")
    l.put("bin/new", b"lies in usr/bin", mode=0o755)
    l.put("up/through", b"lies in etc")
    l.whiteout("lib/nothing")
    l.whiteout("kept/1")
    l.whiteout("var/local")
    l.dir("usr/share/d04", mode=0o705)
    l.put("usr/share/d04/f00004", b"replaced here", mode=0o604)
    l.opaque("usr/share/d05")
    l.put("usr/share/d05/sub/file", b"stays")
    l.put("usr/share/d06/keep/file", b"stays too")
    l.whiteout("usr/share/d06")
    l.put("old", b"the directory has become a file")
    l.put("data/blob000", b"short now")
    l.symlink("turn/tofile", "../etc")
    l.put("turn/twice", b"body one, soon lost")
    l.put("turn/twice", b"body two")
    return l.done()


def back_layer(rng):
    """Directories that became files come back; the root is named."""
    l = Layer()
    l.dir(".", mode=0o751, gid=3, mtime=TIME + 500)
    l.dir("old", mode=0o700)
    l.put("old/x", b"back")
    l.dir("turn")
    l.dir("turn/todir")
    l.put("turn/todir/in", b"a directory again")
    l.whiteout("turn/twice")
    l.dir("links", mode=0o755)
    l.whiteout("links/c")
    l.put("links/b", b"no longer the same inode")
    l.dir("empty")
    l.opaque("empty")
    l.whiteout("empty/x")
    return l.done()


def sparse_tree(top):
    def sparse(name, size, holes):
        with open(os.path.join(top, name), "wb") as f:
            for at, data in holes:
                f.seek(at)
                f.write(data)
            f.truncate(size)
        os.utime(os.path.join(top, name), (TIME, TIME))
    os.mkdir(os.path.join(top, "sparse"))
    sparse("sparse/head", 3 << 20, [(0, b"h" * 5000)])
    sparse("sparse/tail", (5 << 20) + 7, [((5 << 20), b"t" * 7)])
    sparse("sparse/many", 20 << 20, [(i << 18, b"%05d" % i * 900)
                                     for i in range(70)])
    sparse("sparse/none", 9 << 20, [])
    os.utime(os.path.join(top, "sparse"), (TIME, TIME))


def sparse_layer(form="posix"):
    with tempfile.TemporaryDirectory() as top:
        sparse_tree(top)
        return subprocess.run(
            ["tar", "--sparse", "--format=" + form, "--numeric-owner",
             "--owner=0", "--group=0", "--sort=name", "-C", top, "-cf", "-",
             "sparse"], check=True, stdout=subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C",
                 "POSIXLY_CORRECT": "1"}).stdout


def gnu_sparse_layer():
    return sparse_layer("gnu")


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def compress(data, codec):
    if codec == "gzip":
        return gzip.compress(data, 6, mtime=0)
    if codec == "zstd":
        return subprocess.run(["zstd", "-qc3"], input=data, check=True,
                              stdout=subprocess.PIPE).stdout
    return data


def write_layout(top, layers, codec="gzip", tag="odd"):
    """layers: tars, bottom first.  Returns the diff ids."""
    os.makedirs(os.path.join(top, "blobs", "sha256"), exist_ok=True)
    suffix = {"gzip": "+gzip", "zstd": "+zstd", "none": ""}[codec]
    kind = "application/vnd.oci.image."

    def blob(data, media):
        name = digest(data)
        with open(os.path.join(top, "blobs", *name.split(":")), "wb") as f:
            f.write(data)
        return {"mediaType": kind + media, "digest": name, "size": len(data)}

    def document(value, media):
        return blob(json.dumps(value, sort_keys=True).encode(), media)

    described = [blob(compress(tar, codec), "layer.v1.tar" + suffix)
                 for tar in layers]
    ids = [digest(tar) for tar in layers]
    config = document({
        "architecture": "amd64", "os": "linux",
        "created": "2017-07-14T02:40:00Z",
        "config": {"Cmd": ["/bin/sh"], "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": ids},
        "history": [{"created_by": "oddimage"}] * len(ids),
    }, "config.v1+json")
    manifest = document({
        "schemaVersion": 2, "mediaType": kind + "manifest.v1+json",
        "config": config, "layers": described}, "manifest.v1+json")
    manifest["annotations"] = {"org.opencontainers.image.ref.name": tag}
    with open(os.path.join(top, "index.json"), "w") as f:
        json.dump({"schemaVersion": 2, "manifests": [manifest]}, f)
    with open(os.path.join(top, "oci-layout"), "w") as f:
        f.write('{"imageLayoutVersion":"1.0.0"}')
    return ids


def layers(files=4000, megabytes=100):
    rng = random.Random(20170714)
    return [base_layer(rng, files, megabytes), self_contained_layer(rng),
            gnu_layer(rng), needs_lower_layer(rng), sparse_layer(),
            back_layer(rng)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--files", type=int, default=4000)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--codec", choices=("gzip", "zstd", "none"),
                        default="gzip")
    parser.add_argument("dir")
    args = parser.parse_args()
    write_layout(args.dir, layers(args.files, args.megabytes), args.codec)


if __name__ == "__main__":
    main()
