/* The places of a request in which a token may be. See places.h. */
#include "places.h"

#include "bearer.h"

/* ---- the options --------------------------------------------------------------------------- */

static bool is_twice(const struct jwt_conf *conf, size_t i)
{
	for (size_t j = 0; j < i; j++) {
		if (sluice_str_ieq(conf->from.v[i], conf->from.v[j]))
			return true;
	}
	return false;
}

/* NULL, or the rest of a sentence. */
static const char *add_place(sluice_instance *inst, struct jwt_conf *conf, size_t i)
{
	struct token_places *p = &conf->places;
	sluice_str name = conf->from.v[i], kind = sluice_str_cut(&name, ':');
	if (is_twice(conf, i))
		return "is there twice";
	if (sluice_str_is(kind, "query")) {
		p->has_query = true;
		sluice_log(inst, SLUICE_LOG_WARN,
			"tokens may come in the query: programs on the way log URLs, and browsers "
			"remember them (RFC 6750 2.3)");
	}
	if (!sluice_str_is(kind, "scheme"))
		return place_parse(inst, conf->from.v[i], &p->v[p->n++]);
	p->has_field = true;
	return sluice_str_ieq(name, SLUICE_STR("bearer"))
		? NULL
		: "is no scheme of tokens: write scheme:Bearer";
}

int places_check(sluice_instance *inst, struct jwt_conf *conf)
{
	int rc = 0;
	for (size_t i = 0; i < conf->from.n && i < PLACES_MAX; i++) {
		sluice_str text = conf->from.v[i];
		const char *why = add_place(inst, conf, i);
		if (!why)
			continue;
		sluice_conf_error(inst, "from", "\"%.*s\" %s", (int)text.len, text.data, why);
		rc = -1;
	}
	return rc;
}

sluice_str places_methods(const struct jwt_conf *conf)
{
	bool query = false, header = conf->places.has_field;
	for (size_t i = 0; i < conf->places.n; i++) {
		query |= conf->places.v[i].kind == PLACE_QUERY;
		header |= conf->places.v[i].kind == PLACE_HEADER;
	}
	if (query && header)
		return SLUICE_STR("header query");
	return query ? SLUICE_STR("query") : header ? SLUICE_STR("header") : SLUICE_STR("");
}

/* ---- requests ------------------------------------------------------------------------------ */

/* A field of another name has the token with the scheme before it or without. */
static sluice_str without_scheme(sluice_str value)
{
	sluice_str rest = value;
	return sluice_str_ieq(sluice_str_cut(&rest, ' '), SLUICE_STR("bearer")) && rest.data
		? sluice_str_trim(rest)
		: value;
}

/* What one place has; no data: nothing. A cookie or parameter without a value is no token. */
static enum reason look(sluice_exchange *x, const struct place *p, sluice_str *out)
{
	sluice_str found = SLUICE_STR_NONE;
	switch (place_read(x, p, &found)) {
	case SLUICE_READ_NONE:
		return REASON_NONE;
	case SLUICE_READ_ONE:
		break;
	case SLUICE_READ_MANY:
		return REASON_TOKEN_AMBIGUOUS;
	case SLUICE_READ_FAIL:
	default:
		return REASON_NO_MEMORY;
	}
	if (p->kind == PLACE_HEADER)
		found = without_scheme(found);
	if (found.len)
		*out = found;
	return REASON_NONE;
}

/* RFC 6750 2.3: what is answered to a token in the query belongs to its client alone. The field is
 * added, so that what the service says of caching holds as well. */
void places_keep_private(sluice_exchange *x, const struct jwt_conf *conf)
{
	bool is_there = false;
	for (size_t i = 0; i < conf->places.n; i++) {
		sluice_str found = SLUICE_STR_NONE;
		is_there |= conf->places.v[i].kind == PLACE_QUERY &&
			look(x, &conf->places.v[i], &found) == REASON_NONE && found.data;
	}
	if (is_there)
		sluice_field_add(x, SLUICE_RESPONSE, SLUICE_STR("Cache-Control"),
			SLUICE_STR("private"));
}

enum reason places_find(sluice_exchange *x, const struct jwt_conf *conf, sluice_str *token)
{
	const struct token_places *p = &conf->places;
	enum reason why = bearer_find(x, token);
	if (why == REASON_NONE && token->data && !p->has_field)
		return REASON_TOKEN_PLACE;
	for (size_t i = 0; i < p->n && why == REASON_NONE; i++) {
		sluice_str found = SLUICE_STR_NONE;
		why = look(x, &p->v[i], &found);
		if (!found.data)
			continue;
		if (token->data)
			why = REASON_TOKEN_AMBIGUOUS;
		*token = found;
	}
	return why;
}

void places_used(sluice_exchange *x, const struct jwt_conf *conf)
{
	bool is_elsewhere = false;
	for (size_t i = 0; i < conf->places.n; i++) {
		sluice_str found = SLUICE_STR_NONE;
		if (look(x, &conf->places.v[i], &found) != REASON_NONE || !found.data)
			continue;
		place_used(x, &conf->places.v[i]);
		is_elsewhere = true;
	}
	if (!is_elsewhere)
		sluice_credentials_used(x, SLUICE_OWN_CREDENTIAL_FIELD,
			SLUICE_STR("authorization"));
}

bool places_remove(sluice_exchange *x, const struct jwt_conf *conf)
{
	sluice_field_remove(x, SLUICE_REQUEST, SLUICE_STR("authorization"));
	for (size_t i = 0; i < conf->places.n; i++) {
		if (!place_remove(x, &conf->places.v[i]))
			return false;
	}
	return true;
}
