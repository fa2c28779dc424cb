# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""The manual pages and the parsers name the same options and commands;
tests/manuals.sh looks at messages and configuration."""
import os
import re
import subprocess

import pytest

import lib

BERTH1 = os.path.join(lib.TOP, "worker", "cli", "berth.1")
BERTHD8 = os.path.join(lib.TOP, "broker", "berthd.8")
CONF5 = os.path.join(lib.TOP, "etc", "berthd.conf.5")
PROTO7 = os.path.join(lib.TOP, "proto", "berth-proto.7")
PAGES = (BERTH1, BERTHD8, CONF5, PROTO7)


def plain(page):
    text = subprocess.run(["mandoc", "-T", "utf8", "-O", "width=78", page],
                          capture_output=True, text=True, check=True).stdout
    return re.sub(".\b", "", text)


def options_of_page():
    """Every option that has an entry (.It Fl …) of its own."""
    with open(BERTH1) as f:
        return set(re.findall(r"^\.It Fl Fl ([a-z-]+)|^\.It Fl -([a-z-]+)",
                              f.read(), re.M))


def options_of_help(*command):
    text = lib.command([lib.BERTH, "help", *command]).stdout
    return set(re.findall(r"^ +--([a-z-]+)", text, re.M))


COMMANDS = [("fetch",), ("run",), ("image", "list"),
            ("image", "cat-manifest"), ("image", "export"),
            ("image", "verify"), ("image", "rm"), ("image", "gc")]


@pytest.mark.parametrize("page", PAGES, ids=os.path.basename)
def test_lint(page):
    r = subprocess.run(["mandoc", "-T", "lint", page], capture_output=True,
                       text=True, check=False)
    bad = [x for x in r.stdout.splitlines() + r.stderr.splitlines()
           if "referenced manual not found" not in x]
    assert bad == []


def test_options_of_berth():
    page = {a or b for a, b in options_of_page()}
    parser = set().union(*(options_of_help(*c) for c in COMMANDS))
    assert parser, "berth help prints no options"
    assert page == parser


def test_commands_of_berth():
    text = lib.command([lib.BERTH, "help"]).stdout
    words = set(re.findall(r"^  ([a-z]+(?: [a-z-]+)?)  ", text, re.M))
    assert {" ".join(c) for c in COMMANDS} <= words
    page = plain(BERTH1)
    for w in words:
        assert re.search(r"\b%s\b" % re.escape(w), page), w


def test_options_of_berthd():
    usage = lib.command([lib.BERTHD, "-Z"]).stderr
    letters = set(re.findall(r"[a-z]", re.search(
        r"\[-([a-z]+)\]", usage).group(1))) | set(
        re.findall(r"\[-([a-z]) ", usage))
    with open(BERTHD8) as f:
        page = set(re.findall(r"^\.It Fl ([a-z])\b", f.read(), re.M))
    assert letters == page


def test_pages_are_in_step_with_version():
    r = lib.command([lib.BERTH, "version"])
    assert r.returncode == 0 and re.match(r"berth \d+\.\d+\.\d+\b", r.stdout)
