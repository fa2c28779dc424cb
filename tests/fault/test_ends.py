# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""The daemon's two processes: whichever is killed while something runs, the
other ends with all that they had, and the next start clears the rest."""
import os
import signal
import subprocess
import time

import pytest

import lib
import points
import tracer
from lib import INSECURE, Daemon

LIMITS, CGROUPS = points.LIMITS, points.CGROUPS


@pytest.fixture
def daemon(store):
    started = []

    def start(text):
        started.append(Daemon(store, text))
        return started[-1]
    yield start
    for d in started:                   # where the test did not come so far
        d.kill()


@pytest.fixture(params=["berth-engine", "berthd"])
def who(request):
    return request.param


def pid_of(d, name):
    if name == "berthd":
        return d.proc.pid
    return lib.await_true(name, lambda: [p for p, n in lib.descendants(
        d.proc.pid).items() if n == name])[0]


def conf(store, more=""):
    return 'store "%s"\nlisten on 127.0.0.1 port %d\n%s' % (
        store.dir, lib.free_port(), more)


def uuids(store):
    return points.pods(store)


def cgroups(store):
    return {c for c in lib.cgroups() if any(u in c for u in uuids(store))}


def kill(d, who):
    """And what becomes of both; the daemon's status."""
    os.kill(pid_of(d, who), signal.SIGKILL)
    status = d.proc.wait(20)
    if who == "berthd":
        assert status == -signal.SIGKILL
    else:
        assert status == 1
        d.wait_for("berth-engine was killed by signal 9")


def ends(children, before):
    lib.await_true("the end of all", lambda: not [
        p for p in lib.descendants() if p not in before])
    for c in children:
        c.communicate(timeout=20)


def cleared(daemon, store, ref):
    """By the next start, at once: nobody waits for the dead."""
    d = daemon(conf(store))
    try:
        store.fetch(ref)
        r = store.run(*LIMITS, ref, "--", "/bin/sh", "-c", "exit 5")
        assert r.returncode == 5, r
        lib.await_true("tidy", lambda: not store.leftovers())
        assert not cgroups(store)
        assert points.whole(store) == []
        assert points.chained(store, True) == []
    finally:
        assert d.stop() == 0


def test_killed_while_pods_run(daemon, store, shared, who):
    before = lib.descendants()
    store.fetch(shared.ref)
    d = daemon(conf(store))
    ps = [store.popen(INSECURE, "run", *LIMITS, shared.ref, "--", "/bin/sh",
                      "-c", "echo up; sleep 1000 & sleep 1000")
          for _ in range(3)]
    for p in ps:
        assert p.stdout.readline() == b"up\n"
    assert len(cgroups(store)) == 3 * CGROUPS
    kill(d, who)
    if who == "berth-engine":
        assert not cgroups(store)       # berthd has removed them
    cleared(daemon, store, shared.ref)
    ends(ps, before)
    assert all(p.returncode not in (0, None) for p in ps)


def test_killed_private_while_a_pod_runs(daemon, store, shared, who):
    before = lib.descendants()
    store.fetch(shared.ref)
    p = store.popen(INSECURE, "run", *LIMITS, shared.ref, "--", "/bin/sh",
                    "-c", "echo up; sleep 1000 & sleep 1000")
    assert p.stdout.readline() == b"up\n"
    assert len(cgroups(store)) == CGROUPS
    pid, = (q for q, n in lib.descendants(p.pid).items() if n == who)
    os.kill(pid, signal.SIGKILL)
    _, err = p.communicate(timeout=20)
    assert p.returncode == 125, err
    assert b"berth: " in err.replace(b"berth: warning: ", b""), err
    cleared(daemon, store, shared.ref)
    ends([], before)


@pytest.mark.parametrize("delay", [0, 0.1, 0.4])
def test_killed_while_a_fetch_runs(daemon, store, shared, registry, tmp_path,
                                   who, delay):
    before = lib.descendants()
    slow = lib.Nginx(str(tmp_path / "slow"), """
      server { listen 127.0.0.1:PORT;
        location ~ /blobs/ { proxy_pass http://%(r)s; limit_rate 500k;
          proxy_set_header Host $http_host; }
        location / { proxy_pass http://%(r)s;
          proxy_set_header Host $http_host; } }
    """ % {"r": registry.addr})
    try:
        d = daemon(conf(store))
        p = store.popen(INSECURE, "fetch", slow.ref("redis"))
        pid_of(d, "berth-fetch")
        time.sleep(delay)
        kill(d, who)
        _, err = p.communicate(timeout=20)
        assert p.returncode == 1 and b"berth: " in err, err
        assert store.images() == []
        cleared(daemon, store, shared.ref)
        assert len(store.images()) == 1
    finally:
        slow.stop()
    ends([], before)


