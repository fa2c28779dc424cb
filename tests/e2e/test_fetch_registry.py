# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""The registry as it comes, or as an adversary: what no real one gives on
demand is played by a server of our own."""
import json
import os
import urllib.parse

import pytest

import images
import lib
import tokens
from fakeregistry import Fake
from lib import INSECURE, failed

TLS = "--insecure-options=image,tls"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


@pytest.fixture
def fakes(made):
    """Makes fake registries with busybox; the last stops them."""
    running = []

    def make(cert=None):
        running.append(Fake(made("busybox", images.busybox), cert))
        return running[-1]
    yield make
    for f in running:
        f.stop()


@pytest.fixture
def fake(fakes):
    return fakes()


def in_namespace(binds, argv, **k):
    """Runs with files of ours over the machine's: {target: file}."""
    script = "".join("mount --bind '%s' '%s' && " % (f, t)
                     for t, f in binds.items()) + 'exec "$@"'
    return lib.command(["unshare", "-m", "sh", "-c", script, "sh", *argv],
                       **k)


# Redirects.

def test_five_redirects_are_followed(store, fake):
    def hop(h):
        n = int(h.path.rsplit("=", 1)[1]) if "?n=" in h.path else 0
        if n == 5:
            fake.image(h)
        else:
            h.reply(307, Location="?n=%d" % (n + 1))
    fake.on["/v2/x/blobs/"] = hop
    store.fetch(fake.ref)


def test_six_redirects_are_not(store, fake):
    fake.on["/v2/x/manifests/"] = lambda h: h.reply(302, Location=h.path)
    failed(store(INSECURE, "fetch", fake.ref), 1, "more than 5 redirects")
    assert len(fake.paths("/v2/")) == 6


@pytest.mark.parametrize("location, why", [
    ("file:///etc/passwd", "neither http nor https"),
    ("gopher://127.0.0.1/", "neither http nor https"),
    ("http://user:pw@127.0.0.1/", "user name"),
    ("http:///x", "not a valid URL"), ("/a b", "not a valid URL"),
    ("http://169.254.169.254/latest/meta-data", "metadata"),
    ("http://[fe80::1]/", "link-local"), ("http://0.0.0.0/", "unspecified"),
    ("http://[::ffff:169.254.169.254]/", "metadata"),
    ("http://224.0.0.1/", "multicast"), ("/" + "a" * 9000, "Location")])
def test_redirect_refused(store, fake, location, why):
    fake.on["/v2/x/manifests/"] = lambda h: h.reply(307, Location=location)
    line = failed(store(INSECURE, "fetch", fake.ref), 1, fake.addr, why)
    assert "pw@" not in line
    assert len(fake.seen) == 1


def test_no_redirect_from_https_to_http(store, fakes, tmp_path):
    plain, tls = fakes(), fakes(tokens.make_cert(str(tmp_path)))
    tls.on["/v2/"] = lambda h: h.reply(
        307, Location="http://%s%s" % (plain.addr, h.path))
    r = store("--insecure-options=image,tls,http", "fetch", tls.ref)
    failed(r, 1, "from https to http")
    assert plain.seen == []


# Tokens.

class Login:
    """Makes a fake registry ask for tokens; ok(token, path) decides."""

    def __init__(self, fake, ok, field="token", more="", scope=True,
                 realm=None):
        self.fake, self.ok = fake, ok
        self.asked = []
        self.challenge = 'Basic realm="b", Bearer realm="%s",service="s"' % (
            realm or "http://%s/token" % fake.addr)
        if scope:
            self.challenge += ',scope="repository:x:pull,push"'
        self.challenge += more
        self.field = field
        fake.on["/token"] = self.token
        fake.on["/v2/"] = self.guard

    def token(self, h):
        self.asked.append(urllib.parse.parse_qs(
            urllib.parse.urlsplit(h.path).query))
        h.reply(200, json.dumps({
            self.field: "t%d" % len(self.asked)}).encode())

    def guard(self, h):
        auth = h.headers.get("Authorization", "")
        if auth.startswith("Bearer ") and self.ok(auth[7:], h.path):
            self.fake.image(h)
        else:
            h.reply(401, b'{"errors":[{"code":"UNAUTHORIZED"}]}',
                    WWW_Authenticate=self.challenge)


