/* proxy/build_retry: whose `retry`, `hedge` and `timeouts.try` hold for a route at a listener. */
#include "proxy_kit.h"

#include "upstream/rules.h"

TEST_GROUP(kit_setup, kit_teardown);

/* Two listeners, of which `out` has these defaults; `up` has these blocks. */
#define GATEWAY(defaults, blocks)                                                 \
	"runtime: { workers: 1 }\n"                                               \
	"listeners:\n"                                                            \
	"  - { name: in, address: '127.0.0.1:1' }\n"                              \
	"  - { name: out, address: '127.0.0.1:2', defaults: { " defaults " } }\n" \
	"upstreams: { up: { servers: ['127.0.0.1:3', '127.0.0.1:4'], " blocks " } }\n"

enum { IN, OUT, GONE };

/* The rules of the first route at a listener; NULL: those of its upstream. */
static const struct retry_rules *rules_at(const struct snapshot *s, int listener)
{
	const struct route *r = &s->routes[0];
	if (!r->rules)
		return NULL;
	return r->rules[r->rules_differ ? listener : 0];
}

static struct snapshot *load(const char *text)
{
	struct snapshot *s = kit_load(text, NULL);
	if (!s)
		fail_msg("%s", kit_report);
	return s;
}

TEST(defaults_go_with_their_listener)
{
	struct snapshot *s = load(GATEWAY("retry: { on: [503], tries: 4 }",
		"retry: { on: [502], tries: 2 }, timeouts: { try: 1s }") "routes: [{ name: a, "
									 "match: { path: /a }, "
									 "upstream: up }]\n");
	assert_true(s->routes[0].rules_differ);
	assert_null(rules_at(s, IN));
	assert_null(rules_at(s, GONE));
	const struct retry_rules *r = rules_at(s, OUT);
	assert_true(retry_wants_status(r, 503));
	assert_false(retry_wants_status(r, 502)); /* the block as a whole */
	assert_int_equal(r->tries, 4);
	assert_int_equal(r->try_ns, NS_PER_S); /* looked up by itself */
	snapshot_free(s);
}

TEST(a_route_says_otherwise)
{
	struct snapshot *s = load(GATEWAY("retry: { on: [503], tries: 4 }, hedge: { after: 1s }",
		"retries: 2") "routes: [{ name: a, match: { path: /a }, upstream: up, retry: { on: "
			      "[500] } }]\n");
	assert_true(retry_wants_status(rules_at(s, IN), 500));
	assert_int_equal(rules_at(s, IN)->tries, 3);
	assert_false(rules_at(s, IN)->hedges);
	assert_true(retry_wants_status(rules_at(s, OUT), 500));
	assert_false(retry_wants_status(rules_at(s, OUT), 503));
	/* what its block leaves out is as the next one says, as with an upstream's */
	assert_int_equal(rules_at(s, OUT)->tries, 4);
	assert_true(rules_at(s, OUT)->hedges);
	snapshot_free(s);
}

TEST(a_route_that_says_everything_has_one)
{
	struct snapshot *s = load(GATEWAY("retry: { on: [503] }, timeouts: { try: 1s }",
		"retries: 2") "routes: [{ name: a, match: { path: /a }, upstream: up, retry: { on: "
			      "[500] }, timeouts: { try: 2s } }]\n");
	assert_false(s->routes[0].rules_differ);
	assert_int_equal(rules_at(s, OUT)->try_ns, 2 * NS_PER_S);
	snapshot_free(s);
}

TEST(a_route_of_one_listener_has_one)
{
	struct snapshot *s = load(GATEWAY("timeouts: { try: 1s }",
		"retries: 2") "routes:\n"
			      "  - { name: a, match: { path: /a, listener: out }, upstream: up }\n"
			      "  - { name: b, match: { path: /b, listener: in }, upstream: up }\n"
			      "  - { name: c, match: { path: /c }, respond: {} }\n");
	assert_false(s->routes[0].rules_differ);
	assert_int_equal(rules_at(s, OUT)->try_ns, NS_PER_S);
	assert_null(s->routes[1].rules);
	assert_null(s->routes[2].rules);
	snapshot_free(s);
}

/* What stands in the report, behind the only line that has it. */
static void assert_said_once(const char *text)
{
	const char *first = strstr(kit_report, text);
	if (!first || strstr(first + 1, text))
		fail_msg("\"%s\" is not said once in: %s", text, kit_report);
}

TEST(a_mistake_is_reported_once)
{
	static const char routes[] =
		"routes:\n"
		"  - { name: a, match: { path: /a }, upstream: up }\n"
		"  - { name: b, match: { path: /b }, upstream: up, hedge: { after: 1s } }\n";
	char text[1024];
	(void)snprintf(text, sizeof(text), "%s%s", GATEWAY("retry: { on: [never] }", "retries: 1"),
		routes);
	assert_null(kit_load(text, NULL));
	assert_said_once("listeners[1].defaults.retry.on: no try can follow on \"never\"");
	(void)snprintf(text, sizeof(text), "%s%s", GATEWAY("hedge: { after: soon }", "retries: 1"),
		routes);
	assert_null(kit_load(text, NULL));
	assert_said_once("listeners[1].defaults.hedge.after: \"soon\" is neither a time");
	(void)snprintf(text, sizeof(text), "%s%s",
		GATEWAY("retry: { on: [503] }", "retry: { on: [never] }"), routes);
	assert_null(kit_load(text, NULL));
	assert_said_once("upstreams.up.retry.on: no try can follow on \"never\"");
}

TEST(warnings_stand_where_it_is_written)
{
	struct snapshot *s = load(GATEWAY(
		"retry: { methods: [POST], within: 1s, backoff: 2s, tries: 3 }",
		"retries: 1") "routes:\n"
			      "  - { name: a, match: { path: /a }, upstream: up }\n"
			      "  - { name: b, match: { path: /b }, upstream: up, retry: { methods: "
			      "[PATCH] } }\n");
	assert_said_once("listeners[1].defaults.retry.methods");
	assert_said_once("listeners[1].defaults.retry.within: no third try follows");
	assert_said_once("routes[1].retry.methods");
	snapshot_free(s);
}

/* A longer time than the response may take undoes the upstream's; without one, it does nothing. */
TEST(a_route_without_a_bound_for_one_try)
{
	static const char routes[] = "routes: [{ name: a, match: { path: /a }, upstream: up, "
				     "timeouts: { try: 20s } }]\n";
	char text[1024];
	(void)snprintf(text, sizeof(text), "%s%s", GATEWAY("max_body: 1", "timeouts: { try: 1s }"),
		routes);
	struct snapshot *s = load(text);
	assert_string_equal(kit_report, "");
	snapshot_free(s);
	(void)snprintf(text, sizeof(text), "%s%s", GATEWAY("max_body: 1", "retries: 1"), routes);
	s = load(text);
	assert_said_once("routes[0].timeouts.try: it never comes into force");
	snapshot_free(s);
}
