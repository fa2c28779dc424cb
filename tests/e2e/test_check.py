# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""berth check: what this host can enforce, and what confines each living
process, held against what the design promises of it."""
import ctypes
import json
import os
import re
import signal
import socket
import stat
import subprocess
import threading

import pytest

import lib

BASE = 0x70000000                       # the container range, and
HTTP, FETCH, ENGINE, CONF = range(BASE + 65536, BASE + 65540)  # behind it
ALL = {"user", "mnt", "pid", "ipc", "uts", "net"}
BROKER_CAPS = "c2"                      # DAC_OVERRIDE SETGID SETUID
ENGINE_CAPS = "3"                       # CHOWN DAC_OVERRIDE, in its own
CAP_KILL = "20"
APP_CAPS = "4fb"                        # README's eight


def checked(store, *options):
    return json.loads(store.ok("check", "--format=json", *options).stdout)


def processes(store):
    """{program: [what the kernel says]} of the store's living processes."""
    found = {}
    for p in checked(store, "--processes"):
        found.setdefault(p["program"], []).append(p)
    return found


def targets(p):
    return {d["fd"]: d["target"] for d in p["descriptors"]}


# The host.

def test_host(store):
    rows = {r["name"]: r for r in checked(store)}
    assert len(rows) >= 25
    for r in rows.values():
        assert set(r) == {"name", "enforced", "required", "detail", "error",
                          "lack"}
        assert (r["error"] is None) == r["enforced"] == (r["lack"] is None)
    # these tests run containers here: nothing that is required is missing
    assert [n for n, r in rows.items()
            if r["required"] and not r["enforced"]] == []
    assert not os.path.exists(store.dir)        # it only looked


def test_host_table(store):
    r = store.ok("check")
    lines = r.stdout.splitlines()
    assert len(lines) == len(checked(store))
    for x in lines:
        assert re.fullmatch(r"(yes|missing|MISSING)  +[a-z].*\S", x), x
    assert r.stderr == ""


def landlock_abi():
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.syscall(444, None, ctypes.c_size_t(0), ctypes.c_uint(1))


def test_landlock_is_asked(store):
    row, = [r for r in checked(store) if r["name"] == "landlock"]
    abi = landlock_abi()
    assert row["enforced"] == (abi > 0)
    if abi > 0:
        assert "version %d " % abi in row["detail"]


def without(store, script, timeout=60):
    """berth check where the host has been weakened by script."""
    return lib.command(["unshare", "-m", "sh", "-ec", script + "; exec "
                        '"$@"', "sh", *store.argv(
                            "check", "--format=json")], timeout=timeout)


def lacking(r):
    assert r.returncode == 1, r
    assert r.stderr.startswith("berth: this host cannot run containers: ")
    return {x["name"]: x for x in json.loads(r.stdout)
            if not x["enforced"]}


def test_masked_proc_is_seen(store):
    """As in a pod: the kernel gives no new /proc when this one is masked."""
    rows = lacking(without(store, lib.mask_proc(
        "mount -t tmpfs none $proc/driver")))
    assert "new /proc" in rows, rows
    assert rows["new /proc"]["required"]
    assert rows["new /proc"]["error"] == "Operation not permitted"


def test_missing_cgroups_are_seen(store):
    r = without(store, "umount -lR /sys/fs/cgroup; "
                "mount -t tmpfs none /sys/fs/cgroup")
    # masking below /sys makes a new one too revealing as well: required
    rows = {x["name"]: x for x in json.loads(r.stdout)
            if not x["enforced"]}
    for name in ("memory limit", "cpu limit", "pids limit"):
        assert rows[name]["error"] == "No such file or directory"
        assert not rows[name]["required"]


def test_missing_privilege_is_seen(store):
    r = lib.command(["setpriv", "--bounding-set=-setuid", "--inh-caps=-all",
                     *store.argv("check", "--format=json")])
    rows = lacking(r)
    assert "privilege" in rows and "id range" in rows, rows


def test_a_store_without_marks_is_seen(store):
    """No file system of the kernel's own keeps user.* attributes."""
    r = lib.command(["sh", "-c", '"$@" 2>&1', "sh", lib.BERTH,
                     "--dir=/proc/nowhere/store", "check"])
    assert r.returncode == 1
    *_, row, sum_up = r.stdout.splitlines()     # in this order
    assert row.startswith("MISSING   store's file system: /proc: ")
    assert row.endswith("; no layer can be stored, which takes user.* "
                        "attributes")
    assert sum_up.startswith("berth: this host cannot run containers: ")


