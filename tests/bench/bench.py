#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""berth beside its peers and beside the floors, against the goals.

    bench.py [--rows=ROW,...] [--rounds=N] [--images=NAME,...] [--json=FILE]

Run by make bench, as root.  Images, their packages and the registry's copy
are kept in $BERTH_BENCH_CACHE (default ~/.cache/berth-bench).  All stores
are on a loop-mounted ext4 of their own, made and removed here, with a
journal: without one, as on the root of some virtual machines, the kernel
looks again at every inode deleted in the last minutes whenever one is made,
and each round of fetch and delete is slower than the one before.
BERTH_BENCH_DISK=DIR says where the disk's file lies, /dev/shm for memory.

Everything runs in a mount namespace of its own, which takes the disk with it
when it ends.  The version 2 part of a hybrid cgroup layout is not mounted
there: crun refuses to start beside it."""
import argparse
import contextlib
import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import measure
import mkimages
import peers
import rows
from measure import Case, Failed, sh

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
OUT = os.environ.get("BERTH_OUT") or os.path.join(TOP, "out")
CACHE = os.environ.get("BERTH_BENCH_CACHE") or os.path.join(
    os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"),
    "berth-bench")
INSECURE = "--insecure-options=image,http"
PR_SET_CHILD_SUBREAPER = 36


class Bench:
    """What the rows use: berth, floors, peers, scratch space."""

    def __init__(self, options, scratch, todo):
        self.options, self.scratch, self.todo = options, scratch, todo
        self.images = options.images
        self.log = self.path("log")
        self.npods = options.pods
        self.have = peers.have
        self.podman = self.docker = None
        self.missing = []
        self.registry = peers.Registry(CACHE, scratch, self.port())
        todo.callback(self.registry.close)
        self._stored = {}

    def start_peers_up(self):
        if peers.have("podman", "crun", "conmon"):
            self.podman = peers.Podman(self.scratch)
            self.todo.callback(self.podman.wipe)
        else:
            self.missing.append("podman, crun, conmon")
        if peers.have("docker", "dockerd", "containerd"):
            try:
                self.docker = peers.Docker(self.scratch)
                self.todo.callback(self.docker.close)
            except Failed as e:
                self.missing.append("docker (%s)" % e)
        else:
            self.missing.append("docker, dockerd, containerd")
        for name in ("buildah", "runc", "skopeo", "umoci", "wrk"):
            if not peers.have(name):
                self.missing.append(name)

    def name(self, peer):
        return type(peer).__name__.lower()

    def path(self, name):
        return os.path.join(self.scratch, name)

    def rounds(self, usual):
        return self.options.rounds or usual

    def floor(self, name):
        return os.path.join(OUT, "bench", name)

    @staticmethod
    def port():
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            return s.getsockname()[1]

    @staticmethod
    def listening(port):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", port)) == 0

    # berth

    def berth(self, store, *args):
        return [os.path.join(OUT, "berth"), "--dir=" + store, *args]

    def fetch(self, store, ref, *options):
        return self.berth(store, INSECURE, "fetch", *options,
                          "docker://" + ref)

    def run(self, store, image, *options, args=("/bin/true",)):
        return self.berth(store, "run", *options, image, "--", *args)

    def run_ref(self, store, ref, args):
        return self.berth(store, INSECURE, "run", "--net=host",
                          "docker://" + ref, "--", *args)

    def stored(self, image):
        """(store, ID) with the image in it, made once."""
        if image not in self._stored:
            store = self.path("s-" + image)
            got = sh(self.fetch(store, self.registry.ref(image))).strip()
            self.settle()
            self._stored[image] = store, got
        return self._stored[image]

    def settle(self):
        """A private broker answers first and tidies up then: wait for it."""
        def done():
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            return not [p for p, (parent, state, name) in
                        measure.table().items() if parent == os.getpid()
                        and name.startswith("berth") and state not in "ZX"
                        and p not in self.daemons]
        measure.wait_until("private brokers", done, 60, 0.0005)

    daemons = set()

    def wipe(self, path):
        self.settle()
        shutil.rmtree(path, ignore_errors=True)

    def end(self, p, wait=True):
        if p.poll() is None:
            p.send_signal(signal.SIGTERM)
        if wait:
            try:
                p.wait(5)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()

    @contextlib.contextmanager
    def daemon(self, store, listen=False):
        port = self.port()
        conf = self.path("berthd-%d.conf" % port)
        with open(conf, "w") as f:
            f.write('store "%s"\nlisten on 127.0.0.1 port %d\n' % (
                store, port))
        sock = os.path.join(store, "sock")

        def up():
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
                return s.connect_ex(sock) == 0
        d = measure.Background([os.path.join(OUT, "berthd"), "-d", "-f",
                                conf], self.path("berthd.log"), up)
        d.port = port
        self.daemons.add(d.pid)
        try:
            if listen:
                measure.wait_until("port", lambda: self.listening(port))
            yield d
        finally:
            d.stop()
            self.daemons.discard(d.pid)

    # floors and peers of a start

    def rootfs(self):
        """The tiny image's tree and, for crun and runc, a bundle around it."""
        top = self.path("bundle")
        if not os.path.isdir(top):
            os.makedirs(top)
            os.makedirs(self.path("w"))
            os.chmod(self.path("w"), 0o755)
            store, _ = self.stored("tiny")
            layer, = os.listdir(os.path.join(store, "layers"))
            sh(["cp", "-a", os.path.join(store, "layers", layer, "fs"),
                top + "/rootfs"])
            if self.podman:
                ref = self.registry.ref("tiny")
                sh(self.podman.pull(ref))
                self.podman.bundle(ref, top)
        return top

    def start_floor(self, *options):
        return [self.floor("startfloor"), *options, "-l",
                self.rootfs() + "/rootfs", "-w", self.path("w"),
                "/bin/true"]

    def redis_floor(self, layers, args):
        os.makedirs(self.path("w"), exist_ok=True)
        dirs = sorted(os.listdir(layers), key=int, reverse=True)
        return [self.floor("startfloor"), "-h", "-l", ":".join(
            os.path.join(layers, d) for d in dirs), "-w", self.path("w"),
            "/usr/bin/" + args[0], *args[1:]]

    def start_peers(self, name="x"):
        """crun and runc on the bundle, podman and docker on their own."""
        cases, ref = [], self.registry.ref("tiny")
        if self.podman:
            top = self.rootfs()
            for r in ("crun", "runc"):
                if peers.have(r):
                    cases.append(Case(r, ["sh", "-c", "exec %s --root %s "
                                          "run -b %s %s$$" % (
                                              r, self.path(r), top, name)]))
            sh(self.podman.pull(ref))
            cases.append(Case("podman", self.podman.run(ref, "/bin/true")))
        if self.docker:
            sh(self.docker.pull(ref))
            cases.append(Case("docker", self.docker.run(ref, "/bin/true")))
        return cases

    def conmon(self):
        """PSS of one conmon among 20, in KiB; None without podman."""
        if not self.podman:
            return None
        ref, n = self.registry.ref("tiny"), 20
        sh(self.podman.pull(ref))
        for i in range(n):
            sh(self.podman.argv + ["run", "-d", "--name", "c%d" % i,
                                   *peers.ULIMITS, "--network=none", ref,
                                   "sleep", "600"])
        mine = [p for p, name in measure.below([os.getpid()]).items()
                if name == "conmon"]
        kib = measure.pss(mine) / max(1, len(mine))
        sh(self.podman.argv + ["rm", "-f", "-t", "0", "-a"], check=False)
        return kib if len(mine) == n else None

    # images

    def push(self, names):
        mkimages.make(CACHE, names)
        for n in names:
            self.registry.push(os.path.join(CACHE, "oci", n), n)

    def noise(self, mib):
        """An image of one layer with a file that no codec makes smaller."""
        import random
        name = "noise-%d" % mib
        top = os.path.join(CACHE, "oci", name)
        if not os.path.isdir(top):
            maker = mkimages.Maker(CACHE)
            tree = maker.files(name, {"noise": (
                0o644, random.Random(mib).randbytes(mib << 20))})
            mkimages.write_layout(top, [maker.tar(tree)],
                                  {"Cmd": ["/noise"]}, "gzip")
            maker.done()
        self.registry.push(top, name)
        return name


