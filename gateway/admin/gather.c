/*
 * Questions to all workers, one round at a time. A question that comes during a round waits for the
 * next, so that every answer is younger than its question. Each worker has one part, which either
 * the worker or the main thread may touch:
 *
 *     main: part_send ---message---> worker: part_fill ---message---> main: part_back
 */
#include "admin/gather.h"

#include <stdlib.h>

#include "base/mem.h"

struct gather_part {
	struct gather *gather; /* borrowed */
	struct gather_worker at;
	/* the worker has it: the main thread uses only the members above, and `round` */
	bool out;
	struct progress_filter filter; /* limit 0: requests are not asked for */
	uint64_t round;                /* the round in which it was sent */
	/* filled by the worker */
	struct gather_answer answer;
	struct arena arena; /* owned: the endpoints and their texts */
	struct endpoint_view *views;
};

struct gather {
	struct worker *main;          /* borrowed */
	struct gather_part *parts;    /* owned */
	struct gather_answer *result; /* owned: of the round that ends */
	unsigned n;
	unsigned missing; /* answers still missing in this round */
	uint64_t round;
	struct progress_filter filter; /* of this round; limit 0: none */
	bool under_way;
	/* gather_wait: asking: in this round; next: in the one after it */
	struct list asking, next;
	struct timer timer;
	struct turn_hook hook; /* begins a round */
};

/* ---- on the worker ------------------------------------------------------------------------- */

static sluice_str part_copy(struct gather_part *p, sluice_str s)
{
	return s.len ? arena_str(&p->arena, s) : STR_NONE;
}

static void part_add(void *ctx, const struct endpoint_view *v)
{
	struct gather_part *p = ctx;
	if (p->answer.n_endpoints == GATHER_ENDPOINTS) {
		p->answer.left_out++;
		return;
	}
	struct endpoint_view *to = &p->views[p->answer.n_endpoints++];
	*to = *v;
	to->upstream = part_copy(p, v->upstream);
	to->address = part_copy(p, v->address);
	to->host = part_copy(p, v->host);
}

static void part_count(void *ctx, const struct endpoint_view *v)
{
	(void)v;
	++*(size_t *)ctx;
}

static void part_back(struct worker *w, void *arg);

static void part_fill(struct worker *w, void *arg)
{
	struct gather_part *p = arg;
	size_t n = 0;
	const struct view *v = p->at.proxy->view;
	arena_fini(&p->arena);
	arena_init(&p->arena, 0);
	upstream_each_endpoint(w, part_count, &n);
	p->views = arena_alloc(&p->arena,
		sizeof(*p->views) * (n < GATHER_ENDPOINTS ? n : GATHER_ENDPOINTS));
	p->answer = (struct gather_answer){ .config_id = v ? v->snap->id : 0,
		.connections = front_connections(p->at.front),
		.requests = p->at.proxy->active,
		.endpoints = p->views };
	upstream_each_endpoint(w, part_add, p);
	if (p->filter.limit)
		progress_gather(p->at.proxy, &p->filter, &p->arena, &p->answer.in_progress);
	worker_post(p->gather->main, part_back, p);
}

/* ---- rounds -------------------------------------------------------------------------------- */

static void part_send(struct gather_part *p)
{
	p->out = true;
	p->round = p->gather->round;
	p->filter = p->gather->filter;
	worker_post(p->at.worker, part_fill, p);
}

static void gather_end_round(struct gather *g)
{
	static const struct gather_answer silent = { .silent = true };
	struct list batch, *e;
	timer_stop(&g->timer);
	g->under_way = false;
	for (unsigned i = 0; i < g->n; i++)
		g->result[i] = g->parts[i].out ? silent : g->parts[i].answer;
	/* on_done may ask again, for another round, and may cancel others, which then leave the
	 * batch */
	list_init(&batch);
	while ((e = list_pop(&g->asking)))
		list_push(&batch, e);
	while ((e = list_pop(&batch))) {
		struct gather_wait *w = container_of(e, struct gather_wait, link);
		w->on_done(w, g->result, g->n);
	}
	if (!list_is_empty(&g->next))
		worker_at_turn_end(g->main, &g->hook);
}

static void part_back(struct worker *w, void *arg)
{
	struct gather_part *p = arg;
	struct gather *g = p->gather;
	(void)w;
	p->out = false;
	if (!g->under_way)
		return;
	if (p->round != g->round)
		part_send(p); /* it answered an earlier round: ask it for this one */
	else if (--g->missing == 0)
		gather_end_round(g);
}

static void gather_on_due(struct timer *t)
{
	gather_end_round(container_of(t, struct gather, timer));
}

/* Whether the round that begins can answer w as well. */
static bool gather_joins(struct gather *g, const struct gather_wait *w)
{
	if (!w->filter)
		return true;
	if (!g->filter.limit)
		g->filter = *w->filter;
	return memcmp(&g->filter, w->filter, sizeof(g->filter)) == 0;
}

static void gather_choose_asking(struct gather *g)
{
	g->filter.limit = 0;
	list_each_safe (e, &g->next) {
		if (!gather_joins(g, container_of(e, struct gather_wait, link)))
			continue;
		list_del(e);
		list_push(&g->asking, e);
	}
}

static void gather_begin_round(struct turn_hook *h)
{
	struct gather *g = container_of(h, struct gather, hook);
	if (g->under_way || list_is_empty(&g->next))
		return;
	gather_choose_asking(g);
	g->under_way = true;
	g->round++;
	g->missing = g->n;
	for (unsigned i = 0; i < g->n; i++) {
		if (!g->parts[i].out)
			part_send(&g->parts[i]);
	}
	if (g->n)
		worker_timer(g->main, &g->timer, GATHER_WAIT_NS);
	else
		gather_end_round(g);
}

/* ---- the whole ----------------------------------------------------------------------------- */

struct gather *gather_new(struct worker *main)
{
	struct gather *g = mem_new(struct gather);
	g->main = main;
	list_init(&g->asking);
	list_init(&g->next);
	timer_init(&g->timer, gather_on_due);
	turn_hook_init(&g->hook, gather_begin_round);
	return g;
}

void gather_set_workers(struct gather *g, const struct gather_worker *v, unsigned n)
{
	check(g->n == 0 && !g->under_way, "the workers are told twice");
	g->parts = mem_zeroed(n, sizeof(*g->parts), "questions to workers");
	g->result = mem_zeroed(n, sizeof(*g->result), "answers of workers");
	g->n = n;
	for (unsigned i = 0; i < n; i++) {
		g->parts[i].gather = g;
		g->parts[i].at = v[i];
		arena_init(&g->parts[i].arena, 0);
	}
}

void gather_stop(struct gather *g)
{
	check(list_is_empty(&g->asking) && list_is_empty(&g->next),
		"somebody still waits for the workers");
	g->under_way = false;
	timer_drop(&g->timer);
	list_del(&g->hook.link);
}

void gather_free(struct gather **at)
{
	struct gather *g = *at;
	*at = NULL;
	if (!g)
		return;
	gather_stop(g);
	for (unsigned i = 0; i < g->n; i++)
		arena_fini(&g->parts[i].arena);
	free(g->parts);
	free(g->result);
	free(g);
}

void gather_ask(struct gather *g, struct gather_wait *w)
{
	list_push(&g->next, &w->link);
	worker_at_turn_end(g->main, &g->hook);
}

void gather_cancel(struct gather_wait *w)
{
	list_del(&w->link);
}
