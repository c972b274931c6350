/* http1/server: deadlines, clients that stop, leave or fail, draining and the end. */
#include "server_kit.h"

/* ---- deadlines ----------------------------------------------------------------------------- */

TEST(idle_timeout)
{
	begin();
	fakewire_pass(59 * NS_PER_S);
	assert_open();
	fakewire_pass(2 * NS_PER_S);
	assert_int_equal(conn->closed, 1);
	assert_string_equal(conn->wire.out, ""); /* without a word */
	end();

	begin(); /* an empty line is no request either */
	say("\r\n");
	fakewire_pass(62 * NS_PER_S);
	assert_int_equal(conn->closed, 1);
	assert_string_equal(conn->wire.out, "");
	assert_int_equal(n_calls, 0);
	end();

	begin(); /* anew behind each request */
	say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	fakewire_pass(59 * NS_PER_S);
	say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	fakewire_pass(59 * NS_PER_S);
	assert_open();
	fakewire_pass(2 * NS_PER_S);
	assert_int_equal(conn->closed, 1);
	end();
}

TEST(head_timeout)
{
	begin();
	fakewire_pass(55 * NS_PER_S); /* counts from the first byte */
	say("GET / HT");
	fakewire_pass(9 * NS_PER_S);
	say("TP/1.1\r\n"); /* and for the whole of it */
	assert_int_equal(n_calls, 0);
	fakewire_pass(2 * NS_PER_S);
	assert_int_equal(calls[0].err, ERR_HEAD_TIMEOUT);
	assert_said("HTTP/1.1 408");
	assert_lingers();
	end();
}

TEST(body_timeout)
{
	begin();
	say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n");
	for (int i = 0; i < 3; i++) {
		fakewire_pass(29 * NS_PER_S);
		say("x");
	}
	assert_false(calls[0].gone);
	fakewire_pass(31 * NS_PER_S);
	assert_int_equal(calls[0].err, ERR_BODY_TIMEOUT);
	assert_true(calls[0].can_answer);
	assert_said("HTTP/1.1 408");
	assert_lingers();
	end();

	begin(); /* too late for an answer when there is one under way */
	plan.when = LATER;
	say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n");
	struct response_head h = { .status = 200, .version = 11, .body = BODY_CHUNKED };
	calls[0].c->ops->head(calls[0].c, &h);
	fakewire_settle();
	fakewire_pass(31 * NS_PER_S);
	assert_true(calls[0].gone);
	assert_false(calls[0].can_answer);
	assert_int_equal(conn->closed, 1);
	end();
}

static char large[300 * 1024];

/* A client that does not take its response: bounded, whatever else goes on. */
TEST(stalled_client)
{
	memset(large, 'l', sizeof(large));
	for (int owes = 0; owes < 2; owes++) {
		begin();
		plan.body = large;
		plan.body_len = owes ? 100 : sizeof(large);
		conn->wire.blocked = true;
		conn->wire.owes = owes;
		say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
		fakewire_pass(29 * NS_PER_S);
		assert_false(calls[0].gone);
		fakewire_pass(40 * NS_PER_S);
		assert_true(calls[0].gone);
		assert_int_equal(calls[0].err, ERR_CLIENT_STALLED);
		fakewire_pass(5 * NS_PER_S);
		assert_int_equal(conn->closed, 1);
		end();
	}
	begin(); /* a slow one is not stalled */
	plan.body = large;
	plan.body_len = sizeof(large);
	conn->wire.blocked = true;
	say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	conn->wire.write_max = 20 * 1024;
	for (int i = 0; i < 20 && !calls[0].sent; i++) {
		fakewire_pass(25 * NS_PER_S);
		assert_false(calls[0].gone);
		fakewire_unblock(&conn->wire);
		fakewire_turn();
		conn->wire.blocked = true;
	}
	assert_true(calls[0].sent);
	end();
}

