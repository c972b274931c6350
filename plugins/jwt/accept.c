/* Judging claims, and keeping them. */
#include "accept.h"

#include "admit.h"
#include "answer.h"
#include "fields.h"
#include "issuers.h"
#include "worker.h"

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
	struct entry *e = fields_entry(conf, v->token, claims, !is_introspected);
	if (!e) {
		dpop_binding_free(&binding);
		return SLUICE_FAIL;
	}
	e->binding = binding;
	if (conf->deny.sub && !(e->ids = deny_ids_of(e->claims, (unsigned)conf->deny.by))) {
		entry_unref(e);
		return SLUICE_FAIL;
	}
	e->when = when;
	e->until_ns = v->for_ms == UINT64_MAX ? UINT64_MAX : sluice_now_ns() + v->for_ms * 1000000;
	e->issuer = v->issuer;
	e->generation = v->generation;
	e->hash = v->hash;
	if (e->when.until > now && v->for_ms > 0)
		cache_put(&w->cache, e, issuers_keys(sluice_published(x)), now);
	sluice_verdict verdict = admit_token(x, conf, e);
	entry_unref(e);
	return verdict;
}
