# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""Who reads berthd.conf: berth-conf, shut in, and what berthd itself looks at
before: whose the file is.  What each line may say is unit/test_config.c's."""
import os
import shutil
import subprocess

import pytest

import lib

NOBODY = 65534
NOBODYS = ["setpriv", "--reuid=%d" % NOBODY, "--regid=%d" % NOBODY,
           "--clear-groups"]
GOOD = 'store "/s"\n'


@pytest.fixture
def conf(tmp_path):
    """Writes a configuration; tmp_path is root's alone."""
    def write(text=GOOD, mode=0o600, name="berthd.conf"):
        p = tmp_path / name
        p.write_text(text)
        os.chmod(p, mode)
        return str(p)
    return write


def everybody(tmp_path):
    """May reach what lies there."""
    for p in [tmp_path, *list(tmp_path.parents)[:2]]:
        os.chmod(p, 0o755)


def check(path, *more, **kw):
    return lib.command([lib.BERTHD, "-n", *more, "-f", path], **kw)


def refused(path, why, at=""):
    r = check(path)
    assert (r.returncode, r.stdout) == (1, ""), r
    assert r.stderr == "%s:%s %s\n" % (path, at, why)


def test_good(conf):
    r = check(conf())
    assert (r.returncode, r.stdout, r.stderr) == (
        0, "", "configuration OK\n"), r


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o622])
def test_writable_by_others(conf, mode):
    refused(conf(mode=mode), "writable by others than its owner")


def test_somebody_elses(conf):
    path = conf()
    os.chown(path, 1, 1)
    refused(path, "owned by neither root nor the caller")


def test_no_regular_file(conf, tmp_path):
    refused(str(tmp_path), "not a regular file")
    os.mkfifo(tmp_path / "fifo", 0o600)
    refused(str(tmp_path / "fifo"), "not a regular file")
    refused(str(tmp_path / "none"), "No such file or directory")


def test_a_fifo_is_not_opened(conf, tmp_path):
    """Its writer is not let go: to look at it does nothing."""
    fifo = str(tmp_path / "token")
    os.mkfifo(fifo, 0o600)
    writer = subprocess.Popen(["/bin/sh", "-c", ": >'%s'" % fifo])
    try:
        for _ in range(20):
            refused(conf('token file "%s"\n' % fifo),
                    'token file "%s": not a regular file' % fifo, "1:")
        assert writer.poll() is None
    finally:
        os.close(os.open(fifo, os.O_RDONLY | os.O_NONBLOCK))
        writer.wait()


def test_a_parent_that_ignores_its_children(conf):
    """Nor does it take from us how ours ended."""
    argv = ["env", "--ignore-signal=CHLD", lib.BERTHD, "-n", "-f", conf()]
    r = lib.command(argv)
    assert (r.returncode, r.stderr) == (0, "configuration OK\n"), r


def test_too_large(conf):
    assert check(conf("\n" * 262144)).returncode == 0
    refused(conf("\n" * 262145), "too large")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_token_for_others(conf, mode):
    token = conf("0123456789abcdef\n", mode, "token")
    refused(conf('token file "%s"\n' % token),
            'token file "%s": readable or writable by others than its owner' %
            token, "1:")


def test_token_beside_the_caller(conf, tmp_path):
    """A daemon knows no directory that its file's words could start from."""
    conf("0123456789abcdef\n", name="token")
    path = conf('\ntoken file "token"\n')
    r = lib.command([lib.BERTHD, "-n", "-f", path], cwd=tmp_path)
    assert (r.returncode, r.stderr) == (
        1, '%s:2: token file "token": not an absolute path\n' % path), r


def test_errors_keep_the_order_of_the_lines(conf):
    path = conf('store "x"\ncontrol group "no-such"\ntoken file "/none"\n'
                'nonsense\nid range 1 count 1\n')
    r = check(path)
    assert r.returncode == 1
    assert r.stderr.splitlines() == ["%s:%s" % (path, x) for x in (
        '1: store "x": not an absolute path',
        '2: control group "no-such": no such group',
        '3: token file "/none": No such file or directory',
        "4: syntax error, unexpected word or string",
        '5: id range "1": not a number from 65536 to 4294901756')]


def test_everybody_may_check():
    """Without a privilege there are no namespaces to have."""
    fd = os.memfd_create("conf")
    os.write(fd, b'app "a" {\n\timage "docker://x"\n}\n')
    os.fchown(fd, NOBODY, NOBODY)
    os.fchmod(fd, 0o600)

    def nobody(option, path):
        return subprocess.run(
            [*NOBODYS, lib.BERTHD, option, "-f", path], stdin=fd,
            pass_fds=[fd], capture_output=True, check=False)
    r = nobody("-nn", "/proc/self/fd/%d" % fd)
    assert r.returncode == 0 and b'app "a" {\n' in r.stdout, r
    r = nobody("-d", "/dev/stdin")      # it closes the others
    assert (r.returncode, r.stderr) == (1, (
        b"berthd: must be root for now (rootless running comes later)\n")), r
    os.close(fd)


def test_printed_with_the_store_that_is_stronger(conf):
    r = check(conf(), "-n", "-s", "/t")
    assert r.returncode == 0 and r.stdout.startswith('store "/t"\n'), r


def trace(path, log):
    return subprocess.run(
        ["strace", "-f", "-y", "-o", log, lib.BERTHD, "-n", "-f", path],
        stdin=subprocess.DEVNULL, capture_output=True, check=False)


