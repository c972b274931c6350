/* tests/plugins/tool/script: what a script may say, and where its mistakes are. */
#include "script.h"

#include <stdlib.h>

#include "config/table.h"
#include "unit.h"

#define PLUGINS "plugins: { a: { use: one }, b: { use: two, x: 1 } }\n"

static struct script s;

static bool load(const char *text)
{
	return script_load_text(&s, "t.yaml", "/", str_of(text));
}

static void good(const char *text)
{
	if (!load(text)) {
		size_t n;
		char *said = diag_printed(&s.diag, &n);
		fail_msg("%.*s", (int)n, said);
	}
}

/* The one mistake, as it is printed. */
static void bad(const char *text, const char *expected)
{
	size_t n;
	assert_false(load(text));
	char *said = diag_printed(&s.diag, &n);
	assert_string_equal(said, expected);
	free(said);
	script_fini(&s);
}

TEST(the_table_is_sound)
{
	char why[256] = "";
	if (table_check(script_options, sizeof(struct script), true, why, sizeof(why)) < 0)
		fail_msg("%s", why);
}

TEST(a_case_that_says_little)
{
	good(PLUGINS "cases: [ { name: it } ]\n");
	const struct script_case *c = script_case(&s, 0);
	assert_int_equal(s.cases.n, 1);
	assert_string_equal(c->name.data, "it");
	assert_string_equal(c->request.method.data, "GET");
	assert_string_equal(c->request.target.data, "/");
	assert_int_equal(c->upstream.status, 200);
	assert_int_equal(c->repeat, 1);
	assert_null(c->expect.answered_by.data);
	assert_null(c->expect.body.data);
	assert_null(c->expect.forwarded.method.data);
	assert_int_equal(c->expect.status, 0);
	script_fini(&s);
}

TEST(an_empty_text_is_said_one_left_out_is_not)
{
	good(PLUGINS "cases: [ { name: it, expect: { body: \"\" } } ]\n");
	assert_non_null(script_case(&s, 0)->expect.body.data);
	assert_null(script_case(&s, 0)->expect.detail.data);
	script_fini(&s);
}

TEST(the_chain_is_the_case_s_or_the_script_s_or_all)
{
	sluice_str names[SCRIPT_CHAIN];
	good(PLUGINS "cases: [ { name: it } ]\n");
	assert_int_equal(script_chain(&s, script_case(&s, 0), names), 2);
	assert_string_equal(names[1].data, "b");
	script_fini(&s);
	good(PLUGINS "chain: [b, a]\ncases: [ { name: it }, { name: other, chain: a } ]\n");
	assert_int_equal(script_chain(&s, script_case(&s, 0), names), 2);
	assert_string_equal(names[0].data, "b");
	assert_int_equal(script_chain(&s, script_case(&s, 1), names), 1);
	assert_string_equal(names[0].data, "a");
	script_fini(&s);
}

TEST(repeated_fields_are_as_many)
{
	good(PLUGINS "cases: [ { name: it, request: { fields: { A: [b, c], D: e } } } ]\n");
	sluice_pairs f = script_case(&s, 0)->request.fields;
	assert_int_equal(f.n, 3);
	assert_string_equal(f.v[1].name.data, "A");
	assert_string_equal(f.v[1].value.data, "c");
	script_fini(&s);
}

TEST(mistakes_have_place_and_hint)
{
	bad("cases: [ { name: it } ]\n",
		"t.yaml:1:1: error: plugins is required: instances of plugins by name: `use`, and "
		"the options of the plugin\n"
		"    hint: for example plugins: ...\n");
	bad(PLUGINS "cases:\n  - name: it\n    reqest: { method: GET }\n",
		"t.yaml:4:5: error: cases[0]: unknown key \"reqest\"\n"
		"    hint: did you mean request?\n");
	bad(PLUGINS "cases:\n  - { name: it, chain: [a, c] }\n",
		"t.yaml:3:24: error: cases[0].chain: there is no instance \"c\"\n"
		"    hint: the instances are those of `plugins` in this file\n");
	bad(PLUGINS "cases:\n  - { name: it }\n  - { name: it }\n",
		"t.yaml:4:13: error: cases[1].name: another case is called so\n");
	bad(PLUGINS "cases:\n  - name: it\n    request: { target: \"http://a/\" }\n",
		"t.yaml:4:24: error: cases[0].request.target: must begin with \"/\"\n"
		"    hint: the host is a line of its own: host: api.example.com\n");
	bad(PLUGINS "cases:\n  - name: it\n    request: { target: \"/a/../../b\" }\n",
		"t.yaml:4:24: error: cases[0].request.target: the gateway refuses such a target or "
		"host\n");
	bad(PLUGINS "cases:\n  - name: it\n    request: { fields: { \"a b\": c } }\n",
		"t.yaml:4:24: error: cases[0].request.fields: \"a b\" is no name of a field\n");
	bad(PLUGINS "cases:\n  - name: it\n    stores: [ { store: counts, reply: 1 } ]\n",
		"t.yaml:4:24: error: cases[0].stores[0].store: there is no Redis store \"counts\"\n"
		"    hint: at the top of the file: stores: { counts: redis }\n");
	bad(PLUGINS "cases:\n  - name: it\n    expect: { answered_by: c }\n",
		"t.yaml:4:28: error: cases[0].expect.answered_by: nobody is called \"c\"\n"
		"    hint: write upstream, gateway, or the name of an instance\n");
	bad(PLUGINS "cases:\n  - name: it\n"
		    "    expect: { not_forwarded: true, forwarded: { method: GET } }\n",
		"t.yaml:4:30: error: cases[0].expect.not_forwarded: contradicts `forwarded`\n");
	bad(PLUGINS "cases:\n  - name: it\n    facts: { tls_sni: a, path: /a }\n",
		"t.yaml:4:12: error: cases[0].facts: path is part of the request\n"
		"    hint: say it in `request`: method, target, host, scheme, client, fields\n");
	bad(PLUGINS "cases:\n  - name: it\n    facts: { \"header:a\": b }\n",
		"t.yaml:4:12: error: cases[0].facts: header:a is part of the request\n"
		"    hint: say it in `request`: method, target, host, scheme, client, fields\n");
	bad(PLUGINS "cases:\n  - name: it\n    numbers: { tries: some }\n",
		"t.yaml:4:14: error: cases[0].numbers: tries: expected a number\n");
	bad(PLUGINS "cases:\n  - name: it\n    numbers: { bytes: 3 }\n",
		"t.yaml:4:14: error: cases[0].numbers: there is no number bytes\n"
		"    hint: there are upstream_status, tries, bytes_in, bytes_out, request_body, "
		"response_body, duration_us, connect_us, response_us, start_ms, client_port, "
		"peer_port, connection_requests, connection_kept\n");
	bad("plugins: [a]\ncases: [ { name: it } ]\n",
		"t.yaml:1:10: error: plugins: expected a block of instances, not a list\n"
		"    hint: write NAME: { use: PLUGIN }\n");
}
