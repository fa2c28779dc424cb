# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""Which addresses a fetch connects to, in a network of its own that has
public, private and forbidden ones: whoever would connect, would be seen."""
import contextlib
import ctypes
import json
import os
import socket
import struct
import subprocess
import threading

import pytest

import images
import lib
from fakeregistry import Fake
from lib import INSECURE, failed

CLONE_NEWNET = 0x40000000
PUBLIC, PUBLIC2 = "203.0.113.5", "198.51.100.7"
PRIVATE, PRIVATE2 = "10.1.2.3", "192.168.7.7"
LINKLOCAL, METADATA = "169.254.7.7", "169.254.169.254"
ADDRESSES = [PUBLIC, PUBLIC2, PRIVATE, PRIVATE2, LINKLOCAL, METADATA,
             "100.100.100.200", "fd00:ec2::254", "64:ff9b::7f00:1",
             "2002:7f00:1::"]
HOSTS = """
127.0.0.1 localhost
%s public.test
%s public2.test
%s private.test
%s private2.test
::1 both.test
%s both.test
""" % (PUBLIC, PUBLIC2, PRIVATE, PRIVATE2, PUBLIC)


class Net:
    """A network namespace with these addresses, and servers in it."""

    def __init__(self, layout, top):
        self.layout = layout
        self.top = top
        self.servers = []
        self.hosts = ""
        script = "ip link set lo up; " + "".join(
            # a host without IPv6 refuses those by itself
            "ip addr add %s dev lo%s; " % (
                a, " nodad 2>/dev/null || :" if ":" in a else "")
            for a in ADDRESSES) + "echo up; exec sleep 1000"
        self.holder = subprocess.Popen(
            ["unshare", "-n", "sh", "-ec", script], stdout=subprocess.PIPE)
        assert self.holder.stdout.readline() == b"up\n"
        self.path = "/proc/%d/ns/net" % self.holder.pid

    def serve(self, host, server=Fake):
        """A registry that listens on host there, or another server."""
        def inside():
            libc = ctypes.CDLL(None, use_errno=True)
            fd = os.open(self.path, os.O_RDONLY)
            # of this thread alone; its sockets stay there
            assert libc.setns(fd, CLONE_NEWNET) == 0
            os.close(fd)
            self.servers.append(server(self.layout, host=host))
        t = threading.Thread(target=inside)
        t.start()
        t.join()
        return self.servers[-1]

    def fetch(self, store, ref, *hosts, resolv=None):
        """Fetches there; hosts: further lines "ADDRESS NAME"."""
        script = ""
        for name, text in ("hosts", HOSTS + "".join(
                x + "\n" for x in hosts)), ("resolv.conf", resolv), (
                "host.conf", "multi on\n"):
            if text is None:
                continue
            path = os.path.join(self.top, name)
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
            script += 'mount --bind "$0/%s" /etc/%s; ' % (name, name)
        return lib.command(
            ["nsenter", "--net=" + self.path, "unshare", "-m", "sh", "-ec",
             script + 'exec "$@"', self.top,
             *store.argv(INSECURE, "fetch", "docker://" + ref)])

    def stop(self):
        for s in self.servers:
            s.stop()
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()


class Names:
    """A name server: all names are at PUBLIC.  A datagram does not hold its
    answer, so that it is asked again over TCP."""

    def __init__(self, _, host):
        self.asked = []
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((host, 53))
        self.tcp = socket.create_server((host, 53))
        for fn in self.datagrams, self.connections:
            threading.Thread(target=fn, daemon=True).start()

    def answer(self, q, how):
        """Its question alone, or with an address where one was asked for."""
        self.asked.append(how)
        end = q.index(b"\0", 12) + 5
        full = how == "tcp" and q[end - 4:end - 2] == b"\0\1"
        a = q[:2] + struct.pack(">5H", 0x8180 if how == "tcp" else 0x8380,
                                1, full, 0, 0) + q[12:end]
        return a if not full else a + struct.pack(
            ">HHHIH", 0xc00c, 1, 1, 60, 4) + socket.inet_aton(PUBLIC)

    def datagrams(self):
        while True:
            q, who = self.udp.recvfrom(4096)
            if not q:
                return
            self.udp.sendto(self.answer(q, "udp"), who)

    def connections(self):
        while True:
            try:
                c, _ = self.tcp.accept()
            except OSError:
                return
            with c, c.makefile("rb") as f:
                while len(n := f.read(2)) == 2:
                    a = self.answer(f.read(int.from_bytes(n, "big")), "tcp")
                    c.sendall(struct.pack(">H", len(a)) + a)

    def stop(self):
        for s in self.tcp, self.udp:
            # a socket of datagrams wakes its thread and complains
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def net(made, tmp_path):
    n = Net(made("busybox", images.busybox), str(tmp_path))
    yield n
    n.stop()


def away(server, url):
    """Its blobs are elsewhere."""
    server.on["/v2/x/blobs/"] = lambda h: h.reply(
        307, Location="http://%s%s" % (url, h.path))


def login(server, realm):
    server.on["/v2/"] = lambda h: server.image(h) if \
        "Authorization" in h.headers else h.reply(
            401, WWW_Authenticate='Bearer realm="http://%s/token"' % realm)


def give_token(server):
    server.on["/token"] = lambda h: h.reply(
        200, json.dumps({"token": "t"}).encode())


def ok(r):
    assert r.returncode == 0, r
    return r.stdout.strip()


# What a name of nobody's leads to.

@pytest.mark.parametrize("options, asked", [
    ("", {"udp", "tcp"}), ("options use-vc\n", {"tcp"})])
def test_names_over_tcp(store, net, options, asked):
    """An answer of many addresses, or a resolv.conf that asks for it."""
    names = net.serve("127.0.0.1", Names)
    s = net.serve(PUBLIC)
    ok(net.fetch(store, "far.test:%d/x" % s.port,
                 resolv="nameserver 127.0.0.1\n" + options))
    assert set(names.asked) == asked


def test_name_of_several_addresses(store, net):
    """The first that hosts has is of nobody."""
    s = net.serve(PUBLIC)
    for first in ["198.51.100.1", "2001:db8::1", PUBLIC2]:
        ok(net.fetch(store, "far.test:%d/x" % s.port, first + " far.test",
                     PUBLIC + " far.test"))


@pytest.mark.parametrize("scope", ["lo", "nonesuch"])
def test_name_server_of_one_link(store, net, scope):
    """As a router's advertisement names one."""
    net.serve("127.0.0.1", Names)
    s = net.serve(PUBLIC)
    ok(net.fetch(store, "far.test:%d/x" % s.port, resolv="options timeout:1\n"
                 "nameserver fe80::1%%%s\nnameserver 127.0.0.1\n" % scope))


