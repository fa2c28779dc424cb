# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""The command line's own part: streams, signals, files, whom it trusts."""
import array
import fcntl
import hashlib
import os
import pty
import signal
import socket
import subprocess
import termios
import time

import pytest

import lib


def devnull(shared, *args, **k):
    k.setdefault("stdin", subprocess.DEVNULL)
    return shared.popen("run", *args, **k)


# Streams.

def test_stdin_from_a_pipe(shared):
    r = shared("run", shared.id, "--", "cat", input="one\ntwo")
    assert (r.returncode, r.stdout) == (0, "one\ntwo")


def test_stdin_from_a_file(shared, tmp_path):
    p = tmp_path / "in"
    p.write_text("file\n")
    with open(p) as f:
        r = shared("run", shared.id, "--", "cat", stdin=f)
    assert (r.returncode, r.stdout) == (0, "file\n")


def test_100_mb_through_cat(shared):
    data = os.urandom(1 << 20) * 100
    r = shared("run", shared.id, "--", "cat", input=data, binary=True)
    assert r.returncode == 0, r.stderr
    assert hashlib.sha256(r.stdout).digest() == hashlib.sha256(data).digest()


def test_reader_that_leaves(shared):
    """berth run … yes | head -1 must end."""
    p = shared.popen("run", shared.id, "--", "yes")
    assert p.stdout.readline() == b"y\n"
    p.stdout.close()
    p.wait(15)


def test_shared_streams_stay_blocking(shared):
    """O_NONBLOCK would fall upon everybody who has the same pipe."""
    r, w = os.pipe()
    p = devnull(shared, shared.id, "--", "echo", "x", stdout=w)
    assert p.wait(20) == 0
    assert os.get_blocking(w) and os.read(r, 9) == b"x\n"
    os.close(r)
    os.close(w)


def test_closed_standard_streams(shared):
    """Nothing of ours may take their numbers."""
    def close():
        for fd in (0, 1, 2):
            os.close(fd)
    p = subprocess.Popen(shared.argv("run", shared.id, "--", "sh", "-c",
                                     "cat; echo x; echo y >&2; exit 7"),
                         preexec_fn=close)
    assert p.wait(20) == 7


@pytest.mark.skipif(lib.SANITIZED, reason="a sanitizer reads /proc")
def test_no_proc_is_named(store):
    """Where /proc is not mounted, that is what is missing; not berthd."""
    lib.failed(lib.command(["unshare", "-m", "sh", "-ec",
                            'umount -l /proc; exec "$@"', "sh",
                            *store.argv("image", "list")]),
               1, "/proc/self/exe: No such file or directory")


def test_password_before_a_host_like_a_digest(shared):
    r = shared("fetch", "docker://user:sesame@sha.example/a")
    lib.failed(r, 1, "docker://user:...@sha.example/a")
    assert "sesame" not in r.stderr


@pytest.mark.parametrize("args, status", [
    (("run", "--", "echo", "x"), 125), (("image", "list"), 1)],
    ids=lambda x: str(x[0]) if isinstance(x, tuple) else None)
def test_lost_output_is_an_error(shared, args, status):
    if args[0] == "run":
        args = ("run", shared.id) + args[1:]
    with open("/dev/full", "w") as full:
        p = shared.popen(*args, stdout=full)
    err = p.stderr.read().decode()
    assert p.wait(20) == status
    assert err.startswith("berth: ") and err.count("\n") == 1
    assert "No space left" in err


def test_sockets_as_streams(shared):
    a, b = socket.socketpair()
    p = shared.popen("run", shared.id, "--", "cat", stdin=b, stdout=b)
    b.close()
    a.sendall(b"through a socket")
    a.shutdown(socket.SHUT_WR)
    got = b""
    while True:
        d = a.recv(100)
        if not d:
            break
        got += d
    assert p.wait(20) == 0 and got == b"through a socket"
    a.close()


def test_appended_file(shared, tmp_path):
    p = tmp_path / "log"
    p.write_text("before\n")
    with open(p, "a") as f:
        assert shared.popen("run", shared.id, "--", "sh", "-c",
                            "echo out; echo err >&2", stdout=f,
                            stderr=f).wait(20) == 0
    assert sorted(p.read_text().split()) == ["before", "err", "out"]


