/* Verifying tokens of the provider, perhaps after a wait for newer keys. */
#ifndef OIDC_VERIFY_H
#define OIDC_VERIFY_H

#include "conf.h"
#include "id_token.h"

enum verified { VERIFIED_GOOD, VERIFIED_BAD, VERIFIED_NO_KEY };

/* The signature alone. what: "the ID token", for the log. GOOD: *t is filled, which borrows from
 * text, and *claims is the caller's. BAD: the log says why, at most once a second. NO_KEY: newer
 * keys might verify it. */
enum verified verify_token(sluice_exchange *x, const struct oidc_conf *conf, sluice_str text,
	const char *what, struct token *t, json_t **claims);
/* Signature and claims of an ID token. GOOD: *claims is the caller's. */
enum verified verify_id_token(sluice_exchange *x, const struct oidc_conf *conf, sluice_str text,
	const struct id_expected *e, json_t **claims);

/* No key verifies it: true where newer ones are to be expected soon, and *verdict is what the hook
 * returns; `then` runs when they are there. since_ns: when the token came. False: the log says that
 * no key does. */
bool verify_waits(sluice_exchange *x, const struct oidc_conf *conf, uint64_t since_ns,
	sluice_hook then, sluice_verdict *verdict);
/* Whether there are any keys. */
bool verify_has_keys(sluice_exchange *x);

#endif
