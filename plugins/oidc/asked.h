/* What is asked of a login beyond that somebody logs in: how, and how long ago. */
#ifndef OIDC_ASKED_H
#define OIDC_ASKED_H

#include "conf.h"

/* In check(): make the parameters of the authorization request. 0, or -1 with the mistake
 * reported. */
int asked_check(sluice_instance *inst, struct oidc_conf *conf);
/* Whether an option sets that parameter. */
bool asked_sets(const struct oidc_conf *conf, sluice_str parameter);

#endif
