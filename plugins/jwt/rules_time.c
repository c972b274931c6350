/* The rules about time. Each narrows the time for which the result holds, and says whether now is
 * within it. */
#include "rules_run.h"

#include "../jose/strict.h"

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

/* The date of a claim that is there and is a date. */
static bool date_of(const struct rules_run *r, const char *name, uint64_t *ms)
{
	bool found;
	return numeric_date(r->c->claims, name, &found, ms) && found;
}

static enum reason ends_at(struct rules_run *r, uint64_t ms, enum reason why)
{
	if (ms < r->when.until)
		r->when.until = ms;
	return r->c->now_ms < ms ? REASON_NONE : why;
}

/* Nothing that a token says is true before it was said. */
static enum reason begins_at(struct rules_run *r, uint64_t ms)
{
	uint64_t from = ms > r->c->conf->leeway ? ms - r->c->conf->leeway : 0;
	if (from > r->when.from)
		r->when.from = from;
	return r->c->now_ms >= from ? REASON_NONE : REASON_TOKEN_NOT_YET_VALID;
}

enum reason rule_dates(struct rules_run *r)
{
	static const char *const names[] = { "exp", "nbf", "iat" };
	const struct jwt_conf *conf = r->c->conf;
	const bool needed[] = { !conf->rules.exp_optional && !r->c->is_introspected, false,
		conf->max_age != 0 };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		bool found;
		uint64_t ms;
		if (!numeric_date(r->c->claims, names[i], &found, &ms) || (needed[i] && !found))
			return rule_blame(r, sluice_str_of(names[i]), REASON_TOKEN_CLAIM);
	}
	return REASON_NONE;
}

enum reason rule_exp(struct rules_run *r)
{
	uint64_t exp;
	return date_of(r, "exp", &exp) ? ends_at(r, exp + r->c->conf->leeway, REASON_TOKEN_EXPIRED)
				       : REASON_NONE;
}

enum reason rule_nbf(struct rules_run *r)
{
	uint64_t nbf;
	return date_of(r, "nbf", &nbf) ? begins_at(r, nbf) : REASON_NONE;
}

enum reason rule_iat(struct rules_run *r)
{
	uint64_t iat;
	return date_of(r, "iat", &iat) ? begins_at(r, iat) : REASON_NONE;
}

enum reason rule_age(struct rules_run *r)
{
	const struct jwt_conf *conf = r->c->conf;
	uint64_t iat;
	return date_of(r, "iat", &iat)
		? ends_at(r, iat + conf->max_age + conf->leeway, REASON_TOKEN_TOO_OLD)
		: rule_blame(r, SLUICE_STR("iat"), REASON_TOKEN_CLAIM);
}

/* RFC 9470 5: how long ago the user has logged in. A token that does not say so gets the challenge
 * of one whose login is too old, since a new login helps in both cases. */
enum reason rule_auth_age(struct rules_run *r)
{
	const struct jwt_conf *conf = r->c->conf;
	uint64_t at;
	bool found;
	if (!numeric_date(r->c->claims, "auth_time", &found, &at))
		return rule_blame(r, SLUICE_STR("auth_time"), REASON_TOKEN_CLAIM);
	if (!found)
		return REASON_LOGIN_TOO_OLD;
	enum reason why = begins_at(r, at);
	return why == REASON_NONE
		? ends_at(r, at + conf->rules.max_auth_age + conf->leeway, REASON_LOGIN_TOO_OLD)
		: why;
}
