/* http/query: what becomes of a query whose parameters are set and taken away. */
#include "http/query.h"

#include "unit.h"

static const char *replaced(const char *query, sluice_str name, const sluice_str *value)
{
	static char out[256];
	sluice_str q = query ? str_of(query) : STR_NONE;
	size_t room = QUERY_ROOM(q, name, value ? *value : STR_NONE);
	assert_true(room < sizeof(out));
	memset(out, '!', sizeof(out));
	size_t n = query_replace(q, name, value, out);
	assert_true(n < room);
	for (size_t i = room; i < sizeof(out); i++)
		assert_int_equal(out[i], '!');
	out[n] = 0;
	return out;
}

static const char *set(const char *query, const char *name, const char *value)
{
	const sluice_str v = str_of(value);
	return replaced(query, str_of(name), &v);
}

static const char *removed(const char *query, const char *name)
{
	return replaced(query, str_of(name), NULL);
}

TEST(set_takes_the_place_of_all)
{
	assert_string_equal(set(NULL, "a", "1"), "a=1");
	assert_string_equal(set("", "a", "1"), "a=1");
	assert_string_equal(set("b=2", "a", ""), "b=2&a=");
	assert_string_equal(set("a", "a", "1"), "a=1");
	assert_string_equal(set("x=1&a=2&y=%7e&a=3&&a&z", "a", "new"), "x=1&a=new&y=%7e&&z");
	assert_string_equal(set("b=2&", "a", "1"), "b=2&&a=1");
	assert_string_equal(set("aa=1&A=2&=3", "a", "1"), "aa=1&A=2&=3&a=1");
}

TEST(names_are_compared_decoded)
{
	assert_string_equal(removed("%61%62=1&ab=2&a+b=3&a%20b=4&a%2Bb=5", "ab"),
		"a+b=3&a%20b=4&a%2Bb=5");
	assert_string_equal(removed("%61%62=1&ab=2&a+b=3&a%20b=4&a%2Bb=5", "a b"),
		"%61%62=1&ab=2&a%2Bb=5");
	assert_string_equal(removed("a%=1&a=2", "a%"), "a=2");
}

TEST(remove_leaves_the_rest)
{
	assert_string_equal(removed(NULL, "a"), "");
	assert_string_equal(removed("a=1", "a"), "");
	assert_string_equal(removed("a=1&a&a=", "a"), "");
	assert_string_equal(removed("a=1&b=2", "a"), "b=2");
	assert_string_equal(removed("b=2&a=1", "a"), "b=2");
	assert_string_equal(removed("b=2&a=1&c=3&b=4", "a"), "b=2&c=3&b=4");
	assert_string_equal(removed("&&", "a"), "&&");
}

/* Nothing of a value can end it, or its name. */
TEST(what_is_written_is_escaped)
{
	static const char zero[] = "\0";
	const sluice_str nul = { zero, 1 };
	assert_string_equal(set("", "a&b=c", "1&d=2#?/ +%"),
		"a%26b%3Dc=1%26d%3D2%23%3F%2F%20%2B%25");
	assert_string_equal(set("", "-._~9", "\xc3\xa4\r\n"), "-._~9=%C3%A4%0D%0A");
	assert_string_equal(replaced("x", nul, &nul), "x&%00=%00");
}
