# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""Befalls one call of one process that runs already, or of those of one
program that it is about to start.  strace cannot: from outside it fails a
call by making it none, and a filter that kills takes that for a call of its
own.  Here it becomes a getpid, which the filter must allow."""
import contextlib
import ctypes
import errno
import functools
import os
import platform
import re
import signal
import struct
import subprocess

CONT, SYSCALL = 7, 24
GETEVENTMSG = 0x4201
GETREGSET, SETREGSET, SEIZE, INTERRUPT = 0x4204, 0x4205, 0x4206, 0x4207
GET_SYSCALL_INFO = 0x420e
TRACESYSGOOD, FOLLOW = 1, 2 | 4 | 8 | 16    # fork, vfork, clone, exec
EVENT_CLONE, EVENT_EXEC = 3, 4
ENTRY, EXIT = 1, 2                      # in struct ptrace_syscall_info
WALL = 0x40000000
PRSTATUS, ARM_SYSTEM_CALL = 1, 0x404
# Where in the registers the number, the result and the third and the fourth
# argument are, by eight bytes.
REGISTERS = {"x86_64": (27, 15, 10, 12, 7), "aarch64": (34, None, 0, 2, 3)}
LENGTHS = {"write": 3, "pwrite64": 3, "sendfile": 4}    # which argument

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.restype = ctypes.c_long
libc.ptrace.argtypes = [ctypes.c_long] + [ctypes.c_void_p] * 3


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]


def ptrace(what, pid, addr=None, data=None):
    r = libc.ptrace(what, pid, addr, data)
    if r == -1:
        raise OSError(ctypes.get_errno(), "ptrace %#x" % what)
    return r


@functools.lru_cache
def numbers():
    text = subprocess.run(["cc", "-E", "-dM", "-xc", "-"], check=True,
                          input=b"#include <asm/unistd.h>\n",
                          stdout=subprocess.PIPE).stdout.decode()
    return {name: int(n) for name, n in re.findall(
        r"#define __NR_(\w+) (\d+)\n", text)}


def regset(pid, which, size):
    buf = ctypes.create_string_buffer(size)
    iov = Iovec(ctypes.addressof(buf), size)
    ptrace(GETREGSET, pid, which, ctypes.addressof(iov))
    return buf, iov


def set_number(pid, n):
    size, number, *_ = REGISTERS[platform.machine()]
    if number is None:
        buf, iov = regset(pid, ARM_SYSTEM_CALL, 4)
        struct.pack_into("i", buf, 0, n)
        ptrace(SETREGSET, pid, ARM_SYSTEM_CALL, ctypes.addressof(iov))
        return
    buf, iov = regset(pid, PRSTATUS, size * 8)
    struct.pack_into("q", buf, number * 8, n)
    ptrace(SETREGSET, pid, PRSTATUS, ctypes.addressof(iov))


def set_result(pid, value):
    size, _, result, *_ = REGISTERS[platform.machine()]
    buf, iov = regset(pid, PRSTATUS, size * 8)
    struct.pack_into("q", buf, result * 8, value)
    ptrace(SETREGSET, pid, PRSTATUS, ctypes.addressof(iov))


def halve(pid, call):
    """What it is about to write; of one byte there is no half."""
    size, *rest = REGISTERS[platform.machine()]
    where = rest[LENGTHS[call] - 1]
    buf, iov = regset(pid, PRSTATUS, size * 8)
    length, = struct.unpack_from("Q", buf, where * 8)
    struct.pack_into("Q", buf, where * 8, (length + 1) // 2)
    ptrace(SETREGSET, pid, PRSTATUS, ctypes.addressof(iov))


class Tracer:
    """act: error=NAME, signal=KILL, short, or None to log each call; of call
    the nth, from now, of pid or of all that it starts as program."""

    def __init__(self, pid, call, act, n, log, program=None):
        self.pid, self.act, self.left, self.log = pid, act, n, log
        self.call, self.program = call, program
        self.watched = set() if program else {pid}
        self.number = numbers()
        self.name = {n: name for name, n in self.number.items()}
        self.wanted = self.number.get(call)
        self.failing, self.over = None, False

    def stopped(self, pid):
        """At the begin or the end of a call."""
        info = ctypes.create_string_buffer(88)
        ptrace(GET_SYSCALL_INFO, pid, 88, ctypes.addressof(info))
        op, nr = info.raw[0], struct.unpack_from("Q", info, 24)[0]
        if op == EXIT and self.failing == pid:
            set_result(pid, -getattr(errno, self.act[6:]))
            self.failing, self.over = None, True
        if op != ENTRY or self.over:
            return
        if self.act is None:
            self.log.write("%s()\n" % self.name.get(nr, nr))
        elif nr == self.wanted:
            self.left -= 1
            if self.left == 0:
                self.befall(pid)

    def befall(self, pid):
        self.log.write("INJECTED\n")
        self.log.flush()
        if self.act == "signal=KILL":
            os.kill(pid, signal.SIGKILL)
            self.over = True
        elif self.act == "short":
            halve(pid, self.call)
            self.over = True
        else:
            set_number(pid, self.number["getpid"])
            self.failing = pid

    def event(self, pid, event):
        """Who becomes the program, and its threads."""
        if event == EVENT_EXEC and name_of(pid) == self.program:
            self.watched.add(pid)
        elif event == EVENT_EXEC:
            self.watched.discard(pid)
        elif event == EVENT_CLONE and pid in self.watched:
            new = ctypes.c_ulong()
            ptrace(GETEVENTMSG, pid, None, ctypes.addressof(new))
            self.watched.add(new.value)

    def one(self, pid, status):
        """Of one that has stopped, and lets it go on."""
        sig, event = os.WSTOPSIG(status), status >> 16
        if sig == signal.SIGTRAP | 0x80:
            self.stopped(pid)
            sig = 0
        elif event != 0:
            sig = 0                     # our own interrupt, a new one
            self.event(pid, event)
        elif sig == signal.SIGSEGV:
            # the first process of a namespace would run into it for ever
            os.kill(pid, signal.SIGKILL)
        watched = pid in self.watched and not self.over
        ptrace(SYSCALL if watched else CONT, pid, None, sig)

    def run(self, ready):
        ptrace(SEIZE, self.pid, None, TRACESYSGOOD | (
            FOLLOW if self.program else 0))
        ptrace(INTERRUPT, self.pid)
        while True:
            pid, status = os.waitpid(-1, WALL)
            if os.WIFSTOPPED(status):
                with contextlib.suppress(ProcessLookupError):
                    self.one(pid, status)
            elif pid == self.pid:
                break
            if ready != -1:
                os.close(ready)
                ready = -1
        if os.WIFSIGNALED(status):
            self.log.write("killed by %s\n" % signal.Signals(
                os.WTERMSIG(status)).name)


def name_of(pid):
    with open("/proc/%d/cmdline" % pid, "rb") as f:
        return f.read().split(b"\0")[0].split(b"/")[-1].decode()


@contextlib.contextmanager
def traced(pid, call, act, n, log, program=None):
    """By a process of ours, from now on."""
    numbers()
    r, w = os.pipe()
    child = os.fork()
    if child == 0:
        with open(log, "w", encoding="ascii", buffering=1) as f:
            os.close(r)
            with contextlib.suppress(ProcessLookupError):   # by its SIGKILL
                Tracer(pid, call, act, n, f, program).run(w)
        os._exit(0)
    os.close(w)
    with open(r, "rb") as f:
        f.read()
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