def test_access_token_and_comma_in_scope(store, fake):
    login = Login(fake, lambda t, p: True, field="access_token")
    store.fetch(fake.ref)
    assert login.asked == [{"service": ["s"],
                            "scope": ["repository:x:pull,push"]}]


def test_scope_of_our_own(store, fake):
    login = Login(fake, lambda t, p: True, scope=False)
    store.fetch(fake.ref)
    assert login.asked[0]["scope"] == ["repository:x:pull"]


def test_token_runs_out_within_a_pull(store, fake):
    login = Login(fake, lambda t, p: t == "t2" or "/manifests/" in p)
    store.fetch(fake.ref)
    assert len(login.asked) == 2


def test_insufficient_scope_is_asked_for_once(store, fake):
    login = Login(fake, lambda t, p: t == "t2",
                  more=',error="insufficient_scope"')
    store.fetch(fake.ref)
    assert len(login.asked) == 2


def test_token_that_never_helps(store, fake):
    login = Login(fake, lambda t, p: False)
    failed(store(INSECURE, "fetch", fake.ref), 1, "401", "UNAUTHORIZED")
    assert len(login.asked) == 1


@pytest.mark.parametrize("realm, why", [
    ("ftp://127.0.0.1/token", "neither http nor https"),
    ("http://u:p@127.0.0.1/token", "user name"), ("/token", "neither"),
    ("", "names no token server"),
    ("http://169.254.169.254/token", "metadata")])
def test_token_server_refused(store, fake, realm, why):
    fake.on["/v2/"] = lambda h: h.reply(
        401, WWW_Authenticate='Bearer realm="%s"' % realm)
    failed(store(INSECURE, "fetch", fake.ref), 1, why)


def test_https_registry_cannot_name_a_plain_token_server(store, fakes,
                                                         tmp_path):
    plain, tls = fakes(), fakes(tokens.make_cert(str(tmp_path)))
    Login(tls, lambda t, p: True, realm="http://%s/token" % plain.addr)
    for options in (TLS, "--insecure-options=image,tls,http"):
        failed(store(options, "fetch", tls.ref), 1, "not https")
    assert plain.seen == []


def test_token_request_is_not_redirected(store, fakes):
    fake, other = fakes(), fakes()
    Login(fake, lambda t, p: True)
    fake.on["/token"] = lambda h: h.reply(
        302, Location="http://%s/secret" % other.addr)
    failed(store(INSECURE, "fetch", fake.ref), 1, "redirect refused")
    assert other.seen == []


@pytest.mark.parametrize("body, why", [
    (b"", "no usable token"), (b"<html>", "no usable token"),
    (b'{"token": 5}', "no usable token"), (b'{"token": ""}', "no usable"),
    (b'{"token": "a b"}', "no usable token"),
    (b'{"token": "a\\r\\nX: y"}', "no usable token"),
    (b'{"token": "' + b"a" * 40000 + b'"}', "no usable token"),
    (b'{"token": "a", "x": "' + b"y" * (1 << 20) + b'"}', "1048576")],
    ids=range(8))
def test_token_answer_refused(store, fake, body, why):
    Login(fake, lambda t, p: True)
    fake.on["/token"] = lambda h: h.reply(200, body)
    failed(store(INSECURE, "fetch", fake.ref), 1, "token server", why)


@pytest.mark.parametrize("challenge, why", [
    ('Bearer realm="', "malformed"), ("Bearer realm=a,realm=b", "malformed"),
    ('Digest realm="x"', "no challenge that berth can answer"),
    ('Basic realm="x"', "no credential")])
def test_challenge_without_an_answer(store, fake, challenge, why):
    fake.on["/v2/"] = lambda h: h.reply(401, WWW_Authenticate=challenge)
    failed(store(INSECURE, "fetch", fake.ref), 1, "401", why)


