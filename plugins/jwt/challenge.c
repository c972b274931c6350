/* What the challenges of an instance say. See challenge.h. */
#include "challenge.h"

#include "../oauth/challenge.h"
#include "bearer.h"

static const sluice_str schemes
	[SCHEMES] = { [SCHEME_BEARER] = SLUICE_STR("Bearer"), [SCHEME_DPOP] = SLUICE_STR("DPoP") };

/* Beside the scopes, which every challenge names: parameters of one error alone. */
enum extra { EXTRA_NONE, EXTRA_STEP_UP };

static enum extra extra_of(const struct reason_info *why)
{
	/* RFC 9470 3 */
	return why && why->error && !strcmp(why->error, "insufficient_user_authentication")
		? EXTRA_STEP_UP
		: EXTRA_NONE;
}

static sluice_str text_of(const char *text)
{
	return text ? sluice_str_of(text) : SLUICE_STR_NONE;
}

/* why: NULL: what a client is told that has sent no token. */
static sluice_str make(sluice_instance *inst, const struct jwt_conf *conf, enum token_scheme scheme,
	const struct reason_info *why)
{
	bool steps_up = extra_of(why) == EXTRA_STEP_UP;
	const char *error = why ? why->error : NULL, *sentence = error ? why->sentence : NULL;
	const sluice_str none = SLUICE_STR_NONE;
	const struct challenge_param v[] = {
		{ "resource_metadata", conf->resource_metadata },
		{ "error", text_of(error) },
		{ "error_description", text_of(sentence) },
		{ "scope", conf->asks.scope },
		{ "acr_values", steps_up ? conf->asks.acr_values : none },
		{ "max_age", steps_up ? conf->asks.max_age : none },
		{ "algs", scheme == SCHEME_DPOP ? conf->asks.dpop_algs : none },
	};
	return challenge_make(inst, schemes[scheme], conf->realm, v, sizeof(v) / sizeof(*v));
}

static void make_all(sluice_instance *inst, struct jwt_conf *conf, enum token_scheme scheme)
{
	conf->challenges[scheme][REASON_NONE] = make(inst, conf, scheme, NULL);
	for (unsigned i = REASON_NONE + 1; i < REASON_COUNT; i++) {
		const struct reason_info *why = reason_info((enum reason)i);
		if (why->status == 401 || why->error)
			conf->challenges[scheme][i] = make(inst, conf, scheme, why);
	}
}

/* RFC 6749 3.3: the characters of a scope. */
static bool is_scope(sluice_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] < 0x21 || s.data[i] > 0x7e || s.data[i] == '"' || s.data[i] == '\\')
			return false;
	}
	return s.len > 0;
}

static bool check_scopes(sluice_instance *inst, const sluice_strs *scopes)
{
	bool ok = true;
	for (size_t i = 0; i < scopes->n; i++) {
		if (is_scope(scopes->v[i]))
			continue;
		sluice_conf_error(inst, "scopes",
			"\"%.*s\" is no scope: printable ASCII without blanks, quotes and "
			"backslashes",
			(int)scopes->v[i].len, scopes->v[i].data);
		ok = false;
	}
	return ok;
}

static sluice_str join(sluice_instance *inst, const sluice_strs *words)
{
	size_t room = 0;
	for (size_t i = 0; i < words->n; i++)
		room += words->v[i].len + 1;
	if (!room)
		return SLUICE_STR_NONE;
	char *text = sluice_conf_alloc(inst, room), *at = text;
	for (size_t i = 0; i < words->n; i++) {
		if (i)
			*at++ = ' ';
		at = sluice_str_put(at, words->v[i]);
	}
	return sluice_str_n(text, (size_t)(at - text));
}

int challenge_check(sluice_instance *inst, struct jwt_conf *conf)
{
	bool realm = challenge_printable(inst, "realm", conf->realm);
	bool metadata = challenge_printable(inst, "resource_metadata", conf->resource_metadata);
	if (!check_scopes(inst, &conf->scopes) || !realm || !metadata)
		return -1;
	if (!conf->asks.scope.data)
		conf->asks.scope = join(inst, &conf->scopes);
	if (!conf->takes)
		conf->takes = SCHEME_BIT(SCHEME_BEARER);
	for (unsigned i = 0; i < SCHEMES; i++) {
		if (conf->takes & SCHEME_BIT(i))
			make_all(inst, conf, (enum token_scheme)i);
	}
	return 0;
}

/* ---- requests ------------------------------------------------------------------------------ */

/* The scheme of which the error is told: that of the request, if it is one of ours. */
static enum token_scheme scheme_to_blame(sluice_exchange *x, const struct jwt_conf *conf)
{
	enum token_scheme came = bearer_scheme(x);
	if (conf->takes & SCHEME_BIT(came))
		return came;
	return conf->takes & SCHEME_BIT(SCHEME_BEARER) ? SCHEME_BEARER : SCHEME_DPOP;
}

void challenge_tell(sluice_exchange *x, const struct jwt_conf *conf, enum reason why)
{
	const struct reason_info *info = reason_info(why);
	bool is_first = true;
	if (info->status != 401 && !info->error)
		return;
	enum token_scheme blamed = scheme_to_blame(x, conf);
	for (unsigned i = 0; i < SCHEMES; i++) {
		sluice_str text = conf->challenges[i][i == blamed ? why : REASON_NONE];
		if (!text.data)
			continue;
		if (is_first)
			sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("WWW-Authenticate"), text);
		else
			sluice_field_add(x, SLUICE_RESPONSE, SLUICE_STR("WWW-Authenticate"), text);
		is_first = false;
	}
}
