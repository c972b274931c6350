/* Extended CONNECT to upstream servers (RFC 8441): what asks by Upgrade in HTTP/1.1 goes as a
 * stream that becomes a tunnel. */
#include "peer_server.h"

#include "http/upgrade.h"
#include "http2/client_state.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" /* RFC 6455 1.3 */

/* A GET that asks for a protocol; the head lives as long as the request, as an exchange's does. */
static struct probe *ask(struct peer *p, const char *protocol)
{
	struct probe *v = probe_begin(p);
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
	probe_end(v); /* of the message */
	return v;
}

static void peer_allow(struct peer *p)
{
	peer_settings(p, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 100,
		NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1, 0);
	peer_run(p);
}

/* A tunnel on stream 1. */
static struct probe *tunnel_open(struct peer *p)
{
	peer_server_open(p);
	peer_allow(p);
	struct probe *v = ask(p, "websocket");
	peer_run(p);
	peer_headers(p, 1, 0, ":status", "200", "sec-websocket-protocol", "chat", NULL);
	peer_run(p);
	assert_int_equal(v->status, 101);
	v->o->ops->tunnel(v->o);
	return v;
}

TEST(waits_for_settings)
{
	struct peer *p = peer_server_new();
	peer_server_open(p);
	struct probe *v = ask(p, "websocket");
	peer_run(p);
	assert_int_equal(p->n_streams, 0); /* the server has not said yet that it takes it */
	peer_allow(p);
	assert_string_equal(peer_stream(p, 1)->fields,
		":method: CONNECT\n:protocol: websocket\n:scheme: http\n"
		":authority: example.com\n:path: /chat\nsec-websocket-version: 13\n");
	assert_false(peer_stream(p, 1)->ended);
	peer_headers(p, 1, 0, ":status", "204", "sec-websocket-accept", "wrong",
		NULL); /* any 2xx */
	peer_run(p);
	assert_int_equal(v->status, 101);
	assert_int_equal(v->kind, BODY_NONE);
	assert_string_equal(v->fields, "Upgrade: websocket\nSec-WebSocket-Accept: " ACCEPT "\n");
	peer_free(&p);
}

TEST(other_protocols)
{
	struct peer *p = peer_server_new();
	peer_server_open(p);
	peer_allow(p);
	struct probe *v = ask(p, "echo");
	peer_run(p);
	assert_non_null(strstr(peer_stream(p, 1)->fields, ":protocol: echo\n"));
	peer_headers(p, 1, 0, ":status", "200", NULL);
	peer_run(p);
	assert_int_equal(v->status, 101);
	assert_string_equal(v->fields, "Upgrade: echo\n");
	peer_free(&p);
}

TEST(not_offered)
{
	for (int late = 0; late < 2; late++) {
		struct peer *p = peer_server_new();
		peer_server_open(p);
		struct probe *v = late ? ask(p, "websocket") : NULL;
		peer_settings(p, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 100, 0);
		peer_run(p);
		if (!late)
			v = ask(p, "websocket");
		peer_run(p);
		assert_int_equal(v->err, ERR_UPSTREAM_NO_TUNNEL);
		assert_false(v->sent || v->answered);
		assert_int_equal(p->n_streams, 0);
		assert_int_equal(http2_conn_load(p->conn), 0);
		v = probe_get(p, "/"); /* nothing is wrong with the connection */
		peer_run(p);
		assert_true(peer_stream(p, 1)->ended);
		peer_free(&p);
	}
}

TEST(bytes)
{
	struct peer *p = peer_server_new();
	struct probe *v = tunnel_open(p);
	struct peer_stream *g = peer_stream(p, 1);
	v->keep = true;
	assert_non_null(strstr(v->fields, "sec-websocket-protocol: chat\n"));
	(void)probe_push_text(v, "up");
	peer_data(p, 1, "down", false);
	peer_run(p);
	assert_string_equal(g->body, "up");
	assert_string_equal(v->body, "down");
	assert_int_equal(v->drained + v->ended, 0);
	/* our end; the other goes on */
	(void)probe_push_text(v, ".");
	probe_end(v);
	peer_run(p);
	assert_string_equal(g->body, "up.");
	assert_true(g->ended && !g->reset);
	assert_int_equal(v->drained, 1); /* all of it is out */
	peer_data(p, 1, "!", false);
	peer_run(p);
	assert_string_equal(v->body, "down!");
	peer_data(p, 1, "", true);
	peer_run(p);
	assert_int_equal(v->ended, 1);
	assert_int_equal(v->failed, 0);
	probe_release(v);
	peer_run(p);
	assert_false(g->reset);
	assert_int_equal(http2_conn_load(p->conn), 0);
	peer_free(&p);
}

