# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""One image has one ID, however it came; another image has another."""
import hashlib
import json
import os

import images
import lib


def test_same_id_through_every_form(stores, registry):
    """Six stores, filled from OCI and Docker manifests, gzip, zstd and
    uncompressed."""
    ids = {stores().fetch(registry.ref(name), "--full") for name in (
        "redis", "redis-docker", "redis-zstd", "redis-none",
        "redis@" + registry.request(
            "GET", "redis/manifests/latest",
            media=lib.MANIFEST)[0]["Docker-Content-Digest"])}
    assert len(ids) == 1


def test_same_id_in_stores_filled_in_other_order(stores, registry, made):
    """One store gets the layers bottom first through images of their own,
    the other top first; then both get the whole."""
    tars = images.redis_tars()

    def part(n, order):
        def build(path):
            lay = images.Layout(path)
            lay.tag(lay.image([tars[i] for i in order],
                              images.BUSYBOX_CONFIG, "none"))
            return lay
        name = "part-%s" % n
        if name not in made.have:
            registry.push(made(name, build), name)
        return registry.ref(name)
    a, b = stores(), stores()
    for i in (0, 1, 2, 3):
        a.fetch(part("s%d" % i, [i]))
    for i in (3, 2, 1, 0):
        b.fetch(part("s%d" % i, [i]))
    b.fetch(part("mixed", [2, 0]))
    ia = a.fetch(registry.ref("redis"), "--full")
    ib = b.fetch(registry.ref("redis-zstd"), "--full")
    assert ia == ib
    for name in ("aci", "manifest", "config"):
        with open(a.path("images", ia, name), "rb") as f, \
                open(b.path("images", ib, name), "rb") as g:
            assert f.read() == g.read(), name
    a.ok("image", "verify", ia)
    b.ok("image", "verify", ib)


def test_one_changed_byte_changes_it(stores, registry, made):
    def build(byte):
        def make(path):
            lay = images.Layout(path)
            tar = images.Tar().file("f", b"content " + byte).bytes()
            lay.tag(lay.image([images.busybox_tar(), tar],
                              images.BUSYBOX_CONFIG))
            return lay
        return make
    registry.push(made("byte-a", build(b"a")), "byte-a")
    registry.push(made("byte-b", build(b"b")), "byte-b")
    s = stores()
    a = s.fetch(registry.ref("byte-a"))
    b = s.fetch(registry.ref("byte-b"))
    assert a != b and len(s.images()) == 2
    assert len(s.layers()) == 3         # busybox is there once


def test_config_changes_it_reference_does_not(store, registry, variant, made):
    a = store.fetch(registry.ref("busybox"))
    b = store.fetch(variant("labelled", Labels={"a": "b"}))
    registry.push(made("busybox", images.busybox), "elsewhere/name:v1")
    c = store.fetch(registry.ref("elsewhere/name:v1"))
    assert a == c and a != b


def test_id_is_the_sha512_of_the_aci(store, registry):
    id_ = store.fetch(registry.ref("busybox"), "--full")
    with open(store.path("images", id_, "aci"), "rb") as f:
        assert hashlib.sha512(f.read()).hexdigest() == id_[7:]


def test_manifest_names_no_place_and_no_clock(store, registry):
    id_ = store.fetch(registry.ref("busybox"))
    text = store.ok("image", "cat-manifest", id_).stdout
    m = json.loads(text)
    assert registry.addr not in text and "latest" not in text
    assert m["acKind"] == "ImageManifest"
    digest = registry.manifest("busybox")["layers"][0]["digest"]
    assert digest[7:] not in text       # compression is not in it


def test_dependency_is_the_chain(store, registry):
    """The chain id of image-spec config.md, computed here again."""
    id_ = store.fetch(registry.ref("redis"))
    m = json.loads(store.ok("image", "cat-manifest", id_).stdout)
    chain = None
    for tar in images.redis_tars():
        d = images.sha256(tar)
        chain = d if chain is None else images.sha256(
            (chain + " " + d).encode())
    assert [d["imageName"] for d in m["dependencies"]] == [
        "berth/layer/sha256-" + chain[7:]]


def test_store_is_plain_and_private(store, registry):
    store.fetch(registry.ref("busybox"))
    assert os.stat(store.dir).st_mode & 0o7777 == 0o700
    layer = store.layers()[0]
    assert layer == "sha256-" + images.sha256(images.busybox_tar())[7:]
    bb = store.path("layers", layer, "fs", "bin", "busybox")
    assert os.stat(bb).st_uid == 0x70000000
    with open("/bin/busybox", "rb") as f, open(bb, "rb") as g:
        assert f.read() == g.read()
