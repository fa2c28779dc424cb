# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""Helpers and command lines that lie to the engine, and an engine to its
broker, in every way that msg.def allows one to think of; real ones beside
them must not notice."""
import os
import shutil
import signal
import subprocess

import pytest

import lib

HELPERS = ("berth-conf", "berth-engine", "berth-fetch", "berth-http",
           "berth-init", "berth-unpack")
TOOLS = os.path.join(lib.OUT, "proto")


class Den:
    """A broker among liars: its own programs and a store with busybox."""

    def __init__(self, top, shared, name, liars):
        self.dir = os.path.join(top, name)
        os.makedirs(os.path.join(self.dir, "real"))
        for p in ("berth", "berthd"):
            shutil.copy(os.path.join(lib.OUT, p), self.dir)
        for p in HELPERS:
            shutil.copy(os.path.join(lib.OUT, p),
                        os.path.join(self.dir, "real"))
            if p in liars:
                self.liar(p)
            else:
                shutil.copy(os.path.join(lib.OUT, p), self.dir)
        with open(os.path.join(self.dir, "plan"), "wb") as f:
            f.truncate(65536)
        os.chmod(os.path.join(self.dir, "plan"), 0o666)
        self.store = lib.Store(os.path.join(self.dir, "store"))
        subprocess.run(["cp", "-a", shared.dir, self.store.dir], check=True)
        self.image = shared.id
        self.conf = os.path.join(self.dir, "berthd.conf")
        with open(self.conf, "w") as f:
            f.write('store "%s"\nlisten on 127.0.0.1 port %d\n' % (
                self.store.dir, lib.free_port()))

    def liar(self, name):
        """It has no environment, and no name of its own in /proc."""
        with open(os.path.join(TOOLS, "liar"), "rb") as f:
            program = f.read()
        place = b"PLACE OF THE PLAN"
        here = self.dir.encode()
        assert program.count(place) == 1
        at = program.index(place)
        with open(os.path.join(self.dir, name), "wb") as f:
            f.write(program[:at] + here + b"\0" + program[
                at + len(here) + 1:])
        os.chmod(os.path.join(self.dir, name), 0o755)

    def program(self, name):
        return os.path.join(self.dir, name)

    def abuse(self, mode, *more):
        return [os.path.join(TOOLS, "abuse"), "-m", mode, "-d", self.dir,
                "-s", self.store.dir, "-c", self.conf, "-i", self.image,
                *more]


class Daemon:
    """The broker, with a pod that says how it fares ten times a second."""

    def __init__(self, den):
        self.den = den
        self.log = os.path.join(den.dir, "log")
        with open(self.log, "wb") as f:
            self.proc = subprocess.Popen(
                [den.program("berthd"), "-d", "-f", den.conf],
                stdin=subprocess.DEVNULL, stdout=f, stderr=f,
                start_new_session=True)
        lib.await_true("the socket", lambda: lib.daemon_on(den.store))
        self.pod = subprocess.Popen(
            [den.program("berth"), "--dir=" + den.store.dir, "run", den.image,
             "--", "/bin/sh", "-c",
             "while :; do cat /proc/uptime; sleep 0.1; done"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        self.lines, wait_for = lib.reader(self.pod.stdout)
        wait_for(".")

    def stop(self):
        """The pod has lived without a break; both end as they should."""
        alive = self.pod.poll() is None and self.proc.poll() is None
        self.pod.send_signal(signal.SIGTERM)
        status = self.pod.wait(20)
        ticks = [float(x.split()[0]) for x in self.lines]
        gap = max(b - a for a, b in zip(ticks, ticks[1:]))
        self.proc.send_signal(signal.SIGTERM)
        return alive, status, gap, self.proc.wait(20)


def summary(out):
    return int(out.strip().splitlines()[-1].split()[1])


@pytest.fixture
def den(scratch, shared, request):
    made = []

    def make(name, liars=tuple(p for p in HELPERS if p != "berth-engine")):
        made.append(Den(scratch, shared, name, liars))
        return made[-1]
    yield make
    for d in made:
        shutil.rmtree(d.dir)


@pytest.mark.parametrize("level", [
    "most", pytest.param("all", marks=pytest.mark.long)])
def test_every_message_in_every_state(den, level):
    shards = 2
    dens = [den("liars%d" % i) for i in range(shards)]
    daemons = [Daemon(d) for d in dens]
    drivers = [subprocess.Popen(
        d.abuse("daemon", "-p", str(b.proc.pid), "-S", "%d/%d" % (i, shards),
                *(["-a"] if level == "all" else [])),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
        for i, (d, b) in enumerate(zip(dens, daemons))]
    said = [p.communicate(timeout=900) for p in drivers]
    ends = [b.stop() for b in daemons]
    for (out, err), p, b, end in zip(said, drivers, daemons, ends):
        print(out, err)
        assert p.returncode == 0, err
        alive, status, gap, daemon = end
        assert alive and status == 143 and daemon == 0, (end, open(
            b.log, encoding="utf-8").read()[-2000:])
        assert gap < 15, gap                # drive.h's patience is longer
    assert sum(summary(out) for out, _ in said) >= 12000


@pytest.mark.parametrize("liars, cases, seconds", [
    ("http", 100, 120), ("conf", 300, 240), ("private", 200, 120),
    ("broker", 2000, 240)])
def test_liars(den, liars, cases, seconds):
    """The HTTP worker, the configuration's reader, a private broker's; and
    somebody in the place of an engine's broker."""
    d = den(liars)
    r = lib.command(d.abuse(liars), timeout=seconds)
    assert r.returncode == 0, r.stderr
    assert summary(r.stdout) >= cases


def test_engines(den):
    """A broker for each lie of an engine's; and a daemon for one that does
    not hear that it shall end."""
    liars = ("berth-engine",)
    modes = (("engine", "-S", "0/2"), ("engine", "-S", "1/2"), ("mute",))
    drivers = [subprocess.Popen(
        den("engine%d" % i, liars).abuse(*m), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, encoding="utf-8")
        for i, m in enumerate(modes)]
    said = [p.communicate(timeout=400) for p in drivers]
    for (out, err), p in zip(said, drivers):
        print(out, err)
        assert p.returncode == 0, err
    assert sum(summary(out) for out, _ in said) >= 2500


def test_stop_with_a_job_in_hand(den):
    d = den("stop")
    r = lib.command(d.abuse("stop"), timeout=120)
    assert r.returncode == 0, r.stderr
