/* Asking the plugins of a route about a token. See the header. */
#include "app/token_judge.h"

#include <stdlib.h>

#include "base/mem.h"
#include "policy/any_of.h"
#include "proxy/snapshot.h"

/* ---- whom to ask --------------------------------------------------------------------------- */

static void find_group(const struct chain *c, uint32_t place, struct token_opinion *o)
{
	o->group = o->branch = -1;
	for (uint32_t i = 0; i < c->n_any; i++) {
		const struct any_of *g = &c->any[i];
		if (place < g->first || place >= g->end)
			continue;
		o->group = (int)i;
		o->branch = 0;
		while (place >= g->first + g->branches[o->branch])
			o->branch++;
	}
}

static void add_chain(struct token_judgement *j, const struct chain *c)
{
	for (uint32_t i = 0; i < c->n; i++) {
		if (!question_is_known(c->v[i].inst))
			continue;
		j->v = mem_resize(j->v, j->n + 1, sizeof(*j->v), "plugins that judge tokens");
		struct token_opinion *o = &j->v[j->n++];
		*o = (struct token_opinion){ .inst = c->v[i].inst, .verdict = SLUICE_WAIT };
		find_group(c, i, o);
	}
}

bool token_judgement_init(struct token_judgement *j, const struct snapshot *s, const char *route)
{
	bool found = false;
	*j = (struct token_judgement){ .route = str_of(route) };
	arena_init(&j->arena, 0);
	for (size_t i = 0; i < s->n_routes; i++) {
		if (!str_eq(s->routes[i].name, j->route))
			continue;
		found = true;
		add_chain(j, &s->routes[i].chain);
	}
	for (size_t i = 0; found && j->n == 0 && i < s->n_listeners; i++)
		add_chain(j, &s->listeners[i].chain);
	return found;
}

void token_judgement_fini(struct token_judgement *j)
{
	for (size_t i = 0; i < j->n; i++)
		free(j->v[i].steps);
	free(j->v);
	arena_fini(&j->arena);
	*j = (struct token_judgement){ .n = 0 };
}

/* ---- asking -------------------------------------------------------------------------------- */

struct telling {
	struct token_judgement *j;
	struct token_opinion *o;
};

static sluice_str keep(struct token_judgement *j, sluice_str s)
{
	return s.data ? arena_printf(&j->arena, "%.*s", STR_ARG(s)) : STR_NONE;
}

/* The struct may be older, and shorter, than ours. */
static void on_tell(void *ctx, const sluice_finding *f)
{
	const struct telling *t = ctx;
	struct token_opinion *o = t->o;
	sluice_finding known = { 0 };
	memcpy(&known, f, f->size < sizeof(known) ? f->size : sizeof(known));
	o->steps = mem_resize(o->steps, o->n_steps + 1, sizeof(*o->steps), "steps of a plugin");
	o->steps[o->n_steps++] = (struct token_step){ keep(t->j, known.rule),
		keep(t->j, known.found), keep(t->j, known.wanted), keep(t->j, known.code),
		keep(t->j, known.detail), known.status };
}

bool token_judgement_ask(struct token_judgement *j, const sluice_question *q)
{
	bool all = true;
	for (size_t i = 0; i < j->n; i++) {
		struct telling t = { j, &j->v[i] };
		if (t.o->verdict != SLUICE_WAIT)
			continue;
		sluice_question asked = *q;
		asked.tell = on_tell;
		asked.ctx = &t;
		t.o->verdict = question_ask(t.o->inst, &asked);
		all &= t.o->verdict != SLUICE_WAIT;
	}
	return all;
}

/* ---- what comes of it ---------------------------------------------------------------------- */

const struct token_step *token_opinion_fault(const struct token_opinion *o)
{
	for (size_t i = 0; i < o->n_steps; i++) {
		if (o->steps[i].code.data)
			return &o->steps[i];
	}
	return NULL;
}

/* What cannot be judged, and a refusal for want of keys, are no word about the token. */
static enum token_exit opinion_exit(const struct token_opinion *o)
{
	const struct token_step *fault = token_opinion_fault(o);
	if (o->inst->mode == INSTANCE_REPORT || o->verdict == SLUICE_NEXT)
		return TOKEN_ADMITTED;
	if (o->verdict != SLUICE_REPLY || (fault && fault->status >= 500))
		return TOKEN_UNKNOWN;
	return TOKEN_REFUSED;
}

/* All plugins of a branch have to admit the token, and one branch is enough. The members from `at`
 * on stand side by side; *end is behind them. */
static enum token_exit group_exit(const struct token_judgement *j, size_t at, size_t *end)
{
	enum token_exit sum = TOKEN_REFUSED;
	int group = j->v[at].group;
	while (at < j->n && j->v[at].group == group) {
		int branch = j->v[at].branch;
		enum token_exit worst = TOKEN_ADMITTED;
		for (; at < j->n && j->v[at].group == group && j->v[at].branch == branch; at++) {
			enum token_exit one = opinion_exit(&j->v[at]);
			worst = one == TOKEN_REFUSED || worst == TOKEN_ADMITTED ? one : worst;
		}
		if (worst == TOKEN_ADMITTED || (worst == TOKEN_UNKNOWN && sum == TOKEN_REFUSED))
			sum = worst;
	}
	*end = at;
	return sum;
}

enum token_exit token_judgement_sum(const struct token_judgement *j)
{
	enum token_exit sum = j->n ? TOKEN_ADMITTED : TOKEN_UNKNOWN;
	for (size_t i = 0; i < j->n;) {
		size_t end = i + 1;
		enum token_exit one = j->v[i].group < 0 ? opinion_exit(&j->v[i])
							: group_exit(j, i, &end);
		if (one == TOKEN_REFUSED || sum == TOKEN_ADMITTED)
			sum = one;
		i = end;
	}
	return sum;
}
