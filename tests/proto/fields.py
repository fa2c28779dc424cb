#!/usr/bin/python3
# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""Writes the fields of every payload in proto/msg.h as a C table, so that a
new message is abused without a line being written here."""
import re
import sys

text = "".join(open(name, encoding="utf-8").read() for name in sys.argv[1:])
maxima = {m[1]: m[2] for m in re.finditer(
    r"enum (\w+) \{[^}]*?\b(\w+_(?:MAX|PROGRAMS))\s*\}", text)}
structs = {}
for m in re.finditer(r"^struct msg_(\w+) \{\n(.*?)^\};", text, re.M | re.S):
    structs[m[1]] = m[2]


def fields(body, prefix=""):
    """(name, kind, highest legal value + 1 or 0) of each field."""
    body = re.sub(r"struct \{(.*?)\} (\w+)\[\w+\];",
                  lambda m: "@%s@%s@" % (m[2], m[1].replace("\n", " ")),
                  body, flags=re.S)
    for line in body.split("\n"):
        inner = re.match(r"\s*@(\w+)@(.*)@$", line)
        if inner:
            yield from fields(inner[2].replace(";", ";\n"),
                              prefix + inner[1] + "[0].")
            continue
        m = re.match(r"\s*(struct msg_\w+|u?int\d+_t|(?:unsigned )?char)\s+"
                     r"([^;]+);(.*)",
                     line)
        if not m:
            continue
        enum = re.search(r"enum (\w+)", m[3])
        top = maxima[enum[1]] if enum else "0"
        for name in re.split(r",\s*", m[2]):
            array = "[" in name
            name = prefix + re.sub(r"\[.*", "", name).strip()
            if m[1].startswith("struct"):
                yield from fields(structs[m[1][11:]], name + ".")
            elif m[1] != "char" and not array:
                yield name, "FIELD_INT", top
            else:                       # what no check calls a string
                raw = name == "data" or m[1] != "char"
                yield name, "FIELD_RAW" if raw else "FIELD_TEXT", "0"


print("/* Made by tests/proto/fields.py from proto/msg.h. */")
for s, body in structs.items():
    print("#define FIELDS_%s(F) \\" % s)
    for name, kind, top in fields(body):
        print("\tF(struct msg_%s, %s, %s, %s) \\" % (s, name, kind, top))
    print()
