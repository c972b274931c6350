/* upstream/conf_retry: the rules that are made of `retry`, `hedge` and `timeouts.try`. */
#include <stdio.h>

#include "config/table.h"
#include "config/yaml.h"
#include "net/timer.h"
#include "unit.h"
#include "upstream/conf.h"

static struct arena arena;
static struct diag diag;
static struct config config;
static struct bind bind_state;
static struct upstream_conf conf;
static const struct retry_rules *rules;

/* What is said of an upstream with these blocks: mistakes and warnings. */
static const char *read_rules(const char *blocks)
{
	static char yaml[1024], text[4096];
	size_t at = 0;
	(void)snprintf(yaml, sizeof(yaml), "u:\n  servers: [a:80]\n  %s\n", blocks);
	arena_init(&arena, 0);
	diag_init(&diag);
	config_init(&config, &arena, &diag);
	bind_init(&bind_state, &arena, &diag, &config);
	conf = (struct upstream_conf){ 0 };
	rules = NULL;
	assert_int_equal(config_load_text(&config, "f", "/", str_of(yaml)), 0);
	if (bind_map(&bind_state, config.root->v[0], upstream_options, &conf) == 0) {
		const struct retry_source s = { .retry = bind_given(&bind_state, &conf, "retry")
				? &conf.retry
				: NULL,
			.hedge = bind_given(&bind_state, &conf, "hedge") ? &conf.hedge : NULL,
			.try_ms = conf.timeouts.try,
			.response_ms = conf.timeouts.response,
			.default_tries = (unsigned)conf.retries + 1,
			.timeouts = &conf.timeouts };
		rules = retry_rules_make(&bind_state, &arena, &s);
		if (rules)
			retry_rules_warn(&bind_state, rules, &s);
	}
	text[0] = 0;
	for (unsigned i = 0; i < diag.n_items; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%u:%u %s: %s\n",
			(unsigned)diag.items[i]->line, (unsigned)diag.items[i]->col,
			diag.items[i]->path, diag.items[i]->text);
	return text;
}

static void forget(void)
{
	bind_fini(&bind_state);
	diag_fini(&diag);
	arena_fini(&arena);
}

static struct request_head ask(const char *method)
{
	return (struct request_head){ .method = (uint8_t)method_find(str_of(method)),
		.method_text = str_of(method) };
}

static bool takes(const char *method)
{
	struct request_head h = ask(method);
	return retry_takes_method(rules, &h);
}

TEST(tables_are_sound)
{
	char why[256] = "";
	if (table_check(retry_options, sizeof(struct retry_conf), true, why, sizeof(why)) < 0 ||
		table_check(hedge_options, sizeof(struct hedge_conf), true, why, sizeof(why)) < 0)
		fail_msg("%s", why);
}

TEST(nothing_is_given)
{
	assert_string_equal(read_rules("retries: 1"), "");
	assert_null(rules);
	forget();
}

TEST(defaults)
{
	assert_string_equal(read_rules("retry: {}"), "");
	assert_true(rules->is_given);
	assert_int_equal(rules->on, RETRY_ON_CONNECT | RETRY_ON_RESET);
	assert_int_equal(rules->tries, 3);
	assert_int_equal(rules->budget, 2000);
	assert_int_equal(rules->max_body, 65536);
	assert_true(rules->within_ns == 5000 * UINT64_C(1000000));
	assert_true(takes("GET") && takes("PUT") && takes("DELETE") && takes("OPTIONS"));
	assert_false(takes("POST") || takes("PATCH") || takes("PROPFIND"));
	assert_false(retry_wants_status(rules, 503) || rules->codes || rules->hedges);
	forget();
}

TEST(conditions)
{
	assert_string_equal(
		read_rules("retry: { on: [timeout, 400, 503, 599, unavailable, "
			   "RESOURCE_EXHAUSTED, deadline-exceeded], tries: 2, within: 0s }"),
		"");
	assert_int_equal(rules->on, RETRY_ON_TIMEOUT);
	assert_int_equal(rules->codes,
		1u << GRPC_UNAVAILABLE | 1u << GRPC_RESOURCE_EXHAUSTED |
			1u << GRPC_DEADLINE_EXCEEDED);
	unsigned n = 0;
	for (unsigned status = 0; status < 1000; status++)
		n += retry_wants_status(rules, status);
	assert_int_equal(n, 3);
	assert_true(retry_wants_status(rules, 400) && retry_wants_status(rules, 503) &&
		retry_wants_status(rules, 599));
	assert_true(rules->within_ns == TIMER_NEVER);
	assert_int_equal(rules->tries, 2);
	forget();
}

