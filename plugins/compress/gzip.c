/* gzip by zlib (RFC 1952). A window of 32 KiB, as clients expect. */
#include <stdlib.h>
#include <zlib.h>

#include "coder.h"

enum {
	WINDOW_GZIP = 15 + 16, /* 16: the frame of gzip, not that of zlib */
	MEM_LEVEL = 8,
	/* zconf.h: (1 << (windowBits + 2)) + (1 << (memLevel + 9)), and the structs */
	COST = (128 + 128 + 8) * 1024
};

struct gzip_coder {
	struct coder base;
	z_stream z;
};

static size_t gzip_cost(unsigned level)
{
	(void)level;
	return COST;
}

static struct coder *gzip_new(unsigned level)
{
	struct gzip_coder *g = calloc(1, sizeof(*g));
	if (g &&
		deflateInit2(&g->z, (int)level, Z_DEFLATED, WINDOW_GZIP, MEM_LEVEL,
			Z_DEFAULT_STRATEGY) != Z_OK) {
		free(g);
		return NULL;
	}
	return g ? &g->base : NULL;
}

static bool gzip_begin(struct coder *c, unsigned level)
{
	(void)level;
	return deflateReset(&((struct gzip_coder *)c)->z) == Z_OK;
}

static enum coder_result gzip_step(struct coder *c, enum coder_op op, struct coder_io *io)
{
	static const int flush[] = { Z_NO_FLUSH, Z_SYNC_FLUSH, Z_FINISH };
	z_stream *z = &((struct gzip_coder *)c)->z;
	z->next_in = (unsigned char *)(uintptr_t)io->in.data;
	z->avail_in = (unsigned)io->in.len;
	z->next_out = (unsigned char *)io->out;
	z->avail_out = (unsigned)io->room;
	int r = deflate(z, flush[op]);
	io->in.data += io->in.len - z->avail_in;
	io->in.len = z->avail_in;
	io->n = io->room - z->avail_out;
	/* Z_BUF_ERROR: there was nothing left to do */
	if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
		return CODER_FAILED;
	return z->avail_out == 0 && r != Z_STREAM_END ? CODER_AGAIN : CODER_DONE;
}

static void gzip_free(struct coder *c)
{
	struct gzip_coder *g = (struct gzip_coder *)c;
	(void)deflateEnd(&g->z);
	free(g);
}

const struct coder_ops coder_gzip = { .coding = CODING_GZIP,
	.name = { "gzip", 4 },
	.level_max = 9,
	.cost = gzip_cost,
	.new = gzip_new,
	.begin = gzip_begin,
	.step = gzip_step,
	.free = gzip_free };
