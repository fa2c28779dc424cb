# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""Broker and engine: what one of them does to the other, and its end."""
import os
import shutil
import subprocess

import pytest

import lib

OBJECTS = ["proto/msg.o", "proto/msg_check.o", "proto/msg_check_name.o",
           "proto/msg_check_engine.o", "proto/chan.o", "common/log.o",
           "common/valid.o", "common/ref.o", "common/refname.o"]


@pytest.fixture(scope="module")
def enemy(scratch):
    """berthd beside an engine that is not ours."""
    top = os.path.join(scratch, "enemy")
    os.mkdir(top)
    for n in os.listdir(lib.OUT):
        if n == "berthd" or n.startswith("berth-"):
            shutil.copy2(os.path.join(lib.OUT, n), top)
    san = ["-fsanitize=address,undefined"] if lib.SANITIZED else []
    os.unlink(os.path.join(top, "berth-engine"))
    subprocess.run(
        ["cc", "-D_GNU_SOURCE", *san, "-o", os.path.join(top, "berth-engine"),
         os.path.join(lib.HERE, "enemy.c"),
         *(os.path.join(lib.OUT, "obj", o) for o in OBJECTS)], check=True)
    return os.path.join(top, "berthd")


def does(berthd, store, deed, *options):
    """Such a daemon, and how it ended."""
    conf = store.dir + ".conf"
    with open(conf, "w", encoding="utf-8") as f:
        f.write('store "%s"\nlisten on 127.0.0.1 port %d\n' % (
            store.dir, lib.free_port()))
    store("image", "list")              # it is made, and the engine's
    with open(store.path("deed"), "w", encoding="ascii") as f:
        f.write(deed)
    return lib.command([berthd, "-d", *options, "-f", conf], timeout=20)


@pytest.mark.parametrize("deed,status", [("forlorn", 3), ("twice", 1)])
def test_nobody_is_made_for_a_dead_engine(enemy, store, deed, status):
    """It has asked for many before its end, and each could live on."""
    assert does(enemy, store, deed).returncode == status


def test_last_words_of_the_engine(enemy, store):
    r = does(enemy, store, "words")
    assert r.returncode == 3
    assert ["berthd: last word %d" % i for i in range(100)] == [
        x for x in r.stderr.splitlines() if "last word" in x], r
