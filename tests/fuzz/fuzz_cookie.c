/*
 * The cookie by which a client stays with a server: the whole input is a Cookie field, and what
 * stands in it under the name "lb" may be a token. The name is gone from what a server gets, all
 * other pairs are there in their order, and a token that is read is written the same way.
 */
#include <stdlib.h>

#include "http/cookie.h"
#include "upstream/sticky.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_token(sluice_str text)
{
	struct sticky_token t;
	char again[STICKY_TEXT];
	if (!sticky_read(text, &t))
		return;
	sticky_write(&t, again);
	check(str_eq(str_n(again, sizeof(again)), text), "\"%.*s\" is written otherwise",
		STR_ARG(text));
}

static void check_rest(sluice_str before, sluice_str after)
{
	struct cookie_pair p, q;
	while (cookie_pair_next(&before, &p)) {
		if (str_eq(p.name, STR("lb"))) {
			check_token(p.value);
			continue;
		}
		if (!p.text.len)
			continue;
		check(cookie_pair_next(&after, &q) && str_eq(p.text, q.text), "\"%.*s\" is lost",
			STR_ARG(p.text));
	}
	check(!cookie_pair_next(&after, &q), "\"%.*s\" came out of nothing", STR_ARG(q.text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;
	struct field f = { .value = (const char *)data, .value_len = (uint32_t)size };
	arena_init(&a, 0);
	check_token(field_value(&f));
	if (cookie_take_out(&a, &f, STR("lb")) == 0) {
		check(!cookie_has(field_value(&f), STR("lb")), "the cookie is still there");
		check(!(f.flags & FIELD_DROP) == (f.value_len > 0), "an empty field stays");
		check_rest(str_n((const char *)data, size), field_value(&f));
	}
	arena_fini(&a);
	return 0;
}
