/* proxy/exchange, policy/run: plugins of a listener, which run before a route is chosen. */
#include "scripted.h"

static const char conf[] =
	"runtime: { workers: 1 }\n"
	"log: { access: { path: 'off' } }\n"
	"listeners:\n"
	"  - { name: in, address: '127.0.0.1:1', plugins: [a, b] }\n"
	"  - { name: bare, address: '127.0.0.1:2' }\n"
	"plugins:\n"
	"  a: { use: script, label: a, upstream: other }\n"
	"  b: { use: script, label: b }\n"
	"  d: { use: script, label: d }\n"
	"upstreams:\n"
	"  up: { servers: ['127.0.0.1:@port@'], timeouts: { connect: 1s, response: 300ms } }\n"
	"  other: { servers: ['127.0.0.1:@port@'] }\n"
	"routes:\n"
	"  - { name: plain, match: { path: /plain }, upstream: up }\n"
	"  - { name: more, match: { path: /more, methods: [GET] }, plugins: [d, a], upstream: up "
	"}\n"
	"  - { name: here, match: { path: '/here/{id}' }, plugins: [d], respond: { body: "
	"'{path:id}' } }\n";

static void begin(void)
{
	scripted_begin_with(conf);
}

static void ask(const char *head)
{
	visit(head, BODY_NONE, 0);
}

/* ---- order --------------------------------------------------------------------------------- */

TEST(listener_first)
{
	begin();
	ask("GET /plain\n");
	until(up.got_len);
	up_say(scripted_hello);
	scripted_assert_done(200, "");
	assert_string_equal(done.route, "plain");
	assert_string_equal(scripted_trace, "qa qb sb sa ca cb ");
	kit_end();
}

TEST(then_the_route)
{
	begin();
	ask("GET /more\n");
	until(up.got_len);
	up_say(scripted_hello);
	scripted_assert_done(200, "");
	assert_string_equal(scripted_trace, "qa qb qd qa sa sd sb sa ca cb cd ca ");
	kit_end();
}

TEST(other_listeners_have_none)
{
	static const struct conn_listener bare = { .name = { "bare", 4 } };
	begin();
	kit_listener = &bare;
	ask("GET /here/1\n");
	scripted_assert_done(200, "");
	assert_string_equal(scripted_trace, "qd sd cd ");
	kit_end();
}

TEST(without_a_route)
{
	begin();
	ask("GET /nowhere\n");
	scripted_assert_done(404, "no-route");
	assert_string_equal(scripted_trace, "qa qb sb sa ca cb ");
	kit_end();
	begin();
	ask("PUT /more\n");
	scripted_assert_done(405, "method-not-allowed");
	assert_has(guest->fields, "Allow: GET, HEAD, OPTIONS\n");
	assert_string_equal(scripted_trace, "qa qb sb sa ca cb ");
	kit_end();
}

/* A head that is refused before it is routed meets no plugin. */
TEST(refused_before)
{
	begin();
	ask("TRACE /plain\n");
	scripted_assert_done(501, "method-not-supported");
	assert_string_equal(scripted_trace, "");
	kit_end();
	begin();
	visit_bad(ERR_HEAD_TOO_LARGE, 1 << 20);
	scripted_assert_done(431, "head-too-large");
	assert_string_equal(scripted_trace, "");
	kit_end();
}

/* ---- verdicts ------------------------------------------------------------------------------ */

TEST(answers)
{
	begin();
	scripted_request = scripted_refuse;
	ask("GET /more\n");
	scripted_assert_done(403, "no-entry");
	assert_string_equal(done.route, "");
	assert_string_equal(scripted_trace, "qa sa ca ");
	kit_end();
}

static sluice_verdict give_up(sluice_exchange *x, const void *c)
{
	(void)x, (void)c;
	return SLUICE_FAIL;
}

TEST(fails)
{
	begin();
	scripted_who = "b";
	scripted_request = give_up;
	ask("GET /more\n");
	scripted_assert_done(500, "plugin-failed");
	assert_string_equal(scripted_trace, "qa qb sb sa ca cb ");
	kit_end();
}

static bool saw_a_route;

static sluice_verdict look_at_the_route(sluice_exchange *x, const void *c)
{
	(void)c;
	saw_a_route = sluice_get(x, SLUICE_I_ROUTE).len || sluice_get(x, SLUICE_I_UPSTREAM).len ||
		sluice_attr(x, SLUICE_STR("path:id")).len;
	return SLUICE_NEXT;
}

