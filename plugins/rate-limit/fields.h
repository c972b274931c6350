/*
 * Fields for clients: RateLimit-Policy and RateLimit (structured fields,
 * draft-ietf-httpapi-ratelimit-headers-10), and Retry-After (RFC 9110 10.2.3). Each limit adds a
 * field line of its own, which together make one list.
 */
#ifndef FIELDS_H
#define FIELDS_H

#include "conf.h"

/* At check(): r->item from the name. False when the name cannot be written as a structured
 * string. */
bool fields_name(sluice_instance *inst, struct rate_limit *r);
/* At check(), behind that: l->policy. */
void fields_policy(sluice_instance *inst, const struct rate_limit *r, struct limit *l);
/* Add the fields for a request that was counted. */
void fields_add(sluice_exchange *x, const struct rate_limit *r, const struct limit *l,
	const struct gcra_take *t);
/* Whole seconds, rounded up, at least 1. */
uint64_t fields_retry_after(uint64_t ns);
void fields_set_retry_after(sluice_exchange *x, uint64_t seconds);

#endif
