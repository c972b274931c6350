/* What of a request the consistent hashes of upstreams go by. Main thread. */
#include "policy/expr.h"
#include "proxy/build.h"

static void build_hash_of(struct build *b, struct snapshot_upstream *u)
{
	struct expr_wrong wrong = { .why = NULL };
	const struct hash_conf *c = &u->conf->hash;
	u->hash_by = expr_compile(&b->snap->arena, c->by, &b->names, &wrong);
	if (u->hash_by)
		return;
	(void)bind_error(&b->bind, c, "by", "%s", wrong.why);
	if (wrong.hint.len)
		diag_hint(b->diag, "did you mean %.*s?", STR_ARG(wrong.hint));
}

void build_hash(struct build *b)
{
	for (size_t i = 0; i < b->snap->n_upstreams; i++) {
		struct snapshot_upstream *u = &b->snap->upstreams[i];
		if (u->conf->balance.algorithm == BALANCE_HASH && u->conf->hash.by.len)
			build_hash_of(b, u);
	}
}
