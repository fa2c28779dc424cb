# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""Rows M5 and M6: numbers and shapes."""
import images
import rows
import sites
from documents import GOOD, HERE, OTHER, dumps, fields
from rows import row
from sites import DOCKER, LAYER, MANIFEST

# M5: numbers.

@rows.rows({"M5.size-exponent": "1e3", "M5.size-float": "5.0",
            "M5.size-string": '"5"', "M5.size-null": "null",
            "M5.size-true": "true", "M5.size-list": "[5]"},
           "a layer's size: %s", says=r"layers\[0\]\.size is not an integer")
def _(site, text):
    site.image(edit=lambda m: dumps(m).replace(
        b'"size": %d' % m["layers"][0]["size"],
        b'"size": ' + text.encode()))


@rows.rows({"M5.size-negative": -1, "M5.size-minus-2-63": -2 ** 63,
            "M5.size-2-63-1": 2 ** 63 - 1, "M5.size-64g": (64 << 30) + 1},
           "a layer's size: %s", cve="CVE-2020-1702",
           says=r"layers\[0\]\.size is -?\d+, not 0 to 68719476736")
def _(site, n):
    site.image(edit=lambda m: m["layers"][0].update(size=n))


@row("M5.size-2-64", "a layer's size beyond 64 bits",
     says=r"not JSON: line 1: too big integer")
def _(site):
    site.image(edit=lambda m: m["layers"][0].update(size=2 ** 64))


@row("M5.size-missing", "a layer without size",
     says=r"layers\[0\]\.size is missing")
def _(site):
    site.image(edit=lambda m: m["layers"][0].pop("size"))


@row("M5.sum", "layers that together exceed the limit: refused before any "
     "is fetched", says=r"layers of more than 274877906944 bytes together")
def _(site):
    site.image(tars=[sites.TINY] * 5, edit=lambda m: [
        d.update(size=63 << 30) for d in m["layers"]])


@row("M5.config-4m", "a config of more than 4 MiB", cve="CVE-2020-1702",
     says=r"config\.size is 4194305, not 0 to 4194304")
def _(site):
    site.image(edit=lambda m: m["config"].update(size=(4 << 20) + 1))


@row("M5.manifest-4m", "an index entry of more than 4 MiB",
     cve="CVE-2020-1702", says=r"manifests\[0\]\.size is 4194305, not 0 to")
def _(site):
    site.index([{"mediaType": MANIFEST, "digest": GOOD, "platform": HERE,
                 "size": (4 << 20) + 1}])


@rows.rows({"M5.version-1": 1, "M5.version-3": 3, "M5.version-string": "2",
            "M5.version-float": 2.0, "M5.version-huge": 2 ** 40,
            "M5.version-null": None},
           "a manifest's schemaVersion: %s",
           says=r"schemaVersion is|schema 1")
def _(site, n):
    site.image(edit=lambda m: m.update(schemaVersion=n))


# M6: shapes.

@row("M6.depth-65", "a manifest nested deeper than anyone needs",
     says=r"JSON nested deeper than 64")
def _(site):
    site.image(edit=lambda m: dumps(m)[:-1] + b',"x":' + b"[" * 64 +
               b"]" * 64 + b"}")


@row("M6.depth-million", "a million open brackets",
     says=r"JSON nested deeper than 64")
def _(site):
    site.document(b"[" * 1000000, MANIFEST, "latest")


@row("M6.depth-config", "an image config nested a thousand deep",
     says=r"config sha256:\w+: JSON nested deeper than 64")
def _(site):
    site.image(doc=lambda d: dumps(d)[:-1] + b',"x":' + b'{"a":' * 1000 +
               b"1" + b"}" * 1000 + b"}")


@row("M6.million-values", "an array of a million values",
     says=r"JSON with more than 262144 values")
def _(site):
    site.image(edit=lambda m: dumps(m)[:-1] + b',"x":[' + b"0," * 999999 +
               b"0]}")


@row("M6.long-key", "a key of nearly 4 MiB", good=True)
def _(site):
    site.image(edit=fields(**{"k" * 4190000: 1}))


@rows.rows({"M6.layers-object": {}, "M6.layers-string": "x",
            "M6.layers-number": 1},
           "a manifest's layers: %s", says=r"layers is not an array")
def _(site, value):
    site.image(edit=lambda m: m.update(layers=value))


@row("M6.layers-missing", "a manifest without layers",
     says=r"layers is missing")
def _(site):
    site.image(edit=fields(layers=None))


@row("M6.layer-string", "a layer that is a string",
     says=r"layers\[0\] is not an object")
def _(site):
    site.image(edit=lambda m: m.update(layers=[GOOD]))


@row("M6.config-missing", "a manifest without config",
     says=r"config is missing")
def _(site):
    site.image(edit=fields(config=None))


@row("M6.layers-128", "an image of 128 layers",
     says=r"128 layers, more than 127")
def _(site):
    site.image(tars=[sites.TINY] * 128)


@row("M6.layers-127", "an image of 127 layers", good=True)
def _(site):
    site.image(tars=[images.Tar().file("f%d" % i, b"x").bytes()
                     for i in range(127)])


@row("M6.layers-0", "an image without layers", good=True)
def _(site):
    site.image(tars=[])


@row("M6.layer-twice", "the same layer twice", good=True)
def _(site):
    site.image(tars=[sites.TINY, sites.TINY])


@rows.rows({"M6.diff-ids-fewer": 1, "M6.diff-ids-more": 3},
           "%s diff_ids than layers", says=r"\d diff_ids for 2 layers")
