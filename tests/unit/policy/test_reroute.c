/* policy/reroute: what a plugin may make of where a request goes, and when. */
#include "policy/reroute.h"

#include "policy/fact.h"
#include "policy/stage.h"
#include "walk_kit.h"

#define NO_QUERY ((sluice_str){ NULL, 0 })

/* The request's target as it is forwarded. */
static void is_sent(const char *target)
{
	char text[256];
	const struct request_head *h = walk->request;
	sluice_str path = h->sent_path.len ? h->sent_path : h->path;
	(void)snprintf(text, sizeof(text), "%.*s%s%.*s", STR_ARG(path), h->has_query ? "?" : "",
		STR_ARG(h->query));
	assert_string_equal(text, target);
}

static void begin(void)
{
	walk_begin(1, "", 0);
	(void)walk_request();
	walk_enter(0);
}

static void end(void)
{
	walk_leave();
	walk_end();
}

TEST(target)
{
	char path[] = "/new", query[] = "q=1";
	begin();
	is_sent("/a/b?x=1&y=&x=2&z");
	assert_null(walk->asked);
	assert_true(sluice_target_set(walk, str_of(path), str_of(query)));
	path[1] = query[0] = '?'; /* copied */
	is_sent("/new?q=1");
	assert_str(sluice_get(walk, SLUICE_I_PATH), "/new");
	assert_str(sluice_get(walk, SLUICE_I_QUERY), "q=1");
	assert_str(sluice_get(walk, SLUICE_I_TARGET), "/new?q=1");
	assert_true(sluice_target_set(walk, SLUICE_STR("/%2F"), SLUICE_STR("")));
	is_sent("/%2F?");
	assert_true(sluice_target_set(walk, SLUICE_STR("/"), NO_QUERY));
	is_sent("/");
	assert_null(sluice_get(walk, SLUICE_I_QUERY).data);
	/* whatever came after: the client's */
	assert_str(walk->asked->path, "/a/b");
	assert_str(walk->asked->query, "x=1&y=&x=2&z");
	end();
}

TEST(what_the_client_wrote_is_known_behind_a_rewrite)
{
	static const struct {
		const char *target, *path;
	} cases[] = { { "/a/../%62?q=/", "/a/../%62" }, { "http://h:80/a?q", "/a" },
		{ "HTTPS://h?a/b", "/" }, { "http://h", "/" }, { "//a", "//a" }, { "*", NULL },
		{ "h:443", NULL }, { "", NULL } };
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin();
		walk->request->target = str_of(cases[i].target);
		assert_true(sluice_target_set(walk, SLUICE_STR("/new"), NO_QUERY));
		sluice_str got = sluice_get(walk, SLUICE_I_ASKED_PATH);
		if (cases[i].path)
			assert_str(got, cases[i].path);
		else
			assert_null(got.data);
		end();
	}
}

TEST(a_target_that_is_none_is_refused)
{
	static const char *const paths[] = { "", "a", "*", "//a", "/a//b", "/a/./b", "/a/..", "/..",
		"/%7Ea", "/%2f", "/%", "/%4", "/%00", "/a?b", "/a#b", "/a b", "/a\\b", "/a\tb",
		"/a\r\nX: y", "/\xc3\xa4", "/a/..%2Fb", "http://h/a" };
	static const char *const queries[] = { "a b", "a#b", "a\r\nb", "\x7f", "\xc3\xa4" };
	begin();
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		assert_false(sluice_target_set(walk, str_of(paths[i]), NO_QUERY));
	assert_false(sluice_target_set(walk, (sluice_str){ "/a\0b", 4 }, NO_QUERY));
	assert_false(sluice_target_set(walk, NO_QUERY, NO_QUERY));
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++)
		assert_false(sluice_target_set(walk, SLUICE_STR("/new"), str_of(queries[i])));
	assert_false(sluice_query_set(walk, SLUICE_STR(""), SLUICE_STR("a")));
	assert_false(sluice_query_remove(walk, SLUICE_STR("")));
	is_sent("/a/b?x=1&y=&x=2&z");
	assert_null(walk->asked);
	end();
}

TEST(query)
{
	begin();
	assert_true(sluice_query_remove(walk, SLUICE_STR("nothing")));
	assert_null(walk->asked);
	assert_true(sluice_query_set(walk, SLUICE_STR("x"), SLUICE_STR("a&b")));
	is_sent("/a/b?x=a%26b&y=&z");
	assert_true(sluice_query_remove(walk, SLUICE_STR("y")));
	is_sent("/a/b?x=a%26b&z");
	assert_true(sluice_query_remove(walk, SLUICE_STR("x")));
	assert_true(sluice_query_remove(walk, SLUICE_STR("z")));
	is_sent("/a/b");
	assert_true(sluice_query_set(walk, SLUICE_STR("n"), SLUICE_STR("")));
	is_sent("/a/b?n=");
	assert_str(walk->asked->query, "x=1&y=&x=2&z");
	end();
}

