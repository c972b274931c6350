/* What the questions of all workers have in common. Only for the files introspect*.c. */
#ifndef JWT_INTROSPECT_SHARED_H
#define JWT_INTROSPECT_SHARED_H

#include <stdatomic.h>

#include "../shared/flight.h"
#include "introspect_conf.h"

enum { IDENTITY = 8 };

struct introspect_shared {
	struct flights flights;
	sluice_cache *answers;    /* of tokens that are active */
	sluice_cache *inactive;   /* apart, so that made-up tokens push none of those out */
	_Atomic unsigned n_asked; /* questions under way */
	const sluice_metric *asked;
	_Atomic bool fails;      /* the last question got no answer */
	char identity[IDENTITY]; /* answers to another client, or of another server, are not used */
};

static inline uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

#endif
