# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""What a hostile image or app tries: forged users, links where berth mounts,
and the calls that led out of containers before."""
import glob
import hashlib
import os
import subprocess
import tarfile

import pytest

import images
import lib
from lib import failed

HERE = os.path.dirname(os.path.abspath(__file__))
FORGED = ["4294967296", "2147483648", "-1", "+0", "0x0", "00", " 0", "1:",
          ":1", "1:1:1", "0\u200b", "18446744073709551616"]


def forged_passwd():
    """A line for id 0 under every text that is a number to somebody."""
    lines = ["%s:x:0:0::/:/bin/sh\n" % u.split(":")[0] for u in FORGED]
    return etc().file("etc/passwd", "".join(lines) +
                      "1:x:0:0::/:/bin/sh\n").bytes()


def etc():
    return images.Tar().dir("etc")


def shell(script):
    return ["sh", "-c", script]


# Libraries: glibc loads those by which it converts characters, where a table
# in a file names them, and libarchive converts the names of pax headers.

GCONV = [d[1:] for d in
         glob.glob("/usr/lib/*/gconv") + glob.glob("/usr/lib*/gconv")]
MODULE = """
#include <fcntl.h>
__attribute__((constructor)) static void
load(void)
{
	open("/loaded", O_WRONLY | O_CREAT, 0644);
}
int gconv(void) { return 0; }
"""


def test_no_library_of_an_image(store, variant, tmp_path):
    """The second layer needs the first, so its unpacker's root is both."""
    so = tmp_path / "m.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", so, "-xc", "-"],
                   input=MODULE.encode(), check=True)
    t = images.Tar()
    t.copy("m.so", so)
    for d in GCONV:
        for i in range(d.count("/") + 1):
            t.dir("/".join(d.split("/")[:i + 1]))
        t.copy(d + "/m.so", so)
        t.file(d + "/gconv-modules", "module UTF-8// ANSI_X3.4-1968// m 1\n")
    up = images.Tar().add("link", tarfile.LNKTYPE, 0o755, link="m.so")
    up.file("caf\u00e9", "one\n")
    ref = variant("module", tars=[t.bytes(), up.bytes()],
                  Cmd=shell("cat /caf*; ls /loaded"))
    r = store.run(ref)
    assert r.stdout == "one\n", r.stderr


# Users.

@pytest.mark.parametrize("user", FORGED)
def test_forged_user(store, variant, user):
    ref = variant("user-" + hashlib.sha1(user.encode()).hexdigest()[:8],
                  tars=[forged_passwd()], User=user, Cmd=shell("id -u"))
    r = store.run(ref)
    assert r.returncode != 0 and r.stdout == "", r


def test_a_number_is_no_name(store, variant):
    ref = variant("user-one", tars=[forged_passwd()], User="1",
                  Cmd=shell("id -u"))
    assert store.run(ref).stdout == "1\n"


def passwd_link(target):
    return etc().link("etc/passwd", target)


PASSWD = {                              # what says "passwd" when refused
    "fifo": etc().add("etc/passwd", tarfile.FIFOTYPE, 0o644),
    "directory": etc().dir("etc/passwd"),
    "2-mib": etc().file("etc/passwd", b"\n" * (2 << 20)),
    "100000-lines": etc().file("etc/passwd", b"\n" * 100000),
    "link-shadow": passwd_link("../../../../etc/shadow"),
    "link-kmsg": passwd_link("/proc/kmsg"),
    "link-zero": passwd_link("/dev/zero"),
}


@pytest.mark.parametrize("name", PASSWD)
def test_passwd_is_a_trap(store, variant, name):
    ref = variant("passwd-" + name, tars=[PASSWD[name].bytes()], User="user",
                  Cmd=shell("id -u"))
    failed(store.run(ref), 125, "/etc/passwd")


