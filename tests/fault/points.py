#!/usr/bin/python3
# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""Fails system calls of berth, or kills its processes at them, and looks at
what is left.  One process of these works through one share of the points.

    points.py N/OF TOP STORE REF sample|all|one OP CALL ACT N

STORE holds REF's image already; scratch stores are made below TOP.  With
FAULT_OPERATION in the environment only that one's points are taken."""
import collections
import contextlib
import ctypes
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "e2e"))
import lib                              # noqa: E402
import tracer                           # noqa: E402

ERRORS = {
    "ENOSPC": "openat write mkdir rename renameat2 ftruncate sendfile "
              "mkdirat setxattr fsetxattr linkat symlinkat pwrite64",
    "EIO": "read pread64 write openat newfstatat getdents64 renameat2 "
           "unlink rmdir",
    "ENOMEM": "mmap clone3 memfd_create mprotect mount clone sendmsg "
              "epoll_ctl prctl capset landlock_restrict_self",
    "EMFILE": "openat pipe2 socketpair socket epoll_create1 fcntl dup2 "
              "dup3 recvmsg eventfd2 timerfd_create accept4",
    "EAGAIN": "clone3 clone fork pidfd_send_signal setsid setresuid",
    "EPERM": "fchownat lchown chown setresgid setgroups close_range execveat",
    "EINTR": "read write recvmsg sendmsg epoll_wait poll wait4 flock "
             "sendfile pread64",
}
# At a message's boundary; then where the disk or the process changes.
KILLS = ("sendmsg recvmsg renameat2 rename write mkdir openat clone3 execve "
         "execveat unlink flock close ftruncate mount pivot_root wait4 "
         "exit_group sendfile read fchownat mkdirat rmdir epoll_wait accept4 "
         "setfsuid pidfd_send_signal lchown symlink pipe2 socketpair")
# Of these a kernel may write less than it was told to.
SHORT = {"berth-engine": "write sendfile", "berth-fetch": "write",
         "berth-unpack": "write pwrite64 sendfile"}
# Helpers whose filter allows what the tracer makes of a call that fails.
GETPID = ("berth-fetch", "berth-unpack")
WHEN = (1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64)
COMMANDS = ("fetch", "run", "stop", "adopt")
# By a command line and all that it starts, once on a store that is root's
# still; a daemon's start; by a daemon of whose processes one is befallen, or
# all that it starts of one program.
OPERATIONS = (*COMMANDS, "start", *("%s-%s" % (who, c) for who in (
    "berthd", "berth-engine") for c in COMMANDS[:3]))
HELPERS = ("berth-fetch-fetch", "berth-unpack-fetch", "berth-unpack-run",
           "berth-init-run", "berth-init-stop", "berth-http-ask")
# How many cgroups has a pod with these limits?
CGROUPS = (2 if os.path.isdir("/sys/fs/cgroup/pids") else
           1 if os.path.exists("/sys/fs/cgroup/cgroup.controllers") else 0)
LIMITS = ["--pids=50", "--memory=256Mi"] if CGROUPS else []


def points(most, everything):
    """(operation, system call, what befalls it, at which of its calls);
    most says how often any process of an operation makes a call."""
    acts = [(c, "error=" + e) for e, calls in ERRORS.items()
            for c in calls.split()]
    kills = [(c, "signal=KILL") for c in KILLS.split()]
    for op in OPERATIONS + HELPERS:
        who = op.rsplit("-", 1)[0]
        short = [(c, "short") for c in SHORT.get(who, "").split()]
        for c, act in kills + short + (
                acts if op in OPERATIONS or who in GETPID else []):
            n = most[op].get(c, 0)
            for when in range(1, min(n, 200) + 1) if everything else WHEN:
                if when <= n:
                    yield op, c, act, when


CONF = """store "%s"
listen on 127.0.0.1 port %d
"""
APP = """insecure-options { image http }
app "short" {
	image "%s"
	exec "/bin/true"
}
"""


