# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""A daemon in the background: what it and its engine have to say is in the
system log, each line with its priority and as it was said."""
import os
import re
import signal
import socket

import pytest

import lib

DEV_LOG = "/dev/log"
INFO, WARNING = 3 * 8 + 6, 3 * 8 + 4    # of LOG_DAEMON


@pytest.fixture
def log(scratch):
    """A socket that takes the place of the host's, if it has one, in a mount
    namespace alone; and what brings a command there."""
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    mine = not os.path.lexists(DEV_LOG)
    path = DEV_LOG if mine else os.path.join(scratch, "log")
    s.bind(path)
    s.settimeout(20)
    try:
        yield s, [] if mine else [
            "unshare", "-m", "sh", "-c",
            'mount --bind "$0" %s && exec "$@"' % DEV_LOG, path]
    finally:
        os.unlink(path)
        s.close()


def test_lines_and_priorities(store, shared, log):
    s, where = log
    port = lib.free_port()
    conf = store.dir + ".conf"
    with open(conf, "w", encoding="utf-8") as f:
        f.write("""store "%s"
listen on 127.0.0.1 port %d
insecure-options { image http }
app "odd" {
	image "%s"
	exec "/n\u00f6"
}
""" % (store.dir, port, shared.ref))

    def says(priority, pattern):
        """In some later line."""
        want = re.compile(r"<(\d+)>\w{3} [\d ]\d [\d:]{8} berthd\[(\d+)\]: (%s)"
                          % pattern)
        while not (m := want.fullmatch(s.recv(4096).decode())):
            pass
        assert int(m[1]) == priority, m[0]
        return m

    r = lib.command([*where, lib.BERTHD, "-f", conf])
    assert (r.returncode, r.stderr) == (0, ""), r
    m = says(INFO, r"serving 127\.0\.0\.1 port %d, store .*" % port)
    pid = int(m[2])
    try:
        says(INFO, "app odd: image sha512-.*")
        assert lib.http(port, "/start")[0] == 500
        says(INFO, r"app odd: .*/n\\xc3\\xb6.*")
        worker, = (p for p, n in lib.descendants(pid).items()
                   if n == "berth-http")
        os.kill(worker, signal.SIGKILL)
        says(WARNING, "berth-http was killed by signal 9")
    finally:
        os.kill(pid, signal.SIGTERM)
    says(INFO, "terminated")


def test_why_it_ends(store, log):
    """Nobody reads its standard error then."""
    s, where = log
    conf = store.dir + ".conf"
    with open(conf, "w", encoding="ascii") as f:
        f.write('store "%s"\nlisten on 127.0.0.1 port %d\n' % (
            store.dir, lib.free_port()))
    assert lib.command([*where, lib.BERTHD, "-f", conf]).returncode == 0
    pid = lib.await_true("the daemon", lambda: lib.daemon_on(store))
    engine, = (p for p, n in lib.descendants(pid).items()
               if n == "berth-engine")
    os.kill(engine, signal.SIGKILL)
    while "berth-engine was killed by signal 9" not in (
            line := s.recv(4096).decode()):
        pass
    assert line.startswith("<%d>" % WARNING), line
