# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""Rows L: layers whose entries lie.  What decoders and limits are for is in
test_bombs.py."""
import pytest

import rows
import tars
from rows import row
from tars import (BLK, CHAR, FIFO, GNU, SYMLINK, base256, dir_, entry, file,
                  head, link, node, pax, record, symlink, tar, xattr)


@pytest.fixture(autouse=True)
def aim(canary):
    """What links lead to stands in their generators too."""
    tars.canary = canary


BASE = tar(dir_("etc"), file("etc/passwd", b"root:x:0:0::/:\n"),
           dir_("d"), file("d/f", b"lower\n"), symlink("way", "d"),
           file("gone", b"x"))


def layers(ids, title, says="", upper=False, **k):
    """Rows of one layer each, or of one above BASE."""
    if upper:
        k["keeps"] = ("layers",)        # the good one beneath may stay

    def parts(site, value):
        made = value(site) if callable(value) else value
        one = made if isinstance(made, bytes) else tar(*made)
        site.image([BASE, one] if upper else [one])
    rows.rows(ids, title, says=says, **k)(parts)


# L1: the root itself.

layers({
    "L1.dot-link": [symlink(".", "/etc")],
    "L1.dot-slash-link": [symlink("./.", "/etc")],
    "L1.dot-file": [file(".")],
    "L1.dot-fifo": [node(".", FIFO)],
    "L1.dot-device": [node(".", CHAR)],
    "L1.dot-hard-link": [file("a"), link(".", "a")],
    "L1.dots-link": [symlink("././/.", "..")],
}, "the root as %s", says="root directory of another type",
    cve="CVE-2021-29136")
layers({
    "L1.slash-link": [symlink("/", "/etc")],
    "L1.slashes-link": [symlink("//", "/etc")],
    "L1.dot-slash-file": [file("./")],
}, "the root as %s", says="behind the name of what is no directory|root "
    "directory of another", cve="CVE-2021-29136")
layers({"L1.empty-name": [head("", SYMLINK, link="/etc")]},
       "an entry without a name", says="empty name")
layers({"L1.link-to-root": [link("a", "/")]}, "a hard link to the root",
       says="hard link to the root")


# L2: links on the way out.

layers({
    "L2.dotdot": [file("../evil")],
    "L2.dotdot-deep": [dir_("a"), file("a/../../evil")],
    "L2.dotdot-only": [dir_("..")],
    "L2.absolute-dotdot": [file("/../../evil")],
    "L2.pax-dotdot": [pax(("path", "a/../../evil")), file("good")],
    "L2.gnu-dotdot": [tars.gnu_long("../evil"), file("good", magic=GNU)],
    "L2.prefix-dotdot": [file("evil", tail=b"../..")],
    "L2.hard-link-dotdot": [link("l", "../../etc/shadow")],
}, "a name with .., %s", says=r'".." in a path')
layers({
    "L2.hard-link-shadow": [link("l", "/etc/shadow")],
    "L2.hard-link-later": [link("l", "later"), file("later")],
    "L2.hard-link-whiteout": [file(".wh.gone", b""), link("l", ".wh.gone")],
}, "a hard link to what is not there, %s",
    says="target of a hard link is missing", cve="CVE-2026-17106")
layers({"L2.hard-link-hidden": [file(".wh.gone", b""), link("l", "gone")]},
       "a hard link to what its own layer hides", upper=True,
       says="target of a hard link is missing")
layers({"L2.hard-link-itself": [link("l", "l")],
        "L2.hard-link-itself-dot": [link("l", "./l")]},
       "a hard link to itself", says="hard link to itself")
layers({"L2.hard-link-directory": [dir_("d"), link("l", "d")]},
       "a hard link to a directory", says="hard link to a directory")
layers({"L2.loop": [symlink("a", "b"), symlink("b", "a"), file("a/f")]},
       "a file through links in a circle", says="[Tt]oo many levels")
layers({
    "L2.link-to-file": [file("f"), symlink("l", "f"), file("l/x")],
    "L2.link-to-fifo": [node("f", FIFO), symlink("l", "f"), file("l/x")],
}, "a file beneath what is none, %s", says="no directory|Not a directory")


def canary_link(target):
    """Writes through links that point out; all of it must land inside."""
    def make(site):
        t = target.replace("CANARY", tars.canary)
        return [dir_("a"), symlink("a/l", t), file("a/l/file", b"evil"),
                symlink("a/m", "l"), file("a/m/again", b"evil"),
                link("h", "a/l"), file("h/x", b"evil"), file("a/l", b"")]
    return make


layers({
    "L2.write-absolute": canary_link("CANARY"),
    "L2.write-relative": canary_link("../../../../../../../..CANARY"),
    "L2.write-proc": canary_link("/proc/self/root"),
    "L2.write-cwd": canary_link("/proc/self/cwd"),
    "L2.write-up": canary_link(".."),
}, "files through a link that leads out, %s", good=True,
    cve="CVE-2026-17106 CVE-2018-15664")


@rows.rows({
    "L2.lower-link": "d", "L2.lower-link-absolute": "CANARY",
    "L2.lower-link-up": "../../../..",
}, "files through a link of the layer beneath, %s", good=True,
    cve="CVE-2026-17106")
def _(site, target):
    target = target.replace("CANARY", tars.canary)
    site.image([tar(dir_("d"), symlink("l", target)),
                tar(file("l/etc/shadow", b"evil"), link("x", "l"),
                    file("l/file", b"evil"))])


# L3: what is changed on an existing link.

layers({
    "L3.mode": lambda s: [symlink("l", tars.canary + "/file"),
                          file("l", b"", mode=0o777)],
    "L3.directory": lambda s: [symlink("l", tars.canary),
                               dir_("l/", mode=0o777, uid=7)],
    "L3.fifo": lambda s: [symlink("l", tars.canary),
                          node("l", FIFO, mode=0o777)],
}, "a link that becomes something else, %s", good=True,
    cve="CVE-2021-32760")


@row("L3.lower-directory", "a directory in place of a link beneath",
     good=True, cve="CVE-2021-32760")
def _(site):
    site.image([tar(symlink("l", tars.canary)),
                tar(dir_("l", mode=0o777, uid=7, mtime=1))])


layers({"L3.attribute": [xattr("user.x"), symlink("l", "CANARY")]},
       "an attribute on a link", says="not on a file or directory",
       cve="CVE-2021-32760")


# L10: nodes.

layers({
    "L10.char": [node("null", CHAR)],
    "L10.block": [node("sda", BLK, (8, 0))],
    "L10.etc-char": [dir_("etc"), node("etc/mem", CHAR, (1, 1))],
    "L10.like-dev": [dir_("devil"), node("devil/mem", CHAR)],
    "L10.dot-dev": [dir_("a"), node("a/dev", BLK)],
}, "a device node, %s", says="device nodes are not supported")


# L11: attributes that others obey.

layers({"L11." + n.lower().replace(".", "-").replace("_", "-"): [
    xattr(n), file("f")] for n in (
    "trusted.overlay.opaque", "trusted.overlay.redirect",
    "trusted.overlay.metacopy", "trusted.x", "security.ima",
    "security.evm", "security.SMACK64", "security.apparmor",
    "user.overlay.opaque", "user.overlay.redirect",
    "user.overlay.metacopy", "user.overlay.origin", "user.overlay.whiteout",
    "system.nfs4_acl", "system.other", "btrfs.compression", "nonsense")},
    "an attribute of %s", says="attribute .*cannot be kept")
layers({
    "L11.nameless": [pax(("SCHILY.xattr.", "x")), file("f")],
    "L11.name-with-nul": [pax(b"28 SCHILY.xattr.user.a\0b=c\n"), file("f")],
    "L11.long-name": [xattr("user." + "n" * 251), file("f")],
    "L11.twice": [pax(("SCHILY.xattr.user.a", "1"),
                      ("SCHILY.xattr.user.a", "2")), file("f")],
}, "an attribute, %s", says="pax|attribute")
layers({"L11.capability-cut": [
    xattr("security.capability", b"\1\0\0\2"), file("f", mode=0o755)],
        "L11.acl-cut": [xattr("system.posix_acl_access", b"\2\0\0\0\1"),
                        file("f")]},
       "an attribute that the kernel refuses", says="attribute .*: .*")


# L12: whiteouts.

layers({
    "L12.no-name": [file(".wh.", b"")],
    "L12.dot": [file(".wh..", b"")],
    "L12.dotdot": [file(".wh...", b"")],
    "L12.dotdot-deep": [dir_("d"), file("d/.wh...", b"")],
}, "a whiteout of %s", upper=True, says="whiteout of no name")
layers({
    "L12.opaque-directory": [dir_("d"), dir_("d/.wh..wh..opq")],
    "L12.opaque-link": [dir_("d"), symlink("d/.wh..wh..opq", "/etc")],
    "L12.fifo": [node(".wh.gone", FIFO)],
    "L12.hard-link": [file("a"), link(".wh.gone", "a")],
    "L12.char": [node(".wh.gone", CHAR, (0, 0))],
}, "a whiteout that is no file, %s", upper=True, says="whiteout")
layers({
    "L12.beneath": [file(".wh.d/x")],
    "L12.beneath-dots": [file(".wh.../x")],
    "L12.beneath-deep": [dir_("d"), file("d/.wh.gone/a/b")],
}, "a file in a whiteout, %s", upper=True,
    says="a whiteout is no directory|whiteout")
layers({"L12.node": [node("gone", CHAR, (0, 0))]},
       "overlayfs's own whiteout, as a node", upper=True,
       says="device nodes are not supported")
layers({
    "L12.through-link": [file("way/.wh.f", b"")],
    "L12.through-link-out": [symlink("out", "/../.."),
                             file("out/.wh.gone", b"")],
    "L12.of-own": [file("new", b"x"), file(".wh.new", b"")],
    "L12.of-parent": [dir_("d"), file("d/n", b"x"), file(".wh.d", b"")],
    "L12.with-contents": [file(".wh.gone", b"contents")],
    "L12.nothing-there": [file(".wh.never", b""), file("no/.wh.x", b"")],
    "L12.aufs": [dir_(".wh..wh.plnk"), file(".wh..wh.aufs", b""),
                 file(".wh..wh.plnk/1.2", b"")],
    "L12.twice": [file(".wh.gone", b""), file(".wh.gone", b"")],
}, "a whiteout, %s", upper=True, good=True)


# L13: owners.

OUT = "owner out of range|bad number|outside the id range|pax"
layers({"L13.pax-" + n: [pax(("uid", v)), file("f")] for n, v in {
    "2-32": str(1 << 32), "2-32-less-1": str((1 << 32) - 1),
    "2-64": str(1 << 64), "2-63": str(1 << 63), "minus": "-1",
    "float": "1e3", "empty": "", "plus": "+1", "blank": " 1",
    "hex": "0x0", "beyond-the-map": "65536", "nul": "0\0"}.items()},
    "a uid in a pax header, %s", says=OUT)
layers({
    "L13.gid-2-32": [pax(("gid", str(1 << 32))), file("f")],
    "L13.gid-beyond-the-map": [file("f", gid=65536)],
    "L13.uid-beyond-the-map": [file("f", uid=0o7777777)],
    "L13.base256-minus": [file("f", uid=base256(-1, 8))],
    "L13.base256-2-32": [file("f", uid=base256(1 << 32, 8))],
    "L13.base256-huge": [file("f", uid=b"\x80\x7f" + b"\xff" * 6)],
    "L13.octal-garbage": [file("f", uid=b"00000x0\0")],
    "L13.octal-eight": [file("f", gid=b"0000008\0")],
    "L13.link-beyond-the-map": [symlink("l", "x", uid=70000)],
    "L13.directory-beyond-the-map": [dir_("d", gid=70000)],
    "L13.fifo-beyond-the-map": [node("p", FIFO, uid=70000)],
    "L13.twice": [pax(("uid", "0"), ("uid", "1")), file("f")],
}, "an owner, %s", says=OUT)


# L14: times and sizes.

layers({"L14.mtime-" + n: [pax(("mtime", v)), file("f")] for n, v in {
    "2-63": str(-(1 << 63)), "2-62": str(1 << 62), "word": "now",
    "minus": "-", "two-dots": "1.2.3", "hex": "0x10", "empty": "",
    "exponent": "1e9"}.items()}, "a time of %s", says="time")
layers({
    "L14.mtime-base256": [file("f", mtime=base256(-(1 << 62), 12))],
    "L14.size-minus": [entry("f", size=base256(-1, 12))],
    "L14.size-2-63": [entry("f", size=base256((1 << 63) - 1, 12))],
    "L14.size-1-tib": [entry("f", size=base256(1 << 40, 12))],
    "L14.size-garbage": [entry("f", b"x", size=b"1.5\0")],
    "L14.pax-size-minus": [pax(("size", "-1")), file("f")],
    "L14.pax-size-2-63": [pax(("size", str((1 << 63) - 1))), file("f")],
    "L14.pax-size-more": [pax(("size", "100000")), file("f")],
    "L14.pax-size-less": [pax(("size", "1")), file("f", b"x" * 3000)],
    "L14.size-on-directory": [dir_("d", size=512), bytes(512)],
    "L14.size-on-link": [symlink("l", "x", size=512), bytes(512)],
    "L14.mode-minus": [file("f", mode=base256(-1, 8))],
}, "a number, %s", says="size|time|mode|truncated|Truncated|checksum|number|"
    "readers|tar")


# L15: names.

layers({
    "L15.nul-in-pax": [pax(("path", "ok\0/../evil")), file("f")],
    "L15.nul-in-pax-link": [pax(("linkpath", "a\0b")), symlink("l", "c")],
    "L15.pax-twice": [pax(("path", "a"), ("path", "b")), file("f")],
    "L15.pax-empty": [pax(("path", "")), file("f")],
    "L15.pax-and-gnu": [tars.gnu_long("a"), pax(("path", "b")), file("f")],
    "L15.gnu-twice": [tars.gnu_long("a"), tars.gnu_long("b"), file("f")],
    "L15.gnu-garbage": [entry("././@LongLink", b"a\0b\0", kind=b"L",
                              magic=GNU), file("f")],
    "L15.pax-record-short": [pax(b"5 path=a\n"), file("f")],
    "L15.pax-record-long": [pax(b"99 path=a\n"), file("f")],
    "L15.pax-record-zero": [pax(b"0 path=a\n"), file("f")],
    "L15.pax-record-minus": [pax(b"-9 path=a\n"), file("f")],
    "L15.pax-no-key": [pax(b"5 =a\n"), file("f")],
    "L15.pax-no-equals": [pax(b"7 path\n"), file("f")],
    "L15.pax-no-newline": [pax(record("path", "a")[:-1] + b"x"), file("f")],
    "L15.pax-without-entry": [pax(("path", "a"))],
}, "an extended header, %s", says="pax|name|header|extended|readers|tar")
layers({"L15.slash-on-" + n: [e] for n, e in {
    "fifo": node("p/", FIFO), "link": symlink("l/", "x")}.items()},
    "a slash behind the name of a %s", says="no directory")
layers({"L15.child-of-file": [file("f"), file("f/x")],
        "L15.child-of-fifo": [node("p", FIFO), file("p/x")]},
       "a %s", says="parent is no directory")
layers({"L15.escape-in-refusal": [node("\x1b]0;evil\x07\r\n\u202e", CHAR)]},
       "a name that would drive the terminal",
       says=r"^[ -~]*device nodes are not supported$")
layers({"L15.lone-bytes-in-refusal": [node(b"\xff\xfe\x80", CHAR)]},
       "a name that is no text", says="device nodes are not supported")


# L16: formats.

layers({"L16.type-" + n: [head("f", k)] for n, k in {
    "gnu-directory": b"D", "multi-volume": b"M", "volume": b"V",
    "solaris": b"X", "inode": b"I", "contiguous-8": b"8", "high": b"\xff",
    "blank": b" "}.items()}, "an entry of a type that is none, %s",
    says="type|header|tar")
layers({"L16.global-" + n: [pax((n, v), kind=b"g"), file("f")]
        for n, v in {"size": "0", "path": "evil", "uid": "0",
                     "linkpath": "x", "mtime": "0",
                     "SCHILY.xattr.user.x": "y"}.items()
        if n.isalpha()}, "a global header, %s",
       says="global header with more than a comment")
layers({
    "L16.two-tars": tar(file("a")) + tar(file("b")),
    "L16.text-behind": tar(file("a")) + b"garbage".ljust(512),
    "L16.zeros-between": file("a") + bytes(512) + tar(file("b")),
}, "%s", says="garbage behind|behind a block of zeros")
layers({"L16.checksum-" + n: [head("f", add=v)] for n, v in {
    "more": 1, "less": -1, "much": 4096}.items()},
    "a header checksum, %s", says="checksum")
layers({"L16.magic": [head("f", magic=b"ustar\x0099")[:257] + b"tarus\x0000"
                      + bytes(247)]}, "a magic of no tar",
       says="checksum|format")
layers({"L16.is-" + n: b for n, b in tars.others().items()},
       "no tar, %s", says=r"layer sha256:[0-9a-f]{64}: ")


test = rows.runner(__name__)
