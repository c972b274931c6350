/* proxy/split: which of several upstreams a request goes to. */
#include "proxy_kit.h"

#include "proxy/split.h"

enum { USERS = 20000 };

static struct split_shares *shares_of(const char *const *names, const uint32_t *weights, size_t n)
{
	struct split_shares *s = calloc(1, sizeof(*s) + n * sizeof(s->v[0]));
	assert_non_null(s);
	for (size_t i = 0; i < n; i++) {
		s->v[i] = (struct split_share){ .name = str_of(names[i]),
			.upstream = (int)i,
			.weight = weights[i],
			.hash = split_hash(str_of(names[i])) };
		s->total += weights[i];
	}
	s->n = n;
	return s;
}

static int place(const struct split_shares *s, unsigned user)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "user-%u", user);
	return split_pick(s, split_hash(str_n(text, (size_t)n)))->upstream;
}

static void assert_near(double is, double wanted)
{
	if (is < wanted - 0.01 || is > wanted + 0.01)
		fail_msg("%f instead of %f", is, wanted);
}

static const char *const names[] = { "stable", "canary", "next" };

TEST(shares_are_as_the_weights)
{
	static const uint32_t weights[] = { 80, 15, 5 };
	struct split_shares *s = shares_of(names, weights, 3);
	unsigned counts[3] = { 0 };
	for (unsigned i = 0; i < USERS; i++)
		counts[place(s, i)]++;
	for (int i = 0; i < 3; i++)
		assert_near((double)counts[i] / USERS, weights[i] / 100.0);
	free(s);
}

/* Only those move that have to; none from one of the others to another. */
TEST(a_change_of_weights_moves_few)
{
	static const uint32_t before[] = { 90, 5, 5 }, after[] = { 90, 30, 5 };
	struct split_shares *a = shares_of(names, before, 3), *b = shares_of(names, after, 3);
	unsigned moved = 0;
	for (unsigned i = 0; i < USERS; i++) {
		int from = place(a, i), to = place(b, i);
		moved += from != to;
		assert_true(from == to || to == 1);
	}
	assert_near((double)moved / USERS, 30.0 / 125 - 0.05);
	free(a);
	free(b);
}

TEST(the_order_in_the_file_does_not_matter)
{
	static const char *const turned[] = { "next", "canary", "stable" };
	static const uint32_t weights[] = { 50, 30, 20 }, turned_weights[] = { 20, 30, 50 };
	struct split_shares *a = shares_of(names, weights, 3),
			    *b = shares_of(turned, turned_weights, 3);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(place(a, i), 2 - place(b, i));
	free(a);
	free(b);
}

TEST(a_weight_of_nothing_gets_nothing)
{
	static const uint32_t weights[] = { 1000000, 0, 0 };
	struct split_shares *s = shares_of(names, weights, 3);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(place(s, i), 0);
	assert_int_equal(split_pick(s, 0)->upstream, 0);
	assert_int_equal(split_pick(s, UINT64_MAX)->upstream, 0);
	free(s);
}

/* Gateways of other versions and machines must agree: these do not change. */
TEST(users_stay_where_they_are)
{
	static const uint32_t weights[] = { 50, 30, 20 };
	static const char where[] = "0000001001202212001201101102000212121010";
	struct split_shares *s = shares_of(names, weights, 3);
	assert_int_equal(split_hash(STR("alice")), UINT64_C(0x3507d047a67c08f4));
	for (unsigned i = 0; i < sizeof(where) - 1; i++)
		assert_int_equal(place(s, i), where[i] - '0');
	free(s);
}

/* ---- at work ------------------------------------------------------------------------------- */

