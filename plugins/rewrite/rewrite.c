/*
 * rewrite: changes path, query and host of requests before they are forwarded, and turns addresses
 * in responses back. Hooks run on the worker's thread.
 */
#include <sluice/plugin.h>

#include <sluice/str.h>

#include "../shared/path.h"
#include "../shared/uri_text.h"
#include "back.h"
#include "check.h"
#include "conf.h"
#include "replace.h"

static const char *const responses_choices[] = { "keep", "rewrite", NULL };

static const sluice_option rule_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct rule, match, .flags = SLUICE_F_REQUIRED,
		.doc = "regular expression (PCRE2) that the whole path has to match"),
	SLUICE_OPTION(SLUICE_T_STR, struct rule, replace, .flags = SLUICE_F_REQUIRED,
		.doc = "the new path, in which $1 or $NAME is a group of the expression and {FACT} "
		       "a fact; a dollar is written $$; behind ?, parameters to set, and ? at the "
		       "end to drop the others"),
	SLUICE_OPTIONS_END,
};

static const sluice_option query_options[] = {
	SLUICE_OPTION(SLUICE_T_PAIRS, struct query, set, .max = "64",
		.doc = "parameters and the value that each gets, in the place of those of its "
		       "name; "
		       "a parameter is removed when a placeholder has no value"),
	SLUICE_OPTION(SLUICE_T_STRS, struct query, remove, .max = "64",
		.doc = "names of parameters to remove"),
	SLUICE_OPTIONS_END,
};

static const sluice_option rewrite_options[] = {
	SLUICE_OPTION(SLUICE_T_STRS, struct rewrite, strip_prefix, .max = "64",
		.doc = "prefix to take off the path, by whole segments; of several, the longest "
		       "that fits; a path without it stays"),
	SLUICE_OPTION(SLUICE_T_LIST, struct rewrite, regex, .sub = rule_options,
		.sub_size = sizeof(struct rule), .max = "64",
		.doc = "expressions for the path, behind strip_prefix; the first that matches "
		       "replaces it"),
	SLUICE_OPTION(SLUICE_T_STR, struct rewrite, add_prefix,
		.doc = "prefix to put in front of the path, behind strip_prefix and regex; with "
		       "facts"),
	SLUICE_OPTION(SLUICE_T_STR, struct rewrite, path,
		.doc = "the whole new path, with facts: /v2/{path:id}; not with strip_prefix, "
		       "regex "
		       "and add_prefix"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct rewrite, query, .flags = SLUICE_F_SUBOBJECT,
		.sub = query_options, .doc = "changes to the parameters of the query"),
	SLUICE_OPTION(SLUICE_T_STR, struct rewrite, host,
		.doc = "host that the upstream is asked for, with its port if it has one; with "
		       "facts"),
	SLUICE_OPTION(SLUICE_T_BOOL, struct rewrite, forwarded_prefix, .def = "true",
		.doc = "whether the upstream is told by X-Forwarded-Prefix what strip_prefix took "
		       "away, behind what trusted proxies took away before"),
	SLUICE_OPTION(SLUICE_T_ENUM, struct rewrite, responses, .def = "keep",
		.choices = responses_choices,
		.doc = "whether Location, Content-Location, and Path and Domain of Set-Cookie in "
		       "the upstream's responses are turned back into what the client knows"),
	SLUICE_OPTIONS_END,
};

/* ---- outcomes ------------------------------------------------------------------------------ */

/* What comes of the computation of a new address. */
enum outcome {
	OUTCOME_OK = 0,
	OUTCOME_MISSING,   /* a fact that it needs is not in the request */
	OUTCOME_MALFORMED, /* it would be malformed, or leave its place */
	OUTCOME_LIMIT,     /* an expression takes too much work */
	OUTCOME_NO_MEMORY
};

static enum outcome outcome_of(sluice_template_result r)
{
	switch (r) {
	case SLUICE_TEMPLATE_OK:
		return OUTCOME_OK;
	case SLUICE_TEMPLATE_MISSING:
		return OUTCOME_MISSING;
	case SLUICE_TEMPLATE_FAIL:
		break;
	}
	return OUTCOME_NO_MEMORY;
}

