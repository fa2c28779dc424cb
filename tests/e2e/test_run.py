# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""berth run: what the app gets, how it ends, what it may not."""
import http.server
import os
import signal
import socket
import threading
import time

import pytest

import images
import lib
from lib import HTTP_WARNING, INSECURE, WARNING


@pytest.fixture
def sh(shared):
    """Runs a shell script inside: sh(script, *options)."""
    def run(script, *options, **k):
        return shared("run", *options, shared.id, "--", "sh", "-c", script,
                      **k)
    return run


def out(r):
    assert r.returncode == 0, r
    return r.stdout


# How it ends.

@pytest.mark.parametrize("script, status", [
    ("exit 0", 0), ("exit 7", 7), ("exit 255", 255), ("kill -9 $$", 137),
    ("kill -TERM $$", 143), ("kill -SEGV $$", 139), ("nonesuch", 127)])
def test_exit_status(sh, script, status):
    assert sh(script).returncode == status


def test_output_is_the_apps_alone(sh):
    r = sh("echo out; echo err >&2")
    assert (r.stdout, r.stderr) == ("out\n", "err\n")


def test_run_by_reference(store, registry):
    ref = registry.ref("busybox")
    r = store.run(ref, "--", "echo", "hello  world", "*")
    assert out(r) == "hello  world *\n"
    lines = r.stderr.splitlines()
    assert lines[:3] == ["berth: fetching image from " + ref, WARNING,
                         HTTP_WARNING]
    assert len(lines) == 4 and lines[3].startswith("Downloading layer: ")
    again = store.run(ref, "--", "echo", "2")
    assert out(again) == "2\n"
    assert "Downloading" not in again.stderr


def test_run_by_id_needs_no_option(shared):
    r = shared("run", shared.id, "--", "true")
    assert (r.returncode, r.stdout, r.stderr) == (0, "", "")
    assert shared("run", shared.id[:12], "--", "true").returncode == 0


def test_run_by_reference_without_the_option(store, registry):
    r = store("run", registry.ref("busybox"))
    assert r.returncode == 125
    assert r.stderr == ("berth: signature verification for docker images is "
                        "not supported (try --insecure-options=image)\n")


# What is run.

def test_entrypoint_cmd_and_arguments(store, variant):
    ref = variant("entry", Entrypoint=["echo", "E"], Cmd=["C", "D"])
    assert out(store.run(ref)) == "E C D\n"
    assert out(store.run(ref, "--", "x", "")) == "E x \n"
    assert out(store.run(ref, "--")) == "E\n"
    assert out(store.run("--exec=/bin/echo", ref)) == "\n"
    assert out(store.run("--exec=/bin/echo", ref, "--", "y")) == "y\n"


def test_environment(store, variant):
    ref = variant("env", Env=["PATH=" + images.PATH, "A=image", "B=image",
                              "C=image", "EMPTY=", "SP=a b  c"], Cmd=["env"])
    r = out(store.run("--set-env=B=set", "--set-env=C=set",
                      "--environment=C=app", ref))
    env = dict(x.split("=", 1) for x in r.splitlines())
    assert (env["A"], env["B"], env["C"]) == ("image", "set", "app")
    assert (env["EMPTY"], env["SP"]) == ("", "a b  c")
    assert (env["PATH"], env["HOME"]) == (images.PATH, "/root")


def test_environment_of_the_caller_stays_outside(shared):
    r = shared("run", shared.id, "--", "env",
               env=dict(os.environ, SECRET_OF_CALLER="1", LD_PRELOAD=""))
    assert "SECRET_OF_CALLER" not in out(r)


@pytest.mark.parametrize("option, uid, gid, groups, home", [
    ((), "0", "0", "0", "/root"),
    (("--user=user",), "1000", "1000", "1000 2000", "/home/user"),
    (("--user=1000",), "1000", "1000", "1000 2000", "/home/user"),
    (("--user=1000", "--group=daemon"), "1000", "2", None, "/home/user"),
    (("--user=4321",), "4321", "0", "0", "/"),
    (("--group=extra",), "0", "2000", None, "/root")])
def test_user_and_group(sh, option, uid, gid, groups, home):
    r = out(sh("id -u; id -g; id -G; echo $HOME", *option)).splitlines()
    assert r[:2] == [uid, gid]
    if groups:
        assert sorted(r[2].split()) == sorted(groups.split())
    assert r[3] == home


def test_image_user(store, variant):
    ref = variant("as-user", User="user:daemon", WorkingDir="/home/user",
                  Cmd=["sh", "-c", "id -u; id -g; pwd; touch mine"])
    assert out(store.run(ref)) == "1000\n2\n/home/user\n"


