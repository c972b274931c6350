/* policy/template: texts with placeholders, what they refuse, and that no value gets out of its
 * place. */
#include "policy/template.h"

#include "walk_kit.h"

static struct arena arena;

static const struct sluice_template *compile(enum template_kind kind, const char *text)
{
	struct expr_wrong wrong = { .why = NULL };
	const struct sluice_template *t = template_read(&arena, kind, str_of(text), NULL, &wrong);
	if (!t)
		fail_msg("\"%s\": %s", text, wrong.why);
	return t;
}

static void assert_text(enum template_kind kind, const char *text, const char *want)
{
	sluice_str got = STR_NONE;
	enum sluice_template_result r = template_write(walk, compile(kind, text), &got);
	if (!want && r != SLUICE_TEMPLATE_MISSING)
		fail_msg("\"%s\" is \"%.*s\", and should be missing", text, STR_ARG(got));
	if (want && (r != SLUICE_TEMPLATE_OK || !str_eq(got, str_of(want))))
		fail_msg("\"%s\" is \"%.*s\" (%d), not \"%s\"", text, STR_ARG(got), r, want);
}

TEST(fields)
{
	walk_begin(1, "X-A: a\nX-Empty: \n", 0);
	assert_text(TEMPLATE_FIELD, "", "");
	assert_text(TEMPLATE_FIELD, "plain", "plain");
	assert_text(TEMPLATE_FIELD, "{ip}", "192.0.2.7");
	assert_text(TEMPLATE_FIELD, "from {ip} by {header:x-a}{header:x-empty}.",
		"from 192.0.2.7 by a.");
	assert_text(TEMPLATE_FIELD, "{{\"ip\":\"{ip}\"}}", "{\"ip\":\"192.0.2.7\"}");
	assert_text(TEMPLATE_FIELD, "{{ip}}", "{ip}");
	assert_text(TEMPLATE_FIELD, "by {header:x-none}", NULL);
	walk_end();
}

TEST(what_is_refused)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "{ip", "nothing closes" },
		{ "ip}", "nothing opened" },
		{ "{}", "empty placeholder" },
		{ "{two words}", "expected" },
		{ "a\x01", "control" },
		{ "{ip}\r\nX: y", "control" },
	};
	struct expr_wrong wrong;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_null(
			template_read(&arena, TEMPLATE_FIELD, str_of(bad[i].text), NULL, &wrong));
		if (!strstr(wrong.why, bad[i].why))
			fail_msg("\"%s\" is refused by \"%s\"", bad[i].text, wrong.why);
	}
}

/* JSON, CSS and programs are full of braces. */
TEST(a_body_keeps_braces_that_are_none_of_ours)
{
	static const char *const same[] = {
		"{\"a\":{\"b\":{}}}",
		"{}",
		"{ ip }",
		"f(){return 1}",
		"p { color: red }",
		"{{",
		"}}",
		"{",
		"}",
		"{ip",
		"{Ip}",
		"{:}",
		"{{{",
	};
	walk_begin(1, "", 0);
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		assert_text(TEMPLATE_TEXT, same[i], same[i]);
	assert_text(TEMPLATE_TEXT, "{ip}", "192.0.2.7");
	assert_text(TEMPLATE_TEXT, "{{ip}}", "{ip}");
	assert_text(TEMPLATE_TEXT, "{\"ip\":{ip}}", "{\"ip\":192.0.2.7}");
	assert_text(TEMPLATE_TEXT, "a{header:x-none}b", "ab");
	walk_end();
}

TEST(a_value_stays_within_its_body)
{
	walk_begin(1, "", 0);
	walk->request->query = STR("v=%3Cscript%3E%26%22%27&j=%22%2C%0A%5C%FF");
	assert_text(TEMPLATE_HTML, "<p>{query:v}</p>", "<p>&lt;script&gt;&amp;&quot;&#39;</p>");
	assert_text(TEMPLATE_JSON, "{\"v\":\"{query:j}\"}", "{\"v\":\"\\\",\\n\\\\\xef\xbf\xbd\"}");
	assert_int_equal(template_kind_of_body(STR("application/problem+JSON")), TEMPLATE_JSON);
	assert_int_equal(template_kind_of_body(STR("text/html; charset=utf-8")), TEMPLATE_HTML);
	assert_int_equal(template_kind_of_body(STR("image/svg+xml")), TEMPLATE_HTML);
	assert_int_equal(template_kind_of_body(STR("text/plain")), TEMPLATE_TEXT);
	walk_end();
}

