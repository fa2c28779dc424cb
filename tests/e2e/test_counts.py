# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""What berth's speed is made of and can be counted without a clock: system
calls, processes, bytes written, syncs, libraries, instructions.  Each is
compared with tests/bench/counts.json and may grow by a tenth.  Who means a
change writes the file anew: BERTH_COUNTS=write make check."""
import gzip
import json
import os
import random
import re
import shutil
import subprocess
import time

import pytest

import images
import lib

FILE = os.path.join(lib.TOP, "tests", "bench", "counts.json")
WRITES = "write,writev,pwrite64,pwritev,pwritev2,sendfile,splice,tee," \
         "copy_file_range"
SYNCS = "fsync,fdatasync,sync,sync_file_range"


def judge(name, value):
    """Not above what is recorded, and a tenth."""
    with open(FILE) as f:
        recorded = json.load(f)
    if os.environ.get("BERTH_COUNTS") == "write":
        recorded[name] = value
        with open(FILE, "w") as f:
            json.dump(recorded, f, indent=1, sort_keys=True)
            f.write("\n")
    assert name in recorded, "%s = %s is in no record" % (name, value)
    assert value <= recorded[name] * 1.1, "%s: %s, recorded %s" % (
        name, value, recorded[name])


def sanitized():
    return "asan" in subprocess.run(
        ["ldd", lib.BERTHD], capture_output=True, text=True).stdout


pytestmark = pytest.mark.skipif(
    sanitized(), reason="sanitizers make calls of their own")


def fixed_tar():
    """The same bytes on every machine: small files, links, one large."""
    rng = random.Random(1)
    words = [b"%x " % rng.getrandbits(24) for _ in range(500)]
    t = images.Tar().dir("d")
    for i in range(20):
        t.dir("d/%02d" % i)
        for k in range(20):
            t.file("d/%02d/f%02d" % (i, k),
                   b"".join(rng.choices(words, k=rng.randrange(400))))
        t.link("d/%02d/link" % i, "f00")
    t.file("d/large", b"".join(rng.choices(words, k=200000)))
    return t.bytes()


@pytest.fixture(scope="session")
def fixed(registry, made):
    def build(path):
        lay = images.Layout(path)
        lay.tag(lay.image([fixed_tar()], {"Cmd": ["/d/large"]}))
        return lay
    return registry.push(made("counts", build), "counts")


def strace(log, calls, argv):
    subprocess.run(["strace", "-f", "-qq", "-s", "0", "-o", log, "-e",
                    "trace=" + calls, "-e", "signal=none", *argv],
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, check=True)
    with open(log, errors="replace") as f:
        return [x for x in f.read().splitlines() if " resumed>" not in x]


def test_calls_and_processes_of_a_start(shared, tmp_path):
    argv = shared.argv("run", shared.id, "--", "/bin/true")
    subprocess.run(argv, stdin=subprocess.DEVNULL, check=True)
    runs = []
    for _ in range(3):
        lines = strace(str(tmp_path / "log"), "all", argv)
        runs.append((len([x for x in lines if "(" in x]),
                     len({x.split()[0] for x in lines})))
    judge("system calls of a start", min(r[0] for r in runs))
    judge("processes of a start", min(r[1] for r in runs))


def test_memory_of_pid_1(shared):
    cli = shared.popen("run", shared.id, "--", "sleep", "60")
    try:
        lib.app_pid(cli, "sleep")
        pid = lib.app_pid(cli, "berth-init")
        kib = before = None
        # it gives back what it built with: until nothing changes any more
        while kib is None or kib != before or idle < 10:
            idle = idle + 1 if kib is not None and kib == before else 0
            before = kib
            with open("/proc/%d/smaps_rollup" % pid) as f:
                kib = int(re.search(r"Anonymous: +(\d+)",
                                    f.read()).group(1))
            time.sleep(0.05)
    finally:
        cli.kill()
        cli.wait()
    judge("KiB that pid 1 alone has", kib)


def test_bytes_and_syncs_of_a_fetch(store, registry, fixed, tmp_path):
    log = str(tmp_path / "log")
    lines = strace(log, WRITES + "," + SYNCS + ",connect",
                   store.argv(lib.INSECURE, "fetch", fixed))
    layer, = registry.manifest("counts")["layers"]
    with open(log, errors="replace") as f:
        text = f.read()
    written = sum(int(n) for n in re.findall(
        r"(?:%s)(?:\(.*\)| resumed>.*) += (\d+)" %
        WRITES.replace(",", "|"), text))
    # each byte comes once through a pipe, goes once into a private file,
    # and what it holds once into files and skeleton
    judge("bytes written for a fetched byte",
          round(written / layer["size"], 2))
    judge("system calls that write in a fetch", len(
        [x for x in lines if re.search(r" (?:%s)\(" %
                                       WRITES.replace(",", "|"), x)]))
    judge("connections of a fetch", len(
        [x for x in lines if " connect(" in x and "AF_INET" in x]))
    syncs = re.findall(r" (?:%s)\(" % SYNCS.replace(",", "|"), text)
    assert syncs == [], "a fetch waits for no disk"


@pytest.mark.parametrize("program", [
    "berth", "berthd", "berth-conf", "berth-init", "berth-unpack",
    "berth-http", "berth-fetch", "berth-engine"])
def test_libraries(program):
    r = subprocess.run(["ldd", os.path.join(lib.OUT, program)],
                       capture_output=True, text=True)
    judge("libraries of " + program, len(re.findall(
        r"^\s+(?:lib\S+ =>|/)", r.stdout, re.M)))


@pytest.mark.skipif(shutil.which("valgrind") is None,
                    reason="valgrind is not installed")
def test_instructions_of_unpacking(tmp_path, scratch):
    with open("/proc/cpuinfo") as f:
        if "avx2" not in f.read().split():
            pytest.skip("recorded where the processor has AVX2")
    program = os.path.join(lib.OUT, "bench", "unpackone")
    if not os.path.exists(program):
        pytest.skip("make check builds it")
    tar = fixed_tar()
    blob = gzip.compress(tar, 6, mtime=0)
    (tmp_path / "blob").write_bytes(blob)
    stage = os.path.join(scratch, "stage")
    os.mkdir(stage)
    try:
        with open(tmp_path / "blob", "rb") as f:
            r = subprocess.run(
                ["valgrind", "--tool=callgrind",
                 "--callgrind-out-file=/callgrind.out", program, stage,
                 str(tmp_path / "copy"), "gzip", str(len(blob)),
                 images.sha256(blob), images.sha256(tar)], stdin=f,
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                text=True)
        assert r.returncode == 0, r.stderr
        assert os.path.getsize(os.path.join(stage, "fs/d/large")) > 100000
        count = int(re.search(r"Collected : (\d+)", r.stderr).group(1))
    finally:
        shutil.rmtree(stage)
    judge("instructions per byte of tar", round(count / len(tar), 2))
