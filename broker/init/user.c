/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * Who "user[:group]" is, by the passwd and group files of the image.  Pure:
 * berth-init reads the files, bounded, and nobody else ever parses them.
 */
#include <string.h>

#include "init.h"

#define LINES_MAX	65536

struct slice {
	const char	*s;
	size_t		 len;
};

struct entry {			/* one line of passwd */
	struct slice	 name;
	uint32_t	 uid, gid;
	struct slice	 home;
};

static struct slice
slice(const char *s)
{
	return ((struct slice){ s, strlen(s) });
}

static int
slice_same(const struct slice *a, const struct slice *b)
{
	return (a->len == b->len && memcmp(a->s, b->s, a->len) == 0);
}

/* Cuts the part before the next sep off *rest; 0 when nothing is left. */
static int
cut(struct slice *rest, char sep, struct slice *part)
{
	const char	*end;

	if (rest->s == NULL)
		return (0);
	part->s = rest->s;
	end = memchr(rest->s, sep, rest->len);
	if (end == NULL) {
		part->len = rest->len;
		rest->s = NULL;
		rest->len = 0;
		return (1);
	}
	part->len = (size_t)(end - rest->s);
	rest->len -= part->len + 1;
	rest->s = end + 1;
	return (1);
}

static int
digits_only(const struct slice *s)
{
	size_t	 i;

	for (i = 0; i < s->len; i++)
		if (s->s[i] < '0' || s->s[i] > '9')
			return (0);
	return (s->len > 0);
}

/* Decimal, no leading zero (some would read octal); 0, or -1 out of range. */
static int
number(const struct slice *s, uint32_t *id)
{
	uint64_t	 v = 0;
	size_t		 i;

	if (s->len > 10 || (s->len > 1 && s->s[0] == '0'))
		return (-1);
	for (i = 0; i < s->len; i++)
		v = v * 10 + (uint64_t)(s->s[i] - '0');
	if (v > USER_ID_MAX)
		return (-1);
	*id = (uint32_t)v;
	return (0);
}

/* As useradd(8) takes names: "-1", "+0", "0x0" and " 0" are none. */
static int
name_ok(const struct slice *s)
{
	size_t	 i;
	char	 c;

	if (s->len == 0 || s->len > 255)
		return (0);
	for (i = 0; i < s->len; i++) {
		c = s->s[i];
		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    c == '_')
			continue;
		if (i > 0 && ((c >= '0' && c <= '9') || c == '-' ||
		    c == '.' || (c == '$' && i == s->len - 1)))
			continue;
		return (0);
	}
	return (1);
}

/* Fills *e from a line, -1 when its numbers are none. */
static int
entry_parse(struct slice line, struct entry *e)
{
	struct slice	 part;

	memset(e, 0, sizeof(*e));
	if (!cut(&line, ':', &e->name) || !cut(&line, ':', &part) ||
	    !cut(&line, ':', &part) || !digits_only(&part) ||
	    number(&part, &e->uid) == -1 || !cut(&line, ':', &part) ||
	    !digits_only(&part) || number(&part, &e->gid) == -1)
		return (-1);
	if (cut(&line, ':', &part))	/* the real name */
		(void)cut(&line, ':', &e->home);
	return (0);
}

/* The first line for this name, or, when name is NULL, for this uid. */
static enum user_error
entry_find(const struct user_text *passwd, const struct slice *name,
    uint32_t uid, struct entry *e)
{
	struct slice	 rest, line, head, first;
	size_t		 n = 0;
	int		 ok;

	rest = (struct slice){ passwd->data, passwd->len };
	while (cut(&rest, '\n', &line)) {
		if (n++ == LINES_MAX)
			return (USER_PASSWD);
		ok = entry_parse(line, e);
		if (name == NULL) {
			if (ok == 0 && e->uid == uid)
				return (USER_OK);
			continue;
		}
		head = line;
		(void)cut(&head, ':', &first);
		if (slice_same(&first, name))
			return (ok == 0 ? USER_OK : USER_ENTRY);
	}
	return (USER_UNKNOWN);
}

/* Is name one of "a,b,c"? */
static int
member(struct slice list, const struct slice *name)
{
	struct slice	 one;

	while (cut(&list, ',', &one))
		if (slice_same(&one, name))
			return (1);
	return (0);
}

/*
 * With name: the group of this name into u->gid.  With user: every group
 * that lists it into u->groups.
 */
