/* http1/client: what servers answer, in whatever pieces, and what they are sent. */
#include "client_kit.h"

/* ---- responses ----------------------------------------------------------------------------- */

static const struct {
	const char *method, *said;
	int status, err; /* err: instead of an end */
	const char *body;
	unsigned interims;
	bool eof;  /* the server ends the connection behind it */
	bool kept; /* it can carry another request */
	const char *trailer;
} answers[] = {
	{ "GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, 0, "hello", 0, false,
		true, "" },
	{ "GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, 0, "", 0, false, true, "" },
	{ "GET", "HTTP/1.1 204 No Content\r\n\r\n", 204, 0, "", 0, false, true, "" },
	{ "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, 0, "", 0, false,
		true, "" },
	{ "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, 0, "", 0, false, true, "" },
	{ "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi", 200, 0,
		"hi", 0, false, false, "" },
	{ "GET", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, 0, "hi", 0, false, false,
		"" },
	{ "GET",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: "
		"chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
		200, 0, "hello", 0, false, true, "" },
	{ "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Sum: 9\r\n\r\n", 200,
		0, "", 0, false, true, "X-Sum=9" },
	{ "GET", "HTTP/1.1 200 OK\r\n\r\nuntil the end", 200, 0, "until the end", 0, true, false,
		"" },
	{ "GET",
		"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 "
		"Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
		200, 0, "x", 2, false, true, "" },
	/* followed by what nobody asked for */
	{ "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 0, ERR_UPSTREAM_BAD_FRAMING,
		"", 0, false, false, "" },
	{ "GET", "HTTP/1.1 204 No Content\r\n\r\nbody", 0, ERR_UPSTREAM_BAD_FRAMING, "", 0, false,
		false, "" },
	{ "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi!", 0, ERR_UPSTREAM_BAD_FRAMING, "",
		0, false, false, "" },
	/* malformed, or in two minds */
	{ "GET", "SSH-2.0-OpenSSH\r\n\r\n", 0, ERR_UPSTREAM_BAD_HEAD, "", 0, false, false, "" },
	{ "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n", 0,
		ERR_UPSTREAM_BAD_FRAMING, "", 0, false, false, "" },
	{ "GET", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", 0, ERR_UPSTREAM_BAD_HEAD,
		"", 0, false, false, "" },
	/* cut short */
	{ "GET", "", 0, ERR_UPSTREAM_CLOSED, "", 0, true, false, "" },
	{ "GET", "HTTP/1.1 200 O", 0, ERR_UPSTREAM_CLOSED, "", 0, true, false, "" },
	{ "GET", "HTTP/1.1 100 Continue\r\n\r\n", 0, ERR_UPSTREAM_CLOSED, "", 1, true, false, "" },
	{ "GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", 200, ERR_UPSTREAM_TRUNCATED,
		"hell", 0, true, false, "" },
	{ "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n0\r\n", 200,
		ERR_UPSTREAM_TRUNCATED, "he", 0, true, false, "" },
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
	/* surplus that arrives apart is noticed when the connection is to be used again, or
	 * before */
	bool surplus = answers[i].err == ERR_UPSTREAM_BAD_FRAMING && ask.ends == 1;
	if (!surplus && (ask.err != answers[i].err || ask.ends != (answers[i].err == 0)))
		fail_msg("\"%s\" cut at %zu, %zu at a time: %u ends, \"%s\"", said, at, read_max,
			ask.ends, err_code(ask.err));
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
		assert_true(!peer->conn || http1_conn_check_stale(peer->conn));
	else
		assert_int_equal(peer->freed, answers[i].kept);
	if (answers[i].kept) { /* and carries another */
		assert_false(http1_conn_check_stale(peer->conn));
		get();
		say("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes");
		assert_int_equal(ask.ends, 1);
		assert_memory_equal(ask.body, "yes", 3);
		ask_release();
	}
	end();
}

TEST(a_long_body_is_offered_by_the_share_of_a_turn)
{
	begin();
	get();
	ask.splices = true;
	say("HTTP/1.1 200 OK\r\nContent-Length: 20971520\r\n\r\n");
	assert_int_equal(ask.ends, 1);
	assert_int_equal(ask.spliced, 20 << 20);
	assert_int_equal(ask.early_offer, STREAM_READ_SHARE);
	assert_int_equal(ask.late_offer, STREAM_READ_SHARE);
	ask_release();
	end();
}

TEST(in_pieces)
{
	for (unsigned i = 0; i < ANSWERS; i++) {
		size_t len = strlen(answers[i].said);
		for (size_t at = 0; at <= len; at++)
			answer_in_pieces(i, at, 0);
		for (size_t step = 1; step < 7; step++)
			answer_in_pieces(i, len, step);
	}
}

TEST(heads_that_are_too_large)
{
	char text[6000];
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

TEST(too_many_promises)
{
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

/* ---- requests ------------------------------------------------------------------------------ */

TEST(request_bodies)
{
	struct fields trailers = { 0 };
	struct arena a;
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
	assert_string_equal(strstr(peer->wire.out, "\r\n\r\n"),
		"\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n");
	say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	ask_release();
	assert_int_equal(peer->freed, 2);
	end();
	arena_fini(&a);
}

TEST(full_and_drained)
{
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
TEST(answer_before_the_request_ends)
{
	begin();
	start("POST", BODY_LENGTH, 10);
	send_body("01234", 5, false);
	fakewire_settle();
	say("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
	assert_int_equal(ask.ends, 1);
	send_body("56", 2, false);     /* who sends on does no harm */
	fakewire_pass(100 * NS_PER_S); /* and nothing is due any more */
	assert_int_equal(ask.fails, 0);
	ask_release();
	assert_int_equal(peer->freed, 0);
	assert_int_equal(peer->gone, 1);
	assert_int_equal(peer->err, 0);
	end();
}

/* A server that answers and stops reading: the answer counts. */
TEST(writing_fails_with_an_answer_waiting)
{
	static const char *const said[] = {
		"HTTP/1.1 413 Too Large\r\nContent-Length: 8\r\n\r\ntoo much",
		"HTTP/1.1 413 Too Large\r\nConnection: close\r\n\r\ntoo much",
		"HTTP/1.1 413 Too Large\r\nTransfer-Encoding: chunked\r\n\r\n8\r\ntoo "
		"much\r\n0\r\n\r\n",
	};
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		for (int held = 0; held < 2; held++) {
			begin();
			start("POST", BODY_LENGTH, sizeof(large));
			fakewire_settle();
			ask.hold_on_body = held;
			peer->wire.read_max = 9;
			send_body(large, sizeof(large), true);
			/* this write fails, before anything is read */
			peer->wire.fail_at = peer->wire.ops + 1;
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

/* ---- holding ------------------------------------------------------------------------------- */

TEST(hold_and_resume)
{
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

TEST(body_taken_in_parts)
{
	static const char *const said[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\n0123456789",
	};
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

TEST_GROUP(kit_setup, kit_teardown);
