# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""Rows L4 and L18: who else is at the tree while a layer is unpacked."""
import glob
import os
import stat

import lib
import rows
from lib import INSECURE
from tars import dir_, file, tar

STORE_PARTS = ("layers", "images", "refs", "tmp", "trash", "pods", "audit")


def many(site):
    """A layer that takes a while: two thousand small files."""
    site.image([tar(dir_("d"), dir_("d/e"), *[
        file("d/e/f%d" % i, b"x" * 700) for i in range(2000)])])


def swaps(p, pattern, swap, canary):
    """While p lives, puts something else in the place of the directory; how
    many times that was there."""
    turns = 0
    while p.poll() is None:
        for d in glob.glob(pattern):
            try:
                os.rename(d, d + "-away")
                if swap:
                    swap(canary, d)
                    os.unlink(d)
                os.rename(d + "-away", d)
                turns += 1
            except OSError:
                pass
    return turns


@rows.rows({"L4.link": os.symlink, "L4.rename": None},
           "somebody swaps directories of the tree being unpacked, %s",
           own=True, cve="CVE-2025-47290 CVE-2018-15664 CVE-2026-41568 "
           "CVE-2026-42306")
def _(bench, swap):
    many(bench.site)
    turns = tries = 0
    while tries < 3 or (turns == 0 and tries < 100):    # until it was there
        tries += 1
        p = bench.store.popen(INSECURE, "fetch", bench.site.ref)
        turns += swaps(p, bench.store.path("tmp", "*", "fs", "d"), swap,
                       bench.canary)
        p.communicate()
        assert p.returncode in (0, 1)
        for id_ in bench.store.images():
            bench.store.ok("image", "rm", id_)
    assert turns > 0                    # the canary is the bench's to look at
    if bench.peers is not None:
        bench.peers.beside(bench.site.ref, lambda p: swaps(
            p, bench.peers.top + "/storage/vfs/dir/*/d", swap, bench.canary))


def tops_are_shut(store):
    """No step into the store for anybody else, at any moment."""
    for name in ("", *STORE_PARTS):
        try:
            st = os.lstat(store.path(name))
        except FileNotFoundError:
            continue
        if not name:
            # root's for a moment, then the engine's
            assert stat.S_IMODE(st.st_mode) == 0o700, name
            assert st.st_uid in (0, 0x70010002), name


@rows.rows({"L18.user": 1000, "L18.container-root": 0x70000000},
           "a %s of the machine looks for the tree", own=True,
           cve="CVE-2020-25039 CVE-2020-25040 CVE-2024-25621")
def _(bench, uid):
    many(bench.site)
    p = bench.store.popen(INSECURE, "fetch", bench.site.ref)
    while p.poll() is None:
        if os.path.exists(bench.store.dir):
            tops_are_shut(bench.store)
    p.communicate()
    assert p.returncode == 0
    layer = glob.glob(bench.store.path("layers", "*", "fs"))[0]
    os.chmod(bench.top, 0o755)
    assert strangers(bench, uid, bench.store.dir, layer, bench.store.path(
        "audit", "log")) == []
    if bench.peers is not None:
        bench.peers.look_into(bench.site.ref, lambda top, layer: strangers(
            bench, uid, top, layer, glob.glob(top + "/libpod/*.db")[0]))


def strangers(bench, uid, top, layer, log):
    """What another user gets of a store, of what nobody else should."""
    got = []
    for argv in (["ls", top], ["ls", layer],
                 ["cat", layer + "/d/e/f0"], ["touch", layer + "/x"],
                 ["ln", layer + "/d/e/f0", bench.own("stolen")],
                 ["cat", log]):
        r = lib.command(["setpriv", "--reuid=%d" % uid, "--regid=%d" % uid,
                         "--clear-groups", *argv])
        if not (r.returncode != 0 and r.stdout == "" and
                "ermission denied" in r.stderr):
            got.append(argv[0])
    return got


test = rows.runner(__name__)
