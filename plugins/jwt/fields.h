/*
 * Which fields tell a service what the token says, and in which form: the claims of
 * claims_to_headers, and the whole payload in claims_field. The texts are made once for each token,
 * and lie in its entry of the cache.
 */
#ifndef JWT_FIELDS_H
#define JWT_FIELDS_H

#include "cache.h"
#include "conf.h"

/* In check(): the names of the fields, and the form. 0, or -1 with errors reported. */
int fields_check(sluice_instance *inst, const struct jwt_conf *conf);

/* The entry of a token that was verified: texts[0] is the consumer, then one for each row of
 * claims_to_headers, then the payload. Takes over claims. is_signed: the claims are those that
 * the token itself has. NULL without memory. */
struct entry *fields_entry(const struct jwt_conf *conf, sluice_str token, json_t *claims,
	bool is_signed);

/* Worker: remove what the client sent by these names, in head and trailers; and set them. */
void fields_remove(sluice_exchange *x, const struct jwt_conf *conf);
void fields_set(sluice_exchange *x, const struct jwt_conf *conf, const struct entry *e);

#endif
