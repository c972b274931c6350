/* Extended CONNECT to upstream servers (RFC 8441): what asks by Upgrade in HTTP/1.1 goes as a
 * stream that becomes a tunnel. */
#include "far.h"

#include "http/upgrade.h"
#include "http2/client_state.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" /* RFC 6455 1.3 */

/* A GET that asks for a protocol; the head lives as long as the request, as an exchange's does. */
static struct way *ask(struct far *f, const char *protocol)
{
	struct way *v = way_begin(f);
	struct request_head *h = arena_zalloc(&v->arena, sizeof(*h));
	assert_non_null(h);
	*h = (struct request_head){ .method_text = STR("GET"),
		.method = METHOD_GET,
		.target = STR("/chat"),
		.path = STR("/chat"),
		.authority = STR("example.com"),
		.host = STR("example.com"),
		.version = 11,
		.upgrade = true };
	assert_int_equal(fields_add(&h->fields, &v->arena, STR("Upgrade"), str_of(protocol)), 0);
	assert_int_equal(fields_add(&h->fields, &v->arena, STR("Sec-WebSocket-Key"), STR(KEY)), 0);
	assert_int_equal(fields_add(&h->fields, &v->arena, STR("Sec-WebSocket-Version"), STR("13")),
		0);
	fields_drop_hop_by_hop(&h->fields);
	v->tunnel = true;
	v->o->ops->head(v->o, h);
	way_end(v); /* of the message */
	return v;
}

static void far_allow(struct far *f)
{
	far_settings(f, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 100,
		NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1, 0);
	far_run(f);
}

/* A tunnel on stream 1. */
static struct way *tunnel_open(struct far *f)
{
	far_open(f);
	far_allow(f);
	struct way *v = ask(f, "websocket");
	far_run(f);
	far_headers(f, 1, 0, ":status", "200", "sec-websocket-protocol", "chat", NULL);
	far_run(f);
	assert_int_equal(v->status, 101);
	v->o->ops->tunnel(v->o);
	return v;
}

TEST(waits_for_settings)
{
	struct far *f = far_new();
	far_open(f);
	struct way *v = ask(f, "websocket");
	far_run(f);
	assert_int_equal(f->n_gots, 0); /* the server has not said yet that it takes it */
	far_allow(f);
	assert_string_equal(far_got(f, 1)->head,
		":method: CONNECT\n:protocol: websocket\n:scheme: http\n"
		":authority: example.com\n:path: /chat\nsec-websocket-version: 13\n");
	assert_false(far_got(f, 1)->ended);
	far_headers(f, 1, 0, ":status", "204", "sec-websocket-accept", "wrong", NULL); /* any 2xx */
	far_run(f);
	assert_int_equal(v->status, 101);
	assert_int_equal(v->kind, BODY_NONE);
	assert_string_equal(v->fields, "Upgrade: websocket\nSec-WebSocket-Accept: " ACCEPT "\n");
	far_free(&f);
}

TEST(other_protocols)
{
	struct far *f = far_new();
	far_open(f);
	far_allow(f);
	struct way *v = ask(f, "echo");
	far_run(f);
	assert_non_null(strstr(far_got(f, 1)->head, ":protocol: echo\n"));
	far_headers(f, 1, 0, ":status", "200", NULL);
	far_run(f);
	assert_int_equal(v->status, 101);
	assert_string_equal(v->fields, "Upgrade: echo\n");
	far_free(&f);
}

TEST(not_offered)
{
	for (int late = 0; late < 2; late++) {
		struct far *f = far_new();
		far_open(f);
		struct way *v = late ? ask(f, "websocket") : NULL;
		far_settings(f, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 100, 0);
		far_run(f);
		if (!late)
			v = ask(f, "websocket");
		far_run(f);
		assert_int_equal(v->err, ERR_UPSTREAM_NO_TUNNEL);
		assert_false(v->sent || v->answered);
		assert_int_equal(f->n_gots, 0);
		assert_int_equal(http2_conn_load(f->conn), 0);
		v = way_get(f, "/"); /* nothing is wrong with the connection */
		far_run(f);
		assert_true(far_got(f, 1)->ended);
		far_free(&f);
	}
}

TEST(bytes)
{
	struct far *f = far_new();
	struct way *v = tunnel_open(f);
	struct got *g = far_got(f, 1);
	v->keep = true;
	assert_non_null(strstr(v->fields, "sec-websocket-protocol: chat\n"));
	(void)way_push_text(v, "up");
	far_data(f, 1, "down", false);
	far_run(f);
	assert_string_equal(g->body, "up");
	assert_string_equal(v->body, "down");
	assert_int_equal(v->drained + v->ended, 0);
	/* our end; the other goes on */
	(void)way_push_text(v, ".");
	way_end(v);
	far_run(f);
	assert_string_equal(g->body, "up.");
	assert_true(g->ended && !g->reset);
	assert_int_equal(v->drained, 1); /* all of it is out */
	far_data(f, 1, "!", false);
	far_run(f);
	assert_string_equal(v->body, "down!");
	far_data(f, 1, "", true);
	far_run(f);
	assert_int_equal(v->ended, 1);
	assert_int_equal(v->failed, 0);
	way_release(v);
	far_run(f);
	assert_false(g->reset);
	assert_int_equal(http2_conn_load(f->conn), 0);
	far_free(&f);
}

