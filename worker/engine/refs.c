/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * refs/: which ID a reference had when it was last fetched.  The file's
 * name is the reference and the platform with "/" written as "%"; neither
 * grammar knows that sign.
 */
#include <sys/utsname.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../common/ref.h"
#include "../../common/valid.h"
#include "engine.h"

void
platform_host(struct msg_platform *p)
{
	static const struct {
		const char	*machine, *arch, *variant;
	} known[] = {
		{ "x86_64", "amd64", "" },
		{ "aarch64", "arm64", "" },
		{ "armv7l", "arm", "v7" },
		{ "armv6l", "arm", "v6" },
		{ "i686", "386", "" },
		{ "ppc64le", "ppc64le", "" },
		{ "s390x", "s390x", "" },
		{ "riscv64", "riscv64", "" },
	};
	struct utsname	 u;
	size_t		 i;

	memset(p, 0, sizeof(*p));
	memcpy(p->os, "linux", 6);
	if (uname(&u) == -1)
		return;
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(u.machine, known[i].machine) == 0) {
			snprintf(p->arch, sizeof(p->arch), "%s",
			    known[i].arch);
			snprintf(p->variant, sizeof(p->variant), "%s",
			    known[i].variant);
		}
}

static int
ref_path(char *buf, size_t size, const char *ref,
    const struct msg_platform *p)
{
	char	*s;
	int	 n;

	n = snprintf(buf, size, "refs/%s,%s/%s%s%s", ref, p->os, p->arch,
	    *p->variant != '\0' ? "/" : "", p->variant);
	if (n < 0 || (size_t)n >= size || n - 5 > 255) {
		errno = ENAMETOOLONG;
		return (-1);
	}
	for (s = buf + 5; *s != '\0'; s++)
		if (*s == '/')
			*s = '%';
	return (0);
}

/* "ID\nDIGEST\nTIME\n" */
static int
ref_parse_record(char *text, struct refrec *r)
{
	char		*id, *digest, *when, *end, *save = NULL;
	long long	 t;

	memset(r, 0, sizeof(*r));
	if ((id = strtok_r(text, "\n", &save)) == NULL ||
	    (digest = strtok_r(NULL, "\n", &save)) == NULL ||
	    (when = strtok_r(NULL, "\n", &save)) == NULL)
		goto bad;
	errno = 0;
	t = strtoll(when, &end, 10);
	if (errno != 0 || *end != '\0' || !valid_digest(digest) ||
	    !valid_imageid(id, IMAGEID_HEXLEN))
		goto bad;
	r->time = t;
	memcpy(r->id, id, strlen(id) + 1);
	memcpy(r->digest, digest, strlen(digest) + 1);
	return (0);
 bad:
	errno = EINVAL;
	return (-1);
}

static int
ref_read(const char *path, struct refrec *r)
{
	char	 text[512];

	if (store_read(path, text, sizeof(text)) == -1)
		return (-1);
	return (ref_parse_record(text, r));
}

int
ref_load(const char *ref, const struct msg_platform *p, struct refrec *r)
{
	char	 path[REFFILE_SIZE + 8];

	if (ref_path(path, sizeof(path), ref, p) == -1)
		return (-1);
	return (ref_read(path, r));
}

int
ref_store(const char *ref, const struct msg_platform *p,
    const struct refrec *r)
{
	char	 path[REFFILE_SIZE + 8], text[512];
	int	 n;

	if (ref_path(path, sizeof(path), ref, p) == -1)
		return (-1);
	n = snprintf(text, sizeof(text), "%s\n%s\n%lld\n", r->id, r->digest,
	    (long long)r->time);
	return (store_write(path, text, (size_t)n));
}

int
ref_each(int (*fn)(void *, const char *, const char *, const char *,
    const struct refrec *), void *arg)
{
	char		 path[REFFILE_SIZE + 8], name[REFFILE_SIZE];
	char		*comma, *s;
	struct dirent	*d;
	struct refrec	 r;
	DIR		*dir;
	int		 ret = 0;

	if ((dir = opendir("refs")) == NULL)
		return (-1);
	while (ret == 0 && (d = readdir(dir)) != NULL) {
		snprintf(name, sizeof(name), "%s", d->d_name);
		snprintf(path, sizeof(path), "refs/%s", name);
		if ((comma = strrchr(name, ',')) == NULL ||
		    ref_read(path, &r) == -1)
			continue;	/* not one of ours */
		*comma++ = '\0';
		for (s = name; s < comma + strlen(comma); s++)
			if (*s == '%')
				*s = '/';
		if (ref_normal(name))
			ret = fn(arg, name, comma, path, &r);
	}
	closedir(dir);
	return (ret);
}
