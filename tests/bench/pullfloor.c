/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The berth authors */
/*
 * pullfloor [-j LAYERS] URL IMAGE OUT: the least that a verified pull and
 * unpack costs on this machine, in one process that trusts everybody.
 *
 * Each layer is hashed as it arrives, inflated while it arrives, hashed
 * again as a tar and extracted into OUT/N.  Two threads a layer, two layers
 * at a time; nothing is written twice and nothing is synced.  berth does
 * more (verifies before it decodes, confines, keeps skeletons): how much
 * more it costs is what the ratio to this program says.
 */
#include <sys/stat.h>

#include <curl/curl.h>
#include <err.h>
#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "untar.h"

#define CHUNK		(256UL * 1024)
#define NCHUNKS		8
#define DIGEST_SIZE	80
#define LAYERS_MAX	128

struct want {
	char	 blob[DIGEST_SIZE], diffid[DIGEST_SIZE];
	int	 zstd;
};

/* A ring of chunks: head is filled by one thread, tail read by the other. */
struct job {
	const struct want	*want;
	EVP_MD_CTX		*blob, *diff;
	struct inflate_state	 gzip;
	ZSTD_DStream		*zstd;
	struct untar		*untar;
	unsigned char		*chunk[NCHUNKS];
	size_t			 len[NCHUNKS], fill;
	unsigned int		 head, tail;
	int			 eof;
	pthread_mutex_t		 lock;
	pthread_cond_t		 turn;
};

struct text {
	char	*p;
	size_t	 len;
};

static const char	*url, *image, *out;
static struct want	 wants[LAYERS_MAX];
static size_t		 nwants, next;
static pthread_mutex_t	 next_lock = PTHREAD_MUTEX_INITIALIZER;

static void
push(struct job *j)
{
	pthread_mutex_lock(&j->lock);
	j->len[j->head] = j->fill;
	j->head = (j->head + 1) % NCHUNKS;
	j->fill = 0;
	pthread_cond_broadcast(&j->turn);
	while ((j->head + 1) % NCHUNKS == j->tail)
		pthread_cond_wait(&j->turn, &j->lock);
	pthread_mutex_unlock(&j->lock);
}

static void *
extract(void *arg)
{
	struct job	*j = arg;
	unsigned int	 t;
	int		 end;

	for (;;) {
		pthread_mutex_lock(&j->lock);
		while (j->tail == j->head && !j->eof)
			pthread_cond_wait(&j->turn, &j->lock);
		t = j->tail;
		end = t == j->head;
		pthread_mutex_unlock(&j->lock);
		if (end)
			return (NULL);
		EVP_DigestUpdate(j->diff, j->chunk[t], j->len[t]);
		untar_feed(j->untar, j->chunk[t], j->len[t]);
		pthread_mutex_lock(&j->lock);
		j->tail = (t + 1) % NCHUNKS;
		pthread_cond_broadcast(&j->turn);
		pthread_mutex_unlock(&j->lock);
	}
}

static void
unzstd(struct job *j, const void *data, size_t n)
{
	ZSTD_inBuffer	 in = { data, n, 0 };
	ZSTD_outBuffer	 o;
	size_t		 r;

	do {
		o = (ZSTD_outBuffer){ j->chunk[j->head], CHUNK, j->fill };
		r = ZSTD_decompressStream(j->zstd, &o, &in);
		if (ZSTD_isError(r))
			errx(1, "zstd: %s", ZSTD_getErrorName(r));
		j->fill = o.pos;
		if (j->fill == CHUNK)
			push(j);
	} while (in.pos < in.size || o.pos == CHUNK);
}

static void
gunzip(struct job *j, char *data, size_t n)
{
	struct inflate_state	*s = &j->gzip;
	int			 full;

	s->next_in = (uint8_t *)data;
	s->avail_in = (uint32_t)n;
	do {
		s->next_out = j->chunk[j->head] + j->fill;
		s->avail_out = (uint32_t)(CHUNK - j->fill);
		if (isal_inflate(s) != ISAL_DECOMP_OK)
			errx(1, "gzip");
		j->fill = CHUNK - s->avail_out;
		full = j->fill == CHUNK;
		if (full)
			push(j);
	} while (s->block_state != ISAL_BLOCK_FINISH &&
	    (full || s->avail_in > 0));
}

static size_t
receive(char *data, size_t size, size_t n, void *arg)
{
	struct job	*j = arg;

	n *= size;
	EVP_DigestUpdate(j->blob, data, n);
	if (j->want->zstd)
		unzstd(j, data, n);
	else
		gunzip(j, data, n);
	return (n);
}

static EVP_MD_CTX *
sha256_new(void)
{
	EVP_MD_CTX	*c;

	if ((c = EVP_MD_CTX_new()) == NULL ||
	    EVP_DigestInit_ex(c, EVP_sha256(), NULL) != 1)
		errx(1, "sha256");
	return (c);
}

/* Ends the program when it is not what was wanted. */
static void
sha256_end(EVP_MD_CTX *c, const char *want)
{
	char		 text[DIGEST_SIZE] = "sha256:";
	unsigned char	 md[EVP_MAX_MD_SIZE];
	unsigned int	 i, n;

	EVP_DigestFinal_ex(c, md, &n);
	for (i = 0; i < n; i++)
		snprintf(text + 7 + 2 * i, 3, "%02x", md[i]);
	if (strcmp(text, want) != 0)
		errx(1, "expected %s, got %s", want, text);
	EVP_MD_CTX_free(c);
}

