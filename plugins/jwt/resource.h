/*
 * The metadata of the protected resource (RFC 9728): one JSON document, made when the configuration
 * is checked, that tells a client where to get a token. The gateway serves it on the hosts of the
 * routes that have the instance (sluice_serve()); where the instance stands on a listener, it
 * answers by itself.
 */
#ifndef JWT_RESOURCE_H
#define JWT_RESOURCE_H

#include "conf.h"

/* After the checks of issuers' names and of DPoP, before challenge_check(): check the options
 * resource_*, write the document, and set resource_metadata and audience where they are not given.
 * 0, or -1 with errors reported. */
int resource_check(sluice_instance *inst, struct jwt_conf *conf);

/* Worker: whether a request without a token asks for the document; and the answer. */
bool resource_is_asked(sluice_exchange *x, const struct jwt_conf *conf);
sluice_verdict resource_tell(sluice_exchange *x, const struct jwt_conf *conf);

#endif
