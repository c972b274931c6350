/* http1/server: what clients send, in whatever pieces. */
#include "server_kit.h"

/* ---- in pieces ----------------------------------------------------------------------------- */

static const char *const talks[] = {
	"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"\r\nGET /after-an-empty-line HTTP/1.1\r\nHost: a\r\n\r\n",
	"\r\n\r\nGET /after-two HTTP/1.1\r\nHost: a\r\n\r\n\r\nGET /and-one HTTP/1.1\r\nHost: "
	"a\r\n\r\n",
	"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nHEAD /2 HTTP/1.1\r\nHost: a\r\n\r\nDELETE /3 "
	"HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello worldGET /next "
	"HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST /empty HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\nGET /next HTTP/1.1\r\nHost: "
	"a\r\n\r\n",
	"PUT /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n6\r\n "
	"world\r\n0\r\nT: v\r\n\r\n"
	"GET /next HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /old HTTP/1.0\r\n\r\n",
	"GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /old2 HTTP/1.0\r\n\r\n",
	"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /ignored HTTP/1.1\r\nHost: "
	"a\r\n\r\n",
	"GET /bad HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
	"GET /ok HTTP/1.1\r\nHost: a\r\n\r\nNONSENSE\r\n\r\n",
	"GET /bare-lf HTTP/1.1\nHost: a\n\n",
	"POST /bad-chunk HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
	"chunked\r\n\r\n5\r\nhello\r\nxx\r\n",
	"\r\n\r\n\r\n\r\n\r\n\r\n\r\nGET /too-many-empty-lines HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST /twice HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: "
	"chunked\r\n\r\n0\r\n\r\n",
};
enum { TALKS = sizeof(talks) / sizeof(talks[0]) };

struct result {
	char *out;
	unsigned n_calls, closed;
	int errs[CALLS];
	char trailer[CALLS][64];
	size_t body_len[CALLS];
	char body[CALLS][32];
};

static void result_take(struct result *r)
{
	memset(r, 0, sizeof(*r));
	r->out = strdup(conn->wire.out);
	r->n_calls = n_calls;
	r->closed = conn->closed || (conn->s.flags & STREAM_LINGER);
	for (unsigned i = 0; i < n_calls; i++) {
		r->errs[i] = calls[i].err;
		r->body_len[i] = calls[i].body_len;
		memcpy(r->trailer[i], calls[i].trailer, sizeof(r->trailer[i]));
		/* how much of it came before is a matter of pieces */
		if (calls[i].err == ERR_BAD_CHUNK)
			r->body_len[i] = 0;
		memcpy(r->body[i], calls[i].body, r->body_len[i] < 31 ? r->body_len[i] : 31);
	}
}

static void assert_same_result(const struct result *a, const struct result *b, const char *talk,
	size_t at)
{
	if (strcmp(a->out, b->out) != 0)
		fail_msg("\"%s\" cut at %zu gives \"%s\", not \"%s\"", talk, at, b->out, a->out);
	assert_int_equal(a->n_calls, b->n_calls);
	assert_int_equal(a->closed, b->closed);
	assert_memory_equal(a->errs, b->errs, sizeof(a->errs));
	assert_memory_equal(a->trailer, b->trailer, sizeof(a->trailer));
	assert_memory_equal(a->body_len, b->body_len, sizeof(a->body_len));
	assert_memory_equal(a->body, b->body, sizeof(a->body));
}

static void talk_in_pieces(const char *talk, size_t at, size_t read_max, struct result *r)
{
	begin();
	conn->wire.read_max = read_max;
	fakewire_say(&conn->wire, talk, at);
	fakewire_settle();
	fakewire_say(&conn->wire, talk + at, strlen(talk) - at);
	fakewire_settle();
	result_take(r);
	end();
}

TEST(in_pieces)
{
	for (unsigned t = 0; t < TALKS; t++) {
		struct result whole, part;
		size_t len = strlen(talks[t]);
		talk_in_pieces(talks[t], len, 0, &whole);
		assert_true(whole.n_calls > 0);
		for (size_t at = 0; at <= len; at++) {
			talk_in_pieces(talks[t], at, 0, &part);
			assert_same_result(&whole, &part, talks[t], at);
			free(part.out);
		}
		for (size_t step = 1; step < 7; step++) {
			talk_in_pieces(talks[t], len, step, &part);
			assert_same_result(&whole, &part, talks[t], len);
			free(part.out);
		}
		free(whole.out);
	}
}

/* ---- one after the other ------------------------------------------------------------------- */

