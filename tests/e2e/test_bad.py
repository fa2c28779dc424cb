# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""Bad input: one clear line with the object and the reason, the right exit
status, nothing half-made left behind (conftest looks for that)."""
import hashlib
import io
import json
import os
import subprocess
import tarfile

import pytest

import images
import lib
import tokens
from lib import INSECURE, failed


def nothing_stored(store):
    assert store.images() == [] and store.layers() == []
    assert store.ls("refs") == []


@pytest.mark.parametrize("args", [
    ("fetch", "--no-such-option", "docker://x"), ("fetch",), ("run",),
    ("--insecure-options=imagine", "fetch", "docker://x"),
    ("nonsense",), (), ("run", "--memory=lots", "docker://x"),
    ("fetch", "--pull-policy=perhaps", "docker://x"),
    ("fetch", "--platform=linux", "docker://x"),
    ("run", "--net=moon", "docker://x"), ("image",), ("image", "polish"),
    ("image", "rm"), ("image", "verify"),
    ("image", "export", "--oci", "sha512-00"),
    ("run", "--pids=-1", "docker://x"), ("run", "--cpu=0x", "docker://x"),
    ("run", "--set-env=novalue", "docker://x"),
])
def test_wrong_usage_is_2(store, args):
    r = store(*args)
    assert r.returncode == 2, r
    assert r.stdout == ""
    assert "usage: berth" in r.stderr, r
    assert not os.path.exists(store.dir)


@pytest.mark.parametrize("ref, why", [
    ("docker://", ""), ("docker://UPPER/case", "lower case"),
    ("docker://x:bad tag", ""), ("docker://x@sha256:12", ""),
    ("docker://host:99999/x", ""), ("docker://a//b", ""),
    ("docker://x\n/y", ""), ("docker://" + "a/" * 300 + "a", ""),
    ("ftp://x/y", "")], ids=lambda x: repr(x[:20]))
def test_bad_reference(store, ref, why):
    r = store(INSECURE, "fetch", ref)
    assert r.returncode in (1, 2), r
    assert r.stdout == "" and why in r.stderr
    assert r.stderr.startswith("berth: ")
    assert all(" " <= c <= "~" or c == "\n" for c in r.stderr), r.stderr
    assert "\n/y" not in r.stderr


def test_unknown_host(store):
    failed(store(INSECURE, "fetch", "docker://no-such-host.invalid/x"),
           1, "no-such-host.invalid")
    nothing_stored(store)


def test_refused_connection(store):
    addr = "127.0.0.1:%d" % lib.free_port()
    failed(store(INSECURE, "fetch", "docker://%s/x" % addr), 1, addr,
           "refused")
    nothing_stored(store)


def test_tls_failure(store, registry, tmp_path):
    top = str(tmp_path)
    key, cert = tokens.make_cert(top)
    n = lib.Nginx(top, "server { listen 127.0.0.1:PORT ssl; "
                  "ssl_certificate %s; ssl_certificate_key %s; }"
                  % (cert, key))
    try:
        failed(store("--insecure-options=image", "fetch", n.ref("x")), 1,
               n.addr, "certificate")
    finally:
        n.stop()
    nothing_stored(store)


def test_not_found(store, registry):
    failed(store(INSECURE, "fetch", registry.ref("nothing")), 1,
           registry.addr + "/nothing", "404")
    failed(store(INSECURE, "fetch", registry.ref("busybox:none")), 1,
           "busybox:none", "404")
    nothing_stored(store)


ANSWERS = """
server { listen 127.0.0.1:PORT; default_type application/json;
  location /v2/e401/ { add_header WWW-Authenticate 'Basic realm="x"' always;
    return 401 '{"errors":[{"code":"UNAUTHORIZED"}]}'; }
  location /v2/e403/ { return 403 '{"errors":[{"code":"DENIED"}]}'; }
  location /v2/e429/ { add_header Retry-After 3600 always;
    return 429 '{"errors":[{"code":"TOOMANYREQUESTS"}]}'; }
  location /v2/e500/ { return 500 'oops'; }
  location /v2/e503/ { return 503 'oops'; }
  location /v2/html/ { default_type text/html;
    return 200 '<!DOCTYPE html><title>Sign in</title>\n'; }
  location /v2/htmljson/ {
    default_type application/vnd.oci.image.manifest.v1+json;
    return 200 '<!DOCTYPE html><title>Sign in</title>\n'; }
  location /v2/empty/ {
    default_type application/vnd.oci.image.manifest.v1+json;
    return 200 ''; }
  location /v2/loop/ { return 307 $request_uri; }
  location /v2/file/ { return 307 file:///etc/passwd; }
  location /v2/big/ {
    default_type application/vnd.oci.image.manifest.v1+json;
    root %s; rewrite ^ /big.json break; }
}
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    top = str(tmp_path_factory.mktemp("answers"))
    big = os.path.join(top, "big.json")
    with open(big, "w") as f:
        f.write('{"schemaVersion": 2, "x": "' + "y" * (4 << 20) + '"}')
    os.chmod(top, 0o755)
    n = lib.Nginx(top, ANSWERS % top)
    yield n
    n.stop()


@pytest.mark.parametrize("name, word", [
    ("e401", "401"), ("e403", "403"), ("e429", "429"), ("e500", "500"),
    ("e503", "503"), ("html", "text/html"), ("htmljson", ""), ("empty", ""),
    ("loop", "redirect"), ("file", ""), ("big", "4194304")])
def test_registry_says(store, answers, name, word):
    r = store(INSECURE, "fetch", answers.ref(name))
    line = failed(r, 1, answers.addr + "/" + name, word)
    assert "DOCTYPE" not in line
    nothing_stored(store)


def test_registry_wants_a_password(store, scratch):
    htpasswd = os.path.join(scratch, "htpasswd")
    with open(htpasswd, "w") as f:
        f.write("u:$2y$05$abcdefghijklmnopqrstuuN0bF5dBqvMWyhVwVvTGZ2Qn1dq3Pz"
                "C\n")
    r = lib.Registry(scratch, "locked",
                     "auth: {htpasswd: {realm: r, path: %s}}" % htpasswd)
    try:
        failed(store(INSECURE, "fetch", r.ref("x")), 1, r.addr + "/x", "401")
    finally:
        r.stop()
    nothing_stored(store)


# What the registry keeps on its disk is damaged, as a disk does.

def blobs(registry, name):
    m = registry.manifest(name)
    return m["config"]["digest"], [d["digest"] for d in m["layers"]]


DAMAGE = {
    "truncated": lambda b: b[:-100],
    "oversized": lambda b: b + b"x" * 100,
    "flipped": lambda b: b[:5000] + bytes([b[5000] ^ 1]) + b[5001:],
    "emptied": lambda b: b""}


@pytest.mark.parametrize("how", sorted(DAMAGE))
@pytest.mark.parametrize("name", ["redis", "redis-zstd", "redis-none"])
def test_damaged_layer(store, registry, name, how):
    _, layers = blobs(registry, name)
    digest = layers[2]
    with registry.damaged(digest, DAMAGE[how]) as came:
        r = store(INSECURE, "fetch", registry.ref(name))
        line = failed(r, 1, digest[7:])
    assert line.count(digest[7:]) == 1, line
    if how == "flipped":                # names what came: it was hashed,
        assert line.count("layer ") == 1, line          # not decoded
        assert line.endswith("%s: has digest %s" % (digest, came)), line
    assert store.images() == [] and store.ls("refs") == []
    # The good layers may stay: they are whole and verified.
    assert "sha256-" + digest[7:] not in store.layers()
    store.fetch(registry.ref(name))     # and all is well afterwards


def test_swapped_layers(store, registry):
    _, layers = blobs(registry, "redis-none")
    with open(registry.blob_file(layers[1]), "rb") as f:
        other = f.read()
    with registry.damaged(layers[3], lambda b: other[:len(b)].ljust(len(b))):
        failed(store(INSECURE, "fetch", registry.ref("redis-none")), 1,
               layers[3][7:])
    assert store.images() == []


@pytest.mark.parametrize("how", ["truncated", "oversized", "emptied"])
def test_damaged_config(store, registry, how):
    config, _ = blobs(registry, "busybox")
    with registry.damaged(config, DAMAGE[how]):
        failed(store(INSECURE, "fetch", registry.ref("busybox")), 1,
               config[7:])
    nothing_stored(store)


def test_manifest_is_not_its_digest(store, registry, tmp_path):
    """A registry that answers another manifest than the one asked for."""
    good = registry.request("GET", "busybox/manifests/latest",
                            media=lib.MANIFEST)[0]["Docker-Content-Digest"]
    n = lib.Nginx(str(tmp_path), """
      server { listen 127.0.0.1:PORT;
        location ~ /manifests/ { rewrite ^ /v2/redis/manifests/latest break;
          proxy_pass http://%s; }
        location / { proxy_pass http://%s; } }
    """ % (registry.addr, registry.addr))
    try:
        failed(store(INSECURE, "fetch", n.ref("busybox@" + good)), 1,
               good[7:])
    finally:
        n.stop()
    nothing_stored(store)


# Images that are wrong in themselves.

@pytest.fixture(scope="module")
def odd(registry):
    """Uploads a manifest of parts: odd(name, layers=[(bytes, media, diff)],
    **fields)."""
    def make(name, layers, config=None, media=lib.MANIFEST, doc=None,
             **fields):
        cfg = json.dumps(doc or {
            "architecture": images.ARCH, "os": "linux",
            "config": config or images.BUSYBOX_CONFIG,
            "rootfs": {"type": "layers", "diff_ids": [
                diff or images.sha256(data) for data, _, diff in layers]}}
        ).encode()
        m = {"schemaVersion": 2, "mediaType": media,
             "config": {"mediaType": images.OCI + "config.v1+json",
                        "digest": images.sha256(cfg), "size": len(cfg)},
             "layers": []}
        registry.put_blob(name, cfg, images.sha256(cfg))
        for data, kind, _ in layers:
            registry.put_blob(name, data, images.sha256(data))
            m["layers"].append({"mediaType": kind, "size": len(data),
                                "digest": images.sha256(data)})
        m.update(fields)
        return registry.put_manifest(name, "latest", json.dumps(m).encode(),
                                     media)
    return make


LAYER = images.OCI + "layer.v1.tar"


def tar_of(name, **k):
    buf = io.BytesIO()
    with tarfile.open(fileobj=buf, mode="w", format=tarfile.PAX_FORMAT) as t:
        ti = tarfile.TarInfo(name)
        data = k.pop("data", b"")
        pax = k.pop("pax", None)
        for key, v in k.items():
            setattr(ti, key, v)
        ti.size = len(data)
        if pax:
            ti.pax_headers = pax
        t.addfile(ti, io.BytesIO(data))
    return buf.getvalue()


def test_wrong_diff_id(store, registry, odd):
    data = tar_of("a", data=b"x")
    ref = odd("wrongdiff", [(data, LAYER, "sha256:" + "ab" * 32)])
    failed(store(INSECURE, "fetch", ref), 1, "ab" * 32,
           hashlib.sha256(data).hexdigest())
    nothing_stored(store)


WRONG = {
    "gzip-not-gzip": (b"this is no gzip" * 100, LAYER + "+gzip"),
    "zstd-is-gzip": (images.compress(tar_of("a"), "gzip"), LAYER + "+zstd"),
    "gzip-is-zstd": (images.compress(tar_of("a"), "zstd"), LAYER + "+gzip"),
    "tar-is-gzip": (images.compress(tar_of("a"), "gzip"), LAYER),
    "gzip-cut": (images.compress(os.urandom(9999), "gzip")[:-9],
                 LAYER + "+gzip"),
    "media-unknown": (tar_of("a"), "application/x-rar"),
    "tar-cut": (tar_of("a", data=b"x" * 5000)[:2000], LAYER),
    "no-tar": (b"\x01" * 10240, LAYER)}


@pytest.mark.parametrize("name", sorted(WRONG))
def test_layer_is_not_what_it_says(store, odd, name):
    data, media = WRONG[name]
    ref = odd(name, [(data, media, None)])
    failed(store(INSECURE, "fetch", ref), 1)
    nothing_stored(store)


@pytest.mark.parametrize("name, entry", [
    ("dotdot", dict(name="../evil", data=b"x")),
    ("dotdot-deep", dict(name="a/../../evil", data=b"x")),
    ("link-out", dict(name="l", type=tarfile.LNKTYPE,
                      linkname="../../etc/passwd")),
    ("overlay-xattr", dict(name="d", type=tarfile.DIRTYPE, pax={
        "SCHILY.xattr.user.overlay.opaque": "y"})),
    ("long-name", dict(name="n" * 256, data=b"x")),
    ("deep", dict(name="d/" * 200 + "f", data=b"x"))])
def test_hostile_entry(store, odd, scratch, name, entry):
    ref = odd("hostile-" + name, [(tar_of(**entry), LAYER, None)])
    failed(store(INSECURE, "fetch", ref), 1)
    nothing_stored(store)
    assert not os.path.exists(os.path.join(scratch, "evil"))


def test_schema_1(store, registry, made):
    """What docker-registry still serves when a client is that old."""
    lay = made("busybox", images.busybox)
    registry.push(lay, "schema1", "--format", "v2s1")
    failed(store(INSECURE, "fetch", registry.ref("schema1")), 1,
           registry.addr + "/schema1", "schema 1")
    nothing_stored(store)


def test_artifact(store, registry):
    """As oras and helm push them: a manifest whose config is no image's."""
    body, empty = b"chart: x\n", b"{}"
    for b in (body, empty):
        registry.put_blob("artifact", b, images.sha256(b))
    kind = "application/vnd.cncf.helm.config.v1+json"
    ref = registry.put_manifest("artifact", "latest", json.dumps({
        "schemaVersion": 2, "mediaType": lib.MANIFEST,
        "config": {"mediaType": kind, "size": len(empty),
                   "digest": images.sha256(empty)},
        "layers": [{"mediaType":
                    "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
                    "size": len(body), "digest": images.sha256(body)}]
    }).encode())
    failed(store(INSECURE, "fetch", ref), 1, kind)
    nothing_stored(store)


def test_other_architecture(store, variant):
    other = "arm64" if images.ARCH == "amd64" else "amd64"
    ref = variant("other-arch", more={"arch": other})
    failed(store(INSECURE, "fetch", ref), 1, "linux/" + other,
           "linux/" + images.ARCH)
    nothing_stored(store)
    failed(store.run(ref), 125, "linux/" + other)


# The machine's own faults.

def test_full_disk(registry, scratch):
    top = os.path.join(scratch, "small")
    os.mkdir(top)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "berth-test",
                    top], check=True)
    try:
        s = lib.Store(os.path.join(top, "s"))
        line = failed(s(INSECURE, "fetch", registry.ref("redis-none")), 1,
                      "No space left on device")
        assert line.count("layer sha256:") == 1, line
        lib.await_true("tidy", lambda: s.leftovers() == [])
        assert s.images() == []
        id_ = s.fetch(registry.ref("busybox"))
        assert s("image", "verify", id_).returncode == 0
    finally:
        lib.await_true("umount", lambda: subprocess.run(
            ["umount", top], check=False).returncode == 0)


