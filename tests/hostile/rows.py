# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""The rows of the hostile corpus: what each is, and where all are found.

A module of this folder declares rows and has one test that runs them:

    @row("M2.upper-case-hex", "a digest in upper case",
         cve="CVE-2024-3727", says="not .sha256:. and 64 lower case hex")
    def _(site):
        site.image(edit=lambda m: ...)

    test = rows.runner(__name__)

The function prepares the site (sites.py): an image, answers of a registry.
The runner (conftest.py) then fetches it, or runs it, and looks at all that
must hold after every row.
"""
import glob
import importlib
import os
import re
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
SECTIONS = "RMLNEHBAC"
ALL = {}


class Row:
    """id: the section of the row and its name: "M2.upper-case-hex".
    title: what is hostile about it, in plain words; it goes to README.md.
    cve: names of what happened to others, blank between.
    says: regular expression that berth's one line must match; of a row
        that must work, what the app must print.
    status: exit status of the refusal, or several that will do.
    run: arguments of "berth run" after the image; None: only a fetch.
    good: an oddity that must work.
    own: the function is the test: it gets the bench and judges itself.
    argv: further words before the command, e.g. ("--platform=linux/arm",).
    insecure: value of --insecure-options.
    keeps: parts of the store that may have entries after the refusal.
    notes: regular expression of further lines that are in order.
    alone: peers are not given this row (--peers passes over it).
    """

    def __init__(self, id_, title, make, cve="", says="", status=1, run=None,
                 good=False, own=False, argv=(), insecure="image,http",
                 keeps=(), notes="", alone=False):
        self.id, self.title, self.make = id_, title, make
        self.section = id_.split(".")[0]
        self.cve = cve.split()
        self.says, self.run = says, run
        self.good, self.own, self.argv = good, own, tuple(argv)
        self.insecure, self.keeps, self.notes = insecure, keeps, notes
        self.alone = alone
        if run is not None and status == 1 and not good:
            status = 125
        self.status = status if isinstance(status, tuple) else (status,)
        assert re.fullmatch(r"[%s]\d+\.[a-z0-9]+([.-][a-z0-9]+)*" % SECTIONS,
                            id_), id_
        assert id_ not in ALL, id_
        assert own or good or says, id_
        self.module = make.__module__

    def __repr__(self):
        return self.id

    def expected(self):
        """For the table: what berth does, in words."""
        if self.good:
            return "works"
        if self.own:
            return "holds"
        says = re.sub(r"\\(.)", r"\1", self.says)
        return "refused: " + says.replace(".*", " ... ")


def row(id_, title, **k):
    """Declares a row; see Row."""
    def declare(make):
        ALL[id_] = Row(id_, title, make, **k)
        return make
    return declare


def rows(ids, title, **k):
    """Rows of one function: ids = {"M5.size-float": argument, ...}.  "%s"
    in the title is the name, without what all the names begin with."""
    names = [i.split(".", 1)[1].split("-") for i in ids]
    same = 0
    while len(names) > 1 and all(
            n[:same + 1] == names[0][:same + 1] and len(n) > same + 1
            for n in names):
        same += 1

    def declare(make):
        for id_, arg in ids.items():
            def one(x, arg=arg):
                return make(x, arg)
            one.__module__ = make.__module__
            name = id_.split(".", 1)[1].split("-")[same:]
            t = title % " ".join(name) if "%s" in title else title
            ALL[id_] = Row(id_, t, one, **k)
        return make
    return declare


def of(module):
    return [r for r in ALL.values() if r.module == module]


def runner(module):
    """The test of a module's rows."""
    @pytest.mark.parametrize("row", of(module), ids=repr)
    def test(bench, row):
        bench.judge(row)
    return test


def load():
    """Every row of the corpus, in the order of sections."""
    if HERE not in sys.path:
        sys.path.insert(0, HERE)
    for path in sorted(glob.glob(os.path.join(HERE, "*.py"))):
        name = os.path.basename(path)[:-3]
        if name not in ("conftest", "documents", "ledger", "peers", "probe",
                        "rows", "sites", "table"):
            importlib.import_module(name)

    def key(r):
        return (SECTIONS.index(r.id[0]), int(r.section[1:]))
    return sorted(ALL.values(), key=key)
