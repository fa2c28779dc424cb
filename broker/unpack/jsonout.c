/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Writing canonical JSON, in berth-unpack.  An image's ID is a hash over
 * these bytes: they may never change with a library's taste.  Pure.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image.h"

static void
put(struct jsonout *o, const char *s, size_t len)
{
	unsigned char	*p;
	size_t		 size = o->size;

	if (o->error)
		return;
	if (len > o->size - o->len) {
		while (len > size - o->len) {
			if (size > SIZE_MAX / 4) {
				o->error = 1;
				return;
			}
			size = size == 0 ? 4096 : size * 2;
		}
		if ((p = realloc(o->data, size)) == NULL) {
			o->error = 1;
			return;
		}
		o->data = p;
		o->size = size;
	}
	memcpy(o->data + o->len, s, len);
	o->len += len;
}

static void
put_line(struct jsonout *o)
{
	unsigned int	 i;

	if (o->compact)
		return;
	put(o, "\n", 1);
	for (i = 0; i < o->depth; i++)
		put(o, "  ", 2);
}

/*
 * Bytes from s that need no escape.  Beside what RFC 8259 asks for, DEL and
 * the C1 controls are escaped too: manifests are printed on terminals.
 */
static size_t
plain(const unsigned char *s, size_t len)
{
	size_t	 i;

	for (i = 0; i < len; i++)
		if (s[i] < 0x20 || s[i] == '"' || s[i] == '\\' ||
		    s[i] == 0x7f || (s[i] == 0xc2 && i + 1 < len &&
		    s[i + 1] < 0xa0))
			break;
	return (i);
}

static void
put_quoted(struct jsonout *o, const char *text, size_t len)
{
	const unsigned char	*s = (const unsigned char *)text;
	char			 escape[8];
	size_t			 n;

	put(o, "\"", 1);
	while (len > 0) {
		if ((n = plain(s, len)) > 0)
			put(o, (const char *)s, n);
		s += n;
		len -= n;
		if (len == 0)
			break;
		if (*s == '"' || *s == '\\') {
			escape[0] = '\\';
			escape[1] = (char)*s;
			put(o, escape, 2);
		} else {
			if (*s == 0xc2) {
				s++;
				len--;
			}
			snprintf(escape, sizeof(escape), "\\u%04x", *s);
			put(o, escape, 6);
		}
		s++;
		len--;
	}
	put(o, "\"", 1);
}

/* What stands before every value. */
static void
lead(struct jsonout *o, const char *key)
{
	if (o->depth > 0) {
		if (!o->first)
			put(o, ",", 1);
		put_line(o);
	}
	o->first = 0;
	if (key != NULL) {
		put_quoted(o, key, strlen(key));
		put(o, ": ", o->compact ? 1 : 2);
	}
}

void
jsonout_init(struct jsonout *o, int compact)
{
	memset(o, 0, sizeof(*o));
	o->compact = compact;
}

void
jsonout_open(struct jsonout *o, const char *key, char bracket)
{
	lead(o, key);
	put(o, &bracket, 1);
	o->depth++;
	o->first = 1;
}

void
jsonout_close(struct jsonout *o, char bracket)
{
	o->depth--;
	if (!o->first)
		put_line(o);
	o->first = 0;
	put(o, &bracket, 1);
}

void
jsonout_text(struct jsonout *o, const char *key, const char *s, size_t len)
{
	lead(o, key);
	put_quoted(o, s, len);
}

void
jsonout_string(struct jsonout *o, const char *key, const char *s)
{
	jsonout_text(o, key, s, strlen(s));
}

void
jsonout_integer(struct jsonout *o, const char *key, long long n)
{
	char	 number[24];

	lead(o, key);
	snprintf(number, sizeof(number), "%lld", n);
	put(o, number, strlen(number));
}

