# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""What the broker opens during a fetch, seen by strace: nothing that the
registry named."""
import os
import re
import signal
import subprocess

import pytest

import images
import lib

SECRET = "zz-named-by-the-registry"


@pytest.fixture
def trace(store, registry, made, tmp_path):
    """The broker's and only the broker's file calls while it fetched an
    image whose names all carry SECRET."""
    def build(path):
        lay = images.Layout(path)
        tar = images.Tar().dir(SECRET).file(SECRET + "/file", "x").link(
            SECRET + "/link", "/etc/" + SECRET).bytes()
        lay.tag(lay.image([images.busybox_tar(), tar], dict(
            images.BUSYBOX_CONFIG, WorkingDir="/" + SECRET,
            Labels={SECRET: SECRET}, Volumes={"/" + SECRET + "/v": {}})))
        return lay
    registry.push(made("traced", build), "traced")
    conf = store.dir + ".conf"
    with open(conf, "w") as f:
        f.write('store "%s"\nlisten on 127.0.0.1 port %d\n' % (
            store.dir, lib.free_port()))
    log = str(tmp_path / "trace")
    server = subprocess.Popen(
        ["strace", "-ff", "-s", "4096", "-e", "trace=%file,execve,clone3",
         "-o", log, lib.BERTHD, "-d", "-f", conf],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    try:
        broker = lib.await_true("the broker", lambda: lib.daemon_on(store))
        store.fetch(registry.ref("traced"))
    finally:
        lib.kill([p for p, n in lib.descendants(server.pid).items()
                  if n == "berthd"], signal.SIGTERM)
        server.wait(30)
    with open("%s.%d" % (log, broker), errors="replace") as f:
        return f.read(), [n for n in os.listdir(tmp_path)
                          if n.startswith("trace.")]


def test_broker_opens_nothing_the_registry_named(trace, store, registry):
    text, files = trace
    assert len(files) >= 4              # fetch and unpackers were there
    assert "openat" in text             # the trace is one
    assert SECRET not in text
    # the layer's own names are under fs/: the broker never enters it
    opened = re.findall(r'(?:open|openat|openat2|stat|lstat|newfstatat|'
                        r'statx|mkdirat|unlinkat)\([^"]*"([^"]*)"', text)
    assert opened
    for p in opened:
        assert "/fs/" not in p and "busybox" not in p, p
        assert not p.endswith(("/passwd", "/group")), p


def test_broker_executes_only_its_helpers(trace):
    text, _ = trace
    programs = {os.path.basename(p) for p in re.findall(
        r'execve\("([^"]*)"', text)}
    assert programs == {"berthd"}       # helpers are executed by descriptor
