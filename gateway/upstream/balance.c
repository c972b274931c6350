/* The candidates of a balance, and the choice when none is ready. */
#include "upstream/balance.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "upstream/balance_ops.h"
#include "upstream/pool.h"
#include "upstream/sticky.h"

enum {
	CAP_MIN = 8,
	TURNS_FIRST = 1 << 16,
	SLOW_STEPS = 40, /* of a slow start: in which shares grow */
};

static const struct balance_ops *const algorithms[] = {
	[BALANCE_ROUND_ROBIN] = &balance_round_robin,
	[BALANCE_LEAST_REQUESTS] = &balance_least_requests,
	[BALANCE_RANDOM_TWO] = &balance_random_two,
	[BALANCE_LEAST_LATENCY] = &balance_least_latency,
	[BALANCE_HASH] = &balance_consistent,
};

static void balance_on_ramp(struct timer *t);

/* ---- which serve, and how much each counts ------------------------------------------------- */

static bool candidate_may_serve(const struct candidate *c)
{
	if (likely(c->entry == TIER_OPEN))
		return endpoint_is_ready(c->endpoint);
	return c->entry == TIER_PANICS && !endpoint_is_full(c->endpoint);
}

static void candidate_count(struct candidate *c, int n)
{
	struct tier_count *t = &c->balance->tiers[c->tier];
	if (!c->weight)
		return;
	t->n += (uint32_t)n;
	t->weight += (uint64_t)(int64_t)n * c->weight;
}

static void candidate_count_well(struct candidate *c, bool well)
{
	struct tier_count *t = &c->balance->tiers[c->tier];
	int n = well - c->well;
	t->n_well += (uint32_t)n;
	t->well_weight += (uint64_t)(int64_t)n * c->weight;
	c->well = well;
}

/* Whether the server grows into its share still. */
static bool candidate_ramps(const struct candidate *c, uint32_t *ramp)
{
	const struct endpoint *e = c->endpoint;
	uint64_t now = worker_now(e->part->worker), slow = c->balance->rules.slow_ns;
	uint64_t from = e->up_since_ns > e->known_since_ns ? e->up_since_ns : e->known_since_ns;
	*ramp = slow ? share_ramp(now - from, slow) : SHARE_ONE;
	return *ramp < SHARE_ONE;
}

static void candidate_set_share(struct candidate *c)
{
	struct balance *b = c->balance;
	uint32_t ramp;
	if (candidate_ramps(c, &ramp) && b->ramp.due_ns == TIMER_NEVER)
		worker_timer(c->endpoint->part->worker, &b->ramp, b->rules.slow_ns / SLOW_STEPS);
	c->share = share_of(c->weight, b->plan.factor[c->tier], ramp);
	c->entry = c->weight ? b->plan.entry[c->tier] : (uint8_t)TIER_BARRED;
}

/* Tell the algorithm of a candidate that may have changed in any way. */
static void candidate_review(struct candidate *c)
{
	struct balance *b = c->balance;
	bool was_ready = c->ready;
	c->ready = candidate_may_serve(c);
	c->is_plain = c->ready && c->well && c->entry == TIER_OPEN;
	b->n_ready += c->ready - was_ready;
	b->ops->update(b, c, was_ready);
}

static void balance_review(struct balance *b)
{
	for (uint32_t i = 0; i < b->n; i++) {
		candidate_set_share(b->all[i]);
		candidate_review(b->all[i]);
	}
	if (b->on_room)
		b->on_room(b);
}

/* That all servers are used, or not any more, and when backups help out. */
static void balance_tell(const struct balance *b, const struct tier_plan *plan)
{
	const struct tier_count *t = b->tiers;
	bool panics = plan->entry[TIER_LOCAL] == TIER_PANICS;
	bool panicked = b->plan.entry[TIER_LOCAL] == TIER_PANICS;
	bool helps = plan->entry[TIER_BACKUP] != TIER_BARRED;
	bool helped = b->plan.entry[TIER_BACKUP] != TIER_BARRED;
	unsigned up = t[TIER_LOCAL].n_well + t[TIER_REMOTE].n_well;
	unsigned n = t[TIER_LOCAL].n + t[TIER_REMOTE].n;

	if (b->n == 0 || !b->is_told)
		return;
	sluice_str name = b->all[0]->endpoint->key.upstream;
	if (panics != panicked)
		log_warn("upstream", "%.*s: %u of %u servers are up: %s", STR_ARG(name), up, n,
			panics ? "all are used, whatever their health"
			       : "only those that are up are used again");
	else if (helps != helped && t[TIER_BACKUP].n + t[TIER_REMOTE_BACKUP].n)
		log_warn("upstream", "%.*s: %u of %u servers are up: backups %s", STR_ARG(name), up,
			n, helps ? "are used" : "are not used any more");
}

