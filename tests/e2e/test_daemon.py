# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""berthd with a socket: used by the command line, killed from all sides."""
import grp
import os
import signal
import socket
import subprocess
import threading
import time

import pytest

import lib
from lib import INSECURE, Daemon


@pytest.fixture
def daemon(store):
    d = Daemon(store, 'store "%s"\nlisten on 127.0.0.1 port %d\n' % (
        store.dir, lib.free_port()))
    yield d
    d.kill() if not d.alive() else d.stop()


def children(pid, name):
    return [p for p, n in lib.descendants(pid).items() if n == name]


def locks(pid, path):
    """Does pid hold a lock on path?  Trying would be in its way."""
    with open("/proc/locks", encoding="ascii") as f:
        return any(x.split()[4] == str(pid) and x.split()[5].endswith(
            ":%d" % os.stat(path).st_ino) for x in f if "->" not in x)


def test_command_line_uses_it(daemon, store, registry):
    id_ = store.fetch(registry.ref("busybox"))
    p = store.popen("run", id_, "--", "sh", "-c", "echo up; exec sleep 100")
    assert p.stdout.readline() == b"up\n"
    lib.await_true("the app below the daemon", lambda: children(
        daemon.proc.pid, "sleep"))
    assert not children(p.pid, "berthd"), "a private broker as well"
    p.terminate()
    assert p.wait(15) == 143
    assert daemon.alive()


def test_connect(daemon, store):
    r = lib.command([lib.BERTH, "--connect=" + store.path("sock"), "image",
                     "list", "--format=json"])
    assert (r.returncode, r.stdout) == (0, "[]\n"), r


def test_socket_is_private_and_goes(daemon, store):
    st = os.stat(store.path("sock"))
    assert st.st_mode & 0o777 == 0o600
    assert daemon.stop() == 0
    assert not os.path.exists(store.path("sock"))