def test_passwd_through_a_link_inside(store, variant):
    tar = etc().dir("nix").file(
        "nix/passwd", "nix:x:77:78::/nix:/bin/sh\n").link(
        "etc/passwd", "/nix/passwd").bytes()
    ref = variant("passwd-nix", tars=[tar], User="nix",
                  Cmd=shell("id -u; id -g; echo $HOME"))
    assert store.run(ref).stdout == "77\n78\n/nix\n"


# Places that berth mounts upon.

KINDS = {
    "link": lambda t, n: t.link(n, "/etc"),
    "link-up": lambda t, n: t.link(n, "../../../.."),
    "link-nowhere": lambda t, n: t.link(n, "nowhere"),
    "link-magic": lambda t, n: t.link(n, "/proc/self/root"),
    "file": lambda t, n: t.file(n, "x"),
    "fifo": lambda t, n: t.add(n, tarfile.FIFOTYPE, 0o644),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["dev", "proc", "sys"])
def test_mount_point_is_no_directory(store, variant, name, kind):
    tar = KINDS[kind](images.Tar(), name).bytes()
    ref = variant("top-%s-%s" % (name, kind), tars=[tar], Cmd=["true"])
    failed(store.run(ref), 125, "/%s: must be a directory" % name)


def test_mount_points_are_made(store, scratch, registry):
    lay = images.Layout(os.path.join(scratch, "oci", "bare"))
    exe = images.Tar().dir("bin").copy("bin/busybox", "/bin/busybox").bytes()
    lay.tag(lay.image([exe], {"Cmd": [
        "/bin/busybox", "ls", "-d", "/dev/null", "/proc/self", "/sys/fs"]}))
    registry.push(lay, "bare")
    r = store.run(registry.ref("bare"))
    assert r.stdout.split() == ["/dev/null", "/proc/self", "/sys/fs"], r


@pytest.mark.parametrize("target", [
    "/proc/sys/kernel/hostname", "../../../../etc/hosts", "/dev/null",
    "nowhere/at/all"])
def test_etc_files_are_links(store, variant, target):
    before = [os.stat(f)[:8] for f in ("/etc/hosts", "/etc/hostname")]
    tar = etc().link("etc/hosts", target).link(
        "etc/hostname", target).link("etc/resolv.conf", target).bytes()
    ref = variant("etc-" + hashlib.sha1(target.encode()).hexdigest()[:8],
                  tars=[tar], Cmd=["true"])
    assert store.run(ref).returncode == 0
    assert before == [os.stat(f)[:8] for f in ("/etc/hosts",
                                               "/etc/hostname")]


@pytest.mark.parametrize("path", ["/", "/proc", "/proc/x", "/dev", "/sys/fs",
                                  "/../..", "/a/../../b"])
def test_volume_that_cannot_be(store, variant, path):
    name = "vol-" + hashlib.sha1(path.encode()).hexdigest()[:8]
    ref = variant(name, Volumes={path: {}}, Cmd=["true"])
    r = store.run(ref)
    assert r.returncode in (1, 125) and r.stdout == "", r


@pytest.mark.parametrize("path", ["/proc/self/fd/%d" % i for i in range(3, 21)]
                         + ["/proc/self/root", "/proc/1/cwd", "/leak"])
def test_working_directory_is_a_way_out(store, variant, path):
    tar = images.Tar().link("leak", "/proc/self/fd/10").bytes()
    ref = variant("cwd-" + path.strip("/").replace("/", "-"), tars=[tar],
                  WorkingDir=path, Cmd=["ls"])
    failed(store.run(ref), 125, "working directory " + path)


def test_program_is_berth_init_itself(store, variant):
    init = os.path.join(os.path.dirname(lib.BERTH), "berth-init")
    with open(init, "rb") as f:
        before = hashlib.sha256(f.read()).digest()
    tar = images.Tar().dir("bin").file("bin/self", "#!/proc/self/exe\n", 0o755).bytes()
    ref = variant("self-exe", tars=[tar], Cmd=["/bin/self"])
    assert store.run(ref).returncode != 0
    assert store.run("--exec=/proc/self/exe", ref).returncode != 0
    with open(init, "rb") as f:
        assert hashlib.sha256(f.read()).digest() == before


