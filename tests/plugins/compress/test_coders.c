/* compress, coders: what they write is what the libraries' decoders read, at each level, and in as
 * much memory as they say. */
#include "coder.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "kit.h"
#include "test.h"
#include "unpack.h"

enum { TEXT = 512 * 1024, ROOM = 1000 };

extern const sluice_plugin sluice_plugin_record;

/* What a coder wrote. */
struct packed {
	char *bytes; /* owned */
	size_t n, size;
};

static void pack(struct coder *c, struct packed *p, const char *text, size_t n, enum coder_op op)
{
	char out[ROOM];
	struct coder_io io = { .in = { text, n }, .out = out, .room = sizeof(out) };
	enum coder_result r;
	do {
		r = c->ops->step(c, op, &io);
		assert_int_not_equal(r, CODER_FAILED);
		if (p->n + io.n > p->size) {
			p->size = 2 * p->size + ROOM;
			p->bytes = realloc(p->bytes, p->size);
			assert_non_null(p->bytes);
		}
		if (io.n)
			memcpy(p->bytes + p->n, out, io.n);
		p->n += io.n;
	} while (r == CODER_AGAIN);
}

/* All of text in pieces; the first is flushed, and can be read then. Returns the length of what
 * comes. */
static size_t pack_all(struct coder *c, const char *text, size_t n)
{
	const char *coding = c->ops->name.data;
	struct packed p = { 0 };
	bool is_whole;
	size_t first = n < 5000 ? n / 2 : 5000;
	pack(c, &p, text, first, CODER_FLUSH);
	char *got = unpack(coding, p.bytes, p.n, n + 1, &is_whole);
	assert_false(is_whole);
	assert_int_equal(strlen(got), first);
	free(got);
	for (size_t at = first; at < n; at += CODER_PIECE) {
		bool is_last = n - at <= CODER_PIECE;
		pack(c, &p, text + at, is_last ? n - at : CODER_PIECE,
			is_last ? CODER_END : CODER_MORE);
	}
	got = unpack(coding, p.bytes, p.n, n + 1, &is_whole);
	assert_true(is_whole);
	assert_true(strlen(got) == n && memcmp(got, text, n) == 0);
	free(got);
	free(p.bytes);
	return p.n;
}

static size_t in_use(void)
{
	struct mallinfo2 m = mallinfo2();
	return m.uordblks + m.hblkhd;
}

static void each_level(const struct coder_ops *ops, size_t at_most)
{
	char *text = text_of(TEXT);
	for (unsigned level = 1; ops && level <= ops->level_max; level++) {
		size_t before = in_use();
		struct coder *c = ops->new (level);
		assert_non_null(c);
		c->ops = ops;
		/* one after another, of several lengths */
		assert_true(ops->begin(c, level));
		size_t small = pack_all(c, text, 3000);
		assert_true(ops->begin(c, level));
		size_t large = pack_all(c, text, TEXT);
		assert_true(small < 1500 && large < at_most);
		assert_true(ops->begin(c, level)); /* given up in the middle */
		struct packed p = { 0 };
		pack(c, &p, text, CODER_PIECE, CODER_FLUSH);
		free(p.bytes);
		for (size_t at = 0; at + CODER_PIECE < TEXT; at += CODER_PIECE) {
			p = (struct packed){ 0 };
			pack(c, &p, text + at, CODER_PIECE, CODER_MORE);
			free(p.bytes);
		}
		size_t used = in_use() - before;
		if (used > ops->cost(level))
			fail_msg("%s of level %u takes %zu bytes, not %zu", ops->name.data, level,
				used, ops->cost(level));
		assert_true(ops->begin(c, level));
		assert_int_equal(pack_all(c, text, 3000), small);
		ops->free(c);
	}
	free(text);
}

TEST(gzip)
{
	each_level(&coder_gzip, TEXT / 3);
}

TEST(brotli)
{
	each_level(coder_brotli(), TEXT / 3);
}

TEST(zstd)
{
	each_level(coder_zstd(), TEXT / 3);
}
