# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""The other programs that do what berth does, each with stores of its own
below the scratch directory.  What is not installed is None, and its column
stays empty."""
import json
import os
import shutil

from measure import Background, Failed, sh, wait_until

# Their defaults ask for more than a root without CAP_SYS_RESOURCE may give.
ULIMITS = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"]


def have(*programs):
    return all(shutil.which(p) for p in programs)


def version(argv, word=-1):
    try:
        lines = sh(argv).strip().splitlines()
        return lines[0].split()[word].strip(",") if lines else "?"
    except (Failed, OSError):
        return "?"


class Podman:
    def __init__(self, top):
        self.dir = os.path.join(top, "podman")
        self.argv = ["podman", "--root", self.dir + "/root", "--runroot",
                     self.dir + "/run", "--storage-driver", "overlay",
                     "--cgroup-manager=cgroupfs", "--events-backend=file",
                     "--log-level=error", "--runtime", "crun"]

    def pull(self, ref):
        return self.argv + ["pull", "-q", "--tls-verify=false",
                            "docker://" + ref]

    def buildah(self, ref):
        return ["buildah", "--root", self.dir + "/root", "--runroot",
                self.dir + "/run", "--storage-driver", "overlay", "from",
                "-q", "--tls-verify=false", "docker://" + ref]

    def run(self, ref, *args):
        return self.argv + ["run", "--rm", *ULIMITS, "--network=none", ref,
                            *args]

    def run_host(self, name, ref, args):
        return self.argv + ["run", "-d", "--name", name, *ULIMITS,
                            "--network=host", "--tls-verify=false", ref,
                            *args]

    def stop(self, name):
        sh(self.argv + ["rm", "-f", "-t", "0", name], check=False)

    def wipe(self):
        if have("buildah"):
            sh(["buildah", "--root", self.dir + "/root", "--runroot",
                self.dir + "/run", "--storage-driver", "overlay", "rm",
                "-a"], check=False)
        sh(self.argv + ["rmi", "-af"], check=False)
        sh(["umount", self.dir + "/root/overlay"], check=False)
        shutil.rmtree(self.dir, ignore_errors=True)

    def bundle(self, ref, bundle):
        """podman's own settings for crun, on a plain directory."""
        cid = sh(self.argv + ["create", "--network=none", *ULIMITS, ref,
                              "/bin/true"]).split()[-1]
        sh(self.argv + ["init", cid])
        with open(self.dir + "/root/overlay-containers/%s/userdata/"
                  "config.json" % cid) as f:
            conf = json.load(f)
        sh(self.argv + ["rm", "-f", "-t", "0", cid])
        conf["root"] = {"path": bundle + "/rootfs"}
        for key in ("hooks", "annotations"):
            conf.pop(key, None)
        conf["process"].update(terminal=False, oomScoreAdj=0)
        conf["process"].pop("rlimits", None)
        conf["mounts"] = [m for m in conf["mounts"] if m["type"] in (
            "proc", "tmpfs", "sysfs", "devpts", "mqueue", "cgroup")]
        conf["linux"]["namespaces"] = [{"type": t} for t in (
            "pid", "network", "ipc", "uts", "mount", "cgroup")]
        conf["linux"].pop("cgroupsPath", None)
        with open(bundle + "/config.json", "w") as f:
            json.dump(conf, f)


class Docker:
    """dockerd and containerd with roots of their own, no network set up."""

    def __init__(self, top):
        self.dir = d = os.path.join(top, "docker")
        os.makedirs(d)
        self.parts = []
        self.argv = ["docker", "-H", "unix://%s/sock" % d]
        self.parts.append(Background(
            ["containerd", "--config", "/dev/null", "--root", d + "/c-root",
             "--state", d + "/c-run", "-a", d + "/c-sock", "-l", "error"],
            d + "/containerd.log", lambda: os.path.exists(d + "/c-sock")))
        try:
            self.parts.append(Background(
                ["dockerd", "--containerd", d + "/c-sock", "-H",
                 "unix://%s/sock" % d, "--data-root", d + "/root",
                 "--exec-root", d + "/run", "-p", d + "/pid",
                 "--storage-driver", "overlay2", "--iptables=false",
                 "--ip6tables=false", "--bridge=none", "--exec-opt",
                 "native.cgroupdriver=cgroupfs", "-l", "error"],
                d + "/dockerd.log", self.up))
        except BaseException:
            self.close()
            raise

    def up(self):
        return os.path.exists(self.dir + "/sock") and sh(
            self.argv + ["version", "-f", "{{.Server.Version}}"],
            check=False)

    def pull(self, ref):
        return self.argv + ["pull", "-q", ref]

    def run(self, ref, *args):
        return self.argv + ["run", "--rm", "--network=none", ref, *args]

    def run_host(self, name, ref, args):
        return self.argv + ["run", "-d", "--name", name, "--network=host",
                            ref, *args]

    def stop(self, name):
        sh(self.argv + ["rm", "-f", name], check=False)

    def wipe(self):
        ids = sh(self.argv + ["images", "-aq"], check=False).split()
        if ids:
            sh(self.argv + ["rmi", "-f", *ids], check=False)

    def close(self):
        for p in reversed(self.parts):
            p.stop()


class Registry:
    """Debian's docker-registry on loopback, its content kept in the cache."""

    def __init__(self, cache, scratch, port):
        self.addr = "127.0.0.1:%d" % port
        self.root = os.path.join(cache, "registry")
        yml = os.path.join(scratch, "registry.yml")
        with open(yml, "w") as f:
            f.write("version: 0.1\nlog: {level: error, accesslog: "
                    "{disabled: true}}\nstorage: {filesystem: "
                    "{rootdirectory: %s}}\nhttp: {addr: \"%s\"}\n" % (
                        self.root, self.addr))
        self.server = Background(
            ["docker-registry", "serve", yml], scratch + "/registry.log",
            lambda: "{}" in sh(["curl", "-s", "http://%s/v2/" % self.addr],
                               check=False))

    def push(self, layout, name):
        """skopeo asks first: what is there is not sent again."""
        sh(["skopeo", "copy", "-q", "--preserve-digests",
            "--dest-tls-verify=false", "oci:%s:latest" % layout,
            "docker://%s/%s:latest" % (self.addr, name)])

    def ref(self, name):
        return "%s/%s:latest" % (self.addr, name)

    def close(self):
        self.server.stop()


def ping(port, seconds=30):
    """Until redis answers."""
    import socket

    def pong():
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as s:
                s.sendall(b"PING\r\n")
                return s.recv(16).startswith(b"+PONG")
        except OSError:
            return False
    wait_until("PONG", pong, seconds, 0.0005)