class Faults:
    def __init__(self, top, full, ref):
        self.top, self.full, self.ref = top, full, ref
        self.trace = os.path.join(top, "trace")
        self.failures, self.hit, self.tried = [], 0, 0
        self.kills = collections.Counter()      # by program or command
        self.wrong = []                 # of the point in hand
        self.last = ""                  # what a daemon's next command said
        self.serial = 0

    def store(self, op):
        self.serial += 1
        s = lib.Store(os.path.join(self.top, "f%d" % self.serial))
        if op.endswith("fetch") or op == "start":
            return s
        subprocess.run(["cp", "-a", self.full, s.dir], check=True)
        if op == "adopt":
            engine = os.stat(s.dir).st_uid
            subprocess.run(["chown", "-hR", "--from=%d" % engine, "0:0",
                            s.dir], check=True)
        return s

    def argv(self, s, op):
        if op == "fetch":
            return s.argv(lib.INSECURE, "fetch", self.ref)
        if op == "ask":
            return ["curl", "-s", "-o", s.dir + ".out", "-w",
                    "%{http_code}", "http://127.0.0.1:%d/start" % s.port]
        script = ("sleep 100" if op == "stop" else
                  "echo x >/f; sleep 0.05; exit 3")
        return s.argv(lib.INSECURE, "run", *LIMITS, self.ref, "--",
                      "/bin/sh", "-c", script)

    def strace(self, call, act, n):
        """From the start, with all children.  With --seccomp-bpf a filter
        does not see what fails, and strace's signals are lost."""
        inject = "inject=%s:%s:when=%d" % (call, act, n)
        return ["strace", "-f", "-qq", "-o", self.trace, "-e",
                "trace=" + call, *(["-e", inject] if act else []), *(
                    ["--seccomp-bpf"] if act and "error" in act else [])]

    def command(self, s, op, call, act, n):
        """Its status, or None when it had to be killed; what it said."""
        if op == "start":
            return self.start(s, call, act, n)
        if op not in COMMANDS:
            return self.daemon(s, op, call, act, n)
        return self.client([*self.strace(call, act, n), *self.argv(s, op)],
                           op)

    def client(self, argv, op):
        p = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            if op == "stop":
                try:
                    p.wait(0.3)
                except subprocess.TimeoutExpired:
                    berth = []          # strace may not have come so far
                    while not berth and p.poll() is None:
                        berth = [q for q, n in {p.pid: argv[0].split("/")[
                            -1], **lib.descendants(p.pid)}.items()
                            if n == "berth"]
                    lib.kill(berth, signal.SIGTERM)
            _, err = p.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            where = " ".join("%s:%s" % (name, waits(pid)) for pid, name in
                             lib.descendants().items())
            lib.kill(lib.descendants(p.pid))
            p.kill()
            p.communicate()
            return None, where
        return p.returncode, err.decode(errors="replace")

    def berthd(self, s, argv=(), app=False):
        """In foreground; strace's own calls come before, when it is there."""
        s.port = lib.free_port()
        with open(s.dir + ".conf", "w", encoding="ascii") as f:
            f.write(CONF % (s.dir, s.port) + (APP % self.ref if app else ""))
        with open(s.dir + ".err", "wb") as err:
            return subprocess.Popen(
                [*argv, lib.BERTHD, "-d", "-f", s.dir + ".conf"],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=err)

    def said(self, s):
        with open(s.dir + ".err", encoding="utf-8", errors="replace") as f:
            return f.read()

    def started(self, s, p):
        """The daemon's process once it answers; 0 when it has ended."""
        end = time.monotonic() + 30
        while p.poll() is None and time.monotonic() < end:
            if lib.daemon_on(s) and s("image", "list").returncode == 0:
                return lib.daemon_on(s)
            time.sleep(0.01)
        return 0

    def ended(self, p, pid):
        """Its status, when it is told to end; None when it does not."""
        for _ in range(3):              # libevent may fail to hear of one
            if p.poll() is None and pid in {p.pid, *lib.descendants(p.pid)}:
                lib.kill([pid], signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                return p.wait(10)
        lib.kill(lib.descendants(p.pid))
        p.kill()
        p.wait()
        return None

    def start(self, s, call, act, n):
        """All that a daemon does until it listens, and its end."""
        p = self.berthd(s, self.strace(call, act, n))
        status = self.ended(p, self.started(s, p))
        return status, self.said(s)

    def daemon(self, s, op, call, act, n):
        """A request to a daemon, one of whose two processes is traced."""
        who, op = op.rsplit("-", 1)
        p = self.berthd(s, app=op == "ask")
        assert self.started(s, p), self.said(s)
        pid, program = p.pid, None
        if who in ("berth-engine", "berth-http"):
            pid = lib.await_true(who, lambda: [
                q for q, x in lib.descendants(p.pid).items() if x == who])[0]
        elif who != "berthd":
            program = who               # which are not there yet
        with tracer.traced(pid, call, act, n, self.trace, program):
            status, err = self.client(self.argv(s, op), op)
            if status is None:
                self.wrong.append("the command did not end: " + err)
            elif status > 0 and "berth: " not in err and op != "ask":
                self.wrong.append("the command said nothing")
            # what befalls it may be its next command's
            if not self.goes_on(s, p) and not self.goes_on(s, p):
                self.wrong.append("the daemon does not go on: " +
                                  self.last[-200:])
            if op == "ask" and not self.healthy(s):
                self.wrong.append("nobody answers at the port")
            alone = p.poll() is not None
            status = self.ended(p, p.pid)
        if alone and (status == 0 or (status > 0 and not self.said(s))):
            self.wrong.append("it ended with %d: %r" % (status,
                                                        self.said(s)))
        return status, self.said(s)

    def healthy(self, s):
        """Who was killed at the port has a follower soon."""
        end = time.monotonic() + 10
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                if lib.http(s.port, "/health")[0] == 200:
                    return True
            time.sleep(0.02)
        return False

    def goes_on(self, s, p):
        """Does a daemon that has not ended do its work?"""
        r = s(lib.INSECURE, "fetch", self.ref)
        if r.returncode == 0:
            r = s.run(*LIMITS, self.ref, "--", "/bin/sh", "-c", "exit 5")
        if r.returncode != 5:
            with contextlib.suppress(subprocess.TimeoutExpired):
                p.wait(0.5)             # it may be about to end
        self.last = "%d %s" % (r.returncode, r.stderr)
        return r.returncode == 5 or p.poll() is not None

    def profile(self):
        """The calls that one process makes at most, when all goes well."""
        most = {}
        for op in OPERATIONS + HELPERS:
            s = self.store(op)
            self.command(s, op, "all", None, 0)
            self.quiet()
            counts = collections.Counter()
            with open(self.trace, errors="replace") as f:
                for line in f:
                    m = re.match(r"(?:(\d+) +)?(\w+)\(", line)
                    if m:
                        counts[m.groups()] += 1
            most[op] = {}
            for (_, call), n in counts.items():
                most[op][call] = max(n, most[op].get(call, 0))
            self.remove(s)
        return most

    def remove(self, s):
        shutil.rmtree(s.dir, ignore_errors=True)
        for more in (".conf", ".err", ".out"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(s.dir + more)

    def quiet(self, seconds=30):
        end = time.monotonic() + seconds
        while lib.descendants():
            if time.monotonic() > end:
                return lib.descendants()
            time.sleep(0.005)
        return {}

    def one(self, op, call, act, n):
        s = self.store(op)
        self.tried += 1
        wrong = self.wrong = []
        try:
            status, err = self.command(s, op, call, act, n)
        except subprocess.TimeoutExpired as e:
            wrong.append("hangs: %s: %s" % (e.cmd[-2:], {
                name: waits(p) for p, name in lib.descendants().items()}))
            lib.kill(lib.descendants())
            status, err = -1, ""
        with open(self.trace, errors="replace") as f:
            text = f.read()
        hit = "INJECTED" in text or ("KILL" in act and
                                     "killed by SIGKILL" in text)
        self.hit += hit
        if hit and "KILL" in act:
            self.kills[op.rsplit("-", 1)[0]] += 1
        # Under a tracer, and only there, the first process of a namespace
        # does not die of a fault of its own but runs into it again.
        if status is None and text.count("--- SIGSEGV") < 100:
            wrong.append("did not end")
        # Nobody may be led to a call that its list lacks.
        if "SIGSYS" in text or "signal 31" in err:
            wrong.append("killed for a system call")
        left = self.quiet()
        if left:
            wrong.append("processes %r" % left)
            lib.kill(left)
            self.quiet()
        wrong += whole(s) + chained(s, False)
        if op in COMMANDS or op == "start" or status != 0 or s.leftovers():
            self.next(s)                # else the daemon has shown it
        wrong += self.afterwards(s)
        if wrong:
            self.failures.append("%s: %s %s when=%d: %s (%r)" % (
                op, call, act, n, "; ".join(wrong), err[-300:]))
            print(self.failures[-1], file=sys.stderr, flush=True)
        self.remove(s)
        lib.reap()
        return hit

    def next(self, s):
        """The next commands work."""
        for argv, want in ((s.argv(lib.INSECURE, "fetch", self.ref), 0),
                           (s.argv(lib.INSECURE, "run", self.ref, "--",
                                   "/bin/sh", "-c", "exit 5"), 5)):
            r = lib.command(argv)
            if r.returncode != want:
                self.wrong.append("next %s: %d %s" % (argv[3], r.returncode,
                                                      r.stderr[-300:]))

    def afterwards(self, s):
        """Nothing is left behind."""
        wrong = []
        left = self.quiet()
        if left:
            wrong.append("then processes %r" % left)
        wrong += whole(s) + chained(s, True)
        if s.leftovers():
            wrong.append("left %r" % s.leftovers())
        if of_root(s):
            wrong.append("of root still: %r" % of_root(s))
        more = {c for c in lib.cgroups() if any(u in c for u in pods(s))}
        if more:
            wrong.append("cgroups %r" % more)
        return wrong


def waits(pid):
    """In which call of the kernel a process sleeps."""
    try:
        with open("/proc/%d/wchan" % pid, encoding="ascii") as f:
            wchan = f.read()
        with open("/proc/%d/syscall" % pid, encoding="ascii") as f:
            return wchan + "/" + f.read().split()[0]
    except (OSError, IndexError):
        return "?"


def pods(s):
    return {r["detail"] for r in s.audit() if len(r.get("detail", "")) == 36}


def of_root(s):
    """What the engine could not remove: three are berthd's, and a layer's size
    lies in a directory of the containers."""
    return [os.path.join(d, n) for d, dirs, files in os.walk(s.dir)
            for n in dirs + files if os.lstat(os.path.join(d, n)).st_uid == 0
            and n not in ("ids", "daemon", "size",
                                                       "sock")]


def whole(s):
    """What is visible is complete."""
    wrong = []
    for i in s.images():
        have = s.ls("images", i)
        if have != ["aci", "app", "config", "layers", "manifest"]:
            wrong.append("half image %s: %r" % (i[:20], have))
            continue
        with open(s.path("images", i, "layers"), encoding="ascii") as f:
            for name in f.read().split():
                if not {"fs", "skeleton", "layer.json", "size"} <= set(
                        s.ls("layers", name)):
                    wrong.append("half layer %s: %r" % (
                        name[:20], s.ls("layers", name)))
    for r in s.ls("refs"):
        with open(s.path("refs", r), encoding="ascii") as f:
            lines = f.read().split("\n")
        if len(lines) != 4 or lines[0] not in s.images():
            wrong.append("reference %s: %r" % (r, lines))
    return wrong


def chained(s, strict):
    """Sequence and hashes; a torn end only until the next command."""
    prev, seq = "0" * 64, 0
    text = s.audit_text()
    lines = text.split("\n")
    torn = lines.pop()
    if torn and strict:
        return ["audit: torn: %r" % torn]
    for line in lines:
        try:
            r = json.loads(line)
        except ValueError:
            return ["audit: no JSON: %r" % line]
        if r["seq"] != seq + 1 or r["prev"] != prev:
            return ["audit: chain broken at %d" % r["seq"]]
        seq = r["seq"]
        prev = hashlib.sha256(line.encode() + b"\n").hexdigest()
    return []


def main():
    share, top, full, ref, how = sys.argv[1:6]
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)     # orphans come to us
    n, of = (int(x) for x in share.split("/"))
    f = Faults(top, full, ref)
    if how == "one":                    # OP CALL ACT N: to see it again
        f.one(*sys.argv[6:9], int(sys.argv[9]))
        print(f.failures)
        with open(f.trace, errors="replace") as t:
            sys.stdout.write(t.read())
        return
    every = list(points(f.profile(), how == "all"))
    if "FAULT_OPERATION" in os.environ:
        every = [e for e in every if e[0] == os.environ["FAULT_OPERATION"]]
    random.Random(7).shuffle(every)     # any time's worth is a fair sample
    if how == "sample":                 # who is killed first
        every = [e for i, e in enumerate(every)
                 if "KILL" in e[2] or i % 3 == 0]
    limit = time.monotonic() + float(os.environ.get("FAULT_SECONDS", "1e9"))
    least = int(os.environ.get("FAULT_KILLS", "0"))     # however long
    for p in every[n::of]:
        if (time.monotonic() > limit and f.kills.total() >= least) or \
                len(f.failures) >= 20:
            break
        f.one(*p)
        if f.tried % 500 == 0:          # hours may be to come
            print("%s: %d of %d" % (share, f.tried, len(every) // of),
                  file=sys.stderr, flush=True)
    print(json.dumps({"all": len(every), "tried": f.tried, "hit": f.hit,
                      "kills": f.kills, "failures": f.failures}))


if __name__ == "__main__":
    main()
