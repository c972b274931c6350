/* Checks of the rules' options. Main thread. */
#include "rules_conf.h"

#include <inttypes.h>
#include <stdio.h>

#include "../jose/issuer_name.h"
#include "../jose/token.h"
#include "conf.h"

/* RFC 6838 4.2, without the type `application/`, which a token may leave out (RFC 7515 4.1.9). */
static int types_check(sluice_instance *inst, const sluice_strs *types)
{
	for (size_t i = 0; i < types->n; i++) {
		sluice_str type = types->v[i];
		if (sluice_str_is_token(type) && type.len < TOKEN_MAX_TYP)
			continue;
		sluice_conf_error(inst, "types",
			"\"%.*s\" is no media type without its application/, such as at+jwt",
			type.len < TOKEN_MAX_TYP ? (int)type.len : TOKEN_MAX_TYP, type.data);
		sluice_conf_hint(inst,
			"`none` stands for tokens whose header has no typ, JWT for the general "
			"type");
		return -1;
	}
	return 0;
}

/* Without an empty text: it would fit an empty claim. */
static int texts_check(sluice_instance *inst, const char *option, const sluice_strs *texts)
{
	for (size_t i = 0; i < texts->n; i++) {
		if (texts->v[i].len > 0)
			continue;
		sluice_conf_error(inst, option, "must not have an empty text");
		return -1;
	}
	return 0;
}

/* RFC 6749 3.3: words that can stand in a list with blanks between them, in a challenge. */
static int words_check(sluice_instance *inst, const char *option, const char *what,
	const sluice_strs *words)
{
	for (size_t i = 0; i < words->n; i++) {
		sluice_str w = words->v[i];
		bool is_word = w.len > 0;
		for (size_t k = 0; k < w.len; k++)
			is_word &= w.data[k] >= 0x21 && w.data[k] <= 0x7e && w.data[k] != '"' &&
				w.data[k] != '\\';
		if (is_word)
			continue;
		sluice_conf_error(inst, option,
			"\"%.*s\" is no %s: printable ASCII without blanks, quotes and "
			"backslashes",
			(int)w.len, w.data, what);
		return -1;
	}
	return 0;
}

static bool has_pattern(const struct jwt_conf *conf)
{
	bool found = false;
	for (size_t i = 0; i < conf->issuer.n; i++)
		found |= issuer_name_is_pattern(conf->issuer.v[i]);
	for (size_t i = 0; i < conf->issuers.n; i++)
		found |= issuer_name_is_pattern(conf->issuers.v[i].name);
	return found;
}

/* Whoever opens an account with the provider gets a tenant of his own, so all of them must have
 * been meant. */
static int tenants_check(sluice_instance *inst, const struct jwt_conf *conf)
{
	if (has_pattern(conf) == (conf->rules.tenants.n > 0))
		return texts_check(inst, "tenants", &conf->rules.tenants);
	if (conf->rules.tenants.n > 0) {
		sluice_conf_error(inst, "tenants",
			"is for issuers with " ISSUER_TENANT " in their name, and there is none");
		return -1;
	}
	sluice_conf_error(inst, conf->issuers.n ? "issuers" : "issuer",
		"an issuer with " ISSUER_TENANT " needs the option tenants");
	sluice_conf_hint(inst,
		"list the tenants that may call (the claim tid); \"*\" accepts every tenant of "
		"the provider");
	return -1;
}

/* ---- what a client without the scopes is told ---------------------------------------------- */

static size_t join(char *out, const sluice_strs *list, const char *between)
{
	size_t n = 0;
	for (size_t i = 0; i < list->n; i++) {
		sluice_str parts[] = { sluice_str_of(i ? between : ""), list->v[i] };
		for (size_t k = 0; k < 2; k++) {
			if (out)
				(void)sluice_str_put(out + n, parts[k]);
			n += parts[k].len;
		}
	}
	return n;
}

static size_t put(char *out, size_t at, const char *text)
{
	sluice_str s = sluice_str_of(text);
	if (out)
		(void)sluice_str_put(out + at, s);
	return at + s.len;
}

/* out NULL: only count */
static size_t write_needed(char *out, const struct jwt_conf *conf)
{
	const sluice_strs *any = &conf->rules.scopes_any;
	size_t n = put(out, 0, "the token does not grant the scope that is needed: ");
	n += join(out ? out + n : NULL, &conf->scopes, " and ");
	if (any->n && conf->scopes.n)
		n = put(out, n, ", and ");
	if (any->n > 1)
		n = put(out, n, "one of ");
	return n + join(out ? out + n : NULL, any, ", ");
}

static void tell_needed(sluice_instance *inst, struct jwt_conf *conf)
{
	if (conf->scopes.n == 0 && conf->rules.scopes_any.n == 0)
		return;
	size_t n = write_needed(NULL, conf);
	/* RFC 6750 3: scopes that suffice. Of those of which any one does, the first. */
	const sluice_strs first = { conf->rules.scopes_any.v, conf->rules.scopes_any.n ? 1 : 0 };
	char *scope = sluice_conf_alloc(inst,
		join(NULL, &conf->scopes, " ") + join(NULL, &first, "") + 2);
	size_t at = join(scope, &conf->scopes, " ");
	at = put(scope, at, at && first.n ? " " : "");
	at += join(scope + at, &first, "");
	conf->asks.scope = (sluice_str){ scope, at };
	char *text = sluice_conf_alloc(inst, n + 1); /* zeroed: it ends in a NUL */
	(void)write_needed(text, conf);
	conf->rules.scopes_needed = (sluice_str){ text, n };
}

/* RFC 9470 3: both, whichever of them is not met, since the new login has to meet both. */
static void tell_login(sluice_instance *inst, struct jwt_conf *conf)
{
	enum { DIGITS = 24 };
	const sluice_strs *acr = &conf->rules.acr_values;
	char *values = sluice_conf_alloc(inst, join(NULL, acr, " ") + 1);
	char *age = sluice_conf_alloc(inst, DIGITS);
	int n = snprintf(age, DIGITS, "%" PRIu64, conf->rules.max_auth_age / 1000);
	if (acr->n)
		conf->asks.acr_values = (sluice_str){ values, join(values, acr, " ") };
	if (conf->rules.max_auth_age)
		conf->asks.max_age = (sluice_str){ age, (size_t)n };
}

/* ---- all of it ----------------------------------------------------------------------------- */

int rules_conf_check(sluice_instance *inst, struct jwt_conf *conf)
{
	struct rules_conf *rules = &conf->rules;
	const int results[] = {
		types_check(inst, &rules->types),
		tenants_check(inst, conf),
		texts_check(inst, "audience_all", &rules->audience_all),
		texts_check(inst, "clients", &rules->clients),
		words_check(inst, "scopes_any", "scope", &rules->scopes_any),
		words_check(inst, "acr_values", "acr", &rules->acr_values),
		claim_matches_check(inst, "match_claims", &rules->match_claims, &rules->match),
		claim_matches_check(inst, "forbid_claims", &rules->forbid_claims, &rules->forbid),
	};
	int rc = 0;
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++)
		rc = results[i] < 0 ? -1 : rc;
	if (rc == 0) {
		tell_needed(inst, conf);
		tell_login(inst, conf);
	}
	return rc;
}

void rules_conf_free(struct jwt_conf *conf)
{
	claim_matches_free(&conf->rules.match);
	claim_matches_free(&conf->rules.forbid);
}
