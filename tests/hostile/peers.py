# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""What podman does with the same rows: --peers writes peers.json."""
import json
import os
import re
import subprocess

import lib

HERE = os.path.dirname(os.path.abspath(__file__))
FILE = os.path.join(HERE, "peers.json")
# A machine without CAP_SYS_RESOURCE and with hybrid cgroups needs these.
RUN = ("--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024",
       "--net=none", "--log-driver=none")
NOISE = r"sha256:[0-9a-f]{6,}|[0-9a-f]{12,}|127\.0\.0\.1:\d+|/\S*/storage|" \
    r"time=\"[^\"]*\"|level=\w+|msg=|docker://|\d{9,}"


def load():
    try:
        with open(FILE, encoding="utf-8") as f:
            return json.load(f)
    except FileNotFoundError:
        return {}


def said(text, name):
    """The reason alone, without what differs from run to run."""
    lines = [x for x in text.splitlines() if "Error" in x or "error" in x]
    line = lines[-1] if lines else (text.splitlines() or [""])[-1]
    line = re.sub(NOISE, "", line.replace(name, "NAME"))
    parts = [p.strip(" \"\\") for p in line.split(": ") if p.strip(" \"\\")]
    short = ": ".join(parts[-2:])
    return "".join(c if " " <= c <= "~" and c != "|" else "?"
                   for c in short)[:120]


class Podman:
    """One scratch store for all rows; each image is removed again."""

    def __init__(self, scratch):
        self.top = os.path.join(scratch, "podman")
        os.makedirs(self.top)
        self.found = load()
        version = lib.command(["podman", "--version"]).stdout.split()[-1]
        self.found["version"] = version
        self.berth = self.found.setdefault("berth", {})

    def argv(self, *args):
        return ["podman", "--root", self.top + "/storage", "--runroot",
                self.top + "/run", "--tmpdir", self.top + "/tmp",
                "--runtime=runc", "--cgroup-manager=cgroupfs",
                "--events-backend=none",
                "--storage-driver=vfs", *args]

    def command(self, *args):
        try:
            return lib.command(self.argv(*args), timeout=40)
        except subprocess.TimeoutExpired:
            return None

    def note(self, row, line, name):
        """What berth itself said, for the table."""
        text = re.sub(NOISE, "", line).split(name + ":", 1)[-1]
        text = re.sub("^latest: |^berth: ", "", text.strip())
        if not row.own:
            self.berth[row.id] = "refused: " + text[:200]

    def judge(self, row, ref):
        if row.alone:
            return
        r = self.command("pull", "--tls-verify=false", "-q", *row.argv[:1]
                         if "--platform" in str(row.argv) else (), ref)
        if r is not None and r.returncode == 0 and row.run is not None:
            words = [w for w in row.run if w != "--"]
            r = self.command("run", "--rm", *RUN, ref, *words)
        if r is None:
            self.found[row.id] = "hangs"
        elif r.returncode == 0:
            self.found[row.id] = "accepted"
        elif r.returncode < 0 or "goroutine" in r.stderr:
            self.found[row.id] = "crashes"
        else:
            self.found[row.id] = "refused: " + said(
                r.stderr, ref.rsplit("/", 1)[1])
        self.command("rmi", "-af")

    def close(self):
        with open(FILE, "w", encoding="utf-8") as f:
            json.dump(self.found, f, indent=0, sort_keys=True)
            f.write("\n")
        subprocess.run(self.argv("system", "reset", "-f"), check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
