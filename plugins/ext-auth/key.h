/*
 * The key under which a verdict is remembered: a keyed hash of what the question depends on, so
 * that no credential lies in the memory of the cache. Worker threads.
 */
#ifndef PLUGINS_EXT_AUTH_KEY_H
#define PLUGINS_EXT_AUTH_KEY_H

#include "question.h"

enum key_result {
	KEY_GOOD = 0,
	/* a fact of the key has several values: which one the service looks at is not known */
	KEY_NONE,
	KEY_FAIL /* the memory of the exchange is spent */
};

/* q: with its fields, unless the options name the parts of the key. */
enum key_result key_make(sluice_exchange *x, const struct ext_auth *c, const struct question *q,
	struct siphash *out);

/* In check(): what of the options decides what is asked and what is kept of the answer, so that
 * another configuration finds nothing that this one remembered. */
void key_options(struct ext_auth *c);

#endif