def test_writer_sees_that_stdin_is_closed(shared):
    """As with any program: a reader that is done is EPIPE, at once."""
    r, w = os.pipe()
    p = shared.popen("run", shared.id, "--", "sh", "-c",
                     "exec <&-; echo closed; sleep 1000", stdin=r)
    os.close(r)
    try:
        assert p.stdout.readline() == b"closed\n"

        def broken():
            try:
                os.write(w, b"x")
            except BrokenPipeError:
                return True
            return False
        lib.await_true("EPIPE", broken)
    finally:
        os.close(w)
        p.terminate()
        p.communicate(timeout=20)


def test_stopped_reader_does_not_deafen(shared):
    """Output that nobody takes holds the app up, not our signals."""
    p = devnull(shared, shared.id, "--", "yes")
    size = array.array("i", [0])

    def full():
        before = size[0]
        time.sleep(0.05)
        fcntl.ioctl(p.stdout, termios.FIONREAD, size)
        return size[0] and size[0] == before
    lib.await_true("a full pipe", full)
    p.terminate()
    got = p.stdout.read()
    assert p.wait(20) == 143 and got.startswith(b"y\ny\n")


# Signals.

def silent_registry():
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    s.listen()
    return s, "docker://127.0.0.1:%d/x" % s.getsockname()[1]


@pytest.mark.parametrize("command", ["fetch", "run"])
@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM,
                                 signal.SIGHUP])
def test_interrupted_fetch(store, command, sig):
    s, ref = silent_registry()
    p = store.popen(lib.INSECURE, command, ref)
    conn, _ = s.accept()
    p.send_signal(sig)
    assert p.wait(20) == -sig
    conn.close()
    s.close()
    lib.await_true("nothing left", lambda: store.leftovers() == [])


def test_ignored_hangup_stays_ignored_while_fetching(store):
    s, ref = silent_registry()
    p = store.popen(lib.INSECURE, "fetch", ref, preexec_fn=lambda:
                    signal.signal(signal.SIGHUP, signal.SIG_IGN))
    conn, _ = s.accept()
    p.send_signal(signal.SIGHUP)
    p.send_signal(signal.SIGTERM)       # it is of the first that it dies
    assert p.wait(20) == -signal.SIGTERM
    conn.close()
    s.close()


# Files and words.

def test_environment_files(shared, tmp_path):
    one, two = tmp_path / "1", tmp_path / "2"
    one.write_text("# low\nA=1\nB=1\nC=1\nD=1\n")
    two.write_text("; high\nB=2\nC=2\nD=2\n")
    r = shared("run", "--set-env-file", one, "--set-env-file", two,
               "--set-env=C=3", "--set-env=D=3", "--environment=D=4",
               shared.id, "--", "sh", "-c", "echo $A$B$C$D")
    assert (r.returncode, r.stdout) == (0, "1234\n"), r
    one.write_text("A=1\nA=2\n")
    r = shared("run", "--set-env-file", one, shared.id)
    lib.failed(r, 125, "%s:2:" % one, "already")


def test_options_behind_the_image(shared):
    r = shared("run", shared.id, "--hostname=late", "--", "hostname")
    assert (r.returncode, r.stdout) == (0, "late\n"), r


@pytest.mark.parametrize("words, operands", [
    (("run",), "IMAGE"), (("fetch",), "IMAGE"),
    (("image", "rm"), "IMAGE"), (("image", "cat-manifest"), "IMAGE"),
    (("image", "export", "--oci", "x"), "IMAGE DEST")])
def test_missing_operands_are_named(words, operands):
    r = lib.command([lib.BERTH, *words])
    assert r.returncode == 2
    command = " ".join(words[:2] if words[0] == "image" else words[:1])
    assert r.stderr.splitlines()[0] == "berth: %s: needs %s" % (command,
                                                               operands)


@pytest.mark.parametrize("words", [("help", "image"), ("image", "--help"),
                                   ("--help", "image")], ids=" ".join)
