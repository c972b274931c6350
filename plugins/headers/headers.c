/*
 * headers: changes header fields of requests to the upstream and of responses to the client. Values
 * may contain facts of the request.
 */
#include <sluice/str.h>

#include <stdio.h>

#include "replace.h"

/* What on_request found out, where there is a condition. */
struct found {
	bool met;
};

static const sluice_option replace_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct replacement, field, .flags = SLUICE_F_REQUIRED,
		.min = "1", .max = "256", .doc = "name of the field"),
	SLUICE_OPTION(SLUICE_T_STR, struct replacement, match, .flags = SLUICE_F_REQUIRED,
		.min = "1", .max = "4096",
		.doc = "expression (PCRE2) that the whole value must match; others stay"),
	SLUICE_OPTION(SLUICE_T_STR, struct replacement, with, .flags = SLUICE_F_REQUIRED,
		.max = "4096",
		.doc = "the new value, with groups ($1, $NAME) and facts ({ip}); a line whose fact "
		       "has no value is removed"),
	SLUICE_OPTIONS_END,
};

static const sluice_option request_options[] = {
	SLUICE_OPTION(SLUICE_T_PAIRS, struct side, set, .max = "64",
		.doc = "fields and the value that replaces all they had; a field is removed from "
		       "the request when a placeholder has no value"),
	SLUICE_OPTION(SLUICE_T_PAIRS, struct side, add, .max = "64",
		.doc = "fields to add to those of the same name"),
	SLUICE_OPTION(SLUICE_T_STRS, struct side, remove, .max = "64",
		.doc = "names of fields to remove before the request goes to the upstream"),
	SLUICE_OPTION(SLUICE_T_LIST, struct side, replace, .sub = replace_options,
		.sub_size = sizeof(struct replacement), .max = "32",
		.doc = "values to change by regular expressions, each line of a field for itself"),
	SLUICE_OPTIONS_END,
};

static const sluice_option response_options[] = {
	SLUICE_OPTION(SLUICE_T_PAIRS, struct side, set, .max = "64",
		.doc = "fields and the value that replaces all they had; a field is removed from "
		       "the response when a placeholder has no value"),
	SLUICE_OPTION(SLUICE_T_PAIRS, struct side, add, .max = "64",
		.doc = "fields to add to those of the same name"),
	SLUICE_OPTION(SLUICE_T_STRS, struct side, remove, .max = "64",
		.doc = "names of fields to remove before the response goes to the client"),
	SLUICE_OPTION(SLUICE_T_LIST, struct side, replace, .sub = replace_options,
		.sub_size = sizeof(struct replacement), .max = "32",
		.doc = "values to change by regular expressions, each line of a field for itself"),
	SLUICE_OPTION(SLUICE_T_STRS, struct side, status, .max = "32",
		.doc = "status codes of the responses that are changed: 404, 5xx, 500-503; left "
		       "out: all"),
	SLUICE_OPTIONS_END,
};

static const sluice_option headers_options[] = {
	SLUICE_OPTION(SLUICE_T_WHEN, struct headers, when,
		.doc = "requests that are changed, and whose responses are: conditions of the form "
		       "of a route's `match`, looked at when the request arrives here; left out: "
		       "all"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct headers, request, .flags = SLUICE_F_SUBOBJECT,
		.sub = request_options, .doc = "changes to the request for the upstream"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct headers, response, .flags = SLUICE_F_SUBOBJECT,
		.sub = response_options,
		.doc = "changes to the response for the client, from the upstream or from the "
		       "gateway"),
	SLUICE_OPTIONS_END,
};

/* ---- configuration ------------------------------------------------------------------------- */

static void refuse(sluice_instance *inst, const char *path, sluice_str name, const char *why)
{
	sluice_conf_error(inst, path, "field \"%.*s\" %s", (int)name.len, name.data, why);
	sluice_conf_hint(inst, "take the field out of this plugin, or give it another name");
}

