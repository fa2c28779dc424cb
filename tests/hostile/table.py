#!/usr/bin/python3
# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""README.md of the corpus, made of the rows, the ledger and peers.json."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
README = os.path.join(HERE, "README.md")

HEAD = """\
# The hostile corpus

Each row is one thing that a stranger could send: an answer of a registry, a
manifest, a config, a layer, a request, a file where a file of ours should
be. `make check` gives each to berth and looks: the exit status, one line
that names what was wrong and why, in printable ASCII; nothing left of it in
the store, no process, mount, cgroup, file or descriptor more or less than
before; one outcome in the audit record, whose chain holds. Oddities that
are legitimate are rows too: they work, and must go on working.

    make check                                      all rows, with the rest
    pytest tests/hostile -k M7                      some of them
    pytest tests/hostile --peers                    what podman does with them
    tests/hostile/table.py                          this page, made again

A row is declared with `@row` (rows.py says how); what must never go away is
in ledger.py. The column of podman %s is of peers.json; "-" where podman
cannot be given the row by the same means, at the end of this page why. It is
recorded for comparison, and where it accepts a row that berth refuses, that
is often its choice and no fault. "holds" is what a row wants of berth;
"differs" shows what an app printed instead, of many lines the first and the
last. The probe of the rows E knows what berth promises: a check that ends
otherwise is another policy, or a way in, and in podman's container, which
has no user namespace unless asked, its root becomes user 70000 half-way.
"writes outside the container" names files of the host; podman is run on an
overlay of it, with runc, the vfs driver, no network, %s for all its
images and %d seconds for a command.

"""


def cell(text):
    text = " ".join(text.split()).replace("|", "\\|")
    return text if len(text) <= 110 else text[:107] + "..."


def section(letter, rows, found):
    import ledger
    said = found.get("berth", {})
    out = ["## %s: %s (%d rows)" % (letter, ledger.SECTIONS[letter][0],
                                    len(rows)), "",
           "| row | what | berth | podman |", "|---|---|---|---|"]
    for r in rows:
        title = r.title + (" (%s)" % ", ".join(r.cve) if r.cve else "")
        out.append("| %s | %s | %s | %s |" % (
            r.id, " ".join(title.split()).replace("|", "\\|"),
            cell(said.get(r.id, r.expected())), cell(found.get(r.id, "-"))))
    return out + [""]


def make():
    sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "e2e")]
    import ledger
    import peers
    import rows
    every, found = rows.load(), peers.load()
    out = [HEAD % (found.get("version", "(not yet asked)"),
                   peers.DISK[:-1] + " GiB", peers.PATIENCE)]
    for letter in ledger.SECTIONS:
        some = [r for r in every if r.id[0] == letter]
        if some:
            out += section(letter, some, found)
    out += ["## Elsewhere", ""]
    out += ["- %s: %s" % (k if k not in ledger.SECTIONS else "%s, %s" % (
        k, ledger.SECTIONS[k][0]), v) for k, v in ledger.ELSEWHERE.items()]
    out += ["- %s: the rows %s look at it too" % x for x in ledger.ALSO.items()]
    out += ["", "## Not given to podman", ""]
    out += ["- %s: %s" % (k.replace("*", "\\*"), v)
            for k, v in ledger.PEERLESS.items()]
    out += ["", "## Waiting", "", "These come with the feature that they "
            "need:", ""]
    out += ["- %s: %s" % x for x in ledger.WAITING.items()]
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    text = make()
    with open(README, "w", encoding="utf-8") as f:
        f.write(text)
