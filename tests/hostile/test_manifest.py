# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""Rows M1, M2 and M4: documents that are two things at once, what is no
digest, and keys twice or in another case."""
import rows
from documents import GOOD, HERE, HEX, dumps, fields, raw
from rows import row
from sites import DOCKER, INDEX, MANIFEST

# M1: one body, two readings.

TWO = r"both a manifest and an index"


@row("M1.layers-and-manifests", "a manifest that has an index's manifests "
     "too", cve="CVE-2021-41190", says=TWO)
def _(site):
    site.image(edit=lambda m: m.update(manifests=[]))


@row("M1.config-and-manifests", "an index that has a manifest's config too",
     cve="CVE-2021-41190", says=TWO)
def _(site):
    d = site.image(tag=None)
    site.index([dict(d, platform=HERE)], config={"digest": GOOD, "size": 2})


@row("M1.null-manifests", "a manifest with \"manifests\": null, which some "
     "take for absent", cve="CVE-2021-41190", says=TWO)
def _(site):
    site.image(edit=lambda m: m.update(manifests=None))


@row("M1.body-says-index", "a manifest whose mediaType says index",
     says=r"media type .*image\.index.* differs from what it was served as")
def _(site):
    site.image(edit=fields(mediaType=INDEX))


@row("M1.docker-served-as-oci", "a Docker manifest served as an OCI one",
     says=r"differs from what it was served as")
def _(site):
    site.image(media=DOCKER + "v2+json", served=MANIFEST)


@row("M1.index-served-as-manifest", "an index without mediaType served as a "
     "manifest", says=r"an index, served as a manifest")
def _(site):
    d = site.image(tag=None)
    site.document({"schemaVersion": 2, "manifests": [d]}, MANIFEST, "latest")


@row("M1.manifest-served-as-index", "a manifest without mediaType served as "
     "an index", says=r"an index without manifests")
def _(site):
    site.image(edit=fields(mediaType=None), served=INDEX)


@row("M1.index-entry-lies", "an index whose entry says manifest and leads "
     "to an index", says=r"an index, served as a manifest|served as another")
def _(site):
    d = site.index([dict(site.image(tag=None), platform=HERE)], tag=None)
    site.index([dict(d, mediaType=MANIFEST, platform=HERE)])


@row("M1.schema-1-beside", "a manifest with schema 1's fsLayers beside "
     "layers", says=r"schema 1")
def _(site):
    site.image(edit=lambda m: m.update(fsLayers=[]))


@row("M1.config-as-manifest", "an image config served where a manifest "
     "belongs", says=r"schemaVersion is missing")
def _(site):
    site.document({"architecture": "amd64", "os": "linux"}, MANIFEST,
                  "latest")


@row("M1.media-type-absent", "a manifest without mediaType, as OCI allows",
     good=True)
def _(site):
    site.image(edit=fields(mediaType=None))


# M2: what is no digest, in every place where one can stand.

FORMS = {
    "traversal": "../../../etc/passwd", "traversal-hex": "sha256:../" + HEX,
    "63": GOOD[:-1], "65": GOOD + "a", "upper": "sha256:" + HEX.upper(),
    "twice": "sha256:sha256:" + HEX[7:], "md5": "md5:" + HEX[:32],
    "sha512": "sha512:" + HEX * 2, "empty": "", "blank": " " + GOOD,
    "newline": GOOD + "\n", "query": GOOD + "?x=y", "slash": GOOD + "/",
    "no-algorithm": HEX, "escape": "sha256:\x1b[2J" + HEX[4:],
    "fullwidth": "sha256:\uff11" + HEX[1:], "long": "sha256:" + "a" * 999999}


@rows.rows({"M2.layer-" + n: v for n, v in FORMS.items()},
           "%s: as digest", cve="CVE-2024-3727 CVE-2016-7569",
           says=r"layers\[0\]\.digest is \"[ -~]*, not \"sha256:\" and 64")
def _(site, form):
    site.image(edit=lambda m: m["layers"][0].update(digest=form))


def in_place(site, place, form):
    def edit(m):
        if place == "config":
            m["config"]["digest"] = form
        elif place == "subject":
            m["subject"] = {"mediaType": MANIFEST, "digest": form, "size": 1}
    if place == "diff-id":
        site.image(diff_ids=[form])
    elif place == "index":
        site.index([{"mediaType": MANIFEST, "digest": form, "size": 9,
                     "platform": HERE}])
    else:
        site.image(edit=edit)


@rows.rows({"M2.%s-%s" % (p, n): (p, FORMS[n])
            for p in ("config", "diff-id", "subject", "index")
            for n in ("traversal", "upper", "sha512", "newline")},
           "%s: as digest", cve="CVE-2024-3727",
           says=r"(config|subject|diff_ids\[0\]|manifests\[0\])(\.digest)? "
           r"is \"[ -~]*, not \"sha256:\" and 64")
def _(site, arg):
    in_place(site, *arg)


@rows.rows({"M2.number": 5, "M2.object": {}, "M2.array": [GOOD]},
           "a digest that is no string but a %s",
           says=r"layers\[0\]\.digest is not a string")
def _(site, value):
    site.image(edit=lambda m: m["layers"][0].update(digest=value))


@row("M2.missing", "a layer without digest",
     says=r"layers\[0\]\.digest is missing")
def _(site):
    site.image(edit=lambda m: m["layers"][0].pop("digest"))


@row("M2.nul", "a digest with U+0000 behind it", cve="CVE-2024-3727",
     says=r"\\u0000 in a string")
def _(site):
    site.image(edit=lambda m: dumps(m).replace(
        m["layers"][0]["digest"].encode(), GOOD.encode() + b"\\u0000x"))


@row("M2.annotations-unused", "annotations full of what is no digest",
     good=True)
def _(site):
    site.image(edit=fields(annotations={
        "containerd.io/uncompressed": "../../x", "digest": "sha256:..",
        "io.berth.layer": GOOD}))


# M4: keys twice, or but for case.

TWICE = r"not JSON: line \d+: duplicate object key"
CASE = r"key \S+ differs from \"%s\" in case alone"


@rows.rows({
    "M4.twice-layers": ('"layers": ', '"layers": [], "layers": '),
    "M4.twice-version": ('"schemaVersion": 2',
                         '"schemaVersion": 1, "schemaVersion": 2'),
    "M4.twice-digest": ('"digest": ', '"digest": "x", "digest": '),
    "M4.twice-escaped": ('"digest": ', '"\\u0064igest": "x", "digest": '),
    "M4.twice-unknown": ('"schemaVersion"',
                         '"x": {"y": 1, "y": 2}, "schemaVersion"')},
    "a manifest's key twice: %s", says=TWICE)
def _(site, change):
    site.image(edit=raw(*change))


@row("M4.twice-config", "a key twice in the image config", says=TWICE)
def _(site):
    site.image(doc=raw('"os": ', '"os": "windows", "os": '))


@row("M4.twice-label", "a label twice in the image config", says=TWICE)
def _(site):
    site.image(config={"Labels": {"a": "b"}},
               doc=raw('"a": "b"', '"a": "b", "a": "c"'))


@rows.rows({"M4.case-layers": ("layers", "Layers"),
            "M4.case-config": ("config", "CONFIG"),
            "M4.case-manifests": ("manifests", "maniFests"),
            "M4.case-long-s": ("layers", "layer\u017f"),
            "M4.case-media-type": ("mediaType", "mediatype")},
           "a manifest's key in another case: %s", says=CASE % r"\w+")
def _(site, keys):
    site.image(edit=fields(**{keys[1]: []}))


@row("M4.case-digest", "a descriptor with Digest beside digest",
     says=r"key layers\[0\]\.Digest differs from \"digest\"")
def _(site):
    site.image(edit=lambda m: m["layers"][0].update(Digest=GOOD))


@row("M4.case-platform", "an index entry with OS beside os",
     says=r"key manifests\[0\]\.platform\.OS differs from \"os\"")
def _(site):
    site.index([dict(site.image(tag=None), platform=dict(HERE, OS="plan9"))])


@rows.rows({"M4.case-entrypoint": ("Entrypoint", "entrypoint"),
            "M4.case-user": ("User", "USER"), "M4.case-env": ("Env", "env"),
            "M4.case-volumes": ("Volumes", "volumes")},
           "an image config's key in another case: %s", says=CASE % r"\w+")
def _(site, keys):
    site.image(config={keys[1]: None})


@row("M4.case-rootfs", "an image config with Rootfs beside rootfs",
     says=CASE % "rootfs")
def _(site):
    site.image(Rootfs={})


test = rows.runner(__name__)
