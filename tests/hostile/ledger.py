# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""What the corpus must cover: the sections, every vulnerability of others
that they are made after, and what waits for features that berth has not
yet.  A row may be moved or renamed; a section or a number never goes."""

SECTIONS = {
    "R": ("the registry", 16), "M": ("manifests and configs", 16),
    "L": ("layers", 20), "N": ("namespaces and mounts", 14),
    "E": ("the inside of a container", 14), "H": ("the endpoints", 13),
    "B": ("the broker's protocol", 14), "A": ("the audit record", 17),
    "C": ("crashes and power loss", 8)}

# Sections and vulnerabilities that other tests are, because they need no
# image, and where.
ELSEWHERE = {
    "B": "tests/proto: generated from proto/msg.def",
    "CVE-2015-6563": "tests/proto: each message in each state, also said "
    "again",
    "CVE-2015-6564": "tests/proto: messages in an order that is not foreseen",
    "CVE-2021-43784": "tests/proto: lengths that do not fit"}

# Sections whose rows are called after another, which looks at both.
ALSO = {"E3": "E8", "E7": "E8", "E9": "E8",
        "E10": "E8", "E11": "E8",
        "E6": "E8", "N6": "N4"}

# How many rows there are at least.
ROWS = {"R": 287, "M": 410, "L": 321, "N": 72, "E": 30, "H": 143, "A": 40,
        "C": 17}

# What podman is not given, and why: a section's letter, or patterns of rows
# with blanks between.  For podman is noted what its commands say; how often
# somebody was asked and by whom is no part of that.
PEERLESS = {
    "R1.urls-* R6.loop-* R6.token-other-port* R6.cookies": "what counts is "
    "who was asked, how often and with which fields, not what a command says",
    "R2.* R3.* R5.* R14.*": "token servers that only berth is told of",
    "R4.*": "addresses that podman would really connect to",
    "R7.*": "certificates and settings that only berth is told of",
    "R8.memory": "the figure is that of berth-fetch alone; what podman does "
    "with the same answer is R8.endless-manifest",
    "R10.wrong-for-tag": "what counts is the digest that the store keeps",
    "R11.* R16.*": "names, for which podman has rules and settings of its own",
    "R13.*": "what counts is how soon berth ends, and fetches side by side",
    "R15.*": "the surroundings of berth's own processes",
    "M9.parents-renamed": "it is about how berth-init looks up a name",
    "M11.labels": "two runs are compared, less what differs between berth's",
    "H": "podman listens to nobody unless asked, and not to these requests",
    "A": "it is berth's own record",
    "B": "it is berth's own protocol",
    "C": "berth's own processes and files are killed and damaged",
    "E8.probe-can-fail": "it is about the probe itself",
    "E12.descriptors": "podman must be told a limit to run at all on a "
    "machine without CAP_SYS_RESOURCE",
    "L19.killed": "podman unpacks when it has all of a layer, and so has no "
    "unpacker while the registry holds back half of it",
}

CVES = """
CVE-2014-9357 CVE-2015-3627 CVE-2015-6563 CVE-2015-6564 CVE-2016-3697
CVE-2016-7569 CVE-2016-8579 CVE-2016-9962 CVE-2017-14992 CVE-2017-5226
CVE-2018-15664 CVE-2019-10144 CVE-2019-10145 CVE-2019-10147 CVE-2019-14271
CVE-2019-16884 CVE-2019-19921 CVE-2019-5736 CVE-2020-14386 CVE-2020-15157
CVE-2020-15229 CVE-2020-15257 CVE-2020-1702 CVE-2020-25039 CVE-2020-25040
CVE-2021-20199 CVE-2021-25743 CVE-2021-29136 CVE-2021-30465 CVE-2021-32635
CVE-2021-32760 CVE-2021-3602 CVE-2021-41190 CVE-2021-43784 CVE-2022-0185
CVE-2022-0492 CVE-2022-0811 CVE-2022-1708 CVE-2022-23471 CVE-2022-23538
CVE-2022-23648 CVE-2022-24769 CVE-2022-27649 CVE-2022-27650 CVE-2022-27651
CVE-2022-27774 CVE-2022-29162 CVE-2022-31030 CVE-2022-4318 CVE-2023-25809
CVE-2023-27561 CVE-2023-28642 CVE-2023-31438 CVE-2023-31439 CVE-2023-6476
CVE-2024-1086 CVE-2024-11218 CVE-2024-1753 CVE-2024-21626 CVE-2024-25621
CVE-2024-3154 CVE-2024-3727 CVE-2024-40635 CVE-2024-45310 CVE-2024-57970
CVE-2024-9407 CVE-2024-9675 CVE-2024-9676 CVE-2025-31133 CVE-2025-47290
CVE-2025-52565 CVE-2025-52881 CVE-2025-58183 CVE-2025-6032 CVE-2025-64329
CVE-2025-64750 CVE-2025-9566 CVE-2026-15809 CVE-2026-17106 CVE-2026-30892
CVE-2026-31431 CVE-2026-33990 CVE-2026-41567 CVE-2026-41568 CVE-2026-41579
CVE-2026-42306 CVE-2026-4424 CVE-2026-4426 CVE-2026-46680 CVE-2026-47262
CVE-2026-47766 CVE-2026-50195 CVE-2026-5121 CVE-2026-53488 CVE-2026-88264
CVE-2026-88265
""".split()

# (section or CVE): the feature that it waits for, or that will bring more
# rows of its kind than there are.
WAITING = {
    "R2 with a credential": "credentials: a token server of another host "
    "must be allowed by the operator",
    "R7 revoked certificates": "credentials and mirrors bring a certificate "
    "revocation list",
    "R11 mirrors": "mirrors: an error names the mirror",
    "R12": "archives: a tag that is there already is not touched",
    "A2": "audit seals: a record taken out of the middle",
    "A3": "audit seals: two records swapped",
    "A5": "audit seals: whole lines cut off the end",
    "A6": "audit seals: a rotated file taken away",
    "A7": "audit seals: an older copy put back",
    "A8": "audit seals: everything written anew",
    "A9": "audit seals: cut and gone on",
    "A10": "audit seals: a sealed file replaced by an unsealed one",
    "A12": "audit seals: a clock that was set back",
    "A14": "audit seals: a flood of events is counted",
    "CVE-2026-50195": "archives: import with a tag that is there already",
    "CVE-2023-31439": "audit seals: written anew with the present key",
    "CVE-2019-10144": "enter: as confined as run",
    "CVE-2019-10145": "enter: as confined as run",
    "CVE-2019-10147": "enter: as confined as run",
    "E4": "enter: as confined as run",
    "E13": "enter: while the container swaps its files",
    "C6": "audit seals: a clock that jumps",
    "CVE-2024-9407": "volumes of the caller: options of a bind mount",
    "CVE-2024-9675": "volumes of the caller: a source with ..",
    "CVE-2024-11218": "volumes of the caller: a source that is swapped",
    "CVE-2024-1753": "volumes of the caller: the root as a source",
    "CVE-2025-9566": "volumes of the caller: from a description of a pod",
    "CVE-2021-30465": "volumes of the caller: a target that is swapped",
    "CVE-2022-0811": "sysctl settings: a separator in a value",
    "CVE-2021-20199": "named networks: published ports keep the peer's "
    "address",
    "CVE-2026-41568": "copying into a running container",
    "CVE-2026-42306": "copying into a running container",
    "CVE-2026-41567": "copying into a running container",
    "CVE-2019-14271": "copying into a running container",
}
