# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""What podman does with the same rows: --peers writes peers.json."""
import glob
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess

import lib

HERE = os.path.dirname(os.path.abspath(__file__))
FILE = os.path.join(HERE, "peers.json")
# A machine without CAP_SYS_RESOURCE and with hybrid cgroups needs these.
RUN = ("--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024",
       "--net=none", "--log-driver=none")
DISK = "2g"             # of podman: a bomb fills no more than that
MEMORY = 8 << 30        # address space for a pull
PATIENCE = 100          # seconds for one command of podman
NOISE = r"sha256:[0-9a-f]{6,}|[0-9a-f]{12,}|127\.0\.0\.1:\d+|" \
    r"/\S*/storage\d*|/\S*/podman/run|\{\"layerSize\":\d+\} |" \
    r"time=\"[^\"]*\"|level=\w+|msg=|docker://|\d{9,}"
# Podman's writes go into an overlay of the machine's root, so that those
# which an image leads out of its container are seen and do no harm.
JAIL = """set -e
mount -t overlay -o lowerdir=/,upperdir="$1/upper",workdir="$1/work" jail \
    "$1/root"
for d in /proc /sys /dev "$2"; do mount --rbind "$d" "$1/root$d"; done
mount --bind "$1/shm" "$1/root/dev/shm"
mount --bind "$1/host-run" "$1/root/run"
cd "$1/root"
pivot_root . .
umount -l .
cd /
shift 2
exec "$@"
"""
# where podman and conmon write by themselves
OWN = ("var/lib/containers", "root/.config", "etc/cni", "tmp", "var/tmp",
       "oom")


def load():
    try:
        with open(FILE, encoding="utf-8") as f:
            return json.load(f)
    except FileNotFoundError:
        return {}


def plain(text):
    """For a cell of the table."""
    return "".join(c if " " <= c <= "~" and c != "|" else "?"
                   for c in text)[:120]


def ends(text):
    """All of few lines, the first and the last of many."""
    lines = [x.strip() for x in text.splitlines() if x.strip()]
    if len(lines) > 9:
        lines[1:-1] = ["..."]
    return "; ".join(lines)


def said(text, name):
    """The reason alone, without what differs from run to run."""
    text = text.replace("\n stderr:", " stderr:")      # one line of podman's
    lines = [x for x in text.splitlines() if "Error" in x or "error" in x]
    line = lines[-1] if lines else (text.splitlines() or [""])[-1]
    line = re.sub(NOISE, "", line.replace(name, "NAME"))
    parts = [p.strip(" \"\\") for p in line.split(": ") if p.strip(" \"\\")]
    return plain(": ".join(parts[-2:]))


def digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def below(top):
    return {os.path.relpath(os.path.join(d, x), top)
            for d, dirs, files in os.walk(top) for x in dirs + files}


def mount(top, size):
    os.makedirs(top)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755,size=" + size,
                    "berth-test", top], check=True)


def umount(top):
    lib.await_true("umount", lambda: subprocess.run(
        ["umount", top], check=False).returncode == 0)
    os.rmdir(top)


