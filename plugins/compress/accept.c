/* See accept.h. */
#include "accept.h"

#include "../shared/weight.h"

enum { UNSAID = UINT16_MAX };

/* Where the weight of a coding is kept; NULL: it is none that matters. */
static uint16_t *place_of(struct accept *a, uint16_t *rest, sluice_str coding)
{
	static const struct {
		sluice_str name;
		enum coding coding;
	} names[] = { { { "gzip", 4 }, CODING_GZIP }, { { "br", 2 }, CODING_BR },
		{ { "zstd", 4 }, CODING_ZSTD }, { { "x-gzip", 6 }, CODING_GZIP } };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (sluice_str_ieq(coding, names[i].name))
			return &a->coding[names[i].coding];
	}
	if (sluice_str_ieq(coding, SLUICE_STR("identity")))
		return &a->identity;
	return sluice_str_is(coding, "*") ? rest : NULL;
}

struct accept accept_read(sluice_str value)
{
	struct accept a = { .coding = { UNSAID, UNSAID, UNSAID }, .identity = UNSAID };
	uint16_t rest = UNSAID;
	while (value.len) {
		sluice_str parameters = sluice_str_cut(&value, ',');
		sluice_str coding = sluice_str_trim(sluice_str_cut(&parameters, ';'));
		uint16_t *at = place_of(&a, &rest, coding);
		if (at && *at == UNSAID)
			*at = weight_of(parameters);
	}
	for (size_t i = 0; i < CODINGS; i++) {
		if (a.coding[i] == UNSAID)
			a.coding[i] = rest == UNSAID ? 0 : rest;
	}
	/* without a word about it, identity is accepted, and liked least */
	if (a.identity == UNSAID)
		a.identity = rest == UNSAID ? 1 : rest;
	return a;
}

size_t accept_choose(const struct accept *a, const struct coder_ops *const *order, size_t n,
	const struct coder_ops *out[CODINGS])
{
	size_t chosen = 0;
	for (size_t i = 0; i < n; i++) {
		uint16_t weight = a->coding[order[i]->coding];
		size_t at = chosen;
		if (weight == 0 || weight < a->identity)
			continue;
		for (; at > 0 && a->coding[out[at - 1]->coding] < weight; at--)
			out[at] = out[at - 1];
		out[at] = order[i];
		chosen++;
	}
	return chosen;
}
