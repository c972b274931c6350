/* A server, and a request to it. */
#include "client_kit.h"

struct peer *peer;
struct ask ask;
char large[400 * 1024];

/* ---- a connection and its owner ------------------------------------------------------------ */

static void on_open(struct http1_conn *c)
{
	((struct peer *)http1_conn_owner_data(c))->opened++;
}

static void on_free(struct http1_conn *c)
{
	((struct peer *)http1_conn_owner_data(c))->freed++;
}

static void on_gone(struct http1_conn *c, int err)
{
	struct peer *p = http1_conn_owner_data(c);
	p->gone++;
	p->err = err;
	p->conn = NULL;
}

static const struct http1_conn_owner owner = { .on_open = on_open,
	.on_free = on_free,
	.on_gone = on_gone };

static struct http1_conn_conf conf;

void open_without_waiting(void)
{
	int err = 0;
	conf = (struct http1_conn_conf){ .connect_ns = NS_PER_S,
		.response_ns = 15 * NS_PER_S,
		.idle_ns = 60 * NS_PER_S,
		.max_head = 4096,
		.max_fields = 40 };
	peer = calloc(1, sizeof(*peer));
	assert_non_null(peer);
	peer->conn = http1_conn_open(&fakewire_worker, fakewire_address(),
		&transport_fake_connecting, &peer->wire, &conf, &owner, peer, &err);
	assert_non_null(peer->conn);
}

void begin(void)
{
	open_without_waiting();
	fakewire_connect();
	assert_int_equal(peer->opened, 1);
}

void end(void)
{
	if (peer->conn)
		http1_conn_close(peer->conn);
	fakewire_settle();
	assert_true(peer->wire.closed);
	fakewire_fini(&peer->wire);
	free(peer);
}

/* ---- a request on it ----------------------------------------------------------------------- */

static char body_room[1 << 20];

void ask_release(void)
{
	struct origin *o = ask.o;
	ask.sent = o->sent;
	ask.answered = o->answered;
	ask.o = NULL;
	o->ops->release(o);
}

static bool ask_released(int event)
{
	if (ask.release_on != event)
		return false;
	ask_release();
	return true;
}

static void on_head(struct origin *o, struct response_head *h)
{
	assert_ptr_equal(o->user, &ask);
	assert_int_equal(ask.heads + ask.ends + ask.fails, 0);
	if (h->status < 200 && h->status != 101) {
		ask.interims++;
		return;
	}
	ask.heads++;
	ask.status = h->status;
	if (ask.hold_on_head)
		o->ops->hold(o);
	(void)ask_released(HEAD);
}

static void on_body(struct origin *o, struct buf *data)
{
	assert_int_equal(ask.heads, 1);
	assert_int_equal(ask.ends + ask.fails, 0);
	size_t n = ask.take && data->len > ask.take ? ask.take : data->len;
	assert_true(ask.body_len + n <= sizeof(body_room));
	buf_copy(data, ask.body + ask.body_len, n);
	buf_drain(data, n);
	ask.body_len += n;
	if (ask.hold_on_body)
		o->ops->hold(o);
	(void)ask_released(BODY);
}

static enum splice on_waiting(struct origin *o, struct stream *from, uint64_t most, uint64_t *n)
{
	uint64_t *offer = ask.spliced < 8 << 20 ? &ask.early_offer : &ask.late_offer;
	(void)o;
	if (!ask.splices)
		return SPLICE_UNABLE;
	if (most > *offer)
		*offer = most;
	*n = most;
	ask.spliced += most;
	from->bytes_in += most;
	return SPLICE_OK;
}

static void on_end(struct origin *o, const struct fields *trailers)
{
	(void)o;
	assert_int_equal(ask.heads, 1);
	assert_int_equal(ask.ends + ask.fails, 0);
	ask.ends++;
	if (trailers && trailers->n)
		(void)snprintf(ask.trailer, sizeof(ask.trailer), "%.*s=%.*s",
			STR_ARG(field_name(&trailers->v[0])),
			STR_ARG(field_value(&trailers->v[0])));
	(void)ask_released(END);
}

static void on_drained(struct origin *o)
{
	(void)o;
	ask.drained++;
	(void)ask_released(DRAINED);
}

static void on_fail(struct origin *o, int err)
{
	(void)o;
	assert_int_equal(ask.fails, 0);
	ask.fails++;
	ask.err = err;
	(void)ask_released(FAIL);
}

static const struct origin_events events = {
	.on_head = on_head,
	.on_body = on_body,
	.on_waiting = on_waiting,
	.on_end = on_end,
	.on_drained = on_drained,
	.on_fail = on_fail,
};

void start_with(const struct request_head *h)
{
	arena_fini(&ask.arena);
	ask = (struct ask){ .body = body_room, .take = ask.take, .release_on = ask.release_on };
	arena_init(&ask.arena, 64 * 1024);
	ask.o = http1_conn_begin(peer->conn, &events, &ask, &ask.arena);
	ask.o->ops->head(ask.o, h);
}

void start(const char *method, uint8_t body, uint64_t len)
{
	start_with(&(struct request_head){ .method_text = str_of(method),
		.target = STR("/"),
		.path = STR("/"),
		.authority = STR("up.example"),
		.method = (uint8_t)method_find(str_of(method)),
		.version = 11,
		.body = body,
		.body_length = len });
}

void get(void)
{
	start("GET", BODY_NONE, 0);
	ask.o->ops->end(ask.o, NULL);
	fakewire_settle();
}

void send_body(const char *bytes, size_t n, bool full)
{
	struct buf data;
	buf_init(&data);
	buf_append(&data, bytes, n);
	assert_int_equal(ask.o->ops->body(ask.o, &data), full);
	assert_int_equal(data.len, 0);
}

void say(const char *text)
{
	fakewire_say_text(&peer->wire, text);
	fakewire_settle();
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
	arena_fini(&ask.arena);
	fakewire_end();
	return 0;
}
