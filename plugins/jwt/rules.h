/* Checks of a token's claims: those of RFC 7519 section 4.1 and those of the options. */
#ifndef JWT_RULES_H
#define JWT_RULES_H

#include <jansson.h>

#include "conf.h"

/* milliseconds since 1970, leeway included: from <= now < until */
struct validity {
	uint64_t from, until;
};

/*
 * Check all claims against the options, and `iss` against issuer. A claim that is null counts as
 * missing. On REASON_NONE, *when is the time for which the result is valid, for the cache. On
 * REASON_TOKEN_CLAIM, *which names the claim.
 */
enum reason rules_check(const struct jwt_conf *conf, sluice_str issuer, const json_t *claims,
	uint64_t now_ms, struct validity *when, sluice_str *which);
/* The same of what an authorization server said of a token (RFC 7662 2.2): `iss` and `exp` may be
 * missing, since the server has looked at both. */
enum reason rules_check_introspected(const struct jwt_conf *conf, const json_t *claims,
	uint64_t now_ms, struct validity *when, sluice_str *which);

#endif
