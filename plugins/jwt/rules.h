/* What the claims of a token must say to be let through: the checks of RFC 7519 section 4.1 and the
 * operator's own. */
#ifndef JWT_RULES_H
#define JWT_RULES_H

#include <jansson.h>

#include "conf.h"

/* milliseconds since 1970, the leeway counted in: from <= now < until */
struct validity {
	uint64_t from, until;
};

/*
 * Check all claims against the options, and that issuer is who signed the token. A claim that is
 * null is missing. On REASON_NONE, *when tells for how long the answer holds, which is what another
 * look at the same token needs to ask. On REASON_TOKEN_CLAIM, *which names the claim.
 */
enum reason rules_check(const struct jwt_conf *conf, sluice_str issuer, const json_t *claims,
	uint64_t now_ms, struct validity *when, sluice_str *which);

#endif
