# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""Rows R1 to R6 and R14: where a registry would lead the fetcher."""
import json
import socket

import images
import rows
from documents import GOOD
from rows import row
from sites import TINY, box

TLS = "image,tls,http"


def away(site, location, status=307, what="manifests"):
    site.image()
    site.on[site.path + what] = lambda h: h.reply(status, Location=location)


def other(bench, name="elsewhere"):
    """A second site, which must see nothing."""
    return bench.hostile.site("%s.%s" % (bench.site.name, name))


def refused(bench, says, insecure="image,http", ref=None):
    """Fetches and looks at the refusal as at any row's."""
    r = rows.Row("R1.x", "", refused, says=says, insecure=insecure)
    bench.refused(r, bench.act(r, ref or bench.site.ref))


# R1: layers that lie elsewhere.

@row("R1.foreign-layer", "a foreign layer with urls",
     cve="CVE-2020-15157",
     says=r"layers\[0\] is a foreign layer \(\S+\): berth does not follow")
def _(site):
    site.image(edit=lambda m: m["layers"][0].update(
        mediaType=images.OCI + "layer.nondistributable.v1.tar",
        urls=["http://%s/elsewhere" % site.addr]))


@row("R1.urls-unasked", "urls on an ordinary layer: nobody goes there",
     cve="CVE-2020-15157", own=True)
def _(bench):
    e = other(bench)
    bench.site.image(edit=lambda m: m["layers"][0].update(
        urls=["http://%s/%s/layer" % (e.addr, e.name)]))
    bench.store.fetch(bench.site.ref)
    assert e.seen == []


@row("R1.urls-missing-blob", "urls on a layer that the registry has not",
     cve="CVE-2020-15157", own=True)
def _(bench):
    e = other(bench)
    bench.site.image(edit=lambda m: m["layers"][0].update(
        urls=["http://%s/%s/layer" % (e.addr, e.name)], digest=GOOD))
    refused(bench, r"blobs/%s: 404" % GOOD)
    assert e.seen == []


# R2, R3, R5: token servers.

def login(site, realm, **k):
    """401 until a token comes; the token server is a page of the site."""
    site.image([box()] if k.pop("large", False) else [TINY])

    def guard(h):
        if h.headers.get("Authorization") == "Bearer t":
            return site.usual(h)
        return h.reply(401, b"{}", WWW_Authenticate=k.get(
            "challenge", 'Bearer realm="%s",service="s"') % realm)
    site.on["/v2/"] = guard


def token(h):
    h.reply(200, b'{"token": "t"}')


@row("R2.realm-elsewhere", "a token server on another host gets no "
     "credential, only the repository's name", own=True)
def _(bench):
    e = other(bench)
    e.on["/" + e.name] = token
    login(bench.site, "http://%s/%s/t" % (e.addr, e.name))
    bench.store.fetch(bench.site.ref)
    assert len(e.seen) == 1 and "Authorization" not in e.seen[0][2]
    assert "Cookie" not in e.seen[0][2]


@rows.rows({"R3.token-redirect-%d" % s: s for s in (301, 302, 303, 307, 308)},
           "a %s redirect of a token server", cve="CVE-2026-33990", own=True)
def _(bench, status):
    e = other(bench)
    page = "/%s/t" % bench.site.name
    login(bench.site, "http://%s%s" % (bench.site.addr, page))
    bench.site.on[page] = lambda h: h.reply(
        status, Location="http://%s/%s" % (e.addr, e.name))
    refused(bench, r"token server \S+: %d redirect refused" % status)
    assert e.seen == []


@row("R3.redirect-in-mid-pull", "a token server that redirects only when "
     "asked again, at a blob", cve="CVE-2026-33990", own=True)
def _(bench):
    e, s, asked = other(bench), bench.site, []
    page = "/%s/t" % s.name
    login(s, "http://%s%s" % (s.addr, page))

    def again(h):
        asked.append(h.path)
        if len(asked) == 1:
            return h.reply(200, b'{"token": "u"}')
        return h.reply(302, Location="http://%s/%s" % (e.addr, e.name))

    def guard(h):
        if "/manifests/" in h.path and h.headers.get("Authorization"):
            return s.usual(h)
        return h.reply(401, WWW_Authenticate='Bearer realm="http://%s%s"' % (
            s.addr, page))
    s.on = {page: again, "/v2/": guard}
    refused(bench, r"302 redirect refused")
    assert e.seen == [] and len(asked) == 2


