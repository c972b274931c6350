/* Extended CONNECT from clients (RFC 8441): a stream that becomes a tunnel, as the client and as
 * the handler see it. */
#include "peer_client.h"

static void begin_nothing(struct call *call)
{
	(void)call;
}

static void ask(struct peer *p, uint32_t stream, unsigned flags)
{
	peer_headers(p, stream, flags, ":method", "CONNECT", ":protocol", "websocket", ":scheme",
		"https", ":path", "/chat", ":authority", "h", "sec-websocket-version", "13", NULL);
}

static void agree_head(struct call *call)
{
	struct response_head h = { .status = 101, .version = 11, .body = BODY_NONE };
	check(fields_add(&h.fields, &call->c->arena, STR("Upgrade"), STR("websocket")) == 0 &&
			fields_add(&h.fields, &call->c->arena, STR("Sec-WebSocket-Accept"),
				STR("x")) == 0 &&
			fields_add(&h.fields, &call->c->arena, STR("Sec-WebSocket-Protocol"),
				STR("chat")) == 0,
		"no memory for %d", h.status);
	call->answered = true;
	call->c->ops->head(call->c, &h);
	call->c->ops->tunnel(call->c);
}

static void agree(struct call *call)
{
	agree_head(call);
	call->c->ops->resume(call->c);
}

static void say(struct call *call, const char *text)
{
	struct buf b;
	buf_init(&b);
	buf_append(&b, text, strlen(text));
	call->full = call->c->ops->body(call->c, &b);
	call->pushed += strlen(text);
}

/* A peer whose first tunnel is stream 1. */
static struct peer *start(struct peer *p)
{
	p->on_request = agree;
	peer_client_start(p);
	ask(p, 1, 0);
	peer_run(p);
	assert_int_equal(p->n_calls, 1);
	assert_int_equal(peer_stream(p, 1)->status, 200);
	return p;
}

TEST(agreed)
{
	struct peer *p = start(peer_client_new());
	struct call *call = &p->calls[0];
	struct peer_stream *r = peer_stream(p, 1);
	assert_int_equal(p->settings[NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL], 1);
	assert_string_equal(call->head, "GET /chat host=h body=none");
	assert_non_null(strstr(call->fields, "upgrade: websocket\n"));
	assert_non_null(strstr(call->fields, "sec-websocket-key: "));
	/* and no length, upgrade or accept */
	assert_string_equal(r->fields, "sec-websocket-protocol: chat\n");
	assert_false(r->ended);
	peer_data(p, 1, "to the upstream", false);
	say(call, "to the client");
	peer_run(p);
	assert_string_equal(call->body, "to the upstream");
	assert_string_equal(r->body, "to the client");
	assert_int_equal(call->ended, 0);
	/* the client's end, and then ours */
	peer_data(p, 1, ".", true);
	peer_run(p);
	assert_int_equal(call->ended, 1);
	assert_false(r->ended);
	say(call, "!");
	peer_run(p);
	call->c->ops->end(call->c, NULL);
	peer_run(p);
	assert_string_equal(r->body, "to the client!");
	assert_true(r->ended && !r->reset);
	assert_int_equal(call->sent, 1);
	assert_int_equal(call->gone, 0);
	peer_free(&p);
}

static void nothing(struct call *call)
{
	(void)call;
}

TEST(our_end_first)
{
	struct peer *p = peer_client_new();
	p->on_sent = nothing;
	(void)start(p);
	struct call *call = &p->calls[0];
	say(call, "bye");
	call->c->ops->end(call->c, NULL);
	peer_run(p);
	assert_true(peer_stream(p, 1)->ended);
	assert_false(peer_stream(p, 1)->reset); /* the client may go on */
	assert_int_equal(call->sent, 1);
	peer_data(p, 1, "not yet", false);
	peer_run(p);
	assert_string_equal(call->body, "not yet");
	peer_data(p, 1, "", true);
	peer_run(p);
	assert_int_equal(call->ended, 1);
	call_finish(call);
	peer_run(p);
	assert_false(peer_stream(p, 1)->reset);
	peer_free(&p);
}

