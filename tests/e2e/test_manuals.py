# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""The manual pages are clean; tests/options.sh and tests/manuals.sh compare
them with the parsers."""
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


@pytest.mark.parametrize("page", PAGES, ids=os.path.basename)
def test_lint(page):
    r = subprocess.run(["mandoc", "-T", "lint", page], capture_output=True,
                       text=True, check=False)
    bad = [x for x in r.stdout.splitlines() + r.stderr.splitlines()
           if "referenced manual not found" not in x]
    assert bad == []


def test_pages_are_in_step_with_version():
    r = lib.command([lib.BERTH, "version"])
    assert r.returncode == 0 and re.match(r"berth \d+\.\d+\.\d+\b", r.stdout)