/* The end of the request's body does not end the watch over a response that nobody takes. */
TEST(stalled_client_that_sends)
{
	struct buf data;
	begin();
	plan.when = LATER;
	memset(large, 'l', sizeof(large));
	conn->wire.blocked = true;
	say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234");
	struct response_head h = { .status = 200, .version = 11, .body = BODY_CHUNKED };
	calls[0].c->ops->head(calls[0].c, &h);
	buf_init(&data);
	buf_append(&data, large, sizeof(large));
	assert_true(calls[0].c->ops->body(calls[0].c, &data)); /* full */
	fakewire_settle();
	say("56789");
	assert_true(calls[0].ended);
	fakewire_pass(70 * NS_PER_S);
	assert_true(calls[0].gone);
	assert_int_equal(calls[0].err, ERR_CLIENT_STALLED);
	end();
}

/* ---- full, drained, sent ------------------------------------------------------------------- */

TEST(full_and_drained)
{
	struct buf data;
	begin();
	plan.when = LATER;
	memset(large, 'l', sizeof(large));
	conn->wire.blocked = true;
	say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	struct client *c = calls[0].c;
	struct response_head h = { .status = 200,
		.version = 11,
		.body = BODY_LENGTH,
		.body_length = sizeof(large) + 5 };
	calls[0].answered = true;
	c->ops->head(c, &h);
	buf_init(&data);
	buf_append(&data, "tiny.", 5);
	assert_false(c->ops->body(c, &data));
	buf_append(&data, large, sizeof(large));
	assert_true(c->ops->body(c, &data));
	fakewire_settle();
	assert_false(calls[0].drained);
	conn->wire.write_max = sizeof(large) - STREAM_OUT_LOW / 2;
	fakewire_unblock(&conn->wire);
	fakewire_settle();
	assert_true(calls[0].drained);
	c->ops->end(c, NULL);
	fakewire_settle();
	assert_true(calls[0].sent);
	assert_open();
	end();
}

/* Drained is not sent: while a part of it waits, the response is not counted as sent, nor the
 * connection as idle. */
TEST(sent_when_all_is_sent)
{
	begin();
	memset(large, 'l', sizeof(large));
	plan.body = large;
	plan.body_len = sizeof(large);
	conn->wire.blocked = true;
	say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	conn->wire.write_max = sizeof(large) - 10 * 1024;
	fakewire_unblock(&conn->wire);
	fakewire_turn();
	conn->wire.blocked = true;
	fakewire_settle();
	assert_true(conn->s.out.len > 0 && conn->s.out.len < STREAM_OUT_LOW);
	assert_false(calls[0].sent);
	conn->wire.write_max = 0;
	fakewire_unblock(&conn->wire);
	fakewire_settle();
	assert_true(calls[0].sent);
	assert_int_equal(calls[0].bytes_out, conn->s.bytes_out);
	assert_int_equal(conn->wire.out_len, conn->s.bytes_out);
	end();
}

TEST(counts)
{
	static const char first[] = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
	static const char second[] = "GET /b HTTP/1.1\r\nHost: a\r\n\r\n", bad[] = "BAD\r\n\r\n";
	begin();
	fakewire_say_text(&conn->wire, first);
	say(second);
	assert_int_equal(n_calls, 2);
	assert_int_equal(calls[0].bytes_in, sizeof(first) - 1);
	assert_int_equal(calls[1].bytes_in, sizeof(second) - 1);
	assert_int_equal(calls[0].bytes_out + calls[1].bytes_out, conn->wire.out_len);
	say(bad);
	assert_int_equal(calls[2].bytes_in, sizeof(bad) - 1);
	assert_int_equal(calls[0].bytes_out + calls[1].bytes_out + calls[2].bytes_out,
		conn->wire.out_len);
	end();
}

/* ---- clients that leave -------------------------------------------------------------------- */

