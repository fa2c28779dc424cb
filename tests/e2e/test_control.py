# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""The HTTP worker behind the endpoints: raw requests, order, deadlines,
crowds, who may, and several apps.  Needs no container but for the last."""
import os
import re
import resource
import socket
import threading
import time

import pytest

import lib
from lib import Daemon

HOST = b"Host: 127.0.0.1\r\n"
DEADLINE = 10                           # HTTP_DEADLINE_MS


class Control(Daemon):
    """A daemon; address and further statements as given."""

    def __init__(self, store, more="", address="127.0.0.1"):
        self.port = lib.free_port()
        super().__init__(store, 'store "%s"\nlisten on %s port %d\n%s' % (
            store.dir, address, self.port, more))
        lib.await_true("the HTTP worker", lambda: self.raw(
            b"GET /health HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200"))

    def connect(self):
        s = socket.create_connection(("127.0.0.1", self.port))
        s.settimeout(20)
        return s

    def raw(self, data):
        """All that comes until the other side closes."""
        try:
            with self.connect() as s:
                s.sendall(data)
                return b"".join(iter(lambda: s.recv(65536), b""))
        except OSError as e:
            return str(e).encode()

    def ask(self, target, *fields, method=b"GET", host=HOST):
        """(status, head, body) of one request on its own connection."""
        got = self.raw(method + b" " + target + b" HTTP/1.1\r\n" + host +
                       b"".join(f + b"\r\n" for f in fields) +
                       b"Connection: close\r\n\r\n")
        head, _, body = got.partition(b"\r\n\r\n")
        return int(got.split(b" ")[1]), head, body


@pytest.fixture(scope="module")
def control(scratch, registry):
    s = lib.Store(os.path.join(scratch, "control"))
    c = Control(s)
    yield c
    assert c.stop() == 0


def statuses(data):
    return [int(x) for x in re.findall(rb"HTTP/1\.1 (\d+)", data)]


def test_reply(control):
    code, head, body = control.ask(b"/health")
    assert (code, body) == (200, b'{"status":"ok"}\n')
    for line in (b"Content-Type: application/json", b"Connection: close",
                 b"Cache-Control: no-store", b"Content-Length: 16",
                 b"X-Content-Type-Options: nosniff"):
        assert line in head.split(b"\r\n"), head
    assert re.search(rb"\r\nDate: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} "
                     rb"\d\d:\d\d:\d\d GMT", head)


def test_head_has_no_body(control):
    code, head, body = control.ask(b"/ready", method=b"HEAD")
    assert code == 200 and b"Content-Length: 16" in head and body == b""


@pytest.mark.parametrize("target, method, code, allow", [
    (b"/health", b"DELETE", 405, b"GET, HEAD, POST"),
    (b"/health", b"get", 405, b"GET, HEAD, POST"),
    (b"/stop", b"HEAD", 405, b"GET, POST"),
    (b"/terminate", b"TRACE", 405, b"GET, POST")])
def test_methods(control, target, method, code, allow):
    got, head, _ = control.ask(target, method=method)
    assert got == code and b"\r\nAllow: " + allow in head


@pytest.mark.parametrize("target", [
    b"/%68ealth", b"/..//health", b"/./health", b"/health;x", b"/HEALTH",
    b"/health/", b"//health", b"/health%00", b"/%c0%afhealth", b"/metrics",
    b"/debug/pprof", b"/", b"/terminat", b"/terminatee"])
def test_paths_are_compared_byte_for_byte(control, target):
    assert control.ask(target)[0] == 404


@pytest.mark.parametrize("head", [
    b"GET /health HTTP/1.1\n" + HOST + b"\r\n",
    b"GET /health HTTP/1.1\r\n" + HOST + b"\n",
    b"GET http://127.0.0.1/health HTTP/1.1\r\n" + HOST + b"\r\n",
    b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
    b"CONNECT 127.0.0.1:80 HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /health\r\n\r\n",
    b"GET /health HTTP/1.1\r\n" + HOST + b"X: a\0b\r\n\r\n",
    b"GET /health HTTP/1.1\r\n" + HOST + b": a\r\n\r\n",
    b"GET /health HTTP/1.1\r\n" + HOST + b"Content-Length: +1\r\n\r\na",
    b"GET /health HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\n" * 2 +
    b"\r\na",
    b"POST /health HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n"
    b"\r\n0\r\n\r\n",
    b"GET /health HTTP/1.1\r\n" + HOST + b"Upgrade: h2c\r\n\r\n"])
def test_one_answer_and_the_end(control, head):
    """400 closes: what follows is never taken for a request."""
    got = control.raw(head + b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n")
    assert statuses(got) == [400], got
    assert b"\r\nConnection: close\r\n" in got


@pytest.mark.parametrize("head, code", [
    (b"GET /health HTTP/2.0\r\n\r\n", 505),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    (b"GET /health HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\n\r\n",
     417),
    (b"POST /health HTTP/1.1\r\n" + HOST + b"Content-Length: 4097\r\n\r\n",
     413),
    (b"GET /" + b"x" * 9000, 431)])
def test_other_refusals(control, head, code):
    assert statuses(control.raw(head)) == [code]


def test_requests_in_one_write_are_answered_in_order(control):
    one = b"%s %s HTTP/1.1\r\n" + HOST + b"%s\r\n%s"
    got = control.raw(
        one % (b"GET", b"/health", b"", b"") +
        one % (b"GET", b"/start", b"", b"") +       # 404: no app declared
        one % (b"POST", b"/ready", b"Content-Length: 5\r\n", b"GET /") +
        one % (b"PUT", b"/stop", b"", b"") +
        one % (b"GET", b"/nothing", b"Connection: close\r\n", b"") +
        one % (b"GET", b"/health", b"", b""))
    assert statuses(got) == [200, 404, 200, 405, 404], got


def test_a_flood_of_requests_in_one_connection_ends(control):
    n = 30000
    with control.connect() as s:
        def push():
            try:
                s.sendall((b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n") * n)
            except OSError:
                pass
        t = threading.Thread(target=push)
        t.start()
        got = b""
        while chunk := s.recv(1 << 20):
            got += chunk
    t.join()
    assert statuses(got) == [200] * 10000
    assert b"\r\nConnection: close\r\n" in got[-300:]


def test_http_1_0(control):
    get = b"GET /health HTTP/1.0\r\n%s\r\n"
    got = control.raw(get % b"Connection: keep-alive\r\n" + get % b"")
    assert statuses(got) == [200, 200]
    assert got.count(b"Connection: keep-alive") == 1


@pytest.mark.parametrize("first, drip", [
    (b"", b""), (b"GET /health HTTP/1.1\r\n", b"X: y\r\n"),
    (b"POST /health HTTP/1.1\r\n" + HOST + b"Content-Length: 999\r\n\r\n",
     b"z")], ids=["silent", "head", "body"])
def test_the_deadline_is_absolute(control, first, drip):
    begin = time.monotonic()
    with control.connect() as s:
        s.sendall(first)
        s.settimeout(0.2)
        while time.monotonic() - begin < 2 * DEADLINE:
            try:
                s.sendall(drip)
                if s.recv(100) == b"":
                    break
            except socket.timeout:
                continue
            except OSError:
                break
    # a deadline that bytes put off would last for the whole loop
    assert DEADLINE - 1 < time.monotonic() - begin < 2 * DEADLINE - 1


def test_a_client_that_does_not_read_is_dropped(control):
    begin = time.monotonic()
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(("127.0.0.1", control.port))
        s.settimeout(2 * DEADLINE)
        with pytest.raises(OSError) as e:
            for _ in range(9000):
                s.sendall(b"GET /health HTTP/1.1\r\n" + HOST +
                          b"X: " + b"y" * 4000 + b"\r\n\r\n")
        assert not isinstance(e.value, socket.timeout)
    assert time.monotonic() - begin < 2 * DEADLINE


@pytest.fixture
def many_files():
    """How many this process may have open: 11000 where the limit allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    n = hard if 0 <= hard < 11500 else 11500
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(n, soft), hard))
    yield n - 500
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_crowd_does_not_hide_the_probes(control, many_files):
    """More silent and half-spoken connections than are kept (10000)."""
    def slowest(n):
        """Of n answers, the second slowest, in seconds."""
        took = []
        for _ in range(n):
            begin = time.monotonic()
            assert control.ask(b"/health")[0] == 200
            took.append(time.monotonic() - begin)
        return sorted(took)[-2]
    quiet = []
    alone = slowest(100)                # a busy machine is slow by itself
    try:
        for i in range(many_files):
            quiet.append(control.connect())
            if i % 2:
                quiet[-1].send(b"GET /hea")
        crowded = slowest(100)
        assert crowded < 0.1 + 10 * alone, (crowded, alone)
    finally:
        for s in quiet:
            s.close()