# Waits.

def test_busy_registry_is_asked_again(store, fake):
    left = [503, 429]

    def busy(h):
        if not left:
            fake.image(h)
        else:
            s = left.pop()
            h.reply(s, **({"Retry_After": "1"} if s == 429 else {}))
    fake.on["/v2/x/manifests/"] = busy
    r = store.ok(INSECURE, "fetch", fake.ref)
    assert "429 too many requests; trying again in 1 s" in r.stderr
    assert len(fake.paths("/v2/x/manifests/")) == 3


def test_a_long_wait_is_not_begun(store, fake):
    fake.on["/v2/"] = lambda h: h.reply(429, Retry_After="21600")
    failed(store(INSECURE, "fetch", fake.ref), 1, "429", "in 21600 s")
    assert len(fake.seen) == 1


def test_a_registry_that_stays_busy(store, fake):
    fake.on["/v2/"] = lambda h: h.reply(503)
    failed(store(INSECURE, "fetch", fake.ref), 1, "503")
    assert len(fake.seen) == 5


# Bodies.

MANY = {"X_%d" % i: "a" * 30000 for i in range(10)}


@pytest.mark.parametrize("change, why", [
    (lambda h, b: h.reply(200, b + b"x"), "(Content-Length)"),
    (lambda h, b: h.reply(200, b[:-1]), "(Content-Length)"),
    (lambda h, b: h.chunked(b + b"x"), "bytes, got more"),
    (lambda h, b: h.chunked(b[:-1]), "bytes, got "),
    (lambda h, b: h.reply(200, b + b"x", -1), "bytes, got more"),
    (lambda h, b: h.reply(200, b, Content_Encoding="gzip"), "Encoding"),
    (lambda h, b: h.reply(200, b, Content_length="7"), "malformed header"),
    (lambda h, b: h.reply(206, b), "206"),
    (lambda h, b: h.reply(204), "204"),
    (lambda h, b: h.reply(200, b, **MANY), "262144"),
    (lambda h, b: h.reply(200, b, X="a" * 200000), "102400"),
    (lambda h, b: h.reply(410), "410 gone"),
], ids="long short chunklong chunkshort closelong encoding twolengths "
       "unasked nocontent bighead bigfield gone".split())
def test_blob_refused(store, fake, change, why):
    fake.on["/v2/x/blobs/"] = lambda h: change(h, fake.blob(h))
    failed(store(INSECURE, "fetch", fake.ref), 1, fake.addr, why)
    assert store.images() == [] and store.layers() == []


@pytest.mark.parametrize("change", [
    lambda h, b: h.chunked(b), lambda h, b: h.reply(200, b, -1),
    lambda h, b: h.reply(200, b, Content_Encoding="identity"),
], ids=["chunked", "close", "identity"])
def test_blob_taken(store, fake, change):
    fake.on["/v2/x/blobs/"] = lambda h: change(h, fake.blob(h))
    store.fetch(fake.ref)


def test_cut_blob_without_ranges(store, fake):
    """A server that knows no Range begins anew; nothing comes twice."""
    cuts = [100000, 50000, 200000]

    def cut(h):
        b = fake.blob(h)
        if cuts and len(b) > 300000:
            h.cut(b, cuts.pop())
        else:
            h.reply(200, b)
    fake.on["/v2/x/blobs/"] = cut
    store.ok("image", "cat-manifest", store.fetch(fake.ref))
    assert cuts == []


@pytest.mark.parametrize("shift, end, total", [
    (1, 0, 0), (-1, 0, 0), (0, -1, 0), (0, 0, 1)])
def test_wrong_part(store, fake, shift, end, total):
    def part(h):
        b = fake.blob(h)
        have = h.headers.get("Range")
        if have is None and len(b) > 300000:
            h.cut(b, 100000)
        elif have is None:
            h.reply(200, b)
        else:
            first = int(have[6:-1]) + shift
            h.reply(206, b[first:], Content_Range="bytes %d-%d/%d" % (
                first, len(b) - 1 + end, len(b) + total))
    fake.on["/v2/x/blobs/"] = part
    failed(store(INSECURE, "fetch", fake.ref), 1, "got Content-Range")
    assert store.layers() == []


