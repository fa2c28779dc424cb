/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * An image's documents inside berth-unpack: the registry's index, manifest
 * and config, the ACI made of them, the app record, and export.  Parsers are
 * pure: bytes in, struct out, and on refusal one line in struct why.
 */
#ifndef UNPACK_IMAGE_H
#define UNPACK_IMAGE_H

#include <jansson.h>

#include "../../common/record.h"
#include "../../proto/chan.h"
#include "unpack.h"

#define WHY_SHOWSIZE	160	/* a foreign string inside such a line */

/* A run of bytes of ours, from malloc. */
struct blob {
	unsigned char	*data;
	size_t		 len;
};

/* A layer as a manifest describes it. */
struct layer_desc {
	uint64_t	 size;		/* of the blob, bytes */
	enum codec	 codec;
	char		 digest[DIGEST_SIZE];
};

/* OCI image-spec manifest.md; Docker's schema 2 reads the same. */
struct manifest {
	uint64_t	 config_size;	/* bytes */
	char		 config[DIGEST_SIZE];
	size_t		 nlayers;
	struct layer_desc layers[LAYERS_MAX];	/* bottom first */
};

/* One entry of an index that berth could use. */
struct index_entry {
	enum media	 media;		/* a manifest's or an index's */
	uint64_t	 size;		/* bytes */
	int		 anywhere;	/* it names no platform */
	struct msg_platform platform;
	char		 digest[DIGEST_SIZE];
};

/* OCI image-spec image-index.md; Docker's manifest list reads the same. */
struct index {
	size_t		 total;		/* entries, skipped ones too */
	size_t		 n;
	struct index_entry *entries;
};

/* What a registry answered with: exactly one of the two. */
struct document {
	enum media	 media;		/* what it is */
	struct manifest	 manifest;
	struct index	 index;
};

/*
 * OCI image-spec config.md.  Pointers lead into root; an absent or empty
 * field is NULL.  Arrays hold strings only, labels strings only.
 */
struct config {
	json_t		*root;
	struct msg_platform platform;
	const char	*created, *author;
	const char	*user, *workdir, *stopsignal;
	int		 signo;		/* of stopsignal; 0: none given */
	const json_t	*entrypoint, *cmd, *env;
	const json_t	*labels, *ports, *healthcheck;
	char		**volumes;	/* clean, absolute, none twice */
	size_t		 nvolumes;
	char		(*diffids)[DIGEST_SIZE];
	size_t		 ndiffids;
};

/* json.c */
/* As why_set(); always returns -1. */
int	 why_refuse(struct why *, const char *, ...)
	    __attribute__((format(printf, 2, 3)));
/* Foreign text made printable, cut to WHY_SHOWSIZE; returns buf. */
const char *why_show(char *buf, const char *);
/*
 * A whole document whose root is an object, or NULL: no key twice, no NUL,
 * JSON_DEPTH_MAX, JSON_VALUES_MAX.  json_decref() frees it.
 */
json_t	*jdoc_parse(const void *, size_t, struct why *);
/*
 * Refuses a key that equals one of known (ends with NULL) but for case:
 * peers written in Go would read it as that one.  at names the object for
 * people, "" the root.
 */
int	 jdoc_known(const json_t *, const char *at, const char *const *known,
	    struct why *);
/*
 * The value of key: 0 with *out, NULL when absent or null; -1 when it is
 * of another type.
 */
int	 jdoc_string(const json_t *, const char *at, const char *key,
	    const char **out, struct why *);
int	 jdoc_array(const json_t *, const char *at, const char *key,
	    const json_t **out, struct why *);
int	 jdoc_object(const json_t *, const char *at, const char *key,
	    const json_t **out, struct why *);
int	 jdoc_strings(const json_t *, const char *at, const char *key,
	    const json_t **out, struct why *);
/* Must be there: an integer from 0 to max; a digest. */
int	 jdoc_size(const json_t *, const char *at, const char *key,
	    uint64_t max, uint64_t *out, struct why *);
int	 jdoc_digest(const json_t *, const char *at, const char *key,
	    char out[DIGEST_SIZE], struct why *);

/* digest.c */
/* SHA-256 as "sha256:hex". */
void	 digest_of(const void *, size_t, char out[DIGEST_SIZE]);
/* The image ID of an ACI: "sha512-hex". */
void	 digest_imageid(const void *, size_t, char out[IMAGEID_SIZE]);
/*
 * OCI image-spec config.md, "Layer ChainID": of a layer with this diff id
 * on the chain beneath, which is "" under the bottom layer.
 */
void	 digest_chain(const char *beneath, const char *diffid,
	    char out[DIGEST_SIZE]);

/* manifest.c */
/*
 * Reads a manifest or an index; claim is what the registry called it, or
 * MEDIA_UNKNOWN.  0, and document_free() frees; -1 with nothing to free.
 */
int	 document_parse(const void *, size_t, enum media claim,
	    struct document *, struct why *);
void	 document_free(struct document *);
enum media media_of(const char *);
int	 descriptor_known(const json_t *, const char *at, struct why *);

/* index.c */
int	 index_read(const json_t *root, struct index *, struct why *);
void	 index_free(struct index *);
/* The entry for this platform that suits best, the first of equals. */
const struct index_entry *index_match(const struct index *,
	    const struct msg_platform *);
/* The next nested index that may hold the platform; *pos begins at 0. */
const struct index_entry *index_nested(const struct index *,
	    const struct msg_platform *, size_t *pos);