# From inside.

@pytest.fixture(scope="module")
def probe(scratch, variant):
    exe = os.path.join(scratch, "probe")
    subprocess.run(["cc", "-D_GNU_SOURCE", "-static", "-o", exe,
                    os.path.join(HERE, "probe.c")], check=True)
    return variant("probe", tars=[images.Tar().copy("probe", exe).bytes()],
                   Cmd=["/probe"])


def told(r):
    assert r.returncode == 0, r
    return dict(x.split(" ") for x in r.stdout.splitlines())


@pytest.mark.parametrize("option", ["--user=root", "--user=user"])
def test_probe(store, probe, option):
    t = told(store.run(option, probe))
    assert sorted(k for k in t if k.startswith("fd-")) == [
        "fd-0", "fd-1", "fd-2"]
    assert (t.pop("core"), t.pop("umask")) == ("0", "22")
    families = {int(k[7:]): v for k, v in t.items()
                if k.startswith("socket-")}
    for family in (1, 2, 10):
        assert families.pop(family) == "done"
    assert families.pop(16) in ("done", "EPROTONOSUPPORT")
    assert set(families.values()) == {"EAFNOSUPPORT"}, families
    assert t.pop("audit") == "EAFNOSUPPORT"
    assert (t.pop("clone3"), t.pop("new-call")) == ("ENOSYS", "ENOSYS")
    for name in ("pid1-exe", "pid1-mem", "pid1-environ", "pid1-root",
                 "pid1-fd"):
        assert t.pop(name) in ("EACCES", "EPERM"), name
    rest = {k: v for k, v in t.items() if not k.startswith(("fd-",
                                                            "socket-"))}
    assert set(rest.values()) == {"EPERM"}, rest


def test_no_mount_of_the_host(store, shared):
    r = shared("run", shared.id, "--", "sh", "-c",
               "cat /proc/self/mountinfo; echo; ls -di / /..")
    table, roots = r.stdout.split("\n\n")
    kinds, points = set(), []
    for line in table.splitlines():
        fields = line.split()
        kinds.add(fields[fields.index("-") + 1])
        points.append(fields[4])
    assert kinds == {"overlay", "proc", "sysfs", "tmpfs", "devtmpfs",
                     "devpts", "mqueue"}
    assert points.count("/") == 1
    a, b = roots.split("\n")[:2]
    assert a.split()[0] == b.split()[0]


MASKED = ["/proc/" + n for n in (
    "acpi asound config.gz interrupts kallsyms kcore keys kpagecgroup "
    "kpagecount kpageflags latency_stats pressure sched_debug scsi slabinfo "
    "timer_list timer_stats vmallocinfo").split()] + ["/sys/" + n for n in (
        "devices/virtual/powercap firmware fs/bpf fs/pstore fs/selinux "
        "hypervisor kernel/debug kernel/security kernel/tracing").split()]


def test_masked_paths(store, shared):
    script = "for f in %s; do if [ -d $f ]; then ls -A $f; touch $f/x && " \
        "echo $f; elif [ -e $f ]; then cat $f; fi; done" % " ".join(MASKED)
    r = shared("run", shared.id, "--", "sh", "-c", script)
    assert r.stdout == ""
    assert "nonexistent" not in r.stderr


def test_readonly_paths(store, shared):
    script = "for f in sys/kernel/core_pattern sys/vm/swappiness " \
        "sys/kernel/modprobe sys/fs/binfmt_misc/register sysrq-trigger " \
        "irq/default_smp_affinity; do (echo x > /proc/$f) 2>/dev/null && " \
        "echo $f; done; true"
    r = shared("run", shared.id, "--", "sh", "-c", script)
    assert (r.returncode, r.stdout) == (0, ""), r