TEST(pipelined)
{
	begin();
	plan.when = LATER;
	say("GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_int_equal(n_calls, 1); /* one at a time */
	call_answer(&calls[0]);
	fakewire_settle();
	assert_int_equal(n_calls, 2);
	assert_int_equal(conn->info.requests, 2);
	assert_string_equal(calls[1].target, "/b");
	call_answer(&calls[1]);
	fakewire_settle();
	assert_open();
	assert_int_equal(count(conn->wire.out, "HTTP/1.1 200 OK\r\n"), 2);
	end();
}

/* What is read ahead of a request that waits for its response is bounded. */
TEST(reads_ahead_within_bounds)
{
	static char flood[256 * 1024];
	begin();
	plan.when = LATER;
	say("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
	memset(flood, 'x', sizeof(flood));
	fakewire_say(&conn->wire, flood, sizeof(flood));
	fakewire_settle();
	assert_true(conn->s.in.len >= 16 * 1024 && conn->s.in.len <= 16 * 1024 + STREAM_READ_MAX);
	assert_false(calls[0].gone);
	call_answer(&calls[0]);
	fakewire_settle();
	assert_int_equal(n_calls, 2); /* and then it is no request */
	assert_int_equal(calls[1].err, ERR_HEAD_TOO_LARGE);
	end();
}

TEST(keep_alive_and_close)
{
	static const struct {
		const char *request;
		bool open;
		const char *said;
	} v[] = {
		{ "GET / HTTP/1.1\r\nHost: a\r\n\r\n", true, "HTTP/1.1 200" },
		{ "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false,
			"Connection: close\r\n" },
		{ "GET / HTTP/1.0\r\n\r\n", false, "Connection: close\r\n" },
		{ "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true,
			"Connection: keep-alive\r\n" },
	};
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		begin();
		plan.body = "ok";
		say(v[i].request);
		assert_said(v[i].said);
		if (v[i].open)
			assert_open();
		else
			assert_lingers();
		end();
	}
}

TEST(kinds_of_bodies)
{
	struct fields trailers = { 0 };
	struct arena a;
	arena_init(&a, 0);
	assert_int_equal(fields_add(&trailers, &a, STR("X-Sum"), STR("1")), 0);

	begin();
	plan.body = "hello";
	plan.body_kind = BODY_CHUNKED;
	plan.trailers = &trailers;
	say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_said("Transfer-Encoding: chunked\r\n");
	assert_said("\r\n\r\n5\r\nhello\r\n0\r\n\r\n"); /* it did not say that it takes trailers */
	fakewire_clear(&conn->wire);
	say("GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: TE\r\n\r\n");
	assert_said("\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n");
	fakewire_clear(&conn->wire);
	say("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_not_said("hello");
	assert_open();
	fakewire_clear(&conn->wire);
	plan.body_kind = BODY_CLOSE; /* an upstream's affair: this client gets chunks */
	say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_said("\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
	assert_open();
	fakewire_clear(&conn->wire);
	say("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	assert_said("\r\n\r\nhello");
	assert_not_said("chunked");
	assert_lingers();
	end();
	arena_fini(&a);
}

TEST(204_and_304)
{
	for (int status = 204; status <= 304; status += 100) {
		begin();
		plan.status = status;
		plan.body_kind = BODY_NONE;
		plan.body = "never";
		say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
		assert_not_said("never");
		assert_open();
		say("GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
		assert_int_equal(n_calls, 2);
		end();
	}
}

/* ---- bodies -------------------------------------------------------------------------------- */

TEST(held_body)
{
	begin();
	plan.hold = true;
	say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
	say("hello");
	assert_int_equal(calls[0].body_len, 0);
	fakewire_pass(100 * NS_PER_S); /* nobody waits for it: no deadline */
	assert_false(calls[0].gone);
	calls[0].c->ops->resume(calls[0].c);
	assert_int_equal(calls[0].body_len, 0); /* never within the call */
	fakewire_settle();
	assert_said("\r\n\r\nhello");
	assert_open();
	end();
}

/* What a handler leaves is offered again, and the end comes behind all of it. */
TEST(body_taken_in_parts)
{
	static const char *const requests[] = {
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
		"chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n",
	};
	for (int i = 0; i < 2; i++) {
		begin();
		plan.take = 4;
		say(requests[i]);
		assert_int_equal(calls[0].body_len, 4);
		assert_false(calls[0].ended);
		for (unsigned j = 0; j < 2; j++) {
			calls[0].c->ops->hold(calls[0].c);
			fakewire_settle();
			assert_int_equal(calls[0].body_len, 4 + 4 * j);
			calls[0].c->ops->resume(calls[0].c);
			fakewire_settle();
		}
		assert_int_equal(calls[0].body_len, 10);
		assert_true(calls[0].ended);
		assert_said("\r\n\r\n0123456789");
		assert_open();
		end();
	}
}

TEST(body_limits)
{
	begin();
	conf.max_body = 10;
	say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789");
	assert_said("HTTP/1.1 200");
	say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
	assert_said("HTTP/1.1 413");
	assert_int_equal(calls[1].err, ERR_BODY_TOO_LARGE);
	assert_lingers();
	end();

	begin();
	conf.max_body = 10;
	say("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n01234567\r\n");
	assert_false(calls[0].gone);
	say("3\r\n890\r\n0\r\n\r\n");
	assert_int_equal(calls[0].err, ERR_BODY_TOO_LARGE);
	assert_said("HTTP/1.1 413");
	assert_lingers();
	end();
}

/* Answers that come before the body: a small rest is read and thrown away, a large one ends the
 * connection. */
TEST(early_answers)
{
	for (int large = 0; large < 2; large++) {
		begin();
		plan.when = NOW;
		plan.hold = true;
		plan.body = "no";
		say(large ? "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n01234"
			  : "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234");
		assert_said("HTTP/1.1 200");
		assert_int_equal(finished, 1);
		if (large) {
			assert_said("Connection: close\r\n");
			assert_lingers();
		} else {
			assert_not_said("Connection: close\r\n");
			assert_open();
			say("56789GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
			assert_int_equal(n_calls, 2);
			assert_string_equal(calls[1].target, "/next");
		}
		end();
	}
	/* chunks have no known end */
	begin();
	plan.when = NOW;
	plan.hold = true;
	plan.body = "no";
	say("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n");
	assert_said("Connection: close\r\n");
	assert_lingers();
	end();
	/* a rest that never comes */
	begin();
	plan.when = NOW;
	plan.hold = true;
	plan.body = "no";
	say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234");
	fakewire_pass(61 * NS_PER_S);
	assert_int_equal(conn->closed, 1);
	assert_int_equal(n_calls, 1);
	end();
}

TEST(100_continue)
{
	static const char head[] =
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
	begin();
	say(head);
	assert_string_equal(conn->wire.out, "HTTP/1.1 100 Continue\r\n\r\n");
	say("hello");
	assert_said("\r\n\r\nhello");
	assert_open();
	end();

	begin(); /* asked for when the handler wants it, and once */
	plan.hold = true;
	say(head);
	assert_string_equal(conn->wire.out, "");
	for (int i = 0; i < 3; i++) {
		calls[0].c->ops->resume(calls[0].c);
		calls[0].c->ops->hold(calls[0].c);
	}
	calls[0].c->ops->resume(calls[0].c);
	fakewire_settle();
	assert_string_equal(conn->wire.out, "HTTP/1.1 100 Continue\r\n\r\n");
	end();

	begin(); /* it did not wait */
	fakewire_say_text(&conn->wire, head);
	say("hello");
	assert_not_said("100 Continue");
	end();

	begin(); /* answered without it: whether the body still comes nobody knows */
	plan.when = NOW;
	plan.hold = true;
	plan.body = "no";
	plan.status = 403;
	say(head);
	assert_not_said("100 Continue");
	assert_said("HTTP/1.1 403");
	assert_said("Connection: close\r\n");
	assert_lingers();
	end();

	begin(); /* HTTP/1.0 knows no 100 */
	say("POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
	assert_string_equal(conn->wire.out, "");
	end();
}

/* ---- heads that are too large -------------------------------------------------------------- */

TEST(head_sizes)
{
	char text[5000];
	for (int one_by_one = 0; one_by_one < 2; one_by_one++) {
		for (int over = -2; over <= 2; over++) {
			int n = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\nX: ");
			int fill = 4096 + over - n - 4;
			memset(text + n, 'f', (size_t)fill);
			memcpy(text + n + fill, "\r\n\r\n", 5);
			begin();
			conn->wire.read_max = one_by_one ? 1 : 0;
			fakewire_say_text(&conn->wire, text);
			say("GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
			if (over <= 0) {
				assert_int_equal(count(conn->wire.out, "HTTP/1.1 200 OK"), 2);
				assert_open();
			} else {
				assert_int_equal(calls[0].err, ERR_HEAD_TOO_LARGE);
				assert_said("HTTP/1.1 431");
				assert_lingers();
			}
			end();
		}
	}
	/* refused as soon as it is too large, not when it ends */
	begin();
	memset(text, 'x', 4096);
	fakewire_say(&conn->wire, text, 4095);
	fakewire_settle();
	assert_int_equal(n_calls, 0);
	say("x");
	assert_int_equal(calls[0].err, ERR_HEAD_TOO_LARGE);
	end();
}

/* Across the blocks of a queue: a head larger than one of them. */
TEST(large_head)
{
	static char text[100 * 1024];
	begin();
	conf.max_head = 100 * 1024;
	conf.budget = 1 << 20;
	int n = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\nX: ");
	memset(text + n, 'f', 60 * 1024);
	memcpy(text + n + 60 * 1024, "\r\n\r\n", 5);
	conn->wire.read_max = 999;
	plan.body = "ok";
	say(text);
	assert_said("HTTP/1.1 200");
	assert_open();
	end();
}

TEST(too_much_for_the_memory)
{
	static char text[60 * 1024];
	begin();
	conf.max_head = 100 * 1024;
	conf.budget = 16 * 1024;
	int n = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\nX: ");
	memset(text + n, 'f', 20 * 1024);
	memcpy(text + n + 20 * 1024, "\r\n\r\n", 5);
	say(text);
	assert_int_equal(calls[0].err, ERR_NO_MEMORY);
	assert_said("HTTP/1.1 503");
	assert_lingers();
	end();
}

TEST_GROUP(kit_setup, kit_teardown);
