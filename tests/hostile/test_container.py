# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""Rows N, E and C: images that stand in the way of a container's mounts,
apps that try to get out or to stay, and processes that die.  What a probe
tries from inside is in test_probe.py."""
import hashlib
import os
import shutil
import signal
import subprocess
import time

import pytest

import lib
import rows
import tars
from ledger import PEERLESS
from lib import INSECURE, failed
from rows import row
from sites import box
from tars import CHAR, FIFO, dir_, file, link, node, symlink, tar

BASE = 0x70000000                       # the host's id of a container's 0
ENV = {"Env": ["PATH=/bin"]}


@pytest.fixture(autouse=True)
def aim(canary):
    tars.canary = canary


def sh(script):
    return ["--", "/bin/sh", "-c", script]


def image(site, *parts, **config):
    site.image([box(), tar(*parts)] if parts else [box()],
               dict(ENV, **config))


def over(ids, title, says="", **k):
    """Rows of busybox with a layer above it; the app must work."""
    def make(site, value):
        image(site, *(value() if callable(value) else value))
    rows.rows(ids, title, says=says, **k)(make)


# N1, N2: what stands in the image's /dev.

LOOK = "for f in null zero full random urandom tty; do " \
    "[ -c /dev/$f ] && [ ! -L /dev/$f ] || echo bad $f; done; " \
    "echo x > /dev/null; [ -d /dev/pts ] && [ ! -L /dev/pts ] || echo bad; " \
    "cat /proc/kallsyms /proc/keys; cat /proc/sys/kernel/core_pattern " \
    "> /dev/null; echo done"
over({
    "N1.null-link": [dir_("dev"), symlink(
        "dev/null", "/proc/sys/kernel/core_pattern")],
    "N1.null-file": [dir_("dev"), file("dev/null", b"evil\n")],
    "N1.null-fifo": [dir_("dev"), node("dev/null", FIFO)],
    "N1.null-device": [dir_("dev"), node("dev/null", CHAR, (1, 5))],
    "N1.null-canary": lambda: [dir_("dev"), symlink(
        "dev/null", tars.canary + "/file")],
    "N1.null-directory": [dir_("dev"), dir_("dev/null")],
    "N1.tty-link": [dir_("dev"), symlink("dev/tty", "/proc/self/mem")],
}, "/dev/null and its kind made by the image, %s", good=True,
    run=sh(LOOK), says="^done\n$", cve="CVE-2025-31133")
over({
    "N2.pts-link": lambda: [dir_("dev"), symlink("dev/pts", tars.canary)],
    "N2.ptmx-link": [dir_("dev"), symlink("dev/ptmx", "/proc/1/mem")],
    "N2.console-link": lambda: [dir_("dev"), symlink(
        "dev/console", tars.canary + "/file")],
    "N2.shm-link": lambda: [dir_("dev"), symlink("dev/shm", tars.canary)],
    "N2.mqueue-file": [dir_("dev"), file("dev/mqueue")],
}, "/dev/pts and its kind made by the image, %s", good=True,
    run=sh(LOOK), says="^done\n$", cve="CVE-2025-52565")


# N3: what stands in the image's /proc.

over({
    "N3.proc-full": [dir_("proc"), dir_("proc/self"), dir_("proc/sys"),
                     file("proc/self/status", b"NoNewPrivs: 0\n"),
                     symlink("proc/kallsyms", "/etc/passwd"),
                     file("proc/sysrq-trigger")],
    "N3.sys-full": [dir_("sys"), dir_("sys/fs"), dir_("sys/fs/cgroup"),
                    file("sys/fs/cgroup/release_agent", b"/evil")],
}, "an image with files of its own where a mount comes, %s", good=True,
    run=sh("cat /proc/self/status | busybox grep -E '^(NoNew|Seccomp:)'; "
           "cat /proc/kallsyms; [ -e /sys/fs/cgroup/release_agent ] && "
           "echo evil; true"),
    says=r"^NoNewPrivs:\s1\nSeccomp:\s2\n$",
    cve="CVE-2019-19921 CVE-2025-52881 CVE-2025-64750")


# N4, N6: where berth mounts, no directory.

KINDS = {
    "link": lambda n: symlink(n, "/etc"),
    "link-canary": lambda n: symlink(n, tars.canary),
    "link-up": lambda n: symlink(n, "../../../.."),
    "link-nowhere": lambda n: symlink(n, "nowhere"),
    "link-magic": lambda n: symlink(n, "/proc/self/root"),
    "file": lambda n: file(n), "fifo": lambda n: node(n, FIFO),
}
for name, cves in {
        "dev": "CVE-2026-41579 CVE-2026-47766 CVE-2026-88264 "
        "CVE-2026-88265", "sys": "CVE-2015-3627",
        "proc": "CVE-2019-19921 CVE-2023-27561 CVE-2023-28642"}.items():
    over({"N%d.%s-%s" % (6 if name == "proc" else 4, name, k):
          lambda n=name, f=f: [f(n)] for k, f in KINDS.items()},
         "a mount point that is no directory, %s", run=sh("true"),
         says="/%s: must be a directory" % name, cve=cves)
over({
    "N4.etc-link": lambda: [file(".wh.etc", b""),
                            symlink("etc", tars.canary + "/etc")],
    "N4.etc-file": [file("etc", b"x")],
    "N4.hosts-link": lambda: [symlink("etc/hosts", tars.canary + "/file")],
    "N4.hosts-up": lambda: [symlink(
        "etc/hosts", "../../../../../../.." + tars.canary + "/file")],
    "N4.hostname-magic": [symlink("etc/hostname",
                                  "/proc/sys/kernel/hostname")],
    "N4.resolv-fifo": [node("etc/resolv.conf", FIFO)],
    "N4.resolv-directory": [dir_("etc/resolv.conf")],
    "N4.hosts-two-names": [file("etc/x"), link("etc/hosts", "etc/x")],
    "N4.tmp-link": lambda: [symlink("tmp", tars.canary)],
    "N4.run-link": lambda: [symlink("run", tars.canary)],
    "N4.root-link": lambda: [symlink("root", tars.canary)],
}, "a name that berth writes beneath, %s", good=True, run=sh("echo done"),
    says="^done\n$", cve="CVE-2024-45310 CVE-2026-41579")


# N5, N8: volumes.

@rows.rows({
    "N5.volume-link": ["/v/x", "CANARY"], "N5.volume-last": ["/v", "CANARY"],
    "N5.volume-up": ["/v/x", "../../..CANARY"],
    "N5.workdir-link": [None, "CANARY"],
}, "a mount target through a link to nowhere, %s", run=sh("true"),
   says="^berth: (volume|working directory) /v",
   cve="CVE-2021-30465 CVE-2022-23648")
def _(site, value):
    volume, target = value
    more = {"Volumes": {volume: {}}} if volume else {"WorkingDir": "/v/w"}
    image(site, symlink("v", target.replace("CANARY", tars.canary)), **more)


@rows.rows({
    "N5.volume-inside": ["/v/x", "/etc"],
    "N5.volume-inside-up": ["/v/x", "../../../etc"],
    "N5.workdir-inside": [None, "/etc"],
}, "a mount target through a link inside the root, %s", good=True,
   run=sh("[ -d /etc/x ] && echo done"), says="^done\n$",
   cve="CVE-2021-30465 CVE-2022-23648")
def _(site, value):
    volume, target = value
    more = {"Volumes": {volume: {}}} if volume else {"WorkingDir": "/v/x"}
    image(site, symlink("v", target), **more)


@rows.rows({"N8.volume-" + (p.strip("/").replace("/", "-") or "root"): p
            for p in ("/", "/proc", "/proc/sys", "/proc/self/attr", "/sys",
                      "/sys/fs/cgroup", "/dev", "/dev/shm")},
           "a volume over what berth mounts, %s", run=sh("true"),
           says="volume|Volumes", cve="CVE-2019-16884")
def _(site, path):
    image(site, Volumes={path: {}})


# N7, N9, N14: what berth has no way to ask for.

@rows.rows({
    "N7.volume": ["--volume=/:/host:rshared"],
    "N7.mount": ["--mount=type=bind,source=/,target=/x"],
    "N7.propagation": ["--bind-propagation=rshared:x"],
    "N9.sysctl": ["--sysctl=kernel.shm_rmid_forced=1+kernel.core_pattern=x"],
    "N12.cgroup-parent": ["--cgroup-parent=../../x"],
    "N13.userns": ["--userns=host"], "N13.uidmap": ["--uidmap=0:0:1"],
    "N14.publish": ["--publish=80:80"], "E8.privileged": ["--privileged"],
    "E8.cap-add": ["--cap-add=ALL"], "E11.device": ["--device=/dev/mem"],
    "E8.pid-host": ["--pid=host"],
}, "no such option: %s", own=True,
    cve="CVE-2024-9407 CVE-2024-9675 CVE-2024-11218 CVE-2024-1753 "
    "CVE-2025-9566 CVE-2022-0811 CVE-2021-20199")
def _(bench, argv):
    r = bench.store(INSECURE, "run", *argv, bench.site.ref)
    assert r.returncode == 2 and "usage: berth" in r.stderr, r
    assert bench.site.seen == [] and not os.path.exists(bench.store.dir)
    if bench.peers is not None:
        bench.peers.option(argv[0])


# N10, N11: odd surroundings.

def within(bench, before, *argv, flags=("-m",)):
    """berth run in a mount namespace prepared by a shell command."""
    image(bench.site)
    wrap = ["unshare", *flags, "sh", "-c", before + '; exec "$@"', "sh"]
    bench.peer(argv, wrap=wrap)
    return lib.command([*wrap, *bench.store.argv(
        INSECURE, "run", bench.site.ref, *argv)])


@row("N10.revealing", "a host whose /proc is masked itself", own=True)
def _(bench):
    r = within(bench, lib.mask_proc("mount --bind /dev/null $proc/kallsyms"),
               *sh("true"))
    failed(r, 125, "/proc")


@row("N11.shared", "a host that shares every mount", own=True)
def _(bench):
    r = within(bench, "mount --make-rshared /; cat /proc/self/mountinfo",
               *sh("true"), flags=("-m", "--propagation", "shared"))
    assert r.returncode == 0, r
    # the namespace of the tests got nothing of it: the bench looks


@row("N13.map", "no id of the host's in the map", good=True, says=r"^\s*0\s+"
     r"(?!0\s)\d{9,}\s+65536\n\s*0\s+(?!0\s)\d{9,}\s+65536\n$",
     run=sh("cat /proc/self/uid_map /proc/self/gid_map"))
def _(site):
    image(site)


# E1: berth-init itself.

def digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


@rows.rows({
    "E1.interpreter": ([file("bin/self", b"#!/proc/self/exe\n", mode=0o755)],
                       ["--", "/bin/self"]),
    "E1.interpreter-argument": ([file("bin/self", b"#!/proc/self/exe -x\n",
                                      mode=0o755)], ["--", "/bin/self"]),
    "E1.link": ([symlink("bin/self", "/proc/self/exe")],
                ["--", "/bin/self"]),
    "E1.exec": ([file("x")], ["--", "/proc/self/exe"]),
    "E1.pid-1": ([file("x")], ["--", "/proc/1/exe"]),
    "E1.overwrite": ([file("x")], sh(
        "for i in 1 2 3 4 5 6 7 8; do echo evil > /proc/1/exe; cat "
        "/proc/1/exe; echo evil > /proc/$$/exe; done 2>/dev/null; false")),
}, "an app that wants berth-init, %s", own=True, cve="CVE-2019-5736")
def _(bench, value):
    parts, argv = value
    image(bench.site, *parts)
    init = os.path.join(lib.OUT, "berth-init")
    before = digest(init), os.stat(init)[:9]
    r = bench.store(INSECURE, "run", bench.site.ref, *argv)
    assert r.returncode != 0 and r.stdout == "", r
    assert (digest(init), os.stat(init)[:9]) == before
    bench.peer(argv, holds=lambda r: r.returncode != 0)


# E12: an app that takes what it can get.

@rows.rows({
    "E12.shm": ([], "busybox dd if=/dev/zero of=/dev/shm/x bs=1M count=100 "
                "2>/dev/null; set -- $(busybox du -m /dev/shm/x); "
                "[ $1 -le 64 ] && echo held"),
    "E12.dev": ([], "busybox dd if=/dev/zero of=/dev/x bs=1M count=9 "
                "2>/dev/null; set -- $(busybox du -k /dev/x); "
                "[ $1 -le 1024 ] && echo held"),
    "E12.descriptors": ([], "ulimit -n 65537 2>/dev/null || echo held"),
    "E12.signals": ([], "i=0; while [ $i -lt 999 ]; do kill -TERM 1; kill "
                    "-KILL 1; kill -SEGV 1; i=$((i+1)); done 2>/dev/null; "
                    "echo held"),
    "E12.processes": (["--pids=24"], "for i in 1 2 3 4 5 6 7 8 9; do "
                      "for j in 1 2 3 4 5 6; do busybox sleep 9 & done; "
                      "done 2>/dev/null; echo held"),
    "E12.output": ([], "busybox yes | busybox head -c 20000000 | busybox "
                   "tail -c 1 >/dev/null; echo held"),
}, "an app that takes all it gets, %s", own=True)
def _(bench, value):
    argv, script = value
    image(bench.site)
    r = bench.store(INSECURE, "run", *argv, bench.site.ref, *sh(script))
    assert "held" in r.stdout or (argv and r.returncode != 0), r
    if bench.row.id not in PEERLESS:
        bench.peer(sh(script), run=[a.replace("--pids", "--pids-limit")
                                    for a in argv], holds=lambda r:
                   "held" in r.stdout or (argv and r.returncode != 0))


@row("E12.memory", "an app that wants more memory than it may have",
     own=True)
def _(bench):
    image(bench.site)
    argv = sh("exec busybox tail -c 200000000 /dev/zero")
    r = bench.store(INSECURE, "run", "--memory=32M", bench.site.ref, *argv)
    assert r.returncode == 137, r
    bench.peer(argv, run=["--memory=32m"],
               holds=lambda r: r.returncode == 137)


# E14: an app that wants to stay.

STAY = {
    "E14.setsid": "busybox setsid busybox sleep 1000 & exit 7",
    "E14.double-fork": "( ( busybox sleep 1000 & ) & ); exit 7",
    "E14.stopped": "busybox sleep 1000 & kill -STOP $!; exit 7",
    "E14.ignores": "trap '' TERM INT HUP; busybox sleep 1000 & exit 7",
    "E14.zombies": "i=0; while [ $i -lt 300 ]; do (true &); i=$((i+1)); "
    "done; exit 7",
}


@rows.rows(STAY, "what the app leaves behind, %s", own=True)
def _(bench, script):
    image(bench.site)
    r = bench.store(INSECURE, "run", bench.site.ref, *sh(script))
    assert r.returncode == 7, r
    bench.peer(sh(script), holds=lambda r: r.returncode == 7)


# C1: every process killed.

@rows.rows({"C1." + n: n for n in ("berthd", "berth-fetch", "berth-unpack",
                                   "berth")},
           "%s killed at ten moments of a fetch", own=True)
def _(bench, victim):
    bench.site.image([box()], ENV)
    for i in range(10):
        p = bench.store.popen(INSECURE, "fetch", bench.site.ref)
        end = time.monotonic() + 0.004 * i
        while p.poll() is None:
            pids = [q for q, n in lib.descendants(p.pid).items()
                    if n == victim] + [p.pid] * (victim == "berth")
            if pids and time.monotonic() > end:
                lib.kill(pids[:1])
                break
        p.communicate(timeout=30)
        assert p.returncode in (0, 1, -9), p.returncode
    bench.store.fetch(bench.site.ref)
    assert len(bench.store.images()) == 1
    lib.await_true("tidy", lambda: bench.store.leftovers() == [])


@rows.rows({"C1.run-" + n: n for n in ("berthd", "berth-init", "berth")},
           "%s killed while an app runs", own=True)
def _(bench, victim):
    image(bench.site)
    bench.store.fetch(bench.site.ref)
    for i in range(4):
        p = bench.store.popen(INSECURE, "run", bench.site.ref, *sh(
            "busybox sleep 1000"))
        if i:                           # 0: as early as it can be seen
            lib.app_pid(p, "busybox")
        pid = p.pid if victim == "berth" else lib.app_pid(p, victim)
        os.kill(pid, signal.SIGKILL)
        p.communicate(timeout=30)
        assert p.returncode in (125, 137, 1, -9), p.returncode
    lib.await_true("no process", lambda: not lib.berths())
    assert bench.store(INSECURE, "run", bench.site.ref,
                       *sh("exit 3")).returncode == 3


# C2 to C5, C7, C8.

@row("C3.stale", "leftovers of a machine that went down", own=True)
def _(bench):
    image(bench.site)
    bench.store.fetch(bench.site.ref)
    uuid = "01234567-89ab-4def-8123-456789abcdef"
    for d in ("pods/" + uuid, "tmp/stage-1/fs/d", "trash/ab/y"):
        os.makedirs(bench.store.path(*d.split("/")), 0o700)
    for f in ("pods/%s/status" % uuid, "tmp/sha256-" + "ab" * 32,
              "trash/ab/y/z"):
        with open(bench.store.path(*f.split("/")), "w") as out:
            out.write("1\n")
    for d in ("pods", "tmp", "trash"):
        subprocess.run("chown -R %d:%d %s/*" % (BASE, BASE,
                                                bench.store.path(d)),
                       shell=True, check=True)
    assert bench.store(INSECURE, "run", bench.site.ref,
                       *sh("exit 3")).returncode == 3
    lib.await_true("tidy", lambda: bench.store.leftovers() == [])


@row("C4.eight-at-once", "eight brokers on one new store", own=True)
def _(bench):
    image(bench.site)
    all_ = [bench.store.popen(INSECURE, "fetch", bench.site.ref)
            for _ in range(8)]
    said = {p.communicate(timeout=60)[0] for p in all_}
    assert [p.returncode for p in all_] == [0] * 8 and len(said) == 1
    assert len(bench.store.images()) == 1


@rows.rows({"C5.descriptors-%d" % n: n for n in (10, 12, 20, 32)},
           "no more than so many descriptors: %s", own=True)
def _(bench, n):
    image(bench.site)
    r = lib.command(["prlimit", "--nofile=%d" % n, *bench.store.argv(
        INSECURE, "run", bench.site.ref, *sh("exit 3"))])
    assert r.returncode in (3, 125, 1), r
    assert r.returncode == 3 or r.stderr.splitlines()[-1].startswith(
        "berth: "), r
    assert bench.store(INSECURE, "run", bench.site.ref,
                       *sh("exit 3")).returncode == 3


@row("C2.unsynced", "a power cut before anything was synced", own=True)
def _(bench):
    """Contents are lost, names are not; tests/e2e/test_vm.py cuts really."""
    image(bench.site)
    id_ = bench.store.fetch(bench.site.ref)
    lib.await_true("its broker's end", lambda: not lib.berths())
    os.mkdir(bench.store.path("unsynced"))
    for d in ("images", "layers"):
        for name in bench.store.ls(d):
            os.symlink("00000000-0000-4000-8000-000000000000.1",
                       bench.store.path("unsynced", name))
            bench.store.give("unsynced", "unsynced/" + name)
            subprocess.run(["find", bench.store.path(d, name), "-type", "f",
                            "-exec", "truncate", "-s0", "{}", "+"],
                           check=True)
    r = bench.store(INSECURE, "run", bench.site.ref, *sh("exit 3"))
    assert r.returncode == 3 and "dropped; fetch it again" in r.stderr, r
    bench.store.ok("image", "verify", id_)


@rows.rows({"C7.private": False, "C7.daemon": True},
           "an upgrade in place while a container runs: %s", own=True)
def _(bench, served):
    image(bench.site)
    store = lib.Store(bench.own("store"))
    store.fetch(bench.site.ref)
    bin_ = bench.own("bin")
    os.mkdir(bin_)
    names = [n for n in os.listdir(lib.OUT) if n.startswith("berth")]
    for n in names:
        shutil.copy(os.path.join(lib.OUT, n), bin_)

    def argv(*args):
        return [bin_ + "/berth", "--dir=" + store.dir, INSECURE, *args]
    d = None
    if served:
        d = lib.Daemon(store, 'store "%s"\nlisten on 127.0.0.1 port %d\n' % (
            store.dir, lib.free_port()), berthd=bin_ + "/berthd")
    p = subprocess.Popen(argv("run", bench.site.ref, *sh(
        "trap 'exit 7' TERM; echo up; while :; do busybox sleep 0.1; done")),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert p.stdout.readline() == b"up\n"
    for n in names:                     # as install(1) does, by a rename
        with open(bin_ + "/new", "w") as f:
            f.write("#!/bin/sh\necho another version >&2\nexit 99\n")
        os.chmod(bin_ + "/new", 0o755)
        os.rename(bin_ + "/new", os.path.join(bin_, n))
    p.terminate()
    assert p.communicate(timeout=30)[0] == b"" and p.returncode == 7
    # whom the daemon starts is of its own version, until it is restarted
    r = store(INSECURE, "run", bench.site.ref, *sh("exit 3"))
    assert r.returncode == 3, r
    if d:
        assert d.stop() == 0


@row("C8.gc-twice", "tidying up twice changes nothing", own=True)
def _(bench):
    image(bench.site)
    bench.store.fetch(bench.site.ref)

    def names():
        return sorted(subprocess.run(
            ["find", bench.store.dir, "-not", "-path", "*/audit/*",
             "-not", "-path", "*/fs/*"], stdout=subprocess.PIPE,
            check=True).stdout.split())
    seen = []
    for _ in range(2):
        bench.store.ok("image", "gc")
        lib.await_true("its broker's end", lambda: not lib.berths())
        seen.append(names())
    assert seen[0] == seen[1]


test = rows.runner(__name__)
