/* proxy/progress: what an exchange waits for, told while it waits. */
#include "proxy/progress.h"

#include "proxy_kit.h"

static const char conf[] = KIT_GATEWAY
	"plugins: { a: { use: script, label: a } }\n"
	"upstreams:\n"
	"  up: { servers: ['127.0.0.1:@port@'], retries: 1 }\n"
	"  two: { servers: ['127.0.0.1:1', '127.0.0.1:@port@'], retries: 1 }\n"
	"routes:\n"
	"  - { name: plain, match: { path: /plain }, upstream: up }\n"
	"  - { name: slow, match: { path: /slow }, plugins: [a], upstream: up }\n"
	"  - { name: two, match: { path: /two }, upstream: two }\n";

static struct arena arena;

static struct progress_list look(const struct progress_filter *f)
{
	struct progress_list l;
	arena_fini(&arena);
	arena_init(&arena, 0);
	progress_gather(&kit_proxy, f, &arena, &l);
	return l;
}

static const struct progress *look_one(void)
{
	struct progress_list l = look(&(struct progress_filter){ .limit = 10 });
	assert_int_equal(l.n, 1);
	assert_int_equal(l.more, 0);
	return &l.v[0];
}

TEST(a_slow_server)
{
	kit_begin(conf);
	visit("GET /plain?access_token=geheim&a=b\n", BODY_NONE, 0);
	until(up.got_len);
	const struct progress *p = look_one();
	assert_string_equal(p->state->name, "forward");
	assert_str(p->waits_for, "the head of the response");
	assert_str(p->route, "plain");
	assert_str(p->path, "/plain");
	assert_str(p->query, "access_token=***&a=b");
	assert_true(str_starts(p->server, STR("127.0.0.1:")));
	assert_int_equal(p->id.len, 32);
	assert_true(p->lanes[SLUICE_REQUEST].ended);
	assert_int_equal(p->status, 0);
	up_say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello");
	until(guest->body_len == 5);
	p = look_one();
	assert_string_equal(p->state->name, "stream");
	assert_str(p->waits_for, "the server, for more of the response");
	assert_int_equal(p->status, 200);
	up_say("gone");
	until(guest->finished);
	assert_int_equal(look(&(struct progress_filter){ .limit = 10 }).n, 0);
	kit_end();
}

TEST(a_client_that_stands_still)
{
	kit_begin(conf);
	visit("POST /plain\n", BODY_LENGTH, 10);
	visitor_say("half", false);
	until(up.got_len);
	assert_str(look_one()->waits_for, "the client, for the rest of the request's body");
	visitor_say("whole!", true);
	guest->full = true;
	up_say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
	until(guest->body_len == 5);
	const struct progress *p = look_one();
	assert_str(p->waits_for, "the client, which takes no more of the response");
	assert_int_equal(p->lanes[SLUICE_RESPONSE].n_holds, 1);
	assert_string_equal(p->lanes[SLUICE_RESPONSE].holds[0].name, "full");
	guest->full = false;
	guest->c.events->on_drained(&guest->c);
	up_say("world");
	until(guest->finished);
	kit_end();
}

static sluice_verdict go_on(sluice_exchange *x, const void *c)
{
	(void)x, (void)c;
	return SLUICE_NEXT;
}

static sluice_verdict nap(sluice_exchange *x, const void *c)
{
	(void)c;
	return sluice_sleep(x, 100, go_on);
}

TEST(a_plugin_that_waits)
{
	kit_begin(conf);
	script->on_request = nap;
	visit("GET /slow\n", BODY_NONE, 0);
	const struct progress *p = look_one();
	assert_string_equal(p->state->name, "request-hooks");
	assert_str(p->waits_for, "plugin a, for a timer");
	assert_int_equal(p->n_plugins, 1);
	assert_str(p->plugins[0].instance, "a");
	assert_string_equal(p->plugins[0].hook, "on_request");
	turns_for(20);
	p = look_one();
	assert_true(p->plugins[0].ms >= 10 && p->state_ms >= 10);
	until(up.got_len);
	assert_int_equal(look_one()->n_plugins, 0);
	up_say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	until(guest->finished);
	kit_end();
}

/* Which server was tried first is chance: after two requests the dead one was. */
TEST(tries_that_failed)
{
	bool seen = false;
	kit_begin(conf);
	for (int i = 0; i < 8 && !seen; i++) {
		up.got_len = 0;
		visit("GET /two\n", BODY_NONE, 0);
		until(up.got_len);
		const struct progress *p = look_one();
		seen = p->failures != NULL;
		if (seen) {
			assert_int_equal(p->tries, 1);
			assert_str(p->failures->server, "127.0.0.1:1");
			assert_string_equal(p->failures->reason, "connect-failed");
			assert_null(p->failures->next);
		}
		up_say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
		until(guest->finished);
	}
	assert_true(seen);
	kit_end();
}

/* Exchanges begin, and nobody lets them go on until all was looked at. */
TEST(which_ones)
{
	struct visitor *first;
	kit_begin(conf);
	script->on_request = nap;
	visit("GET /slow\n", BODY_NONE, 0);
	first = guest;
	visit("GET /plain\n", BODY_NONE, 0);
	struct progress_list l = look(&(struct progress_filter){ .limit = 1 });
	assert_int_equal(l.n, 1);
	assert_int_equal(l.more, 1);
	assert_str(l.v[0].route, "slow"); /* the oldest */
	l = look(&(struct progress_filter){ .limit = 9, .route = "plain" });
	assert_int_equal(l.n, 1);
	assert_str(l.v[0].route, "plain");
	assert_int_equal(look(&(struct progress_filter){ .limit = 9, .client = "192.0.2.99" }).n,
		0);
	assert_int_equal(look(&(struct progress_filter){ .limit = 9, .id = "x" }).n, 0);
	visitor_gone(ERR_CLIENT_GONE, false);
	until(guest->finished);
	visitor_free();
	guest = first;
	l = look(&(struct progress_filter){ .limit = 9 });
	assert_int_equal(l.n, 1);
	assert_str(l.v[0].route, "slow");
	visitor_gone(ERR_CLIENT_GONE, false);
	until(guest->finished);
	kit_end();
	arena_fini(&arena);
}

TEST_GROUP(kit_setup, kit_teardown);