def test_working_directory(store, variant, sh):
    assert out(sh("pwd")) == "/\n"
    assert out(sh("pwd", "--working-dir=/tmp")) == "/tmp\n"
    ref = variant("workdir", WorkingDir="/etc", Cmd=["pwd"])
    assert out(store.run(ref)) == "/etc\n"
    assert out(store.run("--working-dir=/bin", ref)) == "/bin\n"


def test_hostname(sh):
    assert out(sh("hostname; cat /etc/hostname; "
                  "grep -c tester.example /etc/hosts",
                  "--hostname=tester.example")) == \
        "tester.example\ntester.example\n1\n"
    assert out(sh("hostname")).strip() != socket.gethostname()


def test_readonly_rootfs(sh):
    script = "touch /x 2>&1; touch /etc/x 2>&1; touch /dev/shm/x && echo shm"
    r = out(sh(script, "--readonly-rootfs"))
    assert r.count("Read-only file system") == 2 and r.endswith("shm\n")
    assert out(sh("touch /x /etc/x && echo fine")) == "fine\n"


def test_writes_do_not_reach_the_image(shared, sh):
    assert out(sh("echo bad > /etc/passwd; rm -r /bin/ls; chown 5 /etc")) == ""
    assert "root:" in out(sh("cat /etc/passwd; ls -d /bin/ls"))
    assert shared("image", "verify", shared.id).returncode == 0


def test_volumes_are_mount_points(store, variant):
    tar = images.Tar().dir("data", 0o750, uid=1000, gid=1000).file(
        "data/seed", "s", uid=1000, gid=1000).bytes()
    ref = variant("volume", tars=[tar], Volumes={"/data": {}, "/new/v": {}},
                  Cmd=["sh", "-c", "grep -c ' /data \\| /new/v ' "
                       "/proc/self/mountinfo; echo x > /data/x && "
                       "echo x > /new/v/x && stat -c '%u %a' /data; "
                       "cat /data/seed"])
    assert out(store.run("--readonly-rootfs", ref)) == "2\n1000 750\ns"


# What confines it.

NAMESPACES = ("user", "pid", "mnt", "ipc", "uts", "net", "cgroup")


def test_namespaces(sh):
    script = "; ".join("readlink /proc/self/ns/" + n for n in NAMESPACES)
    inside = out(sh(script)).splitlines()
    here = [os.readlink("/proc/self/ns/" + n) for n in NAMESPACES]
    assert [i.split(":")[0] for i in inside] == [
        h.split(":")[0] for h in here]
    assert not set(inside) & set(here)
    assert out(sh("cat /proc/self/uid_map")).split() == [
        "0", str(0x70000000), "65536"]


def status_of(text):
    return dict(x.split(":\t", 1) for x in text.splitlines() if ":\t" in x)


def test_capabilities_and_filter(sh):
    s = status_of(out(sh("cat /proc/self/status")))
    for name in ("CapEff", "CapPrm", "CapBnd"):
        assert int(s[name], 16) == 0x4fb, name
    assert int(s["CapAmb"], 16) == 0 and int(s["CapInh"], 16) == 0
    assert (s["NoNewPrivs"], s["Seccomp"]) == ("1", "2")
    s = status_of(out(sh("cat /proc/self/status", "--user=user")))
    for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb", "CapInh"):
        assert int(s[name], 16) == 0, name


@pytest.mark.parametrize("option, field, usual", [
    ("capabilities", "CapBnd", "00000000000004fb"),
    # of two: the broker's own frame stays
    ("seccomp", "Seccomp_filters", "2")])
def test_insecure_run_options_are_said(sh, option, field, usual):
    r = sh("cat /proc/self/status", "--insecure-options=" + option)
    assert status_of(out(r))[field] != usual
    assert r.stderr.startswith("berth: warning: ")
    assert r.stderr.count("\n") == 1


@pytest.mark.parametrize("script", [
    "mount -t tmpfs t /tmp", "unshare -U true", "mknod /tmp/n b 8 0",
    "chroot / true", "hostname evil", "echo 1 > /proc/sys/kernel/panic",
    "echo b > /proc/sysrq-trigger", "! date -s 2001-01-01 2>&1 | grep -q 'not permitted'",
    "ip link set lo down", "dmesg", "head -c 1 /proc/kcore | grep .",
    "cat /proc/keys | grep .", "echo 1 > /sys/kernel/mm/ksm/run"])
def test_not_permitted(sh, script):
    assert sh(script).returncode != 0


def test_pid_1_is_out_of_reach(sh):
    assert out(sh("kill -9 1; kill -TERM 1; sleep 0.2; echo alive")) == \
        "alive\n"


