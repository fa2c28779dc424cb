# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""On another kernel, with cgroup v2 alone, and with the plug pulled.  Some
minutes, so it is part of "make soak" and not of "make check"."""
import random
import re
import shutil
import time

import pytest

import vm

pytestmark = pytest.mark.long

BASICS = """
B="berth --dir=/store/b --insecure-options=image,http"
R=docker://127.0.0.1:5000/busybox
"""


@pytest.fixture(scope="module")
def ramfs(registry, tmp_path_factory):
    if not shutil.which("qemu-system-x86_64"):
        pytest.skip("qemu-system-x86_64 is not installed")
    if vm.kernel() is None:
        pytest.skip("%s cannot be had" % vm.PACKAGE)
    path = str(tmp_path_factory.mktemp("vm") / "initramfs")
    vm.initramfs(path, registry.root)
    return path


@pytest.fixture
def boot(ramfs, tmp_path):
    guests = []

    def start(script, options=""):
        disk = tmp_path / "disk"
        if not disk.exists():
            vm.disk(disk, 512)
        guests.append(vm.Guest(ramfs, BASICS + script, str(tmp_path),
                               str(disk), options))
        return guests[-1]
    yield start
    for g in guests:
        g.cut()


LIMITS = """
berth --dir=/store/b check || exit 10
$B fetch $R || exit 11
$B run --memory=64M --pids=20 --cpu=0.5 $R -- sleep 1000 &
until cat /sys/fs/cgroup/berth-*/cgroup.procs 2>/dev/null | grep -q .; do
	sleep 0.1
done
for f in memory.max memory.swap.max pids.max cpu.max; do
	echo "$f: $(cat /sys/fs/cgroup/berth-*/$f)"
done
berth --dir=/store/b check --processes || exit 12
kill $!
wait $!; echo "term: $?"
$B run --memory=32M $R -- tail /dev/zero; echo "hog: $?"
$B run --pids=10 $R -- sh -c \
    'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 1000 & done'; echo "bomb: $?"
find /sys/fs/cgroup -name 'berth*'
find /store/b/tmp /store/b/trash /store/b/pods -mindepth 1
"""


def test_limits_of_cgroup_v2(boot):
    text = boot(LIMITS).end()
    for line in ("memory.max: 64000000", "memory.swap.max: 0", "pids.max: 20",
                 "cpu.max: 50000 100000", "term: 143", "hog: 137",
                 "yes       memory limit: cgroup v2"):
        assert "\n" + line + "\n" in text, (line, text)
    assert "can't fork: Resource temporarily unavailable" in text
    assert "overlayfs:" not in text, "a line in the kernel's log"
    assert text.split("bomb: ")[1].count("\n") == 1, "something is left"


CLOCKS = """
printf 'store "/store/b"\\nlisten on 127.0.0.1 port 8080\\n' >/tmp/conf
trap 'cat /tmp/said' EXIT
berthd -d -f /tmp/conf 2>/tmp/said &
until [ -S /store/b/sock ]; do sleep 0.1; done
berth --connect=/store/b/sock --insecure-options=image,http fetch $R || exit 11
sleep 12	# libevent sets its clock every five seconds
wget -q -O - http://127.0.0.1:8080/health || exit 13
$B run $R -- date +%s || exit 14
kill $!
wait $! || exit 15
$B fetch --pull-policy=update $R || exit 16
$B image verify $(ls /store/b/images) || exit 17
$B image export --layered $(ls /store/b/images) /tmp/x.aci || exit 18
"""


def test_clocks_that_are_system_calls(boot):
    """As on a host whose clock source the vdso cannot read."""
    text = boot(CLOCKS, "vdso=0").end()
    assert "killed" not in text, text


CUT = """
printf 'store "/store/b"\\nlisten on 127.0.0.1 port 8080\\n' >/tmp/conf
berthd -d -f /tmp/conf 2>&1 &
until [ -S /store/b/sock ] && $B image list >/tmp/list; do sleep 0.1; done
for id in $(grep -o '^sha512-[0-9a-f]*' /tmp/list); do
	if $B image verify $id; then echo "== whole $id"
	else echo "== DAMAGED $id"; fi
done
echo "== looked"
if [ -n "$WAIT" ]; then
	R=docker://127.0.0.1:5000/busybox-none
	$B image rm 127.0.0.1:5000/busybox-none:latest 2>/dev/null
	echo "== fetched $($B fetch $R 2>/dev/null)"
	sleep 2.5	# the journal has the names by now
	echo "== noted"
	sleep 1000
fi
while :; do
	for r in redis busybox redis-zstd; do
		R=docker://127.0.0.1:5000/$r
		echo "== fetched $($B fetch $R 2>/dev/null)"
		sleep $((RANDOM % 4))
		id=$($B fetch --sync $R 2>/dev/null)
		echo "== synced $id"
		sleep $((RANDOM % 2))
		echo "== removing $id"
		$B image rm $id
	done
done
"""


def test_power_cut(boot):
    """Pulled ten times.  What is listed is whole; what --sync promised is
    there, unless it was about to be removed; what was not synced is dropped
    by name; the next fetch works."""
    rng = random.Random(20)
    kept, log = set(), []
    for i in range(10):
        g = boot(("WAIT=yes\n" if i % 3 == 1 else "") + CUT)
        g.wait_for("== looked")
        g.wait_for("== noted" if i % 3 == 1 else "== fetched sha512-")
        time.sleep(rng.uniform(0, 1.5 if i % 3 == 1 else 6))
        g.cut()
        log.append(g.text)
        looked, rest = g.text.split("== looked", 1)
        assert "DAMAGED" not in looked, looked
        whole = set(re.findall("== whole (sha512-[0-9a-f]{32})", looked))
        assert kept <= whole, (kept, looked)
        kept = set(re.findall("== synced (sha512-[0-9a-f]{32})", rest)[-1:])
        kept -= set(re.findall("== removing (sha512-[0-9a-f]{32})", rest)[-1:])
    text = "".join(log)
    assert "was not on the disk when the machine went down" in text, text
