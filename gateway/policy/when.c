/* Conditions of plugins on a request. See the header. */
#include "policy/when.h"

#include "policy/expr.h"
#include "policy/guard.h"
#include "policy/instance.h"
#include "policy/instance_fact.h"
#include "policy/run.h"
#include "route/rule.h"

struct sluice_condition {
	struct sluice_condition *next; /* of the instance */
	struct route_rule rule;
	struct method_set methods; /* that the rule names */
};

/* ---- compiling ----------------------------------------------------------------------------- */

/* Where mistakes of the rule are reported. */
struct when_report {
	struct bind *bind;
	const struct match_conf *conf;
};

static void when_complain(void *ctx, const struct route_error *e)
{
	const struct when_report *to = ctx;
	(void)bind_error_in(to->bind, to->conf, route_part_name(e->part), e->index,
		"%s (at character %zu)", e->text, e->offset + 1);
}

/* An empty text in a list would take every host or path. */
static int when_check_texts(struct bind *b, const struct match_conf *c, const char *option,
	sluice_strs texts)
{
	int rc = 0;
	for (size_t i = 0; i < texts.n; i++) {
		if (!texts.v[i].len)
			rc = bind_error_in(b, c, option, i, "must not be empty");
	}
	return rc;
}

/* The place of a fact's condition in the file. */
static const struct node *when_fact_node(struct bind *b, const struct match_conf *c,
	sluice_str fact)
{
	const struct node *facts = bind_option(b, c, "facts");
	const struct node *at = facts ? node_find(facts, fact) : NULL;
	return at ? at : bind_node(b, c);
}

static const sluice_expr *when_fact(struct bind *b, const struct match_conf *c, sluice_str name)
{
	sluice_instance *inst = b->ctx;
	struct expr_wrong wrong = { .why = NULL };
	const sluice_expr *e = expr_compile(&inst->arena, name, inst->policy->names, &wrong);
	if (e) {
		instance_fact_add(inst, e, SLUICE_REQUEST);
		return e;
	}
	(void)diag_error_node(b->diag, when_fact_node(b, c, name), "%s", wrong.why);
	if (wrong.hint.len)
		diag_hint(b->diag, "did you mean %.*s?", STR_ARG(wrong.hint));
	return NULL;
}

/* The expressions by which the rule's facts are read. NULL: a mistake was reported. */
static const void *const *when_facts(struct bind *b, const struct match_conf *c)
{
	const void **keys = arena_zalloc(b->arena, c->facts.n * sizeof(*keys) + 1);
	bool ok = true;
	for (size_t i = 0; i < c->facts.n; i++) {
		bool same = i && str_eq(c->facts.v[i].name, c->facts.v[i - 1].name);
		keys[i] = same ? keys[i - 1] : when_fact(b, c, c->facts.v[i].name);
		ok &= keys[i] != NULL;
	}
	return ok ? keys : NULL;
}

int when_compile(struct bind *b, const struct match_conf *c, const sluice_condition **out)
{
	sluice_instance *inst = b->ctx;
	struct when_report to = { b, c };
	const void *const *keys = when_facts(b, c);
	if (!keys || when_check_texts(b, c, "host", c->host) < 0 ||
		when_check_texts(b, c, "path", c->path) < 0)
		return -1;
	const struct route_spec spec = { .hosts = c->host,
		.paths = c->path,
		.methods = c->methods,
		.clients = c->client,
		.headers = c->headers,
		.query = c->query,
		.cookies = c->cookies,
		.facts = c->facts,
		.fact_keys = keys };
	sluice_condition *made = arena_new(b->arena, sluice_condition);
	*made = (sluice_condition){ .next = inst->conditions };
	inst->conditions = made;
	*out = made;
	return rule_init(&made->rule, &spec, 0, &made->methods, b->arena, when_complain, &to);
}

void when_free(sluice_condition *all)
{
	for (; all; all = all->next)
		rule_fini(&all->rule);
}

/* ---- testing ------------------------------------------------------------------------------- */

static enum match when_read_fact(void *request, const void *key, sluice_str *out)
{
	switch (expr_read(request, key, out)) {
	case SLUICE_READ_NONE:
		return MATCH_NO;
	case SLUICE_READ_FAIL:
		return MATCH_LIMIT;
	default:
		return MATCH_YES;
	}
}

static enum match when_match(sluice_exchange *x, const sluice_condition *c)
{
	const struct request_head *h = x->request;
	const struct route_asked asked = { .head = h, .client = x->client_ip, .request = x };
	const struct route_query q = { .of = &asked,
		.method = method_bit(&c->methods, (enum method)h->method, h->method_text),
		.read_fact = when_read_fact };
	if (!rule_takes_method(&c->rule, q.method) || !rule_match_host(&c->rule, h->host))
		return MATCH_NO;
	enum match m = rule_match_path(&c->rule, h->path);
	return m == MATCH_YES ? rule_match_conditions(&c->rule, &q, NULL, NULL) : m;
}

int when_holds(sluice_exchange *x, const sluice_condition *c)
{
	if (!guard_hook(x, "sluice_holds()"))
		return SLUICE_UNDECIDED;
	switch (when_match(x, c)) {
	case MATCH_YES:
		return SLUICE_YES;
	case MATCH_NO:
		return SLUICE_NO;
	default:
		return SLUICE_UNDECIDED;
	}
}
