/* Where the session of a request is kept between requests. */
#ifndef OIDC_KEEP_H
#define OIDC_KEEP_H

#include "conf.h"
#include "session.h"

/* The session that the request brings: one that can be opened and has not ended. The caller owns
 * it. */
bool keep_find(sluice_exchange *x, const struct oidc_conf *conf, struct session *out);
/* Give it to the browser with the response. False: it is too large, or there is no memory. */
bool keep_put(sluice_exchange *x, const struct oidc_conf *conf, struct session *s);
/* Take it from the browser. */
void keep_remove(sluice_exchange *x, const struct oidc_conf *conf);

#endif
