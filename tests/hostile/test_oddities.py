# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""What looks hostile and is not: images as honest programs make them, which
must work.  "says" is what an app sees of them."""
import gzip
import subprocess

import images
import rows
import tars
from images import ARCH, sha256
from rows import row
from sites import INDEX, LAYER, box
from tars import (CHAR, FIFO, GNU, V7, base256, dir_, file, head, link, node,
                  pax, symlink, tar, xattr)

ENV = {"Env": ["PATH=/bin"]}


def seen(id_, title, parts, script, says, **k):
    """A row: busybox, a layer above it, and what a shell prints."""
    def make(site):
        made = parts() if callable(parts) else parts
        if isinstance(made[0], bytes):
            made = [made]
        site.image([box()] + [tar(*x) for x in made], ENV)
    make.__module__ = __name__
    row(id_, title, good=True, says=says,
        run=["--", "/bin/sh", "-c", script], **k)(make)


# Links.

seen("L2.odd-absolute-link", "var/run as a link to /run", [
    dir_("var"), dir_("run"), symlink("var/run", "/run"),
    file("var/run/pid", b"7\n")], "cat /run/pid; readlink /var/run",
    "^7\n/run\n$")
seen("L2.odd-link-in-lower", "a link beneath, a file through it above", [
    [dir_("usr"), dir_("usr/lib"), symlink("lib", "usr/lib")],
    [file("lib/a", b"1\n")]], "cat /usr/lib/a; readlink /lib",
    "^1\nusr/lib\n$")
seen("L2.odd-hard-links", "hard links across directories", [
    dir_("a"), dir_("b"), dir_("b/c"), file("a/f", b"x\n"),
    link("b/c/g", "a/f"), link("b/h", "./a/f"), link("i", "/a/f")],
    "stat -c %h /a/f; [ /a/f -ef /b/c/g ] && [ /a/f -ef /i ] && echo same",
    "^4\nsame\n$")
seen("L2.odd-hard-link-lower", "a hard link to a file of a lower layer", [
    [dir_("d"), file("d/f", b"x\n")], [link("d/g", "d/f")]],
    "stat -c %h /d/g; cat /d/f", "^2\nx\n$")
seen("L2.odd-hard-link-to-link", "a hard link to a symbolic link", [
    symlink("s", "nowhere"), link("t", "s")], "readlink /t", "^nowhere\n$")
seen("L2.odd-dangling", "links to nowhere, upwards and to themselves", [
    symlink("a", "/not/there"), symlink("b", "../../../.."),
    symlink("c", "c")], "for l in a b c; do readlink /$l; done",
    "^/not/there\n../../../..\nc\n$")
seen("L2.odd-long-target", "a link's target of 4095 bytes", [
    pax(("linkpath", "t/" * 2047 + "t")), symlink("l", "x")],
    "readlink /l | busybox wc -c", "4096")


# Files.

seen("L7.odd-sparse", "sparse files of GNU's and pax's forms", [
    tars.gnu_sparse("g", [(0, 4), (1 << 20, 4), (1 << 21, 0)], 1 << 21,
                    b"headtail"),
    tars.pax_sparse("p", [2, 0, 4, 1 << 20, 4], 1 << 20 | 4, b"headtail"),
    tars.pax_sparse_01("q", "0,4,1048576,4", 1 << 20 | 4, 2, b"headtail")],
    "for f in g p q; do stat -c %s /$f; busybox tail -c +1048577 /$f | "
    "busybox head -c 4; done", "^2097152\ntail1048580\ntail1048580\ntail$")
seen("L7.odd-many-pieces", "a sparse file of 2000 pieces", lambda: [
    tars.gnu_sparse("s", [(512 * i, 1) for i in range(2000)], 1024000,
                    b"x" * 2000)], "busybox tr -d '\\0' < /s | busybox wc -c",
    "2000")
seen("L10.odd-setuid", "setuid, setgid and sticky", [
    file("u", mode=0o4755), file("g", mode=0o2755), dir_("t", mode=0o1777),
    file("n", mode=0)], "stat -c %a /u /g /t /n", "^4755\n2755\n1777\n0\n$")
seen("L10.odd-capability", "a file capability", [
    pax(("SCHILY.xattr.security.capability", tars.capability())),
    file("c", b"#!/bin/sh\necho ran\n", mode=0o755)], "/c", "^ran\n$")
seen("L10.odd-libarchive-attribute", "an attribute in libarchive's form", [
    pax(("LIBARCHIVE.xattr.user.a", "eA==")), file("f", b"1\n")], "cat /f",
    "^1\n$")
seen("L10.odd-fifo", "a named pipe", [node("p", FIFO, mode=0o622)],
     "stat -c '%F %a' /p", "fifo 622")
seen("L10.odd-dev", "device nodes beneath dev, left out", [
    dir_("dev"), node("dev/null", CHAR), node("dev/sda", b"4", (8, 0)),
    node("dev/console", CHAR, (5, 1))], "[ ! -e /dev/sda ] && echo done",
    "^done\n$")
seen("L11.odd-attributes", "attributes of the user's, and SELinux's", [
    xattr("user.comment", b"a\0b\xff"), file("f", b"1\n"),
    xattr("security.selinux", b"system_u:object_r:x:s0\0"),
    file("g", b"2\n")], "cat /f /g", "^1\n2\n$")
seen("L13.odd-uid", "owners up to the last id of the map", [
    file("a", uid=65533, gid=65533), file("b", uid=65535, gid=65534),
    file("c", uid=base256(1000, 8)), pax(("uid", "33"), ("gid", "34")),
    file("d")], "stat -c %u:%g /a /b /c /d",
    "^65533:65533\n65535:65534\n1000:0\n33:34\n$")
seen("L14.odd-times", "times before 1970, with fractions, in 2400", [
    pax(("mtime", "-1.5")), file("a"), pax(("mtime", "1.123456789123")),
    file("b"), pax(("mtime", "13569465600")), file("c"),
    file("d", mtime=0), file("e", mtime=base256(-86400, 12))],
    "stat -c %Y /a /b /c /d /e", "^-2\n1\n13569465600\n0\n-86400\n$")
seen("L14.odd-empty-files", "files without contents, a directory's size 0", [
    file("a", b""), dir_("d", size=0), file("d/b", b"")],
    "stat -c %s /a /d/b", "^0\n0\n$")


# Names.

seen("L15.odd-not-utf8", "names that are no UTF-8", [
    file(b"\xff\xfe", b"1\n"), pax(("path", b"\xe9t\xe9")), file("x", b"2\n"),
    file("\u00e9", b"3\n"), file("e\u0301", b"4\n")],
    "cat /*t* /\u00e9 /e\u0301 2>/dev/null | busybox sort | busybox tr -d "
    "'\\n'; ls / | busybox wc -l", "^234")
seen("L15.odd-bytes", "newlines, escapes, backslashes and blanks in names", [
    file("a\nb", b"1"), file("\x1b]0;x\x07", b"2"), file("c\\d", b"3"),
    file(" ", b"4"), file("-rf", b"5"), file("*", b"6"), file("...", b"7")],
    "cd /; cat 'a\nb' ' ' ./-rf './*' ... 'c\\d'", "^145673$")
seen("L15.odd-dots", "a/./b, a//b, ./a and a slash behind a directory", [
    dir_("./a/"), file("a/./b", b"1"), file("a//c", b"2"),
    file(".//a/././d", b"3"), file("/a/e", b"4")],
    "cat /a/b /a/c /a/d /a/e", "^1234$")
seen("L15.odd-twice", "names given twice, of other kinds each time", [
    file("x", b"1"), dir_("x"), file("x/y", b"2"), symlink("z", "x"),
    file("z", b"3"), dir_("w"), file("w/v", b"4"), file("w", b"5")],
    "cat /x/y /z /w", "^235$")
seen("L15.odd-file-then-directory", "a file beneath, a directory above", [
    [file("f", b"1"), dir_("d"), file("d/x", b"2")],
    [dir_("f"), file("f/y", b"3"), file("d", b"4")]],
    "cat /f/y /d", "^34$")
seen("L15.odd-long", "names of 255 bytes, GNU's and pax's way", [
    tars.gnu_long("g" * 255), file("x", b"1", magic=GNU),
    pax(("path", "p" * 255)), file("y", b"2")], "cat /g* /pp*", "^12$")
seen("L15.odd-no-parents", "files whose directories are not in the layer", [
    file("a/b/c/d", b"1"), symlink("e/f", "../a")], "cat /e/f/b/c/d", "^1$")


# Formats.

seen("L16.odd-comment", "pax headers with comments, global and not", [
    pax(("comment", "from git"), kind=b"g"), pax(("comment", "x" * 9999)),
    file("a", b"1"), pax(("VENDOR.key", "v"), ("charset", "BINARY")),
    file("b", b"2"), pax(kind=b"g"), file("c", b"3")], "cat /a /b /c",
    "^123$")
seen("L16.odd-v7", "headers older than ustar, and GNU's", [
    file("a", b"1", magic=V7), head("b", b"\0", size=1, magic=V7) +
    b"2".ljust(512, b"\0"), file("c", b"3", magic=GNU)], "cat /a /b /c",
    "^123$")

@row("L16.odd-unended", "a tar without its end marker, and half of one",
     good=True)
def _(site):
    site.image([file("a"), file("b") + bytes(512)])


@row("L16.odd-record", "zeros to the end of a tape's record", good=True)
def _(site):
    site.image([tar(file("a")) + bytes(10240 * 20)])


@row("L16.odd-empty-layers", "layers without an entry, and of no byte",
     good=True)
def _(site):
    site.image([bytes(1024), tar(file("a")), bytes(10240), b""])


@row("L12.odd-nothing-hidden", "whiteouts in the bottom layer", good=True)
def _(site):
    site.image([tar(file(".wh.x", b""), dir_("d"),
                    file("d/.wh..wh..opq", b""))])


@row("M6.odd-127-layers", "127 layers", good=True, says="^126\n$",
     run=["--", "/bin/sh", "-c", "ls /d | busybox wc -l"])
def _(site):
    site.image([box()] + [tar(dir_("d"), file("d/f%d" % i))
                          for i in range(126)], ENV)


@row("M6.odd-same-layer", "the same layer thirty times", good=True)
def _(site):
    site.image([tar(dir_("d"), file("d/f"))] * 30)


@row("M3.odd-nested-indexes", "indexes within an index, attestations beside",
     good=True)
def _(site):
    m = dict(site.image(tag="x"), platform={"os": "linux",
                                            "architecture": ARCH})
    note = dict(site.document({
        "schemaVersion": 2, "mediaType": images.OCI + "manifest.v1+json",
        "config": site.put({}, images.OCI + "config.v1+json"),
        "layers": []}), platform={"os": "unknown", "architecture": "unknown"},
        annotations={"vnd.docker.reference.type": "attestation-manifest"})
    inner = site.index([m, note], tag="y")
    site.index([dict(inner, mediaType=INDEX, platform={
        "os": "linux", "architecture": ARCH})])


# Compressed streams.

BODY = tar(*[file("f%d" % i, b"%d" % i * 900) for i in range(200)])


def zst(data, *options):
    return subprocess.run(["zstd", "-q", "-c", *options], input=data,
                          stdout=subprocess.PIPE, check=True).stdout


CUT = [BODY[i:i + 512] for i in range(0, len(BODY), 512)]
STREAMS = {
    "L17.odd-members": lambda: (tars.members(*CUT), "gzip"),
    "L17.odd-gzip-name": lambda: (
        b"\x1f\x8b\x08\x18" + bytes(6) + b"name\0comment\0" +
        gzip.compress(BODY, mtime=0)[10:], "gzip"),
    "L17.odd-stored": lambda: (gzip.compress(BODY, 0), "gzip"),
    "L17.odd-zstd-frames": lambda: (b"".join(
        zst(c) for c in (BODY[:9000], BODY[9000:])), "zstd"),
    "L17.odd-zstd-skippable-end": lambda: (
        zst(BODY) + tars.zstd_skippable(b"table of contents" * 99), "zstd"),
    "L17.odd-zstd-skippable-first": lambda: (
        tars.zstd_skippable(b"x") + zst(BODY), "zstd"),
    "L17.odd-zstd-skippable-between": lambda: (
        zst(BODY[:9000]) + tars.zstd_skippable(b"", 15) + zst(BODY[9000:]),
        "zstd"),
    "L17.odd-zstd-long": lambda: (zst(BODY, "--long=27", "--ultra", "-20"),
                                  "zstd"),
    "L17.odd-zstd-window": lambda: (tars.zstd_frame(BODY, 27), "zstd"),
}


@rows.rows(STREAMS, "a stream as honest programs make it, %s", good=True)
def _(site, make):
    blob, codec = make()
    site.image(layers=[(blob, LAYER + "+" + codec)],
               diff_ids=[sha256(BODY)])


# L5: programs that an unpacker might look for in the image.

FIRED = b"#!/bin/sh\necho evil >> /fired\n"


@rows.rows({"L5.gzip": "gzip", "L5.zstd": "zstd"},
           "programs and libraries that an unpacker would run, %s",
           good=True, says="^quiet\n$", run=[
               "--", "/bin/sh", "-c", "[ -e /fired ] || echo quiet"],
           cve="CVE-2014-9357 CVE-2019-14271 CVE-2026-41567")
def _(site, codec):
    names = "xz gzip unpigz pigz zstd tar unxz newuidmap".split()
    site.image([box(), tar(
        dir_("usr"), dir_("usr/bin"), dir_("etc"), dir_("lib"),
        *[file(d + n, FIRED, mode=0o6755) for n in names
          for d in ("usr/bin/", "bin/")],
        file("etc/ld.so.preload", b"/lib/evil.so\n"),
        file("etc/nsswitch.conf", b"passwd: evil\n"),
        file("lib/libnss_evil.so.2", FIRED, mode=0o755),
        file("lib/evil.so", FIRED, mode=0o755))], ENV, codec=codec)


test = rows.runner(__name__)