/* The request must not go to its former address, so it is refused. */
static sluice_verdict refuse(sluice_exchange *x, enum outcome o)
{
	switch (o) {
	case OUTCOME_MISSING:
		return sluice_refuse(x, 400, "rewrite-missing",
			"The request lacks a value that its address for the service is made of.");
	case OUTCOME_MALFORMED:
		return sluice_refuse(x, 400, "rewrite-malformed",
			"The request would have a malformed address for the service.");
	case OUTCOME_LIMIT:
		return sluice_refuse(x, 500, "rewrite-limit",
			"The address for the service takes more work than the gateway allows.");
	case OUTCOME_OK:
	case OUTCOME_NO_MEMORY:
		break;
	}
	return SLUICE_FAIL;
}

/* ---- the new address ----------------------------------------------------------------------- */

/* What is to be changed. It is computed as a whole from the request as it came, before any of it is
 * changed. */
struct change {
	sluice_str path; /* as far as it is computed; empty: "/" */
	sluice_str stripped, added;
	sluice_str host;    /* no data: it stays */
	sluice_str *values; /* of query.set; one without data is removed */
	/* the row of `regex` that matched, NULL: none; and the values of its parameters */
	const struct rule *rule;
	sluice_str *rule_values;
};

static void strip(const struct rewrite *r, struct change *c)
{
	for (size_t i = 0; i < r->strip_prefix.n; i++) {
		if (r->strip[i].len > c->stripped.len && path_is_under(c->path, r->strip[i]))
			c->stripped = r->strip[i];
	}
	c->path = sluice_str_skip(c->path, c->stripped.len);
}

static enum outcome apply_rule(sluice_exchange *x, const struct rule *rule,
	const sluice_str *groups, struct change *c)
{
	enum outcome o = outcome_of(replace_path(x, rule, groups, &c->path));
	c->rule = rule;
	if (o != OUTCOME_OK || !rule->n_params)
		return o;
	c->rule_values = sluice_alloc(x, rule->n_params * sizeof(*c->rule_values));
	if (!c->rule_values)
		return OUTCOME_NO_MEMORY;
	return outcome_of(replace_values(x, rule, groups, c->rule_values));
}

static enum outcome apply_rules(sluice_exchange *x, const struct rewrite *r, struct change *c)
{
	sluice_str groups[EXPRESSION_GROUPS + 1], path = c->path.len ? c->path : SLUICE_STR("/");
	const struct rule *rules = r->regex.v;
	const struct rewrite_worker *w = sluice_worker_state(x);
	for (size_t i = 0; i < r->regex.n; i++) {
		switch (expression_match(rules[i].regex, w->scratch, path, groups)) {
		case EXPRESSION_YES:
			return apply_rule(x, &rules[i], groups, c);
		case EXPRESSION_LIMIT:
			return OUTCOME_LIMIT;
		case EXPRESSION_NO:
			break;
		}
	}
	return OUTCOME_OK;
}

static enum outcome add_prefix(sluice_exchange *x, const struct rewrite *r, struct change *c)
{
	enum outcome o = outcome_of(uri_text_write(x, r->add_text, &c->added));
	if (o != OUTCOME_OK)
		return o;
	char *start = sluice_alloc(x, c->added.len + c->path.len + 1);
	if (!start)
		return OUTCOME_NO_MEMORY;
	char *end = sluice_str_put(sluice_str_put(start, c->added), c->path);
	c->path = sluice_str_n(start, (size_t)(end - start));
	return OUTCOME_OK;
}

static enum outcome compute_path(sluice_exchange *x, const struct rewrite *r, struct change *c)
{
	enum outcome o = OUTCOME_OK;
	c->path = sluice_get(x, SLUICE_I_PATH);
	if (!c->path.len || c->path.data[0] != '/') /* OPTIONS * has no path */
		return OUTCOME_OK;
	if (r->path_text)
		o = outcome_of(uri_text_write(x, r->path_text, &c->path));
	else
		strip(r, c);
	if (o == OUTCOME_OK && r->regex.n)
		o = apply_rules(x, r, c);
	if (o == OUTCOME_OK && r->add_text)
		o = add_prefix(x, r, c);
	if (!c->path.len)
		c->path = SLUICE_STR("/");
	if (o == OUTCOME_OK && !r->is_sure && !path_is_normal(c->path))
		return OUTCOME_MALFORMED;
	return o;
}