TEST(gone)
{
	static const struct {
		const char *said;
		unsigned calls;
	} v[] = {
		{ "", 0 },
		{ "\r\n", 0 },
		{ "GET / HT", 0 },
		{ "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 1 },
		{ "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n", 1 },
		{ "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n012", 1 },
		{ "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n0", 1 },
	};
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		for (int how = 0; how < 3; how++) {
			begin();
			plan.when = LATER;
			say(v[i].said);
			if (how == 0)
				fakewire_eof(&conn->wire);
			else if (how == 1)
				fakewire_reset(&conn->wire);
			else
				http1_server_abort(&conn->server);
			fakewire_settle();
			assert_int_equal(n_calls, v[i].calls);
			assert_int_equal(conn->closed, 1);
			if (n_calls) {
				assert_true(calls[0].gone);
				assert_false(calls[0].can_answer);
				assert_int_equal(calls[0].err,
					how == 2 ? ERR_SHUTTING_DOWN : ERR_CLIENT_GONE);
			}
			end();
		}
	}
}

/* A handler may take its time to finish; nothing happens to the connection before. */
TEST(gone_and_finished_later)
{
	begin();
	plan.when = LATER;
	plan.keep_when_gone = true;
	say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n012");
	fakewire_reset(&conn->wire);
	fakewire_settle();
	assert_true(calls[0].gone);
	http1_server_abort(&conn->server);
	fakewire_settle();
	assert_int_equal(conn->closed, 0);
	call_answer(&calls[0]); /* has no effect and does no harm */
	call_finish(&calls[0]);
	fakewire_settle();
	assert_int_equal(conn->closed, 1);
	end();

	begin(); /* an answer that is given later */
	plan.when = LATER;
	plan.keep_when_gone = true;
	say("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n");
	assert_true(calls[0].can_answer);
	fakewire_pass(100 * NS_PER_S);
	plan.status = 400;
	plan.body = "late";
	call_answer(&calls[0]);
	call_finish(&calls[0]);
	fakewire_settle();
	assert_said("HTTP/1.1 400");
	assert_lingers();
	end();
}

/* A client that says at once that it will say no more, as simple ones do, gets the answer that is
 * there. */
TEST(half_closed)
{
	begin();
	plan.body = "hello";
	plan.when = NOW;
	conn->wire.eof = true;
	say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_said("\r\n\r\nhello");
	assert_true(calls[0].sent);
	assert_false(calls[0].gone);
	assert_int_equal(conn->closed, 1);
	end();
}

TEST(finish_from_within)
{
	for (int i = 0; i < 4; i++) {
		begin();
		plan.finish_on_request = i == 0 || i == 3;
		plan.finish_on_body = i == 1;
		plan.finish_on_end = i == 2;
		say(i == 3 ? "BAD\r\n\r\n"
			   : "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxyGET / "
			     "HTTP/1.1\r\n\r\n");
		assert_int_equal(n_calls, 1);
		/* without a response there is nothing to go on with */
		assert_int_equal(conn->closed, 1);
		assert_string_equal(conn->wire.out, "");
		end();
	}
}