def test_a_store_on_an_overlay_is_seen(store):
    """As in a container without a volume: a fetch works, no run does."""
    os.mkdir(store.dir)
    r = lib.command(["unshare", "-m", "sh", "-ec", 'cd "$1"; shift; '
                     "mkdir lower upper work view; mount -t overlay -o "
                     "lowerdir=lower,upperdir=upper,workdir=work x view; "
                     '"$@"', "sh", store.dir, lib.BERTH,
                     "--dir=%s/view/store" % store.dir, "check",
                     "--format=json"])
    row = lacking(r)["store's file system"]
    assert row["required"] and row["detail"] == store.dir + "/view"
    assert row["error"] == "Invalid argument"
    assert row["lack"].startswith("an overlay, as most containers' root,")


# Its processes.

@pytest.fixture
def daemon(store):
    d = lib.Daemon(store, 'store "%s"\nlisten on 127.0.0.1 port %d\n' % (
        store.dir, lib.free_port()))
    yield d
    d.stop()


def test_no_process(store):
    os.mkdir(store.dir, 0o700)
    assert checked(store, "--processes") == []
    assert len(store.ok("check", "--processes").stdout.splitlines()) == 1


def test_no_store(store):
    r = store("check", "--processes")
    assert r.returncode == 1 and r.stderr.startswith("berth: store "), r


@pytest.mark.skipif(lib.SANITIZED, reason="a sanitizer's build has no filter")
def test_idle_daemon(daemon, store):
    p = lib.await_true("berth-http", lambda: (
        lambda now: [x for x in now.get("berth-http", [])
                     if x["seccomp_filters"] == 2] and now)(processes(store)))
    assert set(p) == {"berthd", "berth-engine", "berth-http"}
    b, e, h = (p[n][0] for n in ("berthd", "berth-engine", "berth-http"))
    assert b["pid"] == daemon.proc.pid and b["uid"] == 0
    assert b["cap_effective"] == b["cap_bounding"] == BROKER_CAPS
    assert (b["seccomp"], b["seccomp_filters"]) == ("filter", 1)
    assert b["no_new_privs"] and b["namespaces"] == []
    assert e["uid"] == ENGINE and set(e["namespaces"]) == ALL
    assert e["cap_effective"] == e["cap_bounding"] == ENGINE_CAPS
    assert e["seccomp"] == "filter" and e["no_new_privs"]
    # its root is the store, and it can make no process
    assert os.stat("/proc/%d/root" % e["pid"]).st_ino == os.stat(
        store.dir).st_ino
    assert limits(e["pid"])["Max processes"] == "0"
    assert tcp(b) == tcp(h) == 1 and tcp(e) == 0
    assert not [t for t in targets(e).values() if t.startswith("/") and
                t not in ("/null", "/dev/null", "/lock")], targets(e)
    assert h["uid"] == HTTP and set(h["namespaces"]) == ALL
    assert h["cap_effective"] == h["cap_bounding"] == "0"
    assert h["seccomp"] == "filter" and h["no_new_privs"]
    fds = targets(h)
    # standard ones, channel, event loop and its wake-up, listener: no file
    assert fds.pop(0) == fds.pop(1) == "/dev/null"
    fds.pop(2)
    assert sorted(t.split(":")[0] for t in fds.values()) == [
        "anon_inode", "pipe", "pipe", "socket", "socket"], fds
    # a command line that asks is told the same through the socket's name
    r = lib.command([lib.BERTH, "--connect=" + store.path("sock"), "check",
                     "--processes", "--format=json"])
    assert [x["pid"] for x in json.loads(r.stdout)] == [
        b["pid"], e["pid"], h["pid"]], r
    table = store.ok("check", "--processes").stdout.splitlines()
    assert len(table) == 4 and table[0].split()[:3] == [
        "PID", "PROGRAM", "UID"]


def tcp(p):
    """Sockets of the host's TCP that a process holds: the port."""
    with open("/proc/net/tcp", encoding="ascii") as f:
        inodes = {line.split()[9] for line in f}
    return sum(t[len("socket:["):-1] in inodes
               for t in targets(p).values() if t.startswith("socket:["))


def status(pid):
    with open("/proc/%d/status" % pid) as f:
        return dict(x.rstrip("\n").split(":\t", 1) for x in f if ":\t" in x)


def limits(pid):
    with open("/proc/%d/limits" % pid) as f:
        return {x[:26].strip(): x[26:].split()[0] for x in f}