/* The server ends first: what is said after that still arrives, whole, and is waited for. */
TEST(server_ends_first)
{
	struct far *f = far_new();
	f->no_updates = true;
	struct way *v = tunnel_open(f);
	v->keep = true;
	far_data(f, 1, "bye", true);
	far_run(f);
	assert_int_equal(v->ended, 1);
	(void)way_push(v, 70000);
	way_end(v);
	far_run(f);
	assert_int_equal(far_got(f, 1)->body_len, 65535);
	assert_int_equal(v->drained, 0);
	far_update(f, 0, 10000);
	far_update(f, 1, 10000);
	far_run(f);
	assert_int_equal(far_got(f, 1)->body_len, 70000);
	assert_true(far_got(f, 1)->ended);
	assert_int_equal(v->drained, 1);
	way_release(v);
	far_run(f);
	assert_false(far_got(f, 1)->reset);
	far_free(&f);
}

/* It ends, and wants nothing more: there is nothing to wait for then. */
TEST(server_wants_no_more)
{
	for (int late = 0; late < 2; late++) {
		struct far *f = far_new();
		struct way *v = tunnel_open(f);
		v->keep = true;
		far_data(f, 1, "bye", true);
		if (late)
			far_reset(f, 1, NGHTTP2_NO_ERROR);
		far_run(f);
		assert_int_equal(v->ended, 1);
		f->no_read = true;
		(void)way_push(v, late ? 10 : 200000);
		way_end(v);
		if (!late) {
			far_reset(f, 1, NGHTTP2_NO_ERROR);
			f->no_read = false;
		}
		far_run(f);
		assert_int_equal(v->drained, 1);
		assert_int_equal(v->failed, 0);
		way_release(v);
		far_free(&f);
	}
}

TEST(lost)
{
	for (int closed = 0; closed < 2; closed++) {
		struct far *f = far_new();
		struct way *v = tunnel_open(f);
		far_data(f, 1, "last", false);
		if (closed)
			far_close(f);
		else
			far_reset(f, 1, NGHTTP2_CANCEL);
		(void)far_until(f, &v->failed, 2000);
		assert_string_equal(v->body, "last");
		assert_int_equal(v->err, closed ? ERR_UPSTREAM_CLOSED : ERR_UPSTREAM_RESET);
		far_free(&f);
	}
}

TEST(released)
{
	struct far *f = far_new();
	struct way *v = tunnel_open(f);
	way_release(v);
	far_run(f);
	assert_true(far_got(f, 1)->reset);
	assert_int_equal(far_got(f, 1)->reset_code, NGHTTP2_CANCEL);
	far_free(&f);
}

TEST(declined)
{
	struct far *f = far_new();
	far_open(f);
	far_allow(f);
	struct way *v = ask(f, "websocket");
	far_run(f);
	far_headers(f, 1, 0, ":status", "403", "content-length", "2", NULL);
	far_run(f);
	assert_int_equal(v->status, 403);
	assert_int_equal(v->kind, BODY_LENGTH);
	assert_true(far_got(f, 1)->ended); /* nothing follows from us */
	far_data(f, 1, "no", false);
	far_headers(f, 1, FRAME_END_STREAM, "x-sum", "1", NULL);
	far_run(f);
	assert_string_equal(v->body, "no");
	assert_string_equal(v->trailers, "x-sum: 1\n");
	assert_int_equal(v->ended, 1);
	assert_false(far_got(f, 1)->reset);
	far_free(&f);
}

TEST(rules)
{
	struct far *f = far_new();
	struct way *v = tunnel_open(f);
	far_headers(f, 1, FRAME_END_STREAM, "x-sum", "1", NULL); /* RFC 9113 8.5 */
	far_run(f);
	assert_int_equal(v->err, ERR_UPSTREAM_BAD_FRAMING);
	assert_int_equal(far_got(f, 1)->reset_code, NGHTTP2_PROTOCOL_ERROR);
	/* 101 is none of HTTP/2's */
	v = ask(f, "websocket");
	far_run(f);
	far_headers(f, 3, 0, ":status", "101", NULL);
	far_run(f);
	assert_int_equal(v->err, ERR_UPSTREAM_BAD_HEAD);
	far_free(&f);
}

/* The answer is due in time; in a tunnel nothing is. */
TEST(deadlines)
{
	struct far *f = far_new();
	f->conf.response_ns = 200 * NS_PER_MS;
	far_open(f);
	far_allow(f);
	struct way *v = ask(f, "websocket");
	far_wait(f, 300);
	assert_int_equal(v->err, ERR_UPSTREAM_TIMEOUT);
	far_free(&f);
	f = far_new();
	f->conf.response_ns = 200 * NS_PER_MS;
	v = tunnel_open(f);
	far_wait(f, 300);
	(void)way_push_text(v, "x");
	far_data(f, 1, "y", false);
	far_wait(f, 300);
	f->no_read = f->no_updates = true;
	while (!v->full)
		(void)way_push(v, 16384);
	far_wait(f, 300);
	assert_int_equal(v->failed, 0);
	way_release(v);
	f->no_read = false;
	far_free(&f);
}