/* Where empty segments are forwarded, a query says nothing about them. */
TEST(kept_slashes)
{
	begin();
	walk->request->sent_path = STR("//a/b");
	assert_true(sluice_query_remove(walk, SLUICE_STR("x")));
	is_sent("//a/b?y=&z");
	assert_true(sluice_target_set(walk, SLUICE_STR("/c"), NO_QUERY));
	is_sent("/c");
	end();
}

TEST(asterisk)
{
	begin();
	walk->request->form = TARGET_ASTERISK;
	walk->request->path = STR("*");
	walk->request->query = NO_QUERY;
	walk->request->has_query = false;
	assert_false(sluice_query_set(walk, SLUICE_STR("a"), SLUICE_STR("1")));
	assert_false(sluice_query_remove(walk, SLUICE_STR("a")));
	is_sent("*");
	assert_true(sluice_target_set(walk, SLUICE_STR("/a"), NO_QUERY));
	assert_true(sluice_query_set(walk, SLUICE_STR("a"), SLUICE_STR("1")));
	is_sent("/a?a=1");
	assert_int_equal(walk->request->form, TARGET_ORIGIN);
	end();
}

TEST(host)
{
	static const char *const bad[] = { "", " ", "a b", "a/b", "a@b", "a:99999", "[::1",
		"a\r\nb", " a" };
	char host[] = "other.example:81";
	begin();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(sluice_host_set(walk, str_of(bad[i])));
	assert_str(walk->request->authority, "Example.com:8080");
	assert_null(walk->asked_authority.data);
	assert_true(sluice_host_set(walk, str_of(host)));
	host[0] = '?';
	assert_str(walk->request->authority, "other.example:81");
	assert_true(sluice_host_set(walk, SLUICE_STR("[2001:db8::1]")));
	assert_str(walk->request->authority, "[2001:db8::1]");
	assert_str(walk->asked_authority, "Example.com:8080");
	assert_str(sluice_get(walk, SLUICE_I_HOST), "example.com");
	end();
}

TEST(upstream)
{
	static const uint32_t map[] = { 7, 3 };
	struct sluice_upstream own[2], other = { .inst = slots[1].inst, .name = STR("o") };
	begin();
	walk->upstream = -1;
	((struct chain_item *)(uintptr_t)run_item(walk))->upstreams = map;
	for (unsigned i = 0; i < 2; i++)
		own[i] = (struct sluice_upstream){ slots[0].inst, i ? STR("b") : STR("a"), i };
	assert_false(sluice_upstream_set(walk, NULL));
	assert_false(sluice_upstream_set(walk, &other));
	assert_int_equal(walk->upstream, -1);
	assert_str(sluice_get(walk, SLUICE_I_UPSTREAM), "the-upstream");
	assert_true(sluice_upstream_set(walk, &own[0]));
	assert_true(sluice_upstream_set(walk, &own[1]));
	assert_int_equal(walk->upstream, 3);
	assert_str(sluice_get(walk, SLUICE_I_UPSTREAM), "b");
	end();
}

/* ---- when ---------------------------------------------------------------------------------- */

static bool allowed;
static const uint32_t zero;
static struct sluice_upstream handle;

/* All of them, which agree. */
static void try_all(sluice_exchange *x)
{
	((struct chain_item *)(uintptr_t)run_item(x))->upstreams = &zero;
	handle = (struct sluice_upstream){ run_item(x)->inst, STR("u"), 0 };
	allowed = sluice_target_set(x, SLUICE_STR("/new"), NO_QUERY);
	assert_int_equal(sluice_query_set(x, SLUICE_STR("a"), SLUICE_STR("1")), allowed);
	assert_int_equal(sluice_query_remove(x, SLUICE_STR("a")), allowed);
	assert_int_equal(sluice_host_set(x, SLUICE_STR("new")), allowed);
	assert_int_equal(sluice_upstream_set(x, &handle), allowed);
	is_sent(allowed ? "/new" : "/a/b?x=1&y=&x=2&z");
}

static sluice_verdict hook(sluice_exchange *x, const void *conf)
{
	(void)conf;
	try_all(x);
	return SLUICE_NEXT;
}

static sluice_verdict hook_that_waits(sluice_exchange *x, const void *conf)
{
	(void)conf;
	return sluice_sleep(x, 100, hook);
}

TEST(in_request_hooks_and_their_waits)
{
	walk_begin(1, "", 0);
	parts[0].on_request = hook;
	(void)walk_request();
	assert_true(allowed);
	walk_end();
	walk_begin(1, "", 0);
	allowed = false;
	parts[0].on_request = hook_that_waits;
	assert_int_equal(walk_request(), RUN_WAIT);
	fakewire_pass(200 * NS_PER_MS);
	assert_int_equal(resumed, 1);
	assert_true(allowed);
	walk_end();
}

