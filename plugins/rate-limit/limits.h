/*
 * The limits of an instance: one for each plan that `rates` names, and one for all other callers.
 * Each has keys of its own, so that what was used of one is not taken from another.
 */
#ifndef LIMITS_H
#define LIMITS_H

#include "conf.h"

/* At check(), behind fields_name(): what follows from the rates. Mistakes are reported: -1. */
int limits_check(sluice_instance *inst, struct rate_limit *r);

enum limit_choice {
	LIMIT_CHOSEN,
	LIMIT_MANY, /* the request has several plans */
	LIMIT_FAIL  /* no memory */
};

/* The limit that holds for the request; the same each time while its facts do not change. */
enum limit_choice limits_choose(sluice_exchange *x, const struct rate_limit *r,
	const struct limit **out);

#endif
