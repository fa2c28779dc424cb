# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""Rows M7 to M9 and M16: users, their files, stop signals."""
import subprocess
import sys
import tarfile

import images
import rows
from lib import INSECURE
from rows import row
from sites import box

ENV = ["PATH=/bin"]


def user(site, name, tars=(), **k):
    """busybox with these layers over it, whose id runs as name."""
    site.image([box(), *tars], {"Cmd": ["id"], "Env": ENV, "User": name, **k})


def passwd(*lines, file="etc/passwd"):
    return images.Tar().file(file, "".join(x + "\n" for x in lines)).bytes()


# M7: text that is a number to one reader and a name to another.  Each image
# maps that very text to uid 0.

NUMBERS = {
    "2-32": "4294967296", "2-31": "2147483648", "2-64": "18446744073709551616",
    "2-32-1": "4294967295", "zeros": "00", "leading-zero": "01000"}
NAMES = {
    "minus-1": "-1", "plus-0": "+0", "hex": "0x0", "blank": " 0",
    "tab": "0\t", "newline": "0\n", "zero-width": "0\u200b",
    "arabic-digit": "\u0660", "exponent": "1e3", "float": "1.0",
    "star": "*", "slash": "../root", "percent": "%s%n"}
CVES = "CVE-2026-46680 CVE-2024-40635 CVE-2016-3697"


@rows.rows({"M7." + n: v for n, v in NUMBERS.items()},
           "user %s, mapped to uid 0 in /etc/passwd", cve=CVES, run=[],
           says=r"user \"?[0-9]+\"?: not a number from 0 to 2147483647")
def _(site, name):
    user(site, name, [passwd(name + ":x:0:0::/root:/bin/sh")])


@rows.rows({"M7." + n: v for n, v in NAMES.items()},
           "user with a %s, mapped to uid 0 in /etc/passwd", cve=CVES, run=[],
           says=r"user [ -~]*: neither a number nor a name")
def _(site, name):
    user(site, name, [passwd(name + ":x:0:0::/root:/bin/sh")])


@rows.rows({"M7.empty-group": "1:", "M7.empty-user": ":1",
            "M7.three-parts": "1:1:1", "M7.colon": ":"},
           "user with an %s", run=[],
           says=r"user [ -~]*: neither a number nor a name")
def _(site, name):
    user(site, name)


@rows.rows({"M7.group-2-32": "0:4294967296", "M7.group-2-31": "0:2147483648",
            "M7.group-zeros": "0:00"},
           "group %s, mapped to gid 0 in /etc/group", cve=CVES, run=[],
           says=r"not a number from 0 to 2147483647")
def _(site, name):
    user(site, name, [passwd(name[2:] + ":x:0:", file="etc/group")])


@rows.rows({"M7.group-minus": "0:-1", "M7.group-plus": "0:+0"},
           "group %s, mapped to gid 0 in /etc/group", run=[],
           says=r"neither a number nor a name")
def _(site, name):
    user(site, name, [passwd(name[2:] + ":x:0:", file="etc/group")])


@row("M7.number-is-a-name", "user 1000, which a line of /etc/passwd has as "
     "the name of uid 0", cve="CVE-2026-46680", good=True, run=[],
     says=r"^uid=1000")
def _(site):
    user(site, "1000", [passwd("1000:x:0:0::/root:/bin/sh")])


@row("M7.one-is-one", "user 1, without /etc/passwd", cve="CVE-2026-30892",
     good=True, run=[], says=r"^uid=1 gid=0")
def _(site):
    user(site, "1", [images.Tar().file("etc/.wh.passwd", b"").bytes()])


@row("M7.65533", "user 65533:65533", good=True, run=[],
     says=r"^uid=65533 gid=65533")
def _(site):
    user(site, "65533:65533")


@rows.rows({"M7.unmapped": "65536", "M7.unmapped-group": "0:65536"},
           "user: %s, beyond the container's ids", run=[],
           says=r"65536.*(Invalid argument|range|mapped|container)")
def _(site, name):
    user(site, name)


@row("M7.unknown", "a user whom the image does not know", run=[],
     says=r"user \"?nobody-here\"?: not found in /etc/passwd of the image")
def _(site):
    user(site, "nobody-here")


