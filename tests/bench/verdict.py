# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""A verdict is one line of the table: what was measured, berth's figure,
and its ratio to a floor or a peer beside the goal; goal None only informs."""
from measure import paired, ratio


class Verdict:
    def __init__(self, what, value, unit, to=None, against=None, goal=None,
                 pairs=None, least=False, walls=None):
        self.what, self.value, self.unit = what, value, unit
        self.to, self.against, self.goal = to, against, goal
        self.pairs, self.least, self.walls = pairs, least, walls

    def judged(self):
        """The figure that the goal is about: the ratio if there is one."""
        return self.value if self.to is None else self.against

    def met(self):
        if self.goal is None or self.judged() is None:
            return None
        return (self.judged() >= self.goal if self.least
                else self.judged() <= self.goal)


def against(what, cases, mine, others, unit="s"):
    """Verdicts of berth's case against those of (name, goal)."""
    scale = {"s": 1, "ms": 1000}[unit]
    out = []
    for c in cases.values():
        out.append(Verdict(
            "%s: %s" % (what, c.name),
            c.median() * scale if c.walls else None, unit,
            walls=c.why or [round(w, 6) for w in c.walls]))
    for name, goal in others:
        out.append(Verdict(
            what, cases[mine].median() * scale if cases[mine].walls else None,
            unit, name, ratio(cases[mine], cases.get(name)), goal,
            paired(cases[mine], cases.get(name))))
    return out


def faster(cases, *names):
    have = [n for n in names if n in cases and cases[n].walls]
    return min(have, key=lambda n: cases[n].median()) if have else names[0]
