# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""berth fetch from a real registry: what is asked for, what is printed."""
import os
import re
import socket
import threading

import pytest

import images
import lib
import tokens
from lib import HTTP_WARNING, INSECURE, WARNING


def downloaded(stderr):
    return re.findall(r"^Downloading layer: ([0-9a-f]{64})$", stderr, re.M)


def test_transcript(store, registry):
    ref = registry.ref("redis")
    r = store.ok(INSECURE, "fetch", ref)
    assert re.fullmatch(lib.ID + "\n", r.stdout)
    lines = r.stderr.splitlines()
    assert lines[:3] == ["berth: fetching image from " + ref, WARNING,
                         HTTP_WARNING]
    layers = [d["digest"][7:] for d in registry.manifest("redis")["layers"]]
    assert sorted(downloaded(r.stderr)) == sorted(layers)
    assert len(lines) == 3 + len(layers)


def test_options_after_the_command(store, registry):
    r = store.ok("fetch", registry.ref("busybox"), INSECURE)
    assert re.fullmatch(lib.ID + "\n", r.stdout)


def test_full_id(store, registry):
    short = store.fetch(registry.ref("busybox"))
    full = store.fetch(registry.ref("busybox"), "--full")
    assert re.fullmatch("sha512-[0-9a-f]{128}", full)
    assert full.startswith(short)
    assert store.images() == [full]


def test_two_images_in_one_command(store, registry):
    r = store.ok(INSECURE, "fetch", registry.ref("busybox"),
                 registry.ref("redis"))
    ids = r.stdout.split()
    assert len(set(ids)) == 2 and len(store.images()) == 2


def test_without_image_no_packet_leaves(store):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        s.settimeout(0.3)
        r = store("--insecure-options=http", "fetch",
                  "docker://127.0.0.1:%d/redis" % s.getsockname()[1])
        assert r.returncode == 1 and r.stdout == ""
        assert r.stderr == (
            "berth: signature verification for docker images is not "
            "supported (try --insecure-options=image)\n")
        with pytest.raises(TimeoutError):
            s.accept()


def test_plain_http_is_an_option(store, registry):
    r = store("--insecure-options=image", "fetch", registry.ref("busybox"))
    lib.failed(r, 1, registry.addr)
    assert store.images() == []


def test_layers_already_stored_are_not_downloaded(store, registry):
    one = store.ok(INSECURE, "fetch", registry.ref("busybox"))
    two = store.ok(INSECURE, "fetch", registry.ref("redis"))
    assert len(downloaded(one.stderr)) == 1
    assert len(downloaded(two.stderr)) == 3
    assert len(store.layers()) == 4


def test_same_layers_otherwise_compressed_are_not_downloaded(store, registry):
    """The config names the diff ids before any blob is asked for."""
    store.fetch(registry.ref("redis"))
    r = store.ok(INSECURE, "fetch", registry.ref("redis-zstd"))
    assert downloaded(r.stderr) == []


@pytest.fixture
def front(scratch, registry, tmp_path_factory):
    """nginx before the registry, with a log of what was asked."""
    top = str(tmp_path_factory.mktemp("front"))
    n = lib.Nginx(top, """
      log_format t '$request_method $request_uri $msec $request_time';
      server { listen 127.0.0.1:PORT; access_log %s/asked t;
        location / { proxy_pass http://%s; proxy_set_header Host $http_host;
          proxy_buffering on; limit_rate 4m; } }
    """ % (top, registry.addr))
    def asked():
        """It logs a request when that is over, and the client may know
        sooner: what we ask last is what stands there last."""
        asked.n += 1
        last = "/last-%d " % asked.n
        lib.http(n.port, last.strip())

        def lines():
            with open(os.path.join(top, "asked"), encoding="utf-8") as f:
                return f.read().splitlines()
        lib.await_true(last, lambda: any(last in x for x in lines()))
        return [x for x in lines() if not x.startswith("- ") and
                "/last-" not in x]
    asked.n = 0
    n.asked = asked
    yield n
    n.stop()


def test_pull_policies(store, front):
    ref = front.ref("busybox")
    r = store(INSECURE, "fetch", "--pull-policy=never", ref)
    lib.failed(r, 1, front.addr + "/busybox")
    assert front.asked() == []
    id_ = store.fetch(ref)
    n = len(front.asked())
    assert store.fetch(ref, "--pull-policy=new") == id_
    assert store.fetch(ref, "--pull-policy=never") == id_
    assert len(front.asked()) == n
    assert store.fetch(ref, "--pull-policy=update") == id_
    again = front.asked()[n:]
    assert again and not any("/blobs/" in x for x in again), again


@pytest.mark.parametrize("command", ["fetch", "run"])
def test_nothing_to_warn_of_where_nothing_is_fetched(store, command):
    """A check of a fetch is left out by none that never fetches."""
    r = store(INSECURE, command, "--pull-policy=never", "docker://none/x")
    assert (r.returncode, r.stdout) == (125 if command == "run" else 1, "")
    assert r.stderr == ("berth: docker.io/none/x:latest: not in the store, "
                        "and the pull policy is never\n")