/* The numbers of servers in tiers changed. */
static void balance_plan(struct balance *b)
{
	struct tier_plan plan;
	tier_plan_make(&plan, &b->rules.tiers, b->tiers);
	if (likely(memcmp(&plan, &b->plan, sizeof(plan)) == 0))
		return;
	balance_tell(b, &plan);
	b->plan = plan;
	balance_review(b);
}

static void balance_on_ramp(struct timer *t)
{
	struct balance *b = container_of(t, struct balance, ramp);
	balance_review(b);
}

static void candidate_set_well(struct candidate *c)
{
	bool well = c->endpoint->state == ENDPOINT_UP && c->endpoint->takes && c->weight;
	if (well == c->well)
		return;
	candidate_count_well(c, well);
	candidate_set_share(c); /* one that came up again begins its slow start */
	balance_plan(c->balance);
}

/* Some change of the server, other than of its load while it is ready. */
static void candidate_changed(struct candidate *c)
{
	struct balance *b = c->balance;
	candidate_set_well(c);
	candidate_review(c);
	/* when no candidate is ready, servers that are down and have room are chosen as well */
	bool room = c->ready || (b->n_ready == 0 && !endpoint_is_full(c->endpoint));
	if (room && b->on_room)
		b->on_room(b);
}

static void candidate_on_change(struct endpoint_watch *watch)
{
	struct candidate *c = container_of(watch, struct candidate, watch);
	struct balance *b = c->balance;

	if (unlikely(!c->is_plain || !endpoint_is_ready(c->endpoint)))
		candidate_changed(c);
	else if (b->by_load)
		b->ops->update(b, c, true);
}

/* ---- candidates ---------------------------------------------------------------------------- */

void balance_init(struct balance *b, enum upstream_balance kind, void (*on_room)(struct balance *b))
{
	const struct balance_ops *ops = algorithms[kind];
	*b = (struct balance){ .ops = ops,
		.by_load = ops->by_load,
		.by_latency = ops->by_latency,
		.on_room = on_room,
		.turn = TURNS_FIRST };
	timer_init(&b->ramp, balance_on_ramp);
	tier_plan_make(&b->plan, &b->rules.tiers, b->tiers);
	ops->init(b);
}

void balance_set_rules(struct balance *b, const struct balance_rules *rules)
{
	check(b->n == 0, "rules come to %u servers", (unsigned)b->n);
	b->rules = *rules;
}