@pytest.mark.skipif(lib.SANITIZED, reason="a sanitizer's build has no filter")
def test_container(shared):
    p = shared.popen(lib.INSECURE, "run", shared.id, "--", "sh", "-c",
                     "echo ready; exec sleep 1000")
    try:
        assert p.stdout.readline() == b"ready\n"
        found = lib.await_true("pid 1 and the app", lambda: (
            lambda now: [x for x in now.get("berth-init", [])
                         if x["seccomp_filters"] == 2] and
            "sleep" in now and now)(processes(shared)))
        init, app = found["berth-init"][0], found["sleep"][0]
        assert init["uid"] == app["uid"] == BASE
        assert init["cap_effective"] == init["cap_bounding"] == CAP_KILL
        assert app["cap_effective"] == app["cap_bounding"] == APP_CAPS
        for x in (init, app):
            assert ALL <= set(x["namespaces"])
            assert (x["seccomp"], x["seccomp_filters"]) == ("filter", 2)
            assert x["no_new_privs"]
        assert sorted(targets(app)) == [0, 1, 2]
        assert sorted(targets(init)) == [0, 1, 2, 3, 4, 6], targets(init)
        # the private broker is there too, as narrow as a daemon
        b, = [x for x in found["berthd"]]
        assert b["cap_effective"] == BROKER_CAPS
        assert limits(init["pid"])["Max processes"] == "0"
        assert limits(init["pid"])["Max core file size"] == "0"
    finally:
        p.send_signal(signal.SIGTERM)
        p.wait(20)
        p.stdout.close()
        p.stderr.close()


class Silent:
    """A registry that accepts and never answers."""

    def __init__(self):
        self.sock = socket.socket()
        self.sock.bind(("127.0.0.1", 0))
        self.sock.listen(8)
        self.held = []
        self.addr = "127.0.0.1:%d" % self.sock.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                self.held.append(self.sock.accept()[0])
            except OSError:
                return

    def close(self):
        # wakes a thread that waits in accept(2)
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        for s in self.held:
            s.close()


@pytest.mark.skipif(lib.SANITIZED, reason="a sanitizer's build has no filter")
def test_fetching(store):
    registry = Silent()
    p = store.popen(lib.INSECURE, "fetch",
                    "docker://%s/x" % registry.addr)
    try:
        lib.await_true("a connection", lambda: registry.held)
        f, = processes(store)["berth-fetch"]
        assert f["uid"] == FETCH
        # it has the host's network, and nothing else of the host
        assert set(f["namespaces"]) == ALL - {"net"}
        assert f["cap_effective"] == f["cap_bounding"] == "0"
        assert f["seccomp_filters"] == 2 and f["no_new_privs"]
        assert not [t for t in targets(f).values()
                    if t.startswith("/") and t != "/dev/null"]
        assert limits(f["pid"])["Max core file size"] == "0"
        # its root: the files that resolving and TLS need
        root = "/proc/%d/root" % f["pid"]
        files = {os.path.join(d, n)[len(root):] for d, _, names in
                 os.walk(root) for n in names}
        assert files <= {"/etc/" + n for n in (
            "nsswitch.conf", "resolv.conf", "hosts", "host.conf", "gai.conf",
            "ssl/certs/ca-certificates.crt", "ssl/cert.pem",
            "ssl/ca-bundle.pem", "pki/tls/certs/ca-bundle.crt")}, files
    finally:
        registry.close()
        p.kill()
        p.wait()
        p.stdout.close()
        p.stderr.close()


UNPACK_CAPS = "8000001b"        # CHOWN DAC_OVERRIDE FOWNER FSETID SETFCAP
UNPACK_JOBS = {                 # how slow blobs come, capabilities, more fds
    # the config does not come to its end
    "documents": ("1", "0", {"memfd"}),
    # that is over by now, and the layer is not
    "layer": ("2k", UNPACK_CAPS, {"stage", "blob", "pipe"})}


def kind(pid, fd, target):
    """What a descriptor of an unpacker is."""
    if target.startswith("/memfd:"):
        return "memfd"
    if target.startswith("/"):
        st = os.stat("/proc/%d/fd/%d" % (pid, fd))
        return "stage" if stat.S_ISDIR(st.st_mode) else "blob"
    return target.split(":")[0]