def test_warning_of_what_a_run_leaves_out(store, registry):
    ref = registry.ref("busybox")
    store.fetch(ref)
    r = store("--insecure-options=image,seccomp", "run",
              "--pull-policy=never", ref, "--", "true")
    assert (r.returncode, r.stderr) == (
        0, "berth: warning: seccomp filtering has been disabled\n")


def test_update_follows_the_tag(store, registry, variant):
    first = variant("moving", Cmd=["/bin/true"])
    a = store.fetch(first)
    variant("moved", Cmd=["/bin/false"])
    data = registry.request("GET", "moved/manifests/latest",
                            media=lib.MANIFEST)[1]
    for d in [registry.manifest("moved")["config"]["digest"]]:
        with open(registry.blob_file(d), "rb") as f:
            registry.put_blob("moving", f.read(), d)
    registry.put_manifest("moving", "latest", data)
    assert store.fetch(first, "--pull-policy=new") == a
    b = store.fetch(first, "--pull-policy=update")
    assert b != a
    assert store.fetch(first, "--pull-policy=never") == b


def test_layers_come_in_parallel(store, front):
    store.fetch(front.ref("redis-none"))
    times = []
    for line in front.asked():
        method, uri, end, took = line.split()
        if "/blobs/" in uri:
            times.append((float(end) - float(took), float(end)))
    overlaps = [1 for i, a in enumerate(times) for b in times[i + 1:]
                if a[0] < b[1] and b[0] < a[1]]
    assert overlaps, times


def test_by_digest(store, registry):
    head, _ = registry.request("GET", "busybox/manifests/latest",
                               media=lib.MANIFEST)
    digest = head["Docker-Content-Digest"]
    id_ = store.fetch(registry.ref("busybox@" + digest))
    assert id_ == store.fetch(registry.ref("busybox:latest"))
    assert id_ == store.fetch(registry.ref("busybox:nonsense@" + digest))


@pytest.fixture(scope="module")
def multi(registry, made):
    """An index: this machine's platform, another one, and one more index
    inside."""
    def build(path):
        lay = images.Layout(path)
        tar = images.busybox_tar()
        other = "arm64" if images.ARCH == "amd64" else "amd64"
        here, there, arm = (
            lay.image([tar], dict(images.BUSYBOX_CONFIG,
                                  Labels={"which": w}), arch=a)
            for w, a in (("here", images.ARCH), ("there", other),
                         ("armv6", "arm")))
        lay.index([(there, {"os": "linux", "architecture": other}),
                   (arm, {"os": "linux", "architecture": "arm",
                          "variant": "v6"}),
                   (here, {"os": "linux", "architecture": images.ARCH})])
        lay.other = other
        return lay
    lay = made("multi", build)
    registry.push(lay, "multi")
    return lay


def test_index_chooses_the_platform(store, registry, multi):
    ref = registry.ref("multi")
    for options, which in (
            ((), "here"), (("--platform=linux/" + multi.other,), "there"),
            (("--platform=linux/arm/v6",), "armv6")):
        id_ = store.fetch(ref, "--pull-policy=update", *options)
        m = store.ok("image", "cat-manifest", id_).stdout
        assert '"%s"' % which in m, m


def test_index_without_the_platform(store, registry, multi):
    r = store(INSECURE, "fetch", "--platform=linux/s390x",
              registry.ref("multi"))
    lib.failed(r, 1, "linux/s390x")
    assert store.images() == [] and store.layers() == []


@pytest.fixture(scope="module")
def guarded(scratch, registry, made):
    """A registry that wants a bearer token, and its token service.  It is
    filled on disk: the other registry's storage, copied."""
    t = tokens.TokenService(os.path.join(scratch, "tokens"))
    root = os.path.join(scratch, "guarded")
    r = lib.Registry(scratch, "guarded", t.registry_yml())
    lib.command(["cp", "-a", registry.root + "/.", root])
    r.tokens = t
    yield r
    r.stop()
    t.stop()


def test_anonymous_token(store, guarded):
    with pytest.raises(Exception, match="401"):
        guarded.request("GET", "busybox/manifests/latest",
                        media=lib.MANIFEST)
    asked = len(guarded.tokens.asked)
    store.fetch(guarded.ref("busybox"))
    new = guarded.tokens.asked[asked:]
    assert 1 <= len(new) <= 2, new
    assert new[0] == {"service": ["test-service"],
                      "scope": ["repository:busybox:pull"]}


