# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""Rows M10 to M15: what a config's strings may do to the app, and to
nobody else."""
import json
import re
import struct

import images
import rows
from rows import row
from sites import box

ENV = ["PATH=/bin"]


def app(site, *cmd, tars=(), **k):
    site.image([box(), *tars], {"Cmd": list(cmd), "Env": ENV, **k})


# M10: every string with every character that some reader takes for an end.

CHARS = {"lf": "\n", "cr": "\r", "esc": "\x1b", "del": "\x7f", "c1": "\x9b",
         "ls": "\u2028", "rtl": "\u202e", "quote": "\"", "backslash-n": "\\n",
         "percent": "%n"}
INJECTED = {c: "a%sroot::0:0::/:/bin/sh%sb" % (v, v)
            for c, v in CHARS.items()}


@rows.rows({"M10.env-" + c: v for c, v in INJECTED.items()},
           "a variable's value with %s: carried as it is",
           cve="CVE-2022-4318 CVE-2026-15809", good=True,
           run=["--", "cat", "/proc/self/environ"], says=r"HOME=a")
def _(site, text):
    app(site, Env=ENV + ["HOME=" + text])


@rows.rows({"M10.arg-" + c: v for c, v in INJECTED.items()},
           "an argument with %s: carried as it is", good=True, run=[],
           says=r"^a[^x]+b$")
def _(site, text):
    app(site, "echo", text)


@rows.rows({"M10.user-" + c: v for c, v in INJECTED.items()},
           "a user with %s", run=[], cve="CVE-2022-4318",
           says=r"user [ -~]*: neither a number nor a name")
def _(site, text):
    app(site, "id", User=text.replace(":", ""))


@rows.rows({"M10.label-" + c: v for c, v in INJECTED.items()},
           "a label with %s in key and value: kept, used by nobody",
           good=True)
def _(site, text):
    app(site, "id", Labels={text: text})


@rows.rows({"M10.workdir-" + c: "/tmp/" + v.replace("/", "_")
            for c, v in INJECTED.items()},
           "a working directory with %s: made as it is called",
           cve="CVE-2022-4318", good=True, run=[], says=r"^/tmp/a[^x]+b$")
def _(site, text):
    app(site, "pwd", WorkingDir=text)


@rows.rows({"M10.nul-env": {"Env": ["A=b@c"]}, "M10.nul-cmd": {"Cmd": ["@"]},
            "M10.nul-entrypoint": {"Entrypoint": ["a@"]},
            "M10.nul-user": {"User": "0@"},
            "M10.nul-workdir": {"WorkingDir": "/@"},
            "M10.nul-label": {"Labels": {"a": "@"}},
            "M10.nul-label-key": {"Labels": {"a@": "b"}},
            "M10.nul-volume": {"Volumes": {"/a@": {}}},
            "M10.nul-signal": {"StopSignal": "SIGTERM@"},
            "M10.nul-unknown": {"Hostname": "a@"}},
           "%s: U+0000 in it", cve="CVE-2022-4318",
           says=r"\\u0000 in a string|NUL byte in object key")
def _(site, config):
    site.image(config=config, doc=lambda d: json.dumps(d).replace(
        "@", "\\u0000").encode())


@rows.rows({"M10.number-env": {"Env": [1]}, "M10.number-user": {"User": 0},
            "M10.number-cmd": {"Cmd": "sh"}, "M10.number-label":
            {"Labels": {"a": 1}}, "M10.number-volumes": {"Volumes": ["/a"]},
            "M10.number-workdir": {"WorkingDir": ["/"]},
            "M10.number-signal": {"StopSignal": 9},
            "M10.number-entrypoint": {"Entrypoint": [["a"]]}},
           "%s: of the wrong type",
           says=r"config\.\w+(\[\d+\]|\.a)? is not (a|an) (string|array|"
           r"object)")
def _(site, config):
    site.image(config=config)


@row("M10.bad-utf-8", "a variable that is not UTF-8",
     says=r"not JSON: line 1: unable to decode byte 0xff")
def _(site):
    site.image(config={"Env": ["A=@@"]}, doc=lambda d: json.dumps(
        d).encode().replace(b"@@", b"\xff\xfe"))


@row("M10.label-1m", "a label of 1 MiB", good=True)
def _(site):
    site.image(config={"Labels": {"a": "x" * (1 << 20)}})


@row("M10.workdir-long", "a working directory of 4,096 bytes",
     says=r"config\.WorkingDir is longer than 4095 bytes")
def _(site):
    site.image(config={"WorkingDir": "/" + "a" * 4095})


# M11: labels and annotations that are settings elsewhere.

RESERVED = {
    "io.katacontainers.config.hypervisor.path": "/bin/sh",
    "io.kubernetes.cri-o.Devices": "/dev/sda", "run.oci.handler": "krun",
    "io.podman.annotations.privileged": "TRUE", "berth.user": "0",
    "berth/insecure-options": "all", "berth.net": "host",
    "org.criu.config": "/etc/passwd", "coreos.com/rkt/stage1/run": "/bin/sh",
    "appc.io/executor/supports-systemd-notify": "true",
    "containerd.io/restart.status": "running", "os/linux/no-new-privileges":
    "false", "os/linux/capabilities-retain-set": "CAP_SYS_ADMIN"}


def reserved_label(bench):
    """The app sees the same world whatever labels the image has."""
    show = "id; env; cat /proc/self/status /proc/self/mountinfo " \
        "/proc/self/limits; ls -la /dev"
    seen = []
    for labels in ({}, RESERVED):
        bench.site.image([box()], {"Cmd": ["sh", "-c", show], "Env": ENV,
                                   "Labels": labels})
        r = bench.store("--insecure-options=image,http", "run",
                        "--pull-policy=update", bench.site.ref)
        assert r.returncode == 0, r
        # what differs from run to run: numbers of mounts, times, pids
        seen.append(re.sub(
            r"(?m)^\d+ \d+ \d+:\d+|.*ctxt_switches.*|\d\d:\d\d|"
            r"^(Vm|Rss|Pid|Tgid|NSpid|Ngid|SigQ).*|pts/\d+|upperdir=\S+|"
            r"lowerdir=\S+|workdir=\S+|berth-[0-9a-f]{8}|[0-9a-f-]{36}", "",
            r.stdout))
    assert seen[0] == seen[1]


row("M11.labels", "labels named like the settings of berth and of others",
    cve="CVE-2026-53488 CVE-2023-6476 CVE-2024-3154", own=True)(
        reserved_label)


@row("M11.annotations", "annotations named like settings, on manifest, "
     "layer and config", good=True, cve="CVE-2024-3154",
     run=["--", "cat", "/proc/self/status"], says=r"NoNewPrivs:\t1")
def _(site):
    def edit(m):
        for d in (m, m["config"], m["layers"][0]):
            d["annotations"] = RESERVED
    site.image([box()], {"Env": ENV}, edit=edit)


# M12: volumes.

@rows.rows({"M12.root": "/", "M12.dot": "/.", "M12.slashes": "//",
            "M12.proc": "/proc", "M12.proc-slash": "/proc/",
            "M12.under-proc": "/proc/sys", "M12.sys": "/sys/fs/cgroup",
            "M12.dev": "/dev", "M12.dev-slashes": "//dev//shm",
            "M12.dev-dot": "/./dev"},
           "volume: %s", cve="CVE-2022-23648 CVE-2019-16884",
           says=r"volume \"\S+\" would hide the root or a kernel file system")
def _(site, path):
    site.image(config={"Volumes": {path: {}}})


@rows.rows({"M12.parents": "/../../etc", "M12.relative": "data",
            "M12.empty": "", "M12.inner-parents": "/data/../../proc",
            "M12.long": "/" + "a/" * 2048},
           "volume: %s", cve="CVE-2022-23648",
           says=r"volume \"[ -~]*\"?[ -~]* is not an absolute path without")
def _(site, path):
    site.image(config={"Volumes": {path: {}}})


@rows.rows({"M12.link-sys": "/sys/fs", "M12.link-dev": "/dev/shm",
            "M12.link-fd": "/proc/self/fd"},
           "a volume that is a link of the image to %s",
           cve="CVE-2022-23648 CVE-2019-16884", run=[],
           says=r"volume \"?/data\"?: ")
def _(site, target):
    app(site, "true", Volumes={"/data": {}},
        tars=[images.Tar().link("data", target).bytes()])


@row("M12.link-proc", "a volume that is a link to /proc, the root read-only",
     cve="CVE-2019-16884 CVE-2022-23648", argv=["--readonly-rootfs"], run=[],
     says=r"/proc: invalid cross-device link")
def _(site):
    app(site, "true", Volumes={"/data": {}},
        tars=[images.Tar().link("data", "/proc").bytes()])


@row("M12.link-out", "a volume that is a link out of the root: it stays "
     "inside", cve="CVE-2022-23648", good=True,
     run=["--", "sh", "-c", "ls /etc /data/; test -e /data/shadow || "
          "echo none"],
     says=r"(?s)passwd.*none")
def _(site):
    app(site, Volumes={"/data": {}},
        tars=[images.Tar().link("data", "../../../../etc").bytes()])


@row("M12.file", "a volume that is a file of the image", run=[],
     says=r"volume \"?/data\"?: Not a directory")
def _(site):
    app(site, "true", Volumes={"/data": {}},
        tars=[images.Tar().file("data", b"x").bytes()])


# M13: working directories.

@rows.rows({"M13.fd-%d" % n: n for n in range(3, 21)},
           "a working directory /proc/self/fd/%s", cve="CVE-2024-21626",
           run=["--", "cat", "../../../etc/hostname"],
           says=r"/proc/self/fd/\d+: ")
def _(site, n):
    app(site, WorkingDir="/proc/self/fd/%d" % n)


@rows.rows({"M13.link-fd": "/proc/self/fd/7", "M13.link-root":
            "/proc/1/root", "M13.link-cwd": "/proc/1/cwd"},
           "a working directory that is a link to %s", cve="CVE-2024-21626",
           run=["--", "pwd"], says=r"working directory|/w: ")
def _(site, target):
    app(site, WorkingDir="/w",
        tars=[images.Tar().link("w", target).bytes()])


@row("M13.file", "a working directory that is a file", run=[],
     says=r"/etc/passwd: Not a directory")
def _(site):
    app(site, "pwd", WorkingDir="/etc/passwd")


@row("M13.no-search", "a working directory that the user may not enter",
     run=[], says=r"/closed: Permission denied")
def _(site):
    app(site, "pwd", WorkingDir="/closed", User="1000",
        tars=[images.Tar().dir("closed", 0o700).bytes()])


@row("M13.parents", "a working directory of many ..: it stays inside",
     good=True, run=[], says=r"^/etc$")
def _(site):
    app(site, "pwd", WorkingDir="/../../../../etc")


# M14: the environment reaches the app and nobody else.

@row("M14.loader", "variables that take a program over: only the app has "
     "them", cve="CVE-2021-3602", good=True,
     run=["--", "sh", "-c", "cat /proc/1/environ 2>&1; echo end; env"],
     says=r"(?s)^cat: can't open [^\n]*: Permission denied\nend\n"
     r".*LD_PRELOAD=/evil")
def _(site):
    app(site, Env=ENV + ["LD_PRELOAD=/evil.so", "LD_LIBRARY_PATH=/evil",
                         "BASH_ENV=/evil", "NOTIFY_SOCKET=/run/x",
                         "LISTEN_FDS=3", "GLIBC_TUNABLES=a=b",
                         "LD_AUDIT=/evil", "IFS=/"])


@row("M14.no-equals", "variables without a name or without \"=\": not set",
     good=True, run=["--", "env"], says=r"^(?!(?s:.*(=x|NOEQUALS)))")
def _(site):
    app(site, Env=ENV + ["=x", "NOEQUALS", "", "="])


@row("M14.path-empty", "an empty PATH: the app's own working directory, as "
     "POSIX has it", run=["--", "here"], good=True, says=r"^works$")
def _(site):
    app(site, Env=["PATH="], tars=[images.Tar().file(
        "here", "#!/bin/sh\necho works\n", 0o755).bytes()])


@row("M14.path-dot", "a PATH that names the working directory only by an "
     "empty part", run=["--", "nothing-here"], status=127,
     says=r"nothing-here")
def _(site):
    app(site, Env=["PATH=:/bin:"])


@row("M14.twice", "a variable twice: the app has it once", good=True,
     run=["--", "env"], says=r"^(?!(?s:.*\bA=.*\bA=))(?s:.*\bA=2\b)")
def _(site):
    app(site, Env=ENV + ["A=1", "A=2"])


@row("M14.many", "70,000 variables",
     says=r"have more than 65536 items together")
def _(site):
    app(site, Env=["A%d=" % i for i in range(70000)])


@row("M14.three-megabytes", "3 MiB of variables: what execve cannot take is "
     "said", run=["--", "true"], status=125 + 1,
     says=r"Argument list too long")
def _(site):
    app(site, Env=ENV + ["A%d=%s" % (i, "x" * 1000) for i in range(3000)])


# M15: what is executed.

@row("M15.nothing", "neither Entrypoint nor Cmd", run=[],
     says=r"(?i)no (command|program)|nothing to run|neither")
def _(site):
    app(site)


@row("M15.empty-words", "Entrypoint and Cmd of empty strings", run=[],
     status=127, says=r"\"\"|empty|not found")
def _(site):
    site.image([box()], {"Entrypoint": [""], "Cmd": [""], "Env": ENV})


def program(*a, **k):
    return images.Tar().file("prog", *a, **k).bytes()


def elf(machine, kind=2, tail=b""):
    """The head of a 64-bit program for a machine."""
    return struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", kind,
                       machine, 1, 0x400078, 64, 0, 0, 64, 56, 1, 64, 0, 0
                       ) + struct.pack("<IIQQQQQQ", 1, 5, 0, 0x400000,
                                       0x400000, 0x1000, 0x1000, 0x1000
                                       ) + tail


@rows.rows({
    "M15.relative": ("./nothing", 127), "M15.missing": ("/nothing", 127),
    "M15.directory": ("/etc", 126), "M15.not-executable": ("/etc/passwd", 126),
    "M15.through-a-file": ("/etc/passwd/x", 127), "M15.device":
    ("/dev/null", 126), "M15.long-name": ("/" + "n" * 300, 127),
    "M15.proc-mem": ("/proc/self/mem", 126)},
    "%s as program", run=[], status=(126, 127),
    says=r"(No such file|not found|Permission denied|Not a directory|"
    r"is a directory|regular file|not executable|too long)")
def _(site, arg):
    app(site, arg[0])


@rows.rows({
    "M15.no-interpreter": b"#!/no/such/shell\n",
    "M15.interpreter-empty": b"#!\n", "M15.interpreter-blank": b"#!  \n",
    "M15.interpreter-long": b"#!/" + b"a" * 300 + b"\n",
    "M15.interpreter-directory": b"#!/etc\n", "M15.text": b"echo hello\n",
    "M15.empty-file": b"", "M15.elf-head": b"\x7fELF",
    "M15.elf-other-machine": elf(183 if images.ARCH == "amd64" else 62),
    "M15.elf-no-segments": elf(0), "M15.elf-32": b"\x7fELF\x01" + b"\0" * 99,
    "M15.windows": b"MZ" + b"\0" * 100}, "%s as program", run=[], status=126,
    says=r"/prog: ")
def _(site, body):
    app(site, "/prog", tars=[program(body, mode=0o755)])


@row("M15.interpreter-loop", "a script that is its own interpreter", run=[],
     status=126, says=r"/prog: too many levels of symbolic links")
def _(site):
    app(site, "/prog", tars=[program(b"#!/prog\n", mode=0o755)])


@row("M15.self-exe", "/proc/self/exe as program: it is not berth",
     cve="CVE-2019-5736", run=[], status=126,
     says=r"/proc/self/exe: leads through a magic link")
def _(site):
    app(site, "/proc/self/exe", "sh", "-c", "id")


@row("M15.self-exe-elsewhere", "/proc/self/exe through a link, from another "
     "working directory", cve="CVE-2019-5736", run=[], status=126,
     says=r"/prog: leads through a magic link")
def _(site):
    app(site, "/prog", WorkingDir="/tmp",
        tars=[images.Tar().link("prog", "/proc/self/exe").bytes()])


@row("M15.self-exe-in-path", "/proc/self in PATH", cve="CVE-2019-5736",
     run=["--", "exe"], status=126, says=r"/proc/self/exe: leads through a "
     r"magic link")
def _(site):
    app(site, Env=["PATH=/proc/self"])


@row("M15.long-argument", "an argument of 128 KiB: what execve cannot take "
     "is said", run=[], status=126, says=r"Argument list too long")
def _(site):
    app(site, "echo", "x" * (128 << 10))


@row("M15.many-arguments", "70,000 arguments",
     says=r"have more than 65536 items together")
def _(site):
    app(site, "echo", *(["x"] * 70000))


@row("M15.escape", "a program whose name would draw on a terminal", run=[],
     status=127, says=r"\\x1b|\\033|\\e|\?|\^")
def _(site):
    app(site, "/\x1b[2J\x07\n\u202e")


test = rows.runner(__name__)
