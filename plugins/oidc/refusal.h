/* The answers that we give ourselves: refusals and redirects. */
#ifndef OIDC_REFUSAL_H
#define OIDC_REFUSAL_H

#include "conf.h"

enum refusal {
#define REASON(name, status, code, error, sentence) REFUSAL_##name,
#include "refusal.def"
#undef REASON
	REFUSAL_COUNT,
};

sluice_verdict refusal_answer(sluice_exchange *x, const struct oidc_conf *conf, enum refusal why);
/* 302 or 303 to a URL; nobody keeps the answer, and the next page does not learn this one's query.
 */
sluice_verdict redirect_answer(sluice_exchange *x, int status, sluice_str location);

#endif
