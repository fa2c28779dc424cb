# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""berth image: list, cat-manifest, rm, gc, verify and export."""
import hashlib
import json
import os
import re
import stat
import subprocess
import tarfile

import pytest

import images
import lib


def listed(store):
    return json.loads(store.ok("image", "list", "--format=json").stdout)


def test_list(store, registry):
    assert listed(store) == []
    a = store.fetch(registry.ref("busybox"), "--full")
    b = store.fetch(registry.ref("redis"), "--full")
    rows = {r["id"]: r for r in listed(store)}
    assert set(rows) == {a, b}
    assert rows[b]["layers"] == 4 and rows[a]["layers"] == 1
    assert rows[a]["name"] == registry.addr + "/busybox:latest"
    assert rows[a]["platform"] == "linux/" + images.ARCH
    table = store.ok("image", "list").stdout.splitlines()
    assert table[0].split() == ["ID", "NAME", "PLATFORM", "SIZE", "FETCHED",
                                "LAYERS"]
    assert len(table) == 3 and all(
        any(t.startswith(i[:39]) for t in table[1:]) for i in (a, b))


CONFIG = {
    "Env": ["PATH=/bin", "A=1", "E=", "odd name=x"],
    "Entrypoint": ["/bin/sh", "-c"], "Cmd": ["echo", ""],
    "User": "user:extra", "WorkingDir": "/home/user",
    "ExposedPorts": {"80/tcp": {}, "53/udp": {}},
    "Volumes": {"/var/data": {}, "/other": {}},
    "Labels": {"Some.Label": "value", "x": "ü\n"}, "StopSignal": "SIGINT"}


def test_manifest_carries_what_the_config_says(store, variant):
    id_ = store.fetch(variant("full-config", **CONFIG))
    m = json.loads(store.ok("image", "cat-manifest", id_).stdout)
    app = m["app"]
    assert app["exec"] == ["/bin/sh", "-c", "echo", ""]
    assert (app["user"], app["group"]) == ("user", "extra")
    assert app["workingDirectory"] == "/home/user"
    env = {e["name"]: e["value"] for e in app["environment"]}
    assert env["PATH"] == "/bin" and env["A"] == "1" and env["E"] == ""
    ports = {(p["name"], p["protocol"], p["port"]) for p in app["ports"]}
    assert ports == {("80-tcp", "tcp", 80), ("53-udp", "udp", 53)}
    points = {(p["name"], p["path"]) for p in app["mountPoints"]}
    assert points == {("volume-var-data", "/var/data"),
                      ("volume-other", "/other")}
    labels = {x["name"]: x["value"] for x in m["labels"]}
    assert labels["os"] == "linux" and labels["arch"] == images.ARCH
    notes = json.dumps(m["annotations"], ensure_ascii=False)
    for w in ("Some.Label", "SIGINT", "odd name"):
        assert w in notes or w in json.dumps(m), w


def test_cat_manifest_by_reference(store, registry):
    id_ = store.fetch(registry.ref("busybox"))
    assert store.ok("image", "cat-manifest", id_).stdout == \
        store.ok("image", "cat-manifest", registry.ref("busybox")).stdout


def test_rm(store, registry):
    a = store.fetch(registry.ref("busybox"))
    b = store.fetch(registry.ref("redis"))
    assert len(store.layers()) == 4
    store.ok("image", "rm", b)
    lib.await_true("trash", lambda: store.leftovers() == [])
    assert len(listed(store)) == 1
    assert store.run(a, "--", "true").returncode == 0
    store.ok("image", "gc")
    lib.await_true("trash", lambda: store.leftovers() == [])
    assert len(store.layers()) == 1     # what both had
    store.ok("image", "verify", a)
    store.ok("image", "rm", registry.ref("busybox"))
    store.ok("image", "gc")
    lib.await_true("trash", lambda: store.leftovers() == [])
    assert store.images() == [] and store.layers() == []
    assert store.ls("refs") == []


def test_removal_gives_way_and_reads_once(store, registry, tmp_path):
    """Nobody waits for the trash to be empty, and no directory of it is
    read again for each one in it, however deep."""
    id_ = store.fetch(registry.ref("busybox"))
    deep = store.path("layers", store.layers()[0], "fs", *["d"] * 60)
    os.makedirs(deep)
    top = store.path("layers", store.layers()[0], "fs", "wide")
    for i in range(200):
        os.makedirs(os.path.join(top, str(i), "full"))
    lib.command(["chown", "-hR", "1879048192:1879048192",
                 store.path("layers", store.layers()[0], "fs")])
    log = str(tmp_path / "log")
    lib.command(["strace", "-f", "-qq", "-s", "0", "-o", log, "-e",
                 "trace=setpriority,openat,unlinkat",
                 *store.argv("image", "rm", id_)])
    lib.await_true("trash", lambda: store.leftovers() == [])
    with open(log) as f:
        lines = f.read().splitlines()
    assert any(re.search(r" setpriority\(PRIO_PROCESS, \d+, 19\b", x)
               for x in lines)
    refused = [x for x in lines if "ENOTEMPTY" in x]
    assert 0 < len(refused) < 150


