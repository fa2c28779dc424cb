# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""The five endpoints of berthd for apps declared in berthd.conf."""
import concurrent.futures
import os
import socket
import subprocess
import threading
import time

import pytest

import lib
from lib import Daemon, http

CONF = """
store "%(store)s"
listen on 127.0.0.1 port %(port)d
insecure-options { image http }
app "worker" {
	image "%(ref)s"
	environment "FIXED=yes"
	argument "sh" "-c" "%(script)s" "name0"
	parameter "id" argument "-i"
	parameter "alias" argument "-c"
	parameter "key" secret environment "CLIENT_KEY" required
}
%(more)s
"""
# Says what it was given into the volume's file that the test can see: the
# app has no way to the host, so it answers by its exit status and by ps.
SCRIPT = "trap 'exit 0' TERM; while :; do sleep 0.05; done"


class Service(Daemon):
    def __init__(self, store, registry, script=SCRIPT, more=""):
        self.port = lib.free_port()
        super().__init__(store, CONF % {
            "store": store.dir, "port": self.port, "script": script,
            "ref": registry.ref("busybox"), "more": more})

    def get(self, path, **k):
        return http(self.port, path, **k)

    def ready(self):
        lib.await_true("ready", lambda: self.get("/ready")[0] == 200)
        return self

    def app(self, name="sh"):
        return [p for p, n in lib.descendants(self.proc.pid).items()
                if n == name]

    def one(self, name="sh"):
        """The app's process: pid 2 of its container is the sh."""
        return lib.app_pid(self.proc, name)


@pytest.fixture
def service(store, registry):
    s = Service(store, registry)
    try:
        yield s.ready()
    finally:
        if s.alive():
            s.stop()


def test_the_whole_walk(service):
    assert service.get("/health")[0] == 200
    assert service.get("/ready")[0] == 200
    assert service.get("/stop")[0] == 409
    assert service.get("/start?key=k")[0] == 200
    assert service.one()
    assert service.get("/start?key=k")[0] == 409
    assert service.get("/health")[0] == 200
    assert service.get("/stop")[0] == 200
    assert service.app() == []
    assert service.get("/stop")[0] == 409
    assert service.get("/start?key=k")[0] == 200
    assert service.get("/terminate")[0] == 200
    assert service.proc.wait(20) == 0


def test_images_are_fetched_at_the_start(store, registry):
    s = Service(store, registry)
    try:
        s.ready()
        assert len(store.images()) == 1
    finally:
        s.stop()


def test_parameters(service):
    assert service.get("/start?alias=b%20c&id=42&key=s3cret&app=worker"
                       )[0] == 200
    pid = service.one()
    argv = lib.arguments(pid)
    # in the order of the declaration
    assert argv[3:] == [b"name0", b"-i", b"42", b"-c", b"b c"], argv
    with open("/proc/%d/environ" % pid, "rb") as f:
        env = f.read().split(b"\0")
    assert b"CLIENT_KEY=s3cret" in env and b"FIXED=yes" in env
    # a secret is in no argument and no log
    for p in lib.descendants(service.proc.pid):
        assert b"s3cret" not in b" ".join(lib.arguments(p))
    assert "s3cret" not in "".join(service.lines)
    assert "s3cret" not in str(service.store.audit())


@pytest.mark.parametrize("query, status", [
    ("", 400), ("?id=1", 400), ("?key=k&other=1", 400),
    ("?key=k&key=l", 400), ("?key=%00", 400), ("?key=%zz", 400),
    ("?key=k&image=docker://evil", 400), ("?key=k&app=nothing", 404),
    ("?key=" + "x" * 4000, 400)])
def test_bad_parameters(service, query, status):
    got = service.get("/start" + query)[0]
    assert got == status or (len(query) > 3000 and got in (400, 414, 431))
    assert service.app() == []


@pytest.mark.parametrize("path, method, status", [
    ("/", "GET", 404), ("/nothing", "GET", 404), ("/health/", "GET", 404),
    ("/health", "DELETE", 405), ("/start?key=k", "PUT", 405),
    ("/start?key=k", "POST", 200)])
def test_routes(service, path, method, status):
    assert service.get(path, method=method)[0] == status


