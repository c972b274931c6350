/* The claims of a token, whose origin is known to be good, are judged, and kept for the next
 * request with the token. */
#ifndef JWT_ACCEPT_H
#define JWT_ACCEPT_H

#include <jansson.h>
#include <sluice/plugin.h>

#include "conf.h"

/* A token, and who vouches for its claims. */
struct vouched {
	sluice_str token;
	uint64_t hash;       /* by cache_hash() */
	size_t issuer;       /* whose keys verified it; CACHE_INTROSPECTED: a server was asked */
	uint64_t generation; /* of these keys */
	uint64_t for_ms;     /* how long the answer holds; UINT64_MAX: as the claims say */
};

/* Takes the claims over. */
sluice_verdict accept_claims(sluice_exchange *x, const struct jwt_conf *conf,
	const struct vouched *v, json_t *claims);

#endif
