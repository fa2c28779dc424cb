# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""Rows R8 to R10 and R13: bodies, sizes, heads and digests that lie."""
import json
import threading
import time

import images
import lib
import rows
from documents import GOOD
from rows import row
from sites import MANIFEST

ERRORS = {"Content_Type": "application/json"}


def manifests(site, f):
    """f(handler, body) answers for the manifest."""
    d = site.image()
    body = site.documents[d["digest"]][0]
    site.on[site.path + "manifests"] = lambda h: f(h, body)
    return d


def blobs(site, f):
    """f(handler, body) answers for the layer, a big one."""
    tar = images.Tar().file("f", b"0123456789abcdef" * 20000).bytes()
    site.image([tar])
    digest = images.sha256(tar)
    site.on[site.path + "blobs/" + digest] = lambda h: f(h, tar)


def send(h, data):
    """Raw bytes, and the end of the connection."""
    h.close_connection = True
    h.wfile.write(data)


def forever(h, piece, between=lambda: None):
    """A chunked body without end."""
    h.close_connection = True
    while True:
        between()
        h.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))


# R8: what never ends or is too large.

@row("R8.length-5g", "a manifest of 5 GiB", cve="CVE-2020-1702",
     says=r"4194304")
def _(site):
    manifests(site, lambda h, b: h.reply(200, b, 5 << 30,
                                         Content_Type=MANIFEST))


@row("R8.manifest-4m-1", "a manifest of 4 MiB and one byte",
     cve="CVE-2020-1702", says=r"4194304")
def _(site):
    manifests(site, lambda h, b: h.reply(200, b + b" " * (
        (4 << 20) + 1 - len(b)), Content_Type=MANIFEST))


@row("R8.manifest-4m", "a manifest of 4 MiB, most of it blanks", good=True)
def _(site):
    manifests(site, lambda h, b: h.reply(200, b + b" " * (
        (4 << 20) - len(b)), Content_Type=MANIFEST))


def endless(what, code):
    def answer(h, body):
        del body
        h.send_response(code)
        h.send_header("Content-Type", MANIFEST)
        h.send_header("Transfer-Encoding", "chunked")
        h.end_headers()
        forever(h, b" " * 65536)
    return lambda site: (manifests if what == "manifest" else blobs)(
        site, answer)


@rows.rows({"R8.endless-manifest": ("manifest", 200, "4194304"),
            "R8.endless-blob": ("blob", 200, "got more"),
            "R8.endless-error": ("manifest", 403, "403 forbidden")},
           "an endless %s, in chunks", cve="CVE-2020-1702",
           says=r"GET /v2/")
def _(site, arg):
    endless(*arg[:2])(site)
    site.says = arg[2]


@row("R8.endless-token", "an endless answer of a token server",
     cve="CVE-2020-1702", says=r"token server \S+: answer is longer than "
     r"1048576 bytes")
def _(site):
    def answer(h):
        h.reply(200, Transfer_Encoding="chunked")
        forever(h, b"[" * 65536)
    page = "/%s/t" % site.name
    site.on = {page: answer, "/v2/": lambda h: h.reply(
        401, WWW_Authenticate='Bearer realm="http://%s%s"' % (site.addr,
                                                              page))}


@row("R8.error-1m", "an error with a body of 2 MiB: the code is told",
     cve="CVE-2020-1702", says=r"404 not found$")
def _(site):
    site.on[site.path] = lambda h: h.reply(
        404, b'{"errors":[' + b" " * (2 << 20), **ERRORS)


@rows.rows({"R8.fields-100000": lambda h: b"X: y\r\n" * 100000,
            "R8.field-1m": lambda h: b"X: " + b"y" * (1 << 20) + b"\r\n",
            "R8.head-256k": lambda h: b"".join(
                b"X%d: %s\r\n" % (i, b"y" * 30000) for i in range(10)),
            "R8.reason-1m": lambda h: None},
           "a head with %s", says=r"262144|102400|head|too (large|long)")
def _(site, head):
    fields = head(None)
    first = b"HTTP/1.1 200 " + (b"OK" if fields else b"O" * (1 << 20))
    manifests(site, lambda h, b: send(h, first + b"\r\n" + (fields or b"") +
                                      b"Content-Length: 0\r\n\r\n"))


@row("R8.informational-flood", "100,000 interim answers before the real one",
     says=r"GET /v2/|registry")
def _(site):
    manifests(site, lambda h, b: send(
        h, b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100000))


