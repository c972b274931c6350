/* Judging claims, and keeping them. */
#include "accept.h"

#include <stdlib.h>

#include "../jose/claims.h"
#include "admit.h"
#include "answer.h"
#include "issuers.h"
#include "worker.h"

static struct entry *make_entry(const struct jwt_conf *conf, sluice_str token, json_t *claims)
{
	size_t n = 1 + conf->claims_to_headers.n;
	const json_t **values = malloc(n * sizeof *values);
	if (!values) {
		json_decref(claims);
		return NULL;
	}
	values[0] = claim_find(claims, conf->consumer);
	for (size_t i = 1; i < n; i++)
		values[i] = claim_find(claims, conf->claims_to_headers.v[i - 1].name);
	struct entry *e = entry_new(token, claims, values, n);
	free(values);
	return e;
}

sluice_verdict accept_claims(sluice_exchange *x, const struct jwt_conf *conf,
	const struct vouched *v, json_t *claims)
{
	struct worker *w = sluice_worker_state(x);
	bool is_introspected = v->issuer == CACHE_INTROSPECTED;
	sluice_str which = SLUICE_STR_NONE;
	struct validity when;
	uint64_t now = sluice_unix_ms();
	const struct rules_case judged = { .conf = conf,
		.issuer = is_introspected ? SLUICE_STR_NONE : conf->trusted[v->issuer].name,
		.is_introspected = is_introspected,
		.claims = claims,
		.now_ms = now,
		.scratch = w->scratch };
	enum reason why = rules_check(&judged, &when, &which);
	if (why != REASON_NONE) {
		json_decref(claims);
		return answer_refuse(x, conf, why, which);
	}
	struct dpop_binding *binding = NULL;
	if (conf->dpop.mode != DPOP_OFF && !dpop_binding_of(claims, v->token, &binding)) {
		json_decref(claims);
		return answer_refuse(x, conf, REASON_TOKEN_CLAIM, SLUICE_STR("cnf"));
	}
	struct entry *e = make_entry(conf, v->token, claims);
	if (!e) {
		dpop_binding_free(&binding);
		return SLUICE_FAIL;
	}
	e->binding = binding;
	e->when = when;
	e->when.until = v->until_ms < when.until ? v->until_ms : when.until;
	e->issuer = v->issuer;
	e->generation = v->generation;
	e->hash = v->hash;
	if (e->when.until > now)
		cache_put(&w->cache, e, issuers_keys(sluice_published(x)), now);
	e->refs++; /* without memory the clean-up is done at once */
	sluice_cleanup(x, entry_unref, e);
	sluice_verdict verdict = admit_token(x, conf, e);
	entry_unref(e);
	return verdict;
}
