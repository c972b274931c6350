/* Facts that routes are chosen by. See match_fact.h. */
#include "proxy/match_fact.h"

#include "proxy/exchange.h"

/* A fact of this request. */
struct match_seen {
	sluice_str value; /* data NULL: the request has none */
	bool is_read, has_failed;
};

enum match match_fact_read(void *request, const void *key, sluice_str *out)
{
	struct exchange *x = request;
	const struct match_fact *f = key;
	if (!x->seen)
		x->seen =
			arena_zalloc(x->px.arena, x->view->snap->n_match_facts * sizeof(*x->seen));
	if (!x->seen)
		return MATCH_LIMIT;
	struct match_seen *s = &x->seen[f->id];
	if (!s->is_read) {
		s->is_read = true;
		s->has_failed = expr_read(&x->px, f->expr, &s->value) == SLUICE_READ_FAIL;
	}
	*out = s->value;
	return s->has_failed ? MATCH_LIMIT : s->value.data ? MATCH_YES : MATCH_NO;
}
