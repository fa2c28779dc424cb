# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""The registry that lies: one long-lived server, one site per row."""
import http.server
import json
import socket
import ssl
import threading
import urllib.parse
import warnings

import images
from fakeregistry import Handler
from images import ARCH, OCI, sha256

MANIFEST = OCI + "manifest.v1+json"
INDEX = OCI + "index.v1+json"
CONFIG = OCI + "config.v1+json"
LAYER = OCI + "layer.v1.tar"
DOCKER = images.DOCKER + "distribution.manifest."
TINY = images.Tar().dir("etc").file("etc/motd", b"hello\n").bytes()


def box():
    """busybox with few names: enough for what a row runs.  Once made."""
    if not hasattr(box, "tar"):
        t = images.Tar().dirs("bin", "etc", "dev", "proc", "sys", "root")
        t.dir("tmp", 0o1777)
        t.copy("bin/busybox", "/bin/busybox")
        for a in "sh id cat ls env pwd true false echo stat readlink".split():
            t.link("bin/" + a, "busybox")
        t.file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"
               "user:x:1000:1000:User:/home/user:/bin/sh\n")
        t.file("etc/group", "root:x:0:\nuser:x:1000:\n")
        box.tar = t.bytes()
    return box.tar


def changed(value, change):
    """A change is made in place, or returns bytes instead."""
    got = change(value) if change else None
    return got if isinstance(got, bytes) else value


class Answers(Handler):
    """Bodies go out in one piece with their head, and errors of a client
    that hangs up are expected."""

    def answer(self):
        path = urllib.parse.urlsplit(self.path).path
        words = [w for w in path.split("/") if w]
        name = words[1] if words[:1] == ["v2"] and words[1:] else \
            words[0] if words else ""
        if path == "/v2/":              # other clients begin so
            return self.reply(200, b"{}")
        s = self.server.registry.sites.get(name)
        if s is None:
            return self.reply(404, b"{}")
        s.seen.append((self.command, self.path, dict(self.headers)))
        return s.answer(self)

    def do_GET(self):
        try:
            self.answer()
        except OSError:
            self.close_connection = True

    do_HEAD = do_POST = do_GET


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *a):
        pass


class Hostile:
    """Serves every row's site; tls() opens further doors."""

    def __init__(self):
        self.sites = {}
        self.doors = []
        self.port = self.open()
        self.addr = "127.0.0.1:%d" % self.port

    def open(self, context=None, address="127.0.0.1"):
        """A further door to the same sites; returns its port."""
        s = Server((address, 0), Answers)
        s.registry = self
        if context:
            s.socket = context.wrap_socket(s.socket, server_side=True,
                                           do_handshake_on_connect=False)
        threading.Thread(target=s.serve_forever, args=(0.02,),
                         daemon=True).start()
        self.doors.append(s)
        return s.server_address[1]

    def tls(self, key, cert, **k):
        """The same sites behind TLS; returns the port."""
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if "ciphers" in k:
            c.set_ciphers(k.pop("ciphers"))
        c.load_cert_chain(cert, key)
        with warnings.catch_warnings():         # old versions are the point
            warnings.simplefilter("ignore")
            for name, value in k.items():
                setattr(c, name, value)
        return self.open(c)

    def site(self, name):
        self.sites[name] = Site(self, name)
        return self.sites[name]

    def stop(self):
        for s in self.doors:
            s.shutdown()
            s.server_close()


