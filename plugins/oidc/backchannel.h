/* A logout that the provider tells us of, without a browser (OpenID Connect Back-Channel Logout
 * 1.0). */
#ifndef OIDC_BACKCHANNEL_H
#define OIDC_BACKCHANNEL_H

#include "conf.h"

/* A request for backchannel_logout_path. */
sluice_verdict backchannel_run(sluice_exchange *x, const struct oidc_conf *conf);

#endif
