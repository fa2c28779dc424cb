# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""The example that berth was asked for: run docker://…/redis."""
import signal
import subprocess

import pytest

import lib
from lib import INSECURE


@pytest.fixture
def redis(store, registry):
    store.id = store.fetch(registry.ref("redis"))
    return store


def inside(p, *argv):
    """redis-cli of the image, run in the running app's namespaces."""
    pid = lib.app_pid(p, "redis-server")
    return lib.command(["nsenter", "-t", pid, "-U", "-m", "-p", "-n", "-i",
                        "-S", "0", "-G", "0", "/usr/bin/redis-cli", *argv])


def test_as_the_user_types_it(store, registry):
    p = store.popen(INSECURE, "run", registry.ref("redis"))
    lines, wait_for = lib.reader(p.stdout)
    try:
        wait_for("Ready to accept connections")
        text = "".join(lines)
        assert "Redis is starting" in text and "Redis 7." in text
        assert "Port: 6379" in text and "_._" in text    # the banner
        assert inside(p, "PING").stdout == "PONG\n"
        assert inside(p, "SET", "k", "v 1").stdout == "OK\n"
        assert inside(p, "GET", "k").stdout == "v 1\n"
    finally:
        p.send_signal(signal.SIGTERM)
        rest = p.wait(30)
    assert rest == 0
    assert "bye bye" in wait_for("bye bye")


def test_redis_cli_as_second_process_of_the_pod(redis):
    script = """redis-server /etc/redis/redis.conf >/dev/null &
      until redis-cli PING 2>/dev/null | grep -q PONG; do sleep 0.05; done
      redis-cli PING; redis-cli SET key value; redis-cli GET key
      kill $!; wait $!"""
    r = redis.run("--exec=/bin/sh", redis.id, "--", "-c", script)
    assert (r.returncode, r.stdout) == (0, "PONG\nOK\nvalue\n"), r


def test_over_the_network_of_the_host(redis):
    port = str(lib.free_port())
    p = redis.popen(INSECURE, "run", "--net=host", redis.id, "--",
                    "redis-server", "/etc/redis/redis.conf", "--port", port)
    lines, wait_for = lib.reader(p.stdout)
    try:
        wait_for("Ready to accept connections")
        assert lib.command(["redis-cli", "-p", port, "SET", "a", "b"]
                           ).stdout == "OK\n"
        r = redis.run("--net=host", redis.id, "--", "redis-cli", "-p", port,
                      "GET", "a")
        assert r.stdout == "b\n", r
    finally:
        p.send_signal(signal.SIGTERM)
        assert p.wait(30) == 0


def test_runs_as_the_images_user(redis):
    r = redis.run("--exec=/bin/id", redis.id)
    assert "uid=999(redis) gid=999(redis)" in r.stdout


def test_data_is_the_pods_own(redis):
    """SAVE writes to the volume; the next run begins empty."""
    script = ("redis-server /etc/redis/redis.conf >/dev/null & "
              "until redis-cli PING 2>/dev/null | grep -q PONG; do "
              "sleep 0.05; done; redis-cli GET k; redis-cli SET k v; "
              "redis-cli SAVE; ls /data; kill $!; wait $!")
    for _ in range(2):
        r = redis.run("--exec=/bin/sh", redis.id, "--", "-c", script)
        assert r.stdout == "\nOK\nOK\ndump.rdb\n", r


def test_int_ends_it_with_0(redis):
    p = redis.popen(INSECURE, "run", redis.id, stderr=subprocess.DEVNULL)
    _, wait_for = lib.reader(p.stdout)
    wait_for("Ready to accept connections")
    p.send_signal(signal.SIGINT)
    assert p.wait(30) == 0
