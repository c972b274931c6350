/* http/challenges: one challenge after another of a field. */
#include "http/challenges.h"

#include <stdio.h>

#include "unit.h"

/* All challenges of a value: [scheme|text] each. */
static const char *split(const char *value)
{
	static char text[512];
	struct challenge_text c;
	sluice_str rest = str_of(value);
	size_t n = 0;
	text[0] = 0;
	while (challenges_next(&rest, &c))
		n += (size_t)snprintf(text + n, sizeof(text) - n, "[%.*s|%.*s]", STR_ARG(c.scheme),
			STR_ARG(c.text));
	return text;
}

TEST(commas_between_challenges_and_between_parameters)
{
	/* RFC 9110 11.6.1 */
	assert_string_equal(split("Basic realm=\"simple\", Newauth realm=\"apps\", type=1, "
				  "title=\"Login to \\\"apps\\\", please\""),
		"[Basic|Basic realm=\"simple\"][Newauth|Newauth realm=\"apps\", type=1, "
		"title=\"Login to \\\"apps\\\", please\"]");
	assert_string_equal(split("Bearer"), "[Bearer|Bearer]");
	assert_string_equal(split("Negotiate, NTLM ,Bearer error=\"x\""),
		"[Negotiate|Negotiate][NTLM|NTLM][Bearer|Bearer error=\"x\"]");
	assert_string_equal(split("Negotiate YII=, Basic realm = \"a\" , charset\t=\"UTF-8\""),
		"[Negotiate|Negotiate YII=][Basic|Basic realm = \"a\" , charset\t=\"UTF-8\"]");
	assert_string_equal(split(" , ,Basic realm=\"a\",, ,"), "[Basic|Basic realm=\"a\"]");
	assert_string_equal(split(""), "");
	assert_string_equal(split(" ,\t"), "");
}

TEST(what_breaks_the_grammar)
{
	assert_string_equal(split("realm=\"a\""), "[|realm=\"a\"]");
	assert_string_equal(split("\"Basic realm"), "[|\"Basic realm]");
	assert_string_equal(split("Basic realm=\"a, Bearer"), "[Basic|Basic realm=\"a, Bearer]");
	assert_string_equal(split("Basic realm=\"a\\"), "[Basic|Basic realm=\"a\\]");
	assert_string_equal(split("Basic realm=\"a\", \"b\", Bearer"),
		"[Basic|Basic realm=\"a\", \"b\"][Bearer|Bearer]");
	assert_string_equal(split("\xff\xfe x, Bearer"), "[|\xff\xfe x][Bearer|Bearer]");
}
