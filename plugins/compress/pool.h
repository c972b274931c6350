/*
 * The coders of one worker: those at work, and some that rest until the next response. All together
 * take no more memory than the configuration says.
 */
#ifndef PLUGINS_COMPRESS_POOL_H
#define PLUGINS_COMPRESS_POOL_H

#include "coder.h"

struct pool {
	const struct compress *conf;
	struct coder *idle[CODINGS]; /* owned */
	unsigned n_idle[CODINGS];
	size_t held; /* bytes of all coders, those at work included */
};

/* A coder for one response. NULL: the memory is used up. */
struct coder *pool_take(struct pool *p, const struct coder_ops *ops);
void pool_give(struct pool *p, struct coder *c);
void pool_fini(struct pool *p);

#endif
