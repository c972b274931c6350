/*
 * New tokens for a session, with its refresh token (RFC 6749 6), ahead of the old one's end. A
 * refresh token may be good for one use only. So one worker of the process asks, by a fetch that no
 * client's leaving ends; the answer lies for a minute where all workers find it, and requests that
 * still come with the old session get the same new one.
 */
#ifndef OIDC_REFRESH_H
#define OIDC_REFRESH_H

#include "flow.h"

struct refresh_job;

/* In check(): 0, or -1 with the mistake reported. */
int refresh_check(sluice_instance *inst, struct oidc_conf *conf);
/* Look at the session of the flow, and go on by `then`: at once, or after a wait. */
sluice_verdict refresh_run(sluice_exchange *x, const struct oidc_conf *conf,
	sluice_verdict (*then)(sluice_exchange *, const struct oidc_conf *, enum refreshed));
/* Whether the session's tokens are to be renewed: this request, or another one, asks for new ones.
 */
bool refresh_is_due(const struct oidc_conf *conf, const struct session *s);
/* The worker stops: callbacks of what is under way will not come. */
void refresh_worker_stop(struct refresh_job **jobs);

#endif
