#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""Makes the images that make bench fetches, as OCI layouts in the cache.

    mkimages.py CACHE [tiny|redis|redis-next|manyfiles|big|big-zstd]...

Real software from the distribution's packages, which apt-get downloads and
checks, and text and noise from a seeded generator.  An image that stands is
left alone; RECIPE in it says of which version of this file it is."""
import concurrent.futures
import hashlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tarfile

VERSION = "1"
EPOCH = 1700000000
ALL = ["tiny", "redis", "redis-next", "manyfiles", "big", "big-zstd"]
OCI = "application/vnd.oci.image."
ARCH = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine,
                                                   os.uname().machine)
ENV = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]

# What a small distribution image is made of.
BASE = """base-files base-passwd bash bsdutils coreutils dash debconf
debianutils diffutils dpkg apt libapt-pkg6.0 findutils grep gzip hostname
init-system-helpers libacl1 libattr1 libaudit1 libaudit-common libblkid1
libbz2-1.0 libc-bin libc6 libcap-ng0 libcom-err2 libcrypt1 libdb5.3
libdebconfclient0 libffi8 libgcc-s1 libgmp10 libgnutls30 libhogweed6
libidn2-0 libmd0 libmount1 libnettle8 libp11-kit0 libpam-modules libpam0g
libpcre2-8-0 libseccomp2 libselinux1 libsmartcols1 libss2 libstdc++6
libtasn1-6 libtinfo6 libudev1 libunistring2 libuuid1 libxxhash0 login mawk
mount ncurses-base ncurses-bin passwd perl-base sed sysvinit-utils tar
tzdata usr-is-merged util-linux util-linux-extra zlib1g e2fsprogs
libext2fs2 logsave""".split()
REDIS_LIBS = """libatomic1 libcap2 libgcrypt20 libgpg-error0 libhiredis0.14
libjemalloc2 liblua5.1-0 liblz4-1 liblzf1 liblzma5 libssl3 libsystemd0
libzstd1 lua-bitop lua-cjson""".split()
BIG = [
    ["libpython3.11-stdlib", "libpython3.11-minimal", "python3-numpy",
     "python3-pip"],
    ["perl-modules-5.36", "libperl5.36", "git", "git-man", "vim-runtime"],
    ["golang-1.19-src"],
    ["linux-libc-dev", "libboost1.74-dev"],
    ["libllvm14", "libclang-cpp14"],
    ["openjdk-17-jre-headless"],
    ["gcc-12", "cpp-12", "g++-12", "libgcc-12-dev", "libstdc++-12-dev",
     "libicu72", "locales"],
]


def text(rng, size):
    """Words and numbers: what logs and sources compress like."""
    words = ("broker worker layer digest manifest fetch run container store "
             "registry error notice start stop pipe socket verify the").split()
    out, have = [], 0
    while have < size:
        out.append("%s %s %x\n" % (rng.choice(words), rng.choice(words),
                                   rng.getrandbits(20)))
        have += len(out[-1])
    return "".join(out)[:size].encode()


class Maker:
    def __init__(self, cache):
        self.cache = cache
        self.debs = os.path.join(cache, "debs")
        self.work = os.path.join(cache, "work")
        shutil.rmtree(self.work, ignore_errors=True)
        for d in (self.debs, self.work, os.path.join(cache, "oci")):
            os.makedirs(d, exist_ok=True)

    def packages(self, name, packages):
        """Unpacks them over each other, with /usr merged."""
        top = os.path.join(self.work, name)
        if os.path.isdir(top):
            return top
        for d in ("usr/bin", "usr/sbin", "usr/lib", "usr/lib64"):
            os.makedirs(os.path.join(top, d))
        for p in packages:
            have = [f for f in os.listdir(self.debs)
                    if f.startswith(p + "_")]
            if not have:
                subprocess.run(
                    ["apt-get", "-qq", "-o", "APT::Sandbox::User=root",
                     "download", p], cwd=self.debs, check=True)
                have = [f for f in os.listdir(self.debs)
                        if f.startswith(p + "_")]
            tmp = os.path.join(self.work, name + ".deb")
            subprocess.run(["dpkg-deb", "-x",
                            os.path.join(self.debs, have[0]), tmp],
                           check=True)
            for d in ("bin", "sbin", "lib", "lib64"):
                if os.path.isdir(os.path.join(tmp, d)):
                    os.makedirs(os.path.join(tmp, "usr"), exist_ok=True)
                    subprocess.run(
                        ["cp", "-a", os.path.join(tmp, d),
                         os.path.join(tmp, "usr")], check=True)
                    shutil.rmtree(os.path.join(tmp, d))
            subprocess.run(["cp", "-a", tmp + "/.", top], check=True)
            shutil.rmtree(tmp)
        return top

    def base(self):
        top = self.packages("base", BASE)
        for d in ("bin", "sbin", "lib", "lib64"):
            if not os.path.lexists(os.path.join(top, d)):
                os.symlink("usr/" + d, os.path.join(top, d))
        for d in ("dev", "proc", "sys", "tmp", "run", "root"):
            os.makedirs(os.path.join(top, d), exist_ok=True)
        os.makedirs(os.path.join(top, "etc"), exist_ok=True)
        if not os.path.lexists(os.path.join(top, "usr/bin/sh")):
            os.symlink("dash", os.path.join(top, "usr/bin/sh"))
        with open(os.path.join(top, "etc/passwd"), "w") as f:
            f.write("root:x:0:0:root:/root:/bin/sh\n")
        with open(os.path.join(top, "etc/group"), "w") as f:
            f.write("root:x:0:\n")
        return top

    def files(self, name, files):
        """A tree of {path: (mode, bytes or None for a directory)}."""
        top = os.path.join(self.work, name)
        os.makedirs(top)
        for path, (mode, data) in files.items():
            p = os.path.join(top, path)
            os.makedirs(p if data is None else os.path.dirname(p),
                        exist_ok=True)
            if data is not None:
                with open(p, "wb") as f:
                    f.write(data)
            os.chmod(p, mode)
        return top

    def tar(self, tree):
        out = tree + ".tar"
        if not os.path.exists(out):
            subprocess.run(
                ["tar", "--sort=name", "--mtime=@%d" % EPOCH, "--format=pax",
                 "--numeric-owner", "--owner=0", "--group=0",
                 "--pax-option=delete=atime,delete=ctime",
                 "-C", tree, "-cf", out, "."], check=True)
        return out

    def many(self):
        """100,000 small files below 1,000 directories, straight to a tar."""
        out = os.path.join(self.work, "many.tar")
        rng = random.Random(4)
        source = text(rng, 1 << 20)
        with tarfile.open(out, "w", format=tarfile.PAX_FORMAT) as t:
            for d in ["srv", "srv/many"] + ["srv/many/%03d" % i
                                            for i in range(1000)]:
                ti = tarfile.TarInfo(d)
                ti.type, ti.mode, ti.mtime = tarfile.DIRTYPE, 0o755, EPOCH
                t.addfile(ti)
                for i in range(100 if d.count("/") == 2 else 0):
                    ti = tarfile.TarInfo("%s/file-%02d.txt" % (d, i))
                    ti.size = rng.randrange(64, 4032)
                    ti.mode, ti.mtime = 0o644, EPOCH
                    at = rng.randrange(len(source) - ti.size)
                    t.addfile(ti, io.BytesIO(source[at:at + ti.size]))
        return out

    def tiny(self):
        box = self.packages("box", ["busybox-static"])
        top = self.files("tiny", dict(
            [(d, (0o755, None)) for d in ("dev", "proc", "sys", "tmp")],
            **{"etc/passwd": (0o644, b"root:x:0:0:root:/:/bin/sh\n"),
               "etc/group": (0o644, b"root:x:0:\n"),
               "bin/busybox": (0o755, open(os.path.join(
                   box, "usr/bin/busybox"), "rb").read())}))
        for name in "sh true sleep cat ls echo id env ps wget".split():
            os.symlink("busybox", os.path.join(top, "bin", name))
        return [self.tar(top)], {"Cmd": ["/bin/true"]}

    def redis(self, change=""):
        base = self.base()
        user = self.files("redis-user" + change, {
            "etc/passwd": (0o644, b"root:x:0:0:root:/root:/bin/sh\n"
                           b"redis:x:999:999::/data:/bin/sh\n"),
            "etc/group": (0o644, b"root:x:0:\nredis:x:999:\n"),
            "data": (0o777, None)})
        entry = self.files("redis-entry" + change, {
            "usr/local/bin/docker-entrypoint.sh": (0o755, (
                "#!/bin/sh\nset -e%s\nexec \"$@\"\n" % change).encode()),
            "usr/share/doc/.wh.redis-tools": (0o644, b""),
            "etc/.wh.debian_version": (0o644, b"")})
        trees = [base, user, self.packages("redis-libs", REDIS_LIBS),
                 self.packages("redis", ["redis-server", "redis-tools"]),
                 entry]
        return [self.tar(t) for t in trees], {
            "Entrypoint": ["docker-entrypoint.sh"], "WorkingDir": "/data",
            "Cmd": ["redis-server", "--save", "", "--bind", "127.0.0.1"]}

    def redis_next(self):
        """Another top layer over the same four."""
        return self.redis("u")

    def manyfiles(self):
        return [self.many()], {"Cmd": ["/bin/true"]}

    def big(self):
        rng = random.Random(10)
        trees = [self.base()] + [
            self.packages("big-%d" % i, p) for i, p in enumerate(BIG)]
        trees.append(self.files("big-data", {
            "srv/data/noise": (0o644, rng.randbytes(96 << 20)),
            "srv/data/app.log": (0o644, text(rng, 8 << 20) * 6)}))
        trees.append(self.files("big-app", dict(
            [("srv/app/%02d.json" % i, (0o644, text(rng, 2000)))
             for i in range(20)],
            **{"usr/share/doc/.wh.git": (0o644, b""),
               "usr/share/vim/vim90/lang/.wh..wh..opq": (0o644, b"")})))
        return [self.tar(t) for t in trees], {"Cmd": ["/bin/true"]}

    def layout(self, name):
        top = os.path.join(self.cache, "oci", name)
        recipe = os.path.join(top, "RECIPE")
        if os.path.exists(recipe) and open(recipe).read() == VERSION:
            return
        shutil.rmtree(top, ignore_errors=True)
        kind, codec = name.replace("-", "_"), "gzip"
        if name.endswith("-zstd"):
            kind, codec = name[:-5], "zstd"
        print("bench: making image %s" % name, file=sys.stderr, flush=True)
        tars, config = getattr(self, kind)()
        write_layout(top, tars, config, codec)
        with open(recipe, "w") as f:
            f.write(VERSION)

    def done(self):
        shutil.rmtree(self.work, ignore_errors=True)


def sha256(path):
    h = hashlib.sha256()
    with open(path, "rb") as f:
        while data := f.read(1 << 20):
            h.update(data)
    return "sha256:" + h.hexdigest()


def compress(tar, codec):
    """(descriptor, file) of the tar compressed."""
    out = "%s.%s" % (tar, codec)
    argv = {"gzip": ["gzip", "-n", "-6", "-c"],
            "zstd": ["zstd", "-q", "-3", "-c"]}[codec]
    with open(out, "wb") as f:
        subprocess.run([*argv, tar], stdout=f, check=True)
    return {"mediaType": OCI + "layer.v1.tar+" + codec,
            "digest": sha256(out), "size": os.path.getsize(out)}, out


def write_layout(top, tars, config, codec):
    blobs = os.path.join(top, "blobs/sha256")
    os.makedirs(blobs)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        diffs = list(pool.map(sha256, tars))
        layers = list(pool.map(lambda t: compress(t, codec), tars))

    def put(value, media, **more):
        data = json.dumps(value).encode()
        digest = hashlib.sha256(data).hexdigest()
        with open(os.path.join(blobs, digest), "wb") as f:
            f.write(data)
        return dict({"mediaType": OCI + media, "size": len(data),
                     "digest": "sha256:" + digest}, **more)

    for desc, path in layers:
        shutil.move(path, os.path.join(blobs, desc["digest"][7:]))
    conf = put({"architecture": ARCH, "os": "linux",
                "created": "2023-11-14T22:13:20Z",
                "config": dict({"Env": ENV}, **config),
                "rootfs": {"type": "layers", "diff_ids": diffs}},
               "config.v1+json")
    manifest = put({"schemaVersion": 2, "config": conf,
                    "mediaType": OCI + "manifest.v1+json",
                    "layers": [d for d, _ in layers]}, "manifest.v1+json",
                   annotations={"org.opencontainers.image.ref.name":
                                "latest"})
    with open(os.path.join(top, "index.json"), "w") as f:
        json.dump({"schemaVersion": 2, "manifests": [manifest]}, f)
    with open(os.path.join(top, "oci-layout"), "w") as f:
        json.dump({"imageLayoutVersion": "1.0.0"}, f)


def make(cache, names):
    maker = Maker(cache)
    try:
        for name in names:
            maker.layout(name)
    finally:
        maker.done()


if __name__ == "__main__":
    make(sys.argv[1], sys.argv[2:] or ALL)
