/* The response of the authorization server, as JSON (RFC 7662 2.2) or signed (RFC 9701 5). */
#ifndef JWT_INTROSPECT_RESPONSE_H
#define JWT_INTROSPECT_RESPONSE_H

#include <sluice/plugin.h>

#include "conf.h"
#include "introspect_answer.h"
#include "key_wait.h"

struct introspect_reading {
	enum introspect_result result;
	json_t *claims; /* of an active token; the caller releases them */
	/* borrowed: as received, to be remembered in the place of claims that are written anew; no
	 * data: it has other things than the claims */
	sluice_str text;
	struct key_lack lack; /* newer keys might verify it; issuer NULL: they would not help */
};

/* Why the body is not to be read; NULL: it is. */
const char *introspect_response_refused(const struct jwt_conf *conf,
	const sluice_fetch_response *r);
/* Read it. NULL, or why it is no answer. */
const char *introspect_response_read(sluice_exchange *x, const struct jwt_conf *conf,
	sluice_str body, struct introspect_reading *out);

#endif