def cells(v):
    def number(x):
        if x is None:
            return "-"
        return "%.3g" % x if x < 100 else "%.0f" % x
    bound = ">= " if v.least else "<= "
    if v.value is None and isinstance(v.walls, str):
        return [v.what, "failed: " + v.walls, "", "", "", "", ""]
    return [v.what, (number(v.value) + " " + v.unit).strip(),
            v.to or "", "" if v.to is None else number(v.against),
            "" if v.pairs is None else number(v.pairs),
            "" if v.goal is None else bound + "%g" % v.goal,
            {None: "", True: "met", False: "MISSED"}[v.met()]]


def show(name, verdicts):
    if isinstance(verdicts, str):
        print("| %s | skipped: %s |" % (name, verdicts), flush=True)
        return
    for v in verdicts:
        print("| " + " | ".join(cells(v)) + " |", flush=True)


def about(missing):
    with open("/proc/cpuinfo") as f:
        model = re.search(r"model name\s*: (.*)", f.read())
    tools = {
        "podman": (["podman", "--version"], -1),
        "crun": (["crun", "--version"], -1),
        "runc": (["runc", "--version"], -1),
        "conmon": (["conmon", "--version"], -1),
        "dockerd": (["dockerd", "--version"], 2),
        "containerd": (["containerd", "--version"], 2),
        "buildah": (["buildah", "--version"], 2),
        "skopeo": (["skopeo", "--version"], -1),
        "umoci": (["umoci", "--version"], -1),
        "berth": ([os.path.join(OUT, "berth"), "version"], -1)}
    return {"kernel": os.uname().release, "cpus": os.cpu_count(),
            "cpu": model.group(1) if model else os.uname().machine,
            "when": time.strftime("%Y-%m-%d"), "missing": missing,
            "versions": {n: peers.version(*a) for n, a in tools.items()
                         if peers.have(a[0][0])}}