BAD_REALMS = {
    "R3.realm-metadata": ("http://169.254.169.254/token", "metadata"),
    "R3.realm-metadata-v6": ("http://[fd00:ec2::254]/", "metadata"),
    "R3.realm-metadata-mapped": ("http://[::ffff:169.254.169.254]/",
                                 "metadata"),
    "R3.realm-link-local": ("http://[fe80::1]/", "link-local"),
    "R2.realm-user": ("http://u:p@127.0.0.1/t", "user name"),
    "R2.realm-file": ("file:///etc/passwd", "neither http nor https"),
    "R2.realm-gopher": ("gopher://127.0.0.1:1/_x", "neither http nor https"),
    "R2.realm-relative": ("/token", "neither http nor https"),
    "R2.realm-empty": ("", "names no token server"),
    "R2.realm-no-host": ("http:///t", "not a valid URL"),
    "R2.realm-blank": ("http://127.0.0.1/a b", "not a valid URL"),
    "R2.realm-port": ("http://127.0.0.1:99999/", "not a valid URL")}


@rows.rows(BAD_REALMS, "a token server that is none: %s",
           cve="CVE-2026-33990", says=r"401|token server|refused",
           alone=True)
def _(site, arg):
    login(site, arg[0])
    row_says(site, arg[1])


def row_says(site, words):
    """Each of several rows of one function expects its own words."""
    site.says = words


@row("R5.realm-http", "an https registry that names an http token server",
     cve="CVE-2026-33990", own=True)
def _(bench):
    e = other(bench)
    port = bench.tls()
    login(bench.site, "http://%s/%s/t" % (e.addr, e.name))
    for insecure in ("image,tls", TLS):
        refused(bench, r"token server \S+ refused: not https", insecure,
                "docker://127.0.0.1:%d/%s" % (port, bench.site.name))
    assert e.seen == []


@row("R5.redirect-http", "an https registry that redirects to http", own=True)
def _(bench):
    e = other(bench)
    port = bench.tls()
    away(bench.site, "http://%s/v2/%s/x" % (e.addr, e.name))
    for insecure in ("image,tls", TLS):
        refused(bench, r"307 redirect refused: .*from https to http",
                insecure, "docker://127.0.0.1:%d/%s" % (port,
                                                        bench.site.name))
    assert e.seen == []


# R4: addresses.

ADDRESSES = {
    "metadata": ("169.254.169.254", "metadata"),
    "metadata-decimal": ("2852039166", "metadata|not a valid"),
    "metadata-octal": ("0251.0376.0251.0376", "metadata|not a valid"),
    "metadata-hex": ("0xa9fea9fe", "metadata|not a valid"),
    "metadata-short": ("169.254.43518", "metadata|not a valid"),
    "metadata-mapped": ("[::ffff:a9fe:a9fe]", "metadata"),
    "metadata-nat64": ("[64:ff9b::a9fe:a9fe]", "metadata"),
    "metadata-6to4": ("[2002:a9fe:a9fe::1]", "metadata"),
    "metadata-compatible": ("[::169.254.169.254]", "metadata"),
    "metadata-aws-v6": ("[fd00:ec2::254]", "metadata"),
    "metadata-alibaba": ("100.100.100.200", "metadata"),
    "metadata-azure": ("168.63.129.16", "metadata"),
    "metadata-dot": ("169.254.169.254.", "metadata|not a valid|not resolve"),
    "link-local": ("169.254.1.1", "link-local"),
    "link-local-v6": ("[fe80::1]", "link-local"),
    "link-local-zone": ("[fe80::1%25eth0]", "link-local|not a valid"),
    "unspecified": ("0.0.0.0", "unspecified"),
    "unspecified-0": ("0", "unspecified|not a valid"),
    "unspecified-net": ("0.1.2.3", "unspecified"),
    "unspecified-v6": ("[::]", "unspecified"),
    "multicast": ("224.0.0.1", "multicast"),
    "multicast-v6": ("[ff02::1]", "multicast"),
    "broadcast": ("255.255.255.255", "reserved"),
    "teredo": ("[2001:0:1::1]", "reserved")}


@rows.rows({"R4." + n: v for n, v in ADDRESSES.items()},
           "a redirect to an address: %s", cve="CVE-2026-33990",
           says=r"redirect", alone=True)
def _(site, arg):
    away(site, "http://%s/latest/meta-data" % arg[0])
    row_says(site, arg[1])


@row("R4.loopback", "a registry elsewhere that redirects to 127.0.0.1",
     own=True)
def _(bench):
    address = bench.outside()
    e = other(bench)
    away(bench.site, "http://%s/v2/%s/x" % (e.addr, e.name))
    refused(bench, r"redirected to 127\.0\.0\.1:\d+: .*loopback",
            ref="docker://%s:%d/%s" % (*address, bench.site.name))
    assert e.seen == []


@row("R4.realm-loopback", "a registry elsewhere that names a token server "
     "on 127.0.0.1", own=True)