def test_rm_of_a_running_image_is_refused(store, registry):
    id_ = store.fetch(registry.ref("busybox"))
    p = store.popen("run", id_, "--", "sh", "-c", "echo up; sleep 100")
    try:
        assert p.stdout.readline() == b"up\n"
        lib.failed(store("image", "rm", id_), 1, id_[:39],
                   "in use by a running pod")
        assert len(store.images()) == 1
    finally:
        p.terminate()
        p.communicate(timeout=20)
    store.ok("image", "rm", id_)


def test_rm_right_after_use(store, registry):
    """Who used it may still be dying when its word has been passed on."""
    d = lib.Daemon(store, 'store "%s"\nlisten on 127.0.0.1 port %d\n' % (
        store.dir, lib.free_port()))
    try:
        for _ in range(25):
            id_ = store.fetch(registry.ref("busybox"))
            store.ok("image", "verify", id_)
            store.ok("image", "rm", id_)
            id_ = store.fetch(registry.ref("busybox"))
            store.ok("run", id_, "--exec=/bin/true")
            store.ok("image", "rm", id_)
    finally:
        assert d.stop() == 0


# verify: each change is made on the host's side of a stored layer.

def fs(store, *names):
    layer = "sha256-" + images.sha256(images.busybox_tar())[7:]
    return store.path("layers", layer, "fs", *names)


def flip(p):
    with open(p, "r+b") as f:
        f.seek(1000)
        b = f.read(1)
        f.seek(1000)
        f.write(bytes([b[0] ^ 1]))


def with_times_kept(p, change):
    st = os.lstat(p)
    change(p)
    os.utime(p, ns=(st.st_atime_ns, st.st_mtime_ns), follow_symlinks=False)


def in_quiet(p, change):
    """The directory's time says nothing of it."""
    with_times_kept(os.path.dirname(p), lambda d: change(p))


def relink(p):
    st = os.lstat(p)
    os.unlink(p)
    os.symlink("/bin/true", p)
    os.lchown(p, st.st_uid, st.st_gid)
    os.utime(p, ns=(st.st_atime_ns, st.st_mtime_ns), follow_symlinks=False)


DAMAGE = {
    "byte": ("bin/busybox", lambda p: with_times_kept(p, flip)),
    "mode": ("bin/busybox", lambda p: os.chmod(p, 0o700)),
    "setuid": ("bin/busybox", lambda p: os.chmod(p, 0o4755)),
    "owner": ("etc/passwd", lambda p: os.chown(p, 0x70000005, -1)),
    "group": ("etc/passwd", lambda p: os.chown(p, -1, 0x70000005)),
    "missing": ("etc/group", os.unlink),
    "missing-link": ("bin/ls", os.unlink),
    "link": ("bin/ls", relink),
    "shorter": ("etc/passwd", lambda p: with_times_kept(
        p, lambda q: os.truncate(q, 5))),
    "longer": ("etc/passwd", lambda p: with_times_kept(
        p, lambda q: os.truncate(q, 5000))),
    "time": ("etc/passwd", lambda p: os.utime(p, (1, 1))),
    "xattr": ("etc/passwd", lambda p: os.setxattr(p, "user.x", b"y")),
    "extra": ("etc/shadow", lambda p: open(p, "w").close()),
    "extra-dir": ("etc/cron.d", os.mkdir),
    "whiteout": ("etc/hosts", lambda p: in_quiet(p, lambda q: os.mknod(
        q, stat.S_IFCHR))),
    "extra-quiet": ("etc/hosts", lambda p: in_quiet(p, lambda q: open(
        q, "w").close())),
    "dir-mode": ("home/user", lambda p: os.chmod(p, 0o777))}


@pytest.mark.parametrize("what", sorted(DAMAGE))
def test_verify_names_what_changed(store, registry, what):
    id_ = store.fetch(registry.ref("busybox"))
    assert store("image", "verify", id_).returncode == 0
    name, change = DAMAGE[what]
    change(fs(store, name))
    lib.failed(store("image", "verify", id_), 1, *name.split("/"),
               images.sha256(images.busybox_tar())[7:])


@pytest.mark.parametrize("name, value", [
    ("user.overlay.opaque", b"y"), ("user.overlay.metacopy", b""),
    ("user.overlay.redirect", b"/bin")])