/* The server ends first: what is said after that still arrives, whole, and is waited for. */
TEST(server_ends_first)
{
	struct peer *p = peer_server_new();
	p->no_updates = true;
	struct probe *v = tunnel_open(p);
	v->keep = true;
	peer_data(p, 1, "bye", true);
	peer_run(p);
	assert_int_equal(v->ended, 1);
	(void)probe_push(v, 70000);
	probe_end(v);
	peer_run(p);
	assert_int_equal(peer_stream(p, 1)->body_len, 65535);
	assert_int_equal(v->drained, 0);
	peer_update(p, 0, 10000);
	peer_update(p, 1, 10000);
	peer_run(p);
	assert_int_equal(peer_stream(p, 1)->body_len, 70000);
	assert_true(peer_stream(p, 1)->ended);
	assert_int_equal(v->drained, 1);
	probe_release(v);
	peer_run(p);
	assert_false(peer_stream(p, 1)->reset);
	peer_free(&p);
}

/* It ends, and wants nothing more: there is nothing to wait for then. */
TEST(server_wants_no_more)
{
	for (int late = 0; late < 2; late++) {
		struct peer *p = peer_server_new();
		struct probe *v = tunnel_open(p);
		v->keep = true;
		peer_data(p, 1, "bye", true);
		if (late)
			peer_reset(p, 1, NGHTTP2_NO_ERROR);
		peer_run(p);
		assert_int_equal(v->ended, 1);
		p->no_read = true;
		(void)probe_push(v, late ? 10 : 200000);
		probe_end(v);
		if (!late) {
			peer_reset(p, 1, NGHTTP2_NO_ERROR);
			p->no_read = false;
		}
		peer_run(p);
		assert_int_equal(v->drained, 1);
		assert_int_equal(v->failed, 0);
		probe_release(v);
		peer_free(&p);
	}
}

TEST(lost)
{
	for (int closed = 0; closed < 2; closed++) {
		struct peer *p = peer_server_new();
		struct probe *v = tunnel_open(p);
		peer_data(p, 1, "last", false);
		if (closed)
			peer_close(p);
		else
			peer_reset(p, 1, NGHTTP2_CANCEL);
		(void)peer_until(p, &v->failed, 2000);
		assert_string_equal(v->body, "last");
		assert_int_equal(v->err, closed ? ERR_UPSTREAM_CLOSED : ERR_UPSTREAM_RESET);
		peer_free(&p);
	}
}

TEST(released)
{
	struct peer *p = peer_server_new();
	struct probe *v = tunnel_open(p);
	probe_release(v);
	peer_run(p);
	assert_true(peer_stream(p, 1)->reset);
	assert_int_equal(peer_stream(p, 1)->reset_code, NGHTTP2_CANCEL);
	peer_free(&p);
}

TEST(declined)
{
	struct peer *p = peer_server_new();
	peer_server_open(p);
	peer_allow(p);
	struct probe *v = ask(p, "websocket");
	peer_run(p);
	peer_headers(p, 1, 0, ":status", "403", "content-length", "2", NULL);
	peer_run(p);
	assert_int_equal(v->status, 403);
	assert_int_equal(v->kind, BODY_LENGTH);
	assert_true(peer_stream(p, 1)->ended); /* nothing follows from us */
	peer_data(p, 1, "no", false);
	peer_headers(p, 1, FRAME_END_STREAM, "x-sum", "1", NULL);
	peer_run(p);
	assert_string_equal(v->body, "no");
	assert_string_equal(v->trailers, "x-sum: 1\n");
	assert_int_equal(v->ended, 1);
	assert_false(peer_stream(p, 1)->reset);
	peer_free(&p);
}

TEST(rules)
{
	struct peer *p = peer_server_new();
	struct probe *v = tunnel_open(p);
	peer_headers(p, 1, FRAME_END_STREAM, "x-sum", "1", NULL); /* RFC 9113 8.5 */
	peer_run(p);
	assert_int_equal(v->err, ERR_UPSTREAM_BAD_FRAMING);
	assert_int_equal(peer_stream(p, 1)->reset_code, NGHTTP2_PROTOCOL_ERROR);
	/* 101 is none of HTTP/2's */
	v = ask(p, "websocket");
	peer_run(p);
	peer_headers(p, 3, 0, ":status", "101", NULL);
	peer_run(p);
	assert_int_equal(v->err, ERR_UPSTREAM_BAD_HEAD);
	peer_free(&p);
}

/* The answer is due in time; in a tunnel nothing is. */
TEST(deadlines)
{
	struct peer *p = peer_server_new();
	p->conn_conf.response_ns = 200 * NS_PER_MS;
	peer_server_open(p);
	peer_allow(p);
	struct probe *v = ask(p, "websocket");
	peer_wait(p, 300);
	assert_int_equal(v->err, ERR_UPSTREAM_TIMEOUT);
	peer_free(&p);
	p = peer_server_new();
	p->conn_conf.response_ns = 200 * NS_PER_MS;
	v = tunnel_open(p);
	peer_wait(p, 300);
	(void)probe_push_text(v, "x");
	peer_data(p, 1, "y", false);
	peer_wait(p, 300);
	p->no_read = p->no_updates = true;
	while (!v->full)
		(void)probe_push(v, 16384);
	peer_wait(p, 300);
	assert_int_equal(v->failed, 0);
	probe_release(v);
	p->no_read = false;
	peer_free(&p);
}