@pytest.mark.parametrize("host, code", [
    (b"127.0.0.1:80", 404), (b"[::1]", 404), (b"localhost", 404),
    (b"evil.example", 403), (b"127.0.0.1.evil.example", 403),
    (b"localhost.evil.example:8080", 403)])
def test_a_name_in_host_could_be_rebound(control, host, code):
    """404: it was allowed, but no app is declared."""
    host = b"Host: " + host + b"\r\n"
    assert control.ask(b"/start", host=host)[0] == code
    assert control.ask(b"/health", host=host)[0] == 200


@pytest.mark.parametrize("field", [
    b"Origin: null", b"oRIGIN: http://127.0.0.1", b"Sec-Fetch-Site: none"])
@pytest.mark.parametrize("target", [b"/start", b"/stop", b"/terminate"])
def test_browsers(control, target, field):
    assert control.ask(target, field)[0] == 403
    assert control.ask(b"/ready", field)[0] == 200


def test_terminate_takes_no_parameter(control):
    assert control.ask(b"/terminate?now=1")[0] == 400
    assert control.alive()


def test_nothing_is_reflected(control):
    mark = b"zzz<b>zzz"
    for target in (b"/" + mark, b"/start?" + mark + b"=" + mark):
        got = control.raw(b"GET " + target + b" HTTP/1.1\r\n" + HOST +
                          b"X: " + mark + b"\r\nConnection: close\r\n\r\n")
        assert b"zzz" not in got and statuses(got)[0] >= 400


