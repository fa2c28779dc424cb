# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""What several modules need to make documents."""
import json

import images

HEX = "ab" * 32
GOOD = "sha256:" + HEX
OTHER = "arm64" if images.ARCH == "amd64" else "amd64"
HERE = {"os": "linux", "architecture": images.ARCH}
THERE = {"os": "linux", "architecture": OTHER}


def dumps(value):
    return json.dumps(value).encode()


def fields(**k):
    """An edit of a manifest: these fields over its own; None takes one
    away."""
    def edit(m):
        m.update(k)
        for key, v in k.items():
            if v is None:
                del m[key]
    return edit


def raw(old, new):
    """An edit of the JSON text itself."""
    def edit(m):
        text = json.dumps(m)
        assert old in text, (old, text)
        return text.replace(old, new, 1).encode()
    return edit