@row("M7.long", "a user of 256 characters",
     says=r"config\.User is longer than 255 bytes")
def _(site):
    user(site, "u" * 256)


@rows.rows({"M7.entry-uid-text": "u:x:zero:0::/:/bin/sh",
            "M7.entry-uid-2-32": "u:x:4294967296:0::/:/bin/sh",
            "M7.entry-uid-minus": "u:x:-1:0::/:/bin/sh",
            "M7.entry-uid-empty": "u:x::0::/:/bin/sh",
            "M7.entry-gid-2-32": "u:x:1:4294967296::/:/bin/sh",
            "M7.entry-short": "u:x", "M7.entry-name-only": "u",
            "M7.entry-blank": "u:x: 0:0::/:/bin/sh"},
           "a line of /etc/passwd: %s", cve="CVE-2024-40635", run=[],
           says=r"user \"?u\"?: its line in /etc/passwd of the image is not "
           r"valid")
def _(site, line):
    user(site, "u", [passwd(line)])


@row("M7.first-line-counts", "two lines for one name: the first counts",
     good=True, run=[], says=r"^uid=7\b")
def _(site):
    user(site, "u", [passwd("u:x:7:7::/:/bin/sh", "u:x:0:0::/:/bin/sh")])


@row("M7.name-in-comment", "a name that stands only in another line's "
     "comment", run=[], says=r"user \"?u\"?: not found")
def _(site):
    user(site, "u", [passwd("v:x:7:7:\\nu:/:/bin/sh", "#u:x:0:0::/:/",
                            " u:x:0:0::/:/")])


# M8: the files themselves.

def odd(name, kind, target="", pax=None):
    t = images.Tar()
    ti = tarfile.TarInfo(name)
    ti.type, ti.linkname, ti.mode = kind, target, 0o644
    ti.pax_headers = pax or {}
    t.tar.addfile(ti)
    return t.bytes()


@row("M8.passwd-1m", "an /etc/passwd of more than 1 MiB",
     cve="CVE-2026-47262", run=[],
     says=r"/etc/passwd is larger than 1 MiB|/etc/passwd: is larger")
def _(site):
    user(site, "user", [images.Tar().file("etc/passwd", b"#" * (1048577))
                        .bytes()])


@row("M8.group-1m", "an /etc/group of more than 1 MiB, for a number",
     cve="CVE-2026-47262", run=[], says=r"/etc/group:? is larger than 1 MiB")
def _(site):
    user(site, "1000", [images.Tar().file("etc/group", b"#" * (1048577))
                        .bytes()])


@row("M8.lines", "an /etc/passwd of half a million empty lines",
     cve="CVE-2026-47262", run=[],
     says=r"/etc/passwd of the image has too many lines")
def _(site):
    user(site, "user", [images.Tar().file("etc/passwd", b"\n" * 500000)
                        .bytes()])


@row("M8.group-lines", "an /etc/group of half a million empty lines",
     cve="CVE-2026-47262", run=[],
     says=r"/etc/group of the image has too many lines")
def _(site):
    user(site, "user", [images.Tar().file("etc/group", b"\n" * 500000)
                        .bytes()])


@row("M8.one-line", "an /etc/passwd of one line of 1 MiB", run=[],
     says=r"user \"?user\"?: not found")
def _(site):
    user(site, "user", [images.Tar().file("etc/passwd", b"a" * 1048576)
                        .bytes()])


@row("M8.many-groups", "a user in 2,000 groups", cve="CVE-2026-47262",
     run=[], says=r"is in more than 1024 groups")
def _(site):
    user(site, "user", [passwd(*("g%d:x:%d:user" % (i, i + 1) for i in
                                 range(2000)), file="etc/group")])


@row("M8.fifo", "an /etc/passwd that is a FIFO", run=[],
     says=r"/etc/passwd:? (is )?not a regular file")
def _(site):
    user(site, "user", [odd("etc/passwd", tarfile.FIFOTYPE)])


@row("M8.directory", "an /etc/passwd that is a directory", run=[],
     says=r"/etc/passwd:? (is )?not a regular file")
def _(site):
    user(site, "user", [images.Tar().dir("etc/passwd").bytes()])


