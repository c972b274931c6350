/*
 * Whole connections: the server codec on a wire without a socket, before a handler that echoes.
 * What a client gets does not depend on the pieces in which its bytes arrive; every request is
 * finished once, and every connection ends.
 *
 * The first three bytes of an input say how the handler behaves, how much a read brings, where
 * pieces end, and whether requests have so little memory that some of what they need is not to be
 * had.
 */
#include <stdlib.h>

#include "fakewire.h"
#include "http1/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	ANSWER_EARLY = 1 << 0, /* before the body */
	HOLD = 1 << 1,         /* asks for the body late, and for parts of it */
	CHUNKED = 1 << 2,      /* the response */
	CLOSE = 1 << 3,
	LEAVE = 1 << 4, /* without an answer, when the body ends */
	RESET = 1 << 5, /* the client breaks off instead of ending */
	DRAIN = 1 << 6,
	TIME = 1 << 7, /* passes between the pieces */
};

enum { LITTLE_MEMORY = 1 << 7 }; /* of the third byte */

struct request {
	struct client *c;
	struct turn_hook end;
	struct buf body;
	bool answered;
};

struct connection {
	struct fakewire wire;
	struct stream s;
	struct conn_info info;
	struct http1_server server;
	struct request *rq; /* in progress */
	unsigned mode, closed, begun, finished;
};

static void request_end(struct turn_hook *h)
{
	struct request *rq = container_of(h, struct request, end);
	struct client *c = rq->c;
	struct connection *k = c->user;
	buf_fini(&rq->body);
	free(rq);
	k->rq = NULL;
	k->finished++;
	c->ops->finish(c);
}

static void finish(struct connection *k)
{
	struct client *c = k->rq->c;
	c->events = &client_ended;
	worker_at_turn_end(k->s.worker, &k->rq->end);
}

static void answer(struct connection *k, int status)
{
	struct request *rq = k->rq;
	struct client *c = rq->c;
	struct response_head h = { .status = (uint16_t)status,
		.version = 11,
		.keep_alive = true,
		.body = BODY_LENGTH };
	h.body_length = rq->body.len;
	if (k->mode & CHUNKED)
		h.body = BODY_CHUNKED;
	else if (k->mode & CLOSE)
		h.body = BODY_CLOSE;
	rq->answered = true;
	c->ops->head(c, &h);
	(void)c->ops->body(c, &rq->body);
	check(rq->body.len == 0, "%zu bytes were not taken", rq->body.len);
	c->ops->end(c, NULL);
}

static void on_body(struct client *c, struct buf *data)
{
	struct connection *k = c->user;
	size_t n = k->mode & HOLD ? (data->len + 1) / 2 : data->len;
	if (k->rq->answered)
		n = data->len;
	buf_move(&k->rq->body, data, n);
	if (k->rq->answered)
		buf_drain(&k->rq->body, k->rq->body.len);
	if (data->len) { /* it wants the rest later */
		c->ops->hold(c);
		c->ops->resume(c);
	}
}

static void on_end(struct client *c, const struct fields *trailers)
{
	struct connection *k = c->user;
	for (uint32_t i = 0; trailers && i < trailers->n; i++)
		check(str_is_token(field_name(&trailers->v[i])), "trailer %u", i);
	if (k->mode & LEAVE)
		finish(k);
	else if (!k->rq->answered)
		answer(k, 200);
}

static void on_drained(struct client *c)
{
	struct connection *k = c->user;
	check(!k->rq->answered, "drained behind %s", "the end");
}

static void on_sent(struct client *c)
{
	finish(c->user);
}

static void on_gone(struct client *c, int err, bool can_answer)
{
	struct connection *k = c->user;
	if (can_answer && !k->rq->answered) {
		buf_drain(&k->rq->body, k->rq->body.len);
		answer(k, err_info(err)->status == 499 ? 400 : err_info(err)->status);
	}
	finish(k);
}

static const struct client_events events = {
	.on_body = on_body,
	.on_end = on_end,
	.on_drained = on_drained,
	.on_sent = on_sent,
	.on_gone = on_gone,
};

static struct connection *live; /* the handler's context is shared by all */

static void begin(struct client *c)
{
	struct request *rq = calloc(1, sizeof(*rq));
	check(rq, "out of memory: %zu bytes", sizeof(*rq));
	check(!live->rq, "two requests at %s", "once");
	rq->c = c;
	live->rq = rq;
	live->begun++;
	c->user = live;
	c->events = &events;
	turn_hook_init(&live->rq->end, request_end);
}

