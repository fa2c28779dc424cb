# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""Rows H: the control endpoints of one daemon that lives through them all."""
import concurrent.futures
import os
import re
import socket
import subprocess
import threading
import time

import pytest

import lib
import rows
from rows import row
from sites import box
from test_control import Control, statuses

HOST = b"Host: 127.0.0.1\r\n"
GET = b"GET /health HTTP/1.1\r\n" + HOST
POST = b"POST /health HTTP/1.1\r\n" + HOST
END = GET + b"\r\n"
CONF = """insecure-options { image http }
app "worker" {
	image "%s"
	parameter "id" environment "ID"
}
"""


class Daemon(Control):
    """With one app, from the hostile registry."""

    def __init__(self, top, hostile):
        self.site = hostile.site("h.app")
        self.site.image([box()], {"Cmd": ["sh", "-c", "while :; do read x "
                                          "</proc/uptime; done"],
                                  "Env": ["PATH=/bin"]})
        super().__init__(lib.Store(top), CONF % self.site.ref)
        lib.await_true("ready", lambda: self.ask(b"/ready")[0] == 200)
        # what is opened once and kept: the app's log, the program of pid 1
        assert self.ask(b"/start")[0] == self.ask(b"/stop")[0] == 200

    def child(self, name):
        return [p for p, n in lib.descendants(self.proc.pid).items()
                if n == name][0]

    def worker(self):
        return self.child("berth-http")

    def engine(self):
        return self.child("berth-engine")

    def idle(self):
        """No app, no helper: what must be so after every row."""
        return "berth-init" not in lib.descendants(self.proc.pid).values()


@pytest.fixture(scope="module")
def daemon(scratch, hostile):
    d = Daemon(os.path.join(scratch, "h-daemon"), hostile)
    yield d
    assert d.stop() == 0


def one_answer(bench, data, code):
    """One refusal, then the end: what follows is never a request."""
    got = bench.http.raw(data)
    assert statuses(got) == [code], (data[:200], got[:400])
    assert b"\r\nConnection: close\r\n" in got, got
    assert b"\x1b" not in got and b"evil" not in got


# H1: what two parsers read in two ways.  Behind each, /health is asked for.

def length(*values):
    return POST + b"".join(b"Content-Length: %s\r\n" % v for v in values) + \
        b"\r\nabc"


