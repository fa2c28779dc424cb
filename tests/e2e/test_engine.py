# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""Broker and engine: what one of them does to the other, and its end."""
import contextlib
import fcntl
import os
import resource
import shutil
import socket
import struct
import subprocess
import time

import pytest

import lib

TTY = 1                                 # RUN_TTY of proto/msg.h
OBJECTS = ["proto/msg.o", "proto/msg_check.o", "proto/msg_check_name.o",
           "proto/msg_check_engine.o", "proto/chan.o", "common/log.o",
           "common/valid.o", "common/ref.o", "common/refname.o"]


@pytest.fixture(scope="module")
def enemy(scratch):
    """berthd beside an engine that is not ours."""
    top = os.path.join(scratch, "enemy")
    os.mkdir(top)
    for n in os.listdir(lib.OUT):
        if n == "berthd" or n.startswith("berth-"):
            shutil.copy2(os.path.join(lib.OUT, n), top)
    san = ["-fsanitize=address,undefined"] if lib.SANITIZED else []
    os.unlink(os.path.join(top, "berth-engine"))
    subprocess.run(
        ["cc", "-D_GNU_SOURCE", *san, "-o", os.path.join(top, "berth-engine"),
         os.path.join(lib.HERE, "enemy.c"),
         *(os.path.join(lib.OUT, "obj", o) for o in OBJECTS)], check=True)
    return os.path.join(top, "berthd")


def does(berthd, store, deed, *options):
    """Such a daemon, and how it ended."""
    conf = store.dir + ".conf"
    with open(conf, "w", encoding="utf-8") as f:
        f.write('store "%s"\nlisten on 127.0.0.1 port %d\n' % (
            store.dir, lib.free_port()))
    store("image", "list")              # it is made, and the engine's
    with open(store.path("deed"), "w", encoding="ascii") as f:
        f.write(deed)
    return lib.command([berthd, "-d", *options, "-f", conf], timeout=20)


@pytest.mark.parametrize("deed,status", [("forlorn", 3), ("twice", 1)])
def test_nobody_is_made_for_a_dead_engine(enemy, store, deed, status):
    """It has asked for many before its end, and each could live on."""
    assert does(enemy, store, deed).returncode == status


def test_last_words_of_the_engine(enemy, store):
    r = does(enemy, store, "words")
    assert r.returncode == 3
    assert ["berthd: last word %d" % i for i in range(100)] == [
        x for x in r.stderr.splitlines() if "last word" in x], r


def configured(store, *more):
    return 'store "%s"\nlisten on 127.0.0.1 port %d\n%s' % (
        store.dir, lib.free_port(), "".join(more))


def engine_of(broker):
    return lib.await_true("the engine", lambda: [
        p for p, n in lib.descendants(broker).items()
        if n == "berth-engine"])[0]


def test_more_connections_than_descriptors(store):
    """Who connects when the engine has none to spare is turned away, and
    nobody else notices."""
    d = lib.Daemon(store, configured(store))
    engine = engine_of(d.proc.pid)
    had = len(os.listdir("/proc/%d/fd" % engine))
    resource.prlimit(engine, resource.RLIMIT_NOFILE, (had + 8, had + 8))
    crowd = []
    try:
        for _ in range(16):
            s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            s.connect(store.path("sock"))
            crowd.append(s)
        time.sleep(0.3)
        assert d.alive(), d.lines
    finally:
        for s in crowd:
            s.close()
    lib.await_true("an answer", lambda: store("image", "list").returncode == 0)
    assert engine_of(d.proc.pid) == engine
    assert d.stop() == 0


def test_a_stranger_in_the_trash(store):
    """A name that berth gives to nothing is nobody's to say."""
    store("image", "list")
    os.makedirs(store.path("trash", "Old.things", "in"))
    os.chmod(store.path("trash", "Old.things"), 0o755)
    store.give("trash/Old.things")
    d = lib.Daemon(store, configured(store))
    store.ok("image", "list")
    time.sleep(0.3)
    assert d.stop() == 0, d.lines
    shutil.rmtree(store.path("trash", "Old.things"))