static const char conf[] = KIT_GATEWAY
	"plugins:\n"
	"  a: { use: script, label: a }\n"
	"  who: { use: script, label: who }\n"
	"upstreams:\n"
	"  stable: { servers: ['127.0.0.1:@port@'] }\n"
	"  canary: { servers: ['127.0.0.1:@port@'] }\n"
	"  other: { servers: ['127.0.0.1:@port@'] }\n"
	"routes:\n"
	"  - { name: sticky, match: { path: /sticky }, plugins: [a], split: { by: [cookie:sid, "
	"header:x-user], to: { stable: 50, canary: 50 } } }\n"
	"  - { name: random, match: { path: /random }, split: { to: { stable: 50, canary: 50 } } "
	"}\n"
	"  - { name: all, match: { path: /all }, plugins: [who], split: { to: { stable: 0, canary: "
	"1 "
	"} } }\n";

static bool asks_canary(const char *head)
{
	visit(head, BODY_NONE, 0);
	const struct exchange *x = guest->c.user;
	bool canary = str_eq(x->px.upstream_name, STR("canary"));
	assert_true(canary || str_eq(x->px.upstream_name, STR("stable")));
	assert_int_equal(x->px.upstream, canary);
	visitor_gone(ERR_CLIENT_GONE, false);
	turn();
	visitor_free();
	return canary;
}

TEST(the_first_fact_that_a_request_has)
{
	kit_begin(conf);
	for (int i = 0; i < 20; i++) {
		char cookie[96], user[96];
		(void)snprintf(cookie, sizeof(cookie), "GET /sticky\nCookie: sid=%d\nX-User: %d\n",
			i, 100 - i);
		(void)snprintf(user, sizeof(user), "GET /sticky\nX-User: %d\n", i);
		bool first = asks_canary(cookie);
		assert_int_equal(asks_canary(cookie), first);
		assert_int_equal(asks_canary(user), first);
	}
	kit_end();
}

TEST(each_request_for_itself)
{
	static const char *const heads[] = { "GET /random\n", "GET /sticky\n" };
	for (size_t i = 0; i < 2; i++) {
		unsigned n = 0;
		kit_begin(conf);
		for (int k = 0; k < 64; k++)
			n += asks_canary(heads[i]);
		assert_true(n > 8 && n < 56);
		kit_end();
	}
}

static char seen[64];

static sluice_verdict see_upstream(sluice_exchange *x, const void *c)
{
	(void)c;
	(void)snprintf(seen, sizeof(seen), "%.*s", STR_ARG(x->upstream_name));
	return SLUICE_NEXT;
}

TEST(plugins_of_the_route_know_the_upstream)
{
	kit_begin(conf);
	script->on_request = see_upstream;
	assert_true(asks_canary("GET /all\n"));
	assert_string_equal(seen, "canary");
	kit_end();
}

/* ---- mistakes ------------------------------------------------------------------------------ */

static void assert_wrong(const char *route, const char *what)
{
	char text[1024];
	(void)snprintf(text, sizeof(text),
		KIT_GATEWAY "upstreams:\n  stable: { servers: ['127.0.0.1:1'] }\n"
			    "  canary: { servers: ['127.0.0.1:1'] }\n"
			    "routes: [{ name: a, match: { path: /a }, %s }]\n",
		route);
	assert_null(kit_load(text, NULL));
	assert_has(kit_report, what);
}

TEST(mistakes)
{
	assert_wrong("split: { to: { stable: 0, canary: 0 } }", "all weights are 0");
	assert_wrong("split: { to: { stable: 1, canari: 1 } }", "there is no upstream \"canari\"");
	assert_has(kit_report, "did you mean \"canary\"?");
	assert_wrong("split: { to: { stable: 1 } }, upstream: canary", "and only one of them");
	assert_wrong("split: { to: { stable: 1 } }, respond: {}", "and only one of them");
	assert_wrong("split: { by: cookie:sid }", "to is required");
	assert_wrong("split: { by: server, to: { stable: 1 } }", "is not known yet");
	assert_wrong("split: { by: upstream, to: { stable: 1 } }", "is not known yet");
	assert_wrong("split: { by: kookie:sid, to: { stable: 1 } }", "split.by");
	assert_wrong("split: { to: { stable: 1000001 } }", "1000000");
	assert_wrong("split: { to: { stable: some } }", "stable");
}

TEST_GROUP(kit_setup, kit_teardown);