def test_open_listener_without_a_token(store):
    """No app can be declared so; /terminate is refused all the same."""
    c = Control(store, address="0.0.0.0")
    try:
        code, _, body = c.ask(b"/terminate")
        assert code == 403 and b"token" in body
        assert c.ask(b"/health")[0] == 200
    finally:
        assert c.stop() == 0


def test_open_listener_with_a_token(store, tmp_path):
    token = "0123456789abcdef-token"
    (tmp_path / "token").write_text(token)
    os.chmod(tmp_path / "token", 0o400)
    c = Control(store, 'token file "%s"' % (tmp_path / "token"), "0.0.0.0")
    try:
        name = b"Host: pod.example\r\n"
        assert c.ask(b"/ready", host=name)[0] == 200
        for field in (b"X: y", b"Authorization: Bearer",
                      b"Authorization: Bearer " + token.encode() + b"x",
                      b"Authorization: Bearer " + token.encode()[1:],
                      b"Authorization: Basic " + token.encode(),
                      b"Authorization: " + token.encode(),
                      b"Authorization: Bearer " + b"x" * 4000):
            code, head, _ = c.ask(b"/stop", field, host=name)
            assert code == 401 and b"\r\nWWW-Authenticate: Bearer" in head
        good = b"Authorization: bearer " + token.encode()
        assert c.ask(b"/stop", good, host=name)[0] == 404
        assert c.ask(b"/stop", good, b"Origin: null", host=name)[0] == 403
        assert c.ask(b"/terminate", good, host=name)[0] == 200
        assert c.proc.wait(20) == 0
        assert token not in "".join(c.lines)
    finally:
        c.stop()


