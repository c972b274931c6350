/* The signature base. Numbers in comments are sections of RFC 9421. */
#include "base.h"

#include "query.h"

/* What the parameters of a component ask for (2.1). */
struct how {
	bool sf, bs;
	sluice_str key, name; /* data NULL: not given */
};

/* ---- derived components -------------------------------------------------------------------- */

static void put_lower(struct text *t, sluice_str s)
{
	for (size_t i = 0; i < s.len; i++)
		text_put_char(t, sluice_lower(s.data[i]));
}

static void put_method(struct text *t, const struct sig_message *m)
{
	text_put(t, m->method);
}

static void put_scheme(struct text *t, const struct sig_message *m)
{
	put_lower(t, m->scheme);
}

static void put_authority(struct text *t, const struct sig_message *m)
{
	put_lower(t, m->authority);
}

static void put_path(struct text *t, const struct sig_message *m)
{
	text_put(t, m->path);
}

/* 2.2.7: a '?' also where there is no query */
static void put_query(struct text *t, const struct sig_message *m)
{
	text_put_char(t, '?');
	text_put(t, m->query);
}

static void put_request_target(struct text *t, const struct sig_message *m)
{
	put_path(t, m);
	if (m->query.data)
		put_query(t, m);
}

static void put_target_uri(struct text *t, const struct sig_message *m)
{
	put_scheme(t, m);
	text_put(t, SLUICE_STR("://"));
	put_authority(t, m);
	put_request_target(t, m);
}

static const struct {
	const char *name;
	void (*put)(struct text *t, const struct sig_message *m);
} derived[] = {
	{ "@method", put_method },
	{ "@target-uri", put_target_uri },
	{ "@authority", put_authority },
	{ "@scheme", put_scheme },
	{ "@request-target", put_request_target },
	{ "@path", put_path },
	{ "@query", put_query },
};

static enum base_result put_derived(struct text *t, const struct sig_message *m, sluice_str name,
	const struct how *how)
{
	if (how->sf || how->bs || how->key.data)
		return BASE_MALFORMED;
	if (sluice_str_is(name, "@query-param")) {
		if (!how->name.data)
			return BASE_MALFORMED;
		return query_put_param(t, m->query, how->name) ? BASE_OK : BASE_ABSENT;
	}
	if (how->name.data)
		return BASE_MALFORMED;
	for (size_t i = 0; i < sizeof(derived) / sizeof(*derived); i++) {
		if (!sluice_str_is(name, derived[i].name))
			continue;
		derived[i].put(t, m);
		return BASE_OK;
	}
	return BASE_UNSUPPORTED; /* @status is of responses */
}

/* ---- fields -------------------------------------------------------------------------------- */

/* 2.1.3: each line on its own */
static enum base_result put_bytes(struct text *t, const struct sig_message *m, sluice_str name)
{
	sluice_pair f;
	size_t n = 0;
	for (size_t at = 0; m->next(m->ctx, &at, &f);) {
		if (!sluice_str_ieq(f.name, name))
			continue;
		sluice_str value = sluice_str_trim(f.value);
		text_put(t, n++ ? SLUICE_STR(", :") : SLUICE_STR(":"));
		text_put_base64(t, value.data, value.len);
		text_put_char(t, ':');
	}
	return n ? BASE_OK : BASE_ABSENT;
}

/* The fields that are dictionaries, and which one has to know as such (2.1.1). */
static bool is_dictionary(sluice_str name)
{
	static const char *const known[] = { "accept-signature", "content-digest", "priority",
		"repr-digest", "signature", "signature-input", "want-content-digest",
		"want-repr-digest" };
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (sluice_str_is(name, known[i]))
			return true;
	}
	return false;
}

static void put_member(struct text *t, const struct sf_member *m, bool is_first)
{
	if (!is_first)
		text_put(t, SLUICE_STR(", "));
	text_put(t, m->key);
	if (!m->is_list && m->item.value.type == SF_BOOLEAN && m->item.value.number) {
		sf_put_params(t, &m->item.params);
		return;
	}
	text_put_char(t, '=');
	t->is_full = !sf_put_value(t, m) || t->is_full;
}

