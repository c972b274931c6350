/* Judging claims, and keeping them. */
#include "accept.h"

#include "answer.h"
#include "fields.h"
#include "issuers.h"
#include "worker.h"

sluice_verdict accept_claims(sluice_exchange *x, const struct jwt_conf *conf,
	const struct vouched *v, json_t *claims)
{
	struct worker *w = sluice_worker_state(x);
	bool is_introspected = v->issuer == CACHE_INTROSPECTED;
	sluice_str issuer = is_introspected ? SLUICE_STR_NONE : conf->trusted[v->issuer].name;
	sluice_str which = SLUICE_STR_NONE;
	struct validity when;
	uint64_t now = sluice_unix_ms();
	enum reason why = is_introspected
		? rules_check_introspected(conf, claims, now, &when, &which)
		: rules_check(conf, issuer, claims, now, &when, &which);
	if (why != REASON_NONE) {
		json_decref(claims);
		return answer_refuse(x, conf, why, which);
	}
	struct entry *e = fields_entry(conf, v->token, claims, !is_introspected);
	if (!e)
		return SLUICE_FAIL;
	e->when = when;
	e->when.until = v->until_ms < when.until ? v->until_ms : when.until;
	e->issuer = v->issuer;
	e->generation = v->generation;
	e->hash = v->hash;
	cache_put(&w->cache, e, issuers_keys(sluice_published(x)), now);
	sluice_cleanup(x, entry_unref, e);
	return answer_admit(x, conf, e);
}
