/* The table of rules, and those that are not about time. */
#include "rules.h"

#include "../jose/claims.h"
#include "../jose/issuer_name.h"
#include "../jose/strict.h"
#include "issuers.h"
#include "rules_run.h"

/* ---- who issued it, for whom --------------------------------------------------------------- */

/* The name, as configured, of the issuer that the claims name; data NULL: none is, which is an
 * error unless a server vouches for the token. */
static sluice_str issuer_of(const struct rules_run *r)
{
	const struct jwt_conf *conf = r->c->conf;
	size_t i;
	if (!r->c->is_introspected)
		return r->c->issuer;
	i = issuers_find(conf, r->c->claims);
	return i < conf->n_trusted ? conf->trusted[i].name : SLUICE_STR_NONE;
}

static enum reason rule_issuer(struct rules_run *r)
{
	sluice_str iss;
	if (r->c->is_introspected) {
		bool is_known = r->c->conf->n_trusted == 0 || issuer_of(r).data;
		if (!json_member_str(r->c->claims, "iss", &iss) || (iss.data && !is_known))
			return REASON_TOKEN_ISSUER;
		return REASON_NONE;
	}
	return issuer_name_fits(r->c->issuer, r->c->claims) ? REASON_NONE : REASON_TOKEN_ISSUER;
}

/* Only of issuers that stand for many tenants: rule_issuer() has compared `tid` with `iss`. */
static enum reason rule_tenant(struct rules_run *r)
{
	const sluice_strs *allowed = &r->c->conf->rules.tenants;
	sluice_str tenant;
	sluice_str issuer = issuer_of(r);
	/* a server may vouch for a token without naming its issuer: the tenant counts all the same
	 */
	if (issuer.data && !issuer_name_is_pattern(issuer))
		return REASON_NONE;
	if (!json_member_str(r->c->claims, "tid", &tenant) || !tenant.data)
		return REASON_TOKEN_ISSUER;
	for (size_t i = 0; i < allowed->n; i++) {
		if (sluice_str_is(allowed->v[i], "*") || sluice_str_eq(allowed->v[i], tenant))
			return REASON_NONE;
	}
	return REASON_TOKEN_ISSUER;
}

/* RFC 7519 4.1.3: `aud` is a string or an array of strings. */
static const json_t *audiences_of(const struct rules_run *r)
{
	const json_t *aud = json_member(r->c->claims, "aud");
	return json_is_string(aud) || json_is_array(aud) ? aud : NULL;
}

static size_t audiences_found(const struct rules_run *r, const sluice_strs *wanted)
{
	const json_t *aud = audiences_of(r);
	size_t found = 0;
	for (size_t i = 0; aud && i < wanted->n; i++)
		found += claim_says(aud, wanted->v[i]);
	return found;
}

static enum reason rule_audience(struct rules_run *r)
{
	return audiences_found(r, &r->c->conf->audience) ? REASON_NONE : REASON_TOKEN_AUDIENCE;
}

static enum reason rule_audience_all(struct rules_run *r)
{
	const sluice_strs *wanted = &r->c->conf->rules.audience_all;
	return audiences_found(r, wanted) == wanted->n ? REASON_NONE : REASON_TOKEN_AUDIENCE;
}

/* The client that got the token, by whatever name its provider gives the claim: RFC 9068 and
 * Cognito, OpenID Connect and Keycloak, Azure v1, Okta. */
#define CLIENT_CLAIMS "client_id azp appid cid"

/* All of them that are there must name a client that may call, and one must be there. */
static enum reason rule_clients(struct rules_run *r)
{
	static const char *const names[] = { "client_id", "azp", "appid", "cid" };
	const sluice_strs *allowed = &r->c->conf->rules.clients;
	bool found = false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		sluice_str client;
		if (!json_member_str(r->c->claims, names[i], &client))
			return REASON_TOKEN_CLIENT;
		if (!client.data)
			continue;
		if (sluice_str_find(client, allowed->v, allowed->n) == allowed->n)
			return REASON_TOKEN_CLIENT;
		found = true;
	}
	return found ? REASON_NONE : REASON_TOKEN_CLIENT;
}

/* ---- claims -------------------------------------------------------------------------------- */