TWO_READINGS = {
    "nul-in-value": GET + b"X: a\0b\r\n\r\n",
    "nul-in-name": GET + b"X\0: a\r\n\r\n",
    "empty-name": GET + b": a\r\n\r\n", "no-colon": GET + b"evil\r\n\r\n",
    "name-blank": GET + b"X : a\r\n\r\n", "name-tab": GET + b"X\t: a\r\n\r\n",
    "name-inner-blank": GET + b"X Y: a\r\n\r\n",
    "name-brackets": GET + b"X(y): a\r\n\r\n",
    "name-non-ascii": GET + b"\xc3\xa9: a\r\n\r\n",
    "value-escape": GET + b"X: \x1b[2J\r\n\r\n",
    "value-bell": GET + b"X: \x07\r\n\r\n", "value-del": GET +
    b"X: \x7f\r\n\r\n", "value-cr": GET + b"X: a\rY: b\r\n\r\n",
    "lengths-differ": length(b"3", b"5"), "lengths-same": length(b"3", b"3"),
    "length-plus": length(b"+3"), "length-minus": length(b"-3"),
    "length-hex": length(b"0x3"), "length-list": length(b"3, 3"),
    "length-empty": length(b""), "length-blank": length(b"3 3"),
    "length-float": length(b"3.0"), "length-zero-led": length(b"00000000003"),
    "length-huge": length(b"99999999999999999999"),
    "length-name-blank": POST + b"Content-Length : 3\r\n\r\nabc",
    "chunked": POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked-and-length": POST + b"Transfer-Encoding: chunked\r\n"
    b"Content-Length: 5\r\n\r\n0\r\n\r\n",
    "chunked-odd": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked-tab": POST + b"Transfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n",
    "coding-list": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n"
    b"\r\n", "coding-identity": POST + b"Transfer-Encoding: identity\r\n\r\n",
    "bare-lf": GET.replace(b"\r\n", b"\n") + b"\n",
    "bare-lf-first": b"GET /health HTTP/1.1\n" + HOST + b"\r\n",
    "bare-lf-last": GET + b"\n", "bare-cr": GET.replace(b"\r\n", b"\r") +
    b"\r\r\n", "fold": GET + b"X: a\r\n b\r\n\r\n", "fold-tab": GET +
    b"X: a\r\n\tb\r\n\r\n", "fold-first": b"GET /health HTTP/1.1\r\n " +
    HOST + b"\r\n", "no-host": b"GET /health HTTP/1.1\r\n\r\n",
    "two-hosts": GET + HOST + b"\r\n", "host-empty":
    b"GET /health HTTP/1.1\r\nHost:\r\n\r\n", "host-path":
    b"GET /health HTTP/1.1\r\nHost: 127.0.0.1/x\r\n\r\n", "host-user":
    b"GET /health HTTP/1.1\r\nHost: a@127.0.0.1\r\n\r\n", "host-two-words":
    b"GET /health HTTP/1.1\r\nHost: a b\r\n\r\n",
    "absolute": b"GET http://127.0.0.1/health HTTP/1.1\r\n" + HOST + b"\r\n",
    "authority": b"GET 127.0.0.1:80 HTTP/1.1\r\n" + HOST + b"\r\n",
    "target-escape": b"GET /\x1b[2J HTTP/1.1\r\n" + HOST + b"\r\n",
    "target-tab": b"GET\t/health\tHTTP/1.1\r\n" + HOST + b"\r\n",
    "target-nul": b"GET /health\0 HTTP/1.1\r\n" + HOST + b"\r\n",
    "target-non-ascii": b"GET /\xc3\xa9 HTTP/1.1\r\n" + HOST + b"\r\n",
    "target-fragment": b"GET /health#x HTTP/1.1\r\n" + HOST + b"\r\n",
    "target-blanks": b"GET  /health HTTP/1.1\r\n" + HOST + b"\r\n",
    "target-two": b"GET /health /stop HTTP/1.1\r\n" + HOST + b"\r\n",
    "target-empty": b"GET  HTTP/1.1\r\n" + HOST + b"\r\n",
    "trailing-blank": b"GET /health HTTP/1.1 \r\n" + HOST + b"\r\n",
    "method-nul": b"G\0T /health HTTP/1.1\r\n" + HOST + b"\r\n",
    "method-long": b"G" * 100 + b" /health HTTP/1.1\r\n" + HOST + b"\r\n",
    "method-blank": b" GET /health HTTP/1.1\r\n" + HOST + b"\r\n",
    "bom": b"\xef\xbb\xbfGET /health HTTP/1.1\r\n" + HOST + b"\r\n",
    "two-authorizations": GET + b"Authorization: Bearer a\r\n" * 2 + b"\r\n"}


@rows.rows({"H1." + n: v for n, v in TWO_READINGS.items()},
           "a request: %s", own=True)
def _(bench, data):
    one_answer(bench, data + END, 400)


# H5: other protocols.

