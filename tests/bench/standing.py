# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""Rows about what stands: memory, the endpoints, removal, growth."""
import os
import shutil
import statistics
import subprocess
import time

import measure
from measure import Case, Failed, interleave, paired, ratio, sh
from verdict import Verdict, against


def pods(b):
    """What each of 20 running containers costs beyond its app."""
    store, image = b.stored("tiny")
    n = 20
    with b.daemon(store) as daemon:
        idle = measure.pss(measure.below([daemon.pid]))
        clis = [subprocess.Popen(b.run(store, image, args=("sleep", "600")),
                                 stdin=measure.NULL, stdout=measure.NULL,
                                 stderr=measure.NULL) for _ in range(n)]
        try:
            def apps():
                return [p for p, name in measure.below([daemon.pid]).items()
                        if name == "sleep"]
            measure.wait_until("20 apps", lambda: len(apps()) == n)
            time.sleep(0.5)
            procs = measure.below([daemon.pid])
            helper = measure.pss(
                p for p, name in procs.items() if name != "sleep") - idle
            cli = measure.pss(p.pid for p in clis)
        finally:
            for p in clis:
                b.end(p)
    out = [Verdict("memory per running container, broker's share and pid 1",
                   helper / n, "KiB", goal=150),
           Verdict("the command line that waits for it", cli / n, "KiB")]
    conmon = b.conmon()
    if conmon:
        out.append(Verdict("memory per running container", helper / n, "KiB",
                           "conmon", helper / n / conmon, 0.45))
    return out


def idle(b):
    store, _ = b.stored("tiny")
    seen = []
    for _ in range(b.rounds(3)):
        with b.daemon(store, listen=True) as daemon:
            time.sleep(0.5)
            seen.append(measure.pss(measure.below([daemon.pid])) / 1024)
    return [Verdict("idle daemon, all processes", statistics.median(seen),
                    "MiB", goal=4)]


def wrk(url, connections):
    """(requests a second, p99 in seconds) of one run without an error."""
    text = sh(["wrk", "-t1", "-c%d" % connections, "-d3s", "--latency",
               "--timeout", "10s", url])
    value = {}
    for line in text.splitlines():
        f = line.split()
        if f and f[0] in ("99%", "Requests/sec:"):
            value[f[0]] = f[1]
        if "Socket errors" in line or "Non-2xx" in line:
            raise Failed(line.strip())
    t = value["99%"]
    unit = {"us": 1e-6, "ms": 1e-3, "s": 1}[t.lstrip("0123456789.")]
    return float(value["Requests/sec:"]), float(t.rstrip("ums")) * unit


def health(b, connections):
    store, _ = b.stored("tiny")
    port = b.port()
    got = {"berth": [], "floor": []}
    floor = measure.Background(
        [b.floor("healthfloor"), str(port)], b.path("health.log"),
        lambda: b.listening(port))
    try:
        with b.daemon(store, listen=True) as daemon:
            for turn in range(-1, b.rounds(5)):
                for name, p in (("berth", daemon.port), ("floor", port)):
                    r = wrk("http://127.0.0.1:%d/health" % p, connections)
                    if turn >= 0:
                        got[name].append(r)
    finally:
        floor.stop()
    out = []
    for i, (what, unit, goal) in enumerate((
            ("requests", "/s", 1.0), ("p99", "ms", 1.0))):
        mine, theirs = (statistics.median(r[i] for r in got[n])
                        for n in ("berth", "floor"))
        out.append(Verdict(
            "/health, %d connections, %s" % (connections, what),
            mine * (1000 if i else 1), unit, "evhttp", mine / theirs, goal,
            statistics.median(x[i] / y[i] for x, y in zip(
                got["berth"], got["floor"])), i == 0, got))
    return out


def remove(b):
    out = []
    for image in [i for i in ("redis", "manyfiles", "big") if i in b.images]:
        ref, store, layers = b.registry.ref(image), b.path("d"), b.path("dl")
        answers, ids = [], []

        def fetched():
            b.wipe(store)
            ids[:] = [sh(b.fetch(store, ref)).strip()]
            b.settle()
            os.sync()

        def removed():
            begin = time.monotonic()
            answers.append(measure.timed(
                b.berth(store, "image", "rm", ids[0]), b.log))
            b.settle()
            return time.monotonic() - begin

        def pulled():
            b.wipe(layers)
            sh([b.floor("pullfloor"), "http://" + b.registry.addr, image,
                layers])
            os.sync()
        cases = interleave([
            Case("berth", removed, fetched),
            Case("rm -rf", ["rm", "-rf", layers], pulled)],
            b.rounds(5), b.log)
        b.wipe(store)
        out.append(Verdict("image rm of %s, answer" % image,
                           statistics.median(answers[1:]) * 1000, "ms",
                           goal=20))
        out += against("image rm of %s, all done" % image, cases, "berth",
                       [("rm -rf", 1.2)], "ms")
    return out


def images(b):
    """Starts beside 1,000 stored images."""
    store, image = b.stored("tiny")
    many = b.path("g")
    shutil.copytree(store, many, symlinks=True, ignore=lambda d, names: [
        n for n in names if n in ("sock", "lock")])
    stored = os.path.join(many, "images")
    (one,) = os.listdir(stored)
    for i in range(999):
        shutil.copytree(os.path.join(stored, one),
                        os.path.join(stored, "%0128x" % i))
    os.sync()           # writing them back is no part of a start
    with b.daemon(store), b.daemon(many):
        cases = interleave([
            Case("1 image", b.run(store, image)),
            Case("1,000 images", b.run(many, image))], b.rounds(31), b.log)
    b.wipe(many)
    return [Verdict("start beside 1,000 images",
                    cases["1,000 images"].median() * 1000, "ms", "1 image",
                    ratio(cases["1,000 images"], cases["1 image"]), 1.1,
                    paired(cases["1,000 images"], cases["1 image"]))]


def crowd(b):
    """Starts beside 500 running pods."""
    store, image = b.stored("tiny")
    clis = []
    with b.daemon(store) as daemon:
        try:
            alone = interleave([Case("alone", b.run(store, image))],
                               b.rounds(31), b.log)["alone"]
            for _ in range(b.npods):
                clis.append(subprocess.Popen(
                    b.run(store, image, args=("sleep", "600")),
                    stdin=measure.NULL, stdout=measure.NULL,
                    stderr=measure.NULL))
                if len(clis) % 20 == 0:
                    measure.wait_until("%d pods" % len(clis), lambda: sum(
                        n == "sleep" for n in measure.below(
                            [daemon.pid]).values()) >= len(clis), 60, 0.05)
            beside = interleave([Case("crowd", b.run(store, image))],
                                b.rounds(31), b.log)["crowd"]
        finally:
            for p in clis:
                b.end(p, wait=False)
            for p in clis:
                b.end(p)
    return [Verdict("start beside %d pods" % b.npods,
                    beside.median() * 1000, "ms", "0 pods",
                    ratio(beside, alone), 1.2)]


def linear(b):
    """A layer four times as large takes at most four times as long."""
    small, large = b.noise(16), b.noise(64)
    store = b.path("n")
    cases = interleave([
        Case(n, b.fetch(store, b.registry.ref(n)), lambda: b.wipe(store))
        for n in (small, large)], b.rounds(5), b.log)
    b.wipe(store)
    return [Verdict("fetch of 64 MiB of noise", cases[large].median() * 1000,
                    "ms", "16 MiB", ratio(cases[large], cases[small]), 4.2,
                    paired(cases[large], cases[small]))]
