/* Where the session of a request is kept between requests: in cookies, or in a store. */
#ifndef OIDC_KEEP_H
#define OIDC_KEEP_H

#include "conf.h"
#include "kept.h"
#include "session.h"

/* Find the session that the request brings, for the flow: one that can be opened and has not ended.
 * KEPT_GOOD, KEPT_NONE, or KEPT_DOWN. */
sluice_verdict keep_find(sluice_exchange *x, const struct oidc_conf *conf, kept_fn then);
/* Keep the flow's session, which has begun: the response gives it to the browser. KEPT_GOOD,
 * KEPT_DOWN, or KEPT_TOO_LARGE. */
sluice_verdict keep_begin(sluice_exchange *x, const struct oidc_conf *conf, kept_fn then);
/* End it: KEPT_GOOD or KEPT_DOWN. The response takes its cookies away, unless it is DOWN. */
sluice_verdict keep_end(sluice_exchange *x, const struct oidc_conf *conf, kept_fn then);
/* A session in cookies: give it to the browser, in a response that no cache of others keeps. False:
 * it is too large, or there is no memory. Nothing of a session in a store. */
bool keep_changed(sluice_exchange *x, const struct oidc_conf *conf, struct session *s);

#endif
