# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""The bench of the hostile corpus: runs a row and looks at everything that
must hold after it, refused or not."""
import glob
import hashlib
import importlib.util
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import time

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
E2E = os.path.join(os.path.dirname(HERE), "e2e")
sys.path[:0] = [p for p in (HERE, E2E) if p not in sys.path]

import lib                                              # noqa: E402
import sites                                            # noqa: E402

PARTS = ("layers", "images", "refs", "tmp", "trash", "pods")
NOTICES = r"berth: warning: image signature verification has been disabled|" \
    r"berth: warning: plain HTTP to the registry has been allowed|" \
    r"berth: warning: TLS certificate verification has been disabled|" \
    r"berth: fetching image from docker://[!-~]+|" \
    r"Downloading layer: [0-9a-f]{64}"


def beside():
    """conftest.py of tests/e2e, whose fixtures are ours too."""
    if "e2e_conftest" not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            "e2e_conftest", os.path.join(E2E, "conftest.py"))
        sys.modules["e2e_conftest"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["e2e_conftest"])
    return sys.modules["e2e_conftest"]


scratch, made, registry = (getattr(beside(), n) for n in (
    "scratch", "made", "registry"))


def pytest_addoption(parser):
    parser.addoption("--peers", action="store_true", help="give the rows to "
                     "podman too and note in peers.json what it did")


def pytest_configure(config):
    beside().pytest_configure(config)


def pytest_collection_modifyitems(items):
    beside().pytest_collection_modifyitems(
        [i for i in items if str(i.fspath).startswith(HERE + os.sep)])


def tree(top):
    """Everything below a directory, metadata and contents, as one hash."""
    h = hashlib.sha256()
    for d, dirs, files in os.walk(top):
        dirs.sort()
        for name in sorted(dirs + files) + ["."]:
            p = os.path.join(d, name)
            st = os.lstat(p)
            h.update(repr((p, st.st_mode, st.st_uid, st.st_gid, st.st_rdev,
                           st.st_nlink, st.st_size, st.st_mtime_ns)).encode(
                               errors="surrogateescape"))
            if stat.S_ISREG(st.st_mode):
                with open(p, "rb") as f:
                    h.update(f.read())
    return h.hexdigest()


@pytest.fixture(scope="session")
def canary(scratch):
    """Files beside the stores, which nothing may touch or read."""
    top = os.path.join(scratch, "canary")
    os.makedirs(os.path.join(top, "etc"))
    for name in ("etc/shadow", "etc/passwd", "file"):
        with open(os.path.join(top, name), "w", encoding="ascii") as f:
            f.write("canary-%s\n" % name)
    os.symlink("etc/shadow", os.path.join(top, "link"))
    return top


@pytest.fixture(scope="session")
def hostile():
    h = sites.Hostile()
    yield h
    h.stop()


def open_files(pid):
    """{descriptor: what it is} of a process."""
    found = {}
    for fd in os.listdir("/proc/%d/fd" % pid):
        try:
            found[int(fd)] = os.readlink("/proc/%d/fd/%s" % (pid, fd))
        except OSError:
            pass
    return found


class Bench:
    """What a row is judged with: .site, .store, .scratch, .canary."""

    def __init__(self, row, scratch, canary, hostile, peers):
        self.scratch, self.canary, self.hostile = scratch, canary, hostile
        self.row, self.peers = row, peers
        self.site = hostile.site(row.id.lower())
        top = tempfile.mkdtemp(prefix="h.", dir=scratch)
        self.store = lib.Store(os.path.join(top, "s"))
        self.top = top
        os.mkdir(os.path.join(top, "own"))
        self.inventories = []
        self.refusals = 0

    # Other surroundings.

    def tls(self):
        """The server's sites behind TLS of a certificate nobody knows."""
        return self.hostile.tls(*self.certificate("self"))

    def certificate(self, name, alt="IP:127.0.0.1", more=(), key="ec"):
        """Of its own signature: (key, certificate), made once."""
        top = os.path.join(self.scratch, "tls-" + name)
        if not os.path.isdir(top):
            os.mkdir(top)
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", key, *(
                    ["-pkeyopt", "ec_paramgen_curve:prime256v1"]
                    if key == "ec" else []), "-nodes", "-keyout",
                 top + "/key", "-out", top + "/cert", "-days", "30",
                 "-subj", "/CN=127.0.0.1"] +
                (["-addext", "subjectAltName=" + alt] if alt else []) +
                list(more), check=True, stderr=subprocess.DEVNULL)
            self.begun(top)
        return top + "/key", top + "/cert"

    def outside(self):
        """(address, port) of the server that is not loopback."""
        address = next((a for a in subprocess.run(
            ["hostname", "-I"], stdout=subprocess.PIPE, text=True,
            check=True).stdout.split() if ":" not in a), None)
        if address is None:
            pytest.skip("no address but loopback here")
        return address, self.hostile.open(address=address)

    def within(self, binds, argv, **k):
        """Runs with files of ours over the machine's: {target: file}."""
        script = "".join("mount --bind '%s' '%s' && " % (f, t)
                         for t, f in binds.items()) + 'exec "$@"'
        return lib.command(["unshare", "-m", "sh", "-c", script, "sh", *argv],
                           **k)

    def begun(self, path):
        """A file that the bench itself keeps for later rows."""
        for before in self.inventories:
            before["files"].add(path)

    def own(self, name):
        """A path for a file of the row's own."""
        return os.path.join(self.top, "own", name)

    # The inventory.

    def inventory(self):
        """Processes, mounts, cgroups, and files beside the store."""
        now = lib.inventory()
        # not those of another run of these tests beside us
        now["mounts"] = {m for m in now["mounts"] if self.scratch in m or
                         "/berth-test." not in m}
        now["cgroups"] = {c for c in now["cgroups"] if self.ours(c)}
        now["files"] = set(glob.glob(os.path.join(self.scratch, "*"))) | set(
            glob.glob(os.path.join(self.top, "*"))) - {self.store.dir}
        now["canary"] = {tree(self.canary)}
        now["descriptors"] = set()
        for p in self.daemons():
            kinds = [re.sub(r"\d+", "N", x) for x in open_files(p).values()]
            now["descriptors"].update("%d has %s, %d" % (p, x, i) for x in
                                      kinds for i in range(kinds.count(x)))
        return now

    def daemons(self):
        """What lived before the row began and must not gain a thing."""
        return []

    def ours(self, cgroup):
        uuid = re.search("[0-9a-f-]{36}", os.path.basename(cgroup))
        return uuid is not None and uuid.group() in self.store.audit_text()

    def left(self, before):
        """What is there that was not before, and the other way round."""
        now = self.inventory()
        return [(k, x) for k in now for x in sorted(
            now[k] - before[k] if k == "descriptors" else
            now[k] ^ before[k])] + [
                ("store", x) for x in self.store.leftovers()]

    def settled(self, before):
        """A private broker may still be tidying up: it gets time."""
        end = time.monotonic() + 30
        while (left := self.left(before)) and time.monotonic() < end:
            time.sleep(0.005)
        assert left == [], "left behind"

    # Judgement.

    def berth(self, row, *args, **k):
        return self.store("--insecure-options=" + row.insecure, *args, **k)

    def peer(self, words=None, **k):
        """Of a row that is its own test: gives its image to podman too, see
        peers.Podman.give()."""
        if self.peers is not None:
            self.peers.give(self.site.ref, words and [
                w for w in words if w != "--"], **k)

    def act(self, row, ref):
        if row.run is None:
            return self.berth(row, "fetch", *row.argv, ref)
        return self.berth(row, "run", *row.argv, ref, *row.run)

    def calm(self):
        """An inventory with nothing of berth but the daemons: who is about
        to end would be missed after the row."""
        now = self.inventory()
        pids = {int(x.split()[0]) for x in now["processes"]
                if x.split()[1].startswith("berth")}
        return now if pids == set(self.daemons()) else None

    def judge(self, row):
        before = lib.await_true("calm", self.calm)
        self.inventories.append(before)
        try:
            if row.own:
                row.make(self)
            else:
                ref = row.make(self.site) or self.site.ref
                r = self.act(row, ref)
                (self.worked if row.good else self.refused)(row, r)
                if self.peers is not None:
                    self.peers.judge(row, ref)
            if self.peers is not None:
                self.peers.close_row(row)
        finally:
            self.site.close()
        self.settled(before)

    def lines(self, row, r):
        """What stderr says besides the fixed notices; never a byte that is
        not printable ASCII."""
        assert all(" " <= c <= "~" or c == "\n" for c in r.stderr), r
        notices = NOTICES + ("|" + row.notes if row.notes else "")
        return [x for x in r.stderr.splitlines()
                if not re.fullmatch(notices, x)]

    def refused(self, row, r):
        assert r.returncode in row.status, r
        assert r.stdout == "", r
        said = self.lines(row, r)
        self.refusals += 1
        assert len(said) == 1 and said[0].startswith("berth: "), r
        assert len(said[0]) < 1100, r
        # not by what the row itself is called
        line = said[0].replace(self.site.name, "NAME")
        for says in (row.says, self.site.says):
            assert re.search("(?i)" + says, line), (says, line)
        self.nothing_kept(row)
        self.recorded()
        if self.peers is not None:
            self.peers.note(row, said[0], self.site.name)

    def worked(self, row, r):
        assert r.returncode == 0, r
        assert self.lines(row, r) == [], r
        if row.run is None:
            assert re.fullmatch(lib.ID + "\n", r.stdout), r
        if row.says:
            assert re.search(row.says, r.stdout), (row.says, r)
        assert self.outcomes() and set(self.outcomes()) == {"ok"}
        self.chain()

    def nothing_kept(self, row):
        if row.run is not None and self.store.images():
            return                      # a good image that cannot run
        lib.await_true("an empty store", lambda: not [
            p for p in PARTS if p not in row.keeps and self.store.ls(p)])

    # The audit record.

    def outcomes(self):
        return [a["outcome"] for a in self.store.audit() if "cause" in a]

    def recorded(self):
        """One decision, one outcome and its reason."""
        if not os.path.exists(self.store.dir):
            return                      # refused before there was a broker
        audit = [a for a in self.store.audit() if a["action"] == (
            "fetch" if not self.store.images() else "run")]
        bad = [a for a in audit if a["outcome"] in ("failed", "refused")]
        assert len(bad) == self.refusals and bad[0]["reason"], audit
        assert [a["outcome"] for a in audit if "cause" not in a] == [
            "intent"] * self.refusals, audit
        self.chain()

    def chain(self):
        """Sequence and hashes, and every byte printable."""
        prev, seq = "0" * 64, 0
        for line in self.store.audit_text().splitlines(True):
            assert line.isascii() and line[:-1].isprintable(), line
            a = json.loads(line)
            seq += 1
            assert (a["seq"], a["prev"]) == (seq, prev), line
            prev = hashlib.sha256(line.encode()).hexdigest()


@pytest.fixture
def bench(request, scratch, canary, hostile, peers):
    row = request.node.callspec.params["row"]
    lived = lib.descendants()
    b = Bench(row, scratch, canary, hostile, peers)
    yield b
    hostile.sites.pop(b.site.name, None)
    lib.kill(lib.berths().keys() - lived.keys())    # for the next rows
    shutil.rmtree(b.top, ignore_errors=True)
    lib.reap()


@pytest.fixture(scope="session")
def peers(request, scratch, canary):
    if not request.config.getoption("--peers"):
        yield None
        return
    import peers as module
    p = module.Podman(scratch, canary, tree)
    yield p
    p.close()