TEST(not_behind_the_request)
{
	walk_begin(1, "", 0);
	parts[0].on_response = hook;
	(void)walk_request();
	allowed = true;
	(void)walk_response(200);
	assert_false(allowed);
	parts[0].on_complete = hook;
	allowed = true;
	walk_complete();
	assert_false(allowed);
	walk_end();
}

static sluice_str provide(sluice_exchange *x, void *ctx, sluice_str name)
{
	(void)ctx, (void)name;
	try_all(x);
	return SLUICE_STR("v");
}

/* Whoever is asked for a fact states it, and that is all. */
TEST(not_in_a_provider)
{
	begin();
	sluice_attr_provide(walk, "ns", provide, NULL);
	allowed = true;
	assert_str(sluice_attr(walk, SLUICE_STR("ns:a")), "v");
	assert_false(allowed);
	end();
}

static sluice_body_plan plan;
static sluice_side side;

static sluice_verdict want(sluice_exchange *x, const void *conf)
{
	(void)conf;
	return sluice_body_want(x, side, &plan) ? SLUICE_NEXT : SLUICE_FAIL;
}

static sluice_verdict body_hook(sluice_exchange *x, const void *conf, sluice_str data, bool is_end)
{
	(void)conf, (void)data, (void)is_end;
	try_all(x);
	return SLUICE_NEXT;
}

static void with_body(sluice_side of, sluice_body_mode mode)
{
	side = of;
	plan = (sluice_body_plan){ .size = sizeof(plan), .mode = mode, .max = 16 };
	walk_begin(1, "", 0);
	parts[0].on_request = want;
	parts[0].on_body = body_hook;
	assert_int_equal(walk_request(), RUN_NEXT);
	stages_end(walk->stages[of], NULL);
	assert_int_equal(stages_run(walk, walk->stages[of]), RUN_NEXT);
	walk_end();
}

TEST(in_buffer_hooks_of_the_request)
{
	allowed = false;
	with_body(SLUICE_REQUEST, SLUICE_BODY_BUFFER);
	assert_true(allowed);
	with_body(SLUICE_REQUEST, SLUICE_BODY_STREAM);
	assert_false(allowed);
	allowed = true;
	with_body(SLUICE_RESPONSE, SLUICE_BODY_BUFFER);
	assert_false(allowed);
}

static sluice_verdict write_much(sluice_exchange *x, const void *conf, sluice_str data, bool is_end)
{
	static char much[STAGE_HIGH];
	(void)conf, (void)data, (void)is_end;
	try_all(x);
	memset(much, 'm', sizeof(much));
	if (sluice_body_write(x, (sluice_str){ much, sizeof(much) }))
		sluice_body_drop(x, data.len);
	return SLUICE_NEXT;
}

/* A BUFFER hook whose receiver is slow is called again, when the head has left. */
TEST(not_in_a_second_call)
{
	struct buf data;
	side = SLUICE_REQUEST;
	plan = (sluice_body_plan){ .size = sizeof(plan), .mode = SLUICE_BODY_BUFFER, .max = 16 };
	walk_begin(1, "", 0);
	parts[0].on_request = want;
	parts[0].on_body = write_much;
	assert_int_equal(walk_request(), RUN_NEXT);
	buf_init(&data);
	buf_append(&data, "four", 4);
	stages_feed(walk->stages[side], &data);
	stages_end(walk->stages[side], NULL);
	allowed = false;
	assert_int_equal(stages_run(walk, walk->stages[side]), RUN_NEXT);
	assert_true(allowed);
	assert_false(stages_hold(walk->stages[side]));
	parts[0].on_body = body_hook;
	buf_drain(&walk->stages[side]->out, walk->stages[side]->out.len);
	walk->request->path = STR("/a/b"); /* as try_all() expects what is refused */
	walk->request->query = STR("x=1&y=&x=2&z");
	walk->request->has_query = true;
	assert_int_equal(stages_run(walk, walk->stages[side]), RUN_NEXT);
	assert_false(allowed);
	walk_end();
}

TEST(without_memory)
{
	walk_begin(1, "", 8192);
	(void)walk_request();
	while (arena_alloc(walk->arena, 1))
		;
	walk_enter(0);
	assert_false(sluice_target_set(walk, SLUICE_STR("/new"), NO_QUERY));
	assert_false(sluice_query_set(walk, SLUICE_STR("a"), SLUICE_STR("1")));
	assert_false(sluice_query_remove(walk, SLUICE_STR("x")));
	assert_false(sluice_host_set(walk, SLUICE_STR("new")));
	is_sent("/a/b?x=1&y=&x=2&z");
	assert_true(walk->arena->failed);
	end();
}

TEST_GROUP(walk_setup, walk_teardown);