/* 2.1.1 and 2.1.2 */
static enum base_result put_structured(struct text *t, struct text *scratch,
	const struct sig_message *m, sluice_str name, sluice_str key)
{
	struct sf_dictionary d;
	struct sf_member member;
	bool is_found = false;
	size_t lines;
	if (!key.data && !is_dictionary(name))
		return BASE_UNSUPPORTED;
	scratch->len = 0;
	sluice_str value = message_field(scratch, m, name, &lines);
	if (!lines)
		return BASE_ABSENT;
	for (sf_dictionary_init(&d, value); sf_dictionary_next(&d, &member);) {
		if (!key.data)
			put_member(t, &member, d.n == 1);
		else if (sluice_str_eq(member.key, key))
			is_found = sf_put_value(t, &member);
	}
	if (scratch->is_full)
		return BASE_TOO_LONG;
	if (d.is_malformed)
		return BASE_MALFORMED;
	return is_found || !key.data ? BASE_OK : BASE_ABSENT;
}

/* The name of a field, in lower case. */
static bool is_field_name(sluice_str name)
{
	for (size_t i = 0; i < name.len; i++) {
		if (!sluice_is_token_char(name.data[i]) ||
			sluice_lower(name.data[i]) != name.data[i])
			return false;
	}
	return name.len > 0;
}

static enum base_result put_field(struct text *t, struct text *scratch, const struct sig_message *m,
	sluice_str name, const struct how *how)
{
	if (!is_field_name(name) || how->name.data || (how->bs && (how->sf || how->key.data)))
		return BASE_MALFORMED;
	if (how->bs)
		return put_bytes(t, m, name);
	if (how->sf || how->key.data)
		return put_structured(t, scratch, m, name, how->key);
	return message_put_field(t, m, name) ? BASE_OK : BASE_ABSENT;
}

/* ---- the base ------------------------------------------------------------------------------ */

/* A parameter that is not known changes what is meant, in a way that nobody here knows. Of these
 * are `req`, since a request has no request, and `tr`: trailers come when it is too late. */
static enum base_result read_how(const struct sf_params *p, struct how *out)
{
	*out = (struct how){ .key = SLUICE_STR_NONE, .name = SLUICE_STR_NONE };
	for (size_t i = 0; i < p->n; i++) {
		const struct sf_bare *v = &p->v[i].value;
		sluice_str key = p->v[i].key;
		bool is_flag = v->type == SF_BOOLEAN && v->number;
		if (sluice_str_is(key, "sf") && is_flag)
			out->sf = true;
		else if (sluice_str_is(key, "bs") && is_flag)
			out->bs = true;
		else if (sluice_str_is(key, "key") && v->type == SF_STRING)
			out->key = v->text;
		else if (sluice_str_is(key, "name") && v->type == SF_STRING)
			out->name = v->text;
		else
			return BASE_UNSUPPORTED;
	}
	return BASE_OK;
}

enum base_result base_component(struct text *out, struct text *scratch, const struct sig_message *m,
	const struct sf_item *component)
{
	struct how how;
	sluice_str name = component->value.text;
	enum base_result r = read_how(&component->params, &how);
	if (r != BASE_OK)
		return r;
	return name.len && name.data[0] == '@' ? put_derived(out, m, name, &how)
					       : put_field(out, scratch, m, name, &how);
}

static bool same_bare(const struct sf_bare *a, const struct sf_bare *b)
{
	return a->type == b->type && a->number == b->number && sluice_str_eq(a->text, b->text);
}

/* The order of parameters does not count (2.5). */
static bool same_component(const struct sf_item *a, const struct sf_item *b)
{
	if (!same_bare(&a->value, &b->value) || a->params.n != b->params.n)
		return false;
	for (size_t i = 0; i < a->params.n; i++) {
		const struct sf_param *p = &a->params.v[i];
		size_t k = 0;
		while (k < b->params.n && !sluice_str_eq(p->key, b->params.v[k].key))
			k++;
		if (k == b->params.n || !same_bare(&p->value, &b->params.v[k].value))
			return false;
	}
	return true;
}

static bool is_twice(const struct sf_list *covers, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (same_component(&covers->v[k], &covers->v[i]))
			return true;
	}
	return false;
}

enum base_result base_write(struct text *out, struct text *scratch, const struct sig_message *m,
	const struct sf_list *covers)
{
	for (size_t i = 0; i < covers->n; i++) {
		if (is_twice(covers, i))
			return BASE_MALFORMED;
		sf_put_item(out, &covers->v[i]);
		text_put(out, SLUICE_STR(": "));
		enum base_result r = base_component(out, scratch, m, &covers->v[i]);
		if (r != BASE_OK)
			return r;
		text_put_char(out, '\n');
	}
	text_put(out, SLUICE_STR("\"@signature-params\": "));
	sf_put_list(out, covers);
	return out->is_full ? BASE_TOO_LONG : BASE_OK;
}
