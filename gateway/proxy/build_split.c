/* The upstreams of a route that has several. Main thread. */
#include "proxy/build.h"

#include "policy/expr.h"
#include "proxy/split.h"

/* A fact by which requests are told apart, when their upstream is chosen. */
static void split_add_fact(struct build *b, struct route *r, struct split *s, sluice_str text)
{
	const struct split_conf *c = &r->conf->split;
	struct expr_wrong wrong = { .why = NULL };
	const sluice_expr *e = expr_compile(&b->snap->arena, text, &b->names, &wrong);
	if (!e) {
		(void)bind_error(&b->bind, c, "by", "%s",
			expr_wrong_text(&b->bind.records, &wrong));
		return;
	}
	if (fact_table[e->fact].how == FACT_ANSWERED || e->fact == FACT_UPSTREAM) {
		(void)bind_error(&b->bind, c, "by",
			"\"%.*s\" is not known yet when an upstream is chosen", STR_ARG(text));
		return;
	}
	s->is_late |= expr_is_stated(e) && build_check_split_fact(b, r, c, e);
	s->by[s->n_by++] = e;
}

static void split_add_share(struct build *b, const struct split_to_conf *to,
	struct split_shares *shares)
{
	int index = build_upstream_index(b->snap, to->name);
	if (index < 0) {
		(void)bind_error(&b->bind, to, NULL, "there is no upstream \"%.*s\"",
			STR_ARG(to->name));
		build_hint_upstreams(b, to->name);
		return;
	}
	shares->total += to->weight;
	shares->v[shares->n++] = (struct split_share){ .name = to->name,
		.upstream = index,
		.weight = (uint32_t)to->weight,
		.hash = split_hash(to->name) };
}

int build_split(struct build *b, struct route *r)
{
	const struct split_conf *c = &r->conf->split;
	const struct split_to_conf *to = c->to.v;
	struct split *s = arena_new(&b->snap->arena, struct split);
	struct split_shares *shares =
		arena_zalloc(&b->snap->arena, sizeof(*shares) + c->to.n * sizeof(shares->v[0]));
	s->shares = shares;
	s->by = arena_zalloc(&b->snap->arena, (c->by.n + 1) * sizeof(sluice_expr *));
	for (size_t i = 0; i < c->by.n; i++)
		split_add_fact(b, r, s, c->by.v[i]);
	for (size_t i = 0; i < c->to.n; i++)
		split_add_share(b, &to[i], shares);
	if (shares->n == 0)
		return -1; /* that is reported */
	if (shares->n == c->to.n && shares->total == 0) {
		(void)bind_error(&b->bind, c, "to", "all weights are 0");
		diag_hint(b->diag, "give the upstream that takes all requests a weight");
	}
	r->split = s;
	return shares->v[0].upstream;
}
