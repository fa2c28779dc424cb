# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""A registry of one image, whose only layer is as large as asked for and
stands nowhere: it is put together while it is sent.

The layer is a gzip stream of members, which RFC 1952 allows.  Its files all
have the same contents, text that was compressed once: so a layer of 10 GiB
costs the registry no disk and little time, while whoever fetches it decodes,
hashes and writes all of it."""
import hashlib
import http.server
import json
import random
import tarfile
import threading
import zlib

import mkimages

PIECE = 32 << 20


def member(data):
    z = zlib.compressobj(6, zlib.DEFLATED, 31)
    return z.compress(data) + z.flush()


class Grown:
    def __init__(self, size):
        piece = min(size, PIECE)
        body = (mkimages.text(random.Random(5), 4 << 20) * 8)[:piece]
        packed, end = member(body), bytes(1024)
        heads = []
        for i in range(size // piece):
            ti = tarfile.TarInfo("data-%05d" % i)
            ti.size = piece
            heads.append(ti.tobuf(tarfile.USTAR_FORMAT))
        self.parts = [p for h in heads for p in (member(h), packed)]
        self.parts.append(member(end))
        tar = hashlib.sha256()
        for p in [p for h in heads for p in (h, body)] + [end]:
            tar.update(p)
        self.documents = {}
        self.layer = self.digest(self.parts)
        self.size = sum(map(len, self.parts))
        self.manifest(tar.hexdigest())

        class Handler(http.server.BaseHTTPRequestHandler):
            grown = self
            protocol_version = "HTTP/1.1"
            do_GET = do_HEAD = answer

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0),
                                                      Handler)
        self.server.daemon_threads = True
        self.ref = "127.0.0.1:%d/grown:latest" % self.server.server_port
        threading.Thread(target=self.server.serve_forever,
                         daemon=True).start()

    @staticmethod
    def digest(parts):
        h = hashlib.sha256()
        for p in parts:
            h.update(p)
        return "sha256:" + h.hexdigest()

    def document(self, value, media):
        data = json.dumps(value).encode()
        digest = self.digest([data])
        self.documents[digest] = media, data
        return {"mediaType": media, "size": len(data), "digest": digest}

    def manifest(self, diff):
        oci = mkimages.OCI
        config = self.document(
            {"architecture": mkimages.ARCH, "os": "linux",
             "config": {"Cmd": ["/data-00000"]}, "rootfs": {
                 "type": "layers", "diff_ids": ["sha256:" + diff]}},
            oci + "config.v1+json")
        self.documents["latest"] = self.documents[self.document(
            {"schemaVersion": 2, "mediaType": oci + "manifest.v1+json",
             "config": config, "layers": [
                 {"mediaType": oci + "layer.v1.tar+gzip", "size": self.size,
                  "digest": self.layer}]}, oci + "manifest.v1+json")["digest"]]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def answer(h):
    """One request to a Grown."""
    name = h.path.rsplit("/", 1)[-1]
    if name == h.grown.layer:
        media, parts = "application/octet-stream", h.grown.parts
    elif name in h.grown.documents:
        media, data = h.grown.documents[name]
        parts = [data]
    else:
        h.send_error(404)
        return
    h.send_response(200)
    h.send_header("Content-Type", media)
    h.send_header("Content-Length", str(sum(map(len, parts))))
    h.end_headers()
    for p in parts if h.command == "GET" else []:
        h.wfile.write(p)
