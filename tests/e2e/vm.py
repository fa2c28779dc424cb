# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""A machine of its own under QEMU, for what the host's kernel cannot show:
another kernel (Debian's cloud kernel), cgroup v2 alone, and a plug that can
be pulled.  The root is an initramfs with busybox, berth, its libraries and
a docker-registry; no network, one disk."""
import glob
import os
import re
import shutil
import stat
import subprocess
import threading
import time

import lib

CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or
                     os.path.expanduser("~/.cache"), "berth-vm")
PACKAGE = "linux-image-cloud-amd64"
MODULES = ("fs/overlayfs/overlay",)     # the rest is built in
PROGRAMS = ("berth", "berthd", "berth-conf", "berth-engine", "berth-fetch",
            "berth-http", "berth-init", "berth-unpack")

# The kernel's first root cannot be pivoted away from: a second one is made.
FIRST = """#!/bin/busybox sh
/bin/busybox mount -t tmpfs -o mode=755,size=75% root /root
/bin/busybox cp -a /bin /etc /guest.sh /init /lib /lib64 /modules /out /root
for d in /usr /registry /registry.yml /sbin; do
	[ ! -e $d ] || /bin/busybox cp -a $d /root
done
/bin/busybox mkdir /root/dev /root/proc /root/sys /root/store /root/tmp
exec /bin/busybox switch_root /root /init
"""

INIT = """#!/bin/busybox sh
PATH=/bin:/usr/bin:/out; export PATH HOME=/
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t cgroup2 cgroup /sys/fs/cgroup
mkdir -p /dev/pts /tmp /run /store /var/lib
mount -t devpts devpts /dev/pts
echo 4 >/proc/sys/kernel/printk
for m in /modules/*.ko; do insmod $m 2>/dev/null; done
hostname guest
ip link set lo up
# Names reach the disk within a second, contents when they are synced.
if [ -e /dev/nvme0n1 ]; then
	mount -t ext4 -o commit=1 /dev/nvme0n1 /store
fi
if [ -e /registry.yml ]; then
	docker-registry serve /registry.yml >/tmp/registry.log 2>&1 &
	until wget -q -O /dev/null http://127.0.0.1:5000/v2/; do
		sleep 0.2
	done 2>/dev/null
fi
echo "== up"
sh /guest.sh
echo "== end $?"
poweroff -f
"""


def kernel():
    """(image, modules' directory) of Debian's; None where it is not."""
    if not glob.glob(CACHE + "/k/boot/vmlinuz-*"):
        os.makedirs(CACHE, exist_ok=True)
        show = subprocess.run(["apt-cache", "depends", PACKAGE],
                              stdout=subprocess.PIPE, check=False)
        name = re.search(rb"Depends: (linux-image-\S+)", show.stdout)
        if not name or subprocess.run(
                ["apt-get", "-qq", "-o", "APT::Sandbox::User=root",
                 "download", name[1].decode()], cwd=CACHE,
                stdout=subprocess.DEVNULL, check=False).returncode != 0:
            return None
        for deb in glob.glob(CACHE + "/*.deb"):
            subprocess.run(["dpkg", "-x", deb, CACHE + "/k"], check=True)
            os.unlink(deb)
    return (glob.glob(CACHE + "/k/boot/vmlinuz-*")[0],
            glob.glob(CACHE + "/k/lib/modules/*/kernel")[0])


class Archive:
    """An initramfs: cpio in its "newc" form."""

    def __init__(self):
        self.parts, self.inode, self.dirs = [], 1, set()

    def entry(self, name, mode, data=b"", device=(0, 0)):
        self.inode += 1
        head = b"070701" + b"".join(b"%08x" % x for x in (
            self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device,
            len(name.encode()) + 1, 0)) + name.encode() + b"\0"
        self.parts += [head, b"\0" * (-len(head) % 4), data,
                       b"\0" * (-len(data) % 4)]

    def dir(self, name):
        if name and name not in self.dirs:
            self.dir(os.path.dirname(name))
            self.dirs.add(name)
            self.entry(name, stat.S_IFDIR | 0o755)

    def bytes(self, name, data, mode=0o755):
        self.dir(os.path.dirname(name))
        self.entry(name, stat.S_IFREG | mode, data)

    def file(self, name, path):
        with open(path, "rb") as f:
            self.bytes(name, f.read())

    def tree(self, name, path):
        for top, _, files in os.walk(path):
            for x in files:
                full = os.path.join(top, x)
                self.file(os.path.join(name, os.path.relpath(full, path)),
                          full)

    def program(self, name, path):
        """With the libraries that ldd(1) names, each at its place."""
        self.file(name, path)
        r = subprocess.run(["ldd", path], stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, check=False)
        for so in re.findall(r"(/\S+) \(0x", r.stdout.decode()):
            if so[1:] not in self.dirs:
                self.dirs.add(so[1:])
                self.file(so[1:], so)

    def end(self):
        self.entry("TRAILER!!!", 0)
        return b"".join(self.parts)


def initramfs(path, registry=None, more=None):
    """Everything but the script.  registry: a directory of its storage."""
    a = Archive()
    a.dir("dev")
    a.entry("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
    a.dir("root")
    a.file("bin/busybox", shutil.which("busybox"))
    for p in PROGRAMS:
        a.program("out/" + p, os.path.join(lib.OUT, p))
    _, modules = kernel()
    for i, m in enumerate(MODULES):
        a.file("modules/%d.ko" % i, "%s/%s.ko" % (modules, m))
    a.bytes("etc/passwd", b"root:x:0:0::/:/bin/sh\n", 0o644)
    a.bytes("etc/group", b"root:x:0:\n", 0o644)
    if registry:
        a.program("usr/bin/docker-registry", shutil.which("docker-registry"))
        a.bytes("registry.yml", (lib.REGISTRY_YML % (
            "/registry", 5000, "")).encode(), 0o644)
        a.tree("registry", registry)
    for name, data in (more or {}).items():
        a.bytes(name, data)
    a.bytes("init", INIT.encode())
    a.bytes("first", FIRST.encode())
    with open(path, "wb") as f:
        f.write(a.end())


def disk(path, mib):
    """A journalled file system: what a power cut is about."""
    with open(path, "wb") as f:
        f.truncate(mib << 20)
    subprocess.run(["mkfs.ext4", "-q", "-E", "lazy_itable_init=1", path],
                   check=True)


class Guest:
    """Boots at once; what it prints is in .text as it comes."""

    def __init__(self, ramfs, script, top, hard=None, boot=""):
        image, _ = kernel()
        own = os.path.join(top, "own.cpio")
        a = Archive()
        a.bytes("guest.sh", script.encode())
        # archives may follow one another, each from a multiple of four
        with open(own, "wb") as f, open(ramfs, "rb") as g:
            shutil.copyfileobj(g, f)
            f.write(a.end())
        argv = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-smp",
                "2", "-m", "1200", "-cpu", "max", "-nodefaults",
                "-no-reboot", "-display", "none", "-serial", "stdio",
                "-kernel", image, "-initrd", own,
                "-append", "console=ttyS0 quiet panic=-1 rdinit=/first " + boot]
        if hard:
            argv += ["-drive", "file=%s,if=none,id=d,format=raw" % hard,
                     "-device", "nvme,drive=d,serial=1"]
        self.text = ""
        self.proc = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE,
                                     stderr=subprocess.STDOUT)
        self.thread = threading.Thread(target=self.pump, daemon=True)
        self.thread.start()

    def pump(self):
        for line in iter(self.proc.stdout.readline, b""):
            self.text += line.decode(errors="replace").replace("\r", "")

    def wait_for(self, text, seconds=240):
        end = time.monotonic() + seconds
        while text not in self.text:
            assert self.proc.poll() is None or text in self.text, self.text
            assert time.monotonic() < end, self.text
            time.sleep(0.01)

    def cut(self):
        """The plug."""
        self.proc.kill()
        self.proc.wait()
        self.thread.join(10)

    def end(self, seconds=600):
        """Its own end: what the script printed."""
        try:
            self.proc.wait(seconds)
        finally:
            self.cut()
        assert "== end 0\n" in self.text, self.text
        return self.text.split("== up\n", 1)[1].rsplit("== end", 1)[0]
