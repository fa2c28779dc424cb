# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""What is measured: one function a row, each returning verdicts.  Here:
fetches and starts."""
import concurrent.futures
import contextlib
import json
import os
import shutil
import socket
import subprocess
import time

import grown
import measure
import standing
from measure import Case, Failed, interleave, paired, ratio, sh
from peers import ping
from verdict import Verdict, against, faster

FETCHED = ["tiny", "redis", "manyfiles", "big", "big-zstd"]
# to pullfloor; to the faster of docker and podman
FETCH_GOALS = {"tiny": (None, 0.5), "redis": (1.45, 0.35),
               "manyfiles": (1.45, 0.35), "big": (1.3, 0.35),
               "big-zstd": (1.3, 0.35)}


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


def peak(b, ref, times=1):
    """MiB of everything that a fetch starts, at its largest."""
    store = b.path("m")
    with measure.Peak([os.getpid()]) as seen:
        for _ in range(times):
            sh(b.fetch(store, ref))
            b.wipe(store)
    return seen.kib / 1024


def memory(b):
    out = [Verdict("peak memory of a fetch of " + image,
                   peak(b, b.registry.ref(image), 3 if image == "tiny"
                        else 1), "MiB", goal=48) for image in b.images]
    sizes = []
    for size in (1 << 20, 10 << 30):
        server = grown.Grown(size)
        try:
            sizes.append(peak(b, server.ref, 1 if size > 1 << 30 else 9))
        finally:
            server.close()
    out.append(Verdict("peak memory of a fetch, layer of 1 MiB", sizes[0],
                       "MiB", goal=48))
    # the smaller one does not fill the buffers
    out.append(Verdict("peak memory of a fetch, layer of 10 GiB", sizes[1],
                       "MiB", "1 MiB", sizes[1] / sizes[0], 1.5))
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

    def rest():
        """The first to join a cgroup in a while waits for the kernel, who
        joins right behind it does not: neither shall be that one."""
        time.sleep(0.1)
    with b.daemon(store):
        cases = [Case("berth", b.run(store, image)),
                 Case("floor", b.start_floor()),
                 Case("berth, cgroups", b.run(store, image, *limits), rest),
                 Case("floor, cgroups", b.start_floor("-c"), rest)]
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
        "pods": (["tiny"], standing.pods),
        "idle": (["tiny"], standing.idle),
        "health-64": (["tiny"], lambda b: standing.health(b, 64)),
        "health-1000": (["tiny"], lambda b: standing.health(b, 1000)),
        "remove": (["redis"], standing.remove),
        "images": (["tiny"], standing.images),
        "crowd": (["tiny"], standing.crowd),
        "linear": ([], standing.linear)})
    return made


def save(path, results, about):
    with open(path, "w") as f:
        json.dump({"about": about, "rows": {
            name: [dict(vars(v), met=v.met()) for v in verdicts]
            if isinstance(verdicts, list) else verdicts
            for name, verdicts in results.items()}}, f, indent=1)
