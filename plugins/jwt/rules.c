/* The checks of a token's claims. */
#include "rules.h"

#include "../jose/claims.h"
#include "../jose/strict.h"
#include "issuers.h"

/* The end of the year 9999. A later date has the wrong unit, mostly milliseconds, and is
 * refused. */
#define LAST_SECOND INT64_C(253402300799)

/* RFC 7519 2: a NumericDate is a number, with or without a fraction. False when the claim is
 * present and not a valid date. */
static bool numeric_date(const json_t *claims, const char *name, bool *found, uint64_t *ms)
{
	const json_t *v = json_member(claims, name);
	*found = v != NULL;
	if (!v)
		return true;
	if (json_is_integer(v)) {
		json_int_t s = json_integer_value(v);
		if (s < 0 || s > LAST_SECOND)
			return false;
		*ms = (uint64_t)s * 1000;
		return true;
	}
	if (!json_is_real(v))
		return false;
	double s = json_real_value(v);
	if (!(s >= 0 && s <= (double)LAST_SECOND))
		return false;
	*ms = (uint64_t)(s * 1000);
	return true;
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static enum reason check_dates(const struct jwt_conf *conf, const json_t *claims, bool may_lack_exp,
	uint64_t now, struct validity *when, sluice_str *which)
{
	uint64_t exp = 0, nbf = 0, iat = 0;
	bool has_exp, has_nbf, has_iat;
	if (!numeric_date(claims, "exp", &has_exp, &exp) || (!has_exp && !may_lack_exp)) {
		*which = SLUICE_STR("exp");
		return REASON_TOKEN_CLAIM;
	}
	if (!numeric_date(claims, "nbf", &has_nbf, &nbf)) {
		*which = SLUICE_STR("nbf");
		return REASON_TOKEN_CLAIM;
	}
	if (!numeric_date(claims, "iat", &has_iat, &iat) || (conf->max_age && !has_iat)) {
		*which = SLUICE_STR("iat");
		return REASON_TOKEN_CLAIM;
	}
	when->until = has_exp ? exp + conf->leeway : UINT64_MAX;
	/* a token is not valid before it was issued */
	when->from = less(nbf > iat ? nbf : iat, conf->leeway);
	if (now >= when->until)
		return REASON_TOKEN_EXPIRED;
	if (now < when->from)
		return REASON_TOKEN_NOT_YET_VALID;
	if (conf->max_age) {
		uint64_t until = iat + conf->max_age + conf->leeway;
		if (now >= until)
			return REASON_TOKEN_TOO_OLD;
		when->until = until < when->until ? until : when->until;
	}
	return REASON_NONE;
}

static bool audience_fits(const struct jwt_conf *conf, const json_t *claims)
{
	const json_t *aud = json_member(claims, "aud");
	if (conf->audience.n == 0)
		return true;
	for (size_t i = 0; aud && i < conf->audience.n; i++) {
		if (!json_is_string(aud) && !json_is_array(aud))
			return false;
		if (claim_says(aud, conf->audience.v[i]))
			return true;
	}
	return false;
}

/* RFC 9068 2.2.3: `scope` is one string. Several servers write an array, or call it `scp`. */
static bool scopes_granted(const struct jwt_conf *conf, const json_t *claims)
{
	if (conf->scopes.n == 0)
		return true;
	const json_t *v = json_member(claims, "scope");
	if (!v)
		v = json_member(claims, "scp");
	if (!v)
		return false;
	for (size_t i = 0; i < conf->scopes.n; i++) {
		bool granted = json_is_string(v)
			? scope_list_has((sluice_str){ json_string_value(v),
						 json_string_length(v) },
				  conf->scopes.v[i])
			: json_is_array(v) && claim_says(v, conf->scopes.v[i]);
		if (!granted)
			return false;
	}
	return true;
}

/* The option has a row for each value that a claim may have. */
static bool claim_fits(const struct jwt_conf *conf, const json_t *claims, sluice_str name)
{
	const json_t *v = claim_find(claims, name);
	for (size_t i = 0; v && i < conf->claims.n; i++) {
		if (sluice_str_eq(conf->claims.v[i].name, name) &&
			claim_says(v, conf->claims.v[i].value))
			return true;
	}
	return false;
}

static enum reason check_claims(const struct jwt_conf *conf, const json_t *claims,
	sluice_str *which)
{
	for (size_t i = 0; i < conf->required.n; i++) {
		if (!claim_find(claims, conf->required.v[i])) {
			*which = conf->required.v[i];
			return REASON_TOKEN_CLAIM;
		}
	}
	for (size_t i = 0; i < conf->claims.n; i++) {
		if (!claim_fits(conf, claims, conf->claims.v[i].name)) {
			*which = conf->claims.v[i].name;
			return REASON_TOKEN_CLAIM;
		}
	}
	return REASON_NONE;
}

static enum reason check_all(const struct jwt_conf *conf, const json_t *claims, bool may_lack_exp,
	uint64_t now_ms, struct validity *when, sluice_str *which)
{
	if (!audience_fits(conf, claims))
		return REASON_TOKEN_AUDIENCE;
	enum reason why = check_dates(conf, claims, may_lack_exp, now_ms, when, which);
	if (why == REASON_NONE)
		why = check_claims(conf, claims, which);
	if (why == REASON_NONE && !scopes_granted(conf, claims))
		why = REASON_TOKEN_SCOPE;
	return why;
}

enum reason rules_check(const struct jwt_conf *conf, sluice_str issuer, const json_t *claims,
	uint64_t now_ms, struct validity *when, sluice_str *which)
{
	sluice_str iss;
	if (!json_member_str(claims, "iss", &iss) || !iss.data || !sluice_str_eq(iss, issuer))
		return REASON_TOKEN_ISSUER;
	return check_all(conf, claims, false, now_ms, when, which);
}

enum reason rules_check_introspected(const struct jwt_conf *conf, const json_t *claims,
	uint64_t now_ms, struct validity *when, sluice_str *which)
{
	sluice_str iss;
	if (!json_member_str(claims, "iss", &iss) ||
		(iss.data && conf->n_trusted && issuers_find(conf, claims) == conf->n_trusted))
		return REASON_TOKEN_ISSUER;
	return check_all(conf, claims, true, now_ms, when, which);
}