static void candidate_drop(struct candidate *c)
{
	struct balance *b = c->balance;
	struct candidate *last = b->all[--b->n];

	candidate_count_well(c, false);
	candidate_count(c, -1);
	b->n_ready -= c->ready;
	if (b->sticky)
		sticky_remove(b->sticky, c);
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

void balance_fini(struct balance *b)
{
	while (b->n)
		candidate_drop(b->all[b->n - 1]);
	timer_drop(&b->ramp);
	free(b->all);
	b->ops->fini(b);
	*b = (struct balance){ 0 };
}

struct candidate *balance_add_to(struct balance *b, enum balance_tier tier, struct endpoint *e,
	unsigned weight)
{
	struct candidate *c = mem_new(struct candidate);
	if (b->n == b->cap) {
		b->cap = b->cap ? 2 * b->cap : CAP_MIN;
		b->all = mem_resize(b->all, b->cap, sizeof(struct candidate *), "candidates");
	}
	endpoint_ref(e);
	c->balance = b;
	c->endpoint = e;
	c->weight = weight;
	c->tier = (uint8_t)tier;
	c->place = b->n;
	b->all[b->n++] = c;
	c->turn = upstream_random(e->part, TURNS_FIRST);
	candidate_set_share(c);
	b->ops->add(b, c);
	if (b->sticky)
		sticky_add(b->sticky, c);
	candidate_count(c, 1);
	endpoint_watch(e, &c->watch, candidate_on_change);
	candidate_changed(c);
	balance_plan(b);
	return c;
}

void balance_remove(struct candidate *c)
{
	struct balance *b = c->balance;
	candidate_drop(c);
	balance_plan(b);
}

static void candidate_recount(struct candidate *c, enum balance_tier tier, unsigned weight)
{
	candidate_count_well(c, false);
	candidate_count(c, -1);
	c->tier = (uint8_t)tier;
	c->weight = weight;
	candidate_count(c, 1);
	candidate_set_share(c);
	candidate_changed(c);
	balance_plan(c->balance);
}

void balance_set_weight(struct candidate *c, unsigned weight)
{
	if (c->weight != weight)
		candidate_recount(c, (enum balance_tier)c->tier, weight);
}

void balance_set_tier(struct candidate *c, enum balance_tier tier)
{
	if (c->tier != tier)
		candidate_recount(c, tier, c->weight);
}

const struct candidate *balance_find(const struct balance *b, const struct endpoint *e)
{
	const struct candidate *found = NULL;
	list_each (at, &e->watches) {
		const struct endpoint_watch *w = container_of(at, const struct endpoint_watch, at);
		const struct candidate *c = container_of(w, const struct candidate, watch);
		if (w->on_change == candidate_on_change && (!b || c->balance == b))
			found = c;
	}
	return found;
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
	return c->weight && c->endpoint->takes;
}

/* Those whose tier serves first, and then one that is well in another tier: it is better than one
 * that rests. Among equals the one with the fewest requests, and then the one chosen longest ago.
 */
static bool candidate_is_better(const struct candidate *c, const struct candidate *best)
{
	bool well = c->well && c->entry == TIER_BARRED;
	bool best_well = best->well && best->entry == TIER_BARRED;
	uint32_t load = endpoint_load(c->endpoint), best_load = endpoint_load(best->endpoint);
	if (well != best_well)
		return well;
	if (c->tier != best->tier)
		return c->tier < best->tier;
	/* one that is merely silent may answer yet */
	bool down = c->endpoint->state == ENDPOINT_DOWN;
	if (down != (best->endpoint->state == ENDPOINT_DOWN))
		return !down;
	return load != best_load ? load < best_load : c->turn < best->turn;
}

/* No candidate is ready. */
static enum balance_result choose_resting(struct balance *b, const struct balance_ask *ask,
	struct candidate **out)
{
	struct candidate *best = NULL;
	bool busy = false, up = false;

	for (uint32_t i = 0; i < b->n; i++) {
		struct candidate *c = b->all[i];
		if (!c->weight || candidate_was_tried(c, ask->tried, ask->n_tried) ||
			(ask->none_down && !candidate_is_sound(c)))
			continue;
		if (endpoint_is_full(c->endpoint)) {
			busy = true;
			up |= c->well && c->entry != TIER_BARRED;
			continue;
		}
		if (!best || candidate_is_better(c, best))
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

/* The server that the client sticks to, unless it is down, full, or was tried. */
static struct candidate *choose_sticky(const struct balance *b, const struct balance_ask *ask)
{
	struct candidate *c = b->sticky ? sticky_find(b->sticky, ask->stays) : NULL;
	if (!c || candidate_was_tried(c, ask->tried, ask->n_tried))
		return NULL;
	return c->ready || endpoint_may_stay(c->endpoint) ? c : NULL;
}

enum balance_result balance_choose(struct balance *b, const struct balance_ask *ask,
	struct candidate **out)
{
	if (unlikely(ask->only))
		return choose_only(b, ask, out);
	struct candidate *c = unlikely(ask->stays) ? choose_sticky(b, ask) : NULL;
	/* a server that is drained is not down */
	if (unlikely(c) && (!ask->none_down || candidate_is_sound(c) || !c->ready)) {
		candidate_take_turn(c);
		*out = c;
		return BALANCE_CHOSEN;
	}
	enum balance_result r = b->ops->choose(b, ask, out);
	if (unlikely(ask->none_down) && r == BALANCE_CHOSEN && !candidate_is_sound(*out))
		r = BALANCE_NONE; /* in panic those that are down are ready too */
	return likely(r != BALANCE_NONE) ? r : choose_resting(b, ask, out);
}

bool balance_has_untried(const struct balance *b, const uint64_t *tried, unsigned n_tried)
{
	for (uint32_t i = 0; i < b->n; i++) {
		if (b->all[i]->weight && !candidate_was_tried(b->all[i], tried, n_tried))
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

/* ---- what responses tell ------------------------------------------------------------------- */

void balance_asked(struct endpoint *e)
{
	if (e->peak.asked_ns <= e->heard_ns || endpoint_load(e) <= 1)
		e->peak.asked_ns = worker_now(e->part->worker);
}

void balance_measured(struct balance *b, struct endpoint *e, uint64_t ns)
{
	uint32_t us = peak_clip(ns);
	peak_measured(&e->peak, us, worker_now(e->part->worker));
	int64_t away = (int64_t)us - b->latency_us;
	b->latency_us = b->latency_us ? (uint32_t)(b->latency_us + away / 16) : us;
}

void balance_missed(struct balance *b, struct endpoint *e, uint64_t ns)
{
	uint64_t now = worker_now(e->part->worker);
	uint64_t us = peak_clip(ns), was = peak_now(&e->peak, now);
	/* a server that fails fast must not draw requests */
	uint64_t least = 2 * (was > b->latency_us ? was : b->latency_us);
	us = us > least ? us : least;
	peak_measured(&e->peak, us > PEAK_MAX_US ? PEAK_MAX_US : (uint32_t)us, now);
}