def test_the_worker_is_confined(control):
    pid = [p for p, n in lib.descendants(control.proc.pid).items()
           if n == "berth-http"][0]
    with open("/proc/%d/status" % pid) as f:
        status = dict(x.rstrip("\n").split(":\t", 1) for x in f if ":\t" in x)
    # a sanitizer asks the kernel for what no filter lists
    assert status["Seccomp"] == ("0" if lib.SANITIZED else "2")
    assert status["NoNewPrivs"] == "1"
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[name], 16) == 0, name
    assert int(status["Uid"].split()[0]) >= 65536
    assert os.listdir("/proc/%d/root" % pid) == []
    for ns in ("user", "mnt", "pid", "net", "ipc", "uts"):
        assert os.readlink("/proc/%d/ns/%s" % (pid, ns)) != \
            os.readlink("/proc/self/ns/" + ns), ns


def test_several_apps(store, registry):
    app = ('app "%s" {\n\timage "' + registry.ref("busybox") + '"\n'
           '\targument "sleep" "1000"\n%s}\n')
    c = Control(store, "insecure-options { image http }\n" +
                app % ("one", "") + app % (
                    "two", '\tparameter "id" environment "ID" required\n'))
    try:
        lib.await_true("ready", lambda: c.ask(b"/ready")[0] == 200)
        code, _, body = c.ask(b"/start")
        assert code == 400 and b"app=" in body
        assert c.ask(b"/start?app=three")[0] == 404
        code, _, body = c.ask(b"/start?app=two")
        assert code == 400 and b"parameter id" in body
        code, _, body = c.ask(b"/start?app=one&id=1")
        assert code == 400 and b"parameter id is not declared" in body
        assert c.ask(b"/start?app=one")[0] == 200
        assert c.ask(b"/start?id=1&app=two")[0] == 200
        assert c.ask(b"/start?app=one")[0] == 409
        assert c.ask(b"/stop")[0] == 400
        assert c.ask(b"/stop?app=one&id=1")[0] == 400
        assert c.ask(b"/stop?app=one")[0] == 200
        assert c.ask(b"/stop?app=one")[0] == 409
        # who asks and goes away is forgotten, what was asked is done
        with c.connect() as s:
            s.sendall(b"GET /stop?app=two HTTP/1.1\r\n" + HOST + b"\r\n")
        lib.await_true("its end", lambda: c.ask(b"/stop?app=two")[0] == 409)
        assert c.ask(b"/terminate")[0] == 200
        assert c.proc.wait(20) == 0
    finally:
        c.stop()


def test_parameters_without_fixed_arguments(store, registry):
    """Two of them behind exec, and nothing that the file itself adds."""
    c = Control(store, "insecure-options { image http }\n"
                'app "a" {\n\timage "%s"\n\texec "/bin/busybox"\n'
                '\tparameter "x" argument "tail"\n'
                '\tparameter "y" argument "-f"\n}\n'
                % registry.ref("busybox"))
    try:
        lib.await_true("ready", lambda: c.ask(b"/ready")[0] == 200)
        r = c.ask(b"/start?y=/dev/null&x=-q")
        assert r[0] == 200, r
        lib.await_true("tail", lambda: [
            b"/bin/busybox", b"tail", b"-q", b"-f", b"/dev/null"] in [
                lib.arguments(p) for p in lib.descendants(c.proc.pid)])
        assert c.ask(b"/stop")[0] == 200
    finally:
        c.stop()
