/* The claims of a logout token (OpenID Connect Back-Channel Logout 1.0, 2.4 and 2.6), after its
 * signature was verified. Any thread. */
#ifndef OIDC_LOGOUT_TOKEN_H
#define OIDC_LOGOUT_TOKEN_H

#include "id_token.h"

enum {
	/* A token that was issued longer ago is not taken; as long it is remembered. */
	LOGOUT_TOKEN_AGE_MS = 10 * 60 * 1000,
	LOGOUT_TOKEN_TEXT = 1024, /* bytes of jti, sid and sub */
};

/* What it says; borrowed from the claims. */
struct logout_said {
	sluice_str jti, sid, sub; /* data NULL: it has none; one of sid and sub is there */
	uint64_t until_ms;        /* when nobody takes it any more, since 1970 */
};

/* issuer, client_id, now_ms and leeway_ms of *e count. NULL, or what is wrong: the rest of a
 * sentence that begins with "the logout token". */
const char *logout_token_check(const struct token *t, const json_t *claims,
	const struct id_expected *e, struct logout_said *out);

#endif
