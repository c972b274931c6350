/* A peer that is a client. See the header. */
#include "peer_client.h"
#include "frames.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"

/* ---- the handler --------------------------------------------------------------------------- */

void call_finish(struct call *call)
{
	struct client *c = call->c;
	call->c = NULL;
	finish_at_turn_end(&call->finish, &call->peer->w, c);
}

void call_head(struct call *call, int status, int64_t length)
{
	struct response_head h = { .status = (uint16_t)status,
		.version = 11,
		.body = length < 0 ? BODY_CHUNKED : BODY_LENGTH,
		.body_length = length < 0 ? 0 : (uint64_t)length };
	check(fields_add(&h.fields, &call->c->arena, STR("Content-Type"), STR("text/plain")) == 0 &&
			fields_add(&h.fields, &call->c->arena, STR("X-Name"), STR("Value")) == 0 &&
			fields_add(&h.fields, &call->c->arena, STR("Connection"), STR("close")) ==
				0,
		"no memory for %d", status);
	call->answered = status >= 200;
	call->c->ops->head(call->c, &h);
}

bool call_push(struct call *call, size_t n)
{
	struct buf b;
	buf_init(&b);
	body_make(&b, &call->pushed, n);
	call->full = call->c->ops->body(call->c, &b);
	check(b.len == 0, "%zu bytes of a body were not taken", b.len);
	return call->full;
}

void call_answer(struct call *call, int status, const char *body)
{
	struct buf b;
	buf_init(&b);
	buf_append(&b, body, strlen(body));
	call_head(call, status, (int64_t)strlen(body));
	(void)call->c->ops->body(call->c, &b);
	call->c->ops->end(call->c, NULL);
}

static void on_body(struct client *c, struct buf *data)
{
	struct call *call = c->user;
	check(!call->gone, "a body after the end of %s", call->head);
	if (!call->take_nothing)
		body_add(call->body, &call->body_len, data);
}

static void on_end(struct client *c, const struct fields *trailers)
{
	struct call *call = c->user;
	check(!call->gone, "an end after the end of %s", call->head);
	call->ended++;
	fields_text(call->trailers, sizeof(call->trailers), trailers);
}

static void on_drained(struct client *c)
{
	struct call *call = c->user;
	check(!call->gone && call->full, "%s was not full", call->head);
	call->full = false;
	call->drained++;
}

static void on_sent(struct client *c)
{
	struct call *call = c->user;
	check(!call->gone && !call->sent, "%s was sent twice", call->head);
	call->sent++;
	if (call->peer->on_sent)
		call->peer->on_sent(call);
	else
		call_finish(call);
}

static void on_gone(struct client *c, int err, bool can_answer)
{
	struct call *call = c->user;
	check(!call->gone, "%s is gone twice", call->head);
	call->gone++;
	call->gone_err = err;
	call->can_answer = can_answer;
	if (call->keep)
		return;
	if (can_answer)
		call_answer(call, err_info(err)->status, err_info(err)->code);
	else if (call->answered)
		c->ops->abort(c);
	call_finish(call);
}

static const struct client_events call_events = {
	.on_body = on_body,
	.on_end = on_end,
	.on_drained = on_drained,
	.on_sent = on_sent,
	.on_gone = on_gone,
};

static struct call *call_new(struct peer *p, struct client *c)
{
	check(p->n_calls < CALLS_MAX, "more than %d requests", CALLS_MAX);
	struct call *call = &p->calls[p->n_calls++];
	const struct request_head *h = c->head;
	call->peer = p;
	call->c = c;
	call->body = calloc(1, PEER_TEXT + 1);
	check(call->body, "no memory for %s", "a body");
	text_add(call->head, sizeof(call->head), "%.*s %.*s%s%.*s host=%.*s",
		STR_ARG(h->method_text), STR_ARG(h->path), h->has_query ? "?" : "",
		STR_ARG(h->query), STR_ARG(h->host));
	if (h->body == BODY_LENGTH)
		text_add(call->head, sizeof(call->head), " body=%llu",
			(unsigned long long)h->body_length);
	else
		text_add(call->head, sizeof(call->head), " body=%s",
			h->body == BODY_NONE ? "none" : "open");
	fields_text(call->fields, sizeof(call->fields), &h->fields);
	c->events = &call_events;
	c->user = call;
	return call;
}

