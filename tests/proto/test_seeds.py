# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""The seeds of fuzz_msg begin with the number of the message that they are
named after: one taken out of msg.def renumbers those behind it."""
import os
import re

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
SEEDS = os.path.join(TOP, "tests", "fuzz", "corpus", "msg")


def numbers():
    with open(os.path.join(TOP, "proto", "msg.def"), encoding="ascii") as f:
        names = re.findall(r"^MSG\((\w+),", f.read(), re.M)
    return {name.lower(): i for i, name in enumerate(names, 1)}


@pytest.mark.parametrize("seed", sorted(os.listdir(SEEDS)))
def test_number(seed):
    with open(os.path.join(SEEDS, seed), "rb") as f:
        assert f.read(1)[0] == numbers()[seed.split("-")[0]]
