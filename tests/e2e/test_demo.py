# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""make demo, all but its packages: it ends well, and what it prints can be
shown to others."""
import os

import lib


def test_demo_says_nothing_of_the_machine():
    env = {k: v for k, v in os.environ.items() if k != "IMAGE"}
    r = lib.command([os.path.join(lib.TOP, "tests", "demo.sh"), lib.OUT],
                    env=env)
    assert r.returncode == 0, r
    said = r.stdout + r.stderr
    assert r.stdout.endswith("processes: 0, mounts: 0\n")
    for path in ("/var/tmp", lib.TOP + "/", lib.OUT + "/"):
        assert path not in said, said