static void on_request(void *ctx, struct client *c)
{
	const struct request_head *h = c->head;
	(void)ctx;
	begin(c);
	check(h->version == 10 || h->version == 11, "version %u", h->version);
	check(h->host.len || h->version == 10, "no %s", "host");
	if (live->mode & ANSWER_EARLY)
		answer(live, 200);
	if (!(live->mode & HOLD) || !(live->mode & ANSWER_EARLY))
		c->ops->resume(c);
	if (!(live->mode & ANSWER_EARLY) &&
		(h->body == BODY_NONE || (h->body == BODY_LENGTH && h->body_length == 0)))
		answer(live, 200);
}

static void on_bad_request(void *ctx, struct client *c, int err)
{
	(void)ctx;
	begin(c);
	answer(live, err_info(err)->status);
}

static void on_closed(struct conn_info *info)
{
	struct connection *k = container_of(info, struct connection, info);
	k->closed++;
	stream_close(&k->s);
}

static const struct stream_user nobody = { 0 };

/* What came out, for the caller to free. */
static char *talk(const uint8_t *p, size_t n, unsigned mode, size_t budget, size_t read_max,
	unsigned pieces, size_t *out_len)
{
	const struct codec_conf conf = { .linger = { 5 * NS_PER_S, 30 * NS_PER_S, 64 << 20 },
		.head_ns = 10 * NS_PER_S,
		.body_ns = 30 * NS_PER_S,
		.idle_ns = 60 * NS_PER_S,
		.max_body = 100000,
		.max_head = 2048,
		.max_fields = 30,
		.max_target = 500,
		.budget = budget,
		.handler = { on_request, on_bad_request, NULL },
		.on_closed = on_closed };
	struct connection k = { .mode = mode };
	live = &k;
	fakewire_open(&k.wire, &k.s, &nobody, NULL);
	k.wire.read_max = read_max;
	http1_server_init(&k.server, &k.s, &k.info, &conf);
	for (size_t at = 0; at < n && !k.closed;) {
		size_t len = pieces ? 1 + (at * 31 + pieces) % (pieces * 3) : n;
		len = len < n - at ? len : n - at;
		fakewire_say(&k.wire, (const char *)p + at, len);
		fakewire_settle();
		if ((mode & TIME) && pieces && !k.closed)
			fakewire_pass(len * 400 * NS_PER_MS);
		if ((mode & DRAIN) && pieces && !k.closed && at > n / 2)
			http1_server_drain(&k.server, NS_PER_S);
		at += len;
	}
	char *out = k.wire.out;
	*out_len = k.wire.out_len;
	check(strlen(out) <= *out_len, "no end of %zu bytes", *out_len);
	k.wire.out = NULL;
	k.wire.out_cap = k.wire.out_len = 0;
	if (!k.closed && (mode & RESET))
		fakewire_reset(&k.wire);
	else if (!k.closed)
		fakewire_eof(&k.wire);
	fakewire_settle();
	if (!k.closed)
		fakewire_pass(100 * NS_PER_S);
	check(k.closed == 1, "closed %u times", k.closed);
	check(!k.rq && k.begun == k.finished, "%u requests, %u finished", k.begun, k.finished);
	fakewire_fini(&k.wire);
	return out;
}

/* Whether when what arrives decides what is said: 100 (Continue) is sent to those who wait for
 * it. */
static bool has_expectation(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i + 6 <= n; i++) {
		if (str_ieq(str_n((const char *)p + i, 6), STR("expect")))
			return true;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t whole_len, part_len;
	if (size < 3 || size > 100000)
		return 0;
	if (!fakewire_worker.base)
		fakewire_start();
	bool little = data[2] & LITTLE_MEMORY;
	unsigned mode = data[0], pieces = 1 + (data[2] & (LITTLE_MEMORY - 1u));
	size_t budget = little ? 4096 + 64u * data[1] : 64 * 1024;
	const uint8_t *p = data + 3;
	size_t n = size - 3;
	char *whole = talk(p, n, mode, budget, 0, 0, &whole_len);
	char *part = talk(p, n, mode, budget, data[1], pieces, &part_len);
	if (!little && !(mode & (ANSWER_EARLY | LEAVE | DRAIN | TIME)) && !has_expectation(p, n))
		check(whole_len == part_len && memcmp(whole, part, whole_len) == 0,
			"in pieces: %s\n--- at once: %s", part, whole);
	free(whole);
	free(part);
	return 0;
}
