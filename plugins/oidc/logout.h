/* The end of a session on the wish of its user (OpenID Connect RP-Initiated Logout 1.0). */
#ifndef OIDC_LOGOUT_H
#define OIDC_LOGOUT_H

#include "conf.h"
#include "session.h"

/* A request for logout_path. s: its session, or NULL. */
sluice_verdict logout_run(sluice_exchange *x, const struct oidc_conf *conf,
	const struct session *s);

#endif
