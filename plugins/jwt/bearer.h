/* The bearer token of a request (RFC 6750 section 2.1). */
#ifndef JWT_BEARER_H
#define JWT_BEARER_H

#include <sluice/plugin.h>

#include "conf.h"

/*
 * Read one value of Authorization. REASON_NONE with token->data set: a token, borrowed from value;
 * token_open() checks its form. REASON_NONE with token->data NULL: the value is empty, or has
 * another scheme, which the service may handle. Any other reason: a service might find a token in
 * the value, so the request must not pass as one without a token.
 */
enum reason bearer_read(sluice_str value, sluice_str *token);

/* The same for all Authorization fields of a request: more than one are REASON_TOKEN_AMBIGUOUS. */
enum reason bearer_find(sluice_exchange *x, sluice_str *token);

/* The scheme of the request's first field Authorization; SCHEME_BEARER for any that is not ours. */
enum token_scheme bearer_scheme(sluice_exchange *x);

#endif
