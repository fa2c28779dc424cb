# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""The corpus itself: nothing falls out of it unseen."""
import fnmatch
import re

import ledger
import peers
import rows
import table


def test_every_vulnerability_has_a_row():
    have = {c for r in rows.load() for c in r.cve}
    assert sorted(set(ledger.CVES) - have - set(ledger.WAITING) -
                  set(ledger.ELSEWHERE)) == []


def test_no_number_is_misspelt():
    for r in rows.load():
        for c in r.cve:
            if c.startswith("GHSA-"):
                continue
            assert c in ledger.CVES, (r.id, c)


def test_every_section_has_a_row():
    have = {r.section for r in rows.load()}
    waiting = {k.split()[0] for k in ledger.WAITING}
    assert set(ledger.ALSO.values()) <= have
    missing = [s for letter, (_, n) in ledger.SECTIONS.items()
               if letter not in ledger.ELSEWHERE
               for s in ("%s%d" % (letter, i) for i in range(1, n + 1))
               if s not in have | waiting | set(ledger.ALSO)]
    assert missing == []


def test_no_row_goes_away():
    """Fewer rows than there were: say which, and why, in the commit."""
    count = {}
    for r in rows.load():
        count[r.id[0]] = count.get(r.id[0], 0) + 1
    short = {k: (count.get(k, 0), n) for k, n in ledger.ROWS.items()
             if count.get(k, 0) < n}
    assert short == {}


def test_a_row_says_what_it_is():
    for r in rows.load():
        assert r.title and "%s" not in r.title, r.id
        assert re.compile(r.says), r.id


def test_podman_answers_or_cannot():
    found = peers.load()
    patterns = [p for k in ledger.PEERLESS for p in k.split()]
    silent = [r.id for r in rows.load() if r.id not in found and not any(
        p == r.id[0] or fnmatch.fnmatchcase(r.id, p) for p in patterns)]
    assert silent == []


def test_readme_is_made_of_the_rows():
    with open(table.README, encoding="utf-8") as f:
        assert f.read() == table.make(), "run tests/hostile/table.py"