static void
get(CURL *c, const char *path, curl_write_callback cb, void *arg)
{
	char		 where[1024];
	CURLcode	 r;

	snprintf(where, sizeof(where), "%s/v2/%s/%s", url, image, path);
	curl_easy_setopt(c, CURLOPT_URL, where);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, cb);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, arg);
	curl_easy_setopt(c, CURLOPT_BUFFERSIZE, (long)CHUNK);
	curl_easy_setopt(c, CURLOPT_FAILONERROR, 1L);
	if ((r = curl_easy_perform(c)) != CURLE_OK)
		errx(1, "%s: %s", where, curl_easy_strerror(r));
}

static void
layer(CURL *c, struct job *j, size_t i)
{
	char		 path[1024];
	pthread_t	 th;
	int		 dir;

	snprintf(path, sizeof(path), "%s/%zu", out, i);
	if (mkdir(path, 0755) == -1 || (dir = open(path,
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		err(1, "%s", path);
	j->want = &wants[i];
	j->head = j->tail = 0;
	j->fill = 0;
	j->eof = 0;
	j->blob = sha256_new();
	j->diff = sha256_new();
	j->untar = untar_new(dir);
	isal_inflate_init(&j->gzip);
	j->gzip.crc_flag = ISAL_GZIP;
	if (j->zstd == NULL && (j->zstd = ZSTD_createDStream()) == NULL)
		errx(1, "zstd");
	ZSTD_initDStream(j->zstd);
	if (pthread_create(&th, NULL, extract, j) != 0)
		errx(1, "pthread_create");
	snprintf(path, sizeof(path), "blobs/%s", j->want->blob);
	get(c, path, receive, j);
	if (j->fill > 0)
		push(j);
	pthread_mutex_lock(&j->lock);
	j->eof = 1;
	pthread_cond_broadcast(&j->turn);
	pthread_mutex_unlock(&j->lock);
	pthread_join(th, NULL);
	untar_end(j->untar);
	sha256_end(j->blob, j->want->blob);
	sha256_end(j->diff, j->want->diffid);
	close(dir);
}

static void *
worker(void *arg)
{
	struct job	*j;
	CURL		*c;
	size_t		 i;

	(void)arg;
	if ((j = calloc(1, sizeof(*j))) == NULL ||
	    (c = curl_easy_init()) == NULL)
		err(1, "worker");
	for (i = 0; i < NCHUNKS; i++)
		if ((j->chunk[i] = malloc(CHUNK)) == NULL)
			err(1, "worker");
	pthread_mutex_init(&j->lock, NULL);
	pthread_cond_init(&j->turn, NULL);
	for (;;) {
		pthread_mutex_lock(&next_lock);
		i = next++;
		pthread_mutex_unlock(&next_lock);
		if (i >= nwants)
			return (NULL);
		layer(c, j, i);
	}
}

static size_t
append(char *data, size_t size, size_t n, void *arg)
{
	struct text	*t = arg;

	n *= size;
	if ((t->p = realloc(t->p, t->len + n)) == NULL)
		err(1, "append");
	memcpy(t->p + t->len, data, n);
	t->len += n;
	return (n);
}

static json_t *
document(CURL *c, const char *path)
{
	struct text	 t = { NULL, 0 };
	json_error_t	 e;
	json_t		*j;

	get(c, path, append, &t);
	if ((j = json_loadb(t.p == NULL ? "" : t.p, t.len, 0, &e)) == NULL)
		errx(1, "%s: %s", path, e.text);
	free(t.p);
	return (j);
}

static const char *
member(json_t *j, const char *name)
{
	const char	*s = json_string_value(json_object_get(j, name));

	if (s == NULL)
		errx(1, "the manifest has no %s", name);
	return (s);
}

static void
resolve(CURL *c)
{
	struct curl_slist	*accept;
	json_t			*m, *layers, *diffids;
	char			 path[256];
	size_t			 i;

	accept = curl_slist_append(NULL,
	    "Accept: application/vnd.oci.image.manifest.v1+json");
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, accept);
	m = document(c, "manifests/latest");
	layers = json_object_get(m, "layers");
	snprintf(path, sizeof(path), "blobs/%s",
	    member(json_object_get(m, "config"), "digest"));
	diffids = json_object_get(json_object_get(document(c, path),
	    "rootfs"), "diff_ids");
	nwants = json_array_size(layers);
	if (nwants > LAYERS_MAX || json_array_size(diffids) != nwants)
		errx(1, "%zu layers, %zu diff ids", nwants,
		    json_array_size(diffids));
	for (i = 0; i < nwants; i++) {
		m = json_array_get(layers, i);
		snprintf(wants[i].blob, DIGEST_SIZE, "%s",
		    member(m, "digest"));
		snprintf(wants[i].diffid, DIGEST_SIZE, "%s",
		    json_string_value(json_array_get(diffids, i)));
		wants[i].zstd = strstr(member(m, "mediaType"), "zstd") !=
		    NULL;
	}
}

int
main(int argc, char **argv)
{
	pthread_t	 th[LAYERS_MAX];
	int		 c, i, n = 2;

	while ((c = getopt(argc, argv, "j:")) != -1)
		if (c != 'j' || (n = atoi(optarg)) < 1 || n > LAYERS_MAX)
			errx(2, "usage: pullfloor [-j N] URL IMAGE OUT");
	if (argc - optind != 3)
		errx(2, "usage: pullfloor [-j N] URL IMAGE OUT");
	url = argv[optind];
	image = argv[optind + 1];
	out = argv[optind + 2];
	umask(0);
	if (mkdir(out, 0755) == -1)
		err(1, "%s", out);
	curl_global_init(CURL_GLOBAL_ALL);
	resolve(curl_easy_init());
	for (i = 0; i < n; i++)
		if (pthread_create(&th[i], NULL, worker, NULL) != 0)
			errx(1, "pthread_create");
	for (i = 0; i < n; i++)
		pthread_join(th[i], NULL);
	return (0);
}
