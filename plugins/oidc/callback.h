/* The end of a login: the browser comes back from the provider with a code. */
#ifndef OIDC_CALLBACK_H
#define OIDC_CALLBACK_H

#include "conf.h"

/* A request for the redirect URI. */
sluice_verdict callback_run(sluice_exchange *x, const struct oidc_conf *conf);

#endif