void
jsonout_pair(struct jsonout *o, const char *name, const char *value,
    size_t len)
{
	jsonout_open(o, NULL, '{');
	jsonout_string(o, "name", name);
	jsonout_text(o, "value", value, len);
	jsonout_close(o, '}');
}

/* The text of a value, as the value of a pair. */
static void
pair_of(struct jsonout *o, const char *name, const json_t *value,
    void (*fn)(struct jsonout *, const char *, const json_t *))
{
	struct jsonout	 inner;
	struct blob	 text;

	jsonout_init(&inner, 1);
	fn(&inner, NULL, value);
	if (jsonout_finish(&inner, &text) == -1) {
		o->error = 1;
		return;
	}
	jsonout_pair(o, name, (const char *)text.data, text.len);
	free(text.data);
}

void
jsonout_pair_json(struct jsonout *o, const char *name, const json_t *value)
{
	pair_of(o, name, value, jsonout_value);
}

void
jsonout_pair_keys(struct jsonout *o, const char *name, const json_t *object)
{
	pair_of(o, name, object, jsonout_keys);
}

static int
by_key(const void *a, const void *b)
{
	return (strcmp(*(const char *const *)a, *(const char *const *)b));
}

/* The keys of an object, sorted; the caller frees them. */
static const char **
sorted_keys(const json_t *object, size_t *n)
{
	const char	**keys, *name;
	json_t		 *value;

	*n = 0;
	keys = calloc(json_object_size(object) + 1, sizeof(*keys));
	if (keys == NULL)
		return (NULL);
	json_object_foreach((json_t *)(uintptr_t)object, name, value)
		keys[(*n)++] = name;
	qsort(keys, *n, sizeof(*keys), by_key);
	return (keys);
}

static void
put_object(struct jsonout *o, const char *key, const json_t *object)
{
	const char	**keys;
	size_t		  i, n;

	if ((keys = sorted_keys(object, &n)) == NULL)
		o->error = 1;
	jsonout_open(o, key, '{');
	for (i = 0; i < n; i++)
		jsonout_value(o, keys[i], json_object_get(object, keys[i]));
	jsonout_close(o, '}');
	free(keys);
}

void
jsonout_keys(struct jsonout *o, const char *key, const json_t *object)
{
	const char	**keys;
	size_t		  i, n;

	if ((keys = sorted_keys(object, &n)) == NULL)
		o->error = 1;
	jsonout_open(o, key, '[');
	for (i = 0; i < n; i++)
		jsonout_string(o, NULL, keys[i]);
	jsonout_close(o, ']');
	free(keys);
}

/* Nesting is JSON_DEPTH_MAX at most: values come from jdoc_parse(). */
void
jsonout_value(struct jsonout *o, const char *key, const json_t *value)
{
	size_t	 i;

	switch (json_typeof(value)) {
	case JSON_OBJECT:
		put_object(o, key, value);
		break;
	case JSON_ARRAY:
		jsonout_open(o, key, '[');
		for (i = 0; i < json_array_size(value); i++)
			jsonout_value(o, NULL, json_array_get(value, i));
		jsonout_close(o, ']');
		break;
	case JSON_STRING:
		jsonout_text(o, key, json_string_value(value),
		    json_string_length(value));
		break;
	case JSON_INTEGER:
		jsonout_integer(o, key, json_integer_value(value));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		lead(o, key);
		put(o, json_is_true(value) ? "true" : "false",
		    json_is_true(value) ? 4 : 5);
		break;
	case JSON_NULL:
		lead(o, key);
		put(o, "null", 4);
		break;
	case JSON_REAL:
		o->error = 1;	/* has no canonical form */
		break;
	}
}

int
jsonout_finish(struct jsonout *o, struct blob *out)
{
	if (!o->compact)
		put(o, "\n", 1);
	if (o->error) {
		free(o->data);
		memset(o, 0, sizeof(*o));
		return (-1);
	}
	out->data = o->data;
	out->len = o->len;
	return (0);
}