def own_namespace():
    """Runs this program again where its mounts are nobody else's."""
    if os.environ.get("BERTH_BENCH_INSIDE"):
        return
    os.environ["BERTH_BENCH_INSIDE"] = "yes"
    os.execvp("unshare", ["unshare", "-m", "--propagation", "private",
                          sys.executable, *sys.argv])


@contextlib.contextmanager
def disk():
    """Scratch space on a fresh ext4 with a journal."""
    where = os.environ.get("BERTH_BENCH_DISK") or CACHE
    image = os.path.join(where, "disk-%d.img" % os.getpid())
    # a container's ids must get through to it: not below somebody's home
    top = tempfile.mkdtemp(prefix="berth-bench.", dir="/var/tmp")
    if os.path.ismount("/sys/fs/cgroup/unified"):
        sh(["umount", "/sys/fs/cgroup/unified"])
    with open(image, "wb") as f:
        f.truncate(40 << 30)
    try:
        sh(["mkfs.ext4", "-q", "-F", "-E",
            "lazy_itable_init=0,lazy_journal_init=0", image])
        sh(["mount", "-o", "loop", image, top])
        os.unlink(image)        # the loop device holds it as long as it lives
        os.chmod(top, 0o755)
        yield top
    finally:
        # lazily: podman leaves mounts of its own in there
        sh(["umount", "-l", top], check=False)
        with contextlib.suppress(OSError):
            os.rmdir(top)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(image)


def end_children():
    """Nothing outlives the benchmark."""
    for _ in range(100):
        left = measure.below([os.getpid()]).keys() - {os.getpid()}
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not left:
            return
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def wanted(options):
    every = rows.rows()
    names = options.rows or list(every)
    for n in names:
        if n not in every:
            sys.exit("bench: there is no row %s; there are: %s" % (
                n, " ".join(every)))
    need = [i for n in names for i in every[n][0]]
    options.images = options.images or [i for i in mkimages.ALL if (
        not options.rows and i != "redis-next") or i in need]
    return {n: every[n] for n in names}


def measure_all(options, todo, scratch):
    chosen = wanted(options)
    b = Bench(options, scratch, todo)
    b.push(sorted(set(options.images).union(
        i for need, _ in chosen.values() for i in need
        if set(need) <= set(options.images) | {"redis-next"})))
    b.start_peers_up()
    for m in b.missing:
        print("bench: not installed, rows without it: %s" % m,
              file=sys.stderr)
    print("| what | berth | beside | ratio | paired | goal | |\n"
          "|---|--:|---|--:|--:|--:|---|", flush=True)
    results = {}
    for name, (need, function) in chosen.items():
        lacks = set(need) - set(options.images) - {"redis-next"}
        try:
            results[name] = ("without image " + " ".join(sorted(lacks))
                             if lacks else function(b))
        except (Failed, OSError, subprocess.SubprocessError) as e:
            results[name] = "failed: %s" % e
        show(name, results[name])
    rows.save(options.json, results, about(b.missing))
    print("bench: written to %s" % options.json, file=sys.stderr)


def words(text):
    return [w for w in re.split("[ ,]+", text) if w]


def main():
    p = argparse.ArgumentParser(
        epilog="rows: " + " ".join(rows.rows()) +
        "; images: " + " ".join(mkimages.ALL))
    p.add_argument("--rows", type=words)
    p.add_argument("--images", type=words)
    p.add_argument("--rounds", type=int)
    p.add_argument("--pods", type=int, default=500)
    p.add_argument("--json", default=os.path.join(OUT, "bench.json"))
    options = p.parse_args()
    if os.geteuid() != 0:
        sys.exit("bench: needs root")
    own_namespace()
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for s in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, lambda *_: sys.exit(1))
    os.makedirs(CACHE, exist_ok=True)
    with disk() as scratch:
        os.environ["TMPDIR"] = scratch      # the peers' leavings, too
        try:
            with contextlib.ExitStack() as todo:
                measure_all(options, todo, scratch)
        finally:
            end_children()


if __name__ == "__main__":
    main()
