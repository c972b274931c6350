/* How the plugin would judge a token, step by step: for `sluice token verify`. */
#ifndef JWT_EXPLAIN_H
#define JWT_EXPLAIN_H

#include <sluice/plugin.h>

#include "conf.h"

/* As explain() of the plugin's record. Main thread. What depends on the request, and not on the
 * token alone, is not judged. */
sluice_verdict explain_token(const struct jwt_conf *conf, const sluice_question *q);

#endif
