/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * A stored layer's skeleton, damaged: a byte (bit 0: the zstd stream is as
 * it comes, else made of the bytes), two for the length of "bodies", those,
 * then the skeleton.
 */
#include <sys/stat.h>

#include <fcntl.h>
#include <unistd.h>
#include <zstd.h>

#include "../../broker/unpack/skeleton.h"
#include "fuzz.h"

#define GIVEN_MAX	(8U << 20)

static int	 layer = -1;

static void
put(int dir, const char *name, const void *data, size_t len)
{
	int	 fd;

	MUST((fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
	    0600)) != -1);
	MUST(write(fd, data, len) == (ssize_t)len);
	close(fd);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	int	 fs;

	(void)argc;
	(void)argv;
	layer = cage_enter();
	MUST(mkdirat(layer, "fs", 0755) == 0);
	MUST((fs = openat(layer, "fs", O_RDONLY | O_DIRECTORY)) != -1);
	put(fs, "a", "0123456789", 10);
	put(fs, "empty", "", 0);
	MUST(mkdirat(fs, "d", 0755) == 0);
	put(fs, "d/b", "x", 1);
	MUST(symlinkat("a", fs, "link") == 0);
	MUST(mkfifoat(fs, "fifo", 0600) == 0);
	close(fs);
	return (0);
}

static int
sink(void *arg, const void *data, size_t len)
{
	size_t	*given = arg;

	MUST(len > 0 && data != NULL);
	*given += len;
	return (*given > GIVEN_MAX);
}

static void
skeleton_put(const uint8_t *data, size_t len, int as_is)
{
	size_t	 size = ZSTD_compressBound(len);
	void	*z;

	if (as_is) {
		put(layer, "skeleton", data, len);
		return;
	}
	MUST((z = malloc(size)) != NULL);
	size = ZSTD_compress(z, size, data, len, 1);
	MUST(!ZSTD_isError(size));
	put(layer, "skeleton", z, size);
	free(z);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_in	 in = { data, len };
	uint8_t		 how = fuzz_byte(&in);
	size_t		 n, given = 0;
	char		 why[512] = "";
	int		 r;

	n = fuzz_byte(&in);
	n |= (size_t)fuzz_byte(&in) << 8;
	if (n > in.len)
		n = in.len;
	(void)unlinkat(layer, "bodies", 0);
	if (n > 0)
		put(layer, "bodies", in.p, n);
	skeleton_put(in.p + n, in.len - n, how & 1);
	r = skeleton_stream(layer, sink, &given, why, sizeof(why));
	MUST(r == 0 || r == 1 || r == -1);
	MUST(r != -1 || why[0] != '\0');
	fuzz_text(why, sizeof(why));
	return (0);
}
