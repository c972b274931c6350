/* PRIORITY_UPDATE: the frame in pieces, the table of what came early, and a client that plays with
 * both. */
#include <stdlib.h>

#include "peer_client.h"

#include "http2/priority_update.h"

/* ---- the table ----------------------------------------------------------------------------- */

TEST(a_payload_comes_in_pieces)
{
	static const char payload[] = "\x80\0\0\x05u=1, i";
	for (size_t step = 1; step < sizeof(payload); step++) {
		struct updates *u = NULL;
		struct update it = { 0 };
		for (size_t at = 0; at < sizeof(payload) - 1; at += step) {
			size_t left = sizeof(payload) - 1 - at;
			updates_add(&u, payload + at, left < step ? left : step);
		}
		assert_int_equal(updates_end(&u, &it), UPDATE_SAYS);
		assert_int_equal(it.id, 5); /* without the reserved bit */
		assert_int_equal(it.priority.urgency, 1);
		assert_true(it.priority.incremental);
		assert_null(u); /* nothing is kept for it */
	}
}

TEST(what_says_nothing)
{
	struct updates *u = NULL;
	struct update it = { 0 };
	static char value[20000];
	assert_int_equal(updates_end(&u, &it), UPDATE_TOO_SHORT); /* not one byte */
	updates_add(&u, "\0\0\0", 3);
	assert_int_equal(updates_end(&u, &it), UPDATE_TOO_SHORT);
	updates_add(&u, "\0\0\0\7", 4); /* an empty dictionary: the default */
	assert_int_equal(updates_end(&u, &it), UPDATE_SAYS);
	assert_int_equal(it.priority.urgency, 3);
	updates_add(&u, "\0\0\0\7u=", 6);
	assert_int_equal(updates_end(&u, &it), UPDATE_SAYS_NONE);
	assert_int_equal(it.id, 7);
	memset(value, ' ', sizeof(value)); /* would parse, but is longer than anybody needs */
	for (size_t n = UPDATE_VALUE_MAX - 1; n <= UPDATE_VALUE_MAX + 2; n++) {
		updates_add(&u, "\0\0\0\7", 4);
		updates_add(&u, value, n);
		assert_int_equal(updates_end(&u, &it),
			n > UPDATE_VALUE_MAX ? UPDATE_SAYS_NONE : UPDATE_SAYS);
	}
	updates_add(&u, "\0\0\0\x09", 4);
	for (int i = 0; i < 3; i++)
		updates_add(&u, value, sizeof(value));
	assert_int_equal(updates_end(&u, &it), UPDATE_SAYS_NONE);
	assert_int_equal(it.id, 9);
	updates_add(&u, "\0\0\0\x0bu=0", 7); /* the next is not touched by the last */
	assert_int_equal(updates_end(&u, &it), UPDATE_SAYS);
	assert_int_equal(it.id, 11);
	assert_null(u);
}

static void keep(struct updates **u, uint32_t id, uint8_t urgency)
{
	const struct update it = { id, { .urgency = urgency } };
	assert_true(updates_keep(u, &it));
}

TEST(the_table_is_bounded)
{
	struct updates *u = NULL;
	struct priority p;
	for (uint32_t i = 0; i < UPDATES_MAX; i++)
		keep(&u, 2 * i + 1, (uint8_t)(i % 8));
	assert_int_equal(updates_kept(u), UPDATES_MAX);
	assert_false(updates_keep(&u, &(struct update){ .id = 10001 }));
	keep(&u, 5, 7); /* one that is there is replaced */
	assert_true(updates_take(&u, 5, &p));
	assert_int_equal(p.urgency, 7);
	assert_int_equal(updates_kept(u), UPDATES_MAX - 3); /* those below can never come */
	assert_false(updates_take(&u, 5, &p));
	assert_false(updates_take(&u, 8, &p));
	assert_true(updates_take(&u, 2 * UPDATES_MAX - 1, &p));
	assert_int_equal(p.urgency, (UPDATES_MAX - 1) % 8);
	assert_null(u);
	keep(&u, 1, 1);
	updates_free(&u);
	assert_null(u);
	assert_false(updates_take(&u, 1, &p));
}

/* ---- a connection -------------------------------------------------------------------------- */