def test_redirect_leaks_no_authorization(store, scratch, guarded,
                                         tmp_path_factory):
    """Blobs by redirect to another origin, as registries with object
    storage do: the token must stay at the registry."""
    top = str(tmp_path_factory.mktemp("redirect"))
    other = lib.free_port()
    n = lib.Nginx(top, """
      server { listen 127.0.0.1:PORT; access_log %(top)s/first auth;
        location ~ /blobs/ { return 307
          http://127.0.0.1:%(other)d$request_uri; }
        location / { proxy_pass http://%(reg)s;
          proxy_set_header Host $http_host; } }
      server { listen 127.0.0.1:%(other)d; access_log %(top)s/second auth;
        root %(root)s;
        rewrite ^/v2/.*/blobs/sha256:((..).*)$
          /docker/registry/v2/blobs/sha256/$2/$1/data break; }
    """ % {"top": top, "other": other, "reg": guarded.addr,
           "root": guarded.root})
    try:
        store.fetch(n.ref("busybox"))
    finally:
        n.stop()
    first = open(top + "/first").read()
    second = open(top + "/second").read().splitlines()
    assert "auth=[Bearer " in first
    assert len(second) == 2 and all("auth=[-]" in x for x in second), second


def tls_front(top, registry, cert):
    return lib.Nginx(top, """
      server { listen 127.0.0.1:PORT ssl; ssl_certificate %s;
        ssl_certificate_key %s;
        location / { proxy_pass http://%s; proxy_set_header Host $http_host;
        } }""" % (cert[1], cert[0], registry.addr))


def test_tls_with_the_option(store, registry, tmp_path):
    top = str(tmp_path)
    n = tls_front(top, registry, tokens.make_cert(top))
    try:
        r = store("--insecure-options=image", "fetch", n.ref("busybox"))
        lib.failed(r, 1, n.addr)
        assert store.images() == []
        r = store("--insecure-options=image,tls", "fetch", n.ref("busybox"))
        assert r.returncode == 0, r
        assert r.stderr.count("berth: warning: ") == 2, r.stderr
    finally:
        n.stop()


class Cutter:
    """A TCP relay that cuts answers of blobs after some bytes, n times: the
    network's fault, which no server gives on demand."""

    def __init__(self, port, after, times):
        self.port_to, self.after, self.times = port, after, times
        self.cut = 0
        self.heads = []
        self.sock = socket.socket()
        self.sock.bind(("127.0.0.1", 0))
        self.sock.listen(64)
        self.addr = "127.0.0.1:%d" % self.sock.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                c, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self.relay, args=(c,),
                             daemon=True).start()

    def relay(self, c):
        s = socket.create_connection(("127.0.0.1", self.port_to))
        state = {"blob": False, "bytes": 0}

        def up():
            while data := c.recv(65536):
                self.heads.append(data)
                state["blob"] = b"/blobs/" in data
                state["bytes"] = 0
                s.sendall(data)
            s.close()
        threading.Thread(target=self.quiet, args=(up,), daemon=True).start()

        def down():
            while data := s.recv(4096):
                state["bytes"] += len(data)
                c.sendall(data)
                if state["blob"] and state["bytes"] > self.after and \
                        self.cut < self.times:
                    self.cut += 1
                    c.shutdown(socket.SHUT_RDWR)
                    break
            c.close()
        self.quiet(down)

    @staticmethod
    def quiet(f):
        try:
            f()
        except OSError:
            pass

    def close(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


def test_cut_transfer_goes_on_by_range(store, registry):
    c = Cutter(registry.port, 300000, 2)
    try:
        id_ = store.fetch("docker://%s/busybox" % c.addr)
    finally:
        c.close()
    assert c.cut == 2
    assert any(b"\r\nrange: bytes=" in h.lower() for h in c.heads)
    store.ok("image", "verify", id_)


def test_always_cut_transfer_fails(store, registry):
    c = Cutter(registry.port, 1000, 10000)
    try:
        r = store(INSECURE, "fetch", "docker://%s/busybox" % c.addr)
    finally:
        c.close()
    lib.failed(r, 1)
    assert store.images() == [] and store.layers() == []


def test_two_fetches_at_once(store, registry):
    """Several brokers on one store: one downloads, both succeed."""
    cmd = (INSECURE, "fetch", registry.ref("redis"))
    ps = [store.popen(*cmd) for _ in range(4)]
    outs = [p.communicate(timeout=60) for p in ps]
    assert [p.returncode for p in ps] == [0] * 4, outs
    assert len({o[0] for o in outs}) == 1
    assert len(store.images()) == 1 and len(store.layers()) == 4


def test_audit_has_request_and_outcome(store, registry):
    store.fetch(registry.ref("busybox"))
    lines = store.audit()
    assert len(lines) >= 2
    text = [str(x) for x in lines]
    assert any("busybox" in x for x in text)
    assert all(isinstance(x, dict) for x in lines)


@pytest.mark.parametrize("blocks", [0, 2])
def test_no_file_may_grow(store, registry, blocks):
    """ulimit -f: an error like another, and nobody's death."""
    r = lib.command(["sh", "-c", 'ulimit -f %d; exec "$@"' % blocks, "sh",
                     *store.argv(INSECURE, "fetch",
                                 registry.ref("busybox"))])
    lib.failed(r, 1)
    assert "signal" not in r.stderr, r
    store.fetch(registry.ref("busybox"))
    assert store.leftovers() == []
