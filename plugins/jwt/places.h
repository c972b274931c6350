/*
 * The places of a request in which a token may be (RFC 6750 2): the field Authorization, and those
 * that the option `from` adds. Exactly one may have a token: a service that reads another one must
 * not find a second there, which nobody has verified.
 */
#ifndef JWT_PLACES_H
#define JWT_PLACES_H

#include "conf.h"

/* In check(): 0, or -1 with errors reported. */
int places_check(sluice_instance *inst, struct jwt_conf *conf);

/* Worker: the token of the request; as bearer_find(), which does it where `from` is left out. */
enum reason places_find(sluice_exchange *x, const struct jwt_conf *conf, sluice_str *token);
/* Worker, where a place is a parameter of the query: the request is admitted; the response is to be
 * kept by no shared cache if its token was there. Before places_remove(). */
void places_keep_private(sluice_exchange *x, const struct jwt_conf *conf);
/* Worker, where `from` has more than the field Authorization: the request is admitted by the token
 * in one of them; before places_remove(). */
void places_used(sluice_exchange *x, const struct jwt_conf *conf);
/* Worker: the request goes on without what stands in any of them. False: that cannot be done. */
bool places_remove(sluice_exchange *x, const struct jwt_conf *conf);

/* The methods of RFC 6750 2 by which tokens come, with blanks between them. */
sluice_str places_methods(const struct jwt_conf *conf);

#endif
