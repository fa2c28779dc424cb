# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""What the end-to-end tests share: running berth, servers, the inventory."""
import contextlib
import hashlib
import json
import os
import random
import signal
import socket
import struct
import subprocess
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
OUT = os.environ.get("BERTH_OUT") or os.path.join(TOP, "out")
# Built with ASan: no seccomp filter, no limit on address space.
SANITIZED = bool(os.environ.get("BERTH_SANITIZE"))
BERTH = os.path.join(OUT, "berth")
BERTHD = os.path.join(OUT, "berthd")
INSECURE = "--insecure-options=image,http"
WARNING = "berth: warning: image signature verification has been disabled"
HTTP_WARNING = "berth: warning: plain HTTP to the registry has been allowed"
ID = r"sha512-[0-9a-f]{32}"

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def await_true(what, test, seconds=30):
    """Polls test() until it returns something true; that is returned.  How
    long matters to a test that fails, and to a slow machine."""
    end = time.monotonic() + seconds
    while True:
        got = test()
        if got:
            return got
        assert time.monotonic() < end, "waited %d s for %s" % (seconds, what)
        time.sleep(0.02)


def free_port():
    """A port that nobody listens on and that the kernel gives to no client:
    one of those could have it before the server comes."""
    while True:
        with socket.socket() as s:
            port = random.randrange(10000, 32768)
            with contextlib.suppress(OSError):
                s.bind(("127.0.0.1", port))
                return port


def listening(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def command(argv, timeout=180, **k):
    """Runs to the end; text decoded byte for byte; never hangs."""
    k.setdefault("stdin", subprocess.DEVNULL)
    if "input" in k:
        del k["stdin"]
    if k.pop("binary", False) is False:
        k.update(encoding="utf-8", errors="surrogateescape")
    return subprocess.run([str(a) for a in argv], timeout=timeout,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, **k)


class Store:
    """A store directory and the command line on it."""

    def __init__(self, path):
        self.dir = str(path)

    def argv(self, *args):
        return [BERTH, "--dir=" + self.dir, *args]

    def __call__(self, *args, **k):
        return command(self.argv(*args), **k)

    def ok(self, *args, **k):
        r = self(*args, **k)
        assert r.returncode == 0, "%s: %d: %s" % (
            " ".join(args), r.returncode, r.stderr)
        return r

    def fetch(self, ref, *options):
        """Fetches and returns the ID."""
        r = self.ok(INSECURE, "fetch", *options, ref)
        return r.stdout.strip()

    def run(self, *args, **k):
        return self(INSECURE, "run", *args, **k)

    def popen(self, *args, **k):
        k.setdefault("stdin", subprocess.DEVNULL)
        k.setdefault("stdout", subprocess.PIPE)
        k.setdefault("stderr", subprocess.PIPE)
        return subprocess.Popen(self.argv(*args), **k)

    def give(self, *names):
        """What the test has made is the engine's, as all of the store."""
        st = os.stat(self.dir)
        for n in names:
            os.lchown(self.path(n), st.st_uid, st.st_gid)

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def ls(self, *names):
        try:
            return sorted(os.listdir(self.path(*names)))
        except FileNotFoundError:
            return []

    def images(self):
        return self.ls("images")

    def layers(self):
        return self.ls("layers")

    def leftovers(self):
        """What a command must not leave: everything half-made."""
        return [os.path.join(d, n) for d in ("tmp", "trash", "pods")
                for n in self.ls(d)]

    def audit_text(self):
        log = self.path("audit", "log")
        if not os.path.isfile(log):     # a fifo would keep us for ever
            return ""
        with open(log, encoding="utf-8") as f:
            return f.read()

    def audit(self):
        """The audit record's lines, parsed."""
        return [json.loads(line) for line in self.audit_text().splitlines()]


def failed(r, status, *words):
    """One line "berth: …" on stderr, with all words, and this status."""
    assert r.returncode == status, r
    lines = [x for x in r.stderr.splitlines()
             if x.startswith("berth: ") and not x.startswith(
                 ("berth: warning: ", "berth: fetching image from "))]
    rest = [x for x in r.stderr.splitlines() if not x.startswith(
        ("berth: ", "Downloading layer: "))]
    assert len(lines) == 1 and rest == [], r.stderr
    for w in words:
        assert w in lines[0], (w, r.stderr)
    return lines[0]


# Processes of the tests.  conftest.py makes pytest a subreaper, so that
# everything a command left behind is a child of ours and can be seen, and
# what others run on the machine cannot.

def proc_table():
    table = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % pid, "rb") as f:
                stat = f.read()
        except OSError:
            continue
        name, rest = stat[stat.index(b"(") + 1:].rsplit(b") ", 1)
        state, ppid = rest.split()[:2]
        table[int(pid)] = (int(ppid), state.decode(),
                           name.decode(errors="replace"))
    return table


