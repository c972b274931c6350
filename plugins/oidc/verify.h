/* Verifying the ID token of a login, perhaps after a wait for newer keys. */
#ifndef OIDC_VERIFY_H
#define OIDC_VERIFY_H

#include "conf.h"
#include "id_token.h"

enum verified { VERIFIED_GOOD, VERIFIED_BAD, VERIFIED_NO_KEY };

/* Signature and claims. GOOD: *claims is the caller's. BAD: the log says why, at most once a
 * second. NO_KEY: newer keys might verify it. */
enum verified verify_id_token(sluice_exchange *x, const struct oidc_conf *conf, sluice_str text,
	const struct id_expected *e, json_t **claims);

#endif
