/*
 * The algorithms that order the candidates that are ready in a heap, so that a choice costs O(log
 * n) and is exact at any number:
 *  - round robin by weight: every candidate has a time at which it is due next, 1/weight apart
 *    (earliest deadline first);
 *  - least requests: the candidate with the fewest requests in progress for its weight, and among
 *    equals the one chosen longest ago.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "upstream/balance_ops.h"

/* Distance between two turns of a candidate of share 1. Every weight up to 20 divides it, so that
 * these weights are kept exactly. */
#define INTERVAL (232792560ull * SHARE_ONE)

enum { LOAD_SHIFT = 30, CAP_MIN = 8 };
#define HEAP_OUT UINT32_MAX

struct heap {
	struct candidate **v; /* owned, of size cap */
	uint32_t n, cap;
	uint64_t now; /* round robin: the rank of the last choice */
};

/* Ranks are compared by their distance, so that they may wrap round. */
static bool candidate_is_before(const struct candidate *a, const struct candidate *b)
{
	if (a->rank != b->rank)
		return (int64_t)(a->rank - b->rank) < 0;
	return a->turn < b->turn;
}

static void heap_put(struct heap *h, struct candidate *c, uint32_t at)
{
	h->v[at] = c;
	c->heap_place = at;
}

static void heap_up(struct heap *h, struct candidate *c)
{
	uint32_t at = c->heap_place;
	while (at) {
		uint32_t above = (at - 1) / 2;
		if (!candidate_is_before(c, h->v[above]))
			break;
		heap_put(h, h->v[above], at);
		at = above;
	}
	heap_put(h, c, at);
}

static void heap_down(struct heap *h, struct candidate *c)
{
	uint32_t at = c->heap_place;
	for (;;) {
		uint32_t below = 2 * at + 1;
		if (below + 1 < h->n && candidate_is_before(h->v[below + 1], h->v[below]))
			below++;
		if (below >= h->n || !candidate_is_before(h->v[below], c))
			break;
		heap_put(h, h->v[below], at);
		at = below;
	}
	heap_put(h, c, at);
}

static void heap_fix(struct heap *h, struct candidate *c)
{
	heap_up(h, c);
	heap_down(h, c);
}

static void heap_insert(struct heap *h, struct candidate *c)
{
	c->heap_place = h->n++;
	heap_up(h, c);
}

static void heap_remove(struct heap *h, struct candidate *c)
{
	struct candidate *last = h->v[--h->n];
	if (last != c) {
		heap_put(h, last, c->heap_place);
		heap_fix(h, last);
	}
	c->heap_place = HEAP_OUT;
}

/* ---- what both algorithms do --------------------------------------------------------------- */

static void heap_init(struct balance *b)
{
	b->own = mem_new(struct heap);
}

static void heap_fini(struct balance *b)
{
	struct heap *h = b->own;
	free(h->v);
	free(h);
}

static void heap_add(struct balance *b, struct candidate *c)
{
	struct heap *h = b->own;
	if (b->n > h->cap) {
		h->cap = h->cap ? 2 * h->cap : CAP_MIN;
		h->v = mem_resize(h->v, h->cap, sizeof(struct candidate *), "candidates");
	}
	c->heap_place = HEAP_OUT;
	/* a random place in its first interval, so that workers that start together do not all
	 * begin with the same server */
	uint64_t first = upstream_random(c->endpoint->part, SHARE_ONE * SHARE_ONE);
	c->rank = h->now + INTERVAL / c->share * first / (SHARE_ONE * SHARE_ONE);
}

static void heap_drop(struct balance *b, struct candidate *c)
{
	if (c->heap_place != HEAP_OUT)
		heap_remove(b->own, c);
}

static void heap_update(struct heap *h, struct candidate *c, uint64_t rank)
{
	bool in = c->heap_place != HEAP_OUT;
	if (in && !c->ready) {
		heap_remove(h, c);
	} else if (c->ready && !in) {
		c->rank = rank;
		heap_insert(h, c);
	} else if (c->ready && rank != c->rank) {
		c->rank = rank;
		heap_fix(h, c);
	}
}

/* The first candidate in the heap that was not tried. Those before it leave the heap while it is
 * looked for. */
static struct candidate *heap_first(struct heap *h, const struct balance_ask *ask)
{
	struct candidate *chosen = NULL;
	uint32_t n = 0;

	if (h->n == 0)
		return NULL;
	if (!candidate_was_tried(h->v[0], ask->tried, ask->n_tried))
		return h->v[0];
	/* they are kept in the free end of the array, which grows by one place for each of them */
	while (h->n) {
		struct candidate *c = h->v[0];
		if (!candidate_was_tried(c, ask->tried, ask->n_tried)) {
			chosen = c;
			break;
		}
		heap_remove(h, c);
		h->v[h->n] = c;
		n++;
	}
	for (; n; n--)
		heap_insert(h, h->v[h->n]);
	return chosen;
}

/* ---- round robin --------------------------------------------------------------------------- */

static void round_robin_update(struct balance *b, struct candidate *c, bool was_ready)
{
	struct heap *h = b->own;
	uint64_t rank = c->rank, step = INTERVAL / c->share;
	if ((int64_t)(rank - h->now) > (int64_t)step)
		/* its share has grown since that turn was set */
		rank = h->now + step;
	if (!was_ready && (int64_t)(rank - h->now) < 0)
		/* it does not catch up on the turns that it missed while it was not ready */
		rank = h->now;
	heap_update(h, c, rank);
}

static enum balance_result round_robin_choose(struct balance *b, const struct balance_ask *ask,
	struct candidate **out)
{
	struct heap *h = b->own;
	struct candidate *c = heap_first(h, ask);
	if (!c)
		return BALANCE_NONE;
	h->now = c->rank;
	c->rank += INTERVAL / c->share;
	candidate_take_turn(c);
	if (h->n > 1)
		heap_down(h, c);
	*out = c;
	return BALANCE_CHOSEN;
}

const struct balance_ops balance_round_robin = {
	.init = heap_init,
	.fini = heap_fini,
	.add = heap_add,
	.remove = heap_drop,
	.update = round_robin_update,
	.choose = round_robin_choose,
};

/* ---- least requests ------------------------------------------------------------------------ */

static void least_requests_update(struct balance *b, struct candidate *c, bool was_ready)
{
	(void)was_ready;
	heap_update(b->own, c,
		(((uint64_t)endpoint_load(c->endpoint) + 1) << LOAD_SHIFT) / c->share);
}

static enum balance_result least_requests_choose(struct balance *b, const struct balance_ask *ask,
	struct candidate **out)
{
	struct candidate *c = heap_first(b->own, ask);
	if (!c)
		return BALANCE_NONE;
	candidate_take_turn(c);
	heap_down(b->own, c);
	*out = c;
	return BALANCE_CHOSEN;
}

const struct balance_ops balance_least_requests = {
	.by_load = true,
	.init = heap_init,
	.fini = heap_fini,
	.add = heap_add,
	.remove = heap_drop,
	.update = least_requests_update,
	.choose = least_requests_choose,
};