/* A response that cannot be completed must not look complete. */
TEST(abort)
{
	struct buf data;
	for (int old = 0; old < 2; old++) {
		begin();
		plan.when = LATER;
		say(old ? "GET / HTTP/1.0\r\n\r\n" : "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
		struct client *c = calls[0].c;
		struct response_head h = { .status = 200, .version = 11, .body = BODY_CHUNKED };
		c->ops->head(c, &h);
		buf_init(&data);
		buf_append(&data, "part", 4);
		(void)c->ops->body(c, &data);
		fakewire_settle();
		c->ops->abort(c);
		call_finish(&calls[0]);
		fakewire_settle();
		assert_said("part");
		assert_not_said("\r\n0\r\n");
		if (!old) /* what there is of it arrives, and its end is seen to be missing */
			fakewire_pass(3 * NS_PER_S);
		assert_int_equal(conn->closed, 1);
		/* where the end of the connection is the end of the body, TLS must not say
		 * farewell: it would vouch for it */
		if (old)
			assert_int_equal(conn->wire.finished, 0);
		end();
	}
}

/* ---- tunnels ------------------------------------------------------------------------------- */

static void tunnel_say(struct call *k, const char *text)
{
	struct buf data;
	buf_init(&data);
	buf_append(&data, text, strlen(text));
	(void)k->c->ops->body(k->c, &data);
	fakewire_settle();
}

static struct call *tunnel_open(const char *ahead)
{
	begin();
	plan.when = LATER;
	plan.keep_when_sent = true;
	fakewire_say_text(&conn->wire,
		"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
	say(ahead);
	struct client *c = calls[0].c;
	struct response_head h = { .status = 101, .version = 11 };
	c->ops->head(c, &h);
	c->ops->tunnel(c);
	calls[0].ended = false;
	calls[0].answered = true;
	c->ops->resume(c);
	fakewire_settle();
	assert_said("HTTP/1.1 101 Switching Protocols\r\n");
	return &calls[0];
}

TEST(tunnel)
{
	for (size_t step = 0; step < 3; step++) {
		/* no request any more */
		struct call *k = tunnel_open("GET /ahead HTTP/1.1\r\n\r\n");
		conn->wire.read_max = step;
		say("5\r\nhello\r\n0\r\n\r\n");
		assert_int_equal(n_calls, 1);
		assert_int_equal(k->body_len, 23 + 15);
		fakewire_clear(&conn->wire);
		tunnel_say(k, "down");
		assert_string_equal(conn->wire.out, "down");
		/* how long it may be silent is the exchange's affair */
		fakewire_pass(1000 * NS_PER_S);
		assert_false(k->gone);
		/* it holds, and goes on */
		k->c->ops->hold(k->c);
		say("held");
		assert_int_equal(k->body_len, 38);
		k->c->ops->resume(k->c);
		fakewire_settle();
		assert_int_equal(k->body_len, 42);
		/* one end ends, the other goes on */
		fakewire_eof(&conn->wire);
		fakewire_settle();
		assert_true(k->ended);
		assert_false(k->gone);
		tunnel_say(k, " and out");
		k->c->ops->end(k->c, NULL);
		fakewire_settle();
		assert_string_equal(conn->wire.out, "down and out");
		assert_true(k->sent);
		call_finish(k);
		fakewire_settle();
		assert_int_equal(conn->closed, 1);
		end();
	}
}

/* Our end first: what the client still says goes on arriving. */
TEST(tunnel_ends_here_first)
{
	struct call *k = tunnel_open("");
	tunnel_say(k, "bye");
	k->c->ops->end(k->c, NULL);
	fakewire_settle();
	assert_true(k->sent);
	assert_true(conn->s.flags & STREAM_SHUT);
	assert_int_equal(conn->closed, 0);
	say("not yet");
	assert_int_equal(k->body_len, 7);
	fakewire_eof(&conn->wire);
	fakewire_settle();
	assert_true(k->ended);
	call_finish(k);
	fakewire_settle();
	assert_int_equal(conn->closed, 1);
	end();
}

TEST(tunnel_breaks)
{
	for (int how = 0; how < 3; how++) {
		struct call *k = tunnel_open("");
		if (how == 0) {
			fakewire_reset(&conn->wire);
			fakewire_settle();
		} else if (how == 1) {
			http1_server_abort(&conn->server);
		} else { /* it takes nothing of the last that there is */
			conn->wire.blocked = true;
			tunnel_say(k, "bye");
			k->c->ops->end(k->c, NULL);
			fakewire_pass(70 * NS_PER_S);
		}
		assert_true(k->gone);
		fakewire_pass(5 * NS_PER_S);
		assert_int_equal(conn->closed, 1);
		end();
	}
}

/* ---- draining ------------------------------------------------------------------------------ */

TEST(drain)
{
	begin(); /* idle: until the shorter time is up */
	http1_server_drain(&conn->server, 2 * NS_PER_S);
	fakewire_pass(NS_PER_S);
	assert_open();
	fakewire_pass(2 * NS_PER_S);
	assert_int_equal(conn->closed, 1);
	end();

	begin(); /* a request that comes in time is the last */
	http1_server_drain(&conn->server, 2 * NS_PER_S);
	plan.body = "bye";
	say("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_said("Connection: close\r\n");
	assert_int_equal(n_calls, 1);
	assert_lingers();
	end();

	begin(); /* in progress, not answered yet */
	plan.when = LATER;
	plan.body = "bye";
	say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	http1_server_drain(&conn->server, 2 * NS_PER_S);
	fakewire_pass(20 * NS_PER_S);
	call_answer(&calls[0]);
	fakewire_settle();
	assert_said("Connection: close\r\n");
	assert_lingers();
	end();

	begin(); /* its head went out before */
	plan.when = NOW;
	plan.body = "bye";
	plan.keep_when_sent = true;
	say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	http1_server_drain(&conn->server, 2 * NS_PER_S);
	call_finish(&calls[0]);
	fakewire_settle();
	assert_not_said("Connection: close\r\n");
	plan.keep_when_sent = false; /* so its client may ask once more */
	say("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_said("Connection: close\r\n");
	assert_int_equal(n_calls, 2);
	assert_lingers();
	end();

	begin(); /* the same, and no request comes */
	plan.body = "bye";
	plan.keep_when_sent = true;
	say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	http1_server_drain(&conn->server, 2 * NS_PER_S);
	call_finish(&calls[0]);
	fakewire_settle();
	assert_open();
	fakewire_pass(2 * NS_PER_S);
	assert_int_equal(conn->closed, 1);
	end();

	begin(); /* in the middle of a head, or behind an empty line */
	say("\r\n");
	http1_server_drain(&conn->server, 2 * NS_PER_S);
	fakewire_pass(3 * NS_PER_S);
	assert_int_equal(conn->closed, 1);
	end();
}

/* While the process is overloaded a connection ends with its response: the one in progress is
 * finished first. */
TEST(overload)
{
	static struct shares shares;
	struct shares *before = fakewire_worker.shares;
	fakewire_worker.shares = &shares;
	begin();
	plan.when = LATER;
	say("GET /under-way HTTP/1.1\r\nHost: a\r\n\r\n");
	atomic_store(&shares.overload, ERR_LOW_MEMORY);
	plan.body = "whole";
	call_answer(&calls[0]);
	fakewire_settle();
	assert_said("whole");
	assert_not_said("Connection: close");
	assert_open();
	plan.when = NOW;
	say("GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_said("Connection: close");
	assert_lingers();
	end();
	fakewire_worker.shares = before;
	atomic_store(&shares.overload, 0);
}

TEST(abort_while_lingering)
{
	begin();
	say("GET / HTTP/1.0\r\n\r\n");
	assert_lingers();
	http1_server_abort(&conn->server);
	fakewire_settle();
	assert_int_equal(conn->closed, 1);
	end();

	begin(); /* a linger ends by itself */
	say("GET / HTTP/1.0\r\n\r\n");
	fakewire_pass(3 * NS_PER_S);
	assert_int_equal(conn->closed, 1);
	end();
}

/* ---- everything may fail ------------------------------------------------------------------- */

TEST(each_operation_fails)
{
	static const char *const v[] = {
		"GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\nExpect: "
		"100-continue\r\n\r\n01234567890123456789",
		"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
		"chunked\r\n\r\n5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n",
	};
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		for (int when = NOW; when <= AT_END; when++) {
			unsigned ops = 1;
			for (unsigned n = 1; n <= ops + 1; n++) {
				begin();
				plan.when = when;
				plan.body = when == NOW ? "answer" : NULL;
				conn->wire.fail_at = n;
				conn->wire.read_max = 11;
				conn->wire.write_max = 13;
				say(v[i]);
				for (int j = 0; j < 40 && conn->s.out.len; j++) {
					stream_kick(&conn->s);
					fakewire_settle();
				}
				if (conn->wire.ops >= n)
					ops = n + 1; /* there may be one more */
				if (conn->wire.ops >= n && !(conn->s.flags & STREAM_LINGER))
					assert_int_equal(conn->closed, 1);
				end();
			}
			assert_true(ops > 10);
		}
	}
}

TEST_GROUP(kit_setup, kit_teardown);
