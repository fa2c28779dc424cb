# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""The manual pages and the parsers name the same options and commands."""
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


def test_every_message_is_documented():
    with open(os.path.join(lib.TOP, "proto", "msg.def")) as f:
        names = re.findall(r"^MSG\(([A-Z_]+),", f.read(), re.M)
    with open(PROTO7) as f:
        page = f.read()
    assert len(names) > 30
    assert [n for n in names if not re.search(
        r"(?<![A-Z_])%s(?![A-Z_])" % n, page)] == []


def test_shipped_configuration_is_valid():
    conf = os.path.join(lib.TOP, "etc", "berthd.conf")
    assert os.path.exists(conf)
    r = lib.command([lib.BERTHD, "-n", "-f", conf])
    assert r.returncode == 0, r


def test_examples_of_the_configuration_page(tmp_path):
    """Each display of EXAMPLES is a file that berthd takes."""
    with open(CONF5) as f:
        examples = f.read().split(".Sh EXAMPLES")[1].split(".Sh ")[0]
    shown = re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed", examples,
                       re.M | re.S)
    assert shown
    token = tmp_path / "token"
    token.write_text("a-token-of-some-length\n")
    token.chmod(0o600)
    for text in shown:
        text = text.replace("\\e", "\\").replace("\\&", "")
        text = re.sub(r'token file "[^"]*"', 'token file "%s"' % token, text)
        p = tmp_path / "c"
        p.write_text(text)
        r = lib.command([lib.BERTHD, "-n", "-f", p])
        assert r.returncode == 0, (text, r)


def test_pages_are_in_step_with_version():
    r = lib.command([lib.BERTH, "version"])
    assert r.returncode == 0 and re.match(r"berth \d+\.\d+\.\d+\b", r.stdout)