@pytest.mark.parametrize("address, why", [
    ("127.0.0.1", "loopback"), ("127.9.9.9", "loopback"),
    ("::1", "loopback"), ("::ffff:127.0.0.1", "loopback"),
    ("64:ff9b::7f00:1", "loopback"), ("2002:7f00:1::", "loopback"),
    (LINKLOCAL, "link-local"), ("::ffff:169.254.7.7", "link-local"),
    (METADATA, "metadata"), ("100.100.100.200", "metadata"),
    ("fd00:ec2::254", "metadata"), ("0.0.0.0", "unspecified"),
    ("::", "unspecified"), ("224.0.0.1", "multicast"),
    ("ff02::1", "multicast"), ("255.255.255.255", "reserved"),
    ("240.0.0.1", "reserved"), ("192.0.0.8", "reserved")])
def test_name_leads_to(store, net, address, why):
    s = net.serve("0.0.0.0")
    ref = "evil.test:%d" % s.port
    line = failed(net.fetch(store, ref + "/x", address + " evil.test"), 1,
                  ref, why)
    assert line.count("\n") == 0
    assert s.seen == []


def test_judged_is_the_address_connected_to(store, net):
    """Another address of the name being fine helps none that is not."""
    e = net.serve("::1")
    failed(net.fetch(store, "both.test:%d/x" % e.port), 1, "refused")
    assert e.seen == []
    s = net.serve(PUBLIC)
    ok(net.fetch(store, "both.test:%d/x" % s.port))