/* Check a row of set or add. Mistakes are reported at the row. */
static int check_rule(sluice_instance *inst, sluice_side which, sluice_field_op op,
	const sluice_pair *p, const char *path, struct rule *out)
{
	sluice_str fixed;
	out->name = p->name;
	out->value = sluice_template_compile(inst, path, which, p->name, p->value);
	if (!out->value)
		return -1;
	/* a value with placeholders is not known yet: only the name can be checked */
	if (!sluice_template_fixed(out->value, &fixed))
		fixed = SLUICE_STR("");
	const char *wrong = sluice_field_refused(which, op, p->name, fixed);
	if (!wrong)
		return 0;
	refuse(inst, path, p->name, wrong);
	return -1;
}

static int check_rules(sluice_instance *inst, const char *block, sluice_side which,
	sluice_field_op op, const sluice_pairs *map, struct rule *out)
{
	char path[320];
	int rc = 0;
	for (size_t i = 0; i < map->n; i++) {
		const sluice_pair *p = &map->v[i];
		(void)snprintf(path, sizeof(path), "%s.%s.%.*s", block,
			op == SLUICE_FIELD_SET ? "set" : "add",
			p->name.len < 256 ? (int)p->name.len : 256, p->name.data);
		if (check_rule(inst, which, op, p, path, &out[i]) < 0)
			rc = -1;
		for (size_t j = 0; op == SLUICE_FIELD_SET && j < i; j++) {
			if (!sluice_names_alike(p->name, map->v[j].name))
				continue;
			sluice_conf_error(inst, path, "is set already, as %.*s",
				(int)map->v[j].name.len, map->v[j].name.data);
			rc = -1;
		}
	}
	return rc;
}

static int check_side(sluice_instance *inst, const char *block, sluice_side which, struct side *s)
{
	char path[64];
	s->rules = sluice_conf_alloc(inst, (s->set.n + s->add.n) * sizeof(*s->rules));
	int rc = check_rules(inst, block, which, SLUICE_FIELD_SET, &s->set, s->rules);
	if (check_rules(inst, block, which, SLUICE_FIELD_ADD, &s->add, s->rules + s->set.n) < 0)
		rc = -1;
	for (size_t i = 0; i < s->remove.n; i++) {
		sluice_str name = s->remove.v[i];
		const char *wrong =
			sluice_field_refused(which, SLUICE_FIELD_REMOVE, name, SLUICE_STR(""));
		if (!wrong)
			continue;
		(void)snprintf(path, sizeof(path), "%s.remove[%zu]", block, i);
		refuse(inst, path, name, wrong);
		rc = -1;
	}
	return replace_check(inst, block, which, s) < 0 ? -1 : rc;
}

/* "404", "5xx" or "500-503". */
static bool span_parse(sluice_str s, struct span *out)
{
	uint64_t first, last;
	sluice_str from = sluice_str_cut(&s, '-');
	if (!s.data && from.len == 3 && sluice_is_digit(from.data[0]) && from.data[1] == 'x' &&
		from.data[2] == 'x') {
		first = (uint64_t)(from.data[0] - '0') * 100;
		last = first + 99;
	} else if (!sluice_str_u64(from, &first) || !sluice_str_u64(s.data ? s : from, &last)) {
		return false;
	}
	*out = (struct span){ (uint16_t)first, (uint16_t)last };
	return first >= 200 && last <= 599 && first <= last;
}

static int check_status(sluice_instance *inst, struct side *s)
{
	char path[64];
	int rc = 0;
	s->spans = sluice_conf_alloc(inst, (s->status.n + 1) * sizeof(*s->spans));
	for (size_t i = 0; i < s->status.n; i++) {
		sluice_str text = s->status.v[i];
		if (span_parse(text, &s->spans[i]))
			continue;
		(void)snprintf(path, sizeof(path), "response.status[%zu]", i);
		sluice_conf_error(inst, path,
			"\"%.*s\" is no status of a response: write 404, 5xx or 500-503",
			(int)text.len, text.data);
		rc = -1;
	}
	return rc;
}

static bool changes_nothing(const struct side *s)
{
	return s->set.n + s->add.n + s->remove.n + s->replace.n == 0;
}

static int headers_check(sluice_instance *inst, void *conf)
{
	struct headers *h = conf;
	int rc = check_side(inst, "request", SLUICE_REQUEST, &h->request);
	if (check_status(inst, &h->response) < 0)
		rc = -1;
	if (check_side(inst, "response", SLUICE_RESPONSE, &h->response) < 0)
		rc = -1;
	if (changes_nothing(&h->request) && changes_nothing(&h->response)) {
		sluice_conf_error(inst, NULL, "nothing is set, added, removed or replaced");
		rc = -1;
	}
	return rc;
}

