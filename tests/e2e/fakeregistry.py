# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""A registry of our own, for what no real one does on demand."""
import http.server
import json
import socket
import ssl
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.fake.seen.append((self.command, self.path,
                                      dict(self.headers)))
        try:
            self.server.fake.answer(self)
        except OSError:
            self.close_connection = True    # berth has heard enough

    do_HEAD = do_GET

    def reply(self, status, body=b"", length=None, **fields):
        """length None: of body; -1: the body ends with the connection."""
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        if length == -1:
            self.close_connection = True
        elif "Transfer_Encoding" not in fields:
            self.send_header("Content-Length",
                             str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def chunked(self, body, **fields):
        self.reply(200, Transfer_Encoding="chunked", **fields)
        for i in range(0, len(body), 50000):
            c = body[i:i + 50000]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(c), c))
        self.wfile.write(b"0\r\n\r\n")

    def cut(self, body, n, **fields):
        """Announces all of body, sends n bytes of it, hangs up."""
        self.reply(200, body[:n], len(body), **fields)
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def log_message(self, *a):
        pass


class Fake:
    """A registry with one image, "x".  on[PREFIX] = function(handler) answers
    a path instead; it may call .image(handler) to go on as usual."""

    def __init__(self, layout, cert=None, host="127.0.0.1"):
        with open(layout.path + "/index.json", encoding="utf-8") as f:
            self.top = json.load(f)["manifests"][0]
        self.blobs = layout.path + "/blobs/sha256/"
        self.on = {}
        self.seen = []
        kind = type("Server", (http.server.ThreadingHTTPServer,), {
            "address_family": socket.AF_INET6 if ":" in host else
            socket.AF_INET})
        self.server = kind((host, 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *a: None
        self.server.fake = self
        if cert:
            c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            c.load_cert_chain(cert[1], cert[0])
            self.server.socket = c.wrap_socket(self.server.socket,
                                               server_side=True)
        self.port = self.server.server_address[1]
        self.addr = "%s:%d" % (host, self.port)
        self.ref = "docker://%s/x" % self.addr
        threading.Thread(target=self.server.serve_forever, args=(0.02,),
                         daemon=True).start()

    def answer(self, h):
        for prefix, f in self.on.items():
            if h.path.startswith(prefix):
                f(h)
                return
        self.image(h)

    def blob(self, h):
        digest = h.path.split("?")[0].split("/")[-1]
        if not digest.startswith("sha256:"):
            digest = self.top["digest"]
        with open(self.blobs + digest[7:], "rb") as f:
            return f.read()

    def image(self, h):
        if h.path.startswith("/v2/x/manifests/"):
            h.reply(200, self.blob(h), Content_Type=self.top["mediaType"],
                    Docker_Content_Digest=self.top["digest"])
        elif h.path.startswith("/v2/x/blobs/"):
            h.reply(200, self.blob(h))
        else:
            h.reply(404, b"{}")

    def paths(self, prefix):
        return [p for _, p, _ in self.seen if p.startswith(prefix)]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
