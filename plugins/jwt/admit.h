/* The last step of a request whose token is good: what depends on the request, and not on the token
 * alone. */
#ifndef JWT_ADMIT_H
#define JWT_ADMIT_H

#include <sluice/plugin.h>

#include "cache.h"
#include "conf.h"

/* Worker: admit the request or refuse it, perhaps after a wait. e is borrowed: the exchange takes a
 * reference of its own. */
sluice_verdict admit_token(sluice_exchange *x, const struct jwt_conf *conf, struct entry *e);

#endif