/* Ways in which a tunnel whose own end was said does not end by itself. */
TEST(half_open_is_lost)
{
	for (int way = 0; way < 3; way++) {
		struct peer *p = peer_client_new();
		p->on_sent = nothing;
		(void)start(p);
		struct call *call = &p->calls[0];
		call->c->ops->end(call->c, NULL);
		peer_run(p);
		assert_int_equal(call->sent, 1);
		if (way == 0) {
			peer_reset(p, 1, NGHTTP2_CANCEL);
			peer_run(p);
			assert_int_equal(call->gone_err, ERR_CLIENT_GONE);
		} else if (way == 1) {
			peer_frame(p, FRAME_DATA, 0, 0, "x", 1); /* the end of the connection */
			peer_run(p);
			assert_int_equal(call->gone_err, ERR_CLIENT_PROTOCOL);
		} else {
			call->c->ops->abort(call->c);
			call_finish(call);
			peer_run(p);
			assert_true(peer_stream(p, 1)->reset);
			assert_int_equal(peer_stream(p, 1)->reset_code, NGHTTP2_CANCEL);
		}
		assert_int_equal(call->gone, way < 2);
		peer_free(&p);
	}
}

TEST(reset)
{
	struct peer *p = start(peer_client_new());
	peer_reset(p, 1, NGHTTP2_CANCEL);
	peer_run(p);
	assert_int_equal(p->calls[0].gone, 1);
	assert_int_equal(p->calls[0].gone_err, ERR_CLIENT_GONE);
	assert_false(p->calls[0].can_answer);
	peer_free(&p);
}

/* RFC 8441 5: CANCEL, behind what there is. That is never held against the client. */
TEST(abort)
{
	struct peer *p = start(peer_client_new());
	for (uint32_t i = 0; i < 2 * HTTP2_RESET_BURST; i++) {
		uint32_t id = 1 + 2 * i;
		if (i) {
			ask(p, id, 0);
			peer_run(p);
		}
		say(&p->calls[i], "last");
		p->calls[i].c->ops->abort(p->calls[i].c);
		call_finish(&p->calls[i]);
		peer_run(p);
		assert_string_equal(peer_stream(p, id)->body, "last");
		assert_true(peer_stream(p, id)->reset && !peer_stream(p, id)->ended);
		assert_int_equal(peer_stream(p, id)->reset_code, NGHTTP2_CANCEL);
	}
	assert_int_equal(p->n_goaway, 0);
	peer_free(&p);
}

/* What comes before the answer belongs to the tunnel, and waits for it; so does an end. */
TEST(early)
{
	for (int end = 0; end < 3; end++) {
		struct peer *p = peer_client_new();
		p->on_request = begin_nothing;
		peer_client_start(p);
		ask(p, 1, end == 2 ? FRAME_END_STREAM : 0);
		if (end < 2)
			peer_data(p, 1, "early", end);
		peer_run(p);
		struct call *call = &p->calls[0];
		assert_int_equal(call->body_len + call->ended, 0);
		agree_head(call);
		peer_run(p);
		assert_int_equal(call->body_len, 0); /* held still */
		call->c->ops->resume(call->c);
		peer_run(p);
		assert_string_equal(call->body, end < 2 ? "early" : "");
		assert_int_equal(call->ended, end > 0);
		call->c->ops->end(call->c, NULL);
		peer_run(p);
		assert_int_equal(call->sent, 1);
		peer_free(&p);
	}
}

/* The answer is no tunnel: the stream is an ordinary one. */
TEST(declined)
{
	struct peer *p = peer_client_new();
	p->on_request = begin_nothing;
	peer_client_start(p);
	ask(p, 1, 0);
	peer_data(p, 1, "early", false);
	peer_run(p);
	call_answer(&p->calls[0], 403, "no");
	peer_run(p);
	struct peer_stream *r = peer_stream(p, 1);
	assert_int_equal(r->status, 403);
	assert_string_equal(r->body, "no");
	assert_true(r->ended && r->reset);
	assert_int_equal(r->reset_code, NGHTTP2_NO_ERROR);
	assert_int_equal(p->calls[0].sent, 1);
	assert_int_equal(p->calls[0].body_len, 0);
	peer_get(p, 3, "/");
	peer_run(p);
	call_answer(&p->calls[1], 200, "ok");
	peer_run(p);
	assert_int_equal(peer_stream(p, 3)->status, 200);
	peer_free(&p);
}