static void update(struct peer *p, uint32_t id, const char *value)
{
	char payload[64] = { (char)(id >> 24), (char)(id >> 16), (char)(id >> 8), (char)id };
	size_t n = strlen(value);
	memcpy(payload + UPDATE_ID_LEN, value, n);
	peer_frame(p, FRAME_PRIORITY_UPDATE, 0, 0, payload, UPDATE_ID_LEN + n);
}

/* What freed a stream of libnghttp2 1.52 while it was linked, and wrote into it with the next
 * frame. */
TEST(update_request_answer_over_and_over)
{
	struct peer *p = peer_client_new();
	peer_client_start(p);
	for (uint32_t id = 1; id < 1200; id += 2) {
		update(p, id, "u=1");
		if (id % 8 == 1)
			update(p, id + 20, "u=5, i"); /* and one that stays for a while */
		peer_get(p, id, "/");
		peer_run(p);
		assert_int_equal(peer_stream(p, id)->status, 200);
		assert_true(peer_stream(p, id)->ended);
	}
	assert_int_equal(p->n_goaway, 0);
	peer_free(&p);
}

static void hold(struct call *call)
{
	call->c->ops->resume(call->c);
}

/* The same with resets, and with streams that are passed over. */
TEST(update_and_reset_over_and_over)
{
	struct peer *p = peer_client_new();
	p->on_request = hold;
	peer_client_start(p);
	for (uint32_t id = 1; id < 1200; id += 6) {
		update(p, id, "u=1");
		update(p, id + 2, "u=2");
		update(p, id + 4, "u=3, i");
		peer_get(p, id + 2, "/");
		update(p, id + 2, "u=7");
		update(p, id, "u=6"); /* closed by now */
		peer_reset(p, id + 2, NGHTTP2_CANCEL);
		update(p, id + 2, "u=0");
		peer_run(p);
	}
	assert_int_equal(p->n_calls, 200);
	assert_int_equal(p->n_goaway, 0);
	peer_free(&p);
}

/* RFC 9218 7.1: with those that are open they are no more than may be open. */
TEST(more_than_streams_allowed)
{
	for (unsigned open = 0; open <= 100; open += 50) {
		struct peer *p = peer_client_new();
		p->on_request = hold;
		peer_client_start(p);
		for (unsigned i = 0; i < open; i++)
			peer_get(p, 2 * i + 1, "/");
		for (unsigned i = open; i < HTTP2_STREAMS_MAX; i++)
			update(p, 2 * i + 1, "u=1");
		update(p, 2 * HTTP2_STREAMS_MAX - 1, "u=2"); /* again: counts once */
		peer_run(p);
		assert_int_equal(p->n_goaway, 0);
		update(p, 2 * HTTP2_STREAMS_MAX + 1, "u=1");
		assert_true(peer_ends(p, 500));
		assert_int_equal(p->goaway_code, NGHTTP2_PROTOCOL_ERROR);
		peer_free(&p);
	}
}

/* Between the frames of a header block there is no other frame (RFC 9113 6.10). */
TEST(inside_a_header_block)
{
	struct peer *p = peer_client_new();
	peer_client_start(p);
	peer_frame(p, FRAME_HEADERS, 0, 1, "\x82", 1);
	update(p, 1, "u=1");
	assert_true(peer_ends(p, 500));
	assert_int_equal(p->goaway_code, NGHTTP2_PROTOCOL_ERROR);
	peer_free(&p);
}

/* RFC 7540 5.3, of clients that have not seen our SETTINGS: of streams that do not exist, and of
 * one on another. */
TEST(old_priorities_open_no_streams)
{
	static const char first[] = "\x80\0\x0f\xff\x10"
				    "\x82\x86\x84\x41\x01"
				    "a";
	struct peer *p = peer_client_new();
	peer_client_start(p);
	for (uint32_t id = 1; id < 800; id += 2) {
		peer_frame(p, FRAME_PRIORITY, 0, id + 400, "\0\0\0\x01\x10", 5);
		peer_frame(p, FRAME_HEADERS, FRAME_END_HEADERS | FRAME_END_STREAM | 0x20, id, first,
			sizeof(first) - 1);
		peer_run(p);
		assert_int_equal(peer_stream(p, id)->status, 200);
	}
	assert_int_equal(p->n_goaway, 0);
	peer_free(&p);
}