@pytest.mark.skipif(lib.SANITIZED, reason="a sanitizer reads files")
def test_no_text_in_the_broker(conf, tmp_path):
    """Every byte of it is read by another process, which opens nothing."""
    token = conf("0123456789abcdef\n", name="token")
    path = conf('token file "%s"\ncontrol group "root"\n' % token)
    r = trace(path, tmp_path / "log")
    assert r.returncode == 0, r
    lines = (tmp_path / "log").read_text().splitlines()
    broker = lines[0].split()[0]
    read = {}
    for line in lines:
        pid, call = line.split(None, 1)
        if call.startswith("read("):
            read.setdefault(pid, set()).add(
                call.split("<", 1)[1].split(">")[0])
    assert not {path, token, "/etc/group"} & read.get(broker, set()), read
    other, = [p for p in read if path in read[p]]
    assert {path, token, "/etc/group"} <= read[other]
    opened = "\n".join(x for x in lines if "open" in x)
    assert "nsswitch" not in opened and "libnss" not in opened


@pytest.mark.skipif(lib.SANITIZED, reason="a sanitizer's build has no filter")
@pytest.mark.parametrize("who", ["root", "nobody"])
def test_shut_in_before_the_first_byte(conf, tmp_path, who):
    path = conf()
    argv = ["strace", "-f", "-y", "-o", str(tmp_path / "log"),
            *(NOBODYS if who == "nobody" else []), lib.BERTHD, "-n", "-f",
            path]
    walls = ["capset", "landlock_restrict_self", "seccomp"]
    if who == "root":
        walls[:0] = ["pivot_root"]
    else:
        walls.remove("capset")
        everybody(tmp_path)
        os.chown(path, NOBODY, NOBODY)
    r = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True,
                       check=False)
    assert r.returncode == 0, r
    lines = (tmp_path / "log").read_text().splitlines()
    first = next(i for i, x in enumerate(lines)
                 if " read(" in x and path in x)
    pid = lines[first].split()[0]
    mine = [x.split(None, 1)[1] for x in lines[:first]
            if x.split()[0] == pid]
    if any("landlock" in x and "= -1 " in x for x in mine):
        walls.remove("landlock_restrict_self")  # this kernel has none
    calls = [x.split("(")[0] for x in mine if x.endswith(" = 0")]
    assert [c for c in calls if c in walls] == walls, mine
    assert [x for x in calls if x == "seccomp"] == ["seccomp"]
    # and what comes behind them opens nothing
    later = [x for x in lines[first:] if x.split()[0] == pid]
    assert not [x for x in later if " open" in x or "socket(" in x]


def liars(tmp_path, body):
    """berthd in a directory where berth-conf is another program, or none."""
    d = tmp_path / "bin"
    d.mkdir()
    for name in ("berth", "berthd", "berth-init", "berth-fetch",
                 "berth-unpack", "berth-http", "berth-engine"):
        shutil.copy(os.path.join(lib.OUT, name), d)
    everybody(tmp_path)
    if body is not None:
        subprocess.run(["cc", "-xc", "-o", d / "berth-conf", "-"], check=True,
                       input="#include <signal.h>\n#include <unistd.h>\n"
                       "int main(void) { %s; return (0); }" % body,
                       encoding="ascii")
    return str(d / "berthd")


@pytest.mark.parametrize("body, said", [
    ("*(volatile int *)0 = 1", "berth-conf was killed by signal 11"),
    ("return (0)", "berth-conf ended with status 0"),
    ("return (7)", "berth-conf ended with status 7"),
    ("write(3, \"x\", 1); pause()",
     "berth-conf broke the protocol: shorter than a header"),
    (None, "berth-conf: No such file or directory")])
def test_reader_that_fails(conf, tmp_path, body, said):
    d = liars(tmp_path, body)
    for option in ("-n", "-d"):
        r = lib.command([d, option, "-f", conf()])
        assert (r.returncode, r.stdout) == (1, ""), r
        assert r.stderr == "berthd: %s\n" % said


def test_private_broker_needs_no_reader(conf, tmp_path):
    berth = os.path.join(os.path.dirname(liars(tmp_path, None)), "berth")
    r = lib.command([berth, "--dir=%s" % (tmp_path / "store"), "image",
                     "list"])
    assert r.returncode == 0, r


def test_daemon_keeps_no_reader(store):
    d = lib.Daemon(store, 'store "%s"\nlisten on 127.0.0.1 port %d\n' % (
        store.dir, lib.free_port()))
    try:
        assert "berth-conf" not in lib.descendants(d.proc.pid).values()
    finally:
        d.stop()


SUBIDS = """
mount --bind "$1" /etc/%s && shift && exec "$@"
"""


@pytest.mark.parametrize("file", ["subuid", "subgid"])
@pytest.mark.parametrize("who", ["berthd", "berth"])
def test_ids_of_somebody_else(conf, tmp_path, file, who):
    """For a daemon, and for a command line with its private broker."""
    if not os.path.exists("/etc/" + file):
        pytest.skip("no /etc/" + file)
    mine = conf("me:1879048192:10\n", 0o644, "ids")
    argv = [lib.BERTHD, "-n", "-f", conf()] if who == "berthd" else [
        lib.BERTH, "--dir=%s" % (tmp_path / "store"), "image", "list"]
    r = lib.command(["unshare", "-m", "sh", "-c", SUBIDS % file, "sh", mine,
                     *argv])
    assert (r.returncode, r.stdout) == (1, ""), r
    assert r.stderr == "/etc/%s: 1879048192 and 9 more overlap the id range " \
        "from 1879048192 (see berthd.conf(5), id range)\n" % file