def test_read_only_store(registry, store, scratch):
    id_ = store.fetch(registry.ref("busybox"))
    subprocess.run(["mount", "--bind", store.dir, store.dir], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", store.dir], check=True)
    try:
        failed(store(INSECURE, "fetch", registry.ref("redis")), 1,
               "Read-only file system")
        failed(store.run(id_), 125, "Read-only file system")
    finally:
        lib.await_true("umount", lambda: subprocess.run(
            ["umount", store.dir], check=False).returncode == 0)


def test_store_of_another_user(registry, store):
    os.mkdir(store.dir, 0o700)
    os.chown(store.dir, 1000, 1000)
    failed(store(INSECURE, "fetch", registry.ref("busybox")), 1, store.dir)
    assert os.listdir(store.dir) == []


def test_store_that_others_can_write(registry, store):
    os.mkdir(store.dir)
    os.chmod(store.dir, 0o777)
    failed(store(INSECURE, "fetch", registry.ref("busybox")), 1, store.dir)
    assert os.listdir(store.dir) == []


def test_not_root(shared):
    r = lib.command(["setpriv", "--reuid=1000", "--regid=1000",
                     "--clear-groups", lib.BERTH, "--dir=" + shared.dir,
                     INSECURE, "run", shared.id])
    failed(r, 125, "root")


@pytest.mark.parametrize("args, status", [
    (("run",), 125), (("image", "rm"), 1), (("image", "verify"), 1),
    (("image", "cat-manifest"), 1)])
def test_unknown_id(shared, args, status):
    missing = "sha512-" + ("0" if shared.id[7] != "0" else "1") * 32
    failed(shared(*args, missing), status, missing)


def test_id_too_short(shared):
    r = shared("run", "sha512-a")
    assert r.returncode in (2, 125) and "sha512-a" in r.stderr, r


def test_ambiguous_id(store, registry, variant):
    """Images until two share their first two digits: about twenty."""
    seen = {}
    tar = images.Tar().dir("d").bytes()
    for i in range(300):
        def more(name=i):
            return {"Labels": {"n": str(name)}}
        ref = push_tiny(registry, "tiny", tar, more())
        id_ = store.fetch(ref, "--pull-policy=update")
        if id_[:9] in seen:
            break
        seen[id_[:9]] = id_
    prefix = id_[:9]
    failed(store("image", "verify", prefix), 1, prefix, "ambiguous")
    failed(store("run", prefix), 125, prefix, "ambiguous")
    assert len(store.images()) == len(seen) + 1


def push_tiny(registry, name, tar, config):
    cfg = json.dumps({"architecture": images.ARCH, "os": "linux",
                      "config": config, "rootfs": {
                          "type": "layers",
                          "diff_ids": [images.sha256(tar)]}}).encode()
    for b in (tar, cfg):
        registry.put_blob(name, b, images.sha256(b))
    return registry.put_manifest(name, "latest", json.dumps({
        "schemaVersion": 2, "mediaType": lib.MANIFEST,
        "config": {"mediaType": images.OCI + "config.v1+json",
                   "size": len(cfg), "digest": images.sha256(cfg)},
        "layers": [{"mediaType": LAYER, "size": len(tar),
                    "digest": images.sha256(tar)}]}).encode())


# Apps that cannot start.

def test_missing_entry_point(store, variant):
    ref = variant("no-entry", Cmd=["/no/such/program"])
    failed(store.run(ref), 127, "/no/such/program")
    failed(store.run("--exec=nonesuch", ref), 127, "nonesuch")


def test_entry_point_not_executable(store, variant):
    ref = variant("no-exec", Cmd=["/etc/passwd"])
    failed(store.run(ref), 126, "/etc/passwd")
    failed(store.run("--exec=/etc", ref), 126, "/etc")


def test_script_without_interpreter(store, variant):
    tar = images.Tar().file("script", "#!/no/such/shell\n", 0o755).bytes()
    ref = variant("no-shell", tars=[tar], Cmd=["/script"])
    failed(store.run(ref), 126, "/script")     # as a shell says it


@pytest.mark.parametrize("user", ["nobody-here", "root:nogroup-here",
                                  "4294967295", "99999999999", "0:70000"])
def test_unknown_user(store, variant, user):
    ref = variant("user-" + user.replace(":", "-"), User=user)
    failed(store.run(ref), 125, user.split(":")[-1])


def test_unknown_user_option(shared):
    failed(shared("run", "--user=ghost", shared.id), 125, "ghost")
    failed(shared("run", "--group=ghosts", shared.id), 125, "ghosts")


def test_no_command_at_all(store, variant):
    ref = variant("no-cmd", Cmd=None)
    failed(store.run(ref), 125)


def test_working_directory_that_is_a_file(store, variant):
    ref = variant("bad-workdir", WorkingDir="/etc/passwd")
    failed(store.run(ref), 125, "/etc/passwd")
