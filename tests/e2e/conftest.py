# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""Fixtures of the end-to-end tests: scratch space, registry, images, stores,
and the check that nothing is left behind."""
import ctypes
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

import images
import lib

PR_SET_CHILD_SUBREAPER = 36


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes minutes (check-full)")
    # A shell starts what it puts into the background with INT ignored, and
    # so would be all that the tests start.
    for s in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM):
        if signal.getsignal(s) == signal.SIG_IGN:
            signal.signal(s, signal.SIG_DFL)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise pytest.UsageError("cannot become a subreaper")


def pytest_collection_modifyitems(items):
    if os.geteuid() == 0:
        return
    skip = pytest.mark.skip(reason="needs root: berth does, for now")
    for item in items:
        item.add_marker(skip)


def keeps_user_xattrs(path):
    p = os.path.join(path, "xattr-try")
    with open(p, "w"):
        pass
    try:
        os.setxattr(p, "user.overlay.opaque", b"y")
        return True
    except OSError:
        return False
    finally:
        os.unlink(p)


@pytest.fixture(scope="session")
def scratch():
    """Fast space that overlayfs can use: a tmpfs where it keeps user.*
    attributes (Linux 6.6), else an ext4 of its own on a loop device."""
    top = tempfile.mkdtemp(prefix="berth-test.", dir="/var/tmp")
    os.chmod(top, 0o755)
    image = top + ".ext4"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755,size=75%",
                    "berth-test", top], check=True)
    if not keeps_user_xattrs(top):
        subprocess.run(["umount", top], check=True)
        with open(image, "wb") as f:
            f.truncate(8 << 30)
        subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
        subprocess.run(["mount", "-o", "loop", image, top], check=True)
    yield top
    for _ in range(50):
        if subprocess.run(["umount", top], stderr=subprocess.DEVNULL,
                          check=False).returncode == 0:
            break
        time.sleep(0.1)
    else:
        subprocess.run(["umount", "-l", top], check=True)
    os.rmdir(top)
    if os.path.exists(image):
        os.unlink(image)


class Made:
    """Layouts, made once and by name."""

    def __init__(self, top):
        self.top = os.path.join(top, "oci")
        os.makedirs(self.top)
        self.have = {}

    def __call__(self, name, make, *args, **k):
        if name not in self.have:
            self.have[name] = make(os.path.join(self.top, name), *args, **k)
        return self.have[name]


@pytest.fixture(scope="session")
def made(scratch):
    return Made(scratch)


@pytest.fixture(scope="session")
def registry(scratch, made):
    """With busybox and redis, each as OCI, Docker schema 2, zstd and
    uncompressed: busybox, busybox-docker, busybox-zstd, busybox-none, …"""
    r = lib.Registry(scratch, "registry")
    tars = images.redis_tars()
    for codec in ("gzip", "zstd", "none"):
        suffix = "" if codec == "gzip" else "-" + codec
        r.push(made("busybox" + suffix, images.busybox, codec),
               "busybox" + suffix)
        r.push(made("redis" + suffix, images.redis, codec, tars),
               "redis" + suffix)
    for name in ("busybox", "redis"):
        r.push(made.have[name], name + "-docker", "--format", "v2s2")
    yield r
    r.stop()


@pytest.fixture(scope="session")
def variant(registry, made):
    """Pushes busybox with another image config: variant(name, Cmd=[...])."""
    tar = images.busybox_tar()

    def make(name, tars=(), more=None, **config):
        def build(path):
            lay = images.Layout(path)
            cfg = dict(images.BUSYBOX_CONFIG, **config)
            lay.tag(lay.image([tar, *tars], cfg, **(more or {})))
            return lay
        if name not in made.have:
            registry.push(made(name, build), name)
        return registry.ref(name)
    return make


_stores = []                            # of the test that runs


def new_store(scratch):
    path = tempfile.mkdtemp(prefix="s.", dir=scratch)
    os.rmdir(path)                      # berth makes it
    _stores.append(lib.Store(path))
    return _stores[-1]


@pytest.fixture
def store(scratch):
    """A store of this test alone."""
    return new_store(scratch)


@pytest.fixture
def stores(scratch):
    """Makes further stores for a test that needs several."""
    return lambda: new_store(scratch)


@pytest.fixture(scope="session")
def shared(scratch, registry):
    """A store with busybox, for tests that only run it: (store, id)."""
    s = lib.Store(os.path.join(scratch, "shared"))
    s.id = s.fetch(registry.ref("busybox"))
    s.ref = registry.ref("busybox")
    return s


def ours(cgroup, stores):
    """A pod's cgroup carries its UUID, and so does the record of its run;
    with another UUID it is of another run of these tests beside us.  A try of
    berth check is in work, here or there, as long as its process lives."""
    if (pid := re.search("berth-check-([0-9]+)", cgroup)) is not None:
        return not os.path.exists("/proc/" + pid.group(1))
    uuid = re.search("[0-9a-f-]{36}", os.path.basename(cgroup))
    return uuid is None or any(uuid.group() in s.audit_text()
                               for s in stores)


@pytest.fixture(autouse=True)
def nothing_left(scratch, registry):
    """Before and after each test: mounts, cgroups, processes, tmp/, trash/
    and pods/.  A private broker may still be tidying up: it gets time."""
    before = lib.inventory()
    yield
    watched = _stores + [lib.Store(os.path.join(scratch, "shared"))]

    def left():
        now = lib.inventory()
        return [x for k in now for x in sorted(now[k] - before[k])
                if k != "cgroups" or ours(x, watched)] + [
            x for s in watched for x in s.leftovers()]
    end = time.monotonic() + 30
    while (rest := left()) and time.monotonic() < end:
        time.sleep(0.02)
    lib.kill(lib.descendants().keys() - {       # for the tests that follow
        int(x.split()[0]) for x in before["processes"]})
    while _stores:
        shutil.rmtree(_stores.pop().dir, ignore_errors=True)
    lib.reap()
    assert rest == [], "left behind"