/* RFC 9113 8.5: only DATA. */
TEST(trailers)
{
	struct peer *p = start(peer_client_new());
	peer_headers(p, 1, FRAME_END_STREAM, "x-sum", "1", NULL);
	peer_run(p);
	assert_int_equal(p->calls[0].gone_err, ERR_BAD_FRAMING);
	assert_true(peer_stream(p, 1)->reset);
	assert_int_equal(peer_stream(p, 1)->reset_code, NGHTTP2_PROTOCOL_ERROR);
	assert_int_equal(p->n_goaway, 0);
	peer_free(&p);
}

/* Silence has no deadline here, and bytes no bound; the exchange sees to the first. */
TEST(no_bounds)
{
	struct peer *p = peer_client_new();
	p->conf.body_ns = 150 * NS_PER_MS;
	p->conf.max_body = 10;
	p->on_sent = nothing;
	(void)start(p);
	struct call *call = &p->calls[0];
	for (int i = 0; i < 3; i++) {
		peer_data(p, 1, "0123456789", false);
		peer_wait(p, 200);
	}
	call->c->ops->hold(call->c);
	call->c->ops->resume(call->c);
	call->c->ops->end(call->c, NULL);
	peer_wait(p, 200);
	assert_int_equal(call->gone, 0);
	assert_int_equal(call->body_len, 30);
	peer_data(p, 1, "", true);
	peer_run(p);
	assert_int_equal(call->ended, 1);
	call_finish(call);
	peer_free(&p);
}

/* Windows are of the tunnel: who does not take is not sent to, and what is not taken is not let
 * in. */
TEST(windows)
{
	struct peer *p = peer_client_new();
	static char piece[10001];
	p->no_updates = true;
	(void)start(p);
	struct call *call = &p->calls[0];
	while (!call->full)
		(void)call_push(call, 16384);
	(void)call_push(call, 65536);
	peer_run(p);
	assert_int_equal(peer_stream(p, 1)->body_len, 65535);
	assert_int_equal(call->full, 1);
	peer_update(p, 0, 1 << 20);
	peer_update(p, 1, 1 << 20);
	peer_run(p);
	assert_int_equal(peer_stream(p, 1)->body_len, call->pushed);
	assert_int_equal(call->drained, 1);
	/* and the other way: nothing is given back before it is taken */
	memset(piece, 'x', sizeof(piece) - 1);
	call->c->ops->hold(call->c);
	unsigned updates = p->n_updates;
	for (int i = 0; i < 13; i++)
		peer_data(p, 1, piece, false);
	peer_run(p);
	assert_int_equal(call->body_len, 0);
	assert_int_equal(p->n_updates, updates);
	call->c->ops->resume(call->c);
	peer_run(p);
	assert_int_equal(call->body_len, 130000);
	assert_true(p->n_updates > updates);
	peer_reset(p, 1, NGHTTP2_CANCEL);
	peer_run(p);
	peer_free(&p);
}

/* A client that takes nothing for too long, while the other side cannot go on. */
TEST(stalled)
{
	struct peer *p = peer_client_new();
	p->conf.body_ns = 30 * NS_PER_MS;
	p->no_updates = true;
	(void)start(p);
	while (!p->calls[0].full)
		(void)call_push(&p->calls[0], 16384);
	(void)call_push(&p->calls[0], 65536);
	peer_run(p);
	peer_wait(p, 200);
	assert_int_equal(p->calls[0].gone_err, ERR_CLIENT_STALLED);
	assert_true(peer_stream(p, 1)->reset);
	peer_free(&p);
}

TEST(drain)
{
	struct peer *p = start(peer_client_new());
	http2_server_drain(p->server, 0);
	peer_run(p);
	assert_int_equal(p->n_goaway, 2);
	say(&p->calls[0], "goodbye");
	p->calls[0].c->ops->end(p->calls[0].c, NULL);
	peer_data(p, 1, "goodbye", true);
	peer_run(p);
	assert_string_equal(p->calls[0].body, "goodbye");
	assert_string_equal(peer_stream(p, 1)->body, "goodbye");
	assert_true(peer_ends(p, 2000));
	peer_free(&p);
}