TEST(no_route_yet)
{
	begin();
	saw_a_route = true;
	scripted_who = "b";
	scripted_request = look_at_the_route;
	ask("GET /here/1\n");
	scripted_assert_done(200, "");
	assert_false(saw_a_route);
	assert_string_equal(guest->body, "1");
	kit_end();
}

/* ---- waits --------------------------------------------------------------------------------- */

TEST(waits)
{
	for (int last = 0; last < 2; last++) {
		begin();
		scripted_who = last ? "b" : "a";
		scripted_request = scripted_nap;
		ask("GET /here/1\n");
		assert_int_equal(((struct exchange *)guest->c.user)->state,
			EXCHANGE_LISTENER_HOOKS);
		assert_string_equal(scripted_trace, last ? "qa qb " : "qa ");
		scripted_assert_done(200, "");
		assert_string_equal(done.route, "here");
		assert_string_equal(scripted_trace, "qa qb qd sd sb sa ca cb cd ");
		kit_end();
	}
}

static sluice_verdict refuse_late(sluice_exchange *x, const void *c)
{
	(void)c;
	return sluice_sleep(x, 20, scripted_refuse);
}

TEST(waits_and_refuses)
{
	begin();
	scripted_request = refuse_late;
	ask("GET /here/1\n");
	scripted_assert_done(403, "no-entry");
	assert_string_equal(scripted_trace, "qa sa ca ");
	kit_end();
}

TEST(client_leaves)
{
	begin();
	scripted_request = scripted_nap;
	ask("GET /here/1\n");
	visitor_gone(ERR_CLIENT_GONE, false);
	until(guest->finished);
	assert_string_equal(done.code, "client-gone");
	assert_string_equal(scripted_trace, "qa ca ");
	assert_int_equal(kit_proxy.active, 0);
	kit_end();
}

/* ---- what the plugins leave ---------------------------------------------------------------- */

static sluice_verdict keep(sluice_exchange *x, const void *c)
{
	const struct script_conf *sc = c;
	char *p = sluice_state(x, 8);
	assert_non_null(p);
	if (!*p)
		*p = sc->label.data[0];
	return SLUICE_NEXT;
}

static sluice_verdict find(sluice_exchange *x, const void *c)
{
	const struct script_conf *sc = c;
	const char *p = sluice_state(x, 8);
	assert_non_null(p);
	assert_int_equal(*p, sc->label.data[0]);
	sluice_field_add(x, SLUICE_RESPONSE, SLUICE_STR("X-Found"), sc->label);
	return SLUICE_NEXT;
}

/* Memory of a plugin is that of its place, also once the route's plugins stand behind it. */
TEST(memory_stays)
{
	static const char *const whose[] = { "a", "b", "d" };
	for (size_t i = 0; i < 3; i++) {
		begin();
		scripted_who = whose[i];
		scripted_request = keep;
		scripted_response = find;
		ask("GET /here/1\n");
		scripted_assert_done(200, "");
		assert_has(guest->fields, "X-Found: ");
		kit_end();
	}
}

static sluice_str answer_fact(sluice_exchange *x, void *ctx, sluice_str name)
{
	(void)name;
	const char *p = sluice_state(x, 8);
	return p && *p ? str_of(p) : str_of(ctx);
}

static sluice_verdict provide(sluice_exchange *x, const void *c)
{
	(void)keep(x, c);
	sluice_attr_provide(x, "claim", answer_fact, (void *)(uintptr_t) "lost");
	return SLUICE_NEXT;
}

static sluice_verdict tell_fact(sluice_exchange *x, const void *c)
{
	(void)c;
	sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("X-Fact"),
		sluice_attr(x, SLUICE_STR("claim:any")));
	return SLUICE_NEXT;
}

/* A provider of the listener's is asked by the route's plugins, and finds its memory. */
TEST(facts_stay)
{
	begin();
	scripted_request = provide;
	scripted_response = tell_fact;
	ask("GET /here/1\n");
	scripted_assert_done(200, "");
	assert_has(guest->fields, "X-Fact: a\n");
	kit_end();
}

