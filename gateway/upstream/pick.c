/* Weighted drawing. See pick.h. */
#include "upstream/pick.h"

#include <stdlib.h>

#include "base/mem.h"
#include "upstream/balance_ops.h"

enum { CAP_MIN = 4, DRAWS = 16 };

void pick_fini(struct pick *p)
{
	for (int i = 0; i < PICK_GROUPS; i++)
		free(p->groups[i].v);
}

/* The group whose bound is 2^g: the share is above half of it. */
static unsigned group_of(uint32_t share)
{
	return share <= 1 ? 0 : 32u - (unsigned)__builtin_clz(share - 1);
}

static void pick_join(struct pick *p, struct candidate *c)
{
	unsigned at = group_of(c->share);
	struct pick_group *g = &p->groups[at];
	check(at < PICK_GROUPS, "a share of %u", (unsigned)c->share);
	if (g->n == g->cap) {
		g->cap = g->cap ? 2 * g->cap : CAP_MIN;
		g->v = mem_resize(g->v, g->cap, sizeof(struct candidate *), "candidates");
	}
	c->heap_place = g->n;
	c->rank = c->share;
	g->v[g->n++] = c;
	g->sum += c->share;
	p->used |= 1u << at;
	p->sum += c->share;
	p->n++;
}

static void pick_leave(struct pick *p, struct candidate *c)
{
	uint32_t share = (uint32_t)c->rank;
	unsigned at = group_of(share);
	struct pick_group *g = &p->groups[at];
	struct candidate *last = g->v[--g->n];
	g->v[c->heap_place] = last;
	last->heap_place = c->heap_place;
	c->heap_place = PICK_OUT;
	g->sum -= share;
	if (g->n == 0)
		p->used &= ~(1u << at);
	p->sum -= share;
	p->n--;
}

void pick_set(struct pick *p, struct candidate *c, bool in)
{
	bool was_in = c->heap_place != PICK_OUT;
	if (was_in && in && c->rank == c->share)
		return;
	if (was_in)
		pick_leave(p, c);
	if (in)
		pick_join(p, c);
}

static unsigned pick_group(const struct pick *p, struct upstream_part *part)
{
	unsigned at = (unsigned)__builtin_ctz(p->used);
	if (likely((p->used & (p->used - 1)) == 0))
		return at;
	/* a sum is below 2^33: 10,000 servers of weight 100, and more */
	uint64_t r = ((uint64_t)upstream_random(part, 1u << 31) * p->sum) >> 31;
	for (uint32_t rest = p->used; r >= p->groups[at].sum; at = (unsigned)__builtin_ctz(rest)) {
		r -= p->groups[at].sum;
		rest &= rest - 1;
	}
	return at;
}

/* The random generator is the worker's, which any of the candidates knows. */
static struct upstream_part *pick_part(const struct pick *p)
{
	return p->groups[__builtin_ctz(p->used)].v[0]->endpoint->part;
}

struct candidate *pick_draw(const struct pick *p)
{
	struct upstream_part *part = pick_part(p);
	unsigned at = pick_group(p, part);
	const struct pick_group *g = &p->groups[at];
	uint32_t bound = 1u << at;
	for (;;) {
		struct candidate *c = g->v[upstream_random(part, g->n)];
		if (likely(c->share == bound) || upstream_random(part, bound) < c->share)
			return c;
	}
}

struct candidate *pick_draw_untried(const struct pick *p, const struct balance_ask *ask)
{
	for (int i = 0; i < DRAWS && p->n; i++) {
		struct candidate *c = pick_draw(p);
		if (likely(!candidate_was_tried(c, ask->tried, ask->n_tried)))
			return c;
	}
	/* a retry where few servers hold nearly all of the weight: look at each */
	for (int i = 0; i < PICK_GROUPS; i++) {
		for (uint32_t k = 0; k < p->groups[i].n; k++) {
			struct candidate *c = p->groups[i].v[k];
			if (!candidate_was_tried(c, ask->tried, ask->n_tried))
				return c;
		}
	}
	return NULL;
}