def test_stop_as_soon_as_it_listens(store):
    conf = store.dir + ".conf"
    with open(conf, "w", encoding="utf-8") as f:
        f.write('store "%s"\nlisten on 127.0.0.1 port %d\n' % (
            store.dir, lib.free_port()))
    for _ in range(30):
        p = subprocess.Popen([lib.BERTHD, "-d", "-f", conf],
                             stdin=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        while not lib.daemon_on(store):
            assert p.poll() is None
        p.terminate()
        assert p.wait(20) == 0
        assert not os.path.exists(store.path("sock"))


def test_second_daemon_is_refused(daemon, store):
    r = lib.command([lib.BERTHD, "-d", "-f", daemon.conf])
    assert r.returncode == 1, r
    assert r.stderr == ("berthd: store %s: another berthd serves it\n" %
                        store.dir), r
    assert daemon.alive()


def test_stale_socket_is_replaced(daemon, store):
    lib.await_true("the HTTP worker", lambda: children(
        daemon.proc.pid, "berth-http"))
    daemon.kill()
    assert os.path.exists(store.path("sock"))
    assert store("image", "list").returncode == 0       # a private one
    d = Daemon(store, open(daemon.conf).read())
    assert store("image", "list").returncode == 0
    assert d.stop() == 0


def test_a_port_that_a_dying_worker_holds(daemon, store):
    """It follows its broker a moment later; only a socket left behind says
    that there was one."""
    port = int(open(daemon.conf).read().split()[-1])
    lib.await_true("the HTTP worker", lambda: children(
        daemon.proc.pid, "berth-http"))
    daemon.kill()
    lib.await_true("no worker", lambda: not lib.berths())
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", port))
        s.listen()
        p = subprocess.Popen([lib.BERTHD, "-d", "-f", daemon.conf],
                             stdin=subprocess.DEVNULL,
                             stderr=subprocess.PIPE)
        # it has claimed the store, and listens for nobody yet
        lib.await_true("its claim", lambda: p.poll() is not None or
                       locks(p.pid, store.path("daemon")))
        assert p.poll() is None, p.stderr.read()
        assert lib.daemon_on(store) == 0
    with p.stderr:
        try:
            lib.await_true("a daemon", lambda: p.poll() is not None or
                           lib.daemon_on(store))
            assert lib.http(port, "/health")[0] == 200
        finally:
            p.terminate()
            assert p.wait(20) == 0, p.stderr.read()


def test_it_may_open_as_many_files_as_root_lets_it(store):
    """A thousand pods have more than the usual 1024."""
    conf = store.dir + ".conf"
    with open(conf, "w", encoding="utf-8") as f:
        f.write('store "%s"\nlisten on 127.0.0.1 port %d\n' % (
            store.dir, lib.free_port()))
    p = subprocess.Popen(["prlimit", "--nofile=100:4000", lib.BERTHD, "-d",
                          "-f", conf], stdin=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
    try:
        lib.await_true("a daemon", lambda: lib.daemon_on(store))
        with open("/proc/%d/limits" % p.pid, encoding="ascii") as f:
            limit, = [x.split()[3:5] for x in f if "open files" in x]
        assert limit == ["4000", "4000"]
    finally:
        p.terminate()
        assert p.wait(20) == 0


def test_signals_that_its_parent_blocked(store):
    """Some supervisors block what they wait for, and start us like that."""
    def block():
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    conf = store.dir + ".conf"
    with open(conf, "w", encoding="utf-8") as f:
        f.write('store "%s"\nlisten on 127.0.0.1 port %d\n' % (
            store.dir, lib.free_port()))
    p = subprocess.Popen([lib.BERTHD, "-d", "-f", conf], preexec_fn=block,
                         stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        lib.await_true("a daemon", lambda: lib.daemon_on(store))
        lib.await_true("the HTTP worker", lambda: children(p.pid,
                                                           "berth-http"))
        for pid in [p.pid, *lib.descendants(p.pid)]:
            with open("/proc/%d/status" % pid, encoding="ascii") as f:
                blocked, = [x.split()[1] for x in f if "SigBlk" in x]
            assert int(blocked, 16) == 0
        p.terminate()
        assert p.wait(20) == 0
    finally:
        p.kill()
        p.wait()


def test_idle_it_is_three_processes(daemon):
    lib.await_true("the HTTP worker", lambda: sorted(lib.descendants(
        daemon.proc.pid).values()) == ["berth-engine", "berth-http"])


def test_pods_survive_the_command_line_only_by_their_daemon(
        daemon, store, registry):
    """Foreground means foreground: killed by -9, the app goes too."""
    id_ = store.fetch(registry.ref("busybox"))
    p = store.popen("run", id_, "--", "sh", "-c", "echo up; exec sleep 100")
    p.stdout.readline()
    p.kill()
    p.communicate()
    lib.await_true("the app's end", lambda: not children(
        daemon.proc.pid, "sleep"))
    assert daemon.alive()


@pytest.fixture
def slow(registry, tmp_path):
    n = lib.Nginx(str(tmp_path / "slow"), """
      server { listen 127.0.0.1:PORT;
        location ~ /blobs/ { proxy_pass http://%(r)s; limit_rate 1500k;
          proxy_set_header Host $http_host; }
        location / { proxy_pass http://%(r)s;
          proxy_set_header Host $http_host; } }
    """ % {"r": registry.addr})
    yield n
    n.stop()


def kill_one(daemon, name, delay):
    """-9 for the first process of that name, delay seconds after it came;
    None when it was gone by then."""
    pid = lib.await_true(name, lambda: children(daemon.proc.pid, name))[0]
    time.sleep(delay)
    try:
        os.kill(pid, signal.SIGKILL)
        return pid
    except ProcessLookupError:
        return None


@pytest.mark.parametrize("name", ["berth-fetch", "berth-unpack"])
@pytest.mark.parametrize("delay", [0, 0.01, 0.3, 1])
def test_killed_helper_fails_its_job_only(daemon, store, registry, slow,
                                          name, delay):
    id_ = store.fetch(registry.ref("busybox"))
    app = store.popen("run", id_, "--", "cat", stdin=subprocess.PIPE)
    lib.await_true("the first fetch's end",
                   lambda: not children(daemon.proc.pid, name))
    p = store.popen(INSECURE, "fetch", slow.ref("redis"))
    killed = kill_one(daemon, name, delay)
    out, err = p.communicate(timeout=60)
    r = subprocess.CompletedProcess(p.args, p.returncode, out.decode(),
                                    err.decode())
    if killed is not None and not (name == "berth-unpack" and
                                   r.returncode == 0):
        line = lib.failed(r, 1)
        assert "redis" in line or "layer" in line, line
        assert len(store.images()) == 1
    lib.await_true("tidy", lambda: not store.ls("tmp"))
    assert daemon.alive()
    app.stdin.write(b"still here\n")    # the running app went on
    app.stdin.close()
    assert app.stdout.read() == b"still here\n"
    assert app.wait(15) == 0
    store.fetch(registry.ref("redis"))  # and so does the daemon


def test_killed_command_line_ends_its_fetch(daemon, store, slow):
    p = store.popen(INSECURE, "fetch", slow.ref("redis"))
    lib.await_true("the fetch worker", lambda: children(
        daemon.proc.pid, "berth-fetch"))
    p.kill()
    p.communicate()
    lib.await_true("the worker's end", lambda: not children(
        daemon.proc.pid, "berth-fetch"))
    lib.await_true("tidy", lambda: not store.ls("tmp"))
    assert store.images() == [] and daemon.alive()


def test_killed_http_worker_comes_back(daemon):
    port = int(open(daemon.conf).read().split()[-1])
    assert lib.http(port, "/health")[0] == 200
    os.kill(children(daemon.proc.pid, "berth-http")[0], signal.SIGKILL)

    def back():
        try:
            return lib.http(port, "/health")[0] == 200
        except OSError:
            return False
    lib.await_true("the HTTP worker", back)
    assert daemon.alive()


@pytest.mark.parametrize("data", [
    b"", b"x", b"GET / HTTP/1.1\r\n\r\n", b"\0" * 20, b"\xff" * 4096,
    b"\xff" * 65000], ids=["empty", "one", "http", "zeros", "4k", "64k"])
def test_nonsense_on_the_socket(daemon, store, data):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.settimeout(10)
    with s:
        s.connect(store.path("sock"))
        s.send(data)
        assert s.recv(10) == b""        # closed, without an answer
    assert daemon.alive()
    assert store("image", "list").returncode == 0


def test_a_silent_client_stops_nobody(daemon, store, registry):
    quiet = [socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
             for _ in range(20)]
    try:
        for s in quiet:
            s.connect(store.path("sock"))
        store.fetch(registry.ref("busybox"))
    finally:
        for s in quiet:
            s.close()


def test_parallel_commands(daemon, store, registry):
    id_ = store.fetch(registry.ref("busybox"))
    ps = [store.popen("run", id_, "--", "sh", "-c", "sleep 0.2; exit %d" % i)
          for i in range(12)]
    ps += [store.popen(INSECURE, "fetch", registry.ref("redis"))
           for _ in range(4)]
    codes = [p.wait(60) for p in ps]
    assert codes == list(range(12)) + [0] * 4
    for p in ps:
        p.communicate()


def test_term_stops_what_runs(daemon, store, registry):
    id_ = store.fetch(registry.ref("busybox"))
    p = store.popen("run", id_, "--", "sh", "-c",
                    "trap 'exit 5' TERM; echo up; "
                    "while :; do sleep 0.05; done")
    p.stdout.readline()
    assert daemon.stop() == 0
    assert p.wait(15) in (5, 125, 143)
    p.communicate()


@pytest.mark.long
def test_killed_daemon_at_every_moment(store, slow, registry):
    """-9 at twenty moments of a fetch: the next start sees whole images or
    none, and the leftovers go."""
    conf = 'store "%s"\nlisten on 127.0.0.1 port %d\n' % (
        store.dir, lib.free_port())
    for i in range(20):
        d = Daemon(store, conf)
        p = store.popen(INSECURE, "fetch", registry.ref("redis"))
        threading.Timer(0.02 * i, d.kill).start()
        p.communicate(timeout=60)
        lib.await_true("death of all", lambda: not d.alive() and not [
            n for n in lib.descendants().values() if n.startswith("berth")])
        d = Daemon(store, conf)
        for id_ in store.images():
            store.ok("image", "verify", id_)
            store.ok("image", "rm", id_)
        store.ok("image", "gc")
        lib.await_true("tidy", lambda: not store.leftovers())
        assert store.layers() == []
        assert d.stop() == 0


def roots(store):
    """What is root's, by name."""
    return {n for d, dirs, names in os.walk(store.dir) for n in dirs + names
            if os.lstat(os.path.join(d, n)).st_uid == 0}


def test_store_of_an_older_berth(store, registry):
    """It was root's; what is the containers' stays theirs."""
    id_ = store.fetch(registry.ref("busybox"))
    lib.await_true("no process of berth", lambda: not lib.berths())
    engine = os.stat(store.dir).st_uid
    assert roots(store) <= {"daemon", "ids"}
    subprocess.run(["chown", "-R", "--from=%d" % engine, "-h", "0:0",
                    store.dir], check=True)
    assert {"images", "lock", "manifest", "refs"} <= roots(store)
    store.ok("run", id_, "--exec=/bin/true")
    lib.await_true("no process of berth", lambda: not lib.berths())
    assert os.stat(store.dir).st_uid == engine
    # a layer is the containers', and how large it is anybody may read
    assert roots(store) <= {"size"}
    store.ok("image", "verify", id_)
    assert store.ok("image", "rm", id_).stdout.strip() == id_


def test_store_cut_short_while_it_changed_hands(store, registry):
    """The directory itself goes last."""
    id_ = store.fetch(registry.ref("busybox"))
    lib.await_true("no process of berth", lambda: not lib.berths())
    os.chown(store.dir, 0, 0)
    os.chown(store.path("refs"), 0, 0)
    store.ok("run", id_, "--exec=/bin/true")
    assert os.stat(store.path("refs")).st_uid == os.stat(store.dir).st_uid


def test_control_group_reaches_the_socket(store):
    group = next(g for g in grp.getgrall() if g.gr_gid not in (0, 65534))
    d = Daemon(store, 'store "%s"\nlisten on 127.0.0.1 port %d\n'
               'control group "%s"\n' % (store.dir, lib.free_port(),
                                         group.gr_name))
    try:
        asked = [lib.BERTH, "--connect=" + store.path("sock"), "image",
                 "list", "--format=json"]
        r = lib.command(["setpriv", "--reuid=65534", "--clear-groups",
                         "--regid=%d" % group.gr_gid, *asked])
        assert (r.returncode, r.stdout) == (0, "[]\n"), r
        r = lib.command(["setpriv", "--reuid=65534", "--clear-groups",
                         "--regid=65534", *asked])
        assert r.returncode == 1 and "Permission denied" in r.stderr, r
        # to the socket, and no further
        r = lib.command(["setpriv", "--reuid=65534", "--clear-groups",
                         "--regid=%d" % group.gr_gid, "ls", store.dir])
        assert r.returncode != 0
    finally:
        d.stop()
    store.ok("image", "list")           # of a broker that knows no group
    assert os.stat(store.dir).st_mode & 0o777 == 0o710


def test_directory_that_is_no_store(scratch, tmp_path):
    """All in it would change hands: an empty one is taken, and a store."""
    s = lib.Store(tmp_path)
    (tmp_path / "precious").write_text("x")
    os.chmod(tmp_path, 0o700)
    r = s("image", "list")
    assert r.returncode == 1 and r.stderr == (
        "berth: store %s: is not empty, and no store\n" % s.dir), r
    assert os.listdir(tmp_path) == ["precious"]
    assert {os.stat(tmp_path).st_uid,
            os.stat(tmp_path / "precious").st_uid} == {0}
    os.unlink(tmp_path / "precious")
    os.mkdir(tmp_path / "lost+found")
    s.ok("image", "list")


def test_many_at_once_while_the_engine_is_busy(daemon, store):
    """More than its socket holds: they wait, and nobody is thrown out."""
    store.ok("image", "list")           # it has come up
    engine, = children(daemon.proc.pid, "berth-engine")
    os.kill(engine, signal.SIGSTOP)
    all_ = []
    try:
        for _ in range(1000):
            s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            s.settimeout(5)             # it never blocks: full is EAGAIN
            all_.append(s)
            for _ in range(50):         # the broker may not have had its turn
                if s.connect_ex(store.path("sock")) == 0:
                    break
                time.sleep(0.02)
            else:
                break                   # even the socket's queue is full
    finally:
        os.kill(engine, signal.SIGCONT)
        for s in all_:
            s.close()
    assert len(all_) > 100
    store.ok("image", "list")
    assert daemon.alive()


@pytest.mark.parametrize("options", [(), ("-d",)])
def test_descriptors_of_the_caller(store, options):
    """None is kept: whoever reads a pipe would wait for its end for ever."""
    conf = store.dir + ".conf"
    with open(conf, "w", encoding="ascii") as f:
        f.write('store "%s"\nlisten on 127.0.0.1 port %d\n' % (
            store.dir, lib.free_port()))
    r, w = os.pipe()
    p = subprocess.Popen([lib.BERTHD, *options, "-f", conf], pass_fds=[w],
                         stderr=subprocess.DEVNULL)
    os.close(w)
    with open(r, "rb") as f:
        assert f.read() == b""          # the daemon goes on
    pid = lib.await_true("the daemon", lambda: lib.daemon_on(store))
    os.kill(pid, signal.SIGTERM)
    p.wait()
