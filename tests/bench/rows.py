# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""What is measured: one function a row, each returning verdicts.

A verdict is one line of the table: what was measured, berth's figure, and
its ratio to a floor or a peer beside the goal; goal None only informs."""
import concurrent.futures
import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import time

import measure
from measure import Case, Failed, interleave, paired, ratio, sh
from peers import ping

FETCHED = ["tiny", "redis", "manyfiles", "big", "big-zstd"]
# to pullfloor; to the faster of docker and podman
FETCH_GOALS = {"tiny": (None, 0.5), "redis": (1.45, 0.35),
               "manyfiles": (1.45, 0.35), "big": (1.3, 0.35),
               "big-zstd": (1.3, 0.35)}


class Verdict:
    def __init__(self, what, value, unit, to=None, against=None, goal=None,
                 pairs=None, least=False, walls=None):
        self.what, self.value, self.unit = what, value, unit
        self.to, self.against, self.goal = to, against, goal
        self.pairs, self.least, self.walls = pairs, least, walls

    def judged(self):
        """The figure that the goal is about: the ratio if there is one."""
        return self.value if self.to is None else self.against

    def met(self):
        if self.goal is None or self.judged() is None:
            return None
        return (self.judged() >= self.goal if self.least
                else self.judged() <= self.goal)


def against(what, cases, mine, others, unit="s"):
    """Verdicts of berth's case against those of (name, goal)."""
    scale = {"s": 1, "ms": 1000}[unit]
    out = []
    for c in cases.values():
        out.append(Verdict(
            "%s: %s" % (what, c.name),
            c.median() * scale if c.walls else None, unit,
            walls=c.why or [round(w, 6) for w in c.walls]))
    for name, goal in others:
        out.append(Verdict(
            what, cases[mine].median() * scale if cases[mine].walls else None,
            unit, name, ratio(cases[mine], cases.get(name)), goal,
            paired(cases[mine], cases.get(name))))
    return out


def faster(cases, *names):
    have = [n for n in names if n in cases and cases[n].walls]
    return min(have, key=lambda n: cases[n].median()) if have else names[0]


# Fetching.

def fetch(b, image):
    """Cold: an empty store."""
    ref = b.registry.ref(image)
    store, out = b.path("f"), b.path("x")

    def clean(path):
        b.settle()
        shutil.rmtree(path, ignore_errors=True)
        os.sync()
    cases = [
        Case("berth", b.fetch(store, ref), lambda: clean(store)),
        Case("pullfloor", [b.floor("pullfloor"), "http://" + b.registry.addr,
                           image, out], lambda: clean(out))]
    if b.podman:
        cases.append(Case("podman", b.podman.pull(ref), b.podman.wipe))
        if b.have("buildah"):
            cases.append(Case("buildah", b.podman.buildah(ref),
                              b.podman.wipe))
    if b.docker:
        cases.append(Case("docker", b.docker.pull(ref), b.docker.wipe))
    if b.have("skopeo", "umoci"):
        cases.append(Case("skopeo+umoci", [
            "sh", "-c", "skopeo copy -q --src-tls-verify=false docker://%s "
            "oci:%s/oci:latest && umoci unpack --image %s/oci:latest %s/b" % (
                ref, out, out, out)],
            lambda: (clean(out), os.makedirs(out))))
    cases = interleave(cases, b.rounds(5), b.log)
    floor, peer = FETCH_GOALS[image]
    name = faster(cases, "docker", "podman")
    if image == "tiny":
        name = "docker"
    goals = [("pullfloor", floor), (name, peer)]
    out_ = against("cold fetch of " + image, cases, "berth", goals)
    if image == "tiny":
        out_.append(Verdict("cold fetch of tiny",
                            cases["berth"].median() * 1000, "ms", goal=50))
    clean(store)
    clean(out)
    return out_


def head(addr, path):
    """What the registry itself needs for one HEAD, without a client."""
    def once():
        begin = time.monotonic()
        with socket.create_connection(addr) as s:
            s.sendall(("HEAD %s HTTP/1.1\r\nHost: %s:%d\r\nAccept: "
                       "application/vnd.oci.image.manifest.v1+json\r\n\r\n" %
                       (path, *addr)).encode())
            if not s.recv(4096).startswith(b"HTTP/1.1 200"):
                raise Failed("HEAD " + path)
        return time.monotonic() - begin
    return once


def refetch(b):
    """Nothing has changed since."""
    out = []
    for image in [i for i in ("tiny", "redis") if i in b.images]:
        ref, store = b.registry.ref(image), b.path("again")
        sh(b.fetch(store, ref))
        host, port = b.registry.addr.split(":")
        cases = [
            Case("berth", b.fetch(store, ref, "--pull-policy=update"),
                 b.settle),
            Case("registry", head((host, int(port)),
                                  "/v2/%s/manifests/latest" % image))]
        for peer in (b.docker, b.podman):
            if peer:
                sh(peer.pull(ref))
                cases.append(Case(b.name(peer), peer.pull(ref)))
        cases = interleave(cases, b.rounds(15), b.log)
        out += against("fetch again, %s" % image, cases, "berth",
                       [("docker", 0.5), ("podman", None)], "ms")
        out.append(Verdict(
            "fetch again, %s, beyond the registry" % image,
            (cases["berth"].median() - cases["registry"].median()) * 1000,
            "ms", goal=15))
        b.wipe(store)
    return out


