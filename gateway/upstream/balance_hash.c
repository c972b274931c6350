/*
 * A consistent hash with bounded load: requests of one key go to one server, whichever worker,
 * process or gateway they reach. The ring has all servers of the upstream, also those that are
 * down: one that is not ready, was tried, or has more than its part of the load (`hash.balance`
 * times the mean) is passed over to the next on the ring. Requests without a key go by random-two.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "upstream/balance_ops.h"
#include "upstream/pick.h"
#include "upstream/ring.h"

/* points looked at from the key's own; where all are passed over, chance decides */
enum { STEPS_MAX = 64 };

struct hashed {
	struct pick pick;  /* those that are ready; first, for random-two */
	struct ring ring;  /* all of weight above 0 */
	bool ring_is_old;  /* servers or weights have changed since it was built */
	uint64_t n_loaded; /* requests in progress on those that are ready */
};

static void hashed_init(struct balance *b)
{
	b->own = mem_new(struct hashed);
}

static void hashed_fini(struct balance *b)
{
	struct hashed *h = b->own;
	ring_fini(&h->ring);
	balance_random_two.fini(b);
}

static void hashed_add(struct balance *b, struct candidate *c)
{
	struct hashed *h = b->own;
	h->ring_is_old = true;
	c->ring_weight = c->weight;
	balance_random_two.add(b, c);
}

/* Of the load of all that are ready, the part of c. */
static void hashed_count(struct hashed *h, struct candidate *c, uint32_t load)
{
	h->n_loaded += (uint64_t)load - c->counted;
	c->counted = load;
}

static void hashed_remove(struct balance *b, struct candidate *c)
{
	struct hashed *h = b->own;
	h->ring_is_old = true;
	hashed_count(h, c, 0);
	balance_random_two.remove(b, c);
}

static void hashed_update(struct balance *b, struct candidate *c, bool was_ready)
{
	struct hashed *h = b->own;
	hashed_count(h, c, c->ready ? endpoint_load(c->endpoint) : 0);
	if (likely(c->ready && was_ready && c->rank == c->share))
		return;
	h->ring_is_old |= c->ring_weight != c->weight;
	c->ring_weight = c->weight;
	balance_random_two.update(b, c, was_ready);
}

/* For thousands of servers this takes milliseconds, but only when servers came or went. */
static void hashed_build(struct balance *b)
{
	struct hashed *h = b->own;
	struct ring_member *v = mem_array(struct ring_member, b->n);
	uint32_t n = 0;
	for (uint32_t i = 0; i < b->n; i++) {
		const struct endpoint *e = b->all[i]->endpoint;
		if (!b->all[i]->weight)
			continue;
		v[n++] = (struct ring_member){ .key = balance_server_key(endpoint_address(e),
						       e->key.host),
			.weight = b->all[i]->weight,
			.data = b->all[i] };
	}
	ring_build(&h->ring, v, n);
	h->ring_is_old = false;
}

/* Whether one more request keeps it within its part: load < bound * (all + 1) * share / shares. */
static bool hashed_has_room(const struct balance *b, const struct candidate *c)
{
	const struct hashed *h = b->own;
	uint32_t bound = b->rules.hash_bound;
	return !bound ||
		(double)c->counted * (double)h->pick.sum * 100 <
		(double)bound * (double)(h->n_loaded + 1) * (double)c->share;
}

static enum balance_result hashed_choose(struct balance *b, const struct balance_ask *ask,
	struct candidate **out)
{
	struct hashed *h = b->own;
	if (unlikely(h->pick.n == 0))
		return BALANCE_NONE;
	if (unlikely(!ask->key))
		return balance_random_two.choose(b, ask, out);
	if (unlikely(h->ring_is_old))
		hashed_build(b);
	uint32_t at = ring_find(&h->ring, ask->key);
	for (int i = 0; i < STEPS_MAX; i++, at = ring_next(&h->ring, at)) {
		struct candidate *c = ring_data(&h->ring, at);
		if (unlikely(!c->ready) || !hashed_has_room(b, c) ||
			candidate_was_tried(c, ask->tried, ask->n_tried))
			continue;
		candidate_take_turn(c);
		*out = c;
		return BALANCE_CHOSEN;
	}
	return balance_random_two.choose(b, ask, out);
}

const struct balance_ops balance_consistent = {
	.by_load = true,
	.init = hashed_init,
	.fini = hashed_fini,
	.add = hashed_add,
	.remove = hashed_remove,
	.update = hashed_update,
	.choose = hashed_choose,
};