static void headers_stop(sluice_instance *inst, void *conf)
{
	struct headers *h = conf;
	(void)inst;
	replace_fini(&h->request);
	replace_fini(&h->response);
}

static int headers_worker_start(sluice_instance *inst, const void *conf, void *state)
{
	const struct headers *h = conf;
	struct headers_worker *w = state;
	(void)inst;
	if (h->request.replace.n + h->response.replace.n == 0)
		return 0;
	w->scratch = expression_scratch_new();
	return w->scratch ? 0 : -1;
}

static void headers_worker_stop(sluice_instance *inst, const void *conf, void *state)
{
	struct headers_worker *w = state;
	(void)inst, (void)conf;
	expression_scratch_free(&w->scratch);
}

/* ---- messages ------------------------------------------------------------------------------ */

/* Compute all values from the message as received, then change it. */
static sluice_verdict change(sluice_exchange *x, sluice_side which, const struct side *s)
{
	size_t n = s->set.n + s->add.n;
	sluice_str *values = n ? sluice_alloc(x, n * sizeof(*values)) : NULL;
	if (n && !values)
		return SLUICE_FAIL;
	for (size_t i = 0; i < n; i++) {
		sluice_template_result r = sluice_template_write(x, s->rules[i].value, &values[i]);
		if (r == SLUICE_TEMPLATE_FAIL)
			return SLUICE_FAIL;
		if (r == SLUICE_TEMPLATE_MISSING)
			values[i].data = NULL;
	}
	for (size_t i = 0; i < s->remove.n; i++)
		sluice_field_remove(x, which, s->remove.v[i]);
	if (s->replace.n && replace_values(x, which, s) != SLUICE_NEXT)
		return SLUICE_FAIL;
	for (size_t i = 0; i < n; i++) {
		if (i >= s->set.n && values[i].data)
			sluice_field_add(x, which, s->rules[i].name, values[i]);
		else if (i < s->set.n && values[i].data)
			sluice_field_set(x, which, s->rules[i].name, values[i]);
		else if (i < s->set.n &&
			!sluice_field_refused(which, SLUICE_FIELD_REMOVE, s->rules[i].name,
				SLUICE_STR("")))
			sluice_field_remove(x, which, s->rules[i].name);
	}
	return SLUICE_NEXT;
}

static sluice_verdict headers_on_request(sluice_exchange *x, const void *conf)
{
	const struct headers *h = conf;
	if (h->when) {
		struct found *f = sluice_state(x, sizeof(*f));
		sluice_truth met = f ? sluice_holds(x, h->when) : SLUICE_UNDECIDED;
		if (met == SLUICE_UNDECIDED)
			return SLUICE_FAIL;
		f->met = met == SLUICE_YES;
		if (!f->met)
			return SLUICE_NEXT;
	}
	return change(x, SLUICE_REQUEST, &h->request);
}

static bool status_is_changed(const struct side *s, int status)
{
	for (size_t i = 0; i < s->status.n; i++) {
		if (status >= s->spans[i].first && status <= s->spans[i].last)
			return true;
	}
	return s->status.n == 0;
}

static sluice_verdict headers_on_response(sluice_exchange *x, const void *conf)
{
	const struct headers *h = conf;
	const struct found *f = h->when ? sluice_state(x, sizeof(*f)) : NULL;
	if (h->when && !f)
		return SLUICE_FAIL;
	if ((f && !f->met) || !status_is_changed(&h->response, sluice_response_status(x)))
		return SLUICE_NEXT;
	return change(x, SLUICE_RESPONSE, &h->response);
}

SLUICE_PLUGIN("headers", .version = "1.0",
	.summary = "changes header fields of requests and responses", .options = headers_options,
	.conf_size = sizeof(struct headers), .check = headers_check, .stop = headers_stop,
	.worker_size = sizeof(struct headers_worker), .worker_start = headers_worker_start,
	.worker_stop = headers_worker_stop, .on_request = headers_on_request,
	.on_response = headers_on_response);