static sluice_verdict want_body(sluice_exchange *x, const void *c)
{
	static const sluice_body_plan plan = { .size = sizeof(plan),
		.mode = SLUICE_BODY_BUFFER,
		.max = 1000 };
	(void)c;
	assert_true(sluice_body_want(x, SLUICE_REQUEST, &plan));
	return SLUICE_NEXT;
}

static sluice_verdict shout(sluice_exchange *x, const void *c, sluice_str data, bool end)
{
	const struct script_conf *sc = c;
	assert_true(end);
	assert_str(sc->label, "b");
	sluice_body_drop(x, data.len);
	assert_true(sluice_body_write(x, SLUICE_STR("HELLO")));
	return SLUICE_NEXT;
}

TEST(body)
{
	begin();
	scripted_who = "b";
	scripted_request = want_body;
	script->on_request_body = shout;
	visit("POST /plain\n", BODY_LENGTH, 5);
	visitor_say("hello", true);
	until(strstr(up.got, "HELLO"));
	up_say(scripted_hello);
	scripted_assert_done(200, "");
	kit_end();
}

/* ---- where the request goes ---------------------------------------------------------------- */

static sluice_verdict go_here(sluice_exchange *x, const void *c)
{
	(void)c;
	assert_true(sluice_target_set(x, SLUICE_STR("/here/2"), SLUICE_STR("q=1")));
	return SLUICE_NEXT;
}

TEST(target_is_what_is_routed)
{
	begin();
	scripted_request = go_here;
	ask("GET /nowhere\n");
	scripted_assert_done(200, "");
	assert_string_equal(done.route, "here");
	assert_string_equal(guest->body, "2");
	kit_end();
}

static sluice_verdict go_to_other(sluice_exchange *x, const void *c)
{
	const struct script_conf *sc = c;
	if (sc->upstream)
		assert_true(sluice_upstream_set(x, sc->upstream));
	return SLUICE_NEXT;
}

static sluice_verdict tell_upstream(sluice_exchange *x, const void *c)
{
	(void)c;
	sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("X-Upstream"),
		sluice_get(x, SLUICE_I_UPSTREAM));
	return SLUICE_NEXT;
}

/* Set before the route was chosen, the upstream replaces that of the route, or its answer. */
TEST(upstream_is_kept)
{
	static const char *const heads[] = { "GET /plain\n", "GET /here/1\n" };
	for (size_t i = 0; i < 2; i++) {
		begin();
		scripted_request = go_to_other;
		scripted_response = tell_upstream;
		ask(heads[i]);
		until(up.got_len);
		up_say(scripted_hello);
		scripted_assert_done(200, "");
		assert_has(guest->fields, "X-Upstream: other\n");
		kit_end();
	}
	begin();
	scripted_request = go_to_other;
	scripted_response = tell_upstream;
	ask("GET /nowhere\n");
	scripted_assert_done(404, "no-route");
	assert_has_not(guest->fields, "X-Upstream: other");
	kit_end();
}

/* ---- connections that are older than the configuration ------------------------------------- */

TEST(renamed_and_gone)
{
	struct addr same, none;
	assert_true(addr_parse(STR("127.0.0.1:1"), &same) && addr_parse(STR("127.0.0.1:9"), &none));
	const struct conn_listener renamed = { .name = { "before", 6 }, .addr = &same };
	const struct conn_listener gone = { .name = { "gone", 4 }, .addr = &none };
	begin();
	kit_listener = &renamed;
	ask("GET /here/1\n");
	scripted_assert_done(200, "");
	assert_string_equal(scripted_trace, "qa qb qd sd sb sa ca cb cd ");
	kit_end();
	begin();
	kit_listener = &gone;
	ask("GET /here/1\n");
	scripted_assert_done(421, "misdirected");
	assert_string_equal(scripted_trace, "");
	kit_end();
}

/* ---- memory -------------------------------------------------------------------------------- */

static sluice_verdict eat(sluice_exchange *x, const void *c)
{
	(void)c;
	while (sluice_alloc(x, 256))
		;
	return SLUICE_NEXT;
}

TEST(all_memory)
{
	begin();
	scripted_who = "b";
	scripted_request = eat;
	ask("GET /more\n");
	scripted_assert_done(503, "no-memory");
	assert_string_equal(scripted_trace, "qa qb sb sa ca cb ");
	kit_end();
}

TEST_GROUP(kit_setup, kit_teardown);
