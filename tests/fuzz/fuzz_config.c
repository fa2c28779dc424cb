/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * An image's config, and all that berth makes of it: the ACI's manifest,
 * and the app record that berth-init must be able to read.
 */
#include "../../broker/init/init.h"
#include "../../broker/unpack/image.h"
#include "../../common/valid.h"
#include "fuzz.h"

#define DIGEST	"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca4" \
		"95991b7852b855"

static void
init_reads(const struct record *r)
{
	static const char	 empty[] = RECORD_MAGIC;
	struct appconfig	 c;
	enum appconfig_error	 error;

	MUST(record_check(r->data, r->len) == 0);
	error = appconfig_merge(&c, r->data, r->len, empty,
	    sizeof(empty) - 1);
	MUST(error == APPCONFIG_OK || error == APPCONFIG_COMMAND);
	appconfig_free(&c);
}

static void
check(const struct config *c)
{
	struct record	 r;
	struct blob	 one, two;
	struct why	 why;
	json_t		*parsed;
	size_t		 i;

	MUST(c->ndiffids <= LAYERS_MAX);
	for (i = 0; i < c->ndiffids; i++)
		MUST(valid_digest(c->diffids[i]));
	memset(&why, 0, sizeof(why));
	if (aci_manifest(c, DIGEST, &one, &why) == 0) {
		MUST(aci_manifest(c, DIGEST, &two, &why) == 0);
		MUST(one.len == two.len &&
		    memcmp(one.data, two.data, one.len) == 0);
		parsed = json_loadb((char *)one.data, one.len,
		    JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
		MUST(parsed != NULL);
		json_decref(parsed);
		free(one.data);
		free(two.data);
	} else
		fuzz_text(why.text, sizeof(why.text));
	if (apprecord_build(c, &r, &why) == 0)
		init_reads(&r);
	else
		fuzz_text(why.text, sizeof(why.text));
	record_free(&r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct config	 c;
	struct why	 why;
	void		*copy = fuzz_copy(data, len);

	memset(&why, 0, sizeof(why));
	if (config_parse(copy, len, &c, &why) == 0) {
		check(&c);
		config_free(&c);
	} else {
		MUST(why.text[0] != '\0');
		fuzz_text(why.text, sizeof(why.text));
	}
	free(copy);
	return (0);
}