def test_killed_while_an_app_runs(daemon, store, shared, who):
    before = lib.descendants()
    store.fetch(shared.ref)
    c = conf(store, """insecure-options { image http }
app "sleeper" {
	image "%s"
	exec "/bin/sh"
	argument "-c" "sleep 1000 & sleep 1000"
	pids 50
	memory 64M
}
""" % shared.ref)
    d = daemon(c)
    port = int(c.split()[6])
    lib.await_true("ready", lambda: ready(port))
    assert lib.http(port, "/start")[0] == 200
    lib.await_true("it", lambda: [n for n in lib.descendants(
        d.proc.pid).values() if n == "sleep"])
    kill(d, who)
    if who == "berth-engine":
        assert not cgroups(store)
    cleared(daemon, store, shared.ref)
    ends([], before)


def ready(port):
    try:
        return lib.http(port, "/ready")[0] == 200
    except OSError:
        return False


# What a start asks for in berthd, but for what an app may live without.
FAILS = [("clone3", "ENOMEM", 1), ("clone3", "EAGAIN", 1),
         ("clone3", "EMFILE", 1), ("pipe2", "EMFILE", 1)] + [
    ("openat", "EMFILE", n) for n in range(1, 3 + 3 * CGROUPS)] + [
    ("write", "EINVAL", n) for n in range(1, 3 + 3 * CGROUPS)] + [
    ("mkdir", "ENOMEM", n) for n in range(1, 1 + CGROUPS)]


@pytest.mark.parametrize("call,error,n", FAILS)
def test_a_process_that_cannot_be_made(daemon, store, shared, call, error, n):
    """The request fails with a line, and nothing else does."""
    store.fetch(shared.ref)
    d = daemon(conf(store))
    log = store.dir + ".trace"
    other = store.popen(INSECURE, "run", shared.ref, "--", "cat",
                        stdin=subprocess.PIPE)
    pid_of(d, "cat")
    with tracer.traced(d.proc.pid, call, "error=" + error, n, log):
        r = store.run(*LIMITS, shared.ref, "--", "/bin/sh", "-c", "exit 5")
    os.unlink(log)
    if n == 1 or r.returncode != 5:     # it may make less of these calls
        lib.failed(r, 125)
    r = store.run(*LIMITS, shared.ref, "--", "/bin/sh", "-c", "exit 5")
    assert r.returncode == 5, r
    out, _ = other.communicate(b"still here\n", timeout=20)
    assert (out, other.returncode) == (b"still here\n", 0)
    assert not cgroups(store)
    assert d.stop() == 0


def test_more_pods_than_descriptors(store, shared):
    """Who comes when none is left is sent away; who runs goes on."""
    store.fetch(shared.ref)
    with open(store.dir + ".conf", "w", encoding="ascii") as f:
        f.write(conf(store))
    d = subprocess.Popen(["prlimit", "--nofile=64:64", lib.BERTHD, "-d", "-f",
                          f.name], stderr=subprocess.DEVNULL)
    try:
        lib.await_true("the daemon", lambda: lib.daemon_on(store))
        first = store.popen(INSECURE, "run", shared.ref, "--", "cat",
                            stdin=subprocess.PIPE)
        lib.app_pid(d, "cat")
        ps = [store.popen(INSECURE, "run", shared.ref, "--", "sleep", "1")
              for _ in range(40)]
        for p in ps:
            p.communicate(timeout=60)
        assert any(p.returncode == 125 for p in ps)
        out, _ = first.communicate(b"still here\n", timeout=20)
        assert (out, first.returncode) == (b"still here\n", 0)
        assert store.run(shared.ref, "--", "true").returncode == 0
        assert d.poll() is None
    finally:
        d.terminate()
        assert d.wait(20) == 0


@pytest.mark.parametrize("inject", [
    "clone:error=EAGAIN:when=1", "clone:error=ENOMEM:when=1",
    "pipe2:error=EMFILE:when=2"])
def test_a_daemon_that_cannot_go_into_the_background(store, inject):
    before = lib.descendants()
    c = store.dir + ".conf"
    with open(c, "w", encoding="ascii") as f:
        f.write(conf(store))
    r = lib.command(["strace", "-f", "-qq", "--seccomp-bpf", "-o",
                     "/dev/null", "-e", "trace=" + inject.split(":")[0],
                     "-e", "inject=" + inject, lib.BERTHD, "-f", c])
    lines = r.stderr.splitlines()
    assert r.returncode == 1 and len(lines) == 1, r
    assert lines[0].startswith("berthd: "), r
    ends([], before)


def test_a_record_written_in_halves(daemon, store, shared):
    """Whatever the kernel takes of a line, the rest of it follows."""
    store.fetch(shared.ref)
    d = daemon(conf(store))
    engine = pid_of(d, "berth-engine")
    log = store.dir + ".trace"
    runs = 0
    for n in range(1, 9):
        with tracer.traced(engine, "write", "short", n, log):
            assert store.run(shared.ref, "--", "/bin/sh", "-c",
                             "exit 5").returncode == 5
            runs += 1
        lib.await_true("the outcome", lambda: sum(
            r["action"] == "run" and "cause" in r
            for r in store.audit()) == runs)
        assert points.chained(store, True) == []
    os.unlink(log)
    assert d.stop() == 0