static void on_bad_request(void *ctx, struct client *c, int err)
{
	struct call *call = call_new(ctx, c);
	call->bad = err;
	call_answer(call, err_info(err)->status, err_info(err)->code);
}

static void on_request(void *ctx, struct client *c)
{
	struct peer *p = ctx;
	if (client_body_is_too_large(c)) {
		on_bad_request(ctx, c, ERR_BODY_TOO_LARGE);
		return;
	}
	struct call *call = call_new(p, c);
	if (p->on_request)
		p->on_request(call);
	else
		call_answer(call, 200, "ok\n");
}

/* ---- opening and closing ------------------------------------------------------------------- */

static void on_closed(struct conn_info *info)
{
	struct peer *p = container_of(info, struct peer, info);
	p->server = NULL;
	stream_close(&p->s);
}

static void rest(struct peer *p)
{
	if (p->server && !p->restless)
		http2_server_rest(p->server);
}

static void fini(struct peer *p)
{
	for (unsigned i = 0; i < p->n_calls; i++) {
		struct call *call = &p->calls[i];
		if (call->gone && call->c)
			call_finish(call);
		call->keep = false;
	}
	if (p->server)
		http2_server_abort(p->server);
	worker_turn(&p->w);
	check(!p->server, "a connection that was aborted is %s", "open");
	for (unsigned i = 0; i < p->n_calls; i++) {
		if (p->calls[i].c)
			fail_msg("%s was not finished", p->calls[i].head);
		free(p->calls[i].body);
	}
}

struct peer *peer_client_new(void)
{
	struct peer *p = peer_new();
	p->fini = fini;
	p->rest = rest;
	p->takes_pings = p->said = true;
	p->conf = (struct codec_conf){ .linger = { 5 * NS_PER_S, 30 * NS_PER_S, 64 << 20 },
		.head_ns = 5 * NS_PER_S,
		.body_ns = 5 * NS_PER_S,
		.idle_ns = 5 * NS_PER_S,
		.max_head = 32 * 1024,
		.max_fields = 100,
		.max_target = 8192,
		.budget = 512 * 1024,
		.handler = { on_request, on_bad_request, p },
		.on_closed = on_closed };
	return p;
}

void peer_client_open(struct peer *p)
{
	int pair[2];
	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0, "socketpair: %d",
		errno);
	p->fd = pair[1];
	check(stream_init(&p->s, &p->w, pair[0], &transport_plain, NULL, NULL, NULL) == 0,
		"stream: %d", errno);
	p->server = http2_server_new(&p->s, &p->info, &p->conf);
}

void peer_client_start(struct peer *p)
{
	peer_client_open(p);
	peer_preface(p);
	peer_run(p);
	assert_int_equal(p->n_settings, 1);
	assert_int_equal(p->n_settings_acks, 1);
}

bool peer_ends(struct peer *p, unsigned ms)
{
	uint64_t until = clock_ns() + ms * NS_PER_MS;
	do {
		peer_run(p);
		if (p->eof)
			peer_close(p);
		if (!p->server)
			return true;
		peer_wait(p, 1);
	} while (clock_ns() < until);
	return false;
}

/* ---- requests ------------------------------------------------------------------------------ */

void peer_preface(struct peer *p)
{
	peer_bytes(p, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HTTP2_PREFACE_LEN);
	peer_frame(p, FRAME_SETTINGS, 0, 0, NULL, 0);
}

void peer_get(struct peer *p, uint32_t stream, const char *path)
{
	peer_headers(p, stream, FRAME_END_STREAM, ":method", "GET", ":scheme", "https",
		":authority", "example.com", ":path", path, NULL);
}

void peer_post(struct peer *p, uint32_t stream, const char *path)
{
	peer_headers(p, stream, 0, ":method", "POST", ":scheme", "https", ":authority",
		"example.com", ":path", path, NULL);
}
