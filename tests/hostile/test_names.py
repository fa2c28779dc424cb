# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""Rows R7, R11, R15 and R16: certificates, the environment, names."""
import os
import ssl
import subprocess
import threading

import lib
import rows
from rows import row
from test_registry import refused

BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
TRUSTING = "--insecure-options=image"


# R7: TLS.  Each certificate is its own authority and the only one trusted,
# so that nothing but what the row is about can be the reason.

def expired(top, begin, end):
    """A certificate with dates of its own, as only "openssl ca" makes."""
    os.mkdir(top)
    with open(top + "/index", "w", encoding="ascii"):
        pass
    with open(top + "/conf", "w", encoding="ascii") as f:
        f.write("[ca]\ndefault_ca=x\n[x]\ndatabase=%s/index\nnew_certs_dir="
                "%s\nrand_serial=yes\ndefault_md=sha256\npolicy=p\n"
                "x509_extensions=e\n[p]\ncommonName=supplied\n[e]\n"
                "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:TRUE\n"
                % (top, top))
    k = dict(check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    subprocess.run(["openssl", "req", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
                    top + "/key", "-out", top + "/csr", "-subj",
                    "/CN=127.0.0.1"], **k)
    subprocess.run(["openssl", "ca", "-batch", "-selfsign", "-config",
                    top + "/conf", "-keyfile", top + "/key", "-in",
                    top + "/csr", "-out", top + "/cert", "-notext",
                    "-startdate", begin, "-enddate", end], **k)
    return top + "/key", top + "/cert"


def over_tls(bench, cert, says, trust=True, host="127.0.0.1", hosts=None,
             insecure=TRUSTING, **k):
    """Fetches through TLS with cert; says None: it works."""
    bench.site.image()
    port = bench.hostile.tls(*cert, **k)
    binds = {BUNDLE: cert[1]} if trust else {}
    if hosts:
        binds["/etc/hosts"] = hosts
    r = bench.within(binds, bench.store.argv(insecure, "fetch", "docker://"
                     "%s:%d/%s" % (host, port, bench.site.name)))
    if says is None:
        assert r.returncode == 0, r
    else:
        bench.refused(rows.Row("R7.x", "", refused, says=says), r)
        assert bench.site.seen == []


CVE = "CVE-2025-6032"


@row("R7.trusted", "a certificate of a trusted authority, with this address "
     "in it", own=True)
def _(bench):
    over_tls(bench, bench.certificate("good"), None)


@rows.rows({"R7.self-signed": TRUSTING, "R7.self-signed-http":
            "--insecure-options=image,http"},
           "a certificate that nobody signed (%s)", cve=CVE, own=True)
def _(bench, insecure):
    over_tls(bench, bench.certificate("good"), r"TLS: .*certificate",
             trust=False, insecure=insecure)


CERTIFICATES = {
    "other-host": ("DNS:other.test", ()),
    "other-address": ("IP:127.0.0.2", ()),
    "address-as-name": ("DNS:127.0.0.1", ()),
    "wildcard": ("DNS:*.0.0.1", ()),
    "name-alone": (None, ()),
    "rsa-1024": ("IP:127.0.0.1", (), "rsa:1024"),
    "client-only": ("IP:127.0.0.1", ("-addext", "extendedKeyUsage="
                                     "clientAuth"))}


@rows.rows({"R7." + n: (n, *v) for n, v in CERTIFICATES.items()},
           "a certificate: %s", cve=CVE, own=True)
def _(bench, arg):
    over_tls(bench, bench.certificate(*arg), r"TLS: ",
             ciphers="ALL:@SECLEVEL=0")


@rows.rows({"R7.expired": ("20010101000000Z", "20020101000000Z"),
            "R7.not-yet": ("20480101000000Z", "20490101000000Z")},
           "a certificate: %s", cve=CVE, own=True)
def _(bench, arg):
    over_tls(bench, expired(bench.own("ca"), *arg),
             r"TLS: .*(expired|not yet valid)")


@row("R7.tls-1.1", "a server that speaks nothing newer than TLS 1.1",
     cve=CVE, own=True)
def _(bench):
    over_tls(bench, bench.certificate("good"), r"TLS: ", ciphers=
             "ALL:@SECLEVEL=0", minimum_version=ssl.TLSVersion.TLSv1,
             maximum_version=ssl.TLSVersion.TLSv1_1)


@rows.rows({"R7.null-cipher": "NULL:@SECLEVEL=0", "R7.anonymous":
            "ADH:AECDH:@SECLEVEL=0"},
           "a server that knows only a weak cipher: %s", cve=CVE, own=True)
def _(bench, ciphers):
    over_tls(bench, bench.certificate("good"), r"TLS: ", ciphers=ciphers,
             maximum_version=ssl.TLSVersion.TLSv1_2)


@row("R7.plain-http", "a registry without TLS, nobody allowed that", cve=CVE,
     says=r"does not speak TLS \(plain HTTP needs --insecure-options=http",
     insecure="image")
def _(site):
    site.image()


@row("R7.no-image-leave", "an unsigned image, nobody allowed that: refused "
     "before any packet", own=True)
def _(bench):
    r = bench.store("fetch", bench.site.ref)
    assert r.returncode == 1 and bench.site.seen == []
    assert "signature verification" in r.stderr, r


# R11: whose name it is.

@rows.rows({"R11.bare": "nothing", "R11.slash": "a/nothing",
            "R11.host-like": "registry/nothing"},
           "an unqualified name goes to Docker Hub and nowhere else: %s",
           cve="CVE-2021-32635", own=True)
def _(bench, name):
    hosts = bench.own("hosts")
    with open(hosts, "w", encoding="ascii") as f:
        f.write("127.0.0.1 registry-1.docker.io\n0.0.0.0 registry\n")
    r = bench.within({"/etc/hosts": hosts}, bench.store.argv(
        TRUSTING, "fetch", "docker://" + name))
    bench.refused(rows.Row("R11.x", "", refused, says=r"registry-1\.docker\."
                           r"io.*loopback"), r)


# R15: the environment.

@row("R15.variables", "variables and files that take a client over",
     own=True)
def _(bench):
    bench.site.image()
    home = bench.own("home")
    os.mkdir(home)
    with open(home + "/.netrc", "w", encoding="ascii") as f:
        f.write("default login u password p\n")
    with open(home + "/.curlrc", "w", encoding="ascii") as f:
        f.write("proxy=127.0.0.1:1\n")
    proxy = "http://127.0.0.1:1"
    env = dict(os.environ, HOME=home, CURL_HOME=home, http_proxy=proxy,
               https_proxy=proxy, all_proxy=proxy, ALL_PROXY=proxy,
               HTTPS_PROXY=proxy, SSL_CERT_FILE="/dev/null",
               SSL_CERT_DIR="/", CURL_CA_BUNDLE="/dev/null",
               SSLKEYLOGFILE=home + "/keys", HOSTALIASES="/etc/passwd",
               RES_OPTIONS="ndots:15", LOCALDOMAIN="evil.test",
               OPENSSL_CONF="/etc/passwd", RESOLV_HOST_CONF="/etc/shadow",
               TMPDIR="/nowhere", GCONV_PATH="/tmp", MALLOC_TRACE=home + "/m")
    r = bench.store.ok(lib.INSECURE, "fetch", bench.site.ref, env=env)
    assert bench.lines(rows.Row("R15.x", "", refused, says="x"), r) == []
    assert all("Authorization" not in h for _, _, h in bench.site.seen)
    assert sorted(os.listdir(home)) == [".curlrc", ".netrc"]


@row("R15.workers", "the workers' environment is empty, their descriptors "
     "are their own", cve="CVE-2021-3602", own=True)
def _(bench):
    bench.site.image()
    go = threading.Event()
    bench.site.on[bench.site.path + "blobs"] = lambda h: (
        go.wait(20), bench.site.usual(h))
    r, w = os.pipe()
    p = bench.store.popen(lib.INSECURE, "fetch", bench.site.ref,
                          pass_fds=[r], env=dict(os.environ, SECRET="hush"))
    try:
        def workers():
            return {n: q for q, n in lib.descendants(p.pid).items()
                    if n in ("berth-fetch", "berth-unpack")}
        lib.await_true("both workers", lambda: len(workers()) == 2)
        leak = os.readlink("/proc/self/fd/%d" % r)
        for name, q in workers().items():
            with open("/proc/%d/environ" % q, "rb") as f:
                assert f.read().strip(b"\0") == b"", name
            assert leak not in [os.readlink("/proc/%d/fd/%s" % (q, x))
                                for x in os.listdir("/proc/%d/fd" % q)]
    finally:
        go.set()
        p.communicate(timeout=20)
        os.close(r)
        os.close(w)
    assert p.returncode == 0


# R16: names are refused before any packet, and before there is a store.

GOOD = "sha256:" + "ab" * 32
NAMES = {
    "dotdot": "%s/../x", "dotdot-inside": "%s/a/../../x", "dot": "%s/./x",
    "percent": "%s/%%2e%%2e/x", "upper": "%s/Upper/case", "empty": "%s/",
    "slashes": "%s/a//b", "slash-end": "%s/a/", "long": "%s/" + "a" * 256,
    "very-long": "%s/" + "a/" * 5000 + "a", "newline": "%s/a\nb",
    "cr-lf": "%s/a\r\nHost: x", "escape": "%s/\x1b[2J", "blank": "%s/a b",
    "tab": "%s/a\tb", "minus": "%s/-a", "homoglyph": "%s/\u0430pp",
    "tag-empty": "%s/a:", "tag-129": "%s/a:" + "t" * 129, "tag-dot": "%s/a:.t",
    "tag-slash": "%s/a:../b", "tag-newline": "%s/a:t\n", "two-tags":
    "%s/a:b:c", "digest-short": "%s/a@sha256:12", "digest-long": "%s/a@" +
    GOOD + "0", "digest-upper": "%s/a@sha256:" + "AB" * 32, "digest-md5":
    "%s/a@md5:" + "ab" * 16, "digest-empty": "%s/a@", "digest-twice":
    "%s/a@" + GOOD + "@" + GOOD, "user": "user:sesame@%s/a", "user-alone":
    "user:sesame@%s", "user-digest": "user:sesame@%s/a@" + GOOD,
    "user-slash": "user:sesame/sesame@sesame@%s/a", "user-scheme":
    "https://user:sesame@%s/a", "user-long": "user:" + "sesame" * 99 +
    "@%s/a", "query": "%s/a?b=c",
    "fragment": "%s/a#b", "backslash": "%s/a\\b", "star": "%s/*",
    "scheme-twice": "http://%s/a", "port-huge": "127.0.0.1:99999/a",
    "port-0": "127.0.0.1:0/a", "port-text": "127.0.0.1:x/a",
    "port-negative": "127.0.0.1:-1/a", "port-zero-led": "127.0.0.1:05000/a",
    "host-underscore": "a_b.test:1/a", "host-minus": "-a.test:1/a",
    "host-dots": "a..b:1/a", "host-unicode": "\u0430.test:1/a",
    "v6-zone": "[fe80::1%%eth0]:1/a", "v6-bad": "[::g]:1/a",
    "v6-open": "[::1/a", "nothing": "", "underscores": "%s/a___b",
    "dot-end": "%s/a.", "id-like": "ab" * 32}


@rows.rows({"R16." + n: v for n, v in NAMES.items()}, "a name: %s",
           own=True)
def _(bench, name):
    name = name % bench.site.addr if "%s" in name else name.replace("%%", "%")
    r = bench.store(lib.INSECURE, "fetch", "docker://" + name)
    assert r.returncode in (1, 2) and r.stdout == "", r
    said = [x for x in bench.lines(rows.Row("R16.x", "", refused, says="x"),
                                   r) if not x.startswith(("usage: ", " "))]
    assert len(said) == 1 and said[0].startswith("berth: "), r
    assert len(said[0]) < 1100, len(said[0])
    assert "sesame" not in r.stderr, "a password"
    assert bench.site.seen == [] and not os.path.exists(bench.store.dir)




test = rows.runner(__name__)