def test_verify_sees_an_attribute_of_overlayfs(store, registry, name, value):
    """Any of these in an upper layer hides or moves what lies beneath."""
    id_ = store.fetch(registry.ref("redis"))
    top = "sha256-" + images.sha256(images.redis_tars()[3])[7:]
    p = store.path("layers", top, "fs", "etc")
    os.setxattr(p, name, value)
    lib.failed(store("image", "verify", id_), 1, top[7:], "etc")


@pytest.mark.parametrize("name", ["aci", "manifest", "config"])
def test_verify_sees_the_image_files(store, registry, name):
    id_ = store.fetch(registry.ref("busybox"), "--full")
    p = store.path("images", id_, name)
    with open(p, "r+b") as f:
        f.seek(20)
        b = f.read(1)
        f.seek(20)
        f.write(bytes([b[0] ^ 1]))
    lib.failed(store("image", "verify", id_), 1)


def test_verify_sees_a_damaged_skeleton(store, registry):
    id_ = store.fetch(registry.ref("busybox"))
    p = os.path.join(os.path.dirname(fs(store).rstrip("/")), "skeleton")
    size = os.path.getsize(p)
    with open(p, "r+b") as f:
        f.seek(size // 2)
        b = f.read(1)
        f.seek(size // 2)
        f.write(bytes([b[0] ^ 1]))
    lib.failed(store("image", "verify", id_), 1)


# export

@pytest.mark.parametrize("name", ["redis", "redis-zstd", "redis-docker"])
def test_export_oci(store, registry, tmp_path, name):
    id_ = store.fetch(registry.ref(name))
    out = tmp_path / "out.tar"
    store.ok("image", "export", "--oci", id_, str(out))
    r = lib.command(["skopeo", "inspect", "--config",
                     "oci-archive:%s" % out])
    assert r.returncode == 0, r
    assert json.loads(r.stdout)["rootfs"]["diff_ids"] == [
        images.sha256(t) for t in images.redis_tars()]
    # skopeo reads and checks every blob when it copies
    r = lib.command(["skopeo", "copy", "-q", "oci-archive:%s" % out,
                     "dir:%s" % (tmp_path / "copy")])
    assert r.returncode == 0, r
    layers = [x for x in os.listdir(tmp_path / "copy") if len(x) == 64]
    tars = {images.sha256(t)[7:] for t in images.redis_tars()}
    got = set()
    for x in layers:
        with open(tmp_path / "copy" / x, "rb") as f:
            data = f.read()
        if data[:2] == b"\x1f\x8b":
            data = subprocess.run(["gzip", "-dc"], input=data, check=True,
                                  stdout=subprocess.PIPE).stdout
        got.add(hashlib.sha256(data).hexdigest())
    assert tars <= got


def test_export_goes_round(stores, registry, tmp_path):
    """Exported, pushed and fetched again it is the same image."""
    a = stores()
    id_ = a.fetch(registry.ref("redis"))
    out = tmp_path / "out.tar"
    a.ok("image", "export", "--oci", id_, str(out))
    r = lib.command(["skopeo", "copy", "-q", "--dest-tls-verify=false",
                     "oci-archive:%s" % out,
                     "docker://%s/again:latest" % registry.addr])
    assert r.returncode == 0, r
    assert stores().fetch(registry.ref("again")) == id_


def test_export_layered(store, registry, tmp_path):
    id_ = store.fetch(registry.ref("redis"), "--full")
    out = tmp_path / "acis"
    store.ok("image", "export", "--layered", id_, str(out))
    names = os.listdir(out)
    assert len(names) == 5, names
    sums = {}
    for n in names:
        with open(out / n, "rb") as f:
            sums[hashlib.sha512(f.read()).hexdigest()] = n
    assert id_[7:] in sums              # the ID is the image ACI's
    by_name = {}
    for n in names:
        with tarfile.open(out / n) as t:
            m = json.load(t.extractfile("manifest"))
            by_name[m["name"]] = m
            assert set(x.split("/")[0] for x in t.getnames()) == {
                "manifest", "rootfs"}
    # follow the dependencies from the image down to the bottom
    name = [k for k in by_name if not k.startswith("berth/layer/")][0]
    seen = []
    while True:
        seen.append(name)
        deps = by_name[name].get("dependencies") or []
        assert len(deps) <= 1
        if not deps:
            break
        name = deps[0]["imageName"]
    assert len(seen) == 5


def test_export_to_what_exists(store, registry, tmp_path):
    id_ = store.fetch(registry.ref("busybox"))
    out = tmp_path / "out.tar"
    out.write_text("mine")
    r = store("image", "export", "--oci", id_, str(out))
    if r.returncode != 0:
        lib.failed(r, 1, str(out))
        assert out.read_text() == "mine"


def test_export_to_nowhere(store, registry):
    id_ = store.fetch(registry.ref("busybox"))
    lib.failed(store("image", "export", "--oci", id_, "/no/such/dir/x"), 1,
               "/no/such/dir/x")