def _(bench):
    address = bench.outside()
    e = other(bench)
    login(bench.site, "http://%s/%s/t" % (e.addr, e.name))
    refused(bench, r"token server 127\.0\.0\.1:\d+: .*loopback",
            ref="docker://%s:%d/%s" % (*address, bench.site.name))
    assert e.seen == []


@rows.rows({"R4.name-metadata": ("169.254.169.254", "metadata"),
            "R4.name-loopback": ("127.0.0.1", "loopback"),
            "R4.name-loopback-v6": ("::1", "loopback"),
            "R4.name-unspecified": ("0.0.0.0", "unspecified"),
            "R4.name-mapped": ("::ffff:169.254.169.254", "metadata")},
           "a host name that leads to an address: %s", own=True)
def _(bench, arg):
    bench.site.image()
    hosts = bench.own("hosts")
    with open(hosts, "w", encoding="ascii") as f:
        f.write("%s registry.test\n" % arg[0])
    r = rows.Row("R4.x", "", refused, says=r"registry\.test.*" + arg[1])
    bench.refused(r, bench.within({"/etc/hosts": hosts}, bench.store.argv(
        "--insecure-options=image,http", "fetch", "docker://registry.test:%d"
        "/%s" % (bench.site.port, bench.site.name))))
    assert bench.site.seen == []


# R6: redirects.

SCHEMES = ["file:///etc/passwd", "gopher://127.0.0.1/", "scp://127.0.0.1/x",
           "ftp://127.0.0.1/", "dict://127.0.0.1:11211/stat",
           "ldap://127.0.0.1/", "smb://127.0.0.1/x", "telnet://127.0.0.1",
           "data:,x", "javascript:1", "unix:///run/docker.sock", "ws://x/"]


@rows.rows({"R6." + s.split(":")[0]: s for s in SCHEMES},
           "a redirect to another protocol: %s",
           says=r"307 redirect refused: \S* ?neither http nor https|"
           r"307 redirect refused: .*(http|URL)")
def _(site, location):
    away(site, location)


@rows.rows({"R6.user": "http://user:pw@127.0.0.1/",
            "R6.no-host": "http:///x", "R6.blank": "/a b",
            "R6.port-0": "http://127.0.0.1:0/",
            "R6.port-huge": "http://127.0.0.1:65536/",
            "R6.bad-percent": "http://127.0.0.1%00.x/",
            "R6.backslash": "http:\\\\127.0.0.1\\x",
            "R6.empty": "", "R6.long": "/" + "a" * 9000,
            "R6.bad-v6": "http://[::1/"},
           "a redirect with a bad URL: %s",
           says=r"307 redirect (refused|without a usable Location)")
def _(site, location):
    away(site, location)


@row("R6.no-location", "a redirect without Location",
     says=r"307 redirect without a usable Location")
def _(site):
    site.on[site.path] = lambda h: h.reply(307)


@row("R6.two-locations", "a redirect with two Locations",
     says=r"302 redirect without a usable Location|malformed")
def _(site):
    def two(h):
        h.send_response(302)
        for _ in range(2):
            h.send_header("Location", "/x")
        h.send_header("Content-Length", "0")
        h.end_headers()
    site.on[site.path] = two


@rows.rows({"R6.loop-%d" % s: s for s in (301, 302, 303, 307, 308)},
           "a redirect to itself: %s", own=True)
def _(bench, status):
    s = bench.site
    s.on[s.path] = lambda h: h.reply(status, Location=h.path)
    refused(bench, r"more than 5 redirects")
    assert len(s.seen) == 6


@row("R6.five-hops", "five redirects, then the image", good=True)
def _(site):
    site.image()

    def hop(h):
        n = int(h.path.rsplit("=", 1)[1]) if "?n=" in h.path else 0
        if n == 5:
            h.path = h.path.split("?")[0]
            return site.usual(h)
        return h.reply(307, Location="?n=%d" % (n + 1))
    site.on[site.path + "blobs"] = hop


@rows.rows({"R6.token-other-port": "blobs", "R6.token-other-port-manifest":
            "manifests"}, "a redirect to another port: the token stays (%s)",
           cve="CVE-2022-23538 CVE-2022-27774", own=True)
def _(bench, what):
    s = bench.site
    page = "/%s/t" % s.name
    login(s, "http://%s%s" % (s.addr, page))
    guard = s.on["/v2/"]
    seen = []
    port = bench.hostile.open()

    def other_port(h):
        if h.headers["Host"].endswith(":%d" % port):
            seen.append(dict(h.headers))
            return s.usual(h)
        if what in h.path and "Authorization" in h.headers:
            return h.reply(307, Location="http://127.0.0.1:%d%s" % (
                port, h.path))
        return guard(h)
    s.on = {page: token, "/v2/": other_port}
    bench.store.fetch(s.ref)
    assert seen and all("Authorization" not in x and "Cookie" not in x
                        for x in seen)


