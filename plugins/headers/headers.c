/*
 * headers: changes header fields of requests to the upstream and of responses to the client. Values
 * may contain facts of the request.
 */
#include <sluice/plugin.h>

#include <stdio.h>

/* A field to set or to add. */
struct rule {
	sluice_str name;
	const sluice_template *value;
};

/* The changes to the messages of one side. */
struct side {
	sluice_pairs set, add;
	sluice_strs remove;
	struct rule *rules; /* set by check(): first those of set, then those of add */
};

struct headers {
	struct side request, response;
};

static const sluice_option request_options[] = {
	SLUICE_OPTION(SLUICE_T_PAIRS, struct side, set, .max = "64",
		.doc = "fields and the value that replaces all they had; a field is removed from "
		       "the request when a placeholder has no value"),
	SLUICE_OPTION(SLUICE_T_PAIRS, struct side, add, .max = "64",
		.doc = "fields to add to those of the same name"),
	SLUICE_OPTION(SLUICE_T_STRS, struct side, remove, .max = "64",
		.doc = "names of fields to remove before the request goes to the upstream"),
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
	SLUICE_OPTIONS_END,
};

static const sluice_option headers_options[] = {
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
	return rc;
}

static int headers_check(sluice_instance *inst, void *conf)
{
	struct headers *h = conf;
	int rc = check_side(inst, "request", SLUICE_REQUEST, &h->request);
	if (check_side(inst, "response", SLUICE_RESPONSE, &h->response) < 0)
		rc = -1;
	if (h->request.set.n + h->request.add.n + h->request.remove.n + h->response.set.n +
			h->response.add.n + h->response.remove.n ==
		0) {
		sluice_conf_error(inst, NULL, "nothing is set, added or removed");
		rc = -1;
	}
	return rc;
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
	return change(x, SLUICE_REQUEST, &((const struct headers *)conf)->request);
}

static sluice_verdict headers_on_response(sluice_exchange *x, const void *conf)
{
	return change(x, SLUICE_RESPONSE, &((const struct headers *)conf)->response);
}

SLUICE_PLUGIN("headers", .version = "1.0",
	.summary = "changes header fields of requests and responses", .options = headers_options,
	.conf_size = sizeof(struct headers), .check = headers_check,
	.on_request = headers_on_request, .on_response = headers_on_response);
