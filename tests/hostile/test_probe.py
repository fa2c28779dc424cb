# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""Rows E of the probe: a static program inside a container that tries what
must fail, and says of each what came of it."""
import io
import os
import pty
import struct
import subprocess
import tarfile

import images
import lib
import rows
from rows import row

CHECKS_MIN = 200


def program():
    """out/probe, made when it is missing or older than its source."""
    subprocess.run(["make", "-s", "-C", lib.TOP, "OUT=" + lib.OUT,
                    os.path.join(lib.OUT, "probe")], check=True,
                   stdout=subprocess.DEVNULL)
    with open(os.path.join(lib.OUT, "probe"), "rb") as f:
        return f.read()


def capability():
    """Every capability, permitted and effective, as setcap writes it."""
    return struct.pack("<IIIII", 0x02000001, 0xffffffff, 0, 0x1ff, 0)


def capable(t, name, data):
    ti = tarfile.TarInfo(name)
    ti.mode, ti.mtime, ti.size = 0o755, images.EPOCH, len(data)
    ti.pax_headers = {"SCHILY.xattr.security.capability":
                      capability().decode("utf-8", "surrogateescape")}
    t.tar.addfile(ti, io.BytesIO(data))


def layer():
    if not hasattr(layer, "tar"):
        exe = program()
        t = images.Tar().dirs("etc", "proc", "sys", "dev")
        t.dir("tmp", 0o1777)
        t.file("etc/passwd", "root:x:0:0:root:/:/probe\n"
               "user:x:1000:1000::/:/probe\n")
        t.file("etc/group", "root:x:0:\nuser:x:1000:\n")
        t.file("probe", exe, 0o755)
        t.file("probe-setuid", exe, 0o4755)
        t.file("probe-setgid", exe, 0o2755, gid=0)
        capable(t, "probe-capable", exe)
        layer.tar = t.bytes()
    return layer.tar


def image(bench):
    bench.site.image([layer()], {"Cmd": ["/probe"]})
    return bench.site.ref


def told(text):
    """The probe's lines, and the last one's counts: (lines, bad)."""
    lines = text.replace("\r", "").splitlines()
    words = lines.pop().split()
    assert words[0] == "checks" and int(words[1]) == len(lines), text
    bad = [x for x in lines if x.endswith(" BAD")]
    assert len(bad) == int(words[3])
    return lines, bad


def run(bench, *options, insecure="image,http", **k):
    return bench.store("--insecure-options=" + insecure, "run", *options,
                       image(bench), **k)


def holds(text):
    lines, bad = told(text)
    assert bad == [] and len(lines) >= CHECKS_MIN, bad
    return lines


def counts(*only):
    """For podman: how many checks end as in berth, and which do not."""
    def tell(r):
        lines, bad = told("".join(x + "\n" for x in r.stdout.splitlines()))
        lines, bad = ([x for x in y if not only or x.startswith(only)]
                      for y in (lines, bad))
        text = "%d of %d checks as in berth" % (len(lines) - len(bad),
                                                len(lines))
        return ": not ".join([text] + [" ".join(
            x.split()[0] for x in bad)] * (bad != []))
    return tell


def on_a_terminal(argv):
    """Runs with a terminal of its own; returns what it shows."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execvp(argv[0], argv)
    out = b""
    while True:
        try:
            piece = os.read(fd, 65536)
        except OSError:
            break
        if not piece:
            break
        out += piece
    assert os.waitpid(pid, 0)[1] == 0, out
    os.close(fd)
    return "".join(x + "\n" for x in out.decode().splitlines()
                   if x.endswith((" ok", " BAD")) or x[:7] == "checks ")


MODES = {
    "E8.probe-root": (),
    "E8.probe-user": ("--user=user",),
    "E8.probe-number": ("--user=1234:5678",),
    "E8.probe-readonly": ("--readonly-rootfs",),
}


@rows.rows(MODES, "the probe, %s", own=True, cve="CVE-2016-9962 CVE-2022-0185 "
           "CVE-2024-1086 CVE-2022-29162 CVE-2022-24769 CVE-2022-27649 "
           "CVE-2022-27650 CVE-2022-27651 CVE-2026-31431 CVE-2020-14386 "
           "CVE-2022-0492 CVE-2020-15257 GHSA-6fw5-f8r9-fgfm "
           "GHSA-jq35-85cj-fj4p CVE-2023-25809")
def _(bench, options):
    r = run(bench, *options)
    assert r.returncode == 0, r
    holds(r.stdout)
    bench.peer([], tell=counts(), run=[x.replace(
        "--readonly-rootfs", "--read-only") for x in options])


@rows.rows({"E5.probe-terminal": (), "E5.probe-terminal-user":
            ("--user=user",)}, "the %s, interactive", own=True,
           cve="CVE-2017-5226")
def _(bench, options):
    holds(on_a_terminal(bench.store.argv(
        "--insecure-options=image,http", "run", "--interactive", *options,
        image(bench))))
    bench.peer([], run=["--interactive", "--tty", *options],
               terminal=on_a_terminal, tell=counts(
                   "tioc", "descriptor", "dev:", "mount:/dev"))


@row("E2.probe-descriptors", "fifty more descriptors open in the caller",
     cve="CVE-2024-21626 CVE-2016-9962", own=True)
def _(bench):
    fds = [os.open(bench.canary, os.O_RDONLY) for _ in range(50)]
    for fd in fds:
        os.set_inheritable(fd, True)
    try:
        r = run(bench, pass_fds=fds)
        bench.peer([], pass_fds=fds, tell=counts("descriptor"))
    finally:
        for fd in fds:
            os.close(fd)
    assert r.returncode == 0, r
    holds(r.stdout)


@row("E8.probe-can-fail", "the probe sees what all-run lets through",
     own=True)
def _(bench):
    r = run(bench, insecure="image,http,all-run")
    assert r.returncode == 0, r
    _, bad = told(r.stdout)
    names = {x.split()[0] for x in bad}
    # the broker's own filter stays: it is inherited
    missed = {"CapPrm", "CapBnd", "unshare-user", "clone-user",
              "unshare-mount", "mount-tmpfs", "sethostname", "chroot",
              "masked:/proc/kallsyms", "personality-noaslr",
              "readonly:/proc/sys"} - names
    assert sorted(missed) == []


test = rows.runner(__name__)
