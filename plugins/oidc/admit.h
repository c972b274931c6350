/* A request of somebody who has logged in: what the session says goes on with it. */
#ifndef OIDC_ADMIT_H
#define OIDC_ADMIT_H

#include "conf.h"
#include "session.h"

/* Remove fields of the client that the upstream would take for our word. */
void admit_remove_forgeries(sluice_exchange *x, const struct oidc_conf *conf);
/* s lives as long as x. */
sluice_verdict admit_session(sluice_exchange *x, const struct oidc_conf *conf, struct session *s);

#endif