@pytest.mark.parametrize("fields, why", [
    ({"Content_Type": "text/html"}, "got text/html"),
    ({"Content_Type": "application/json"}, "got application/json"),
    ({}, "no content type"),
    ({"Content_Type": "application/vnd.docker.distribution.manifest.v1+"
      "prettyjws"}, "schema 1")], ids=["html", "json", "none", "schema1"])
def test_manifest_type(store, fake, fields, why):
    fake.on["/v2/x/manifests/"] = lambda h: h.reply(200, fake.blob(h),
                                                    **fields)
    failed(store(INSECURE, "fetch", fake.ref), 1, "expected", why)


def test_four_types_and_no_other_are_accepted(store, fake):
    store.fetch(fake.ref)
    accept = [h["Accept"] for _, p, h in fake.seen if "/manifests/" in p]
    assert [sorted(x.split(", ")) for x in accept] == [[
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json"]]


def test_error_text_is_made_printable(store, fake):
    fake.on["/v2/"] = lambda h: h.reply(403, json.dumps({"errors": [{
        "code": "DENIED", "message": "no\x1b[31m\r\nberth: caf\u00e9"}]}
    ).encode())
    r = store(INSECURE, "fetch", fake.ref)
    line = failed(r, 1, "403 forbidden (DENIED: no")
    assert all(" " <= c <= "~" for c in line)


# TLS and names.

needs_bundle = pytest.mark.skipif(not os.path.exists(BUNDLE),
                                  reason="needs Debian's CA bundle")


@needs_bundle
def test_private_ca(store, fakes, tmp_path):
    top = str(tmp_path)
    key, cert = tokens.make_cert(top)
    tls = fakes((key, cert))
    with open(top + "/bundle", "wb") as out:
        for name in (BUNDLE, cert):
            with open(name, "rb") as f:
                out.write(f.read())
    r = store("--insecure-options=image", "fetch", tls.ref)
    failed(r, 1, tls.addr, "TLS", "certificate")
    r = in_namespace({BUNDLE: top + "/bundle"}, store.argv(
        "--insecure-options=image", "fetch", tls.ref))
    assert r.returncode == 0, r


@needs_bundle
def test_certificate_of_another_host(store, fakes, tmp_path):
    key, cert = tokens.make_cert(str(tmp_path), "other", "DNS:other.test")
    tls = fakes((key, cert))
    r = in_namespace({BUNDLE: cert}, store.argv(
        "--insecure-options=image", "fetch", tls.ref))
    failed(r, 1, tls.addr, "TLS")
    assert tls.seen == []


def test_name_that_leads_to_loopback(store, fake, tmp_path):
    hosts = str(tmp_path / "hosts")
    with open(hosts, "w", encoding="utf-8") as f:
        f.write("127.0.0.1 registry.test\n169.254.169.254 meta.test\n")
    for name, why in (("registry.test", "loopback"),
                      ("meta.test", "metadata")):
        r = in_namespace({"/etc/hosts": hosts}, store.argv(
            INSECURE, "fetch", "docker://%s:%d/x" % (name, fake.port)))
        failed(r, 1, name, why)
    assert fake.seen == []


def test_localhost_may_be_named(store, fake):
    store.fetch("docker://localhost:%d/x" % fake.port)


def test_environment_has_no_say(store, fake, tmp_path):
    with open(tmp_path / ".netrc", "w", encoding="utf-8") as f:
        f.write("default login u password p\n")
    env = dict(os.environ, http_proxy="http://127.0.0.1:1",
               all_proxy="socks5://127.0.0.1:1", HOME=str(tmp_path),
               CURL_CA_BUNDLE="/dev/null", SSLKEYLOGFILE="/dev/shm/keys",
               HOSTALIASES="/etc/passwd")
    store.ok(INSECURE, "fetch", fake.ref, env=env)
    assert all("Authorization" not in h for _, _, h in fake.seen)
