# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""Rows A: the audit record, as far as berth has it: a chain of hashes."""
import hashlib
import json
import os
import stat
import subprocess

import lib
import rows
from documents import GOOD
from lib import INSECURE
from rows import row
from sites import box


def fetched(bench):
    """A store whose record has two lines; returns the record's path."""
    bench.site.image([box()], {"Cmd": ["true"], "Env": ["PATH=/bin"]})
    bench.store.fetch(bench.site.ref)
    lib.await_true("the broker's end", lambda: not lib.berths())
    return bench.store.path("audit", "log")


def again(bench):
    return bench.store(INSECURE, "fetch", "--pull-policy=update",
                       bench.site.ref)


def refused(bench, says):
    """Neither fetch nor run acts without a record."""
    for r, status in ((again(bench), 1), (bench.store.run(bench.site.ref),
                                          125)):
        lib.failed(r, status, "audit")
        assert says in r.stderr, r


# A4, A9: the half of a line.

@rows.rows({"A4.torn-%s" % n: n for n in ("1", "100", "8000", "one-line")},
           "a last line cut off, %s: kept aside, the chain goes on",
           cve="CVE-2023-31438", own=True)
def _(bench, how):
    log = fetched(bench)
    with open(log, "rb") as f:
        whole = f.read()
    tear = {"1": b"{", "100": whole[:100], "8000": b"x" * 8000,
            "one-line": whole.splitlines()[0]}[how]
    with open(log, "ab") as f:
        f.write(tear)
    r = again(bench)
    assert r.returncode == 0, r
    assert "torn last line was moved to audit/torn-%d" % len(whole) \
        in r.stderr, r
    with open(bench.store.path("audit", "torn-%d" % len(whole)), "rb") as f:
        assert f.read() == tear
    bench.chain()
    assert len(bench.store.audit()) > 2


@row("A4.torn-in-two", "the last line cut in two: what is left of it is "
     "kept aside", own=True)
def _(bench):
    log = fetched(bench)
    with open(log, "rb") as f:
        lines = f.read().splitlines(True)
    with open(log, "r+b") as f:
        f.truncate(len(lines[0]) + 50)
    r = again(bench)
    assert r.returncode == 0, r
    with open(bench.store.path("audit", "torn-%d" % len(lines[0])),
              "rb") as f:
        assert f.read() == lines[1][:50]
    bench.chain()


@row("A4.long", "a last line longer than any of ours: nothing more is done",
     own=True)
def _(bench):
    log = fetched(bench)
    with open(log, "ab") as f:
        f.write(b"x" * 50000)
    before = open(log, "rb").read()
    refused(bench, "audit")
    assert open(log, "rb").read() == before


@rows.rows({"A1.garbage": b"garbage\n", "A1.no-number": b'{"sex":1}\n',
            "A1.empty-line": b"\n", "A1.zeros": b"\0" * 512 + b"\n",
            "A1.blanks": b" " * 100 + b"\n",
            "A1.number-text": b'{"seq":x,"time":""}\n',
            "A1.number-minus": b'{"seq":-1,"time":""}\n',
            "A1.number-huge": b'{"seq":99999999999999999999,"time":""}\n'},
           "a last line that is none of ours: nothing more is done (%s)",
           own=True)
def _(bench, line):
    log = fetched(bench)
    with open(log, "ab") as f:
        f.write(line)
    before = open(log, "rb").read()
    refused(bench, "audit")
    assert open(log, "rb").read() == before


# A16: what is no file of ours.

def other_file(bench, kind):
    log = fetched(bench)
    aside = bench.own("aside")
    os.rename(log, aside)
    with open(aside, "rb") as f:
        before = f.read()
    if kind == "symlink":
        os.symlink(aside, log)
    elif kind == "dangling":
        os.symlink(bench.own("new"), log)
    elif kind == "hard-link":
        os.link(aside, log)
    elif kind == "fifo":
        os.mkfifo(log, 0o600)
    elif kind == "directory":
        os.mkdir(log)
    elif kind == "device":
        os.mknod(log, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    elif kind == "others-may-write":
        os.rename(aside, log)
        os.chmod(log, 0o666)
    elif kind == "other-owner":
        os.rename(aside, log)
        os.chown(log, 1000, 1000)
    refused(bench, "audit")
    if os.path.exists(aside):
        with open(aside, "rb") as f:
            assert f.read() == before
    assert not os.path.exists(bench.own("new"))


rows.rows({"A16." + k: k for k in (
    "symlink", "dangling", "hard-link", "fifo", "directory", "device",
    "others-may-write", "other-owner")},
    "the record is a %s: nothing more is done", own=True)(other_file)


@rows.rows({"A16.directory-link": "link", "A16.directory-file": "file"},
           "the record's directory is a %s", own=True)
def _(bench, kind):
    fetched(bench)
    audit = bench.store.path("audit")
    os.rename(audit, bench.own("audit"))
    if kind == "link":
        os.symlink(bench.own("audit"), audit)
    else:
        with open(audit, "w", encoding="ascii"):
            pass
    with open(bench.own("audit/log"), "rb") as f:
        before = f.read()
    r = again(bench)
    assert r.returncode == 1 and r.stdout == "", r
    with open(bench.own("audit/log"), "rb") as f:
        assert f.read() == before


# A15: nothing is done that cannot be recorded.

@rows.rows({"A15.full": "fill", "A15.read-only": "ro"},
           "a disk that is %s: neither fetched nor run", own=True)
def _(bench, how):
    top = bench.own("disk")
    os.mkdir(top)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m,mode=700",
                    "berth-test", top], check=True)
    try:
        bench.store = lib.Store(os.path.join(top, "s"))
        fetched(bench)
        n = len(bench.store.audit())
        if how == "ro":
            subprocess.run(["mount", "-o", "remount,ro", top], check=True)
        else:
            with open(bench.store.path("audit", "log"), "ab") as f:
                # the page of its end is full, too
                line = b'{"seq":%d,"x":"' % (n + 1)
                f.write(line + b"x" * (4096 - (f.tell() + len(line) + 3) %
                                       4096) + b'"}\n')
                n += 1
            with open(top + "/fill", "wb", 0) as f:
                try:
                    while True:
                        f.write(b"x" * 4096)
                except OSError:
                    pass
        for r, status in ((again(bench), 1),
                          (bench.store.run(bench.site.ref), 125)):
            lib.failed(r, status)
            assert "No space left" in r.stderr or "no space left" in r.stderr \
                or "ead-only" in r.stderr, r
        assert len(bench.store.audit()) == n
        lib.await_true("the broker's end", lambda: not lib.berths())
    finally:
        subprocess.run(["umount", top], check=True)
        bench.store = lib.Store(os.path.join(bench.top, "s"))


