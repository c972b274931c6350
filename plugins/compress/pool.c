/* See pool.h. */
#include "pool.h"

enum { IDLE_MAX = 4 }; /* of each coding: what a burst leaves beyond them is freed */

static size_t pool_cost(const struct pool *p, const struct coder_ops *ops)
{
	return ops->cost(p->conf->level_of[ops->coding]);
}

static void pool_count(struct pool *p, size_t held)
{
	/* around a reload a worker has a pool of the old instance and one of the new */
	sluice_metric_add(p->conf->held, (sluice_str){ NULL, 0 }, (int64_t)held - (int64_t)p->held);
	p->held = held;
}

static void pool_free(struct pool *p, struct coder *c)
{
	pool_count(p, p->held - pool_cost(p, c->ops));
	c->ops->free(c);
}

static struct coder *pool_wake(struct pool *p, enum coding coding)
{
	struct coder *c = p->idle[coding];
	if (!c)
		return NULL;
	p->idle[coding] = c->next;
	p->n_idle[coding]--;
	return c;
}

/* Whether there is room for n bytes more, if need be in the place of coders that rest. */
static bool pool_has_room(struct pool *p, size_t n)
{
	for (size_t i = 0; i < CODINGS; i++) {
		struct coder *c;
		while (p->held + n > p->conf->memory && (c = pool_wake(p, (enum coding)i)))
			pool_free(p, c);
	}
	return p->held + n <= p->conf->memory;
}

static struct coder *pool_make(struct pool *p, const struct coder_ops *ops)
{
	size_t cost = pool_cost(p, ops);
	struct coder *c = pool_has_room(p, cost) ? ops->new (p->conf->level_of[ops->coding]) : NULL;
	if (!c)
		return NULL;
	c->ops = ops;
	pool_count(p, p->held + cost);
	return c;
}

struct coder *pool_take(struct pool *p, const struct coder_ops *ops)
{
	struct coder *c = pool_wake(p, ops->coding);
	if (!c)
		c = pool_make(p, ops);
	if (c && !ops->begin(c, p->conf->level_of[ops->coding])) {
		pool_free(p, c);
		return NULL;
	}
	return c;
}

void pool_give(struct pool *p, struct coder *c)
{
	enum coding coding = c->ops->coding;
	if (p->n_idle[coding] == IDLE_MAX) {
		pool_free(p, c);
		return;
	}
	c->next = p->idle[coding];
	p->idle[coding] = c;
	p->n_idle[coding]++;
}

void pool_fini(struct pool *p)
{
	for (size_t i = 0; i < CODINGS; i++) {
		struct coder *c;
		while ((c = pool_wake(p, (enum coding)i)))
			pool_free(p, c);
	}
}
