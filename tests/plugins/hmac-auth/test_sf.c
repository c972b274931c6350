/* Structured fields (RFC 8941), Base64, and parameters of a query. */
#include "../httpsig/base64.h"
#include "../httpsig/query.h"
#include "../httpsig/sf.h"
#include "test.h"

extern const sluice_plugin sluice_plugin_record;

/* The dictionary as it is written again: member by member, `|` between them. NULL: malformed. */
static const char *again(const char *value)
{
	static char out[4096];
	struct text t = { .data = out, .room = sizeof(out) - 1 };
	struct sf_dictionary d;
	struct sf_member m;
	for (sf_dictionary_init(&d, sluice_str_of(value)); sf_dictionary_next(&d, &m);) {
		if (d.n > 1)
			text_put_char(&t, '|');
		text_put(&t, m.key);
		text_put_char(&t, '=');
		assert_true(sf_put_value(&t, &m));
	}
	out[t.len] = '\0';
	return d.is_malformed ? NULL : out;
}

TEST(dictionaries_are_written_in_one_way)
{
	static const char *const rows[][2] = {
		{ "", "" },
		{ "  a=1  ", "a=1" },
		{ "a=1 ,\tb=2", "a=1|b=2" },
		{ "a, b;x, c=?0", "a=?1|b=?1;x|c=?0" },
		{ "a=007, b=-0, c=-12", "a=7|b=0|c=-12" },
		{ "a=1.50, b=-0.5, c=2.0", "a=1.5|b=-0.5|c=2.0" },
		{ "a=\"x \\\" \\\\ y\"", "a=\"x \\\" \\\\ y\"" },
		{ "a=tok/en:*", "a=tok/en:*" },
		{ "a=:AQI=:", "a=:AQI=:" },
		{ "a=::", "a=::" },
		{ "a=(  1   x;p=?1 \"s\" );q=2", "a=(1 x;p \"s\");q=2" },
		{ "a=();  b=1", "a=();b=1" },
		{ "*a_-.1=1", "*a_-.1=1" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *got = again(rows[i][0]);
		assert_non_null(got);
		assert_string_equal(got, rows[i][1]);
	}
}

TEST(malformed_dictionaries)
{
	static const char *const rows[] = { "A=1", "1=1", "a=", "a=1,", ",a=1", "a=1 b=2", "a=1;",
		"a=1;B", "a=\"x", "a=\"\\x\"", "a=\"\t\"", "a=\"\x80\"",
		"a=:AQI:", "a=:AQJ=:", "a=:A_I=:", "a=:AQI=", "a=(1", "a=(1 2", "a=(1,2)", "a=(1)x",
		"a=((1))", "a=1, a=2", "a=1;b=1;b=2", "a=1234567890123456", "a=1234567890123.1",
		"a=999999999999999.9999", "a=1.1234", "a=1.", "a=-", "a=--1", "a=?2", "a=?",
		"\ta=1", "a =1", "a= 1" };
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (again(rows[i]))
			fail_msg("\"%s\" was read", rows[i]);
	}
}

TEST(what_is_read_has_bounds)
{
	char text[SF_TEXT_MAX + 8];
	struct text t = { .data = text, .room = sizeof(text) };
	for (int i = 0; i < SF_MEMBERS_MAX; i++) {
		text_put(&t, i ? SLUICE_STR(",a") : SLUICE_STR("a"));
		text_put_char(&t, (char)('a' + i));
	}
	text[t.len] = '\0';
	assert_non_null(again(text));
	text_put(&t, SLUICE_STR(",zz"));
	text[t.len] = '\0';
	assert_null(again(text));
	t.len = 0;
	text_put(&t, SLUICE_STR("a=("));
	for (int i = 0; i <= SF_ITEMS_MAX; i++)
		text_put(&t, SLUICE_STR("1 "));
	text_put(&t, SLUICE_STR(")"));
	text[t.len] = '\0';
	assert_null(again(text));
	memset(text, ' ', sizeof(text));
	text[0] = 'a';
	text[sizeof(text) - 1] = '\0';
	assert_null(again(text));
}

TEST(a_full_text_stays_as_it_is)
{
	char out[4];
	struct text t = { .data = out, .room = sizeof(out) };
	text_put(&t, SLUICE_STR("abc"));
	text_put(&t, SLUICE_STR("de"));
	text_put(&t, SLUICE_STR("f"));
	assert_true(t.is_full);
	assert_int_equal(t.len, 3);
}

TEST(base64_both_ways)
{
	uint8_t bytes[256], back[256];
	char out[512];
	for (size_t n = 0; n < sizeof(bytes); n++) {
		struct text t = { .data = out, .room = sizeof(out) };
		for (size_t i = 0; i < n; i++)
			bytes[i] = (uint8_t)(i * 37 + n);
		text_put_base64(&t, bytes, n);
		assert_true(base64_is(text_from(&t, 0)));
		assert_int_equal(base64_decode(text_from(&t, 0), back), n);
		assert_memory_equal(bytes, back, n);
	}
	assert_false(base64_is(SLUICE_STR("A===")));
	assert_false(base64_is(SLUICE_STR("=AAA")));
	assert_false(base64_is(SLUICE_STR("====")));
}

static const char *param(const char *query, const char *name)
{
	static char out[256];
	struct text t = { .data = out, .room = sizeof(out) - 1 };
	if (!query_put_param(&t, sluice_str_of(query), sluice_str_of(name)))
		return NULL;
	out[t.len] = '\0';
	return out;
}

/* RFC 9421 2.2.8 */
TEST(parameters_of_a_query)
{
	const char *query = "var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace"
			    "&fa%C3%A7ade%22%3A%20=something&qux=&empty&twice=1&twice=2";
	assert_string_equal(param(query, "var"), "this%20is%20a%20big%0Amultiline%20value");
	assert_string_equal(param(query, "bar"), "with%20plus%20whitespace");
	assert_string_equal(param(query, "fa%C3%A7ade%22%3A%20"), "something");
	assert_string_equal(param(query, "qux"), "");
	assert_string_equal(param(query, "empty"), "");
	assert_null(param(query, "twice"));
	assert_null(param(query, "absent"));
	assert_null(param("va=1", "var"));
	assert_null(param("vars=1", "var"));
	assert_string_equal(param("%76%61r=%7e%2a", "var"), "%7E*");
	assert_string_equal(param("a=%4&&", "a"), "%254");
	assert_null(param(NULL, "a"));
}
