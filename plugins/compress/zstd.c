/* zstd by libzstd (RFC 8878). The window is far below the 8 MiB that clients have to take (RFC
 * 9659). */
#include "coder.h"

#ifdef HAVE_ZSTD
#include <stdlib.h>
#include <zstd.h>

enum {
	WINDOW = 17, /* bits: 128 KiB */
	/* Bits of the tables. From level 4 on those of the library are made for windows of several
	 * MiB. */
	TABLE = 17,
	TABLE_FROM = 4,
	LEVEL_MAX = 9
};

struct zstd_coder {
	struct coder base;
	ZSTD_CCtx *z;
};

static size_t zstd_cost(unsigned level)
{
	/* test_coders.c measures that they do with it */
	enum { KIB = 1024 };
	return level < 3 ? 1280 * KIB : 2048 * KIB;
}

static bool zstd_set(ZSTD_CCtx *z, ZSTD_cParameter what, int value)
{
	return !ZSTD_isError(ZSTD_CCtx_setParameter(z, what, value));
}

static bool zstd_configure(ZSTD_CCtx *z, unsigned level)
{
	return zstd_set(z, ZSTD_c_compressionLevel, (int)level) &&
		zstd_set(z, ZSTD_c_windowLog, WINDOW) &&
		(level < TABLE_FROM ||
			(zstd_set(z, ZSTD_c_hashLog, TABLE) &&
				zstd_set(z, ZSTD_c_chainLog, TABLE)));
}

static void zstd_free(struct coder *c)
{
	(void)ZSTD_freeCCtx(((struct zstd_coder *)c)->z);
	free(c);
}

static struct coder *zstd_new(unsigned level)
{
	struct zstd_coder *c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->z = ZSTD_createCCtx();
	if (c->z && zstd_configure(c->z, level))
		return &c->base;
	zstd_free(&c->base);
	return NULL;
}

static bool zstd_begin(struct coder *c, unsigned level)
{
	(void)level;
	return !ZSTD_isError(ZSTD_CCtx_reset(((struct zstd_coder *)c)->z, ZSTD_reset_session_only));
}

static enum coder_result zstd_step(struct coder *c, enum coder_op op, struct coder_io *io)
{
	static const ZSTD_EndDirective ops[] = { ZSTD_e_continue, ZSTD_e_flush, ZSTD_e_end };
	ZSTD_inBuffer in = { io->in.data, io->in.len, 0 };
	ZSTD_outBuffer out = { io->out, io->room, 0 };
	size_t rest = ZSTD_compressStream2(((struct zstd_coder *)c)->z, &out, &in, ops[op]);
	if (ZSTD_isError(rest))
		return CODER_FAILED;
	io->in.data += in.pos;
	io->in.len -= in.pos;
	io->n = out.pos;
	return io->in.len || (op != CODER_MORE && rest) ? CODER_AGAIN : CODER_DONE;
}

static const struct coder_ops zstd_ops = { .coding = CODING_ZSTD,
	.name = { "zstd", 4 },
	.level_max = LEVEL_MAX,
	.cost = zstd_cost,
	.new = zstd_new,
	.begin = zstd_begin,
	.step = zstd_step,
	.free = zstd_free };
#endif

const struct coder_ops *coder_zstd(void)
{
#ifdef HAVE_ZSTD
	return &zstd_ops;
#else
	return NULL;
#endif
}