def test_setuid_root_file_is_not_root(store, variant):
    bb = open("/bin/busybox", "rb").read()
    tar = images.Tar().dir("suid").file("suid/busybox", bb,
                                        0o4755).bytes()
    ref = variant("suid", tars=[tar], Cmd=["/suid/busybox", "id", "-u"])
    assert out(store.run("--user=user", ref)) == "1000\n"


def test_devices(sh):
    r = out(sh("cd /dev && ls -d null zero full random urandom tty ptmx pts "
               "shm fd stdin stdout stderr; echo a > /dev/stdout; "
               "echo b > /dev/null; head -c 3 /dev/zero | wc -c; "
               "ls -l /dev | grep -c '^b'; true"))
    assert r.endswith("a\n3\n0\n")
    assert len(r.splitlines()) == 16


def test_image_dev_is_not_used(store, variant):
    tar = images.Tar().file("dev/null", "image's own").file(
        "proc/fake", "x").file("sys/fake", "x").bytes()
    ref = variant("own-dev", tars=[tar], Cmd=[
        "sh", "-c", "cat /dev/null; ls /proc/fake /sys/fake 2>/dev/null"])
    assert store.run(ref).stdout == ""


def test_pid_1_reaps(sh):
    """Alive or dead, none of them is to be seen any more."""
    r = out(sh("(/bin/true & /bin/true & /bin/true &); n=0; "
               "while grep -q '^Name:.true$' /proc/[0-9]*/status; do "
               "n=$((n+1)); [ $n -lt 300 ] || exec ps; sleep 0.1; done; "
               "echo none"))
    assert r == "none\n"


def test_no_descriptor_of_ours(sh):
    r = out(sh("ls -l /proc/self/fd /proc/1/fd 2>/dev/null | "
               "grep -v 'pipe:\\|/dev/null\\|/proc/' | grep -- '->'; true"))
    assert r == ""


# Limits, by trying them.

def has_controller(name):
    with open("/proc/self/mountinfo") as f:
        for line in f:
            left, right = line.split(" - ")
            if right.startswith("cgroup ") and \
                    name in right.split()[2].split(","):
                return True
            if right.startswith("cgroup2 "):
                p = os.path.join(left.split()[4], "cgroup.controllers")
                if os.path.exists(p) and name in open(p).read().split():
                    return True
    return False


def needs(name):
    return pytest.mark.skipif(not has_controller(name), reason=(
        "this host has no cgroup controller " + name))


@needs("memory")
def test_memory_limit(sh):
    script = "dd if=/dev/zero of=/dev/null bs=%dM count=1 2>/dev/null; echo $?"
    r = sh(script % 150, "--memory=64Mi")
    assert out(r) == "137\n"
    assert ": the memory limit of 67108864 bytes was reached: the kernel " \
        "killed 1 process\n" in r.stderr, r
    assert out(sh(script % 10, "--memory=64Mi")) == "0\n"


@needs("pids")
def test_pids_limit(sh):
    script = "for i in $(seq %d); do sleep 1000 & done; echo all"
    assert "all" not in sh(script % 50, "--pids=20").stdout
    assert "all" in out(sh(script % 5, "--pids=20"))


@needs("cpu")
def test_cpu_limit(sh):
    script = "time -p timeout 2 sh -c 'while :; do :; done'"
    r = sh(script, "--cpu=200m")
    user = float(r.stderr.split("user")[1].split()[0])
    assert user < 0.8, r                # 2 s without the limit


def without_cgroups(shared, *args):
    """As on a host that has mounted none, in a mount namespace of its
    own."""
    return lib.command(["unshare", "-m", "sh", "-c",
                        "umount -R /sys/fs/cgroup && exec \"$@\"", "sh",
                        *shared.argv("run", *args)])


@pytest.mark.parametrize("option", ["--memory=64Mi", "--cpu=1", "--pids=10"])
def test_limit_that_cannot_be_is_refused(shared, option):
    r = without_cgroups(shared, option, shared.id, "--", "true")
    lib.failed(r, 125, option[2:].split("=")[0])


def test_host_without_cgroups(shared):
    r = without_cgroups(shared, shared.id, "--", "echo", "fine")
    assert out(r) == "fine\n"


# The network.

def test_net_none(sh):
    r = out(sh("ls /sys/class/net; ping -c 1 -W 1 127.0.0.1 >/dev/null && "
               "echo lo-up; cat /proc/net/route | wc -l"))
    assert r.split()[0] == "lo" and r.split()[-1] in ("0", "1")
    assert len(out(sh("cat /proc/net/dev")).splitlines()) == 3


@pytest.fixture
def webserver(tmp_path):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"from the host\n")

        def log_message(self, *a):
            pass
    s = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=s.serve_forever, daemon=True).start()
    yield s.server_address[1]
    s.shutdown()
    s.server_close()


