/* Verdicts are carried out. See the header. */
#include "apply.h"

/* ---- a request that passes ----------------------------------------------------------------- */

bool apply_is_clear(const struct ext_auth *c, const struct verdict *v, const char **why)
{
	size_t n = 0;
	if (c->consumer.len && verdict_kind_of(v->status) == VERDICT_ALLOWED)
		(void)verdict_field(v, c->consumer, &n);
	*why = " and names several consumers";
	return n <= 1;
}

/* A field that a request has once is taken once. */
static void set_request_field(sluice_exchange *x, sluice_str name, const struct verdict *v)
{
	size_t n = 0;
	for (size_t i = 0; v && i < v->n_fields; i++) {
		const sluice_pair *f = &v->fields[i];
		if (!sluice_str_ieq(f->name, name))
			continue;
		if (n++ == 0)
			sluice_field_set(x, SLUICE_REQUEST, name, f->value);
		else if (!sluice_field_refused(SLUICE_REQUEST, SLUICE_FIELD_ADD, name, f->value))
			sluice_field_add(x, SLUICE_REQUEST, name, f->value);
	}
	if (n == 0)
		sluice_field_remove(x, SLUICE_REQUEST, name);
}

/* These are lists of things that do not exclude each other; of any other field the service's word
 * takes the place of the upstream's. */
static bool is_added(sluice_str name)
{
	return sluice_str_ieq(name, SLUICE_STR("set-cookie")) ||
		sluice_str_ieq(name, SLUICE_STR("vary"));
}

static void set_response_field(sluice_exchange *x, sluice_str name, const struct verdict *v)
{
	bool adds = is_added(name);
	for (size_t i = 0; i < v->n_fields; i++) {
		const sluice_pair *f = &v->fields[i];
		if (!sluice_str_ieq(f->name, name))
			continue;
		if (adds)
			sluice_field_add(x, SLUICE_RESPONSE, name, f->value);
		else
			sluice_field_set(x, SLUICE_RESPONSE, name, f->value);
		adds = true;
	}
}

/* All values of a field, with a joint between them; no data: there is none, or no memory. */
static sluice_str joined(sluice_exchange *x, const struct verdict *v, sluice_str name,
	sluice_str joint)
{
	size_t n, room = 0;
	sluice_str first = verdict_field(v, name, &n);
	if (n <= 1)
		return first;
	for (size_t i = 0; i < v->n_fields; i++)
		room += v->fields[i].value.len + joint.len;
	char *text = sluice_alloc(x, room), *at = text;
	for (size_t i = 0; text && i < v->n_fields; i++) {
		if (!sluice_str_ieq(v->fields[i].name, name))
			continue;
		if (at != text)
			at = sluice_str_put(at, joint);
		at = sluice_str_put(at, v->fields[i].value);
	}
	return text ? sluice_str_n(text, (size_t)(at - text)) : SLUICE_STR_NONE;
}

static void state(sluice_exchange *x, sluice_str fact, sluice_str value)
{
	if (value.len)
		sluice_attr_set(x, fact, value);
}

/* False: there is no memory for it. */
static bool state_facts(sluice_exchange *x, const struct ext_auth *c, const struct verdict *v)
{
	sluice_identity who = { .size = sizeof(who) };
	for (size_t i = 0; i < c->facts.n; i++)
		state(x, c->fact_names[i], joined(x, v, c->facts.v[i], SLUICE_STR(", ")));
	if (c->groups.len)
		who.groups = joined(x, v, c->groups, SLUICE_STR(","));
	if (c->consumer.len)
		who.name = verdict_field(v, c->consumer, NULL);
	if (who.name.len)
		return sluice_identify(x, &who);
	state(x, SLUICE_STR("groups"), who.groups);
	return true;
}

sluice_verdict apply_pass(sluice_exchange *x, const struct ext_auth *c, const struct verdict *v)
{
	for (size_t i = 0; i < c->request_headers.n; i++)
		set_request_field(x, c->request_headers.v[i], v);
	if (!v)
		return SLUICE_NEXT;
	for (size_t i = 0; i < c->response_headers.n; i++)
		set_response_field(x, c->response_headers.v[i], v);
	return state_facts(x, c, v) ? SLUICE_NEXT : SLUICE_FAIL;
}

/* ---- a refusal ----------------------------------------------------------------------------- */

static const sluice_pair no_store = { { "Cache-Control", 13 }, { "no-store", 8 } };

/* A refusal is for one client: nobody keeps it for others, unless the service says so. */
static bool needs_no_store(const struct verdict *v)
{
	return !verdict_field(v, no_store.name, NULL).data;
}

static sluice_verdict relay(sluice_exchange *x, const struct verdict *v)
{
	size_t n = v->n_fields;
	sluice_pair *fields = sluice_alloc(x, (n + 1) * sizeof(*fields));
	if (!fields)
		return SLUICE_FAIL;
	if (n)
		memcpy(fields, v->fields, n * sizeof(*fields));
	if (needs_no_store(v))
		fields[n++] = no_store;
	const sluice_answer a = { .size = sizeof(a),
		.status = v->status,
		.headers = { fields, n },
		.body = v->body };
	return sluice_answer_with(x, &a);
}

/* Fields that describe the body of the service, which is not sent. */
static bool is_of_body(sluice_str name)
{
	return name.len > 8 && sluice_str_ieq(sluice_str_n(name.data, 8), SLUICE_STR("content-"));
}

static sluice_verdict problem(sluice_exchange *x, const struct verdict *v)
{
	for (size_t i = 0; i < v->n_fields; i++) {
		if (!is_of_body(v->fields[i].name))
			sluice_field_add(x, SLUICE_RESPONSE, v->fields[i].name, v->fields[i].value);
	}
	if (needs_no_store(v))
		sluice_field_set(x, SLUICE_RESPONSE, no_store.name, no_store.value);
	return sluice_refuse(x, v->status, "auth-refused",
		"The service that decides has refused this request.");
}

/* Whether the request has something by which the service may have known the client. */
static bool has_credentials(sluice_exchange *x, const struct ext_auth *c)
{
	static const sluice_str harmless[] = { { "accept", 6 }, { "accept-language", 15 },
		{ "user-agent", 10 }, { "x-requested-with", 16 }, { "origin", 6 }, { "referer", 7 },
		{ "content-type", 12 } };
	const sluice_strs no = { harmless, sizeof(harmless) / sizeof(harmless[0]) };
	bool has = sluice_field(x, SLUICE_REQUEST, SLUICE_STR("authorization")).data ||
		sluice_field(x, SLUICE_REQUEST, SLUICE_STR("cookie")).data;
	for (size_t i = 0; !has && !c->sends_all && i < c->send_headers.n; i++) {
		sluice_str name = c->send_headers.v[i];
		has = !names_have(no, name) && sluice_field(x, SLUICE_REQUEST, name).data;
	}
	return has;
}

sluice_verdict apply_refuse(sluice_exchange *x, const struct ext_auth *c, const struct verdict *v)
{
	if (!has_credentials(x, c))
		sluice_credentials_absent(x);
	if (c->refusal == REFUSAL_PROBLEM && v->status >= 400)
		return problem(x, v);
	sluice_note(x, "auth-refused");
	return relay(x, v);
}
