# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""Measuring: wall clocks, interleaved rounds, memory of process trees.

The cases of a row are run in turn, one after the other in each round, so
that what disturbs the machine disturbs all of them alike; each round begins
with another one, so that none always pays for what another left behind."""
import os
import signal
import statistics
import subprocess
import threading
import time

NULL = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)


class Failed(Exception):
    """A case could not be measured: its row says why."""


def sh(argv, check=True, timeout=600, **k):
    """Runs to its end; returns what it printed."""
    r = subprocess.run([str(a) for a in argv], stdin=NULL, timeout=timeout,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       encoding="utf-8", errors="replace", **k)
    if check and r.returncode:
        raise Failed("%s: status %d: %s" % (
            argv[0], r.returncode, (r.stderr + r.stdout)[-300:].strip()))
    return r.stdout


def timed(argv, log):
    """Seconds from before it is started to after it has ended."""
    actions = [(os.POSIX_SPAWN_DUP2, NULL, 0),
               (os.POSIX_SPAWN_OPEN, 1, log,
                os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
               (os.POSIX_SPAWN_DUP2, 1, 2)]
    begin = time.monotonic()
    pid = os.posix_spawnp(argv[0], argv, os.environ, file_actions=actions)
    _, status = os.waitpid(pid, 0)
    wall = time.monotonic() - begin
    if status != 0:
        with open(log, errors="replace") as f:
            raise Failed("%s: status %d: %s" % (
                os.path.basename(argv[0]),
                os.waitstatus_to_exitcode(status),
                " ".join(f.read()[-300:].split())))
    return wall


class Case:
    """One way to do what a row measures: argv, or a function that returns
    the seconds itself.  prep and post are not measured."""

    def __init__(self, name, what, prep=None, post=None):
        self.name, self.what = name, what
        self.prep, self.post = prep, post
        self.walls, self.why = [], None

    def once(self, log):
        if self.prep:
            self.prep()
        try:
            if callable(self.what):
                return self.what()
            return timed([str(a) for a in self.what], log)
        finally:
            if self.post:
                self.post()

    def median(self):
        return statistics.median(self.walls)


def interleave(cases, rounds, log, warm=1):
    """Measures all; a case that fails is left out from then on."""
    for turn in range(-warm, rounds):
        first = turn % len(cases)
        for c in cases[first:] + cases[:first]:
            if c.why is not None:
                continue
            try:
                wall = c.once(log)
            except (Failed, OSError, subprocess.SubprocessError) as e:
                c.why, c.walls = str(e), []
                continue
            if turn >= 0:
                c.walls.append(wall)
    return {c.name: c for c in cases}


def ratio(a, b):
    """Of the medians; None when one is missing."""
    if a is None or b is None or not a.walls or not b.walls:
        return None
    return a.median() / b.median()


def paired(a, b):
    """Median of the ratios round by round."""
    if a is None or b is None or not a.walls or not b.walls:
        return None
    return statistics.median(x / y for x, y in zip(a.walls, b.walls))


# Processes and their memory.

def table():
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % pid, "rb") as f:
                head, rest = f.read().rsplit(b") ", 1)
        except OSError:
            continue
        fields = rest.split()
        found[int(pid)] = (int(fields[1]), fields[0].decode(),
                           head.split(b"(", 1)[1].decode(errors="replace"))
    return found


def below(roots):
    """Living processes at and below roots: {pid: name}."""
    procs = table()
    kids = {}
    for pid, (parent, _, _) in procs.items():
        kids.setdefault(parent, []).append(pid)
    found, todo = {}, list(roots)
    while todo:
        pid = todo.pop()
        if pid in procs and pid not in found and procs[pid][1] not in "ZX":
            found[pid] = procs[pid][2]
        todo += kids.get(pid, [])
    return found


def pss(pids):
    """KiB, each page shared out among those that have it."""
    total = 0
    for pid in pids:
        try:
            with open("/proc/%d/smaps_rollup" % pid) as f:
                for line in f:
                    if line.startswith("Pss:"):
                        total += int(line.split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue            # ended meanwhile
    return total


class Peak:
    """The largest PSS seen of berth's own processes below roots, but for
    those that are there already."""

    def __init__(self, roots, every=0.01):
        self.roots, self.every, self.kib = roots, every, 0
        self.old = below(roots).keys()
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def watch(self):
        while not self.stop.is_set():
            self.kib = max(self.kib, pss(
                p for p, name in below(self.roots).items()
                if name.startswith("berth") and p not in self.old))
            time.sleep(self.every)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


def wait_until(what, test, seconds=20, step=0.002):
    end = time.monotonic() + seconds
    while True:
        got = test()
        if got:
            return got
        if time.monotonic() > end:
            raise Failed("waited %d s for %s" % (seconds, what))
        time.sleep(step)


class Background:
    """A program that runs until stop()."""

    def __init__(self, argv, log, ready):
        self.log = log
        with open(log, "wb") as f:
            self.proc = subprocess.Popen(
                [str(a) for a in argv], stdin=NULL, stdout=f, stderr=f,
                start_new_session=True)
        self.pid = self.proc.pid
        try:
            wait_until(argv[0], lambda: self.up(ready))
        except BaseException:
            self.stop()
            raise

    def up(self, ready):
        if self.proc.poll() is not None:
            with open(self.log, errors="replace") as f:
                raise Failed("ended: " + f.read()[-300:])
        return ready()

    def stop(self, sig=signal.SIGTERM):
        if self.proc.poll() is None:
            self.proc.send_signal(sig)
        try:
            self.proc.wait(20)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