@rows.rows({"M8.link-kmsg": "/proc/kmsg", "M8.link-zero": "/dev/zero",
            "M8.link-environ": "/proc/1/environ",
            "M8.link-fd": "/proc/self/fd/3"},
           "an /etc/passwd that is a link to %s", cve="CVE-2024-9676", run=[],
           says=r"/etc/passwd|user \"?user\"?: not found")
def _(site, target):
    user(site, "user", [images.Tar().link("etc/passwd", target).bytes()])


# M9: links that would lead to the host's files.

@rows.rows({"M9.itself": "/etc/passwd", "M9.parents":
            "../../../../../../../../etc/passwd", "M9.loop": "passwd"},
           "an /etc/passwd that is a link to %s", cve="CVE-2024-9676",
           run=[], says=r"/etc/passwd: Too many levels of symbolic links|"
           r"user \"?daemon\"?: not found")
def _(site, target):
    user(site, "daemon", [images.Tar().link("etc/passwd", target).bytes()])


@row("M9.parents-renamed", "a link through many .. while the host renames",
     own=True)
def _(bench):
    """The kernel cannot judge a ".." then and says EAGAIN."""
    user(bench.site, "daemon", [
        images.Tar().link("etc/passwd", "../" * 60 + "etc/real").file(
            "etc/real", b"daemon:x:7:7::/:/bin/sh\n").bytes()])
    bench.store.fetch(bench.site.ref)
    names = bench.own("a"), bench.own("b")
    with open(names[0], "w", encoding="ascii"):
        pass
    busy = subprocess.Popen([sys.executable, "-c", "import os, sys\n"
                             "while True: os.rename(*sys.argv[1:]); "
                             "os.rename(*sys.argv[:0:-1])", *names])
    try:
        for _ in range(40):
            r = bench.store(INSECURE, "run", bench.site.ref)
            assert r.returncode == 0, r
    finally:
        busy.kill()
        busy.wait()


@row("M9.proc-root", "an /etc/passwd that goes through /proc/1/root",
     cve="CVE-2024-9676", run=[], says=r"/etc/passwd|not found")
def _(site):
    user(site, "daemon", [images.Tar().link(
        "etc/passwd", "/proc/1/root/etc/passwd").bytes()])


@row("M9.etc-is-a-link", "an /etc that is a link out of the root",
     cve="CVE-2024-9676", run=[], says=r"user \"?daemon\"?: not found|/etc")
def _(site):
    t = images.Tar().dirs("bin", "dev", "proc", "sys")
    t.copy("bin/busybox", "/bin/busybox").link("bin/id", "busybox")
    t.link("etc", "../../../../etc")
    site.image([t.bytes()], {"Cmd": ["id"], "Env": ENV, "User": "daemon"})


@row("M9.inside", "an /etc/passwd that is an absolute link inside the root",
     good=True, run=[], says=r"^uid=77\b")
def _(site):
    t = images.Tar().dirs("nix", "nix/store")
    t.file("nix/store/passwd", "u:x:77:77::/:/bin/sh\n")
    t.link("etc/passwd", "/nix/store/passwd")
    user(site, "u", [t.bytes()])


# M16: stop signals.

@rows.rows({"M16.kill9": "SIGKILL9", "M16.zero": "0", "M16.minus-9": "-9",
            "M16.65": "65", "M16.rtmin-99": "RTMIN+99",
            "M16.huge": "18446744073709551625", "M16.blank": " 9",
            "M16.newline": "SIGTERM\n", "M16.escape": "\x1b[2J",
            "M16.float": "9.0", "M16.sigsig": "SIGSIGTERM",
            "M16.rtmax-31": "SIGRTMAX-31", "M16.long": "S" * 100000,
            "M16.none": "none"},
           "stop signal: %s",
           says=r"config\.StopSignal is \"[ -~]*, which is no signal")
def _(site, name):
    user(site, "0", StopSignal=name)


@rows.rows({"M16.number": "9", "M16.lower": "sigquit",
            "M16.rtmin-3": "SIGRTMIN+3", "M16.empty": ""},
           "stop signal that is one: %s", good=True)
def _(site, name):
    user(site, "0", StopSignal=name)


test = rows.runner(__name__)
