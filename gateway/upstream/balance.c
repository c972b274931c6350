/* The heap of servers that may be chosen. */
#include "upstream/balance.h"

#include <stdlib.h>

#include "base/mem.h"
#include "upstream/endpoint.h"
#include "upstream/pool.h"

/* Between two turns of a server of weight 1; divides by every weight up to 20, so that those are
 * served exactly. */
#define BALANCE_INTERVAL 232792560ull

enum { LOAD_SHIFT = 20, CAP_MIN = 8 };

/* ---- the heap ------------------------------------------------------------------------------ */

/* Keys wrap round after centuries; compared as distances they may. */
static bool slot_is_before(const struct slot *a, const struct slot *b)
{
	if (a->key != b->key)
		return (int64_t)(a->key - b->key) < 0;
	return a->turn < b->turn;
}

static void heap_put(struct balance *b, struct slot *s, uint32_t at)
{
	b->heap[at] = s;
	s->heap_place = at;
}

static void heap_up(struct balance *b, struct slot *s)
{
	uint32_t at = s->heap_place;
	while (at) {
		uint32_t above = (at - 1) / 2;
		if (!slot_is_before(s, b->heap[above]))
			break;
		heap_put(b, b->heap[above], at);
		at = above;
	}
	heap_put(b, s, at);
}

static void heap_down(struct balance *b, struct slot *s)
{
	uint32_t at = s->heap_place;
	for (;;) {
		uint32_t below = 2 * at + 1;
		if (below + 1 < b->n_heap && slot_is_before(b->heap[below + 1], b->heap[below]))
			below++;
		if (below >= b->n_heap || !slot_is_before(b->heap[below], s))
			break;
		heap_put(b, b->heap[below], at);
		at = below;
	}
	heap_put(b, s, at);
}

static void heap_fix(struct balance *b, struct slot *s)
{
	heap_up(b, s);
	heap_down(b, s);
}

static void heap_insert(struct balance *b, struct slot *s)
{
	s->heap_place = b->n_heap++;
	heap_up(b, s);
}

static void heap_remove(struct balance *b, struct slot *s)
{
	struct slot *last = b->heap[--b->n_heap];
	if (last != s) {
		heap_put(b, last, s->heap_place);
		heap_fix(b, last);
	}
	s->heap_place = SLOT_OUT;
}

/* ---- slots --------------------------------------------------------------------------------- */

static uint64_t slot_load(const struct slot *s)
{
	return (((uint64_t)endpoint_load(s->endpoint) + 1) << LOAD_SHIFT) / s->weight;
}

void balance_init(struct balance *b, enum upstream_balance kind, void (*on_room)(struct balance *b))
{
	*b = (struct balance){ .kind = (uint8_t)kind, .on_room = on_room };
}

void balance_fini(struct balance *b)
{
	while (b->n)
		balance_remove(b->all[b->n - 1]);
	free(b->all);
	free(b->heap);
	b->all = b->heap = NULL;
	b->cap = 0;
}

static void balance_grow(struct balance *b)
{
	uint32_t cap = b->cap ? 2 * b->cap : CAP_MIN;
	struct slot **all = reallocarray(b->all, cap, sizeof(*all));
	struct slot **heap = reallocarray(b->heap, cap, sizeof(*heap));
	check(all && heap, "out of memory: %u servers", (unsigned)cap);
	b->all = all;
	b->heap = heap;
	b->cap = cap;
}

struct slot *balance_add(struct balance *b, struct endpoint *e, unsigned weight)
{
	struct slot *s = mem_new(struct slot);
	check(weight > 0, "a server of weight %u", weight);
	if (b->n == b->cap)
		balance_grow(b);
	endpoint_ref(e);
	s->balance = b;
	s->endpoint = e;
	s->weight = weight;
	s->heap_place = SLOT_OUT;
	s->place = b->n;
	b->all[b->n++] = s;
	list_push(&e->slots, &s->at_endpoint);
	/* due somewhere in its first interval: workers that start together do not all begin with
	 * the same server */
	s->key = b->now + upstream_random(e->part, (uint32_t)(BALANCE_INTERVAL / weight));
	s->turn = upstream_random(e->part, 1u << 16);
	if (b->turn < 1u << 16)
		b->turn = 1u << 16;
	balance_update(s);
	return s;
}

