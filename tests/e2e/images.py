#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""Images made from this machine's real software, as OCI layouts.

Used by the end-to-end tests and, as a program, by make demo:
    images.py busybox DIRECTORY
"""
import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile

EPOCH = 1700000000
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
OCI = "application/vnd.oci.image."
DOCKER = "application/vnd.docker."
ARCH = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine,
                                                   os.uname().machine)


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Tar:
    """One layer: entries in the order given, fixed times and owners."""

    def __init__(self):
        self.buf = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.buf, mode="w",
                                format=tarfile.PAX_FORMAT)

    def add(self, name, kind, mode, data=b"", link="", uid=0, gid=0):
        ti = tarfile.TarInfo(name)
        ti.type, ti.mode, ti.mtime = kind, mode, EPOCH
        ti.uid, ti.gid, ti.linkname, ti.size = uid, gid, link, len(data)
        self.tar.addfile(ti, io.BytesIO(data))
        return self

    def dir(self, name, mode=0o755, **k):
        return self.add(name, tarfile.DIRTYPE, mode, **k)

    def dirs(self, *names):
        for name in names:
            self.dir(name)
        return self

    def file(self, name, data, mode=0o644, **k):
        if isinstance(data, str):
            data = data.encode()
        return self.add(name, tarfile.REGTYPE, mode, data, **k)

    def copy(self, name, path, mode=0o755):
        with open(path, "rb") as f:
            return self.file(name, f.read(), mode)

    def link(self, name, target):
        return self.add(name, tarfile.SYMTYPE, 0o777, link=target)

    def bytes(self):
        self.tar.close()
        return self.buf.getvalue()


def compress(data, codec):
    if codec == "gzip":
        return gzip.compress(data, 6, mtime=0)
    if codec == "zstd":
        return subprocess.run(["zstd", "-q", "-3", "-c"], input=data,
                              stdout=subprocess.PIPE, check=True).stdout
    return data


class Layout:
    """An OCI layout directory, tagged "latest"."""

    def __init__(self, path):
        self.path = str(path)
        self.blobs = os.path.join(self.path, "blobs", "sha256")
        shutil.rmtree(self.path, ignore_errors=True)
        os.makedirs(self.blobs)
        with open(os.path.join(self.path, "oci-layout"), "w") as f:
            f.write('{"imageLayoutVersion": "1.0.0"}')

    def put(self, data, media=None):
        if not isinstance(data, bytes):
            data = json.dumps(data).encode()
        digest = sha256(data)
        with open(os.path.join(self.blobs, digest[7:]), "wb") as f:
            f.write(data)
        d = {"digest": digest, "size": len(data)}
        if media:
            d["mediaType"] = media
        return d

    def layer(self, tar, codec="gzip"):
        media = OCI + "layer.v1.tar" + ("+" + codec if codec != "none" else "")
        return self.put(compress(tar, codec), media), sha256(tar)

    def image(self, tars, config, codec="gzip", arch=ARCH, os_="linux",
              **more):
        """Puts layers, config and manifest; returns the manifest's
        descriptor."""
        layers = [self.layer(t, codec) for t in tars]
        doc = {"architecture": arch, "os": os_,
               "created": "2023-11-14T22:13:20Z", "config": config,
               "rootfs": {"type": "layers",
                          "diff_ids": [diff for _, diff in layers]},
               "history": [{"created": "2023-11-14T22:13:20Z",
                            "created_by": "layer %d" % i}
                           for i in range(len(layers))]}
        doc.update(more)
        return self.put({
            "schemaVersion": 2, "mediaType": OCI + "manifest.v1+json",
            "config": self.put(doc, OCI + "config.v1+json"),
            "layers": [d for d, _ in layers]}, OCI + "manifest.v1+json")

    def tag(self, descriptor):
        d = dict(descriptor)
        d["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
        with open(os.path.join(self.path, "index.json"), "w") as f:
            json.dump({"schemaVersion": 2, "manifests": [d]}, f)
        return descriptor

    def index(self, descriptors):
        """descriptors: (manifest descriptor, platform) pairs."""
        return self.tag(self.put({
            "schemaVersion": 2, "mediaType": OCI + "index.v1+json",
            "manifests": [dict(d, platform=p) for d, p in descriptors]},
            OCI + "index.v1+json"))


def busybox_tar():
    exe = shutil.which("busybox", path="/bin:/usr/bin")
    applets = subprocess.run([exe, "--list"], capture_output=True, text=True,
                             check=True).stdout.split()
    t = Tar().dirs("bin", "etc", "dev", "proc", "sys", "home", "root")
    t.dir("tmp", 0o1777)
    t.dir("home/user", 0o700, uid=1000, gid=1000)
    t.copy("bin/busybox", exe)
    for a in sorted(set(applets) - {"busybox"}):
        t.link("bin/" + a, "busybox")
    t.file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"
           "user:x:1000:1000:User:/home/user:/bin/sh\n"
           "daemon:x:2:2::/:/bin/false\n")
    t.file("etc/group", "root:x:0:\nuser:x:1000:\nextra:x:2000:user\n"
           "daemon:x:2:\n")
    return t.bytes()


BUSYBOX_CONFIG = {"Env": ["PATH=" + PATH], "Cmd": ["sh"]}


def busybox(path, codec="gzip", config=None):
    lay = Layout(path)
    lay.tag(lay.image([busybox_tar()], config or BUSYBOX_CONFIG, codec))
    return lay


def libraries(*programs):
    """What ldd names: {path inside: file on this machine}."""
    found = {}
    for p in programs:
        out = subprocess.run(["ldd", p], capture_output=True, text=True,
                             check=True).stdout
        for line in out.splitlines():
            words = [w for w in line.split() if w.startswith("/")]
            if words:
                found[words[-1]] = os.path.realpath(words[-1])
    return found


REDIS_CONF = """
# What a container needs otherwise than a Debian host:
daemonize no
supervised no
logfile ""
pidfile ""
dir /data
always-show-logo yes
"""


def redis_tars():
    server, cli = (os.path.realpath(shutil.which(p, path="/usr/bin"))
                   for p in ("redis-server", "redis-cli"))
    base = busybox_tar()
    libs = Tar()
    seen = set()
    for inside, file in sorted(libraries(server, cli).items()):
        parts = inside.strip("/").split("/")
        for i in range(1, len(parts)):
            d = "/".join(parts[:i])
            if d not in seen:
                seen.add(d)
                libs.dir(d)
        libs.copy("/".join(parts), file, 0o644 if "ld-" not in inside
                  else 0o755)
    prog = Tar().dirs("usr", "usr/bin", "usr/local", "usr/local/bin")
    prog.copy("usr/bin/redis-server", server)
    prog.copy("usr/bin/redis-cli", cli)
    ours = {line.split()[0] for line in REDIS_CONF.splitlines()
            if line and line[0] != "#"}
    with open("/etc/redis/redis.conf") as f:
        conf = "".join(line for line in f
                       if line.split(" ")[0] not in ours) + REDIS_CONF
    etc = Tar().dirs("etc", "etc/redis", "usr", "usr/local", "usr/local/bin")
    etc.file("etc/redis/redis.conf", conf)
    etc.file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"
             "redis:x:999:999::/data:/bin/false\n")
    etc.file("etc/group", "root:x:0:\nredis:x:999:\n")
    etc.dir("data", 0o755, uid=999, gid=999)
    etc.file("usr/local/bin/docker-entrypoint.sh",
             "#!/bin/sh\nset -e\nexec \"$@\"\n", 0o755)
    return [base, libs.bytes(), prog.bytes(), etc.bytes()]


REDIS_CONFIG = {
    "Env": ["PATH=" + PATH, "REDIS_VERSION=debian"],
    "Entrypoint": ["docker-entrypoint.sh"],
    "Cmd": ["redis-server", "/etc/redis/redis.conf"],
    "ExposedPorts": {"6379/tcp": {}}, "Volumes": {"/data": {}},
    "WorkingDir": "/data", "User": "redis",
    "Labels": {"org.opencontainers.image.title": "redis"}}


def redis(path, codec="gzip", tars=None):
    lay = Layout(path)
    lay.tag(lay.image(tars or redis_tars(), REDIS_CONFIG, codec))
    return lay


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("busybox", "redis"):
        sys.exit(__doc__)
    {"busybox": busybox, "redis": redis}[sys.argv[1]](sys.argv[2])