def _(site, n):
    site.image(tars=[sites.TINY] * 2, diff_ids=[GOOD] * n)


@row("M6.diff-ids-128", "a config of 128 diff_ids",
     says=r"128 diff_ids, more than 127")
def _(site):
    site.image(diff_ids=[GOOD] * 128)


@row("M6.diff-id-lies", "a layer that is not what its diff_id says",
     says=r"diff id.*%s" % GOOD)
def _(site):
    site.image(diff_ids=[GOOD])


@row("M6.history-longer", "a history that tells of more layers than there "
     "are", says=r"history tells of 2 layers, rootfs\.diff_ids of 1")
def _(site):
    site.image(history=[{"created_by": "x"}] * 2)


@row("M6.history-shorter", "a history that leaves layers out", good=True)
def _(site):
    site.image(tars=[sites.TINY, images.Tar().dir("d").bytes()], history=[])


@rows.rows({"M6.empty-body": b"", "M6.html": b"<!DOCTYPE html>\n<title>x",
            "M6.bom": b"\xef\xbb\xbf{}", "M6.trailing": b"{} {}",
            "M6.two-documents": b'{"schemaVersion":2}\n{"schemaVersion":2}',
            "M6.bad-utf-8": b'{"a":"\xff\xfe"}',
            "M6.overlong-utf-8": b'{"a":"\xc0\xaf"}',
            "M6.lone-surrogate": b'{"a":"\\ud800"}',
            "M6.escape-in-key": b'{"\x1b[2J":1}',
            "M6.comment": b"/* x */ {}", "M6.nan": b'{"a":NaN}',
            "M6.single-quotes": b"{'a':1}",
            "M6.cut": b'{"schemaVersion":2,"config":{'},
           "a manifest that is not JSON: %s", says=r"not JSON: line \d+: ")
def _(site, body):
    site.document(body, MANIFEST, "latest")


@rows.rows({"M6.array": b"[]", "M6.string": b'"x"', "M6.null": b"null"},
           "a manifest that is JSON, but an %s",
           says=r"JSON, but not an object|not JSON: line 1: '\[' or '\{'")
def _(site, body):
    site.document(body, MANIFEST, "latest")


@rows.rows({"M6.media-rar": "application/x-rar", "M6.media-empty": "",
            "M6.media-erofs": images.OCI + "layer.v1.erofs",
            "M6.media-squashfs": images.OCI + "layer.squashfs",
            "M6.media-case": LAYER.upper(), "M6.media-bzip2": LAYER +
            "+bzip2", "M6.media-escape": LAYER + "\x1b[31m",
            "M6.media-parameter": LAYER + "; q=1"},
           "a layer's media type: %s", cve="CVE-2020-15229",
           says=r"layers\[0\] has the unknown media type [ -~]*$")
def _(site, media):
    site.image(edit=lambda m: m["layers"][0].update(mediaType=media))


@row("M6.media-encrypted", "an encrypted layer",
     says=r"layers\[0\] is an encrypted layer")
def _(site):
    site.image(edit=lambda m: m["layers"][0].update(
        mediaType=LAYER + "+gzip+encrypted"))


@row("M6.config-type", "an artifact: its config is no image's",
     says=r"not a container image: config media type application/x-helm")
def _(site):
    site.image(edit=lambda m: m["config"].update(
        mediaType="application/x-helm"))


@row("M6.codec-zstd", "a layer in zstd", good=True)
def _(site):
    site.image(codec="zstd")


@row("M6.codec-gzip", "a layer in gzip", good=True)
def _(site):
    site.image(codec="gzip")


@row("M6.codec-wrong", "a gzip layer that the media type calls zstd",
     says=r"zstd")
def _(site):
    data = images.compress(sites.TINY, "gzip")
    site.image(layers=[(data, LAYER + "+zstd")],
               diff_ids=[images.sha256(sites.TINY)])


@row("M6.docker", "a manifest in Docker's words", good=True)
def _(site):
    site.image(media=DOCKER + "v2+json", codec="gzip")


@rows.rows({"M6.os-missing": ("os", None), "M6.os-number": ("os", 1),
            "M6.os-escape": ("os", "\x1b[2J"),
            "M6.arch-long": ("architecture", "a" * 99),
            "M6.rootfs-missing": ("rootfs", None),
            "M6.rootfs-type": ("rootfs", {"type": "windows"}),
            "M6.rootfs-ids": ("rootfs", {"diff_ids": GOOD}),
            "M6.run-array": ("config", [])},
           "an image config's %s",
           says=r"config sha256:[0-9a-f]{64}: (os|architecture|rootfs|config)"
           r"\S* is ")
def _(site, change):
    site.image(doc=lambda d: d.update([change]))


@row("M6.other-machine", "an image for another machine",
     says=r"the image is for linux/%s, not for linux/" % OTHER)
def _(site):
    site.image(architecture=OTHER)


@row("M6.config-size-lies", "a config with a wrong size",
     says=r"expected \d+ bytes, got")
def _(site):
    site.image(edit=lambda m: m["config"].update(
        size=m["config"]["size"] + 1))


@row("M6.config-digest-lies", "another config under the digest that the "
     "manifest names", says=r"config: expected digest sha256:\w+, got sha256:")
def _(site):
    def edit(m):
        d = m["config"]["digest"]
        site.blobs[d] = site.blobs[d].replace(b"linux", b"Linux")
    site.image(edit=edit)


test = rows.runner(__name__)
