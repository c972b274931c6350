/* Which way a request goes: it ends a login, begins one, or is of somebody who has logged in. */
#ifndef OIDC_REQUEST_H
#define OIDC_REQUEST_H

#include <sluice/plugin.h>

sluice_verdict request_run(sluice_exchange *x, const void *conf); /* on_request() */

#endif