def descendants(root=None):
    """Living processes below root (ours): {pid: name}."""
    table = proc_table()
    kids = {}
    for pid, (ppid, _, _) in table.items():
        kids.setdefault(ppid, []).append(pid)
    found, todo = {}, [root or os.getpid()]
    while todo:
        for pid in kids.get(todo.pop(), []):
            todo.append(pid)
            if table[pid][1] not in "ZX":
                found[pid] = table[pid][2]
    return found


def berths():
    """Those of descendants() that are berth's: a registry may stand by."""
    return {p: n for p, n in descendants().items() if n.startswith("berth")}


def reap():
    """Whatever has ended and came to us: a private berthd of each command.
    None may be a Popen that somebody asks for its status still.  Some ten
    thousand of them make each look at /proc slow."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass


def kill(pids, signo=signal.SIGKILL):
    """Whoever of them has gone meanwhile is none to complain about."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signo)


def arguments(pid):
    """Of a process, as bytes; none when it is gone."""
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as f:
            return f.read().split(b"\0")[:-1]
    except OSError:
        return []


def taken(pid, signo):
    """Waits until pid has no signo to take any more."""
    def look():
        with open("/proc/%d/status" % pid, encoding="ascii") as f:
            text = f.read()
        return not any(int(text.split(k + ":")[1].split()[0], 16) >>
                       (signo - 1) & 1 for k in ("ShdPnd", "SigPnd"))
    await_true("%d takes signal %d" % (pid, signo), look)


def cgroups():
    found = set()
    for top, dirs, _ in os.walk("/sys/fs/cgroup"):
        found.update(os.path.join(top, d) for d in dirs if "berth" in top
                     or "berth" in d)
    return found


def mounts():
    """Those of berth, but neither the scratch space of another run of these
    tests beside us nor what podman has mounted."""
    with open("/proc/self/mountinfo", encoding="utf-8",
              errors="replace") as f:
        return {x for x in f if (" - overlay " in x or (
            "berth" in x and " berth-test " not in x)) and not any(
                p in x for p in ("/podman/storage/", "/var/lib/containers"))}


def mask_proc(script):
    """A shell's words: script for each /proc that is mounted, as $proc.  In
    a chroot there are several, and one that is whole is enough to the
    kernel."""
    return (r"sed -n 's/^[^ ]* [^ ]* [^ ]* \/ \([^ ]*\) .* - proc .*/\1/p' "
            "/proc/self/mountinfo | while read -r proc; do %s; done" % script)


def inventory():
    return {"mounts": mounts(), "cgroups": cgroups(),
            "processes": {"%d %s" % p for p in descendants().items()}}


def app_pid(cli, name):
    """The pid on this host of process name below the Popen cli: of several
    the one above the others, as each fork is called so before its exec."""
    def look():
        table = proc_table()
        found = [p for p, n in descendants(cli.pid).items() if n == name]
        return [p for p in found if table.get(p, (0,))[0] not in found]
    return await_true("process " + name, look)[0]


def high_water(pid):
    """The most memory pid ever had resident, in KiB; 0 when it is gone."""
    try:
        with open("/proc/%d/status" % pid, encoding="ascii") as f:
            return int(f.read().split("VmHWM:")[1].split()[0])
    except (OSError, IndexError):
        return 0


def reader(stream):
    """Collects a pipe's lines in a thread; returns (list, wait_for)."""
    import threading
    lines = []

    def pump():
        for line in iter(stream.readline, b""):
            lines.append(line.decode(errors="surrogateescape"))
    t = threading.Thread(target=pump, daemon=True)
    t.start()

    def wait_for(text, seconds=20):
        return await_true("%r in %r" % (text, lines), lambda: [
            x for x in lines if text in x], seconds)[0]
    return lines, wait_for


class Server:
    """A program in the background; stop() by pid."""

    def __init__(self, argv, port, log):
        self.port = port
        self.log = str(log)
        with open(self.log, "ab") as f:
            self.proc = subprocess.Popen(
                [str(a) for a in argv], stdout=f, stderr=f,
                stdin=subprocess.DEVNULL, start_new_session=True)
        await_true("port %d of %s" % (port, argv[0]), self.up)

    def up(self):
        if self.proc.poll() is not None:
            with open(self.log, encoding="utf-8", errors="replace") as f:
                raise AssertionError("ended: " + f.read()[-2000:])
        return listening(self.port)

    def stop(self):
        if self.proc.poll() is None:
            self.proc.terminate()
            try:
                self.proc.wait(10)
            except subprocess.TimeoutExpired:
                self.proc.kill()
                self.proc.wait()


REGISTRY_YML = """
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: %s}, delete: {enabled: true}}
http: {addr: "127.0.0.1:%d"}
compatibility: {schema1: {enabled: true}}
%s
"""


