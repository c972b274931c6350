/*
 * Challenges: the whole input is a value of WWW-Authenticate. The challenges stand in it in their
 * order, nothing but blanks and commas is between them, and each reads as itself alone.
 */
#include <stdlib.h>

#include "http/challenges.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_gap(const char *from, const char *to)
{
	for (; from < to; from++)
		check(*from == ' ' || *from == '\t' || *from == ',', "a byte is lost");
}

static void check_alone(const struct challenge_text *c)
{
	sluice_str rest = c->text;
	struct challenge_text again;
	check(challenges_next(&rest, &again) && str_eq(again.text, c->text) &&
			str_eq(again.scheme, c->scheme),
		"\"%.*s\" reads otherwise", STR_ARG(c->text));
	check(!challenges_next(&rest, &again), "\"%.*s\" is two", STR_ARG(c->text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	sluice_str rest = str_n((const char *)data, size);
	const char *at = rest.data, *end = at + size;
	struct challenge_text c;
	while (size && challenges_next(&rest, &c)) {
		check(c.text.len && c.text.data >= at && c.text.data + c.text.len <= end,
			"a challenge out of nothing");
		check_gap(at, c.text.data);
		check_alone(&c);
		at = c.text.data + c.text.len;
	}
	if (size)
		check_gap(at, end);
	return 0;
}