static enum outcome compute_host(sluice_exchange *x, const struct rewrite *r, struct change *c)
{
	sluice_str host;
	enum outcome o = outcome_of(sluice_template_write(x, r->host_text, &host));
	if (o != OUTCOME_OK)
		return o;
	if (!host.len ||
		sluice_field_refused(SLUICE_REQUEST, SLUICE_FIELD_SET, SLUICE_STR("Host"), host))
		return OUTCOME_MALFORMED;
	c->host = host;
	return OUTCOME_OK;
}

static enum outcome compute_query(sluice_exchange *x, const struct query *q, struct change *c)
{
	if (!q->set.n)
		return OUTCOME_OK;
	c->values = sluice_alloc(x, q->set.n * sizeof(*c->values));
	if (!c->values)
		return OUTCOME_NO_MEMORY;
	for (size_t i = 0; i < q->set.n; i++) {
		sluice_template_result r = sluice_template_write(x, q->values[i], &c->values[i]);
		if (r == SLUICE_TEMPLATE_FAIL)
			return OUTCOME_NO_MEMORY;
		if (r == SLUICE_TEMPLATE_MISSING)
			c->values[i] = SLUICE_STR_NONE;
	}
	return OUTCOME_OK;
}

/* ---- X-Forwarded-Prefix -------------------------------------------------------------------- */

enum { PREFIX_MEMBERS = 8 };

static const sluice_str forwarded_prefix = { "X-Forwarded-Prefix",
	sizeof("X-Forwarded-Prefix") - 1 };

/* What proxies before this one took away, as the request tells it. */
struct prefixes {
	sluice_str v[PREFIX_MEMBERS + 1]; /* with room for this gateway's own */
	size_t n;
};

/* Add the members of a field's value. What is no path is left out: services put this in front of
 * their links, so that "//evil.example" would lead elsewhere. */
static void prefixes_add(struct prefixes *p, sluice_str value)
{
	while (value.data && p->n < PREFIX_MEMBERS) {
		sluice_str member = path_trim_end(sluice_str_trim(sluice_str_cut(&value, ',')));
		if (member.len && path_is_normal(member))
			p->v[p->n++] = member;
	}
}

/* Only a trusted proxy's field is still in the request, or one that the listener's option
 * forwarded.keep lets pass. No other spelling of its name passes. */
static void prefixes_read(sluice_exchange *x, struct prefixes *p)
{
	sluice_pair f;
	for (size_t iter = 0; sluice_field_next(x, SLUICE_REQUEST, &iter, &f);) {
		if (sluice_str_ieq(f.name, forwarded_prefix))
			prefixes_add(p, f.value);
	}
}

static bool tell_prefix(sluice_exchange *x, sluice_str stripped)
{
	struct prefixes p = { .n = 0 };
	prefixes_read(x, &p);
	p.v[p.n++] = stripped;
	size_t room = 0;
	for (size_t i = 0; i < p.n; i++)
		room += p.v[i].len;
	char *start = sluice_alloc(x, room), *at = start;
	if (!start)
		return false;
	for (size_t i = 0; i < p.n; i++)
		at = sluice_str_put(at, p.v[i]);
	sluice_field_set(x, SLUICE_REQUEST, forwarded_prefix, sluice_str_n(start, room));
	return true;
}

/* ---- requests ------------------------------------------------------------------------------ */

static sluice_verdict change_query(sluice_exchange *x, const struct query *q,
	const struct change *c)
{
	for (size_t i = 0; c->rule && i < c->rule->n_params; i++) {
		if (!sluice_query_set(x, c->rule->params[i].name, c->rule_values[i]))
			return SLUICE_FAIL;
	}
	for (size_t i = 0; i < q->remove.n; i++) {
		if (!sluice_query_remove(x, q->remove.v[i]))
			return SLUICE_FAIL;
	}
	for (size_t i = 0; i < q->set.n; i++) {
		sluice_str name = q->set.v[i].name;
		if (!(c->values[i].data ? sluice_query_set(x, name, c->values[i])
					: sluice_query_remove(x, name)))
			return SLUICE_FAIL;
	}
	return SLUICE_NEXT;
}