def test_help_of_a_group(words):
    """What the lines of all commands say of the group's, and no other."""
    every = lib.command([lib.BERTH, "help"]).stdout.splitlines()
    ours = [x for x in every if x.startswith("  image ")]
    assert len(ours) > 1
    r = lib.command([lib.BERTH, *words])
    assert (r.returncode, r.stderr) == (0, "")
    usage, commands, general = r.stdout.split("\n\n")
    assert usage.endswith(" image COMMAND ...")
    assert commands.splitlines() == ours
    assert general == "\n".join(every).split("\n\n")[2] + "\n"


@pytest.mark.parametrize("words", [("image",), ("image", "polish"),
                                   ("help", "image", "polish")], ids=" ".join)
def test_wrong_word_of_a_group(words):
    r = lib.command([lib.BERTH, *words])
    assert (r.returncode, r.stdout) == (2, "")
    assert r.stderr.startswith("berth: %s: " % words[-1])
    assert "  image list " in r.stderr and "  fetch " not in r.stderr


def test_help_of_a_groups_command():
    r = lib.command([lib.BERTH, "help", "image", "list"])
    assert (r.returncode, r.stderr) == (0, "")
    assert r.stdout.startswith("usage: berth image list ")
    assert r.stdout == lib.command([lib.BERTH, "image", "list",
                                    "--help"]).stdout


def test_id_is_not_fetched(store):
    lib.failed(store("fetch", "sha512-0123"), 1, "sha512-0123")


def test_manifest_on_a_terminal_cannot_steer_it(store, variant):
    id_ = store.fetch(variant("steer", Labels={"x": "\x9b2J\x7fä"}))
    raw = store("image", "cat-manifest", id_).stdout
    pid, fd = pty.fork()
    if pid == 0:
        argv = store.argv("image", "cat-manifest", id_)
        os.execv(argv[0], argv)
    seen = b""
    while True:
        try:
            d = os.read(fd, 65536)
        except OSError:
            break
        if not d:
            break
        seen += d
    os.close(fd)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert seen and all(32 <= c < 127 or c in b"\r\n\t" for c in seen)
    assert len(seen) >= len(raw)


# Whom it talks to.

def test_daemon_of_somebody_else_is_refused(store):
    """Whoever owns the directory can listen in it."""
    os.makedirs(store.dir)
    os.chown(store.dir, 65534, 65534)
    code = ("import os, socket, sys; os.setuid(65534); s = socket.socket("
            "socket.AF_UNIX, socket.SOCK_SEQPACKET); s.bind(sys.argv[1]); "
            "s.listen(); print('up', flush=True); s.accept()")
    p = subprocess.Popen(["/usr/bin/python3", "-c", code,
                          os.path.join(store.dir, "sock")],
                         stdout=subprocess.PIPE)
    try:
        assert p.stdout.readline() == b"up\n"
        lib.failed(store("image", "list"), 1, store.dir, "65534")
    finally:
        p.kill()
        p.wait()
        p.stdout.close()


def test_connect_starts_no_broker(store):
    sock = os.path.join(store.dir, "sock")
    r = lib.command([lib.BERTH, "--connect=" + sock, "image", "list"])
    lib.failed(r, 1, sock)
    assert not os.path.exists(store.dir)


def test_store_with_a_long_path(stores):
    """Longer than a socket's address may be."""
    s = stores()
    deep = os.path.join(s.dir, "d" * 100, "e" * 100)
    os.makedirs(os.path.dirname(deep))
    r = lib.command([lib.BERTH, "--dir=" + deep, "image", "list"])
    assert r.returncode == 0, r


def test_nothing_of_the_environment_reaches_the_broker(shared):
    p = devnull(shared, shared.id, "--", "sh", "-c", "echo up; sleep 1000",
                env={"LD_DEBUG": "none", "PATH": "/nowhere", "X": "y"})
    try:
        assert p.stdout.readline() == b"up\n"
        pid = lib.app_pid(p, "berthd")
        with open("/proc/%d/environ" % pid, "rb") as f:
            assert f.read() == b""
        assert os.getsid(pid) == pid
        assert os.readlink("/proc/%d/fd/0" % pid) == "/dev/null"
        assert os.readlink("/proc/%d/fd/1" % pid) == "/dev/null"
    finally:
        p.terminate()
        p.communicate(timeout=20)
