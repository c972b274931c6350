/* http1/client: deadlines, connections that are free or go, tunnels, and everything that can
 * fail. */
#include "client_kit.h"

/* ---- deadlines ----------------------------------------------------------------------------- */

TEST(connect_timeout)
{
	open_without_waiting();
	fakewire_pass(2 * NS_PER_S);
	assert_int_equal(peer->gone, 1);
	assert_int_equal(peer->err, ERR_CONNECT_TIMEOUT);
	assert_int_equal(peer->opened, 0);
	peer->wire.other_end = -1;
	end();
}

TEST(idle_timeout)
{
	begin();
	fakewire_pass(59 * NS_PER_S);
	assert_int_equal(peer->gone, 0);
	fakewire_pass(2 * NS_PER_S);
	assert_int_equal(peer->gone, 1);
	assert_int_equal(peer->err, 0);
	end();
}

TEST(response_timeout)
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
TEST(slow_upload)
{
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
TEST(slow_server)
{
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

/* ---- connections that are free ------------------------------------------------------------- */

TEST(stale)
{
	for (int how = 0; how < 3; how++) {
		for (int told = 0; told < 2; told++) {
			begin();
			get();
			say("HTTP/1.1 204 No Content\r\n\r\n");
			ask_release();
			assert_false(http1_conn_check_stale(peer->conn));
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
				assert_true(http1_conn_check_stale(peer->conn));
			}
			end();
		}
	}
}

/* What comes between the end of a response and its release is found before the connection is used
 * again. */
TEST(surplus_before_release)
{
	begin();
	get();
	say("HTTP/1.1 204 No Content\r\n\r\n");
	say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfake");
	assert_int_equal(ask.heads, 1);
	ask_release();
	assert_true(!peer->conn || http1_conn_check_stale(peer->conn));
	end();
}

TEST(release_in_each_state)
{
	static const char *const said[] = {
		NULL,
		"",
		"HTTP/1.1 2",
		"HTTP/1.1 100 Continue\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
	};
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

TEST(release_in_each_callback)
{
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

/* ---- tunnels ------------------------------------------------------------------------------- */

/* A request that asks for another protocol, and a server that agrees. */
static void tunnel_open(const char *behind)
{
	char said[128];
	begin();
	struct field upgrade = { .name = "Upgrade",
		.name_len = 7,
		.value = "x",
		.value_len = 1,
		.token = TOKEN_UPGRADE };
	start_with(&(struct request_head){ .method_text = STR("GET"),
		.path = STR("/"),
		.authority = STR("up.example"),
		.method = METHOD_GET,
		.version = 11,
		.upgrade = true,
		.fields = { .v = &upgrade, .n = 1, .cap = 1 } });
	ask.o->ops->end(ask.o, NULL);
	fakewire_settle();
	ask.hold_on_head = true;
	(void)snprintf(said, sizeof(said),
		"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n%s",
		behind);
	say(said);
	assert_int_equal(ask.heads, 1);
	ask.o->ops->tunnel(ask.o);
	ask.o->ops->resume(ask.o);
	fakewire_settle();
	fakewire_clear(&peer->wire);
}

TEST(tunnel)
{
	tunnel_open("HTTP/1.1 200 OK\r\n\r\n"); /* no response any more */
	say("5\r\nhello");
	assert_int_equal(ask.body_len, 19 + 8);
	send_body("up", 2, false);
	fakewire_settle();
	assert_string_equal(peer->wire.out, "up");
	fakewire_pass(1000 * NS_PER_S);
	assert_int_equal(ask.fails, 0);
	assert_int_equal(ask.drained, 0);
	ask.o->ops->end(ask.o, NULL); /* our end; the other goes on */
	fakewire_settle();
	assert_int_equal(ask.drained, 1); /* all of it is out */
	assert_string_equal(peer->wire.out, "up");
	assert_int_equal(peer->wire.finished, 1);
	say("!");
	assert_int_equal(ask.body_len, 28);
	fakewire_eof(&peer->wire);
	fakewire_settle();
	assert_int_equal(ask.ends, 1);
	ask_release();
	assert_int_equal(peer->freed, 0); /* never again */
	end();
}

TEST(tunnel_breaks)
{
	for (int writing = 0; writing < 2; writing++) {
		tunnel_open("");
		if (writing)
			send_body("up", 2, false);
		fakewire_reset(&peer->wire);
		fakewire_settle();
		assert_int_equal(ask.fails, 1);
		ask_release();
		end();
	}
}

/* The server has ended, and what is said after that is waited for: until it is out, or nothing of
 * it will ever be. */
TEST(tunnel_after_the_end)
{
	for (int way = 0; way < 3; way++) {
		tunnel_open("bye");
		fakewire_eof(&peer->wire);
		fakewire_settle();
		assert_int_equal(ask.ends, 1);
		if (way == 2)
			fakewire_reset(&peer->wire); /* it reads no more either */
		peer->wire.blocked = way != 2;
		send_body("late", 4, false);
		ask.o->ops->end(ask.o, NULL);
		fakewire_settle();
		if (way == 0) {
			assert_int_equal(ask.drained, 0);
			fakewire_unblock(&peer->wire);
			fakewire_settle();
			assert_string_equal(peer->wire.out, "late");
		} else if (way == 1) {
			fakewire_reset(&peer->wire);
			fakewire_unblock(&peer->wire);
			fakewire_settle();
		}
		assert_int_equal(ask.drained, 1);
		assert_int_equal(ask.fails, 0);
		ask_release();
		end();
	}
}

/* Nobody asked for it. */
TEST(unasked_tunnel)
{
	begin();
	get();
	say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n");
	assert_int_equal(ask.err, ERR_UPSTREAM_BAD_HEAD);
	ask_release();
	end();
}

/* ---- everything may fail ------------------------------------------------------------------- */

TEST(each_operation_fails)
{
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
			fakewire_say_text(&peer->wire,
				"HTTP/1.1 200 OK\r\nContent-Length: "
				"20\r\n\r\n01234567890123456789");
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

TEST_GROUP(kit_setup, kit_teardown);