class Registry(Server):
    """Debian's docker-registry on a free loopback port."""

    def __init__(self, top, name, more=""):
        self.root = os.path.join(top, name)
        os.makedirs(self.root)
        port = free_port()
        yml = os.path.join(top, name + ".yml")
        with open(yml, "w") as f:
            f.write(REGISTRY_YML % (self.root, port, more))
        super().__init__(["docker-registry", "serve", yml], port,
                         os.path.join(top, name + ".log"))
        self.addr = "127.0.0.1:%d" % port

    def ref(self, name):
        return "docker://%s/%s" % (self.addr, name)

    def push(self, layout, name, *options):
        """By skopeo, byte for byte unless options say otherwise."""
        tag = name if ":" in name else name + ":latest"
        r = command(["skopeo", "copy", "-q", "--all",
                     "--dest-tls-verify=false",
                     *(options or ["--preserve-digests"]),
                     "oci:%s:latest" % layout.path,
                     "docker://%s/%s" % (self.addr, tag)])
        assert r.returncode == 0, r.stderr
        return self.ref(name)

    def request(self, method, path, data=None, media=None):
        req = urllib.request.Request(
            path if path.startswith("http") else
            "http://%s/v2/%s" % (self.addr, path), data=data, method=method)
        if media:
            req.add_header("Content-Type", media)
            req.add_header("Accept", media)
        with urllib.request.urlopen(req, timeout=20) as r:
            return r.headers, r.read()

    def put_blob(self, name, data, digest):
        head, _ = self.request("POST", name + "/blobs/uploads/", b"")
        url = head["Location"]
        self.request("PUT", url + ("&" if "?" in url else "?") +
                     "digest=" + digest, data, "application/octet-stream")

    def put_manifest(self, name, tag, data, media=MANIFEST):
        self.request("PUT", "%s/manifests/%s" % (name, tag), data, media)
        return self.ref("%s:%s" % (name, tag))

    def manifest(self, name, tag="latest"):
        return json.loads(self.request(
            "GET", "%s/manifests/%s" % (name, tag), media=MANIFEST)[1])

    def blob_file(self, digest):
        """Where the registry itself keeps a blob: to damage it."""
        h = digest[7:]
        return os.path.join(self.root, "docker/registry/v2/blobs/sha256",
                            h[:2], h, "data")

    @contextlib.contextmanager
    def damaged(self, digest, change):
        """The blob's bytes are change(bytes) for a while; gives their
        digest."""
        p = self.blob_file(digest)
        with open(p, "rb") as f:
            old = f.read()
        new = change(old)
        with open(p, "wb") as f:
            f.write(new)
        try:
            yield "sha256:" + hashlib.sha256(new).hexdigest()
        finally:
            with open(p, "wb") as f:
                f.write(old)


NGINX_CONF = """
daemon off; worker_processes 1; user root;
pid %(top)s/nginx.pid; error_log %(top)s/nginx.err;
events { worker_connections 1024; }
http {
  access_log %(top)s/access.log; default_type text/html;
  client_body_temp_path %(top)s/n1; proxy_temp_path %(top)s/n2;
  fastcgi_temp_path %(top)s/n3; uwsgi_temp_path %(top)s/n4;
  scgi_temp_path %(top)s/n5; proxy_max_temp_file_size 0;
  log_format auth '$request_uri auth=[$http_authorization]';
  %(body)s
}
"""


class Nginx(Server):
    """nginx with the given http{} body; PORT in it is the first port."""

    def __init__(self, top, body, port=None):
        os.makedirs(top, exist_ok=True)
        self.top = str(top)
        port = port or free_port()
        conf = os.path.join(top, "nginx.conf")
        with open(conf, "w") as f:
            f.write(NGINX_CONF % {"top": top,
                                  "body": body.replace("PORT", str(port))})
        self.addr = "127.0.0.1:%d" % port
        super().__init__(["nginx", "-p", top, "-c", conf], port,
                         os.path.join(top, "nginx.log"))

    def ref(self, name):
        return "docker://%s/%s" % (self.addr, name)


def daemon_on(store):
    """The process that listens in a store; 0 as long as there is none."""
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with s:
        if s.connect_ex(store.path("sock")) != 0:
            return 0
        return struct.unpack("iII", s.getsockopt(
            socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]


class Daemon:
    """berthd -d on a configuration; its stderr is kept in .lines."""

    def __init__(self, store, conf, *options, berthd=BERTHD):
        self.store = store
        self.conf = store.dir + ".conf"
        with open(self.conf, "w") as f:
            f.write(conf)
        self.proc = subprocess.Popen(
            [berthd, "-d", "-f", self.conf, *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, start_new_session=True)
        self.lines, self.wait_for = reader(self.proc.stderr)
        try:
            await_true("the daemon's socket", self.up)
        except BaseException:
            self.kill()
            raise

    def up(self):
        assert self.proc.poll() is None, self.lines
        return daemon_on(self.store) == self.proc.pid   # no dead one

    def alive(self):
        return self.proc.poll() is None

    def stop(self, seconds=20):
        if self.alive():
            self.proc.send_signal(signal.SIGTERM)
        return self.proc.wait(seconds)

    def kill(self):
        if self.alive():
            self.proc.kill()
        self.proc.wait()


def http(port, path, method="GET", headers=None, timeout=30):
    """(status, body) of one request to loopback."""
    req = urllib.request.Request("http://127.0.0.1:%d%s" % (port, path),
                                 method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(req, timeout=timeout) as r:
            return r.status, r.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()