TEST(no_value_begins_another_line)
{
	walk_begin(1, "", 0);
	walk->request->query = STR("v=a%0D%0AX-Admin:+1");
	assert_text(TEMPLATE_FIELD, "{query:v}", NULL);
	assert_text(TEMPLATE_FIELD, "a {query:v}", NULL);
	assert_text(TEMPLATE_LOCATION, "/{query:v}", "/a%0D%0AX-Admin%3A%201");
	walk_end();
}

TEST(a_redirect_keeps_path_and_query)
{
	struct path_captures captures = { .n = 1, .v = { { STR("id"), STR("a%2Fb%20c") } } };
	walk_begin(1, "", 0);
	walk->captures = &captures;
	walk->request->path = STR("/a%20b/{x}");
	walk->request->query = STR("q=1%202&r");
	assert_text(TEMPLATE_LOCATION, "https://{host}{target}",
		"https://example.com/a%20b/%7Bx%7D?q=1%202&r");
	assert_text(TEMPLATE_LOCATION, "{scheme}://{host}/n/{path:id}",
		"http://example.com/n/a%2Fb%20c");
	assert_text(TEMPLATE_LOCATION, "/find?q={query:q}", "/find?q=1%202");
	walk->captures = NULL;
	walk_end();
}

/* What a request says must not choose where a redirect leads. */
TEST(a_redirect_does_not_lead_where_a_request_says)
{
	static const struct {
		const char *path, *query, *text, *want;
	} rows[] = {
		{ "//evil.test/", "", "{path}", "/.//evil.test/" },
		{ "//evil.test/", "q", "{target}", "/.//evil.test/?q" },
		{ "/\\evil.test/", "", "{path}", "/%5Cevil.test/" },
		{ "/x", "next=//evil.test/", "{query:next}", "%2F%2Fevil.test%2F" },
		{ "/x", "next=https://evil.test/", "{query:next}", "https%3A%2F%2Fevil.test%2F" },
		{ "/x", "next=/evil.test/", "/{query:next}", "/%2Fevil.test%2F" },
		{ "/x", "", "{path:rest}", "./https:evil.test" },
		{ "/x", "", "/{path:more}", "/.//evil.test" },
		{ "/x", "", "/in/{path:rest}", "/in/https:evil.test" },
		{ "/x", "", "//cdn.test{path}", "//cdn.test/x" },
		{ "/x", "", "{header:x-to}", "./javascript:alert(1)" },
	};
	struct path_captures captures = { .n = 2,
		.v = { { STR("rest"), STR("https:evil.test") },
			{ STR("more"), STR("/evil.test") } } };
	walk_begin(1, "X-To: javascript:alert(1)\n", 0);
	walk->captures = &captures;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		walk->request->path = str_of(rows[i].path);
		walk->request->query = str_of(rows[i].query);
		walk->request->has_query = rows[i].query[0] != 0;
		assert_text(TEMPLATE_LOCATION, rows[i].text, rows[i].want);
	}
	walk->captures = NULL;
	assert_int_equal(template_kind_of_field(STR("LOCATION")), TEMPLATE_LOCATION);
	walk_end();
}

TEST(memory_runs_out)
{
	const struct sluice_template *t = compile(TEMPLATE_FIELD, "{ip} {query:x}");
	sluice_str out;
	walk_begin(1, "", 8192);
	walk->arena->budget = 1;
	enum sluice_template_result r = template_write(walk, t, &out);
	while (r == SLUICE_TEMPLATE_OK)
		r = template_write(walk, t, &out);
	assert_int_equal(r, SLUICE_TEMPLATE_FAIL);
	walk_end();
}

static int teardown(void **state)
{
	arena_fini(&arena);
	return walk_teardown(state);
}

static int setup(void **state)
{
	arena_init(&arena, 0);
	return walk_setup(state);
}

TEST_GROUP(setup, teardown);
