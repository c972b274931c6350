/*
 * Conditions on claims in the words of a route's `match`: a text that the value equals, `"*"` for
 * any value, `regex:PATTERN` for the whole value, or a list of these, of which one is enough. Of an
 * array, one member is enough. Immutable once checked: any thread, with a scratch of its own.
 */
#ifndef JWT_CLAIM_MATCH_H
#define JWT_CLAIM_MATCH_H

#include <jansson.h>
#include <sluice/plugin.h>

#include "../shared/expression.h"

struct claim_value;

/* one claim */
struct claim_match {
	sluice_str name;
	const struct claim_value *any; /* borrowed from the instance: one of n has to fit */
	size_t n;
};

struct claim_matches {
	struct claim_match *v; /* borrowed from the instance */
	size_t n;
	bool has_regex;
};

/* Main thread, in check(): compile the pairs of that option. 0, or -1 with errors reported;
 * claim_matches_free() in both cases. */
int claim_matches_check(sluice_instance *inst, const char *option, const sluice_pairs *pairs,
	struct claim_matches *out);
void claim_matches_free(struct claim_matches *m);
/* LIMIT: an expression needs more work than one match may take, or there is no scratch. A claim
 * that is missing fits nothing. */
enum expression_match claim_match_asks(const struct claim_match *m, const json_t *claims,
	struct expression_scratch *scratch);

#endif