/* Keep for the response what is done to this request. */
static bool remember(sluice_exchange *x, const struct change *c)
{
	struct trip *t = sluice_state(x, sizeof(*t));
	if (!t)
		return false;
	if (!c->stripped.len && !c->added.len && !c->host.data)
		return true;
	*t = (struct trip){ .is_on = true,
		.outer = c->stripped,
		.inner = c->added,
		.outer_host = sluice_get(x, SLUICE_I_HOST),
		.outer_authority = sluice_field(x, SLUICE_REQUEST, SLUICE_STR("Host")),
		.inner_authority = c->host,
		.is_https = sluice_str_is(sluice_get(x, SLUICE_I_SCHEME), "https") };
	return true;
}

static sluice_verdict change(sluice_exchange *x, const struct rewrite *r, const struct change *c)
{
	sluice_str before = sluice_get(x, SLUICE_I_PATH);
	if (r->responses == RESPONSES_REWRITE && !remember(x, c))
		return SLUICE_FAIL;
	if (c->stripped.len && r->forwarded_prefix && !tell_prefix(x, c->stripped))
		return SLUICE_FAIL;
	bool drops = c->rule && c->rule->drops_query;
	if ((drops || !sluice_str_eq(before, c->path)) &&
		!sluice_target_set(x, c->path,
			drops ? SLUICE_STR_NONE : sluice_get(x, SLUICE_I_QUERY)))
		return SLUICE_FAIL;
	if (c->host.data && !sluice_host_set(x, c->host))
		return SLUICE_FAIL;
	/* OPTIONS * has no query */
	return before.len && before.data[0] == '/' ? change_query(x, &r->query, c) : SLUICE_NEXT;
}

static sluice_verdict rewrite_on_request(sluice_exchange *x, const void *conf)
{
	const struct rewrite *r = conf;
	struct change c = { .host = SLUICE_STR_NONE };
	enum outcome o = compute_path(x, r, &c);
	if (o == OUTCOME_OK && r->host_text)
		o = compute_host(x, r, &c);
	if (o == OUTCOME_OK)
		o = compute_query(x, &r->query, &c);
	return o == OUTCOME_OK ? change(x, r, &c) : refuse(x, o);
}

/* ---- responses ----------------------------------------------------------------------------- */

static sluice_verdict rewrite_on_response(sluice_exchange *x, const void *conf)
{
	const struct rewrite *r = conf;
	if (r->responses == RESPONSES_KEEP)
		return SLUICE_NEXT;
	/* what the gateway and its plugins answer speaks of the client's addresses already */
	if (sluice_number(x, SLUICE_N_UPSTREAM_STATUS) == SLUICE_UNKNOWN)
		return SLUICE_NEXT;
	const struct trip *t = sluice_state(x, sizeof(*t));
	if (!t)
		return SLUICE_FAIL;
	return t->is_on ? back_change(x, t) : SLUICE_NEXT;
}

/* ---- workers ------------------------------------------------------------------------------- */

static int rewrite_worker_start(sluice_instance *inst, const void *conf, void *state)
{
	const struct rewrite *r = conf;
	struct rewrite_worker *w = state;
	if (!r->regex.n)
		return 0;
	w->scratch = expression_scratch_new();
	if (w->scratch)
		return 0;
	sluice_log(inst, SLUICE_LOG_ERROR, "no memory for regular expressions");
	return -1;
}

static void rewrite_worker_stop(sluice_instance *inst, const void *conf, void *state)
{
	struct rewrite_worker *w = state;
	(void)inst;
	(void)conf;
	expression_scratch_free(&w->scratch);
}

SLUICE_PLUGIN("rewrite", .version = "1.0",
	.summary = "changes path, query and host of requests, and turns responses back",
	.options = rewrite_options, .conf_size = sizeof(struct rewrite), .check = rewrite_check,
	.stop = rewrite_stop, .worker_size = sizeof(struct rewrite_worker),
	.worker_start = rewrite_worker_start, .worker_stop = rewrite_worker_stop,
	.on_request = rewrite_on_request, .on_response = rewrite_on_response);
