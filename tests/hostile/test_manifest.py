# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""Rows M: manifests, indexes and configs."""
import rows
from rows import row


@row("M2.upper-case", "a layer's digest in upper case", cve="CVE-2024-3727",
     says=r"layers\[0\]\.digest is \"sha256:[A-F0-9]+\", not")
def _(site):
    def edit(m):
        m["layers"][0]["digest"] = "sha256:" + \
            m["layers"][0]["digest"][7:].upper()
    site.image(edit=edit)


@row("M6.plain", "an ordinary image", good=True)
def _(site):
    site.image()


@row("M7.plain-run", "an ordinary app", good=True, run=["--", "id"],
     says="uid=0")
def _(site):
    site.image(config={"Cmd": ["sh"], "Env": ["PATH=/bin"]})


@row("M7.user-too-big", "a uid that does not fit", run=[],
     cve="CVE-2024-40635", says="4294967296")
def _(site):
    site.image(config={"Cmd": ["id"], "Env": ["PATH=/bin"],
                       "User": "4294967296"})


test = rows.runner(__name__)
