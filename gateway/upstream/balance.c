/* The candidates of a balance, and the choice when none is ready. */
#include "upstream/balance.h"

#include <stdlib.h>

#include "base/mem.h"
#include "upstream/balance_ops.h"
#include "upstream/pool.h"

enum { CAP_MIN = 8, TURNS_FIRST = 1 << 16 };

static const struct balance_ops *const algorithms[] = {
	[BALANCE_ROUND_ROBIN] = &balance_round_robin,
	[BALANCE_LEAST_REQUESTS] = &balance_least_requests,
};

/* ---- candidates ---------------------------------------------------------------------------- */

void balance_init(struct balance *b, enum upstream_balance kind, void (*on_room)(struct balance *b))
{
	const struct balance_ops *ops = algorithms[kind];
	*b = (struct balance){ .ops = ops,
		.by_load = ops->by_load,
		.by_request = ops->key != NULL,
		.on_room = on_room,
		.turn = TURNS_FIRST };
	ops->init(b);
}

void balance_fini(struct balance *b)
{
	while (b->n)
		balance_remove(b->all[b->n - 1]);
	free(b->all);
	b->ops->fini(b);
	*b = (struct balance){ 0 };
}

static void candidate_on_change(struct endpoint_watch *watch)
{
	struct candidate *c = container_of(watch, struct candidate, watch);
	struct balance *b = c->balance;
	bool was_ready = c->ready, ready = endpoint_is_ready(c->endpoint);

	if (likely(ready && was_ready)) {
		if (b->by_load)
			b->ops->update(b, c, true);
		return;
	}
	c->ready = ready;
	b->n_ready += c->ready - was_ready;
	b->ops->update(b, c, was_ready);
	if (!b->on_room)
		return;
	/* when no candidate is ready, servers that are down and have room are chosen as well */
	if (ready || (b->n_ready == 0 && !endpoint_is_full(c->endpoint)))
		b->on_room(b);
}

struct candidate *balance_add(struct balance *b, struct endpoint *e, unsigned weight)
{
	struct candidate *c = mem_new(struct candidate);
	check(weight > 0, "a server of weight %u", weight);
	if (b->n == b->cap) {
		b->cap = b->cap ? 2 * b->cap : CAP_MIN;
		b->all = mem_resize(b->all, b->cap, sizeof(struct candidate *), "candidates");
	}
	endpoint_ref(e);
	c->balance = b;
	c->endpoint = e;
	c->weight = weight;
	c->place = b->n;
	b->all[b->n++] = c;
	c->turn = upstream_random(e->part, TURNS_FIRST);
	b->ops->add(b, c);
	endpoint_watch(e, &c->watch, candidate_on_change);
	candidate_on_change(&c->watch);
	return c;
}

void balance_remove(struct candidate *c)
{
	struct balance *b = c->balance;
	struct candidate *last = b->all[--b->n];

	b->n_ready -= c->ready;
	b->ops->remove(b, c);
	b->all[c->place] = last;
	last->place = c->place;
	list_del(&c->watch.at);
	if (!endpoint_is_wanted(c->endpoint)) {
		pool_close_idle(c->endpoint, 0);
		pool_close_opening(c->endpoint);
	}
	endpoint_unref(&c->endpoint);
	free(c);
}

void balance_set_weight(struct candidate *c, unsigned weight)
{
	check(weight > 0, "a server of weight %u", weight);
	c->weight = weight;
	c->balance->ops->update(c->balance, c, c->ready);
}

/* ---- choosing ------------------------------------------------------------------------------ */

/* Choose the server that is to be probed. */
static enum balance_result choose_only(struct balance *b, const struct balance_ask *ask,
	struct candidate **out)
{
	for (uint32_t i = 0; i < b->n; i++) {
		struct candidate *c = b->all[i];
		if (c->endpoint->id != ask->only ||
			candidate_was_tried(c, ask->tried, ask->n_tried))
			continue;
		if (endpoint_is_full(c->endpoint))
			return BALANCE_BUSY;
		*out = c;
		return BALANCE_CHOSEN;
	}
	return BALANCE_NONE;
}

/* Whether it would be chosen if it had room. */
static bool candidate_is_sound(const struct candidate *c)
{
	const struct endpoint *e = c->endpoint;
	return e->state == ENDPOINT_UP || (e->state == ENDPOINT_TRIAL && !e->trial_out);
}

/* No candidate is ready: choose the one with the fewest requests, and among equals the one chosen
 * longest ago. */
static enum balance_result choose_resting(struct balance *b, const struct balance_ask *ask,
	struct candidate **out)
{
	struct candidate *best = NULL;
	bool busy = false, up = false;

	for (uint32_t i = 0; i < b->n; i++) {
		struct candidate *c = b->all[i];
		if (candidate_was_tried(c, ask->tried, ask->n_tried) ||
			(ask->none_down && !candidate_is_sound(c)))
			continue;
		if (endpoint_is_full(c->endpoint)) {
			busy = true;
			up |= c->endpoint->state == ENDPOINT_UP;
			continue;
		}
		uint32_t load = endpoint_load(c->endpoint);
		uint32_t best_load = best ? endpoint_load(best->endpoint) : 0;
		if (!best || load < best_load || (load == best_load && c->turn < best->turn))
			best = c;
	}
	if (up) /* wait for a server that is up rather than ask one that is down */
		return BALANCE_BUSY;
	if (!best)
		return busy ? BALANCE_BUSY : BALANCE_NONE;
	candidate_take_turn(best);
	*out = best;
	return BALANCE_CHOSEN;
}

enum balance_result balance_choose(struct balance *b, const struct balance_ask *ask,
	struct candidate **out)
{
	if (unlikely(ask->only))
		return choose_only(b, ask, out);
	enum balance_result r = b->ops->choose(b, ask, out);
	return likely(r != BALANCE_NONE) ? r : choose_resting(b, ask, out);
}

bool balance_has_untried(const struct balance *b, const uint64_t *tried, unsigned n_tried)
{
	for (uint32_t i = 0; i < b->n; i++) {
		if (!candidate_was_tried(b->all[i], tried, n_tried))
			return true;
	}
	return false;
}

bool balance_has_sound(const struct balance *b, const uint64_t *tried, unsigned n_tried)
{
	for (uint32_t i = 0; i < b->n; i++) {
		if (candidate_is_sound(b->all[i]) &&
			!candidate_was_tried(b->all[i], tried, n_tried))
			return true;
	}
	return false;
}
