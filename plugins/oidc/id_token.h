/* The claims of an ID token (OpenID Connect Core 3.1.3.7, 12.2), after its signature was verified.
 * Any thread. */
#ifndef OIDC_ID_TOKEN_H
#define OIDC_ID_TOKEN_H

#include "../jose/token.h"

struct id_expected {
	sluice_str issuer, client_id;
	sluice_str nonce;        /* data NULL: it may have none, but no other is accepted */
	sluice_str subject;      /* data NULL: any */
	sluice_str access_token; /* that came with it */
	uint64_t now_ms, leeway_ms;
	/* what was asked of the login: one of these acr, n 0: any; and how long ago the user may
	 * have logged in when it began, 0: any time */
	sluice_strs acr;
	uint64_t max_age_ms, begun_ms;
};

/* NULL, or what is wrong: the rest of a sentence that begins with "the ID token". */
const char *id_token_check(const struct token *t, const json_t *claims,
	const struct id_expected *e);

/* What a logout token shares with it: iss, aud, exp and iat, whose time goes to *iat_ms. NULL, or
 * what is wrong. */
const char *id_token_check_issue(const json_t *claims, const struct id_expected *e,
	uint64_t *iat_ms);

#endif
