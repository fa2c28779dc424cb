# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""berth run --interactive on a real pseudo-terminal."""
import fcntl
import os
import pty
import signal
import struct
import termios

import pytest

import lib


class Terminal:
    """A session whose terminal is a pty of ours."""

    def __init__(self, argv, rows=33, cols=101):
        self.seen = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                self.resize(rows, cols, 0)
                os.execv(argv[0], argv)
            finally:
                os._exit(99)
        self.before = termios.tcgetattr(self.fd)

    def resize(self, rows, cols, fd=None):
        fcntl.ioctl(self.fd if fd is None else fd, termios.TIOCSWINSZ,
                    struct.pack("HHHH", rows, cols, 0, 0))

    def send(self, text):
        os.write(self.fd, text.encode())

    def expect(self, text):
        os.set_blocking(self.fd, False)

        def look():
            try:
                self.seen += os.read(self.fd, 65536).decode(errors="replace")
            except (BlockingIOError, OSError):
                pass
            return text in self.seen
        lib.await_true("%r in %r" % (text, self.seen), look)
        self.seen = self.seen.split(text, 1)[1]

    def wait(self):
        got = []

        def look():
            try:
                os.read(self.fd, 65536)
            except OSError:
                pass
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            got.append(status)
            return pid
        lib.await_true("the end", look)
        return os.waitstatus_to_exitcode(got[-1])

    def close(self):
        os.close(self.fd)


@pytest.fixture
def term(shared):
    t = []

    def start(*args):
        t.append(Terminal(shared.argv("run", *args)))
        return t[-1]
    yield start
    for x in t:
        x.close()


def test_a_pty_of_its_own(shared, term):
    t = term("--interactive", shared.id)
    t.expect("# ")
    t.send("tty; stty size; echo $((40+2))\n")
    t.expect("/dev/pts/0")
    t.expect("33 101")
    t.expect("42")
    t.send("exit 3\n")
    assert t.wait() == 3
    assert termios.tcgetattr(t.fd) == t.before


def test_ctrl_c_reaches_the_app_only(shared, term):
    t = term("--interactive", shared.id)
    t.expect("# ")
    t.send("sleep 1000\n")
    lib.app_pid(os_process(t.pid), "sleep")
    t.send("\x03")
    t.expect("# ")
    t.send("echo $?-$((1+1)); exit\n")
    t.expect("130-2")
    assert t.wait() == 0


class os_process:
    def __init__(self, pid):
        self.pid = pid


def test_size_follows(shared, term):
    t = term("--interactive", shared.id, "--", "sh", "-c",
             "trap 'stty size' WINCH; echo go; "
             "while :; do sleep 0.05; done")
    t.expect("go")
    t.resize(44, 120)
    t.expect("44 120")
    os.kill(t.pid, signal.SIGTERM)
    t.wait()


def test_ctrl_c_without_interactive(shared, term):
    """The terminal's own INT comes to the command line, which forwards it."""
    t = term(shared.id, "--", "sh", "-c",
             "trap 'echo int; exit 9' INT; echo go; "
             "while :; do sleep 0.05; done")
    t.expect("go")
    t.send("\x03")
    t.expect("int")
    assert t.wait() == 9


def test_terminal_as_stdin_is_not_given(shared, term):
    t = term(shared.id, "--", "sh", "-c", "readlink /proc/self/fd/0; cat")
    t.expect("/dev/null")
    assert t.wait() == 0


def test_killed_leaves_no_process(shared, term):
    t = term("--interactive", shared.id)
    t.expect("# ")
    os.kill(t.pid, signal.SIGKILL)
    t.wait()
