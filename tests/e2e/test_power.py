# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""Power loss, as far as it can be had without one: what is noted, what is
synced and when, and what a broker finds after a reboot."""
import errno
import os
import re
import shutil

import pytest

import lib
from lib import INSECURE, Daemon, failed

OTHER_BOOT = "00000000-0000-4000-8000-000000000000.1"


def daemon(store):
    return Daemon(store, 'store "%s"\nlisten on 127.0.0.1 port %d\n' % (
        store.dir, lib.free_port()))


def quiet():
    lib.await_true("no process of berth", lambda: not lib.berths())


def notes(store):
    return store.ls("unsynced")


def reboot(store, *names):
    """As if the machine had gone down before these were on the disk."""
    os.makedirs(store.path("unsynced"), exist_ok=True)
    for name in names:
        os.symlink(OTHER_BOOT, store.path("unsynced", name))
    store.give("unsynced", *("unsynced/" + x for x in names))


def test_private_broker_syncs_behind_its_answer(store, registry, tmp_path):
    log = str(tmp_path / "trace")
    r = lib.command(["strace", "-f", "-qq", "-o", log, "-e",
                     "trace=syncfs,symlink,rename,renameat2,exit_group",
                     *store.argv(INSECURE, "fetch", registry.ref("busybox"))])
    assert r.returncode == 0, r
    quiet()
    assert not os.path.exists(store.path("unsynced")), notes(store)
    with open(log, encoding="ascii", errors="replace") as f:
        text = f.read()
    note = text.index('"unsynced/sha256-')
    assert note < text.index('"layers/sha256-'), "noted before it is there"
    note = text.index('"unsynced/sha512-')
    assert note < text.index('"images/sha512-')
    assert len(re.findall(r"syncfs\(\d+\) += 0", text)) == 1, text
    assert text.index('"images/sha512-') < text.index("syncfs(")


def test_daemon_syncs_when_it_is_quiet(store, registry):
    d = daemon(store)
    try:
        id_ = store.fetch(registry.ref("busybox"))
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as f:
            boot = f.read().strip()
        here = notes(store)
        assert sum(x.startswith("sha512-") for x in here) == 1
        assert sorted(here)[0] == store.layers()[0]
        assert os.readlink(store.path("unsynced", here[0])).startswith(
            boot + ".")
        lib.await_true("all synced", lambda: not os.path.exists(
            store.path("unsynced")))
        assert d.alive()
        store.ok("run", id_, "--exec=/bin/true")
    finally:
        d.stop()


def test_image_that_was_synced_stays_so(store, registry):
    """Fetched once more, by another name: a power cut takes none of it."""
    d = daemon(store)
    try:
        id_ = store.fetch(registry.ref("busybox"))
        lib.await_true("all synced", lambda: notes(store) == [])
        head, _ = registry.request("GET", "busybox/manifests/latest",
                                   media=lib.MANIFEST)
        again = "@".join((registry.ref("busybox"),
                          head["Docker-Content-Digest"]))
        assert store.fetch(again) == id_
        assert notes(store) == []
    finally:
        d.stop()


def test_notes_of_a_killed_broker(store, registry):
    """The next one of the same boot syncs; nothing is dropped."""
    d = daemon(store)
    id_ = store.fetch(registry.ref("busybox"))
    d.kill()
    assert notes(store)
    quiet()
    r = store.ok("image", "list")
    assert r.stderr == ""
    quiet()
    assert notes(store) == []
    store.ok("run", id_, "--exec=/bin/true")


def test_after_a_reboot_what_was_not_synced_is_dropped(store, registry):
    ref = registry.ref("busybox")
    other = store.fetch(registry.ref("redis"))
    id_ = store.fetch(ref)
    quiet()
    layers = store.layers()
    full = [x for x in store.images() if x.startswith(id_)][0]
    with open(store.path("images", full, "layers"), encoding="ascii") as f:
        mine = f.read().split()
    reboot(store, full, *mine)
    # what a torn write leaves, and none of it is read
    for name in ("app", "config", "layers"):
        os.truncate(store.path("images", full, name), 0)
    r = store.ok("image", "list", "--format=json")
    for name in ["images/" + full, *("layers/" + x for x in mine)]:
        assert ("berth: %s was not on the disk when the machine went down: "
                "dropped; fetch it again\n" % name) in r.stderr, r
    assert id_ not in r.stdout and other in r.stdout
    assert store.layers() == [x for x in layers if x not in mine]
    failed(store("run", id_), 125, id_, "no image IDs found")
    assert store.fetch(ref) == id_
    store.ok("run", id_, "--exec=/bin/true")
    store.ok("image", "verify", id_)
    quiet()
    assert store.leftovers() == [] and notes(store) == []


def test_an_image_not_synced_keeps_the_layers_that_were(store, registry):
    ref = registry.ref("busybox")
    id_ = store.fetch(ref)
    quiet()
    reboot(store, store.images()[0])
    layers = store.layers()
    store.ok("image", "list")
    assert (store.images(), store.layers()) == ([], layers)
    r = store.ok(INSECURE, "fetch", ref)
    assert r.stdout.strip() == id_ and "Downloading layer" not in r.stderr


def test_a_layer_that_is_gone_is_fetched_again(store, registry):
    """However it went: an image is stored when all of it is."""
    ref = registry.ref("busybox")
    id_ = store.fetch(ref)
    shutil.rmtree(store.path("layers", store.layers()[0]))
    r = store.run(ref, "--exec=/bin/true")
    assert r.returncode == 0 and "Downloading layer" in r.stderr, r
    assert store.fetch(ref) == id_


def test_torn_ids_file(store):
    """Its first write, at the store's birth, may be lost as well."""
    store.ok("image", "list")
    os.truncate(store.path("ids"), 0)
    store.ok("image", "list")
    assert os.path.getsize(store.path("ids")) > 0


@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_sync_that_fails(store, registry, error):
    """--sync promises the disk; without it the fetch has worked."""
    strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e",
              "inject=syncfs:error=" + error]
    ref = registry.ref("busybox")
    r = lib.command([*strace, *store.argv(INSECURE, "fetch", "--sync", ref)])
    # an injected failure looks to a filter like a call that it forbids
    failed(r, 1, "fetched, but not synced to the disk: " + (
        "syncfs: " + os.strerror(getattr(errno, error)) if lib.SANITIZED
        else "berth-unpack was killed by signal 31"))
    quiet()
    r = lib.command([*strace, *store.argv(INSECURE, "fetch", ref)])
    assert r.returncode == 0, r
    quiet()
    assert notes(store) != [], "not synced, so the note stays"
    store.ok("image", "list")
    quiet()
    assert notes(store) == []


def test_sync_waits(store, registry, tmp_path):
    """The answer is written after the disk's, stored already or not."""
    ref = registry.ref("busybox")
    for i in range(2):
        log = str(tmp_path / str(i))
        r = lib.command(["strace", "-f", "-qq", "-o", log, "-e",
                         "trace=syncfs,write", *store.argv(
                             INSECURE, "fetch", "--sync", ref)])
        assert r.returncode == 0, r
        with open(log, encoding="ascii", errors="replace") as f:
            text = f.read()
        assert text.index("syncfs(") < text.index('write(1, "sha512-')
