/*
 * br by libbrotli (RFC 7932). Its encoder cannot begin anew, so each response has one of its own.
 * What the encoder frees is kept by the coder for the next one: the blocks are large, and the
 * system would have to clear them each time.
 */
#include "coder.h"

#ifdef HAVE_BROTLI
#include <brotli/encode.h>
#include <stdlib.h>

enum {
	/* Bits of the window, 64 KiB. With larger ones the tables grow to many times their size,
	 * and texts become 1 % smaller. */
	WINDOW = 16,
	LEVEL_MAX = 9, /* 10 and 11 take 100 times as long */
	/* Smaller blocks are not kept: they are of many sizes, and the system has them at hand. */
	KEPT_FROM = 32 * 1024,
	KEPT_MAX = 16 /* blocks */
};

/* Memory of an encoder: the block, then its bytes. */
union block {
	struct {
		union block *next;
		size_t n;
	} is;
	max_align_t align;
};

struct brotli_coder {
	struct coder base;
	BrotliEncoderState *encoder; /* NULL: it rests */
	union block *kept;           /* the last one freed first */
	size_t n_kept;
	size_t bytes, bytes_max; /* of all blocks, those that are in use included */
};

static size_t brotli_cost(unsigned level)
{
	/* test_coders.c measures that they do with it */
	enum { KIB = 1024 };
	return level < 2 ? 256 * KIB : level < 4 ? 1024 * KIB : level < 9 ? 2048 * KIB : 2816 * KIB;
}

/* Take a block off the list at *at. */
static union block *brotli_unlink(struct brotli_coder *c, union block **at)
{
	union block *b = *at;
	*at = b->is.next;
	c->n_kept--;
	return b;
}

static void brotli_drop(struct brotli_coder *c, union block *b)
{
	c->bytes -= b->is.n;
	free(b);
}

static void *brotli_alloc(void *coder, size_t n)
{
	struct brotli_coder *c = coder;
	for (union block **at = &c->kept; *at; at = &(*at)->is.next) {
		if ((*at)->is.n == n)
			return brotli_unlink(c, at) + 1;
	}
	while (c->kept && c->bytes + n > c->bytes_max)
		brotli_drop(c, brotli_unlink(c, &c->kept));
	union block *b = malloc(sizeof(*b) + n);
	if (!b)
		return NULL;
	b->is.n = n;
	c->bytes += n;
	return b + 1;
}

static void brotli_dealloc(void *coder, void *bytes)
{
	struct brotli_coder *c = coder;
	union block *b = bytes;
	if (!b)
		return;
	b--;
	if (b->is.n < KEPT_FROM || c->n_kept == KEPT_MAX) {
		brotli_drop(c, b);
		return;
	}
	b->is.next = c->kept;
	c->kept = b;
	c->n_kept++;
}

static void brotli_end(struct brotli_coder *c)
{
	BrotliEncoderDestroyInstance(c->encoder);
	c->encoder = NULL;
}

static struct coder *brotli_new(unsigned level)
{
	struct brotli_coder *c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->bytes_max = brotli_cost(level);
	return &c->base;
}

static bool brotli_begin(struct coder *base, unsigned level)
{
	struct brotli_coder *c = (struct brotli_coder *)base;
	brotli_end(c);
	c->encoder = BrotliEncoderCreateInstance(brotli_alloc, brotli_dealloc, c);
	return c->encoder && BrotliEncoderSetParameter(c->encoder, BROTLI_PARAM_QUALITY, level) &&
		BrotliEncoderSetParameter(c->encoder, BROTLI_PARAM_LGWIN, WINDOW);
}

static enum coder_result brotli_step(struct coder *base, enum coder_op op, struct coder_io *io)
{
	static const BrotliEncoderOperation ops[] = { BROTLI_OPERATION_PROCESS,
		BROTLI_OPERATION_FLUSH, BROTLI_OPERATION_FINISH };
	BrotliEncoderState *e = ((struct brotli_coder *)base)->encoder;
	const uint8_t *in = (const uint8_t *)io->in.data;
	uint8_t *out = (uint8_t *)io->out;
	size_t room = io->room;
	if (!BrotliEncoderCompressStream(e, ops[op], &io->in.len, &in, &room, &out, NULL))
		return CODER_FAILED;
	io->in.data = (const char *)in;
	io->n = io->room - room;
	if (io->in.len || BrotliEncoderHasMoreOutput(e))
		return CODER_AGAIN;
	if (op == CODER_END)
		brotli_end((struct brotli_coder *)base);
	return CODER_DONE;
}

static void brotli_free(struct coder *base)
{
	struct brotli_coder *c = (struct brotli_coder *)base;
	brotli_end(c);
	while (c->kept)
		brotli_drop(c, brotli_unlink(c, &c->kept));
	free(c);
}

static const struct coder_ops brotli_ops = { .coding = CODING_BR,
	.name = { "br", 2 },
	.level_max = LEVEL_MAX,
	.cost = brotli_cost,
	.new = brotli_new,
	.begin = brotli_begin,
	.step = brotli_step,
	.free = brotli_free };
#endif

const struct coder_ops *coder_brotli(void)
{
#ifdef HAVE_BROTLI
	return &brotli_ops;
#else
	return NULL;
#endif
}