@row("R6.cookies", "a registry that sets cookies: none comes back",
     own=True)
def _(bench):
    s = bench.site
    s.image()
    s.on[s.path] = lambda h: h.reply(
        307, Location=h.path + "?c=1", Set_Cookie="a=b; Path=/") \
        if "?" not in h.path else back(h)

    def back(h):
        h.path = h.path.split("?")[0]
        return s.usual(h)
    bench.store.fetch(s.ref)
    assert len(s.seen) > 2 and all("Cookie" not in x for _, _, x in s.seen)


# R14: challenges.

CHALLENGES = {
    "unterminated": 'Bearer realm="http://x', "twice": "Bearer realm=a,"
    "realm=b", "negotiate": "Negotiate", "ntlm": "NTLM TlRMTVNTUAACAAAA",
    "digest": 'Digest realm="x", nonce="y"', "basic": 'Basic realm="x"',
    "no-scheme": '="x"', "empty": "", "nothing": "Bearer",
    "64k": 'Bearer realm="http://x/' + "a" * 65000 + '"',
    "comma-flood": "Bearer " + "," * 30000,
    "scheme-flood": ",".join("S%d x=y" % i for i in range(1000))}


@rows.rows({"R14." + n: v for n, v in CHALLENGES.items()},
           "a challenge: %s", says=r"401 unauthorized", alone=True)
def _(site, text):
    site.on[site.path] = lambda h: h.reply(401, WWW_Authenticate=text)


@row("R14.parameters", "service and scope with &, #, +, % and =: they stay "
     "values", own=True)
def _(bench):
    s = bench.site
    page = "/%s/t" % s.name
    login(s, "http://%s%s" % (s.addr, page), challenge=(
        'Bearer realm="%s",service="a&scope=b#c%%25+d=e f",'
        'scope="repository:x:pull&service=y"'))
    s.on = {page: token, **s.on}
    bench.store.fetch(s.ref)
    asked = [p for _, p, _ in s.seen if p.startswith(page)][0]
    words = dict(w.split("=") for w in asked.split("?")[1].split("&"))
    assert words["service"].lower() == "a%26scope%3db%23c%2525%2bd%3de+f"
    assert words["scope"].lower() == \
        "repository%3ax%3apull%26service%3dy", words


@row("R14.realm-with-query", "a realm that has a query of its own",
     own=True)
def _(bench):
    s = bench.site
    page = "/%s/t" % s.name
    login(s, "http://%s%s?account=me" % (s.addr, page))
    s.on = {page: token, **s.on}
    bench.store.fetch(s.ref)
    asked = [p for _, p, _ in s.seen if p.startswith(page)][0]
    assert asked.startswith(page + "?account=me&service=s&scope="), asked


@rows.rows({"R14.token-" + n: v for n, v in {
    "empty-body": b"", "html": b"<html>", "number": b'{"token": 5}',
    "empty": b'{"token": ""}', "blank": b'{"token": "a b"}',
    "newline": b'{"token": "a\\r\\nX: y"}', "nul": b'{"token": "a\\u0000"}',
    "array": b'["t"]', "deep": b'{"token":' * 5000,
    "32k": b'{"token": "' + b"a" * 40000 + b'"}',
    "not-ascii": '{"token": "\u00e9"}'.encode(),
    "null": b'{"token": null, "access_token": null}'}.items()},
    "a token that is none: %s", alone=True,
    says=r"token server \S+: answer holds no usable")
def _(site, body):
    page = "/%s/t" % site.name
    login(site, "http://%s%s" % (site.addr, page))
    site.on = {page: lambda h: h.reply(200, body), **site.on}


@row("R14.token-never-helps", "a token that is never good enough", alone=True,
     says=r"401 unauthorized")
def _(site):
    page = "/%s/t" % site.name
    login(site, "http://%s%s" % (site.addr, page))
    site.on = {page: lambda h: h.reply(200, b'{"token": "u"}'), **site.on}


@rows.rows({"R14.token-%d" % s: s for s in (400, 401, 403, 404, 500)},
           "a token server that says %s", alone=True,
           says=r"token server \S+: \d{3}")
def _(site, status):
    page = "/%s/t" % site.name
    login(site, "http://%s%s" % (site.addr, page))
    site.on = {page: lambda h: h.reply(status, json.dumps({
        "details": "\x1b[31mno\n"}).encode()), **site.on}


@row("R14.token-server-gone", "a token server that nobody is",
     alone=True, says=r"token server \S+: .*refused")
def _(site):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        login(site, "http://127.0.0.1:%d/" % s.getsockname()[1])


test = rows.runner(__name__)