# A13: every untrusted field.

EVIL = "x\"}\n{\"seq\":1}\r\x1b[2J\x7f\u2028\\"


@rows.rows({"A13.error-text": "error", "A13.media-type": "media",
            "A13.content-type": "content", "A13.location": "location",
            "A13.realm": "realm", "A13.platform": "platform",
            "A13.user": "user", "A13.program": "program",
            "A13.path": "path", "A13.stop-signal": "signal"},
           "JSON, newlines and escapes in the %s", cve="CVE-2021-25743",
           own=True)
def _(bench, field):
    s = bench.site
    k, run = {"Env": ["PATH=/bin"], "Cmd": ["true"]}, False
    if field == "error":
        s.on[s.path] = lambda h: h.reply(403, json.dumps(
            {"errors": [{"code": EVIL, "message": EVIL}]}).encode())
    elif field == "media":
        s.image(edit=lambda m: m["layers"][0].update(mediaType=EVIL))
    elif field == "content":
        s.on[s.path] = lambda h: h.reply(200, b"{}", Content_Type=EVIL
                                         .replace("\n", "").replace(
                                             "\r", "").encode().decode(
                                                 "latin-1"))
    elif field == "location":
        s.on[s.path] = lambda h: h.reply(307, Location="x:\"}\x1b\\")
    elif field == "realm":
        s.on[s.path] = lambda h: h.reply(
            401, WWW_Authenticate='Bearer realm="x:\\"}\\\\\x1b"')
    elif field == "platform":
        s.index([{"mediaType": "application/vnd.oci.image.manifest.v1+json",
                  "digest": GOOD, "size": 3, "platform": {
                      "os": EVIL, "architecture": EVIL}}])
    elif field == "signal":
        s.image(config={"StopSignal": EVIL})
    else:
        run = True
        s.image([box()], dict(k, **{
            "user": {"User": EVIL}, "program": {"Cmd": ["/" + EVIL]},
            "path": {"WorkingDir": "/etc/passwd/" + EVIL}}[field]))
    r = bench.store.run(s.ref) if run else bench.store(INSECURE, "fetch",
                                                       s.ref)
    assert r.returncode not in (0, -6, -11), r
    judged = rows.Row("A13.x", "", refused, says="x")
    assert len(bench.lines(judged, r)) == 1, r
    bench.chain()
    assert set(bench.outcomes()) <= {"ok", "failed"} and \
        "failed" in bench.outcomes()


@row("A17.app-output", "an app that prints lines like berth's own: they "
     "reach its own streams alone", own=True)
def _(bench):
    line = '{"seq":99,"outcome":"ok"}'
    bench.site.image([box()], {"Env": ["PATH=/bin"], "Cmd": [
        "sh", "-c", "echo '%s' >&2; echo 'berth: all is well'" % line]})
    r = bench.store.run(bench.site.ref)
    assert r.returncode == 0 and r.stdout == "berth: all is well\n", r
    assert line in r.stderr and line not in bench.store.audit_text()
    assert '"seq":99' not in bench.store.audit_text()
    bench.chain()


@row("A13.arguments", "arguments and variables of a run: no secret of the "
     "caller is in the record", own=True)
def _(bench):
    bench.site.image([box()], {"Env": ["PATH=/bin"]})
    r = bench.store.run("--set-env=PASSWORD=hush-hush", bench.site.ref, "--",
                        "echo", "quiet-please")
    assert r.returncode == 0, r
    assert "hush" not in bench.store.audit_text()
    bench.chain()


# A11: several writers.

@row("A11.eight", "eight commands at once: one chain", own=True)
def _(bench):
    fetched(bench)
    ps = [bench.store.popen(INSECURE, "run", bench.site.ref)
          for _ in range(8)]
    for p in ps:
        p.communicate(timeout=60)
    assert [p.returncode for p in ps] == [0] * 8
    bench.chain()
    runs = [a for a in bench.store.audit() if a["action"] == "run"]
    assert len([a for a in runs if a["outcome"] == "intent"]) == 8
    assert len({a["cause"] for a in runs if "cause" in a}) == 8


@row("A1.flip", "one byte changed in the middle: the chain shows where",
     own=True)
def _(bench):
    log = fetched(bench)
    bench.store.run(bench.site.ref)
    with open(log, "rb") as f:
        lines = f.read().splitlines(True)
    bad = lines[1].replace(b"fetch", b"fetcH")
    assert bad != lines[1]
    assert json.loads(lines[2])["prev"] == hashlib.sha256(
        lines[1]).hexdigest() != hashlib.sha256(bad).hexdigest()


test = rows.runner(__name__)