def top(b):
    """Another top layer: what is downloaded and what it takes."""
    store, old, new = b.path("top"), *(
        b.registry.ref(i) for i in ("redis", "redis-next"))
    layers = []

    def again():
        b.wipe(store)
        sh(b.fetch(store, old))
        b.settle()

    def update():
        begin = time.monotonic()
        r = subprocess.run(b.fetch(store, new), stdin=measure.NULL,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           encoding="utf-8")
        if r.returncode:
            raise Failed(r.stderr[-300:])
        layers.append(r.stderr.count("Downloading layer: "))
        return time.monotonic() - begin
    cases = interleave([Case("berth", update, again)], b.rounds(5), b.log)
    b.wipe(store)
    return against("fetch after the top layer changed", cases, "berth", [],
                   "ms") + [Verdict("layers downloaded then",
                                    max(layers, default=None), "", goal=1)]


def memory(b):
    """The largest PSS of everything that a fetch starts."""
    out = []
    for image in b.images:
        store = b.path("m")
        with measure.Peak([os.getpid()]) as peak:
            before = measure.pss(
                measure.below([os.getpid()]).keys() - {os.getpid()})
            for _ in range(3 if image == "tiny" else 1):
                sh(b.fetch(store, b.registry.ref(image)))
                b.wipe(store)
        out.append(Verdict("peak memory of a fetch of " + image,
                           max(0, peak.kib - before) / 1024, "MiB", goal=48))
    return out


# Starting.

def start(b):
    """berth run of a stored image by a private broker, start to exit."""
    store, image = b.stored("tiny")
    cases = [Case("berth", b.run(store, image), b.settle),
             Case("floor", b.start_floor()),
             Case("spawn", ["/bin/true"])]
    cases += b.start_peers()
    cases = interleave(cases, b.rounds(21), b.log)
    return against("run of tiny true, private broker", cases, "berth", [
        ("crun", 0.5), ("podman", 0.12), ("floor", None)], "ms")


def start_daemon(b):
    store, image = b.stored("tiny")
    limits = ["--memory=64M", "--pids=64"]
    with b.daemon(store):
        cases = [Case("berth", b.run(store, image)),
                 Case("floor", b.start_floor()),
                 Case("berth, cgroups", b.run(store, image, *limits)),
                 Case("floor, cgroups", b.start_floor("-c"))]
        cases += b.start_peers()
        cases = interleave(cases, b.rounds(31), b.log)
    what = "run of tiny true, daemon"
    return against(what, cases, "berth", [("floor", 1.5), ("crun", None),
                                          ("docker", None)], "ms") + [
        Verdict(what + ", cgroups", cases["berth, cgroups"].median() * 1000
                if cases["berth, cgroups"].walls else None, "ms",
                "floor, cgroups", ratio(cases["berth, cgroups"],
                                        cases["floor, cgroups"]), 1.5,
                paired(cases["berth, cgroups"], cases["floor, cgroups"]))]