@rows.rows({
    "H5.expect": (GET + b"Expect: 100-continue\r\n\r\n", 417),
    "H5.upgrade": (GET + b"Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n", 400),
    "H5.websocket": (GET + b"Upgrade: websocket\r\nSec-WebSocket-Key: x\r\n"
                     b"\r\n", 400),
    "H5.connect": (b"CONNECT 127.0.0.1:22 HTTP/1.1\r\n" + HOST + b"\r\n",
                   400),
    "H5.options-star": (b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "H5.http-0.9": (b"GET /health\r\n\r\n", 400),
    "H5.http-2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "H5.http-1.2": (b"GET /health HTTP/1.2\r\n" + HOST + b"\r\n", 505),
    "H5.http-9.9": (b"GET /health HTTP/9.9\r\n" + HOST + b"\r\n", 505),
    "H5.http-lower": (b"GET /health http/1.1\r\n" + HOST + b"\r\n", 400),
    "H5.tls": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\n" * 20,
               400),
    "H5.ssh": (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", 400),
    "H5.smtp": (b"EHLO evil\r\n\r\n", 400),
    "H5.redis": (b"*1\r\n$4\r\nPING\r\n\r\n", 400)},
    "another protocol: %s", own=True)
def _(bench, arg):
    one_answer(bench, arg[0], arg[1])


# H6: paths are compared byte for byte.

PATHS = [b"/%74erminate", b"/..//start", b"/./start", b"/start;x", b"/START",
         b"/start/", b"//start", b"/start%00", b"/%c0%afstart", b"/start.",
         b"/x/../start", b"/start%20", b"/start%3Fid=1", b"/star", b"/starts",
         b"/stop/", b"/terminat", b"/%2e%2e/stop", b"/stop;jsessionid=1"]


@rows.rows({"H6.path-%d" % i: p for i, p in enumerate(PATHS)},
           "a path that is nearly an endpoint: %s", own=True)
def _(bench, path):
    assert bench.http.ask(path)[0] == 404
    assert bench.http.ask(path, method=b"POST")[0] == 404


@rows.rows({"H6.query-" + n: v for n, v in {
    "undeclared": b"image=docker://evil", "exec": b"exec=/bin/sh",
    "twice": b"id=1&id=2", "nul": b"id=%00", "bad-percent": b"id=%zz",
    "half-percent": b"id=%4", "no-value": b"id", "empty-name": b"=1",
    "case": b"ID=1", "encoded-twice": b"%2569d=1",
    "long": b"id=" + b"x" * 4000, "many": b"&".join([b"id=1"] * 500)
    }.items()}, "a query: %s", own=True)
def _(bench, query):
    code = bench.http.ask(b"/start?" + query)[0]
    assert code == 400, code


# H7: who may, and with which method.

METHODS = {"health-delete": (b"/health", b"DELETE"), "start-head":
           (b"/start", b"HEAD"), "start-put": (b"/start", b"PUT"),
           "stop-patch": (b"/stop", b"PATCH"), "terminate-head":
           (b"/terminate", b"HEAD"), "terminate-trace": (b"/terminate",
                                                         b"TRACE"),
           "lower-case": (b"/terminate", b"get"), "unknown":
           (b"/terminate", b"EVIL"), "options": (b"/terminate", b"OPTIONS")}


@rows.rows({"H7." + n: v for n, v in METHODS.items()}, "a method: %s",
           own=True)
def _(bench, arg):
    got = bench.http.ask(arg[0], method=arg[1])
    assert got[0] == 405 and b"\r\nAllow: " in got[1], got


@rows.rows({"H7.browser-" + n: v for n, v in {
    "origin": b"Origin: http://evil.example", "origin-null": b"Origin: null",
    "origin-own": b"Origin: http://127.0.0.1", "origin-case": b"oRiGiN: x",
    "fetch-site": b"Sec-Fetch-Site: cross-site",
    "fetch-none": b"Sec-Fetch-Site: none"}.items()},
    "a browser: %s", own=True)
def _(bench, field):
    for path in (b"/start", b"/stop", b"/terminate"):
        assert bench.http.ask(path, field)[0] == 403


@rows.rows({"H7.host-" + n: v for n, v in {
    "other": b"evil.example", "suffix": b"127.0.0.1.evil.example", "prefix":
    b"localhost.evil.example:8080", "dot": b"evil.", "almost":
    b"127.0.0.1x", "percent": b"127.0.0%2e1", "number": b"2130706433.x"
    }.items()},
    "a name that could be rebound to us: %s", own=True)
def _(bench, host):
    for path in (b"/start", b"/stop", b"/terminate"):
        code = bench.http.ask(path, host=b"Host: " + host + b"\r\n")[0]
        assert code == 403, (path, code)


# H2, H3, H4: time and number.

@row("H2.deadline", "silence, a dripping head, a dripping body, an unread "
     "answer: all end at one deadline", own=True)
def _(bench):
    def one(first, drip):
        begin = time.monotonic()
        with bench.http.connect() as s:
            s.sendall(first)
            s.settimeout(0.2)
            while time.monotonic() - begin < 20:
                try:
                    s.sendall(drip)
                    if s.recv(100) == b"":
                        break
                except socket.timeout:
                    continue
                except OSError:
                    break
        return time.monotonic() - begin
    with concurrent.futures.ThreadPoolExecutor(3) as ex:
        took = list(ex.map(one, (b"", GET, POST + b"Content-Length: 999\r\n"
                                 b"\r\n"), (b"", b"X: y\r\n", b"z")))
    assert all(9 < t < 19 for t in took), took  # 20: not at all


@row("H3.half-open", "1,000 half-spoken connections: /health still answers",
     own=True)
def _(bench):
    def slowest():
        """Of fifty answers, the third slowest."""
        took = []
        for _ in range(50):
            begin = time.monotonic()
            assert bench.http.ask(b"/health")[0] == 200
            took.append(time.monotonic() - begin)
        return sorted(took)[-3]
    quiet = []
    alone = slowest()                   # a busy machine is slow by itself
    try:
        for _ in range(1000):
            quiet.append(bench.http.connect())
            quiet[-1].send(b"GET /hea")
        crowded = slowest()
        assert crowded < 0.2 + 10 * alone, (crowded, alone)
    finally:
        for s in quiet:
            s.close()
    lib.await_true("their end", lambda: len(os.listdir(
        "/proc/%d/fd" % bench.http.worker())) < 50)


@row("H4.pipeline", "11,000 requests in one write: 10,000 answers, then the "
     "end", own=True)
def _(bench):
    with bench.http.connect() as s:
        def push():
            try:
                s.sendall(END * 11000)
            except OSError:
                pass
        t = threading.Thread(target=push)
        t.start()
        got = b""
        while chunk := s.recv(1 << 20):
            got += chunk
        t.join()
    assert statuses(got) == [200] * 10000


@row("H4.body-is-no-request", "a body that looks like a request", own=True)
def _(bench):
    body = b"GET /terminate HTTP/1.1\r\n" + HOST + b"\r\n"
    got = bench.http.raw(POST + b"Connection: close\r\nContent-Length: %d\r\n"
                         b"\r\n" % len(body) + body)
    assert statuses(got) == [200], got


@rows.rows({"H8.head-9k": (b"GET /" + b"x" * 9000, 431),
            "H8.fields": (GET + b"X: y\r\n" * 2000 + b"\r\n", 431),
            "H8.body": (POST + b"Content-Length: 4097\r\n\r\n", 413)},
           "too large: %s", own=True)
def _(bench, arg):
    one_answer(bench, *arg)


# H8: races.

@row("H8.starts-and-stops", "300 starts and stops at once: each answer is "
     "one of a serial order", own=True)
def _(bench):
    with concurrent.futures.ThreadPoolExecutor(20) as ex:
        codes = list(ex.map(lambda i: bench.http.ask(
            b"/start" if i % 2 else b"/stop")[0], range(300)))
    assert set(codes) <= {200, 409, 503}, set(codes)
    bench.http.ask(b"/stop")
    lib.await_true("no app", bench.http.idle)
    starts = [c for i, c in enumerate(codes) if i % 2]
    assert 200 in starts


@row("H8.terminate-wins", "starts, stops and terminates at once: the service "
     "ends once, and with 0", own=True)
def _(bench):
    d = Daemon(bench.own("store"), bench.hostile)
    with concurrent.futures.ThreadPoolExecutor(20) as ex:
        codes = list(ex.map(lambda i: d.raw(
            b"GET /%s HTTP/1.1\r\n" % (b"start", b"stop", b"terminate")[
                i % 3] + HOST + b"Connection: close\r\n\r\n"), range(60)))
    assert d.proc.wait(20) == 0
    assert any(c.startswith(b"HTTP/1.1 200") for c in codes[2::3])


# H9: the worker is lost.

@row("H9.worker-killed", "the HTTP worker killed in mid-request: a close, "
     "then another worker", own=True)
def _(bench):
    d = Daemon(bench.own("store"), bench.hostile)
    try:
        old = d.worker()
        with d.connect() as s:
            s.sendall(GET)
            os.kill(old, 9)
            try:
                assert s.recv(100) == b""
            except OSError:
                pass
        lib.await_true("another worker", lambda: d.raw(
            b"GET /health HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200"))
        assert d.worker() != old
    finally:
        assert d.stop() == 0


# H10, H13: nothing is reflected, nothing else is there.

@row("H10.reflection", "nothing of a request stands in an answer", own=True)
def _(bench):
    mark = b"zzz<b>zzz"
    for target in (b"/" + mark, b"/start?" + mark + b"=" + mark,
                   b"/health?" + mark):
        got = bench.http.raw(
            b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"X: " + mark +
            b"\r\nUser-Agent: " + mark + b"\r\nConnection: close\r\n\r\n")
        assert b"zzz" not in got


@row("H10.fields", "every answer is typed, unsniffable and uncached",
     own=True)
def _(bench):
    for target in (b"/health", b"/ready", b"/nothing", b"/start?x=1"):
        head = bench.http.ask(target)[1]
        for field in (b"Content-Type: application/json",
                      b"X-Content-Type-Options: nosniff",
                      b"Cache-Control: no-store"):
            assert field in head.split(b"\r\n"), (target, head)
        assert not re.search(rb"(?i)server:|x-powered|berth", head)


@row("H13.debug-pages", "no page for debugging, metrics or files", own=True)
def _(bench):
    for path in (b"/", b"/metrics", b"/debug/pprof/", b"/debug/vars",
                 b"/status", b"/v1/", b"/_ping", b"/containers/json",
                 b"/favicon.ico", b"/index.html", b"/.env", b"/server-status",
                 b"/etc/passwd", b"/healthz", b"/api", b"/grpc"):
        assert bench.http.ask(path)[0] == 404, path


# H11: where it listens.

@row("H11.port-taken", "a port that is taken: one line, and no service",
     own=True)
def _(bench):
    conf = bench.own("conf")
    with open(conf, "w", encoding="ascii") as f:
        f.write('store "%s"\nlisten on 127.0.0.1 port %d\n' % (
            bench.own("store"), bench.http.port))
    r = lib.command([lib.BERTHD, "-d", "-f", conf])
    assert r.returncode == 1, r
    assert len(r.stderr.splitlines()) == 1 and \
        "ddress already in use" in r.stderr, r


@row("H11.loopback", "without a word about it, no other address is listened "
     "on", own=True)
def _(bench):
    out = subprocess.run(["ss", "-Hltnp"], stdout=subprocess.PIPE, text=True,
                         check=True).stdout
    ours = [x.split()[3] for x in out.splitlines() if "berth" in x and
            ":%d " % bench.http.port in x]
    assert ours == ["127.0.0.1:%d" % bench.http.port], out


# H12: what it costs in the long run.

@row("H12.memory", "20,000 requests of all kinds: neither memory nor "
     "descriptors grow", cve="CVE-2022-31030 CVE-2022-1708 CVE-2022-23471 "
     "CVE-2025-64329", own=True)
def _(bench):
    if lib.SANITIZED:
        pytest.skip("a sanitizer keeps what is freed")

    def rss():
        with open("/proc/%d/status" % bench.http.worker(),
                  encoding="ascii") as f:
            return int(f.read().split("VmRSS:")[1].split()[0])

    def burst(n):
        for _ in range(n):
            bench.http.raw(END * 20 + b"GET /start?evil=1 HTTP/1.1\r\n" +
                           HOST + b"\r\n" + b"GET /x\0 HTTP/1.1\r\n\r\n")
    burst(100)
    before = rss()
    burst(900)
    assert rss() - before < 256, (before, rss())


@pytest.mark.parametrize("row", rows.of(__name__), ids=repr)
def test(daemon, bench, row):
    bench.http = daemon
    bench.daemons = lambda: [daemon.proc.pid, daemon.engine(),
                             daemon.worker()]
    bench.judge(row)
    assert daemon.idle() and daemon.ask(b"/health")[0] == 200