def test_terminal_is_not_to_be_read(store):
    """Standard error is often the terminal that its owner types into."""
    master, slave = os.openpty()
    conf = store.dir + ".conf"
    with open(conf, "w", encoding="utf-8") as f:
        f.write(configured(store))
    p = subprocess.Popen([lib.BERTHD, "-d", "-f", conf], stderr=slave,
                         stdin=slave, stdout=slave, start_new_session=True)
    os.close(slave)
    try:
        lib.await_true("a daemon", lambda: lib.daemon_on(store))
        pids = lib.await_true("its helpers", lambda: len(
            lib.descendants(p.pid)) > 1 and lib.descendants(p.pid))
        for pid in pids:
            for fd in os.listdir("/proc/%d/fd" % pid):
                if os.readlink("/proc/%d/fd/%s" % (pid, fd)).startswith(
                        "/dev/pts/"):
                    with open("/proc/%d/fdinfo/%s" % (pid, fd)) as f:
                        flags = int(f.read().split("flags:")[1].split()[0], 8)
                    assert (pid, fd, flags & os.O_ACCMODE) == (
                        pid, "2", os.O_WRONLY)
    finally:
        p.terminate()
        assert p.wait(20) == 0
        os.close(master)


def test_the_engine_s_link_to_another_daemon(stores, registry):
    """The socket's name lies in a directory that is the engine's: whither it
    points, our words do not go."""
    a, b = stores(), stores()
    a.ok("image", "list")
    d = lib.Daemon(b, configured(b))
    id_ = b.fetch(registry.ref("busybox"))
    os.symlink(b.path("sock"), a.path("sock"))
    assert a.ok("image", "list", "--format=json").stdout == "[]\n"
    assert a("image", "rm", id_).returncode == 1
    assert len(b.images()) == 1
    assert d.stop() == 0


def test_no_pod_outlives_its_daemon(store, registry):
    """Whoever says what in its name: here a client that is not ours."""
    d = lib.Daemon(store, configured(store))
    id_ = store.fetch(registry.ref("busybox"))
    record = os.memfd_create("record", os.MFD_ALLOW_SEALING)
    os.write(record, b"berthR1\n")
    fcntl.fcntl(record, fcntl.F_ADD_SEALS, 0xf)
    run = struct.pack("=IIQIIHH136s65s3x", TTY, 0, 0, 0, 0, 0, 0,
                      id_.encode(), b"")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.connect(store.path("sock"))
        socket.send_fds(s, [struct.pack("=HHIIII", 1, 2, len(run), 2, 1, 0) +
                            run], [record])
        os.close(record)
        pods = lib.await_true("a pod", lambda: [
            p for p, n in lib.descendants(d.proc.pid).items() if n == "sh"])
        d.kill()
        lib.await_true("their end", lambda: not any(
            os.path.exists("/proc/%d" % p) for p in pods))
    os.unlink(store.path("sock"))
    store.ok("image", "list")           # tidies up


def test_descriptors_that_nobody_takes(store, registry):
    """The kernel counts what the engine has passed and was not received:
    beyond its limit it can pass none, to the broker either."""
    d = lib.Daemon(store, configured(store))
    id_ = store.fetch(registry.ref("busybox"))
    engine = engine_of(d.proc.pid)
    resource.prlimit(engine, resource.RLIMIT_NOFILE, (64, 64))
    name = struct.pack("512s", id_.encode())
    ask = struct.pack("=HHIIII", 1, 5, len(name), 2, 1, 0) + name
    crowd = []
    try:
        for _ in range(10):
            s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            crowd.append(s)
            s.connect(store.path("sock"))
            with contextlib.suppress(BrokenPipeError):  # one too many
                for _ in range(10):
                    s.send(ask)
        lib.await_true("too many", lambda: "oo many" in store.run(
            id_, "--", "true").stderr)
        assert d.alive(), d.lines
    finally:
        for s in crowd:
            s.close()
    lib.await_true("room", lambda: store.run(
        id_, "--", "true").returncode == 0)
    assert engine_of(d.proc.pid) == engine
    assert d.stop() == 0
