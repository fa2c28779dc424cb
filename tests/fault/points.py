#!/usr/bin/python3
# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""Fails system calls of berth, or kills its processes at them, and looks at
what is left.  One process of these works through one share of the points.

    points.py N/OF TOP STORE REF sample|all|one OP CALL ACT N

STORE holds REF's image already; scratch stores are made below TOP."""
import collections
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

ERRORS = {
    "ENOSPC": "openat write mkdir rename renameat2 ftruncate sendfile "
              "mkdirat setxattr fsetxattr linkat symlinkat pwrite64",
    "EIO": "read pread64 write openat newfstatat getdents64 renameat2 "
           "unlink rmdir",
    "ENOMEM": "mmap clone3 memfd_create mprotect mount clone",
    "EMFILE": "openat pipe2 socketpair socket epoll_create1 fcntl dup2 "
              "recvmsg eventfd2 timerfd_create",
    "EINTR": "read write recvmsg sendmsg epoll_wait poll wait4 flock "
             "sendfile pread64",
}
# At a message's boundary; then where the disk or the process changes.
KILLS = ("sendmsg recvmsg renameat2 rename write mkdir openat clone3 execve "
         "execveat unlink flock close ftruncate mount pivot_root wait4 "
         "exit_group "
         "sendfile read fchownat mkdirat rmdir")
WHEN = (1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64)
OPERATIONS = ("fetch", "run", "stop")


def points(most, everything):
    """(operation, system call, what befalls it, at which of its calls);
    most says how often any process of an operation makes a call."""
    acts = [(c, "error=" + e) for e, calls in ERRORS.items()
            for c in calls.split()]
    acts += [(c, "signal=KILL") for c in KILLS.split()]
    for op in OPERATIONS:
        for c, act in acts:
            n = most[op].get(c, 0)
            for when in range(1, min(n, 200) + 1) if everything else WHEN:
                if when <= n:
                    yield op, c, act, when


class Faults:
    def __init__(self, top, full, ref):
        self.top, self.full, self.ref = top, full, ref
        self.trace = os.path.join(top, "trace")
        self.failures, self.hit, self.tried = [], 0, 0
        self.cgroups = lib.cgroups()
        self.serial = 0

    def store(self, full):
        self.serial += 1
        s = lib.Store(os.path.join(self.top, "f%d" % self.serial))
        if full:
            subprocess.run(["cp", "-a", self.full, s.dir], check=True)
        return s

    def argv(self, s, op):
        if op == "fetch":
            return s.argv(lib.INSECURE, "fetch", self.ref)
        script = ("echo x >/f; sleep 0.05; exit 3" if op == "run" else
                  "sleep 100")
        return s.argv(lib.INSECURE, "run", self.ref, "--", "/bin/sh", "-c",
                      script)

    def command(self, s, op, call, act, n):
        """Under strace; its status, or None when it had to be killed."""
        p = subprocess.Popen(
            ["strace", "-f", "-qq", "-o", self.trace, "-e", "trace=" + call,
             *(["--seccomp-bpf", "-e", "inject=%s:%s:when=%d" % (
                 call, act, n)] if act else []), *self.argv(s, op)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        try:
            if op == "stop":
                try:
                    p.wait(0.3)
                except subprocess.TimeoutExpired:
                    berth = []          # strace may not have come so far
                    while not berth and p.poll() is None:
                        berth = [q for q, n in lib.descendants(
                            p.pid).items() if n == "berth"]
                    lib.kill(berth, signal.SIGTERM)
            _, err = p.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            where = " ".join("%s:%s" % (name, waits(pid)) for pid, name in
                             lib.descendants(p.pid).items())
            lib.kill(lib.descendants(p.pid))
            p.kill()
            p.communicate()
            return None, where
        return p.returncode, err.decode(errors="replace")

    def profile(self):
        """The calls that one process makes at most, when all goes well."""
        most = {}
        for op in OPERATIONS:
            s = self.store(op != "fetch")
            self.command(s, op, "all", None, 0)
            self.quiet()
            counts = collections.Counter()
            with open(self.trace, errors="replace") as f:
                for line in f:
                    m = re.match(r"(\d+) +(\w+)\(", line)
                    if m:
                        counts[m.groups()] += 1
            most[op] = {}
            for (_, call), n in counts.items():
                most[op][call] = max(n, most[op].get(call, 0))
            shutil.rmtree(s.dir, ignore_errors=True)
        return most

    def quiet(self, seconds=30):
        end = time.monotonic() + seconds
        while lib.descendants():
            if time.monotonic() > end:
                return lib.descendants()
            time.sleep(0.005)
        return {}

    def one(self, op, call, act, n):
        s = self.store(op != "fetch")
        self.tried += 1
        wrong = []
        status, err = self.command(s, op, call, act, n)
        with open(self.trace, errors="replace") as f:
            text = f.read()
        hit = "INJECTED" in text or ("SIGKILL" in text and "KILL" in act)
        self.hit += hit
        # Under a tracer, and only there, the first process of a namespace
        # does not die of a fault of its own but runs into it again.
        if status is None and text.count("--- SIGSEGV") < 100:
            wrong.append("did not end")
        left = self.quiet()
        if left:
            wrong.append("processes %r" % left)
            lib.kill(left)
            self.quiet()
        wrong += whole(s) + chained(s, False)
        wrong += self.afterwards(s)
        if wrong:
            self.failures.append("%s: %s %s when=%d: %s (%r)" % (
                op, call, act, n, "; ".join(wrong), err[-300:]))
        shutil.rmtree(s.dir, ignore_errors=True)
        return hit

    def afterwards(self, s):
        """The next commands work and leave nothing behind."""
        wrong = []
        for argv, want in ((s.argv(lib.INSECURE, "fetch", self.ref), 0),
                           (s.argv(lib.INSECURE, "run", self.ref, "--",
                                   "/bin/sh", "-c", "exit 5"), 5)):
            r = lib.command(argv)
            if r.returncode != want:
                wrong.append("next %s: %d %s" % (argv[3], r.returncode,
                                                 r.stderr[-300:]))
        left = self.quiet()
        if left:
            wrong.append("then processes %r" % left)
        wrong += whole(s) + chained(s, True)
        if s.leftovers():
            wrong.append("left %r" % s.leftovers())
        more = {c for c in lib.cgroups() - self.cgroups if any(
            u in c for u in pods(s))}
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
    return {r.get("detail") for r in s.audit()} - {None}


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
    random.Random(7).shuffle(every)     # any time's worth is a fair sample
    limit = time.monotonic() + float(os.environ.get("FAULT_SECONDS", "1e9"))
    least = int(os.environ.get("FAULT_HITS", "0"))      # however long
    for p in every[n::of]:
        if (time.monotonic() > limit and f.hit >= least) or \
                len(f.failures) >= 20:
            break
        f.one(*p)
    print(json.dumps({"all": len(every), "tried": f.tried, "hit": f.hit,
                      "failures": f.failures}))


if __name__ == "__main__":
    main()