static enum reason rule_required(struct rules_run *r)
{
	const sluice_strs *names = &r->c->conf->required;
	for (size_t i = 0; i < names->n; i++) {
		if (!claim_find(r->c->claims, names->v[i]))
			return rule_blame(r, names->v[i], REASON_TOKEN_CLAIM);
	}
	return REASON_NONE;
}

/* The option has a row for each value that a claim may have. */
static bool claim_fits(const struct rules_run *r, sluice_str name)
{
	const sluice_pairs *rows = &r->c->conf->claims;
	const json_t *v = claim_find(r->c->claims, name);
	for (size_t i = 0; v && i < rows->n; i++) {
		if (sluice_str_eq(rows->v[i].name, name) && claim_says(v, rows->v[i].value))
			return true;
	}
	return false;
}

static enum reason rule_claims(struct rules_run *r)
{
	const sluice_pairs *rows = &r->c->conf->claims;
	for (size_t i = 0; i < rows->n; i++) {
		if (!claim_fits(r, rows->v[i].name))
			return rule_blame(r, rows->v[i].name, REASON_TOKEN_CLAIM);
	}
	return REASON_NONE;
}

/* What cannot be decided counts against the token. */
static enum reason rule_matches(struct rules_run *r)
{
	const struct claim_matches *m = &r->c->conf->rules.match;
	for (size_t i = 0; i < m->n; i++) {
		if (claim_match_asks(&m->v[i], r->c->claims, r->c->scratch) != EXPRESSION_YES)
			return rule_blame(r, m->v[i].name, REASON_TOKEN_CLAIM);
	}
	return REASON_NONE;
}

static enum reason rule_forbids(struct rules_run *r)
{
	const struct claim_matches *m = &r->c->conf->rules.forbid;
	for (size_t i = 0; i < m->n; i++) {
		if (claim_match_asks(&m->v[i], r->c->claims, r->c->scratch) != EXPRESSION_NO)
			return rule_blame(r, m->v[i].name, REASON_TOKEN_CLAIM);
	}
	return REASON_NONE;
}

/* ---- the login, and what it was granted ---------------------------------------------------- */

/* RFC 9470 5 */
static enum reason rule_acr(struct rules_run *r)
{
	const sluice_strs *wanted = &r->c->conf->rules.acr_values;
	sluice_str acr;
	if (!json_member_str(r->c->claims, "acr", &acr) || !acr.data)
		return REASON_LOGIN_ACR;
	return sluice_str_find(acr, wanted->v, wanted->n) < wanted->n ? REASON_NONE
								      : REASON_LOGIN_ACR;
}

/* RFC 9068 2.2.3: `scope` is one string. Several servers write an array, or call it `scp`. */
static size_t scopes_granted(const struct rules_run *r, const sluice_strs *wanted)
{
	const json_t *v = json_member(r->c->claims, "scope");
	size_t granted = 0;
	if (!v)
		v = json_member(r->c->claims, "scp");
	const sluice_str list = { json_string_value(v), json_string_length(v) };
	for (size_t i = 0; i < wanted->n; i++)
		granted += json_is_string(v) ? scope_list_has(list, wanted->v[i])
					     : json_is_array(v) && claim_says(v, wanted->v[i]);
	return granted;
}

static enum reason rule_scopes(struct rules_run *r)
{
	const sluice_strs *wanted = &r->c->conf->scopes;
	return scopes_granted(r, wanted) == wanted->n ? REASON_NONE : REASON_TOKEN_SCOPE;
}

static enum reason rule_scopes_any(struct rules_run *r)
{
	return scopes_granted(r, &r->c->conf->rules.scopes_any) ? REASON_NONE : REASON_TOKEN_SCOPE;
}

/* ---- the table ----------------------------------------------------------------------------- */

enum rule_when { ALWAYS, IF_STRS, IF_PAIRS, IF_TIME };

/* A rule is asked where the member of struct jwt_conf at `offset` is not empty. */
struct rule {
	const char *option, *claims, *kind;
	enum rule_when used;
	size_t offset;
	enum reason (*check)(struct rules_run *r);
};

#define STRS(field) IF_STRS, offsetof(struct jwt_conf, field)
#define PAIRS(field) IF_PAIRS, offsetof(struct jwt_conf, field)
#define TIME(field) IF_TIME, offsetof(struct jwt_conf, field)

