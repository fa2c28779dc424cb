# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""Helpers die with their broker, at whatever moment it dies."""
import os
import re
import signal
import subprocess

import pytest

import lib


def conf(store):
    path = store.dir + ".conf"
    with open(path, "w", encoding="utf-8") as f:
        f.write('store "%s"\nlisten on 127.0.0.1 port %d\n' % (
            store.dir, lib.free_port()))
    return path


def started_by(broker):
    return {p for p, (ppid, state, _) in lib.proc_table().items()
            if ppid == broker and state not in "ZX"}


def gone(pids):
    table = lib.proc_table()
    return all(p not in table or table[p][1] in "ZX" for p in pids)


def test_workers_end_with_a_killed_daemon(store):
    d = lib.Daemon(store, 'store "%s"\nlisten on 127.0.0.1 port %d\n' % (
        store.dir, lib.free_port()))
    kids = lib.await_true("a worker", lambda: started_by(d.proc.pid))
    d.kill()
    lib.await_true("their end", lambda: gone(kids))


@pytest.mark.skipif(bool(os.environ.get("BERTH_SANITIZE")),
                    reason="the sanitizer's own calls are held up as well")
def test_broker_dies_before_its_helper_has_run(store):
    """The clone has all that the daemon had, its socket and its claim too;
    strace holds it up where it waits for its ids."""
    p = subprocess.Popen(
        ["strace", "-f", "-q", "-o", "/dev/null", "-e", "trace=read", "-e",
         "inject=read:delay_enter=1500000:when=1",
         lib.BERTHD, "-d", "-f", conf(store)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    try:
        broker = lib.await_true("the broker", lambda: lib.daemon_on(store))
        kids = lib.await_true("a helper", lambda: started_by(broker))
        os.kill(broker, signal.SIGKILL)
        lib.await_true("the broker's end", lambda: gone([broker]))
        store.ok("image", "list")
        with open(store.dir + ".conf", encoding="utf-8") as f:
            d = lib.Daemon(store, f.read())
        lib.await_true("its end", lambda: gone(kids))
        assert d.stop() == 0
    finally:
        p.wait(20)


@pytest.mark.skipif(bool(os.environ.get("BERTH_SANITIZE")),
                    reason="the sanitizer's own calls are held up as well")
def test_broker_dies_before_it_is_followed(store, tmp_path):
    """Killed between the clone and the helper's wish to die with it: the
    kernel sends no signal then.  strace holds the helper up just there,
    where it keeps nothing of the broker's but the port, in its channel."""
    log = str(tmp_path / "trace")
    held = 3000000                      # microseconds
    p = subprocess.Popen(
        ["strace", "-f", "-q", "-o", log, "-e", "trace=prctl,execveat",
         "-e", "inject=prctl:delay_enter=%d:when=1" % held,
         lib.BERTHD, "-d", "-f", conf(store)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    try:
        broker = lib.await_true("the broker", lambda: lib.daemon_on(store))
        kids = lib.await_true("a helper", lambda: started_by(broker))
        # the standard ones, its channel, the store and its program
        lib.await_true("what it keeps", lambda: len(os.listdir(
            "/proc/%d/fd" % min(kids))) == 6)
        os.kill(broker, signal.SIGKILL)
        lib.await_true("the broker's end", lambda: gone([broker]))
        store.ok("image", "list")
        assert not gone(kids)           # so it was asked in time
        with open(store.dir + ".conf", encoding="utf-8") as f:
            d = lib.Daemon(store, f.read())
        lib.await_true("its end", lambda: gone(kids))
        assert d.stop() == 0
    finally:
        p.wait(20)
    with open(log, encoding="utf-8", errors="replace") as f:
        text = f.read()
    helper, = kids
    mine = [x for x in text.splitlines() if x.startswith("%d " % helper)]
    assert any("PR_SET_PDEATHSIG" in x for x in mine), text
    assert not any("execveat" in x for x in mine), text
    # by itself, or by the signal where the kernel was late
    assert any(re.search("exited with 125|killed by SIGKILL", x)
               for x in mine), mine