static enum user_error
groups_find(const struct user_text *text, const struct slice *name,
    const struct slice *user, struct user *u)
{
	struct slice	 rest, line, first, part, gid;
	uint32_t	 id;
	size_t		 n = 0;

	rest = (struct slice){ text->data, text->len };
	while (cut(&rest, '\n', &line)) {
		if (n++ == LINES_MAX)
			return (USER_GROUP_FILE);
		gid = (struct slice){ NULL, 0 };
		(void)cut(&line, ':', &first);
		if (!cut(&line, ':', &part) || !cut(&line, ':', &gid))
			gid.len = 0;
		if (name != NULL ? !slice_same(&first, name) :
		    !cut(&line, ':', &part) || !member(part, user))
			continue;
		if (!digits_only(&gid) || number(&gid, &id) == -1)
			return (USER_GROUP_ENTRY);
		if (name != NULL) {
			u->gid = id;
			return (USER_OK);
		}
		if (u->ngroups == USER_GROUPS_MAX)
			return (USER_GROUP_MANY);
		u->groups[u->ngroups++] = id;
	}
	return (name != NULL ? USER_GROUP_UNKNOWN : USER_OK);
}

static enum user_error
resolve_group(struct user *u, const struct slice *name,
    const struct user_text *groups)
{
	uint32_t	 id;

	if (digits_only(name)) {
		if (number(name, &id) == -1)
			return (USER_GROUP_RANGE);
		u->gid = id;
		return (USER_OK);
	}
	if (!name_ok(name))
		return (USER_GROUP_SYNTAX);
	return (groups_find(groups, name, NULL, u));
}

/* The line of passwd; *found stays 0 for a number without one. */
static enum user_error
resolve_user(struct user *u, const struct slice *name,
    const struct user_text *passwd, struct entry *e, int *found)
{
	enum user_error	 error;
	uint32_t	 id = 0;

	if (digits_only(name)) {
		if (number(name, &id) == -1)
			return (USER_RANGE);
		u->uid = id;
		error = entry_find(passwd, NULL, id, e);
	} else if (!name_ok(name))
		return (USER_SYNTAX);
	else {
		if ((error = entry_find(passwd, name, 0, e)) == USER_UNKNOWN)
			return (error);
	}
	*found = error == USER_OK;
	if (error == USER_UNKNOWN)
		return (USER_OK);
	if (error != USER_OK)
		return (error);
	u->uid = e->uid;
	u->gid = e->gid;
	if (e->home.len >= sizeof(u->home) ||
	    (e->home.len > 0 && memchr(e->home.s, '\0', e->home.len) != NULL))
		return (USER_ENTRY);
	if (e->home.len > 0) {
		memcpy(u->home, e->home.s, e->home.len);
		u->home[e->home.len] = '\0';
	}
	return (USER_OK);
}

enum user_error
user_resolve(struct user *u, const char *spec, const char *group,
    const struct user_text *passwd, const struct user_text *groups)
{
	struct slice	 rest, name, gname = { NULL, 0 };
	struct entry	 e;
	enum user_error	 error;
	int		 found = 0;

	memset(u, 0, sizeof(*u));
	u->home[0] = '/';
	rest = slice(*spec == '\0' ? "0" : spec);
	(void)cut(&rest, ':', &name);
	if (cut(&rest, ':', &gname) && (gname.len == 0 || rest.s != NULL))
		return (USER_SYNTAX);
	if (group != NULL)
		gname = slice(group);
	error = resolve_user(u, &name, passwd, &e, &found);
	if (error != USER_OK)
		return (error);
	if (gname.s != NULL)
		return (resolve_group(u, &gname, groups));
	/* an image without the line still has id 0 and group 0 */
	return (found && e.name.len > 0 ?
	    groups_find(groups, NULL, &e.name, u) : USER_OK);
}

const char *
user_strerror(enum user_error error)
{
	switch (error) {
	case USER_OK:
		break;
	case USER_SYNTAX:
	case USER_GROUP_SYNTAX:
		return ("neither a number nor a name");
	case USER_RANGE:
	case USER_GROUP_RANGE:
		return ("not a number from 0 to 2147483647");
	case USER_UNKNOWN:
		return ("not found in /etc/passwd of the image");
	case USER_ENTRY:
		return ("its line in /etc/passwd of the image is not valid");
	case USER_PASSWD:
		return ("/etc/passwd of the image has too many lines");
	case USER_GROUP_UNKNOWN:
		return ("not found in /etc/group of the image");
	case USER_GROUP_ENTRY:
		return ("its line in /etc/group of the image is not valid");
	case USER_GROUP_FILE:
		return ("/etc/group of the image has too many lines");
	case USER_GROUP_MANY:
		return ("is in more than 1024 groups");
	}
	return ("no error");
}