/* The first manifest that names no platform, or NULL. */
const struct index_entry *index_anywhere(const struct index *);
/* Adds "linux/amd64, linux/arm64" of its manifests to text, each once. */
void	 index_platforms(const struct index *, char *text, size_t size);
/* "os/arch" or "os/arch/variant" into text. */
void	 platform_print(const struct msg_platform *, char *text, size_t size);

/* config.c */
/* 0, and config_free() frees; -1 with nothing to free. */
int	 config_parse(const void *, size_t, struct config *, struct why *);
void	 config_free(struct config *);
/* Refuses a config that is not for this platform (variant aside). */
int	 config_suits(const struct config *, const struct msg_platform *,
	    struct why *);

/* apprecord.c */
/* A signal's number by StopSignal's grammar, or -1. */
int	 apprecord_signal(const char *);
/*
 * The app record of a config.  The caller ends it with record_finish() or
 * record_free(), on failure too.
 */
int	 apprecord_build(const struct config *, struct record *,
	    struct why *);

/* jsonout.c */
/* Canonical JSON being written; a failure is kept until the end. */
struct jsonout {
	unsigned char	*data;
	size_t		 len, size;
	unsigned int	 depth;
	int		 compact;	/* no blank and no line ends */
	int		 first;		/* nothing yet in this container */
	int		 error;
};

/*
 * Objects and arrays are opened with '{' or '[' and closed with '}' or ']';
 * key is NULL inside an array and at the root.  Keys come out in the order
 * of the calls: sorted, by whoever calls.
 */
void	 jsonout_init(struct jsonout *, int compact);
void	 jsonout_open(struct jsonout *, const char *key, char bracket);
void	 jsonout_close(struct jsonout *, char bracket);
/* A string of len bytes; UTF-8, as all that comes from JSON. */
void	 jsonout_text(struct jsonout *, const char *key, const char *,
	    size_t len);
void	 jsonout_string(struct jsonout *, const char *key, const char *);
void	 jsonout_integer(struct jsonout *, const char *key, long long);
/* {"name": name, "value": value}, appc's usual pair. */
void	 jsonout_pair(struct jsonout *, const char *name, const char *value,
	    size_t len);
/* The same with a value that is itself a JSON text. */
void	 jsonout_pair_json(struct jsonout *, const char *name,
	    const json_t *);
/* With an array of an object's keys, sorted. */
void	 jsonout_pair_keys(struct jsonout *, const char *name,
	    const json_t *);
void	 jsonout_keys(struct jsonout *, const char *key, const json_t *);
/* Any value without reals; objects sorted by key. */
void	 jsonout_value(struct jsonout *, const char *key, const json_t *);
/* 0 with the bytes, which the caller frees; -1 with nothing to free. */
int	 jsonout_finish(struct jsonout *, struct blob *);

/* aci.c */
/*
 * The ACI's manifest (appc spec 0.8, aci.md) of a config and the digest of
 * its bytes: canonical JSON.  The caller frees manifest->data.
 */
int	 aci_manifest(const struct config *, const char *config_digest,
	    struct blob *manifest, struct why *);
/*
 * The same of one layer; beneath is the chain id under it, or "".  Stops
 * inside the open "pathWhitelist", which the caller fills, and ends with
 * aci_layer_end().
 */
void	 aci_layer_begin(struct jsonout *, const struct config *,
	    const char *chainid, const char *diffid, const char *beneath);
int	 aci_layer_end(struct jsonout *, struct blob *manifest);
/*
 * The whole ACI: a tar of the manifest and an empty rootfs.  The caller
 * frees aci->data.  0, or -1 with errno ENOMEM.
 */
int	 aci_wrap(const struct blob *manifest, struct blob *aci);

/* acifield.c: what of a config each field of the ACI can say. */
/* "labels": os and arch by appc's names, as far as it has them. */
void	 acifield_labels(struct jsonout *, const struct msg_platform *);
/* "app". */
void	 acifield_app(struct jsonout *, const struct config *);
/* "annotations": all that the fields cannot say, word for word. */
void	 acifield_annotations(struct jsonout *, const struct config *);

/* tarout.c */
#define TAROUT_BLOCK	512

/* One entry of a tar that is being written. */
struct tarout {
	char		 type;		/* ustar's typeflag */
	const char	*name, *link;	/* link may be NULL */
	uint32_t	 mode;
	uint32_t	 uid, gid;
	uint64_t	 size;		/* of the body, bytes */
	int64_t		 mtime;		/* seconds since 1970 */
};

/*
 * A ustar header; numbers that do not fit in octal take GNU's base-256.
 * -1 when name or link does not fit: they need a pax header before it.
 */
int	 tarout_header(unsigned char block[TAROUT_BLOCK],
	    const struct tarout *);
/* Zeros that fill size up to whole blocks. */
size_t	 tarout_padding(uint64_t size);

/* document.c */
/*
 * Reads size bytes of fd, which holds no more, and compares their digest
 * with the expected one, unless that is "".  what names it for people.
 * The caller frees out->data.
 */
int	 document_read(int fd, const char *what, uint64_t size,
	    const char *expected, struct blob *out, char digest[DIGEST_SIZE],
	    struct why *);
/* Puts "what digest: " before the line. */
void	 why_about(struct why *, const char *what, const char *digest);
/* A sealed memfd with these bytes (caller closes), or -1 with errno. */
int	 document_memfd(const char *name, const struct blob *);

/* check.c; image_check() is unpack.h's */
/*
 * Reads a regular file of at most max bytes in a directory of the store.
 * The caller frees b->data, which is NULL on failure.
 */
int	 check_load(int dir, const char *name, size_t max, struct blob *b,
	    struct why *);

#endif
