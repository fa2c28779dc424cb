# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""The fixtures of the end-to-end tests, for faults."""
import importlib.util
import os
import sys

import pytest

E2E = os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "e2e")
sys.path.insert(0, E2E)
spec = importlib.util.spec_from_file_location(
    "e2e_conftest", os.path.join(E2E, "conftest.py"))
e2e = importlib.util.module_from_spec(spec)
spec.loader.exec_module(e2e)

pytest_configure = e2e.pytest_configure
pytest_collection_modifyitems = e2e.pytest_collection_modifyitems
scratch = e2e.scratch
made = e2e.made
registry = e2e.registry
shared = e2e.shared
store = e2e.store
nothing_left = e2e.nothing_left


@pytest.fixture
def keeps_user_xattrs():
    return e2e.keeps_user_xattrs