# Where a registry leads to.

@pytest.mark.parametrize("target", [PRIVATE, "private.test"])
def test_public_registry_redirects_to_private(store, net, target):
    s, inner = net.serve(PUBLIC), net.serve(PRIVATE)
    away(s, "%s:%d" % (target, inner.port))
    failed(net.fetch(store, "public.test:%d/x" % s.port), 1,
           "a private address, and the registry is public")
    assert inner.seen == []


@pytest.mark.parametrize("target", [PRIVATE, "private.test"])
def test_public_registry_names_a_private_realm(store, net, target):
    s, inner = net.serve(PUBLIC), net.serve(PRIVATE)
    login(s, "%s:%d" % (target, inner.port))
    give_token(inner)
    failed(net.fetch(store, "public.test:%d/x" % s.port), 1,
           "a private address, and the registry is public")
    assert inner.seen == []


def test_public_registry_redirects_to_public(store, net):
    s, blobs = net.serve(PUBLIC), net.serve(PUBLIC2)
    away(s, "public2.test:%d" % blobs.port)
    ok(net.fetch(store, "public.test:%d/x" % s.port))
    assert blobs.seen


@pytest.mark.parametrize("name", [PRIVATE, "private.test"])
def test_private_registry_and_its_private_friends(store, net, name):
    s, blobs = net.serve(PRIVATE), net.serve(PRIVATE2)
    tokens = net.serve(PRIVATE2)
    login(s, "private2.test:%d" % tokens.port)
    give_token(tokens)
    blob = s.image

    def image(h):
        if h.path.startswith("/v2/x/blobs/"):
            h.reply(307, Location="http://%s%s" % (blobs.addr, h.path))
        else:
            blob(h)
    s.image = image
    ok(net.fetch(store, "%s:%d/x" % (name, s.port)))
    assert tokens.seen and blobs.seen
    assert all("Authorization" not in h for _, _, h in blobs.seen)


@pytest.mark.parametrize("target, why", [
    ("127.0.0.1", "loopback"), ("localhost", "loopback"),
    (LINKLOCAL, "link-local"), (METADATA, "metadata")])
def test_private_registry_leads_to_forbidden(store, net, target, why):
    s, e = net.serve(PRIVATE), net.serve("0.0.0.0")
    away(s, "%s:%d" % (target, e.port))
    failed(net.fetch(store, "private.test:%d/x" % s.port), 1, why)
    assert e.seen == []


# What the user has named.

@pytest.mark.parametrize("address", [LINKLOCAL, METADATA, "127.0.0.2"])
def test_named_address(store, net, address):
    s = net.serve(address)
    ok(net.fetch(store, "%s:%d/x" % (address, s.port)))


@pytest.mark.parametrize("named, target, why", [
    (LINKLOCAL, METADATA, "metadata"), ("127.0.0.2", "127.0.0.3", "loopback"),
    ("localhost", METADATA, "metadata")])
def test_named_address_is_not_another(store, net, named, target, why):
    s, e = net.serve("0.0.0.0"), net.serve(target)
    away(s, e.addr)
    failed(net.fetch(store, "%s:%d/x" % (named, s.port)), 1, why)
    assert e.seen == []


def test_named_loopback_under_the_name_of_all(store, net):
    """localhost is ::1 too, which nobody has named."""
    s, e = net.serve("127.0.0.1"), net.serve("127.0.0.1")
    away(s, "localhost:%d" % e.port)
    ok(net.fetch(store, "127.0.0.1:%d/x" % s.port))
    assert e.seen


def test_localhost_is_any_loopback(store, net):
    s, e = net.serve("127.0.0.1"), net.serve("127.0.0.3")
    away(s, e.addr)
    ok(net.fetch(store, "localhost:%d/x" % s.port))
    assert e.seen
