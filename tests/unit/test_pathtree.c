/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/* broker/unpack/pathtree.c: which paths there are after some layers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sample.h"

#include "../../broker/unpack/export.h"

static enum path_error
add(struct pathtree *t, enum tar_type type, const char *path,
    const char *link)
{
	struct tar_entry	 e;

	memset(&e, 0, sizeof(e));
	e.type = type;
	e.path = (char *)(uintptr_t)path;
	e.link = (char *)(uintptr_t)link;
	return (pathtree_apply(t, &e));
}

#define DIR_(p)		assert_int_equal(add(t, TAR_DIR, p, NULL), 0)
#define FILE_(p)	assert_int_equal(add(t, TAR_FILE, p, NULL), 0)
#define LINK_(p, l)	assert_int_equal(add(t, TAR_SYMLINK, p, l), 0)
#define HARD_(p, l)	assert_int_equal(add(t, TAR_LINK, p, l), 0)

static int
append(void *arg, const char *path)
{
	strcat(arg, " ");
	strcat(arg, path);
	return (0);
}

static void
paths(const struct pathtree *t, const char *want)
{
	char	 got[1024] = "";

	assert_int_equal(pathtree_each(t, append, got), 0);
	assert_string_equal(got, want);
}

static struct pathtree *
tree(void)
{
	struct pathtree	*t;

	assert_non_null(t = pathtree_new());
	pathtree_layer(t);
	return (t);
}

static void
whiteouts(void **state)
{
	struct pathtree	*t = tree();

	(void)state;
	DIR_("");
	assert_true(pathtree_root_made(t));
	DIR_("a");
	FILE_("a/x");
	FILE_("a/y");
	DIR_("b");
	FILE_("b/z");
	paths(t, " a a/x a/y b b/z");
	assert_false(pathtree_hides(t));
	pathtree_layer(t);
	assert_false(pathtree_root_made(t));
	/* only what lies beneath, wherever the whiteout stands */
	FILE_("a/x");
	FILE_("a/.wh.x");
	FILE_("a/.wh.y");
	FILE_(".wh.b");
	FILE_("a/.wh.none");
	FILE_("none/.wh.none");
	paths(t, " a a/x");
	assert_true(pathtree_hides(t));
	assert_non_null(pathtree_made(t, 0));
	assert_null(pathtree_made(t, 1));
	pathtree_layer(t);
	DIR_("a");
	FILE_("a/new");
	FILE_("a/.wh..wh..opq");
	FILE_(".wh..wh.plnk/1");
	assert_int_equal(add(t, TAR_CHAR, "dev/null", NULL), 0);
	paths(t, " a a/new");
	pathtree_free(t);
}

static void
kinds(void **state)
{
	struct pathtree	*t = tree();

	(void)state;
	DIR_("d");
	FILE_("d/x");
	FILE_("f");
	pathtree_layer(t);
	FILE_("d");
	DIR_("f");
	FILE_("f/y");
	paths(t, " d f f/y");
	pathtree_free(t);
}

static void
links(void **state)
{
	struct pathtree	*t = tree();
	char		*path;

	(void)state;
	DIR_("usr");
	DIR_("usr/lib");
	FILE_("usr/lib/a");
	LINK_("lib", "usr/lib");
	LINK_("abs", "/usr/lib");
	LINK_("usr/up", "../../../lib");
	pathtree_layer(t);
	FILE_("lib/b");
	FILE_("abs/c");
	FILE_("usr/up/d");
	HARD_("h", "lib/a");
	paths(t, " abs h lib usr usr/lib usr/lib/a usr/lib/b usr/lib/c "
	    "usr/lib/d usr/up");
	path = pathnode_path(pathtree_made(t, 2));
	assert_string_equal(path, "usr/lib/d");
	free(path);
	assert_string_equal(pathnode_link(pathtree_made(t, 3)), "usr/lib/a");
	assert_null(pathnode_link(pathtree_made(t, 0)));
	pathtree_free(t);
}

static void
twice(void **state)
{
	struct pathtree	*t = tree();

	(void)state;
	FILE_("f");
	FILE_("f");
	assert_null(pathtree_made(t, 0));
	assert_non_null(pathtree_made(t, 1));
	HARD_("g", "f");
	assert_int_equal(add(t, TAR_FILE, "f", NULL), PATHTREE_LINKED);
	pathtree_free(t);
}

static void
refused(void **state)
{
	struct pathtree	*t = tree();
	char		 name[16], target[256];
	int		 i;

	(void)state;
	LINK_("loop", "loop");
	assert_int_equal(add(t, TAR_FILE, "loop/x", NULL), PATHTREE_DEEP);
	FILE_("f");
	assert_int_equal(add(t, TAR_FILE, "f/x", NULL), PATHTREE_FILE);
	/* links that add up to a tree deeper than any path */
	for (i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "l%d", i);
		target[0] = '\0';
		if (i > 0)
			snprintf(target, sizeof(target), "l%d/", i - 1);
		strcat(target, "d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/"
		    "d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/"
		    "d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d");
		LINK_(name, target);
	}
	assert_int_equal(add(t, TAR_FILE, "l19/x", NULL), PATHTREE_DEEP);
	pathtree_free(t);
	pathtree_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(whiteouts),
		cmocka_unit_test(kinds),
		cmocka_unit_test(links),
		cmocka_unit_test(twice),
		cmocka_unit_test(refused),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