class Podman:
    """One scratch store for all rows; each image is removed again."""

    def __init__(self, scratch, canary, tree):
        self.scratch = scratch
        self.top = os.path.join(scratch, "podman")
        mount(self.top, DISK)
        for d in ("staged", "upper", "work", "root", "shm", "host-run"):
            os.mkdir(os.path.join(self.top, d))
        self.canary, self.tree = canary, tree
        self.sound = tree(canary)
        subprocess.run(["cp", "-a", canary, self.top + "/canary"], check=True)
        self.found = load()
        version = lib.command(["podman", "--version"]).stdout.split()[-1]
        self.found["version"] = version
        self.berth = self.found.setdefault("berth", {})
        self.runtime = shutil.which("runc", path="/usr/sbin:/usr/bin")
        self.intact = digest(self.runtime)
        self.answers = []               # of the row that runs

    def argv(self, *args, root=None):
        return ["podman", "--root", root or self.top + "/storage",
                "--runroot", self.top + "/run", "--tmpdir",
                self.top + "/tmp",
                "--runtime=" + self.runtime, "--cgroup-manager=cgroupfs",
                "--events-backend=none",
                "--storage-driver=vfs", *args]

    def jailed(self, *argv):
        return ["unshare", "-m", "sh", "-c", JAIL, "sh", self.top,
                self.scratch, *argv]

    def popen(self, *args, wrap=(), root=None, **k):
        """In a group of its own, which can be ended as one."""
        if args[0] == "pull":
            wrap = [*wrap, "prlimit", "--as=%d" % MEMORY]
        return subprocess.Popen(
            self.jailed(*wrap, *self.argv(*args, root=root)),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, encoding="utf-8", errors="surrogateescape",
            start_new_session=True,
            env=dict(os.environ, TMPDIR=self.top + "/staged"), **k)

    def command(self, *args, **k):
        """None when it came to no end."""
        lived = lib.descendants()
        p = self.popen(*args, **k)
        try:
            out, err = p.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, signal.SIGKILL)
            lib.kill(lib.descendants().keys() - lived.keys())
            p.communicate()
            self.command("rm", "-af")
            return None
        return subprocess.CompletedProcess(args, p.returncode, out, err)

    def note(self, row, line, name):
        """What berth itself said, for the table."""
        text = re.sub(NOISE, "", line).split(name + ":", 1)[-1]
        text = re.sub("^latest: |^berth: ", "", text.strip())
        if not row.own:
            self.berth[row.id] = "refused: " + text[:200]

    def judge(self, row, ref):
        if row.alone:
            return
        options = [x for x in row.argv[:1] if "--platform" in x]
        words = None if row.run is None else [w for w in row.run if w != "--"]
        self.give(ref, words, options=options, holds=None if not row.good or
                  not row.says else lambda r: re.search(row.says, r.stdout))

    def give(self, ref, words=None, options=(), run=(), wrap=(), root=None,
             holds=None, tell=None, terminal=None, **k):
        """Pulls and, with words, runs them; what came of it is an answer.
        options: of pull, run: of run, wrap: words before podman's own.
        holds(r): whether what berth holds to was held to; tell(r): what
        came of it, in words.  terminal(argv): runs on one and returns what
        it shows."""
        r = self.command("pull", "--tls-verify=false", "-q", *options, ref,
                         wrap=wrap if words is None else (), root=root)
        if r is not None and r.returncode == 0 and words is not None:
            argv = ["run", "--rm", *RUN, *run, ref, *words]
            r = self.command(*argv, wrap=wrap, root=root, **k) if \
                terminal is None else subprocess.CompletedProcess(
                    argv, 0, terminal(self.jailed(*self.argv(*argv))), "")
        self.answers.append(self.reached() + (
            tell(r) if tell and r is not None and r.returncode == 0 else
            self.answer(r, ref.rsplit("/", 1)[1], holds)))
        if root is not None:
            self.answers[-1] += self.staying(os.path.dirname(root))
        self.command("rmi", "-af", root=root)

    def reached(self):
        """What lies outside of every container and was changed; it is made
        good for the rows that follow."""
        assert digest(self.runtime) == self.intact
        names = self.strays()
        if self.tree(self.canary) != self.sound:
            had, has = (below(top) for top in (self.top + "/canary",
                                               self.canary))
            names += [self.canary + "/" + x for x in sorted(has - had)] or [
                self.canary]
            shutil.rmtree(self.canary)
            subprocess.run(["cp", "-a", self.top + "/canary", self.canary],
                           check=True)
            assert self.tree(self.canary) == self.sound
        return "writes outside the container (%s): " % " ".join(names).replace(
            self.canary, "CANARY") if names else ""

    def strays(self):
        """Of the overlay; they are taken away."""
        top = self.top + "/upper"
        found = ["/" + x for x in sorted(below(top)) if not any(
            (own + "/").startswith(x + "/") or x.startswith(own + "/")
            for own in OWN)]
        for x in found:
            if os.path.isdir(top + x) and not os.path.islink(top + x):
                shutil.rmtree(top + x)
            elif os.path.lexists(top + x):
                os.unlink(top + x)
        # a directory is there as soon as something in it is
        return [x for x in found
                if not any(y.startswith(x + "/") for y in found)]

    def answer(self, r, name, holds=None):
        if r is None:
            return "no end within %d s" % PATIENCE
        if "fatal error: out of memory" in r.stderr:
            return "takes more than %d GiB of memory" % (MEMORY >> 30)
        if r.returncode < 0 or "goroutine" in r.stderr:
            return "crashes"
        if holds is not None and r.returncode not in (125, 126, 127):
            return "holds" if holds(r) else "differs: " + plain(ends(
                r.stdout or r.stderr or "exit status %d" % r.returncode))
        if r.returncode == 0:
            return "accepted"
        return "refused: " + said(r.stderr, name)

    @staticmethod
    def staying(top):
        st = os.statvfs(top)
        full = (st.f_blocks - st.f_bfree) * 100 // st.f_blocks
        return "" if full < 8 else ", and %d %% stay full" % full

    def full(self, ref, size):
        """A pull on a disk of that size."""
        top = self.top + "-small"
        mount(top, size)
        try:
            self.give(ref, root=top + "/storage")
        finally:
            umount(top)

    def beside(self, ref, meddle):
        """Pulls while meddle(p) is at work; it says how often it was."""
        turns = tries = 0
        while tries < 3 or (turns == 0 and tries < 30):
            tries += 1
            p = self.popen("pull", "--tls-verify=false", "-q", ref)
            turns += meddle(p)
            out, err = p.communicate()
            self.answers.append(self.reached() + self.answer(
                subprocess.CompletedProcess((), p.returncode, out, err),
                ref.rsplit("/", 1)[1]))
            self.command("rmi", "-af")
        assert turns > 0

    def look_into(self, ref, strangers):
        """strangers(storage, layer): what they got of a pulled image."""
        top = self.top + "/storage"
        r = self.command("pull", "--tls-verify=false", "-q", ref)
        got = strangers(top, glob.glob(top + "/vfs/dir/*")[0])
        self.answers.append("let through: " + " ".join(got) if got else
                            self.answer(r, "", lambda r: True))
        self.command("rmi", "-af")

    def option(self, option):
        """Whether podman run has what berth has not."""
        text = self.command("run", "--help").stdout
        self.answers.append("has %s option" % (
            "such an" if re.search(r"\s%s\s" % option.split("=")[0], text)
            else "no such"))

    def close_row(self, row):
        """One answer, or how many there were of each."""
        if self.answers[1:]:
            kinds = [a.split("): ")[0].split(": ")[0] for a in self.answers]
            self.answers = ["%d of %d %s" % (kinds.count(k), len(kinds), k)
                            for k in sorted(set(kinds))]
        if self.answers:
            self.found[row.id] = ", ".join(self.answers)
        self.answers = []

    def close(self):
        with open(FILE, "w", encoding="utf-8") as f:
            json.dump(self.found, f, indent=0, sort_keys=True)
            f.write("\n")
        self.command("system", "reset", "-f")
        umount(self.top)