TEST(methods)
{
	(void)read_rules("retry: { methods: [GET, POST, PROPFIND] }");
	assert_true(takes("GET") && takes("POST") && takes("PROPFIND"));
	assert_false(takes("PUT") || takes("PROPPATCH"));
	struct request_head h = ask("PATCH");
	assert_false(retry_takes_method(rules, &h));
	assert_int_equal(fields_add(&h.fields, &arena, STR("Idempotency-Key"), STR("1")), 0);
	assert_true(retry_takes_method(rules, &h));
	forget();
}

TEST(hedges_and_tries_alone)
{
	assert_string_equal(read_rules("hedge: { after: 95% }"), "");
	assert_true(rules->hedges && !rules->is_given);
	assert_int_equal(rules->hedge_percent, 95);
	assert_true(!rules->hedges_calls && rules->max_body == 0);
	forget();
	assert_string_equal(read_rules("hedge: { after: 95%, grpc: true }"), "");
	assert_true(rules->hedges_calls && rules->max_body == 65536);
	forget();
	assert_string_equal(
		read_rules("hedge: { after: 95%, grpc: true }\n  retry: { max_body: 1KiB }"), "");
	assert_true(rules->hedges_calls && rules->max_body == 1024);
	forget();
	assert_non_null(
		strstr(read_rules("hedge: { after: 95%, grpc: true }\n  retry: { max_body: 0 }"),
			"u.hedge.grpc: no call is asked of a second server"));
	forget();
	assert_string_equal(read_rules("hedge: { after: 200ms, max: 0 }"), "");
	assert_false(rules->hedges);
	forget();
	assert_string_equal(read_rules("timeouts: { try: 2s }"), "");
	assert_true(rules->try_ns == 2000 * UINT64_C(1000000) && !rules->is_given);
	forget();
}

TEST(mistakes_and_warnings)
{
	static const struct {
		const char *blocks, *said;
	} cases[] = {
		{ "retry: { on: [conect] }", "3:16 u.retry.on: no try can follow on \"conect\"" },
		{ "retry: { on: [ok] }", "no try can follow on \"ok\"" },
		{ "retry: { on: [600] }", "no try can follow on \"600\"" },
		{ "retry: { methods: ['G T'] }", "\"G T\" is no method that is forwarded" },
		{ "retry: { methods: [TRACE] }", "\"TRACE\" is no method that is forwarded" },
		{ "retry: { budget: 20 }", "u.retry.budget: " },
		{ "retry: { budget: 101% }", "u.retry.budget: " },
		{ "retry: { tries: 9 }", "u.retry.tries" },
		{ "retry: { max_body: 2MiB }", "u.retry.max_body" },
		{ "hedge: {}", "after" },
		{ "hedge: { after: 0ms }", "neither a time nor a percentile" },
		{ "hedge: { after: fast }", "neither a time nor a percentile" },
		{ "hedge: { after: 5ms, max: 2 }", "u.hedge.max" },
		{ "retry: { methods: [POST] }", "POST is repeated although a server may" },
		{ "retry: { within: 20ms }", "`backoff` is not shorter than `within`" },
		{ "retry: { on: [timeout] }", "timeouts.response is not shorter than `within`" },
		{ "retry: { on: [timeout], within: 1s }\n  timeouts: { try: 1s }",
			"timeouts.try is not shorter than `within`" },
		{ "timeouts: { try: 15s }", "it never comes into force" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *said = read_rules(cases[i].blocks);
		if (!strstr(said, cases[i].said))
			fail_msg("%s says \"%s\", not \"%s\"", cases[i].blocks, said,
				cases[i].said);
		forget();
	}
	assert_string_equal(
		read_rules("retry: { on: [timeout] }\n  timeouts: { try: 1s, response: 5s }"), "");
	forget();
}
