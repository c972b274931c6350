/* A handler of requests, and a connection. */
#include "server_kit.h"

struct plan plan;
struct codec_conf conf;
struct call calls[CALLS];
unsigned n_calls, finished;
struct conn *conn;

static char bodies[CALLS][BODY_ROOM];

/* ---- the handler --------------------------------------------------------------------------- */

static struct call *call_of(struct client *c)
{
	return c->user;
}

void call_finish(struct call *k)
{
	struct client *c = k->c;
	k->bytes_in = c->bytes_in;
	k->bytes_out = c->bytes_out;
	k->c = NULL;
	finished++;
	finish_at_turn_end(&k->finish, conn->s.worker, c);
}

static void call_answer_with(struct call *k, int status, uint8_t kind, const char *body, size_t len)
{
	struct client *c = k->c;
	struct response_head h = { .status = (uint16_t)status,
		.version = 11,
		.body = kind,
		.keep_alive = true };
	struct buf data;
	if (kind == BODY_LENGTH)
		h.body_length = len;
	k->answered = true;
	assert_int_equal(fields_add(&h.fields, &c->arena, STR("X-Target"), str_of(k->target)), 0);
	c->ops->head(c, &h);
	buf_init(&data);
	buf_append(&data, body, len);
	(void)c->ops->body(c, &data);
	assert_int_equal(data.len, 0);
	c->ops->end(c, plan.trailers);
}

void call_answer(struct call *k)
{
	const char *body = plan.body ? plan.body : k->body;
	size_t len = plan.body_len ? plan.body_len : plan.body ? strlen(plan.body) : k->body_len;
	call_answer_with(k, plan.status, plan.body_kind, body, len);
}

static void on_body(struct client *c, struct buf *data)
{
	struct call *k = call_of(c);
	assert_false(k->ended || k->gone);
	size_t n = plan.take && data->len > plan.take ? plan.take : data->len;
	assert_true(k->body_len + n <= BODY_ROOM);
	buf_copy(data, k->body + k->body_len, n);
	buf_drain(data, n);
	k->body_len += n;
	if (plan.finish_on_body)
		call_finish(k);
}

static void on_end(struct client *c, const struct fields *trailers)
{
	struct call *k = call_of(c);
	assert_false(k->ended || k->gone);
	k->ended = true;
	if (trailers && trailers->n)
		(void)snprintf(k->trailer, sizeof(k->trailer), "%.*s=%.*s",
			STR_ARG(field_name(&trailers->v[0])),
			STR_ARG(field_value(&trailers->v[0])));
	if (plan.finish_on_end)
		call_finish(k);
	else if (plan.when == AT_END && !k->answered)
		call_answer(k);
}

static void on_drained(struct client *c)
{
	struct call *k = call_of(c);
	assert_false(k->gone || k->sent);
	k->drained = true;
}

static void on_sent(struct client *c)
{
	struct call *k = call_of(c);
	assert_true(k->answered);
	assert_false(k->gone || k->sent);
	k->sent = true;
	if (!plan.keep_when_sent)
		call_finish(k);
}

static void on_gone(struct client *c, int err, bool can_answer)
{
	struct call *k = call_of(c);
	assert_false(k->gone || k->sent);
	k->gone = true;
	k->err = err;
	k->can_answer = can_answer;
	if (plan.keep_when_gone)
		return;
	if (can_answer)
		call_answer_with(k, err_info(err)->status, BODY_LENGTH, err_code(err),
			strlen(err_code(err)));
	call_finish(k);
}

static const struct client_events events = {
	.on_body = on_body,
	.on_end = on_end,
	.on_drained = on_drained,
	.on_sent = on_sent,
	.on_gone = on_gone,
};

static struct call *call_new(struct client *c)
{
	assert_true(n_calls < CALLS);
	struct call *k = &calls[n_calls];
	*k = (struct call){ .c = c, .body = bodies[n_calls] };
	n_calls++;
	c->events = &events;
	c->user = k;
	(void)snprintf(k->target, sizeof(k->target), "%.*s", STR_ARG(c->head->target));
	return k;
}

static bool has_body(const struct request_head *h)
{
	return h->body == BODY_CHUNKED || (h->body == BODY_LENGTH && h->body_length);
}

static void on_bad_request(void *ctx, struct client *c, int err)
{
	struct call *k = call_new(c);
	(void)ctx;
	k->err = err;
	k->ended = true;
	if (plan.finish_on_request)
		call_finish(k);
	else
		call_answer_with(k, err_info(err)->status, BODY_LENGTH, err_code(err),
			strlen(err_code(err)));
}

static void on_request(void *ctx, struct client *c)
{
	if (client_body_is_too_large(c)) {
		on_bad_request(ctx, c, ERR_BODY_TOO_LARGE);
		return;
	}
	struct call *k = call_new(c);
	assert_ptr_equal(ctx, &plan);
	if (plan.finish_on_request) {
		call_finish(k);
		return;
	}
	if (!has_body(c->head))
		k->ended = true;
	if (!plan.hold)
		c->ops->resume(c);
	if (plan.when == NOW || (plan.when == AT_END && k->ended))
		call_answer(k);
}

/* ---- a connection -------------------------------------------------------------------------- */

static void on_closed(struct conn_info *info)
{
	assert_ptr_equal(info, &conn->info);
	conn->closed++;
	stream_close(&conn->s);
}

static const struct stream_user nobody = { 0 };

void begin(void)
{
	memset(&plan, 0, sizeof(plan));
	plan.when = AT_END;
	plan.status = 200;
	plan.body_kind = BODY_LENGTH;
	conf = (struct codec_conf){ .linger = { 5 * NS_PER_S, 30 * NS_PER_S, 64 << 20 },
		.head_ns = 10 * NS_PER_S,
		.body_ns = 30 * NS_PER_S,
		.idle_ns = 60 * NS_PER_S,
		.max_head = 4096,
		.max_fields = 50,
		.max_target = 1024,
		.budget = 128 * 1024,
		.handler = { on_request, on_bad_request, &plan },
		.on_closed = on_closed };
	n_calls = finished = 0;
	conn = calloc(1, sizeof(*conn));
	assert_non_null(conn);
	fakewire_open(&conn->wire, &conn->s, &nobody, NULL);
	http1_server_init(&conn->server, &conn->s, &conn->info, &conf);
}

void end(void)
{
	if (!conn->closed)
		http1_server_abort(&conn->server);
	for (unsigned i = 0; i < n_calls; i++) {
		if (calls[i].c)
			call_finish(&calls[i]);
	}
	fakewire_settle();
	if (!conn->closed)
		fakewire_pass(10 * NS_PER_S);
	assert_int_equal(conn->closed, 1);
	assert_int_equal(finished, n_calls);
	fakewire_fini(&conn->wire);
	free(conn);
}

void say(const char *text)
{
	fakewire_say_text(&conn->wire, text);
	fakewire_settle();
}

unsigned count(const char *text, const char *what)
{
	unsigned n = 0;
	for (const char *at = text; (at = strstr(at, what)); at += strlen(what))
		n++;
	return n;
}

int kit_setup(void **state)
{
	(void)state;
	fakewire_start();
	return 0;
}

int kit_teardown(void **state)
{
	(void)state;
	fakewire_end();
	return 0;
}