@row("R8.memory", "an endless manifest does not fill the fetcher's memory",
     cve="CVE-2020-1702", own=True)
def _(bench):
    peak = []

    def watched(h, body):
        """Reads the fetcher's peak between two pieces, while it surely is."""
        del body
        h.send_response(200)
        h.send_header("Content-Type", MANIFEST)
        h.send_header("Transfer-Encoding", "chunked")
        h.end_headers()
        forever(h, b" " * 65536, lambda: peak.extend(
            lib.high_water(pid) for pid, name in lib.descendants().items()
            if name == "berth-fetch"))
    manifests(bench.site, watched)
    r = bench.store(lib.INSECURE, "fetch", bench.site.ref)
    assert r.returncode == 1, r
    assert 1 << 10 < max(peak) < 32 << 10, peak


# R9: bodies that are not what was announced.

BODIES = {
    "longer": (lambda h, b: h.reply(200, b + b"x"), "Content-Length"),
    "shorter": (lambda h, b: h.reply(200, b[:-1]), "Content-Length"),
    "longer-chunked": (lambda h, b: h.chunked(b + b"x"), "got more"),
    "shorter-chunked": (lambda h, b: h.chunked(b[:-1]), "bytes, got"),
    "longer-close": (lambda h, b: h.reply(200, b + b"x", -1), "got more"),
    "shorter-close": (lambda h, b: h.reply(200, b[:-1], -1), "bytes, got"),
    "empty": (lambda h, b: h.reply(200, b""), "Content-Length|bytes, got"),
    "gzip": (lambda h, b: h.reply(200, b, Content_Encoding="gzip"),
             "Encoding"),
    "two-lengths": (lambda h, b: send(
        h, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Length: 7\r\n"
        b"\r\n" % len(b) + b), "malformed|Content-Length"),
    "length-negative": (lambda h, b: send(
        h, b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n" + b),
        "Content-Length|malformed|header"),
    "length-2-64": (lambda h, b: send(
        h, b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n"
        + b), "Content-Length|malformed|header|too large"),
    "length-text": (lambda h, b: send(
        h, b"HTTP/1.1 200 OK\r\nContent-Length: 1e3\r\n\r\n" + b),
        "Content-Length|malformed|header"),
    "206": (lambda h, b: h.reply(206, b), "206"),
    "206-range": (lambda h, b: h.reply(206, b, Content_Range="bytes 0-%d/%d"
                                       % (len(b) - 1, len(b))), "206"),
    "204": (lambda h, b: h.reply(204), "204"),
    "304": (lambda h, b: h.reply(304), "304"),
    "416": (lambda h, b: h.reply(416), "416"),
    "chunk-bad": (lambda h, b: send(
        h, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" +
        b), "bytes, got|chunk|malformed"),
    "chunk-huge": (lambda h, b: send(
        h, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"ffffffffffffffffff\r\n" + b), "bytes, got|chunk|malformed"),
    "te-gzip": (lambda h, b: send(
        h, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5\r\n"
        b"hello\r\n0\r\n\r\n"), "bytes, got|[Ee]ncoding|malformed|chunk")}


@rows.rows({"R9." + n: v for n, v in BODIES.items()},
           "a layer's body: %s", says=r"GET /v2/|registry 127\.0\.0\.1:")
def _(site, arg):
    blobs(site, arg[0])
    site.says = arg[1]


@rows.rows({"R9.good-chunked": lambda h, b: h.chunked(b),
            "R9.good-close": lambda h, b: h.reply(200, b, -1),
            "R9.good-identity": lambda h, b: h.reply(
                200, b, Content_Encoding="identity")},
           "a layer's body: %s", good=True)
def _(site, answer):
    blobs(site, answer)


@row("R9.bit", "a layer with one bit changed",
     says=r"sha256:[0-9a-f]{64}.*sha256:[0-9a-f]{64}")
def _(site):
    blobs(site, lambda h, b: h.reply(200, b[:1500] + bytes([b[1500] ^ 1]) +
                                     b[1501:]))


@row("R9.other-layer", "another layer of the same length",
     says=r"sha256:[0-9a-f]{64}.*sha256:[0-9a-f]{64}")
def _(site):
    blobs(site, lambda h, b: h.reply(200, b"\0" * len(b)))


@row("R9.always-cut", "a layer that breaks off each time",
     says=r"expected \d+ bytes, got \d+")
def _(site):
    blobs(site, lambda h, b: h.cut(b, 1000))


@rows.rows({"R9.range-shift": (1, 0, 0), "R9.range-back": (-1, 0, 0),
            "R9.range-end": (0, -1, 0), "R9.range-total": (0, 0, 1)},
           "a continued layer whose Content-Range lies: %s",
           says=r"got Content-Range")
def _(site, arg):
    def part(h, b):
        shift, end, total = arg
        have = h.headers.get("Range")
        if have is None:
            return h.cut(b, 100000)
        first = int(have[6:-1]) + shift
        return h.reply(206, b[first:], Content_Range="bytes %d-%d/%d" % (
            first, len(b) - 1 + end, len(b) + total))
    blobs(site, part)


@row("R9.other-continuation", "a cut layer that goes on as another one",
     says=r"sha256:[0-9a-f]{64}.*sha256:[0-9a-f]{64}")
def _(site):
    def part(h, b):
        have = h.headers.get("Range")
        if have is None:
            return h.cut(b, 100000)
        first = int(have[6:-1])
        return h.reply(206, b"\0" * (len(b) - first),
                       Content_Range="bytes %d-%d/%d" % (
                           first, len(b) - 1, len(b)))
    blobs(site, part)


@row("R9.config-longer", "a config with a byte more", says=r"Content-Length|"
     r"got more")
def _(site):
    d = site.image()
    del d
    digest = [k for k, v in site.blobs.items() if v[:1] == b"{"][0]
    site.blobs[digest] += b" "


# What is no HTTP, or hardly.

@rows.rows({"R9.http-0.9": b"hello\n", "R9.ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
            "R9.http-2": b"\0\0\0\4\0\0\0\0\0", "R9.nothing": b"",
            "R9.status-999": b"HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n",
            "R9.status-text": b"HTTP/1.1 abc OK\r\n\r\n",
            "R9.version": b"HTTP/9.9 200 OK\r\n\r\n",
            "R9.zeros": b"\0" * 9000, "R9.status-0":
            b"HTTP/1.1 000 X\r\n\r\n"},
           "a registry that answers with %s",
           says=r"registry 127\.0\.0\.1:\d+: |GET /v2/")
def _(site, data):
    return "docker://127.0.0.1:%d/%s" % (site.listen(
        lambda c: (c.recv(4096), c.sendall(data))), site.name)


@row("R9.nul-in-head", "a head with a NUL in it",
     says=r"registry 127\.0\.0\.1:\d+: .*Nul byte in header")
def _(site):
    manifests(site, lambda h, b: send(
        h, b"HTTP/1.1 200 OK\r\nContent-Type: %s\0x\r\nContent-Length: %d"
        b"\r\n\r\n" % (MANIFEST.encode(), len(b)) + b))


@rows.rows({"R9.type-html": {"Content_Type": "text/html"}, "R9.type-none": {},
            "R9.type-json": {"Content_Type": "application/json"},
            "R9.type-escape": {"Content_Type": "a/\x1b[2J"},
            "R9.type-schema-1": {"Content_Type": "application/vnd.docker."
                                 "distribution.manifest.v1+prettyjws"}},
           "a manifest of content %s", says=r"GET /v2/.*(expected|schema 1|"
           r"malformed header)")
def _(site, fields):
    manifests(site, lambda h, b: h.reply(200, b, **fields))


@rows.rows({"R9.error-escape": "no\x1b[31m\r\nberth: x",
            "R9.error-long": "a" * 100000, "R9.error-format": "%s%n%x",
            "R9.error-bidi": "\u202eevil\u2066"},
           "an error message of the registry: %s",
           says=r"403 forbidden \(DENIED: ")
def _(site, text):
    site.on[site.path] = lambda h: h.reply(403, json.dumps({"errors": [{
        "code": "DENIED", "message": text}]}).encode())


@rows.rows({"R9.status-%d" % s: s for s in (400, 404, 410, 451, 501)},
           "a registry that says %s", says=r"(GET /v2/\S+|\(http): \d{3} ")
def _(site, status):
    site.on[site.path] = lambda h: h.reply(status, b"\xff\xfe")


# R10: Docker-Content-Digest.

@row("R10.absent", "no Docker-Content-Digest", good=True)
def _(site):
    manifests(site, lambda h, b: h.reply(200, b, Content_Type=MANIFEST))


@rows.rows({"R10.sha512": "sha512:" + "ab" * 64, "R10.garbage": "x y",
            "R10.md5": "md5:" + "ab" * 16, "R10.empty": ""},
           "a Docker-Content-Digest of another kind: %s", good=True)
def _(site, text):
    manifests(site, lambda h, b: h.reply(200, b, Content_Type=MANIFEST,
                                         Docker_Content_Digest=text))


@row("R10.wrong-for-tag", "a wrong Docker-Content-Digest for a tag: the "
     "bytes' own digest counts", own=True)
def _(bench):
    manifests(bench.site, lambda h, b: h.reply(
        200, b, Content_Type=MANIFEST, Docker_Content_Digest=GOOD))
    r = bench.store(lib.INSECURE, "fetch", bench.site.ref)
    kept = "".join(open(bench.store.path("refs", n), encoding="utf-8",
                        errors="replace").read()
                   for n in bench.store.ls("refs"))
    assert GOOD not in kept, kept
    assert r.returncode in (0, 1), r


@row("R10.by-digest", "another manifest than the digest that was asked for, "
     "with that digest in the head", says=r"expected digest %s, got sha256:"
     % GOOD)
def _(site):
    manifests(site, lambda h, b: h.reply(
        200, b, Content_Type=MANIFEST, Docker_Content_Digest=GOOD))
    return site.ref + "@" + GOOD


@row("R10.by-digest-bare", "the same without that field",
     says=r"expected digest %s, got sha256:" % GOOD)
def _(site):
    manifests(site, lambda h, b: h.reply(200, b, Content_Type=MANIFEST))
    return site.ref + "@" + GOOD


@row("R10.by-digest-good", "a manifest by its digest", good=True)
def _(site):
    return site.ref + "@" + site.image(tag=None)["digest"]


@row("R10.tag-and-digest", "a tag beside a digest: the digest is asked for",
     good=True)
def _(site):
    return site.ref + ":other@" + site.image(tag=None)["digest"]


# R13: what takes its time.

@row("R13.long-wait", "Retry-After: six hours", says=r"429.*in 21600 s")
def _(site):
    site.on[site.path] = lambda h: h.reply(429, Retry_After="21600")


@rows.rows({"R13.retry-negative": "-5", "R13.retry-text": "soon",
            "R13.retry-huge": "9" * 40, "R13.retry-past":
            "Thu, 01 Jan 1970 00:00:00 GMT"},
           "a Retry-After that is none: %s, then the image", good=True,
           notes=r"berth: .*trying again in \d s")
def _(site, text):
    left = [1]
    site.image()
    site.on[site.path + "manifests"] = lambda h: h.reply(
        429, Retry_After=text) if left and left.pop() else site.usual(h)


@row("R13.killed-while-it-stalls", "a layer that stalls after 99%: ^C ends "
     "it at once and leaves nothing", own=True)
def _(bench):
    stop = threading.Event()

    def stall(h, b):
        h.reply(200, b[:-3000], len(b))
        stop.wait(30)
    blobs(bench.site, stall)
    p = bench.store.popen(lib.INSECURE, "fetch", bench.site.ref)
    lib.await_true("the layer's file", lambda: bench.store.ls("tmp"))
    p.send_signal(2)
    try:
        _, err = p.communicate(timeout=20)      # it stalls longer
    finally:
        stop.set()
    assert p.returncode != 0, err
    lib.await_true("an empty store", lambda: not (
        bench.store.leftovers() or bench.store.layers()))


@row("R13.tls-stall", "a TLS handshake that stalls: ^C ends it", own=True)
def _(bench):
    came, stop = threading.Event(), threading.Event()
    port = bench.site.listen(lambda c: (came.set(), stop.wait(60)))
    p = bench.store.popen("--insecure-options=image", "fetch",
                          "docker://127.0.0.1:%d/x" % port)
    try:
        assert came.wait(30)
        p.send_signal(2)
        p.communicate(timeout=20)
    finally:
        stop.set()
    assert p.returncode != 0


@row("R13.two-fetches", "the same layer asked for twice at once: it is "
     "fetched once", own=True)
def _(bench):
    def slow(h, b):
        time.sleep(0.2)
        h.reply(200, b)
    blobs(bench.site, slow)
    ps = [bench.store.popen(lib.INSECURE, "fetch", bench.site.ref)
          for _ in range(4)]
    outs = {p.communicate(timeout=30)[0] for p in ps}
    assert [p.returncode for p in ps] == [0] * 4 and len(outs) == 1, outs
    big = max(bench.site.blobs, key=lambda d: len(bench.site.blobs[d]))
    assert len([1 for _, p, _ in bench.site.seen if big in p]) == 1


test = rows.runner(__name__)