void balance_remove(struct slot *s)
{
	struct balance *b = s->balance;
	struct slot *last = b->all[--b->n];
	if (s->heap_place != SLOT_OUT)
		heap_remove(b, s);
	b->all[s->place] = last;
	last->place = s->place;
	list_del(&s->at_endpoint);
	if (list_is_empty(&s->endpoint->slots)) { /* no configuration wants it any more */
		pool_close_idle(s->endpoint, 0);
		pool_close_opening(s->endpoint);
	}
	endpoint_unref(&s->endpoint);
	free(s);
}

void balance_update(struct slot *s)
{
	struct balance *b = s->balance;
	bool in = s->heap_place != SLOT_OUT, ready = endpoint_is_ready(s->endpoint);
	uint64_t key = s->key;

	if (b->kind == BALANCE_LEAST_REQUESTS)
		key = slot_load(s);
	else if (!in && (int64_t)(key - b->now) < 0)
		key = b->now; /* what it missed while it was out is not made up for */
	if (in && !ready)
		heap_remove(b, s);
	if (!ready) {
		/* with nobody ready, resting servers that have room are chosen as well */
		if (b->n_heap == 0 && b->on_room && !endpoint_is_full(s->endpoint))
			b->on_room(b);
	} else if (!in) {
		s->key = key;
		heap_insert(b, s);
		if (b->on_room)
			b->on_room(b);
	} else if (key != s->key) {
		s->key = key;
		heap_fix(b, s);
	}
}

/* ---- choosing ------------------------------------------------------------------------------ */

static bool slot_was_tried(const struct slot *s, const uint64_t *tried, unsigned n_tried)
{
	for (unsigned i = 0; i < n_tried; i++) {
		if (tried[i] == s->endpoint->id)
			return true;
	}
	return false;
}

/* The first in the heap that was not tried: those before it step aside meanwhile. */
static struct slot *heap_choose(struct balance *b, const uint64_t *tried, unsigned n_tried)
{
	struct slot *chosen = NULL;
	uint32_t n = 0;

	if (b->n_heap == 0)
		return NULL;
	if (!slot_was_tried(b->heap[0], tried, n_tried))
		return b->heap[0];
	/* the free end of the array, which grows by one for each that leaves the heap, holds
	 * them */
	while (b->n_heap) {
		struct slot *s = b->heap[0];
		if (!slot_was_tried(s, tried, n_tried)) {
			chosen = s;
			break;
		}
		heap_remove(b, s);
		b->heap[b->n_heap] = s;
		n++;
	}
	for (; n; n--)
		heap_insert(b, b->heap[b->n_heap]);
	return chosen;
}

/* Nobody is well: the one that has least to do, and among equals the one chosen longest ago. */
static enum balance_result balance_choose_resting(struct balance *b, const uint64_t *tried,
	unsigned n_tried, struct slot **out)
{
	struct slot *best = NULL;
	bool busy = false, up = false;

	for (uint32_t i = 0; i < b->n; i++) {
		struct slot *s = b->all[i];
		if (slot_was_tried(s, tried, n_tried))
			continue;
		if (endpoint_is_full(s->endpoint)) {
			busy = true;
			up |= s->endpoint->state == ENDPOINT_UP;
			continue;
		}
		uint32_t load = endpoint_load(s->endpoint);
		uint32_t best_load = best ? endpoint_load(best->endpoint) : 0;
		if (!best || load < best_load || (load == best_load && s->turn < best->turn))
			best = s;
	}
	if (up) /* worth waiting for, rather than asking one that is down */
		return BALANCE_BUSY;
	*out = best;
	return best ? BALANCE_CHOSEN : busy ? BALANCE_BUSY : BALANCE_NONE;
}

enum balance_result balance_choose(struct balance *b, const uint64_t *tried, unsigned n_tried,
	struct slot **out)
{
	struct slot *s = heap_choose(b, tried, n_tried);
	if (s) {
		b->now = b->kind == BALANCE_ROUND_ROBIN ? s->key : 0;
		if (b->kind == BALANCE_ROUND_ROBIN)
			s->key += BALANCE_INTERVAL / s->weight;
		s->turn = ++b->turn;
		heap_down(b, s);
		*out = s;
		return BALANCE_CHOSEN;
	}
	enum balance_result r = balance_choose_resting(b, tried, n_tried, out);
	if (r == BALANCE_CHOSEN)
		(*out)->turn = ++b->turn;
	return r;
}

bool balance_has_untried(const struct balance *b, const uint64_t *tried, unsigned n_tried)
{
	for (uint32_t i = 0; i < b->n; i++) {
		if (!slot_was_tried(b->all[i], tried, n_tried))
			return true;
	}
	return false;
}
