/*
 * The algorithms that draw two candidates at random, by their weights, and choose the better one. A
 * choice looks at two servers whatever their number, and workers, which know nothing of each other,
 * do not all run to the same server.
 *  - random two: the one with fewer requests in progress for its weight;
 *  - least latency: the one whose response will come sooner: by the time that it took for heads of
 *    responses, times the requests in progress with this one, for its weight.
 * A server that has its trial wins, since its past says nothing about whether it is up again.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "upstream/balance_ops.h"
#include "upstream/pick.h"

enum { REDRAWS = 4 };

/* ---- what both do -------------------------------------------------------------------------- */

static void two_init(struct balance *b)
{
	b->own = mem_new(struct pick);
}

static void two_fini(struct balance *b)
{
	pick_fini(b->own);
	free(b->own);
}

static void two_add(struct balance *b, struct candidate *c)
{
	(void)b;
	c->heap_place = PICK_OUT;
}

static void two_remove(struct balance *b, struct candidate *c)
{
	pick_set(b->own, c, false);
}

static void two_update(struct balance *b, struct candidate *c, bool was_ready)
{
	(void)was_ready;
	pick_set(b->own, c, c->ready);
}

static bool two_is_on_trial(const struct candidate *c)
{
	return c->endpoint->state == ENDPOINT_TRIAL;
}

/* Another one than the first, if chance will have it: with two servers of which one has nearly all
 * of the weight, that one stands against itself now and then. */
static struct candidate *two_second(const struct pick *p, const struct candidate *first)
{
	struct candidate *c = pick_draw(p);
	for (int i = 1; unlikely(c == first) && p->n > 1 && i < REDRAWS; i++)
		c = pick_draw(p);
	return c;
}

/* The two to choose among, in v; false: there is none. */
static bool two_draw(const struct balance *b, const struct balance_ask *ask, struct candidate *v[2])
{
	const struct pick *p = b->own;
	if (unlikely(p->n == 0))
		return false;
	if (likely(ask->n_tried == 0)) {
		v[0] = pick_draw(p);
		v[1] = two_second(p, v[0]);
		return true;
	}
	v[0] = pick_draw_untried(p, ask);
	v[1] = v[0] ? pick_draw_untried(p, ask) : NULL;
	return v[0] != NULL;
}

static enum balance_result two_take(struct candidate *const v[2], bool second,
	struct candidate **out)
{
	*out = v[second];
	candidate_take_turn(*out);
	return BALANCE_CHOSEN;
}

/* ---- random two ---------------------------------------------------------------------------- */

static uint64_t two_load(const struct candidate *c)
{
	return two_is_on_trial(c) ? 0 : endpoint_load(c->endpoint);
}

/* Where both have nothing to do, the first is taken: it was drawn by its share. */
static enum balance_result random_two_choose(struct balance *b, const struct balance_ask *ask,
	struct candidate **out)
{
	struct candidate *v[2];
	if (!two_draw(b, ask, v))
		return BALANCE_NONE;
	return two_take(v, two_load(v[1]) * v[0]->share < two_load(v[0]) * v[1]->share, out);
}

const struct balance_ops balance_random_two = {
	.init = two_init,
	.fini = two_fini,
	.add = two_add,
	.remove = two_remove,
	.update = two_update,
	.choose = random_two_choose,
};

/* ---- least latency ------------------------------------------------------------------------- */

/* How long the request would wait: the requests in progress for the weight, and itself. Its weight
 * does not count for itself, because it was drawn by that. A server that was not measured yet is
 * taken for an average one, and one that lets a request wait for at least as slow as that. */
static double two_wait(const struct balance *b, const struct candidate *c, uint64_t now)
{
	const struct endpoint *e = c->endpoint;
	uint32_t load = endpoint_load(e);
	uint32_t us = likely(e->peak.at_ns) ? peak_now(&e->peak, now) : b->latency_us;
	if (unlikely(two_is_on_trial(c)))
		return 0;
	if (load && e->peak.asked_ns > e->heard_ns) {
		uint32_t waits_us = peak_clip(now - e->peak.asked_ns);
		us = waits_us > us ? waits_us : us;
	}
	return (us + 1.0) * (load * (double)SHARE_ONE / c->share + 1);
}

static enum balance_result least_latency_choose(struct balance *b, const struct balance_ask *ask,
	struct candidate **out)
{
	struct candidate *v[2];
	if (!two_draw(b, ask, v))
		return BALANCE_NONE;
	uint64_t now = worker_now(v[0]->endpoint->part->worker);
	return two_take(v, two_wait(b, v[1], now) < two_wait(b, v[0], now), out);
}

const struct balance_ops balance_least_latency = {
	.by_latency = true,
	.init = two_init,
	.fini = two_fini,
	.add = two_add,
	.remove = two_remove,
	.update = two_update,
	.choose = least_latency_choose,
};
