/* How fast bodies move over HTTP/1.1, how long a whole request may take, and what becomes of a body
 * that nobody wants. */
#include "server_kit.h"

#define POST "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"

static void begin_paced(uint64_t min_rate, uint64_t request_ns)
{
	begin();
	conf.pace = (struct pace_rule){ .request_ns = request_ns,
		.min_rate = min_rate,
		.window_ns = 5 * NS_PER_S };
}

static void say_n(size_t n)
{
	static char text[100001];
	memset(text, 'x', sizeof(text) - 1);
	text[n] = 0;
	say(text);
}

/* Ten seconds of a body that comes at this rate. */
static void trickle(size_t bytes_per_s)
{
	for (int i = 0; i < 20 && !calls[0].gone; i++) {
		say_n(bytes_per_s / 2);
		fakewire_pass(NS_PER_S / 2);
	}
}

TEST(a_body_that_trickles_is_too_slow)
{
	begin_paced(1000, 0);
	say(POST);
	trickle(1200);
	assert_false(calls[0].gone);
	trickle(600);
	assert_int_equal(calls[0].err, ERR_BODY_TOO_SLOW);
	assert_true(calls[0].can_answer);
	assert_said("HTTP/1.1 408 ");
	assert_lingers();
	end();
}

TEST(without_a_rate_it_may_trickle)
{
	begin();
	say(POST);
	for (int i = 0; i < 20; i++)
		trickle(2);
	assert_false(calls[0].gone);
	end();
}

/* It is the client that must be slow, not whoever takes the body. */
TEST(a_body_that_is_held_is_not_slow)
{
	begin_paced(1000, 0);
	say(POST);
	calls[0].c->ops->hold(calls[0].c);
	fakewire_pass(100 * NS_PER_S);
	assert_false(calls[0].gone);
	calls[0].c->ops->resume(calls[0].c);
	fakewire_pass(4 * NS_PER_S);
	assert_false(calls[0].gone); /* a new window */
	fakewire_pass(2 * NS_PER_S);
	assert_int_equal(calls[0].err, ERR_BODY_TOO_SLOW);
	end();
}

TEST(a_request_has_a_total_time)
{
	for (int held = 0; held < 2; held++) {
		begin_paced(0, 20 * NS_PER_S);
		say(POST);
		if (held)
			calls[0].c->ops->hold(calls[0].c);
		for (int i = 0; i < 19; i++) {
			say_n(1);
			fakewire_pass(NS_PER_S);
		}
		assert_false(calls[0].gone);
		fakewire_pass(2 * NS_PER_S);
		assert_int_equal(calls[0].err, ERR_REQUEST_TIMEOUT);
		assert_said("HTTP/1.1 408 ");
		end();
	}
	begin_paced(0, 20 * NS_PER_S); /* not the answer to it */
	plan.when = LATER;
	say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	fakewire_pass(100 * NS_PER_S);
	assert_false(calls[0].gone);
	end();
}

/* In the middle of the response there is nothing left to say: the connection breaks off. */
TEST(a_late_request_breaks_its_response_off)
{
	struct response_head h = { .status = 200, .version = 11, .body = BODY_CHUNKED };
	begin_paced(0, 20 * NS_PER_S);
	plan.when = LATER;
	say(POST);
	calls[0].c->ops->head(calls[0].c, &h);
	fakewire_pass(21 * NS_PER_S);
	assert_int_equal(calls[0].err, ERR_REQUEST_TIMEOUT);
	assert_false(calls[0].can_answer);
	assert_not_said("\r\n0\r\n");
	end();
}

TEST(a_reader_that_is_too_slow)
{
	static char page[400000];
	for (int rate = 0; rate < 2; rate++) {
		begin_paced(rate ? 1000 : 0, 0);
		plan.body = page;
		plan.body_len = sizeof(page);
		memset(page, 'p', sizeof(page));
		conn->wire.write_max = 100; /* of each turn */
		say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
		conn->wire.blocked = true;
		/* something goes, but not enough */
		for (int i = 0; i < 12 && !calls[0].gone; i++) {
			fakewire_pass(NS_PER_S);
			conn->wire.write_max = 10;
			fakewire_unblock(&conn->wire);
			fakewire_turn();
			conn->wire.blocked = true;
		}
		assert_int_equal(calls[0].gone, rate);
		if (rate)
			assert_int_equal(calls[0].err, ERR_CLIENT_TOO_SLOW);
		else
			http1_server_abort(&conn->server);
		fakewire_settle();
		end();
	}
}

/* ---- a body that nobody wants -------------------------------------------------------------- */

TEST(the_rest_of_a_refused_request_is_awaited)
{
	static const char *const refused[] = { POST,
		"GET /../ HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" };
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		begin();
		plan.when = NOW;
		plan.hold = true;
		plan.status = 403;
		plan.body = "no";
		say(refused[i]);
		assert_lingers();
		fakewire_pass(4 * NS_PER_S);
		assert_lingers();
		fakewire_pass(2 * NS_PER_S);
		assert_int_equal(conn->closed, 1);
		end();
	}
	begin(); /* unless the gateway stops */
	plan.when = NOW;
	plan.hold = true;
	plan.status = 403;
	plan.body = "no";
	say(POST);
	assert_lingers();
	http1_server_drain(&conn->server, NS_PER_S);
	fakewire_pass(LINGER_HURRY_NS + NS_PER_S / 10);
	assert_int_equal(conn->closed, 1);
	end();
}

TEST_GROUP(kit_setup, kit_teardown);
