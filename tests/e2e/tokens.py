# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""A token service as Docker Hub has one: signs what docker-registry checks
itself, so that the registry, not a test, decides whether a token is good."""
import base64
import http.server
import json
import os
import subprocess
import threading
import time
import urllib.parse


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def make_cert(top, name="127.0.0.1", alt="IP:127.0.0.1"):
    key, cert = os.path.join(top, "key.pem"), os.path.join(top, "cert.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
                    "-keyout", key, "-out", cert, "-days", "30", "-subj",
                    "/CN=" + name, "-addext", "subjectAltName=" + alt],
                   check=True, stderr=subprocess.DEVNULL)
    return key, cert


class TokenService:
    """Anonymous pull tokens; .asked is the list of queries."""

    def __init__(self, top):
        os.makedirs(top)
        self.key, self.cert = make_cert(top)
        der = subprocess.run(["openssl", "x509", "-in", self.cert, "-outform",
                              "DER"], stdout=subprocess.PIPE, check=True)
        self.x5c = base64.b64encode(der.stdout).decode()
        self.asked = []
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = service.answer(urllib.parse.urlsplit(self.path).query)
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *a):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0),
                                                      Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever,
                         daemon=True).start()

    def answer(self, query):
        q = urllib.parse.parse_qs(query)
        self.asked.append(q)
        access = []
        for scope in q.get("scope", []):
            kind, name, actions = scope.rsplit(":", 2) \
                if scope.count(":") > 2 else scope.split(":")
            access.append({"type": kind, "name": name, "actions": [
                a for a in actions.split(",") if a == "pull"]})
        now = int(time.time())
        return json.dumps({"token": self.sign({
            "iss": "test", "sub": "", "aud": q.get("service", [""])[0],
            "exp": now + 300, "nbf": now - 5, "iat": now, "jti": "1",
            "access": access}), "expires_in": 300}).encode()

    def sign(self, claims):
        head = {"typ": "JWT", "alg": "RS256", "x5c": [self.x5c]}
        text = b64(json.dumps(head).encode()) + "." + b64(
            json.dumps(claims).encode())
        sig = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key],
                             input=text.encode(), stdout=subprocess.PIPE,
                             check=True).stdout
        return text + "." + b64(sig)

    def registry_yml(self):
        return ("auth: {token: {realm: 'http://127.0.0.1:%d/token', "
                "service: test-service, issuer: test, rootcertbundle: %s}}"
                % (self.port, self.cert))

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
