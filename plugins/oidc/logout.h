/* The end of a session on the wish of its user (OpenID Connect RP-Initiated Logout 1.0). */
#ifndef OIDC_LOGOUT_H
#define OIDC_LOGOUT_H

#include "conf.h"
#include "kept.h"

/* A request for logout_path, whose session was looked for. */
sluice_verdict logout_run(sluice_exchange *x, const struct oidc_conf *conf, enum kept how);

#endif