@pytest.mark.parametrize("headers", [
    {"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_browsers_are_refused(service, headers):
    assert service.get("/start?key=k", headers=headers)[0] == 403
    assert service.app() == []


def test_exactly_one_of_50_starts_wins(service):
    with concurrent.futures.ThreadPoolExecutor(50) as ex:
        codes = sorted(c for c, _ in ex.map(
            lambda i: service.get("/start?key=k%d" % i), range(50)))
    assert codes == [200] + [409] * 49
    lib.await_true("one app", lambda: len(
        service.app("berth-init")) == 1)


def test_exactly_one_of_20_stops_wins(service):
    assert service.get("/start?key=k")[0] == 200
    with concurrent.futures.ThreadPoolExecutor(20) as ex:
        codes = [c for c, _ in ex.map(
            lambda i: service.get("/stop"), range(20))]
    assert 200 in codes and set(codes) <= {200, 409}
    assert service.app() == []


def test_an_app_that_died_can_be_started_at_once(service):
    for _ in range(5):
        assert service.get("/start?key=k")[0] == 200
        os.kill(service.one("berth-init"), 9)
        lib.await_true("its end", lambda: not service.app("berth-init"))
        lib.await_true("start again", lambda: service.get(
            "/start?key=k")[0] == 200)
        assert service.get("/stop")[0] == 200


@pytest.mark.parametrize("who", ["berthd", "berth-engine"])
def test_health_is_a_word_of_both(service, who):
    """With one of them stopped, the others alone must not say 200."""
    assert service.get("/health")[0] == 200
    pid = service.proc.pid if who == "berthd" else next(
        p for p, n in lib.descendants(service.proc.pid).items() if n == who)
    os.kill(pid, 19)
    try:
        lib.await_true("503", lambda: service.get("/health")[0] == 503)
    finally:
        os.kill(pid, 18)
    lib.await_true("200", lambda: service.get("/health")[0] == 200)


def test_not_ready_without_its_image(store, registry):
    s = Service(store, registry, more='app "absent" {\n\timage "%s"\n}'
                % registry.ref("no-such-image"))
    try:
        lib.await_true("the other image", store.images)
        code, body = s.get("/ready")
        assert code == 503 and body
        assert s.get("/health")[0] == 200
        assert s.get("/start?app=absent")[0] == 503
        # two apps: the one without a name in the query is not guessed
        assert s.get("/start?key=k")[0] == 400
    finally:
        s.stop()


def test_why_not_ready_with_shorter_and_shorter_reasons(store, registry):
    """Nothing of a longer one may stay behind what replaces it."""
    s = Service(store, registry, more="".join(
        'app "%s" {\n\timage "%s"\n}\n' % (name, registry.ref("no-image"))
        for name in ("long" * 15, "b")))
    try:
        for name in ("long" * 15, "b"):
            s.wait_for("berthd: app %s: 127.0.0.1" % name)
        code, body = s.get("/ready", timeout=5)
        assert code == 503 and '"message":"app b: ' in body, body
        assert s.get("/terminate", timeout=5)[0] == 200
        assert s.proc.wait(20) == 0
        assert not [x for x in s.lines if "berth-http" in x], s.lines
    finally:
        s.kill()


def test_as_many_apps_and_parameters_as_may_be(store):
    """The worker hears of all, more than may wait for anybody else."""
    params = "".join('parameter "p%d" environment "E%d"\n' % (i, i)
                     for i in range(32))
    port = lib.free_port()
    d = Daemon(store, 'store "%s"\nlisten on 127.0.0.1 port %d\n' % (
        store.dir, port) + "".join(
        'app "a%d" {\nimage "docker://127.0.0.1:1/x"\n%s}\n' % (i, params)
        for i in range(32)))
    try:
        lib.await_true("the worker", lambda: "app a31: " in http(
            port, "/ready", timeout=5)[1])
        assert http(port, "/terminate", timeout=5)[0] == 200
        assert d.proc.wait(20) == 0
        assert not [x for x in d.lines if "berth-http" in x], d.lines
    finally:
        d.kill()


def test_term_is_terminate(service):
    assert service.get("/start?key=k")[0] == 200
    assert service.stop() == 0


def test_stop_of_an_app_that_ignores_term(store, registry):
    s = Service(store, registry,
                script="trap '' TERM; while :; do sleep 0.05; done").ready()
    try:
        assert s.get("/start?key=k")[0] == 200
        s.one("sleep")                  # the trap stands
        begin = time.monotonic()
        assert s.get("/stop")[0] == 200
        assert 9 < time.monotonic() - begin
        assert s.app() == []
    finally:
        s.stop()


def test_terminate_ends_with_0_for_all_who_ask(service):
    assert service.get("/start?key=k")[0] == 200
    codes = []

    def ask():
        try:
            codes.append(service.get("/terminate")[0])
        except OSError:
            codes.append(None)          # it was gone already
    ts = [threading.Thread(target=ask) for _ in range(5)]
    for t in ts:
        t.start()
    for t in ts:
        t.join()
    assert service.proc.wait(20) == 0
    assert 200 in codes and set(codes) <= {200, None}


@pytest.mark.parametrize("head, status", [
    (b"GET /health HTTP/1.1\r\n\r\n", b"400"),           # no Host
    (b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"400"),
    (b"GET  /health HTTP/1.1\r\nHost: a\r\n\r\n", b"400"),
    (b"GET /health HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", b"400"),
    (b"GET /health HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", b"400"),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
    (b"GET /health HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 9000 + b"\r\n\r\n",
     b"431"),
    (b"POST /start HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
     b"Content-Length: 5\r\n\r\n", b"400")],
    ids=["no-host", "two-hosts", "blanks", "name-blank", "folded", "tls",
         "long", "smuggle"])
def test_strict_http(service, head, status):
    with socket.create_connection(("127.0.0.1", service.port)) as s:
        s.settimeout(15)
        s.sendall(head)
        got = s.recv(4096)
    assert got.split(b" ")[1:2] == [status], got
    assert service.alive()


def test_token(store, registry, tmp_path):
    token = "correct-horse-battery"
    (tmp_path / "token").write_text(token + "\n")
    os.chmod(tmp_path / "token", 0o600)
    s = Service(store, registry, more='token file "%s"' % (
        tmp_path / "token")).ready()
    try:
        good = {"Authorization": "Bearer " + token}
        assert s.get("/health")[0] == 200 and s.get("/ready")[0] == 200
        for path in ("/start?key=k", "/stop", "/terminate"):
            assert s.get(path)[0] == 401
            assert s.get(path, headers={
                "Authorization": "Bearer " + token[:-1]})[0] == 401
        assert s.get("/start?key=k", headers=good)[0] == 200
        assert s.get("/stop", headers=good)[0] == 200
        assert token not in "".join(s.lines)
    finally:
        s.stop()


# berthd.conf

def n(tmp_path, text, *options):
    p = tmp_path / "berthd.conf"
    p.write_text(text)
    return p, lib.command([lib.BERTHD, "-n", *options, "-f", p])


GOOD = """
# a comment
store "/var/lib/berth"
listen on 127.0.0.1 port 8080
insecure-options { image http }
app "transcriber" {
	image "docker://dolbyio/rtme:release-v0.1.1"
	environment "BINARY_LOCATION=/opt/rtme/"
	argument "-m" "none"
	parameter "id"    argument "-i"
	parameter "token" secret environment "CLIENT_TOKEN" required
	net host
}
"""


def test_configuration_is_checked(tmp_path):
    _, r = n(tmp_path, GOOD)
    assert r.returncode == 0, r


def test_configuration_printed_is_the_same_again(tmp_path):
    _, r = n(tmp_path, GOOD, "-n")
    assert r.returncode == 0 and "transcriber" in r.stdout, r
    _, again = n(tmp_path, r.stdout, "-n")
    assert again.stdout == r.stdout


@pytest.mark.parametrize("line, text", [
    (2, 'store "/s"\nnonsense\n'),
    (2, 'store "/s"\nlisten on 127.0.0.1 port 99999\n'),
    (1, 'store "relative"\n'),
    (3, 'store "/s"\napp "a" {\n\timage "http://x"\n}\n'),
    (2, 'store "/s"\nstore "/t"\n'),
    (5, 'app "a" {\nimage "docker://x"\n}\n\napp "a" {\nimage '
     '"docker://x"\n}\n'),
    (3, 'app "a" {\nimage "docker://x"\nparameter "p" secret argument "-p"'
     '\n}\n')])
def test_configuration_errors_name_file_and_line(tmp_path, line, text):
    p, r = n(tmp_path, text)
    assert r.returncode == 1, r
    assert "%s:%d: " % (p, line) in r.stderr, r.stderr


def test_open_listener_without_a_token_obeys_nobody(store):
    """The probes are open, the three stay shut."""
    port = lib.free_port()
    d = Daemon(store, 'store "%s"\nlisten on 0.0.0.0 port %d\n' % (
        store.dir, port))
    try:
        assert http(port, "/health")[0] == 200
        for path in ("/start", "/stop", "/terminate"):
            assert http(port, path)[0] in (401, 403)
    finally:
        d.stop()


def test_wrong_option_is_2():
    r = lib.command([lib.BERTHD, "-Z"])
    assert r.returncode == 2 and "usage: berthd" in r.stderr


def test_busy_port(store, registry):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        conf = store.dir + ".conf"
        with open(conf, "w") as f:
            f.write('store "%s"\nlisten on 127.0.0.1 port %d\n' % (
                store.dir, port))
        r = subprocess.run([lib.BERTHD, "-d", "-f", conf], timeout=20,
                           capture_output=True, text=True, check=False)
    assert r.returncode == 1 and "in use" in r.stderr, r
