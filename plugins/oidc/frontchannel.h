/* A logout that the provider's page tells us of, by an iframe in the user's browser (OpenID Connect
 * Front-Channel Logout 1.0). */
#ifndef OIDC_FRONTCHANNEL_H
#define OIDC_FRONTCHANNEL_H

#include "conf.h"
#include "kept.h"

/* A request for frontchannel_logout_path, whose session was looked for. */
sluice_verdict frontchannel_run(sluice_exchange *x, const struct oidc_conf *conf, enum kept how);

#endif