def rate(b):
    """Starts a second, two at a time."""
    store, image = b.stored("tiny")
    each = 60

    def pair(argv, times=each):
        def once():
            def some(_):
                for _ in range(times // 2):
                    measure.timed([str(a) for a in argv], b.log)
            begin = time.monotonic()
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                list(pool.map(some, range(2)))
            return (time.monotonic() - begin) / times
        return once
    with b.daemon(store):
        cases = [Case("berth", pair(b.run(store, image))),
                 Case("floor", pair(b.start_floor()))]
        cases += [Case(c.name, pair(c.what, 20)) for c in b.start_peers(
            "x%d" % os.getpid())]
        cases = interleave(cases, b.rounds(5), b.log)
    out = []
    for name, goal in (("floor", 0.6), ("crun", 4), ("podman", None),
                       ("docker", None)):
        out.append(Verdict(
            "starts a second, 2 at a time, daemon",
            1 / cases["berth"].median() if cases["berth"].walls else None,
            "/s", name, ratio(cases.get(name), cases["berth"]), goal,
            paired(cases.get(name), cases["berth"]), True))
    return out


def redis(b, cold):
    """From the command to the first PONG on the host's network."""
    ref, store = b.registry.ref("redis"), b.path("r")
    layers, port = b.path("l"), b.port()
    args = ["redis-server", "--save", "", "--bind", "127.0.0.1", "--port",
            str(port)]
    todo = contextlib.ExitStack()

    def serve(argv, stop=None):
        def once():
            begin = time.monotonic()
            with open(b.log, "wb") as f:
                p = subprocess.Popen([str(a) for a in argv], stdout=f,
                                     stderr=f, stdin=measure.NULL)
            try:
                ping(port)
                return time.monotonic() - begin
            finally:
                if stop:
                    p.wait()
                    stop()
                else:
                    b.end(p)
                measure.wait_until("redis to end",
                                   lambda: not b.listening(port))
        return once

    def floors():
        begin = time.monotonic()
        if cold:
            sh([b.floor("pullfloor"), "http://" + b.registry.addr, "redis",
                layers])
        return time.monotonic() - begin + serve(b.redis_floor(layers, args))()
    if not cold:
        sh(b.fetch(store, ref))
        sh([b.floor("pullfloor"), "http://" + b.registry.addr, "redis",
            layers])
        todo.callback(b.wipe, layers)
    todo.callback(b.wipe, store)
    cases = [Case("berth", serve(b.run_ref(store, ref, args)),
                  (lambda: b.wipe(store)) if cold else b.settle),
             Case("floors", floors,
                  (lambda: b.wipe(layers)) if cold else None)]
    for peer in (b.podman, b.docker):
        if peer:
            if not cold:
                sh(peer.pull(ref))
            cases.append(Case(b.name(peer), serve(
                peer.run_host("rr", ref, args), lambda p=peer: p.stop("rr")),
                peer.wipe if cold else None))
    with todo:
        cases = interleave(cases, b.rounds(7), b.log)
        b.wipe(layers)
    return against(
        "redis, %s, to its first PONG" % ("not yet fetched" if cold
                                          else "stored"),
        cases, "berth", [("floors", 1.3), ("docker", 0.3)] if cold else [
            ("floors", 1.5), ("podman", 0.35)], "ms")


# Standing.

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


# Removing, growing.

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


def growth(b):
    """Starts beside 1,000 stored images and beside 500 running pods."""
    store, image = b.stored("tiny")
    many = b.path("g")
    shutil.copytree(store, many, symlinks=True, ignore=lambda d, names: [
        n for n in names if n in ("sock", "lock")])
    images = os.path.join(many, "images")
    (one,) = os.listdir(images)
    for i in range(999):
        shutil.copytree(os.path.join(images, one),
                        os.path.join(images, "%0128x" % i))
    clis = []
    with b.daemon(store) as d1, b.daemon(many):
        cases = interleave([
            Case("1 image", b.run(store, image)),
            Case("1,000 images", b.run(many, image))], b.rounds(31), b.log)
        out = [Verdict("start beside 1,000 images",
                       cases["1,000 images"].median() * 1000, "ms",
                       "1 image", ratio(cases["1,000 images"],
                                        cases["1 image"]), 1.1,
                       paired(cases["1,000 images"], cases["1 image"]))]
        try:
            alone = interleave([Case("alone", b.run(store, image))],
                               b.rounds(31), b.log)["alone"]
            for _ in range(b.npods):
                clis.append(subprocess.Popen(
                    b.run(store, image, args=("sleep", "600")),
                    stdin=measure.NULL, stdout=measure.NULL,
                    stderr=measure.NULL))
                if len(clis) % 20 == 0:
                    measure.wait_until("pods", lambda: sum(
                        n == "sleep" for n in measure.below(
                            [d1.pid]).values()) >= len(clis), 60, 0.05)
            crowd = interleave([Case("crowd", b.run(store, image))],
                               b.rounds(31), b.log)["crowd"]
        finally:
            for p in clis:
                b.end(p, wait=False)
            for p in clis:
                b.end(p)
    out.append(Verdict("start beside %d pods" % b.npods,
                       crowd.median() * 1000, "ms", "0 pods",
                       ratio(crowd, alone), 1.2))
    b.wipe(many)
    return out


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


def rows():
    """{name: (needed images, function of the bench)} in the order run."""
    made = {"fetch-" + i: ([i], lambda b, i=i: fetch(b, i)) for i in FETCHED}
    made.update({
        "refetch": (["tiny"], refetch),
        "fetch-top": (["redis", "redis-next"], top),
        "memory": ([], memory),
        "start": (["tiny"], start),
        "start-daemon": (["tiny"], start_daemon),
        "rate": (["tiny"], rate),
        "redis-cold": (["redis"], lambda b: redis(b, True)),
        "redis-stored": (["redis"], lambda b: redis(b, False)),
        "pods": (["tiny"], pods),
        "idle": (["tiny"], idle),
        "health-64": (["tiny"], lambda b: health(b, 64)),
        "health-1000": (["tiny"], lambda b: health(b, 1000)),
        "remove": (["redis"], remove),
        "growth": (["tiny"], growth),
        "linear": ([], linear)})
    return made


def save(path, results, about):
    with open(path, "w") as f:
        json.dump({"about": about, "rows": {
            name: [dict(vars(v), met=v.met()) for v in verdicts]
            if isinstance(verdicts, list) else verdicts
            for name, verdicts in results.items()}}, f, indent=1)