class Site:
    """What one row's repository, NAME, answers.

    .image() makes an image and serves it as NAME:latest; on[PREFIX] is a
    function of the handler that answers paths with that prefix instead,
    and may call .usual(h).  .says: a further regular expression for berth's
    line, where one function makes several rows.  .seen: (method, path,
    header fields)."""

    def __init__(self, server, name):
        self.server, self.name = server, name
        self.addr, self.port = server.addr, server.port
        self.says = ""
        self.path = "/v2/%s/" % name
        self.ref = "docker://%s/%s" % (self.addr, name)
        self.blobs, self.documents = {}, {}
        self.on, self.seen, self.sockets = {}, [], []

    # Contents.

    def put(self, data, media=None):
        """A blob; returns its descriptor."""
        if not isinstance(data, bytes):
            data = json.dumps(data).encode()
        d = {"digest": sha256(data), "size": len(data)}
        if media:
            d["mediaType"] = media
        self.blobs[d["digest"]] = data
        return d

    def document(self, value, media=MANIFEST, tag=None, served=None):
        """A manifest or index, by digest and under tag.  value: bytes, or
        what becomes JSON.  served: its Content-Type, else media."""
        data = value if isinstance(value, bytes) else \
            json.dumps(value).encode()
        d = {"digest": sha256(data), "size": len(data), "mediaType": media}
        self.documents[d["digest"]] = (data, served or media)
        if tag:
            self.documents[tag] = (data, served or media)
        return d

    def layer(self, tar, codec="none", media=None):
        return self.put(images.compress(tar, codec), media or LAYER + (
            "" if codec == "none" else "+" + codec))

    def image(self, tars=None, config=None, codec="none", doc=None,
              edit=None, media=MANIFEST, served=None, tag="latest",
              layers=None, diff_ids=None, **more):
        """Serves an image; returns its manifest's descriptor.

        tars: layers, bottom first (default one tiny, or busybox when a
        config is given); layers: (bytes, media type) pairs instead.
        config: the "config" object.  doc(d) changes the image config,
        edit(m) the manifest; each may return bytes instead.  more: fields
        of the image config."""
        if tars is None:
            tars = [TINY if config is None else box()]
        if layers is None:
            descs = [self.layer(t, codec) for t in tars]
        else:
            descs = [self.put(data, kind) for data, kind in layers]
            tars = [data for data, _ in layers]
        d = {"architecture": ARCH, "os": "linux",
             "config": config if config is not None else {},
             "rootfs": {"type": "layers", "diff_ids":
                        diff_ids or [sha256(t) for t in tars]}, **more}
        d = changed(d, doc)
        m = {"schemaVersion": 2, "mediaType": media,
             "config": self.put(d, CONFIG), "layers": descs}
        if media.startswith(images.DOCKER) and layers is None:
            m["config"]["mediaType"] = images.DOCKER + "container.image.v1" \
                "+json"
            for layer in descs:
                layer["mediaType"] = layer["mediaType"].replace(
                    LAYER, images.DOCKER + "image.rootfs.diff.tar").replace(
                        "+", ".")
        m = changed(m, edit)
        return self.document(m, media, tag, served)

    def index(self, entries, tag="latest", **more):
        """entries: descriptors, a "platform" in each that has one."""
        return self.document({"schemaVersion": 2, "mediaType": INDEX,
                              "manifests": entries, **more}, INDEX, tag)

    # Answers.

    def answer(self, h):
        for prefix, f in self.on.items():
            if h.path.startswith(prefix):
                return f(h)
        return self.usual(h)

    def usual(self, h):
        kind, _, name = h.path[len(self.path):].partition("/")
        if kind == "manifests" and name in self.documents:
            data, media = self.documents[name]
            return h.reply(200, data, Content_Type=media,
                           Docker_Content_Digest=name if ":" in name else
                           sha256(data))
        if kind == "blobs" and name in self.blobs:
            return h.reply(200, self.blobs[name])
        return h.reply(404, b"{}")

    def listen(self, talk):
        """A socket of the row's own; talk(conn) in a thread for each that
        connects.  Returns the port; closed after the row."""
        s = socket.create_server(("127.0.0.1", 0))
        self.sockets.append(s)

        def one(conn):
            with conn:
                try:
                    talk(conn)
                except OSError:
                    pass

        def accept():
            while True:
                try:
                    conn, _ = s.accept()
                except OSError:
                    return
                self.sockets.append(conn)
                threading.Thread(target=one, args=(conn,),
                                 daemon=True).start()
        threading.Thread(target=accept, daemon=True).start()
        return s.getsockname()[1]

    def close(self):
        for s in self.sockets:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()
        self.sockets = []
