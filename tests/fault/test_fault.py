# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""Whatever system call fails and whoever is killed: no half image is seen,
nothing is left behind, the record holds and the next command works."""
import collections
import json
import os
import subprocess
import sys

import pytest

import lib
import points

HERE = os.path.dirname(os.path.abspath(__file__))


def empty(cgroup):
    try:
        with open(cgroup + "/cgroup.procs", encoding="ascii") as f:
            return f.read() == ""
    except FileNotFoundError:           # gone meanwhile, of a run beside us
        return False


def work(scratch, shared, how, seconds, least):
    """For so many seconds, and on until so many were killed."""
    shares = os.cpu_count() or 1
    before = lib.cgroups()
    env = dict(os.environ, FAULT_SECONDS=str(seconds),
               FAULT_KILLS=str(-(-least // shares)))
    procs = []
    for i in range(shares):
        top = os.path.join(scratch, "faults%d" % i)
        os.makedirs(top, exist_ok=True)
        procs.append(subprocess.Popen(
            [sys.executable, os.path.join(HERE, "points.py"),
             "%d/%d" % (i, shares), top, shared.dir, shared.ref, how],
            stdout=subprocess.PIPE, encoding="utf-8", env=env))
    said = [p.communicate()[0] for p in procs]
    assert [p.returncode for p in procs] == [0] * shares
    said = [json.loads(s) for s in said]
    failures = [f for s in said for f in s["failures"]]
    kills = collections.Counter()
    for s in said:
        kills.update(s["kills"])
    print("points: %d, tried %d, hit %d, killed %d:" % (
        said[0]["all"], *(sum(s[k] for s in said) for k in ("tried", "hit")),
        kills.total()), dict(kills))
    assert not failures, "\n".join(failures)
    # also of a pod whose start was not recorded any more
    lib.await_true("the end of cgroups", lambda: not [
        c for c in lib.cgroups() - before if empty(c)])
    assert kills.total() >= least
    # at a message's boundary and elsewhere: nobody is spared
    assert set(kills) >= {op.rsplit("-", 1)[0]
                          for op in points.OPERATIONS + points.HELPERS
                          if "berth" in op}, kills


def test_one(scratch, shared):
    """FAULT="fetch brk error=ENOMEM 11": one point, with its trace."""
    if "FAULT" not in os.environ:
        pytest.skip("FAULT is not set")
    subprocess.run([sys.executable, os.path.join(HERE, "points.py"), "0/1",
                    scratch, shared.dir, shared.ref, "one",
                    *os.environ["FAULT"].split()], check=True)


def test_sample(scratch, shared):
    work(scratch, shared, "sample", 60, 200)


@pytest.mark.parametrize("kib", [32, 64, 128, 256, 512, 768, 1024, 1280,
                                 1536, 1792, 2048, 2304, 2560, 3072])
def test_full_disk(scratch, shared, keeps_user_xattrs, kib):
    """Here a write is short before the next one fails."""
    top = os.path.join(scratch, "small")
    os.mkdir(top)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755,size=%dk" % kib,
                    "berth-test", top], check=True)
    try:
        if not keeps_user_xattrs(top):
            pytest.skip("this kernel's tmpfs keeps no user.* attributes")
        s = lib.Store(os.path.join(top, "s"))
        r = s(lib.INSECURE, "fetch", shared.ref)
        if r.returncode != 0:
            lib.failed(r, 1)
        assert points.whole(s) == [] and points.chained(s, False) == []
        subprocess.run(["mount", "-o", "remount,size=64m", top], check=True)
        s.fetch(shared.ref)
        assert s.run(shared.ref, "--", "/bin/sh", "-c",
                     "exit 5").returncode == 5
        lib.await_true("nothing left", lambda: s.leftovers() == [])
        assert points.whole(s) == [] and points.chained(s, True) == []
    finally:
        lib.await_true("umount", lambda: subprocess.run(
            ["umount", top], stderr=subprocess.DEVNULL,
            check=False).returncode == 0)
        os.rmdir(top)


@pytest.mark.long
def test_all(scratch, shared):
    work(scratch, shared, "all", 1e9, 2000)
