# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""The tree as seen from inside a container equals what umoci unpack makes of
the same image, attribute by attribute."""
import json
import os
import shutil
import subprocess
import sys
import time

import pytest

import images
import lib
import oddimage
import treecmp

# Lists the root of a running app: enters its mount namespace and takes a
# copy of the root mount alone, without what is mounted on top of it.
INSIDE = """
import ctypes, json, os, sys
sys.path.insert(0, %r)
import treecmp
libc = ctypes.CDLL(None, use_errno=True)
ns = os.open("/proc/%d/ns/mnt", os.O_RDONLY)
def ok(n):
    if n == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return n
ok(libc.setns(ns, 0x00020000))
os.chdir("/")
fd = ok(libc.syscall(428, -100, b"/", 1 | 0o2000000))   # open_tree, clone
os.fchdir(fd)
json.dump(treecmp.tree(".", 0x70000000), sys.stdout)
"""

# What berth puts there for every app, and the directories that it changes
# by doing so.
OURS = {"etc/hosts", "etc/hostname", "etc/resolv.conf", "dev", "proc", "sys"}
TOUCHED = {".: mtime", "etc: mtime"}


def tree_inside(store, id_, *command):
    p = store.popen("run", id_, "--", *command, stdin=subprocess.PIPE)
    try:
        pid = lib.app_pid(p, os.path.basename(command[0]))
        r = lib.command([sys.executable, "-B", "-c",
                         INSIDE % (lib.HERE, pid)])
        assert r.returncode == 0, r.stderr
        return json.loads(r.stdout)
    finally:
        p.communicate(timeout=20)       # its stdin ends


def tree_of_umoci(layout, tag, top):
    r = lib.command(["umoci", "unpack", "--image",
                     "%s:%s" % (layout, tag), top], timeout=120)
    assert r.returncode == 0, r.stderr
    got = treecmp.tree(os.path.join(top, "rootfs"))
    shutil.rmtree(top)
    return got


def unequal(expected, got, since=None):
    return [x for x in treecmp.differences(expected, got, since)
            if x.split(": ")[0] not in OURS
            and not x.split(" is ")[0] in TOUCHED
            and not x.startswith("dev/")]


@pytest.mark.parametrize("name", ["busybox", "redis"])
def test_plain_images(store, registry, made, scratch, name):
    expected = tree_of_umoci(made.have[name].path, "latest",
                             os.path.join(scratch, "umoci"))
    id_ = store.fetch(registry.ref(name + "-zstd"))
    cat = ("/bin/cat",)
    assert len(expected) > 250
    assert unequal(expected, tree_inside(store, id_, *cat)) == []


@pytest.fixture(scope="module")
def odd(registry, scratch):
    """oddimage.py's layers and, as it has no program, busybox on top; the
    expected tree is umoci's."""
    with open(shutil.which("busybox", path="/bin:/usr/bin"), "rb") as f:
        program = images.Tar().file("usr/bin/busybox", f.read(), 0o755)
    tars = oddimage.layers() + [program.bytes()]
    assert sum(map(len, tars)) > 100 << 20
    for codec in ("gzip", "zstd"):
        top = os.path.join(scratch, "oci", "odd-" + codec)
        oddimage.write_layout(top, tars, codec, "latest")
        lay = images.Layout.__new__(images.Layout)
        lay.path = top
        registry.push(lay, "odd-" + codec)
        if codec == "gzip":
            begun = time.time() - 1
            registry.expected = tree_of_umoci(top, "latest", os.path.join(
                scratch, "umoci"))
            registry.begun = begun
        shutil.rmtree(top)
    return registry


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
def test_odd_image(store, odd, codec):
    id_ = store.fetch(odd.ref("odd-" + codec))
    got = tree_inside(store, id_, "/usr/bin/busybox", "cat")
    assert len(odd.expected) > 3500
    assert unequal(odd.expected, got, odd.begun) == []
    store.ok("image", "verify", id_, timeout=120)


def test_odd_image_comes_out_as_it_went_in(store, odd, tmp_path):
    """Each layer's tar is given back bit for bit: skopeo checks the diff
    ids when it copies to a form that needs them."""
    id_ = store.fetch(odd.ref("odd-gzip"))
    out = tmp_path / "odd.tar"
    store.ok("image", "export", "--oci", id_, str(out), timeout=120)
    want = json.loads(lib.command(
        ["skopeo", "inspect", "--config", "--tls-verify=false",
         odd.ref("odd-gzip")]).stdout)["rootfs"]["diff_ids"]
    r = lib.command(["skopeo", "inspect", "--config",
                     "oci-archive:%s" % out])
    assert json.loads(r.stdout)["rootfs"]["diff_ids"] == want
    r = lib.command(["skopeo", "copy", "-q", "oci-archive:%s" % out,
                     "docker-archive:%s/d.tar:x:y" % tmp_path], timeout=120)
    assert r.returncode == 0, r.stderr


def test_odd_image_has_one_id(stores, odd):
    assert len({stores().fetch(odd.ref("odd-" + c))
                for c in ("gzip", "zstd")}) == 1