/* in the order of jwt.md */
static const struct rule rules[] = {
	{ "issuer", "iss tid", NULL, ALWAYS, 0, rule_issuer },
	{ "tenants", "tid", "one of", STRS(rules.tenants), rule_tenant },
	{ "audience", "aud", "one of", STRS(audience), rule_audience },
	{ "audience_all", "aud", "all of", STRS(rules.audience_all), rule_audience_all },
	{ "clients", CLIENT_CLAIMS, "one of", STRS(rules.clients), rule_clients },
	{ "dates", "exp nbf iat", "seconds since 1970", ALWAYS, 0, rule_dates },
	{ "exp", "exp", "in the future", ALWAYS, 0, rule_exp },
	{ "nbf", "nbf", "not in the future", ALWAYS, 0, rule_nbf },
	{ "iat", "iat", "not in the future", ALWAYS, 0, rule_iat },
	{ "max_age", "iat", "at most", TIME(max_age), rule_age },
	{ "required", NULL, "all of", STRS(required), rule_required },
	{ "claims", NULL, "all of", PAIRS(claims), rule_claims },
	{ "match_claims", NULL, "all of", PAIRS(rules.match_claims), rule_matches },
	{ "forbid_claims", NULL, "none of", PAIRS(rules.forbid_claims), rule_forbids },
	{ "acr_values", "acr", "one of", STRS(rules.acr_values), rule_acr },
	{ "max_auth_age", "auth_time", "at most", TIME(rules.max_auth_age), rule_auth_age },
	{ "scopes", "scope scp", "all of", STRS(scopes), rule_scopes },
	{ "scopes_any", "scope scp", "one of", STRS(rules.scopes_any), rule_scopes_any },
};
enum { RULES = sizeof(rules) / sizeof(rules[0]) };

static const void *rule_option(const struct rule *rule, const struct jwt_conf *conf)
{
	return (const char *)conf + rule->offset;
}

static bool rule_is_used(const struct rule *rule, const struct jwt_conf *conf)
{
	switch (rule->used) {
	case IF_STRS:
		return ((const sluice_strs *)rule_option(rule, conf))->n > 0;
	case IF_PAIRS:
		return ((const sluice_pairs *)rule_option(rule, conf))->n > 0;
	case IF_TIME:
		return *(const uint64_t *)rule_option(rule, conf) > 0;
	default:
		return true;
	}
}

enum reason rules_check(const struct rules_case *c, struct validity *when, sluice_str *which)
{
	struct rules_run r = { c, { 0, UINT64_MAX }, { NULL, 0 } };
	for (size_t i = 0; i < RULES; i++) {
		if (!rule_is_used(&rules[i], c->conf))
			continue;
		enum reason why = rules[i].check(&r);
		if (why == REASON_NONE)
			continue;
		if (r.which.data)
			*which = r.which;
		return why;
	}
	*when = r.when;
	return REASON_NONE;
}

enum reason rules_explain(const struct rules_case *c, rules_told_fn told, void *ctx)
{
	enum reason first = REASON_NONE;
	for (size_t i = 0; i < RULES; i++) {
		const struct rule *rule = &rules[i];
		struct rules_run r = { c, { 0, UINT64_MAX }, { NULL, 0 } };
		if (!rule_is_used(rule, c->conf))
			continue;
		const void *option = rule_option(rule, c->conf);
		struct rules_finding f = { rule->option, rule->claims, rule->kind,
			rule->used == IF_STRS ? option : NULL,
			rule->used == IF_PAIRS ? option : NULL,
			rule->used == IF_TIME ? option : NULL, rule->check(&r), { NULL, 0 } };
		f.which = r.which;
		told(ctx, &f);
		first = first == REASON_NONE ? f.why : first;
	}
	return first;
}

/* ---- the header ---------------------------------------------------------------------------- */

bool rules_accept_type(const struct jwt_conf *conf, const struct token *t)
{
	const sluice_strs *types = &conf->rules.types;
	for (size_t i = 0; i < types->n; i++) {
		bool is_none = sluice_str_is(types->v[i], "none");
		if (t->header.has_typ ? !is_none && token_has_type(t, types->v[i]) : is_none)
			return true;
	}
	return false;
}
