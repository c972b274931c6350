/*
 * Checks of a token's claims: those of RFC 7519 section 4.1 and those of the options. The rules are
 * one table, which a request goes through up to the first that fails, and `sluice token verify` to
 * its end.
 */
#ifndef JWT_RULES_H
#define JWT_RULES_H

#include <jansson.h>

#include "../jose/token.h"
#include "conf.h"

/* milliseconds since 1970, leeway included: from <= now < until */
struct validity {
	uint64_t from, until;
};

/* What is judged, and by what. */
struct rules_case {
	const struct jwt_conf *conf;
	sluice_str issuer; /* whose keys verified it: its name as configured */
	const json_t *claims;
	uint64_t now_ms;
	struct expression_scratch *scratch; /* of the thread; NULL: no expression fits */
	/* The claims are what an authorization server said of a token (RFC 7662 2.2): `iss` and
	 * `exp` may be missing, since the server has looked at both; there is no `issuer`. */
	bool is_introspected;
};

/* Whether the token's `typ` is one of those that are accepted (RFC 9068 2.1). */
bool rules_accept_type(const struct jwt_conf *conf, const struct token *t);
/*
 * Check all claims. A claim that is null counts as missing. On REASON_NONE, *when is the time for
 * which the result is valid, for the cache. *which names the claim that is to blame; it is left as
 * it is where none is to be named.
 */
enum reason rules_check(const struct rules_case *c, struct validity *when, sluice_str *which);

/* how a rule ended */
struct rules_finding {
	const char *option; /* it belongs to: `audience`; or the claim, where no option decides */
	const char *claims; /* names of the claims that it looks at, with blanks; NULL: as wanted */
	const char *kind;   /* how `wanted` is to be read: "one of"; NULL: by itself */
	const sluice_strs *wanted;   /* NULL: no list */
	const sluice_pairs *pairs;   /* NULL: no map */
	const uint64_t *duration_ms; /* NULL: no time */
	enum reason why;
	sluice_str which;
};
typedef void (*rules_told_fn)(void *ctx, const struct rules_finding *f);

/* The same, but every rule that the options ask for is tried and told of. Returns the reason of the
 * first that failed, which is that of rules_check(). */
enum reason rules_explain(const struct rules_case *c, rules_told_fn told, void *ctx);

#endif
