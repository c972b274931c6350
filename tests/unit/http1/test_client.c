/* http1/client: what servers answer, in whatever pieces, and everything that can go wrong with them. */
#include "http1/client.h"

#include <stdio.h>
#include <stdlib.h>

#include "fakewire.h"
#include "unit.h"

/* ---- a connection and its owner --------------------------------------------------------------------------------------- */

/* Each has its own memory: a test that fails leaves its connection behind, alive. */
struct peer {
	struct fakewire wire;
	struct http1_conn *conn;
	unsigned opened, freed, gone;
	int err;
};

static struct peer *peer;

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

static const struct http1_conn_owner owner = { .on_open = on_open, .on_free = on_free, .on_gone = on_gone };

static struct http1_conn_conf conf;

static void open_without_waiting(void)
{
	int err = 0;
	conf = (struct http1_conn_conf){ .connect_ns = NS_PER_S,
		                         .response_ns = 15 * NS_PER_S,
		                         .idle_ns = 60 * NS_PER_S,
		                         .max_head = 4096,
		                         .max_fields = 40 };
	peer = calloc(1, sizeof(*peer));
	assert_non_null(peer);
	peer->conn = http1_conn_open(&fakewire_worker, fakewire_address(), &transport_fake_connecting, &peer->wire, &conf, &owner,
	                             peer, &err);
	assert_non_null(peer->conn);
}

static void begin(void)
{
	open_without_waiting();
	fakewire_connect();
	assert_int_equal(peer->opened, 1);
}

static void end(void)
{
	if (peer->conn)
		http1_conn_close(peer->conn);
	fakewire_settle();
	assert_true(peer->wire.closed);
	fakewire_fini(&peer->wire);
	free(peer);
}

/* ---- a request on it -------------------------------------------------------------------------------------------------- */

enum { HEAD = 1, BODY, END, DRAINED, FAIL };

struct ask {
	struct origin *o; /* NULL: released */
	struct arena arena;
	unsigned interims, heads, ends, fails, drained;
	int status, err;
	bool reused, sent, answered;
	char *body;
	size_t body_len, take; /* take: most at a time; 0: all */
	char trailer[64];
	int release_on; /* HEAD ...: let go from within */
	bool hold_on_head, hold_on_body;
};

static struct ask ask;
static char body_room[1 << 20];