def test_net_host_and_none_reach(sh, webserver):
    script = "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 2 127.0.0.1 %d | " \
        "grep host" % webserver
    assert out(sh(script, "--net=host")) == "from the host\n"
    assert sh(script, "--net=none").returncode != 0


# Signals.

TRAP = "trap 'echo got; exit 7' %s; echo ready; while :; do sleep 0.05; done"


def start(shared, script, *options, **k):
    p = shared.popen("run", *options, shared.id, "--", "sh", "-c", script,
                     **k)
    lines, wait_for = lib.reader(p.stdout)
    return p, lines, wait_for


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP"])
def test_signal_reaches_the_app(shared, name):
    p, lines, wait_for = start(shared, TRAP % name)
    wait_for("ready")
    p.send_signal(getattr(signal, "SIG" + name))
    assert p.wait(15) == 7
    wait_for("got")


def test_term_ends_an_app_without_handler(shared):
    p, _, wait_for = start(shared, "echo ready; exec sleep 100")
    wait_for("ready")
    p.send_signal(signal.SIGTERM)
    assert p.wait(15) == 143


def test_third_interrupt_kills(shared):
    p, _, wait_for = start(shared, "trap '' INT TERM; echo ready; "
                           "while :; do sleep 0.05; done")
    wait_for("ready")
    begin = time.monotonic()
    for _ in range(2):
        p.send_signal(signal.SIGINT)
        lib.taken(p.pid, signal.SIGINT)
    assert p.poll() is None
    p.send_signal(signal.SIGINT)
    assert p.wait(20) == 137
    # what the first two had set going would have ended it later
    assert time.monotonic() - begin < 9


@pytest.mark.long
def test_ten_seconds_of_grace(shared):
    p, _, wait_for = start(shared, "trap '' TERM; echo ready; "
                           "while :; do sleep 0.05; done")
    wait_for("ready")
    begin = time.monotonic()
    p.send_signal(signal.SIGTERM)
    assert p.wait(30) == 137
    assert 9 < time.monotonic() - begin


def test_killed_command_line_takes_the_app_along(shared):
    """By -9: pid 1 sees its channel close (conftest sees the rest)."""
    p, _, wait_for = start(shared, "echo ready; exec sleep 1000")
    wait_for("ready")
    p.kill()
    p.wait()
    lib.await_true("the app's end", lambda: "sleep" not in
                   lib.descendants().values())


def test_killed_pid_1(shared):
    p, _, wait_for = start(shared, "echo ready; exec sleep 1000")
    wait_for("ready")
    os.kill(lib.app_pid(p, "berth-init"), signal.SIGKILL)
    err = p.stderr.read().decode()
    assert p.wait(15) == 137
    assert err.startswith("berth: ") and err.count("\n") == 1, err


def test_killed_private_broker(shared):
    """The run ends with one line; the next command tidies up."""
    p, _, wait_for = start(shared, "echo ready; exec sleep 1000")
    wait_for("ready")
    os.kill(lib.app_pid(p, "berthd"), signal.SIGKILL)
    err = p.stderr.read().decode()
    assert p.wait(15) in (125, 137)
    assert err.startswith("berth: ") and err.count("\n") == 1, err
    assert shared("run", shared.id, "--", "true").returncode == 0


# Bytes.

def test_stdin_that_ends(sh):
    assert out(sh("cat; echo end")) == "end\n"


def test_end_waits_for_no_disk(sh, shared):
    """An overlay's end syncs all of the disk it lies on, unless told not to;
    and what the kernel leaves of that takes no helper to remove."""
    root = [x.split() for x in out(sh("cat /proc/mounts")).splitlines()
            if x.split()[1] == "/"]
    assert "volatile" in root[-1][3]
    assert shared.leftovers() == []


def test_output_after_the_app_is_not_waited_for_forever(sh):
    assert out(sh("sleep 1000 & echo x")) == "x\n"


def test_caller_inherits_ignored_signals(shared):
    """nohup and cron start us with signals ignored; the app must not be."""
    def ignore():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    r = shared("run", shared.id, "--", "grep", "Sig[IB]", "/proc/self/status",
               preexec_fn=ignore)
    assert all(int(x.split()[1], 16) == 0 for x in out(r).splitlines()), r


def test_ten_at_once(shared):
    ps = [shared.popen("run", shared.id, "--", "sh", "-c",
                       "sleep 0.3; exit %d" % i) for i in range(10)]
    assert [p.wait(30) for p in ps] == list(range(10))
    for p in ps:
        p.communicate()


def test_pod_is_recorded(store, registry):
    id_ = store.fetch(registry.ref("busybox"))
    before = len(store.audit())
    store.ok(INSECURE, "run", id_, "--", "true")
    new = store.audit()[before:]
    assert len(new) >= 2
    assert any(id_[7:] in str(x) for x in new), new
