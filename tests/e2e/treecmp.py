#!/usr/bin/python3
# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""Compares two trees attribute by attribute.

    treecmp.py list [--base ID] DIR > LIST
    treecmp.py compare [--since SECONDS] EXPECTED GOT
    treecmp.py trees [--base ID] [--since SECONDS] EXPECTED-DIR GOT-DIR

A list holds a JSON object per name: type, mode, owner, size, time, link
target, names of the same inode, attributes, SHA-256 of the contents.  --base
is the host's id of the tree's id 0.  --since names the moment at which the
expected tree was begun: a directory's time behind it was made up by the
unpacker, for a directory that no entry names, and is not compared.  Device
nodes under dev/ are left out, as berth leaves them out.
"""
import argparse
import hashlib
import json
import os
import stat
import struct
import sys

OURS = ("user.overlay.", "trusted.overlay.")
IGNORED = ("security.selinux",)


def capability(value, base):
    """Revision 3 carries the host's root id: the same as revision 2 inside."""
    if len(value) == 24 and struct.unpack("<I", value[20:])[0] == base:
        magic = struct.unpack("<I", value[:4])[0]
        return struct.pack("<I", magic & 0xFF | 0x02000000) + value[4:20]
    return value


def acl(value, base):
    """Named users and groups in an ACL are host ids when read outside."""
    out = value[:4]
    for at in range(4, len(value), 8):
        tag, perm, who = struct.unpack("<HHI", value[at:at + 8])
        if tag in (0x02, 0x08):
            who -= base
        out += struct.pack("<HHI", tag, perm, who & 0xFFFFFFFF)
    return out


def xattrs(path, base):
    out = {}
    try:
        names = os.listxattr(path, follow_symlinks=False)
    except OSError:
        return out
    for name in names:
        if name.startswith(OURS) or name in IGNORED:
            continue
        value = os.getxattr(path, name, follow_symlinks=False)
        if name == "security.capability":
            value = capability(value, base)
        elif name.startswith("system.posix_acl"):
            value = acl(value, base)
        out[name] = value.hex()
    return out


def contents(path):
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as f:
        while piece := f.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def describe(path, base):
    st = os.lstat(path)
    kind = stat.S_IFMT(st.st_mode)
    out = {
        "type": {stat.S_IFREG: "file", stat.S_IFDIR: "directory",
                 stat.S_IFLNK: "link", stat.S_IFIFO: "pipe",
                 stat.S_IFSOCK: "socket"}.get(kind, "device"),
        "uid": st.st_uid - base, "gid": st.st_gid - base,
        "mtime": st.st_mtime_ns, "xattrs": xattrs(path, base),
    }
    if kind != stat.S_IFLNK:
        out["mode"] = "%04o" % stat.S_IMODE(st.st_mode)
    else:
        out["target"] = os.readlink(path).decode("latin-1")
    if kind == stat.S_IFREG:
        out["size"] = st.st_size
        out["sha256"] = contents(path)
    if out["type"] == "device":
        out["device"] = st.st_rdev
    return out, (st.st_dev, st.st_ino), st.st_nlink


def tree(top, base=0):
    """Path (bytes as latin-1) -> description; the top is "."."""
    top = os.fsencode(top)
    found, inodes = {}, {}

    def visit(path, name):
        entry, inode, nlink = describe(path, base)
        if entry["type"] == "device" and name.startswith("dev/"):
            return
        found[name] = entry
        if entry["type"] == "directory":
            for sub in sorted(os.listdir(path)):
                visit(os.path.join(path, sub), (
                    "" if name == "." else name + "/") +
                    sub.decode("latin-1"))
        elif nlink > 1:
            inodes.setdefault(inode, []).append(name)

    visit(top, ".")
    for names in inodes.values():
        for name in names:
            if len(names) > 1:
                found[name]["same"] = sorted(names)
    return found


def differences(expected, got, since=None):
    """One line for each thing that differs."""
    out = []
    for name in sorted(set(expected) | set(got)):
        want, is_ = expected.get(name), got.get(name)
        shown = ascii(name)[1:-1]
        if want is None or is_ is None:
            out.append("%s: %s" % (shown, "extra" if want is None else
                                   "missing"))
            continue
        for key in sorted(set(want) | set(is_)):
            if want.get(key) == is_.get(key):
                continue
            if (key == "mtime" and since is not None and
                    want["type"] == "directory" and
                    want["mtime"] >= since * 10**9):
                continue
            out.append("%s: %s is %s, expected %s" % (
                shown, key, is_.get(key), want.get(key)))
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=("list", "compare", "trees"))
    parser.add_argument("--base", type=int, default=0)
    parser.add_argument("--since", type=float)
    parser.add_argument("paths", nargs="+")
    args = parser.parse_args()
    if args.what == "list":
        json.dump(tree(args.paths[0], args.base), sys.stdout, indent=1,
                  sort_keys=True)
        return 0
    if args.what == "compare":
        expected, got = (json.load(open(p)) for p in args.paths)
    else:
        expected, got = tree(args.paths[0]), tree(args.paths[1], args.base)
    found = differences(expected, got, args.since)
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
