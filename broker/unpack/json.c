/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Reading JSON strictly, in berth-unpack: what two readers could take in
 * two ways is refused.  Pure.
 */
#include <sys/auxv.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../../common/log.h"
#include "../../common/valid.h"
#include "image.h"

int
why_refuse(struct why *why, const char *fmt, ...)
{
	va_list	 ap;

	memset(why->text, 0, sizeof(why->text));
	va_start(ap, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	return (-1);
}

const char *
why_show(char *buf, const char *s)
{
	return (log_encode(buf, WHY_SHOWSIZE, s, strlen(s)));
}

/*
 * Counts brackets and commas outside strings before anything is allocated:
 * jansson's own depth limit is 2048, and it has none for the number of
 * values, each of which costs it up to a hundred times its bytes.
 */
static int
scan(const char *s, size_t len, struct why *why)
{
	size_t	 i, depth = 0, values = 1;
	int	 quoted = 0;

	for (i = 0; i < len; i++) {
		switch (s[i]) {
		case '"':
			quoted = !quoted;
			break;
		case '\\':
			if (quoted)
				i++;
			break;
		case '{':
		case '[':
			if (quoted)
				break;
			values++;
			if (++depth > JSON_DEPTH_MAX)
				return (why_refuse(why, "JSON nested deeper "
				    "than %d", JSON_DEPTH_MAX));
			break;
		case '}':
		case ']':
			if (!quoted && depth > 0)
				depth--;
			break;
		case ',':
			if (!quoted)
				values++;
			break;
		}
	}
	if (values > JSON_VALUES_MAX)
		return (why_refuse(why, "JSON with more than %d values",
		    JSON_VALUES_MAX));
	return (0);
}

/*
 * Keys are hashed with bytes from the kernel, taken from the auxiliary
 * vector: left alone, jansson would open /dev/urandom inside the sandbox.
 */
static void
seed(void)
{
	size_t		 value = 0;
	const void	*p;

	/* the first half of the 16 bytes is the stack protector's */
	p = (const void *)getauxval(AT_RANDOM);
	if (p != NULL)
		memcpy(&value, (const char *)p + 8, sizeof(value));
	json_object_seed(value | 1);
}

json_t *
jdoc_parse(const void *data, size_t len, struct why *why)
{
	char		 show[WHY_SHOWSIZE];
	json_error_t	 error;
	json_t		*root;

	if (scan(data, len, why) == -1)
		return (NULL);
	seed();
	root = json_loadb(data, len, JSON_REJECT_DUPLICATES, &error);
	if (root == NULL) {
		why_refuse(why, "not JSON: line %d: %s", error.line,
		    json_error_code(&error) == json_error_null_character ?
		    "\\u0000 in a string" : why_show(show, error.text));
		return (NULL);
	}
	if (!json_is_object(root)) {
		why_refuse(why, "JSON, but not an object");
		json_decref(root);
		return (NULL);
	}
	return (root);
}

/*
 * One letter as encoding/json of Go folds it: ASCII case, and the two
 * characters outside ASCII whose lower or upper case lies in it.
 */
static int
fold(const char **s)
{
	const unsigned char	*p = (const unsigned char *)*s;

	if (p[0] == 0xc5 && p[1] == 0xbf) {	/* U+017F, long s */
		*s += 2;
		return ('s');
	}
	if (p[0] == 0xe2 && p[1] == 0x84 && p[2] == 0xaa) { /* U+212A */
		*s += 3;
		return ('k');
	}
	*s += 1;
	if (p[0] >= 'A' && p[0] <= 'Z')
		return (p[0] - 'A' + 'a');
	return (p[0]);
}

static int
same_folded(const char *a, const char *b)
{
	int	 ca, cb;

	do {
		ca = fold(&a);
		cb = fold(&b);
	} while (ca == cb && ca != '\0');
	return (ca == cb);
}

/* "at.key", or the one of the two that is there. */
static const char *
place(char buf[WHY_SHOWSIZE], const char *at, const char *key)
{
	char	 show[WHY_SHOWSIZE];

	snprintf(buf, WHY_SHOWSIZE, "%s%s%s", at, *at != '\0' ? "." : "",
	    why_show(show, key));
	return (buf);
}

int
jdoc_known(const json_t *object, const char *at, const char *const *known,
    struct why *why)
{
	char		 where[WHY_SHOWSIZE];
	const char	*key;
	json_t		*value;
	size_t		 i;

	json_object_foreach((json_t *)(uintptr_t)object, key, value) {
		for (i = 0; known[i] != NULL; i++)
			if (strcmp(key, known[i]) != 0 &&
			    same_folded(key, known[i]))
				return (why_refuse(why, "key %s differs from "
				    "\"%s\" in case alone",
				    place(where, at, key), known[i]));
	}
	return (0);
}

/* The value, NULL for null too. */
static const json_t *
value_of(const json_t *object, const char *key)
{
	const json_t	*value = json_object_get(object, key);

	return (json_is_null(value) ? NULL : value);
}

int
jdoc_string(const json_t *object, const char *at, const char *key,
    const char **out, struct why *why)
{
	char		 where[WHY_SHOWSIZE];
	const json_t	*value = value_of(object, key);

	*out = NULL;
	if (value == NULL)
		return (0);
	if (!json_is_string(value))
		return (why_refuse(why, "%s is not a string",
		    place(where, at, key)));
	*out = json_string_value(value);
	return (0);
}

int
jdoc_array(const json_t *object, const char *at, const char *key,
    const json_t **out, struct why *why)
{
	char		 where[WHY_SHOWSIZE];

	*out = value_of(object, key);
	if (*out != NULL && !json_is_array(*out))
		return (why_refuse(why, "%s is not an array",
		    place(where, at, key)));
	return (0);
}

int
jdoc_object(const json_t *object, const char *at, const char *key,
    const json_t **out, struct why *why)
{
	char		 where[WHY_SHOWSIZE];

	*out = value_of(object, key);
	if (*out != NULL && !json_is_object(*out))
		return (why_refuse(why, "%s is not an object",
		    place(where, at, key)));
	return (0);
}

int
jdoc_strings(const json_t *object, const char *at, const char *key,
    const json_t **out, struct why *why)
{
	char	 where[WHY_SHOWSIZE];
	size_t	 i;

	if (jdoc_array(object, at, key, out, why) == -1)
		return (-1);
	for (i = 0; i < json_array_size(*out); i++)
		if (!json_is_string(json_array_get(*out, i)))
			return (why_refuse(why, "%s[%zu] is not a string",
			    place(where, at, key), i));
	return (0);
}

int
jdoc_size(const json_t *object, const char *at, const char *key,
    uint64_t max, uint64_t *out, struct why *why)
{
	char		 where[WHY_SHOWSIZE];
	const json_t	*value = json_object_get(object, key);
	json_int_t	 n;

	if (!json_is_integer(value))
		return (why_refuse(why, "%s is %s", place(where, at, key),
		    value == NULL ? "missing" : "not an integer"));
	n = json_integer_value(value);
	if (n < 0 || (uint64_t)n > max)
		return (why_refuse(why, "%s is %lld, not 0 to %llu",
		    place(where, at, key), (long long)n,
		    (unsigned long long)max));
	*out = (uint64_t)n;
	return (0);
}

int
jdoc_digest(const json_t *object, const char *at, const char *key,
    char out[DIGEST_SIZE], struct why *why)
{
	char		 where[WHY_SHOWSIZE], show[WHY_SHOWSIZE];
	const char	*s;

	if (jdoc_string(object, at, key, &s, why) == -1)
		return (-1);
	if (s == NULL)
		return (why_refuse(why, "%s is missing",
		    place(where, at, key)));
	if (!valid_digest(s))
		return (why_refuse(why, "%s is \"%s\", not \"sha256:\" and 64 "
		    "lower case hex digits", place(where, at, key),
		    why_show(show, s)));
	memcpy(out, s, DIGEST_SIZE);
	return (0);
}
