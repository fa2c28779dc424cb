# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
"""Rows M3: indexes."""
import images
import rows
from documents import GOOD, HERE, OTHER, THERE
from rows import row
from sites import DOCKER, INDEX, MANIFEST

@row("M3.itself", "an index that the registry serves as its own child",
     cve="CVE-2016-8579", says=r"expected \d+ bytes, got|expected digest")
def _(site):
    d = site.index([{"mediaType": INDEX, "digest": GOOD, "size": 300}])
    site.documents[GOOD] = site.documents[d["digest"]]


def nest(site, depth, leaf):
    d = leaf
    for i in range(depth):
        d = site.index([d], tag="latest" if i == depth - 1 else None)
    return d


@row("M3.depth-5", "indexes nested five deep", cve="CVE-2016-8579",
     says=r"indexes nested deeper than 4")
def _(site):
    nest(site, 5, dict(site.image(tag=None), platform=HERE))


@row("M3.depth-4", "indexes nested four deep", good=True)
def _(site):
    nest(site, 4, dict(site.image(tag=None), platform=HERE))


@row("M3.entries-1001", "an index of 1,001 entries",
     says=r"1001 manifests, more than 1000")
def _(site):
    site.index([{"mediaType": MANIFEST, "digest": GOOD, "size": 9,
                 "platform": THERE}] * 1001)


@row("M3.entries-100000", "an index of 100,000 entries, in 4 MiB",
     says=r"100000 manifests, more than 1000|more than \d+ values")
def _(site):
    site.document(b'{"schemaVersion":2,"manifests":[' + b",".join(
        [b"{}"] * 100000) + b"]}", INDEX, "latest")


@row("M3.fan", "a fan of indexes, 10 of 200 entries each",
     cve="CVE-2016-8579", says=r"more than 1000 entries with the indexes it "
     r"leads to")
def _(site):
    leaves = [site.index([{"mediaType": MANIFEST, "digest": GOOD,
                           "size": 9 + i, "platform": THERE}] * 200, tag=None)
              for i in range(10)]
    site.index(leaves)


@row("M3.empty", "an index without entries", says=r"no image for linux/\w+ "
     r"\(has: none\)")
def _(site):
    site.index([])


@row("M3.other-platform", "an index for other machines",
     says=r"no image for linux/%s \(has: linux/%s\)" % (images.ARCH, OTHER))
def _(site):
    site.index([dict(site.image(tag=None), platform=THERE)])


@row("M3.platform-lies", "an index entry for this machine that leads to an "
     "image for another", says=r"the image is for linux/%s, not" % OTHER)
def _(site):
    site.index([dict(site.image(tag=None, architecture=OTHER),
                     platform=HERE)])


@row("M3.platform-escape", "an index whose platforms would draw on a "
     "terminal", says=r"no image for linux/\w+ \(has: none\)$")
def _(site):
    site.index([dict(site.image(tag=None), platform={
        "os": "\x1b]0;x\x07", "architecture": "\u202e"})])


@row("M3.size-lies", "an index entry with a wrong size",
     says=r"expected \d+ bytes, got")
def _(site):
    d = site.image(tag=None)
    site.index([dict(d, size=d["size"] - 1, platform=HERE)])


@row("M3.digest-lies", "another manifest under the digest that an index "
     "names", says=r"expected digest sha256:[0-9a-f]{64}, got sha256:")
def _(site):
    d = site.image(tag=None)
    body, media = site.documents[d["digest"]]
    site.documents[d["digest"]] = (body.replace(b'2,', b'2 ', 1).replace(
        b' "', b',"', 1), media)
    site.index([dict(d, platform=HERE)])


@row("M3.entry-missing", "an index entry that the registry does not have",
     says=r"GET /v2/\S+/manifests/sha256:[0-9a-f]{64}: 404")
def _(site):
    site.index([{"mediaType": MANIFEST, "digest": GOOD, "size": 9,
                 "platform": HERE}])


@row("M3.first-of-two", "two entries for this machine: the first is taken",
     good=True)
def _(site):
    site.index([dict(site.image(tag=None), platform=HERE),
                {"mediaType": MANIFEST, "digest": GOOD, "size": 9,
                 "platform": HERE}])


@row("M3.attestations", "an index of buildx, with attestations beside the "
     "image", good=True)
def _(site):
    d = site.image(tag=None)
    site.index([dict(d, platform=HERE), {
        "mediaType": MANIFEST, "digest": GOOD, "size": 566,
        "annotations": {"vnd.docker.reference.digest": d["digest"],
                        "vnd.docker.reference.type": "attestation-manifest"},
        "platform": {"os": "unknown", "architecture": "unknown"}}])


@row("M3.attestation-first", "the attestation before the image, marked for "
     "this machine", good=True)
def _(site):
    d = site.image(tag=None)
    site.index([{"mediaType": MANIFEST, "digest": GOOD, "size": 566,
                 "annotations": {"vnd.docker.reference.type":
                                 "attestation-manifest"},
                 "platform": HERE}, dict(d, platform=HERE)])


@row("M3.nested-attestations", "a nested index of buildx", good=True)
def _(site):
    d = site.index([dict(site.image(tag=None), platform=HERE)], tag=None)
    site.index([d, {"mediaType": "application/vnd.in-toto+json",
                    "digest": GOOD, "size": 5}])


@row("M3.docker-list", "Docker's manifest list", good=True)
def _(site):
    d = site.image(tag=None, media=DOCKER + "v2+json")
    site.document({"schemaVersion": 2, "mediaType": DOCKER + "list.v2+json",
                   "manifests": [dict(d, platform=HERE)]},
                  DOCKER + "list.v2+json", "latest")


@row("M3.without-platform", "an index whose one entry names no platform",
     good=True)
def _(site):
    site.index([site.image(tag=None)])


test = rows.runner(__name__)