static void ask_release(void)
{
	struct origin *o = ask.o;
	ask.reused = o->reused;
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
	if (h->status < 200) {
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

static void on_end(struct origin *o, const struct fields *trailers)
{
	(void)o;
	assert_int_equal(ask.heads, 1);
	assert_int_equal(ask.ends + ask.fails, 0);
	ask.ends++;
	if (trailers && trailers->n)
		(void)snprintf(ask.trailer, sizeof(ask.trailer), "%.*s=%.*s", STR_ARG(field_name(&trailers->v[0])),
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
	.on_head = on_head, .on_body = on_body, .on_end = on_end, .on_drained = on_drained, .on_fail = on_fail
};

/* The head goes out; the rest is the test's. */
static void start(const char *method, uint8_t body, uint64_t len)
{
	arena_fini(&ask.arena);
	ask = (struct ask){ .body = body_room, .take = ask.take, .release_on = ask.release_on };
	arena_init(&ask.arena, 64 * 1024);
	struct request_head h = { .method_text = str_of(method),
		                  .target = STR("/"),
		                  .path = STR("/"),
		                  .authority = STR("up.example"),
		                  .method = (uint8_t)method_find(str_of(method)),
		                  .version = 11,
		                  .body = body,
		                  .body_length = len };
	ask.o = http1_conn_begin(peer->conn, &events, &ask, &ask.arena);
	ask.o->ops->head(ask.o, &h);
}

static void get(void)
{
	start("GET", BODY_NONE, 0);
	ask.o->ops->end(ask.o, NULL);
	fakewire_settle();
}

static void send_body(const char *bytes, size_t n, bool full)
{
	struct buf data;
	buf_init(&data);
	buf_append(&data, bytes, n);
	assert_int_equal(ask.o->ops->body(ask.o, &data), full);
	assert_int_equal(data.len, 0);
}

static void say(const char *text)
{
	fakewire_say_text(&peer->wire, text);
	fakewire_settle();
}

/* ---- responses -------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *method, *said;
	int status, err; /* err: instead of an end */
	const char *body;
	unsigned interims;
	bool eof;        /* the server ends the connection behind it */
	bool kept;       /* it can carry another request */
	const char *trailer;
} answers[] = {
	{ "GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, 0, "hello", 0, false, true, "" },
	{ "GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, 0, "", 0, false, true, "" },
	{ "GET", "HTTP/1.1 204 No Content\r\n\r\n", 204, 0, "", 0, false, true, "" },
	{ "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, 0, "", 0, false, true, "" },
	{ "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, 0, "", 0, false, true, "" },
	{ "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi", 200, 0, "hi", 0, false, false, "" },
	{ "GET", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, 0, "hi", 0, false, false, "" },
	{ "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", 200, 0, "hello", 0, false, true,
	  "" },
	{ "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Sum: 9\r\n\r\n", 200, 0, "", 0, false, true, "X-Sum=9" },
	{ "GET", "HTTP/1.1 200 OK\r\n\r\nuntil the end", 200, 0, "until the end", 0, true, false, "" },
	{ "GET", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
	  200, 0, "x", 2, false, true, "" },
	/* followed by what nobody asked for */
	{ "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 0, ERR_UPSTREAM_BAD_FRAMING, "", 0, false, false, "" },
	{ "GET", "HTTP/1.1 204 No Content\r\n\r\nbody", 0, ERR_UPSTREAM_BAD_FRAMING, "", 0, false, false, "" },
	{ "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi!", 0, ERR_UPSTREAM_BAD_FRAMING, "", 0, false, false, "" },
	/* malformed, or in two minds */
	{ "GET", "SSH-2.0-OpenSSH\r\n\r\n", 0, ERR_UPSTREAM_BAD_HEAD, "", 0, false, false, "" },
	{ "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n", 0, ERR_UPSTREAM_BAD_FRAMING, "", 0, false, false, "" },
	{ "GET", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", 0, ERR_UPSTREAM_BAD_HEAD, "", 0, false, false, "" },
	/* cut short */
	{ "GET", "", 0, ERR_UPSTREAM_CLOSED, "", 0, true, false, "" },
	{ "GET", "HTTP/1.1 200 O", 0, ERR_UPSTREAM_CLOSED, "", 0, true, false, "" },
	{ "GET", "HTTP/1.1 100 Continue\r\n\r\n", 0, ERR_UPSTREAM_CLOSED, "", 1, true, false, "" },
	{ "GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", 200, ERR_UPSTREAM_TRUNCATED, "hell", 0, true, false, "" },
	{ "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n0\r\n", 200, ERR_UPSTREAM_TRUNCATED, "he", 0, true, false,
	  "" },
};
enum { ANSWERS = sizeof(answers) / sizeof(answers[0]) };

static void answer_in_pieces(unsigned i, size_t at, size_t read_max)
{
	const char *said = answers[i].said;
	begin();
	peer->wire.read_max = read_max;
	start(answers[i].method, BODY_NONE, 0);
	ask.o->ops->end(ask.o, NULL);
	fakewire_settle();
	fakewire_say(&peer->wire, said, at);
	fakewire_settle();
	fakewire_say(&peer->wire, said + at, strlen(said) - at);
	if (answers[i].eof)
		fakewire_eof(&peer->wire);
	fakewire_settle();
	/* surplus that arrives apart is noticed when the connection is to be used again, or before */
	bool surplus = answers[i].err == ERR_UPSTREAM_BAD_FRAMING && ask.ends == 1;
	if (!surplus && (ask.err != answers[i].err || ask.ends != (answers[i].err == 0)))
		fail_msg("\"%s\" cut at %zu, %zu at a time: %u ends, \"%s\"", said, at, read_max, ask.ends, err_code(ask.err));
	if (!surplus && answers[i].status)
		assert_int_equal(ask.status, answers[i].status);
	if (!surplus) {
		assert_int_equal(ask.interims, answers[i].interims);
		if (answers[i].err == 0 || answers[i].status) {
			assert_int_equal(ask.body_len, strlen(answers[i].body));
			assert_memory_equal(ask.body, answers[i].body, ask.body_len);
		}
		assert_string_equal(ask.trailer, answers[i].trailer);
	}
	ask_release();
	fakewire_settle();
	if (surplus && peer->freed)
		assert_true(!peer->conn || http1_conn_is_stale(peer->conn));
	else
		assert_int_equal(peer->freed, answers[i].kept);
	if (answers[i].kept) { /* and carries another */
		assert_false(http1_conn_is_stale(peer->conn));
		get();
		say("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes");
		assert_int_equal(ask.ends, 1);
		assert_memory_equal(ask.body, "yes", 3);
		ask_release();
		assert_true(ask.reused);
	}
	end();
}

static void test_in_pieces(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ANSWERS; i++) {
		size_t len = strlen(answers[i].said);
		for (size_t at = 0; at <= len; at++)
			answer_in_pieces(i, at, 0);
		for (size_t step = 1; step < 7; step++)
			answer_in_pieces(i, len, step);
	}
}

static void test_heads_that_are_too_large(void **state)
{
	char text[6000];
	(void)state;
	for (int over = -1; over <= 1; over++) {
		for (int ended = 0; ended < 2; ended++) {
			int n = snprintf(text, sizeof(text), "HTTP/1.1 204 No Content\r\nX: ");
			int fill = 4096 + over - n - (ended ? 4 : 0);
			memset(text + n, 'f', (size_t)fill);
			memcpy(text + n + fill, ended ? "\r\n\r\n" : "", ended ? 5 : 1);
			begin();
			get();
			say(text);
			if (ended ? over <= 0 : over < 0) {
				assert_int_equal(ask.fails, 0);
				assert_int_equal(ask.ends, ended);
			} else {
				assert_int_equal(ask.err, ERR_UPSTREAM_HEAD_TOO_LARGE);
			}
			ask_release();
			end();
		}
	}
}

static void test_too_many_promises(void **state)
{
	(void)state;
	begin();
	get();
	for (int i = 0; i < 16; i++)
		say("HTTP/1.1 103 Early Hints\r\n\r\n");
	assert_int_equal(ask.fails, 0);
	say("HTTP/1.1 103 Early Hints\r\n\r\n");
	assert_int_equal(ask.err, ERR_UPSTREAM_BAD_HEAD);
	ask_release();
	end();
}

/* ---- requests --------------------------------------------------------------------------------------------------------- */

static void test_request_bodies(void **state)
{
	struct fields trailers = { 0 };
	struct arena a;
	(void)state;
	arena_init(&a, 0);
	assert_int_equal(fields_add(&trailers, &a, STR("X-Sum"), STR("1")), 0);
	begin();
	start("POST", BODY_LENGTH, 5);
	send_body("hello", 5, false);
	ask.o->ops->end(ask.o, &trailers);
	fakewire_settle();
	assert_non_null(strstr(peer->wire.out, "POST / HTTP/1.1\r\nHost: up.example\r\n"));
	assert_non_null(strstr(peer->wire.out, "Content-Length: 5\r\n"));
	assert_string_equal(strstr(peer->wire.out, "\r\n\r\n"), "\r\n\r\nhello");
	say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	ask_release();
	assert_int_equal(peer->freed, 1);
	fakewire_clear(&peer->wire);
	start("POST", BODY_CHUNKED, 0);
	send_body("hello", 5, false);
	send_body("", 0, false); /* nothing is not the end */
	ask.o->ops->end(ask.o, &trailers);
	fakewire_settle();
	assert_string_equal(strstr(peer->wire.out, "\r\n\r\n"), "\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n");
	say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	ask_release();
	assert_int_equal(peer->freed, 2);
	end();
	arena_fini(&a);
}

static char large[400 * 1024];

static void test_full_and_drained(void **state)
{
	(void)state;
	begin();
	peer->wire.blocked = true;
	start("POST", BODY_LENGTH, sizeof(large));
	send_body(large, sizeof(large), true);
	fakewire_settle();
	assert_int_equal(ask.drained, 0);
	fakewire_unblock(&peer->wire);
	fakewire_settle();
	assert_int_equal(ask.drained, 1);
	ask.o->ops->end(ask.o, NULL);
	say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	ask_release();
	assert_int_equal(peer->freed, 1);
	end();
}

/* The answer may come before the request is through: then the connection carries no other. */
static void test_answer_before_the_request_ends(void **state)
{
	(void)state;
	begin();
	start("POST", BODY_LENGTH, 10);
	send_body("01234", 5, false);
	fakewire_settle();
	say("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
	assert_int_equal(ask.ends, 1);
	send_body("56", 2, false); /* who sends on does no harm */
	fakewire_pass(100 * NS_PER_S); /* and nothing is due any more */
	assert_int_equal(ask.fails, 0);
	ask_release();
	assert_int_equal(peer->freed, 0);
	assert_int_equal(peer->gone, 1);
	assert_int_equal(peer->err, 0);
	end();
}

/* A server that answers and stops reading: the answer counts. */
static void test_writing_fails_with_an_answer_waiting(void **state)
{
	static const char *const said[] = {
		"HTTP/1.1 413 Too Large\r\nContent-Length: 8\r\n\r\ntoo much",
		"HTTP/1.1 413 Too Large\r\nConnection: close\r\n\r\ntoo much",
		"HTTP/1.1 413 Too Large\r\nTransfer-Encoding: chunked\r\n\r\n8\r\ntoo much\r\n0\r\n\r\n",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		for (int held = 0; held < 2; held++) {
			begin();
			start("POST", BODY_LENGTH, sizeof(large));
			fakewire_settle();
			ask.hold_on_body = held;
			peer->wire.read_max = 9;
			send_body(large, sizeof(large), true);
			peer->wire.fail_at = peer->wire.ops + 1; /* this write fails, before anything is read */
			fakewire_settle();
			if (i == 1)
				peer->wire.eof = true;
			assert_int_equal(ask.fails, 0);
			say(said[i]);
			for (int j = 0; j < 20 && held && !ask.ends; j++) {
				ask.o->ops->resume(ask.o);
				fakewire_settle();
			}
			assert_int_equal(ask.ends, 1);
			assert_int_equal(ask.body_len, 8);
			send_body(large, 10, false); /* taken and thrown away */
			ask.o->ops->end(ask.o, NULL);
			ask_release();
			assert_int_equal(peer->freed, 0); /* never again */
			assert_int_equal(peer->gone, 1);
			end();
		}
	}
	begin(); /* without an answer it is a failure */
	start("POST", BODY_LENGTH, 10);
	fakewire_settle();
	send_body("0123", 4, false);
	fakewire_reset(&peer->wire);
	fakewire_settle();
	assert_int_equal(ask.err, ERR_UPSTREAM_RESET);
	assert_true(ask.o->sent);
	assert_false(ask.o->answered);
	ask_release();
	end();
}

/* ---- holding ---------------------------------------------------------------------------------------------------------- */

static void test_hold_and_resume(void **state)
{
	(void)state;
	begin();
	get();
	ask.o->ops->hold(ask.o);
	say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
	assert_int_equal(ask.heads, 0);
	fakewire_pass(100 * NS_PER_S); /* the server cannot help that */
	assert_int_equal(ask.fails, 0);
	ask.hold_on_head = true;
	ask.o->ops->resume(ask.o);
	assert_int_equal(ask.heads, 0); /* never within the call */
	fakewire_settle();
	assert_int_equal(ask.heads, 1);
	assert_int_equal(ask.body_len, 0);
	ask.o->ops->resume(ask.o);
	fakewire_settle();
	assert_int_equal(ask.ends, 1);
	ask_release();
	assert_int_equal(peer->freed, 1);
	end();
}

static void test_body_taken_in_parts(void **state)
{
	static const char *const said[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\n0123456789",
	};
	(void)state;
	for (int i = 0; i < 3; i++) {
		begin();
		ask.take = 4;
		get();
		peer->wire.eof = i == 2;
		say(said[i]);
		assert_int_equal(ask.body_len, i == 2 ? 8 : 4);
		assert_int_equal(ask.ends, 0);
		fakewire_pass(100 * NS_PER_S);
		for (int j = 0; j < 3 && !ask.ends; j++) {
			ask.o->ops->hold(ask.o);
			fakewire_settle();
			ask.o->ops->resume(ask.o);
			fakewire_settle();
		}
		assert_int_equal(ask.body_len, 10);
		assert_memory_equal(ask.body, "0123456789", 10);
		assert_int_equal(ask.ends, 1);
		assert_int_equal(ask.fails, 0);
		ask_release();
		assert_int_equal(peer->freed, i != 2);
		end();
		ask.take = 0;
	}
}

/* ---- deadlines -------------------------------------------------------------------------------------------------------- */

static void test_connect_timeout(void **state)
{
	(void)state;
	open_without_waiting();
	fakewire_pass(2 * NS_PER_S);
	assert_int_equal(peer->gone, 1);
	assert_int_equal(peer->err, ERR_CONNECT_TIMEOUT);
	assert_int_equal(peer->opened, 0);
	peer->wire.other_end = -1;
	end();
}

static void test_idle_timeout(void **state)
{
	(void)state;
	begin();
	fakewire_pass(59 * NS_PER_S);
	assert_int_equal(peer->gone, 0);
	fakewire_pass(2 * NS_PER_S);
	assert_int_equal(peer->gone, 1);
	assert_int_equal(peer->err, 0);
	end();
}

static void test_response_timeout(void **state)
{
	static const struct {
		const char *said;
		int err;
	} v[] = {
		{ "", ERR_UPSTREAM_TIMEOUT },
		{ "HTTP/1.1 200", ERR_UPSTREAM_TIMEOUT },
		{ "HTTP/1.1 100 Continue\r\n\r\n", ERR_UPSTREAM_TIMEOUT },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", ERR_UPSTREAM_STALLED },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", ERR_UPSTREAM_STALLED },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		begin();
		get();
		fakewire_pass(14 * NS_PER_S);
		say(v[i].said);
		fakewire_pass(v[i].said[0] ? 14 * NS_PER_S : NS_PER_S / 2);
		assert_int_equal(ask.fails, 0);
		fakewire_pass(2 * NS_PER_S);
		assert_int_equal(ask.fails, 1);
		assert_int_equal(ask.err, v[i].err);
		ask_release();
		assert_int_equal(peer->gone, 1);
		end();
	}
}

/* While the request is still being sent the server owes nothing, whatever it has promised. */
static void test_slow_upload(void **state)
{
	(void)state;
	begin();
	start("POST", BODY_LENGTH, 10);
	fakewire_settle();
	say("HTTP/1.1 100 Continue\r\n\r\n");
	for (int i = 0; i < 10; i++) {
		fakewire_pass(60 * NS_PER_S);
		assert_int_equal(ask.fails, 0);
		send_body("x", 1, false);
		fakewire_settle();
	}
	ask.o->ops->end(ask.o, NULL);
	fakewire_pass(16 * NS_PER_S);
	assert_int_equal(ask.err, ERR_UPSTREAM_TIMEOUT);
	ask_release();
	end();
}

/* A server that takes a large request slowly is not silent; one that takes nothing is. */
static void test_slow_server(void **state)
{
	(void)state;
	begin();
	peer->wire.blocked = true;
	start("POST", BODY_LENGTH, sizeof(large));
	send_body(large, sizeof(large), true);
	peer->wire.write_max = 8 * 1024;
	for (int i = 0; i < 20; i++) {
		fakewire_pass(12 * NS_PER_S);
		assert_int_equal(ask.fails, 0);
		fakewire_unblock(&peer->wire);
		fakewire_turn();
		peer->wire.blocked = true;
	}
	fakewire_pass(31 * NS_PER_S);
	assert_int_equal(ask.err, ERR_UPSTREAM_TIMEOUT);
	ask_release();
	end();
}

/* ---- connections that are free ---------------------------------------------------------------------------------------- */

static void test_stale(void **state)
{
	(void)state;
	for (int how = 0; how < 3; how++) {
		for (int told = 0; told < 2; told++) {
			begin();
			get();
			say("HTTP/1.1 204 No Content\r\n\r\n");
			ask_release();
			assert_false(http1_conn_is_stale(peer->conn));
			if (how == 0)
				fakewire_eof(&peer->wire);
			else if (how == 1)
				fakewire_say_text(&peer->wire, "surprise");
			else
				fakewire_reset(&peer->wire);
			if (told) { /* the loop was faster */
				fakewire_settle();
				assert_int_equal(peer->gone, 1);
				assert_int_equal(peer->err, 0);
			} else {
				assert_true(http1_conn_is_stale(peer->conn));
			}
			end();
		}
	}
}

/* What comes between the end of a response and its release is found before the connection is used again. */
static void test_surplus_before_release(void **state)
{
	(void)state;
	begin();
	get();
	say("HTTP/1.1 204 No Content\r\n\r\n");
	say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfake");
	assert_int_equal(ask.heads, 1);
	ask_release();
	assert_true(!peer->conn || http1_conn_is_stale(peer->conn));
	end();
}

static void test_release_in_each_state(void **state)
{
	static const char *const said[] = {
		NULL, "", "HTTP/1.1 2", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		for (int held = 0; held < 2; held++) {
			begin();
			start("GET", BODY_NONE, 0);
			ask.o->ops->end(ask.o, NULL);
			if (said[i])
				fakewire_settle();
			if (held)
				ask.o->ops->hold(ask.o);
			if (said[i])
				say(said[i]);
			ask_release();
			assert_int_equal(peer->freed, i == 5 && !held);
			assert_int_equal(peer->gone, i != 5 || held);
			fakewire_settle();
			end();
		}
	}
}

static void test_release_in_each_callback(void **state)
{
	(void)state;
	for (int event = HEAD; event <= FAIL; event++) {
		begin();
		ask.release_on = event;
		if (event == DRAINED) {
			peer->wire.blocked = true;
			start("POST", BODY_LENGTH, sizeof(large));
			send_body(large, sizeof(large), true);
			fakewire_unblock(&peer->wire);
			fakewire_settle();
		} else {
			get();
			say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell");
			say(event == FAIL ? "oo" : "o");
		}
		assert_null(ask.o);
		assert_int_equal(peer->freed, event == END);
		assert_int_equal(peer->gone, event != END);
		ask.release_on = 0;
		end();
	}
}

/* ---- everything may fail ---------------------------------------------------------------------------------------------- */

static void test_each_operation_fails(void **state)
{
	(void)state;
	for (int post = 0; post < 2; post++) {
		unsigned ops = 1;
		for (unsigned n = 1; n <= ops; n++) {
			begin();
			peer->wire.fail_at = n;
			peer->wire.read_max = 7;
			peer->wire.write_max = 9;
			start(post ? "POST" : "GET", post ? BODY_CHUNKED : BODY_NONE, 0);
			for (int i = 0; i < 4 && post; i++) {
				send_body("0123456789", 10, false);
				fakewire_settle();
			}
			ask.o->ops->end(ask.o, NULL);
			fakewire_say_text(&peer->wire, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n01234567890123456789");
			fakewire_settle();
			for (int i = 0; i < 40 && !ask.fails; i++) {
				fakewire_unblock(&peer->wire);
				fakewire_settle();
			}
			bool failed = peer->wire.ops >= n;
			if (failed)
				ops = n + 1;
			assert_int_equal(ask.ends + ask.fails, 1);
			if (ask.ends)
				assert_int_equal(ask.body_len, 20);
			ask_release();
			fakewire_settle();
			assert_int_equal(peer->freed + peer->gone, 1);
			if (failed)
				assert_int_equal(peer->freed, 0);
			end();
		}
		assert_true(ops > 10);
	}
}

static int setup(void **state)
{
	(void)state;
	fakewire_start();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_fini(&ask.arena);
	fakewire_end();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_pieces),
		cmocka_unit_test(test_heads_that_are_too_large),
		cmocka_unit_test(test_too_many_promises),
		cmocka_unit_test(test_request_bodies),
		cmocka_unit_test(test_full_and_drained),
		cmocka_unit_test(test_answer_before_the_request_ends),
		cmocka_unit_test(test_writing_fails_with_an_answer_waiting),
		cmocka_unit_test(test_hold_and_resume),
		cmocka_unit_test(test_body_taken_in_parts),
		cmocka_unit_test(test_connect_timeout),
		cmocka_unit_test(test_idle_timeout),
		cmocka_unit_test(test_response_timeout),
		cmocka_unit_test(test_slow_upload),
		cmocka_unit_test(test_slow_server),
		cmocka_unit_test(test_stale),
		cmocka_unit_test(test_surplus_before_release),
		cmocka_unit_test(test_release_in_each_state),
		cmocka_unit_test(test_release_in_each_callback),
		cmocka_unit_test(test_each_operation_fails),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
