/* proxy/keep: bodies that are lent while they are passed on, and once more. */
#include "proxy/keep.h"

#include <stdio.h>

#include "unit.h"

static void assert_holds(const struct buf *b, const char *text)
{
	char is[256];
	assert_int_equal(b->len, strlen(text));
	buf_copy(b, is, b->len);
	assert_memory_equal(is, text, b->len);
}

TEST(what_was_passed_on_comes_again)
{
	struct kept_body *k = kept_new(100);
	struct buf data, again;
	buf_init(&data);
	buf_init(&again);
	buf_append(&data, "first ", 6);
	kept_add(&k, &data);
	assert_holds(&data, "first ");
	buf_append(&data, "x", 1); /* a queue goes on behind it */
	buf_fini(&data);
	buf_append(&data, "second", 6);
	kept_add(&k, &data);
	assert_holds(&data, "second");
	kept_lend(k, &again);
	assert_holds(&again, "first second");
	buf_fini(&again);
	kept_lend(k, &again);
	assert_holds(&again, "first second");
	buf_fini(&again);
	buf_fini(&data);
	kept_drop(&k);
	assert_null(k);
}

/* The queue of a connection may hold the bytes for longer than the exchange. */
TEST(bytes_live_as_long_as_somebody_has_them)
{
	struct kept_body *k = kept_new(100);
	struct buf data;
	buf_init(&data);
	buf_append(&data, "body", 4);
	kept_add(&k, &data);
	kept_drop(&k);
	assert_holds(&data, "body");
	buf_fini(&data);
}

TEST(too_much)
{
	struct kept_body *k = kept_new(8);
	struct buf data;
	buf_init(&data);
	buf_append(&data, "12345678", 8);
	kept_add(&k, &data);
	assert_non_null(k);
	struct buf more;
	buf_init(&more);
	buf_append(&more, "9", 1);
	kept_add(&k, &more);
	assert_null(k);
	assert_holds(&more, "9");
	assert_holds(&data, "12345678");
	buf_fini(&data);
	buf_fini(&more);
	kept_drop(&k);
}

/* Bytes are not copied, whatever the blocks in which they come. */
TEST(long_bodies)
{
	enum { PIECE = 5000, PIECES = 40 };
	struct kept_body *k = kept_new(PIECE * PIECES);
	struct buf all, data;
	char piece[PIECE], back[PIECE];
	buf_init(&all);
	buf_init(&data);
	for (unsigned i = 0; i < PIECES; i++) {
		memset(piece, 'a' + (char)(i % 26), sizeof(piece));
		buf_append(&data, piece, sizeof(piece));
		kept_add(&k, &data);
		buf_fini(&data);
	}
	kept_lend(k, &all);
	assert_int_equal(all.len, PIECE * PIECES);
	for (unsigned i = 0; i < PIECES; i++) {
		memset(piece, 'a' + (char)(i % 26), sizeof(piece));
		buf_copy(&all, back, PIECE);
		buf_drain(&all, PIECE);
		assert_memory_equal(back, piece, PIECE);
	}
	kept_drop(&k);
}