@pytest.mark.skipif(lib.SANITIZED, reason="a sanitizer's build has no filter")
@pytest.mark.parametrize("job", UNPACK_JOBS)
def test_unpacking(store, registry, tmp_path, job):
    rate, caps, more = UNPACK_JOBS[job]
    slow = lib.Nginx(str(tmp_path / "slow"), """
      server { listen 127.0.0.1:PORT;
        location ~ /blobs/ { proxy_pass http://%(r)s; limit_rate %(rate)s;
          proxy_set_header Host $http_host; }
        location / { proxy_pass http://%(r)s;
          proxy_set_header Host $http_host; } }
    """ % {"r": registry.addr, "rate": rate})
    os.mkdir(store.dir, 0o700)          # check asks for one that is there
    p = store.popen(lib.INSECURE, "fetch", slow.ref("busybox"))
    try:
        u = lib.await_true("an unpacker at this job", lambda: [
            x for x in processes(store).get("berth-unpack", [])
            if x["seccomp_filters"] == 2 and x["cap_effective"] == caps])[0]
        assert u["uid"] == BASE and set(u["namespaces"]) == ALL
        assert u["cap_effective"] == u["cap_bounding"] == caps
        assert u["seccomp"] == "filter" and u["no_new_privs"]
        fds = targets(u)
        assert fds.pop(0) == fds.pop(1) == "/dev/null"
        fds.pop(2)
        assert fds.pop(3).startswith("socket:"), fds
        assert {kind(u["pid"], *x) for x in fds.items()} == more, fds
        assert limits(u["pid"])["Max core file size"] == "0"
        assert limits(u["pid"])["Max open files"] == "1024"
        # of the host's files it has its stage, or an empty directory
        root = "/proc/%d/root" % u["pid"]
        assert os.path.samefile(root, "/proc/%d/fd/4" % u["pid"]) if \
            job == "layer" else os.listdir(root) == []
    finally:
        p.kill()
        p.wait()
        slow.stop()
        p.stdout.close()
        p.stderr.close()


@pytest.mark.skipif(lib.SANITIZED, reason="a sanitizer's build has no filter")
def test_configuring(store):
    """It waits for whoever reads what berthd -nn lets it print."""
    os.mkdir(store.dir, 0o700)
    conf = store.dir + ".conf"
    with open(conf, "w") as f:
        f.write('store "%s"\nlisten on 127.0.0.1 port 1\n' % store.dir)
    r, w = os.pipe()
    os.set_blocking(w, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(w, b"x" * 4096)
    os.set_blocking(w, True)
    # where its broker stands is how check finds it
    p = subprocess.Popen([lib.BERTHD, "-nn", "-f", conf], stdout=w,
                         stdin=subprocess.DEVNULL, cwd=store.dir)
    try:
        c = lib.await_true("berth-conf at its print", lambda: [
            x for x in processes(store).get("berth-conf", [])
            if os.readlink("/proc/self/fd/%d" % w) in targets(x).values()])[0]
        assert c["uid"] == CONF and set(c["namespaces"]) == ALL
        assert c["cap_effective"] == c["cap_bounding"] == "0"
        assert c["seccomp"] == "filter" and c["no_new_privs"]
        # no broker has confined itself yet whose filter it could inherit
        assert c["seccomp_filters"] == 1
        # its channel and what it prints to; the files that it read are closed
        fds = targets(c)
        assert fds.pop(0) == fds.pop(1) == "/dev/null"
        fds.pop(2)
        assert {t.split(":")[0] for t in fds.values()} == {
            "socket", "pipe"} and len(fds) == 2, fds
        assert limits(c["pid"])["Max processes"] == "0"
        assert limits(c["pid"])["Max open files"] == "16"
        assert os.listdir("/proc/%d/root" % c["pid"]) == []
    finally:
        os.close(w)
        with open(r, "rb") as f:
            text = f.read()
        assert p.wait(20) == 0
    assert text.lstrip(b"x").startswith(b"store ")


def test_nobody_else_looks_into_them(daemon, store):
    """Not dumpable: even a process of the same user is kept out."""
    p = lib.await_true("berth-http", lambda: processes(store).get(
        "berth-http"))[0]
    for pid in (p["pid"], daemon.proc.pid):
        for name in ("root/.", "fd/3", "environ", "maps", "mem"):
            r = lib.command(["setpriv", "--reuid=%d" % HTTP, "--clear-groups",
                             "head", "-c1", "/proc/%d/%s" % (pid, name)])
            assert "Permission denied" in r.stderr, r
    assert status(p["pid"])["CapInh"] == "0000000000000000"
