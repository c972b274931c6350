/* What becomes of a request: it is refused with a challenge, or goes on with what the token says.
 */
#ifndef JWT_ANSWER_H
#define JWT_ANSWER_H

#include <sluice/plugin.h>

#include "cache.h"
#include "conf.h"

/* Remove fields of the client, in head and trailers, that the upstream would take for claims
 * verified by this gateway. */
void answer_remove_forgeries(sluice_exchange *x, const struct jwt_conf *conf);
/* which: the claim that is to blame; data NULL: none. */
sluice_verdict answer_refuse(sluice_exchange *x, const struct jwt_conf *conf, enum reason why,
	sluice_str which);
/* The request is admitted, with a good token or without any. */
sluice_verdict answer_pass(sluice_exchange *x, const struct jwt_conf *conf);
/* The token is good. texts of the entry: the consumer, then one for each row of claims_to_headers.
 * The entry has to live as long as the exchange. */
sluice_verdict answer_admit(sluice_exchange *x, const struct jwt_conf *conf, struct entry *e);

#endif
