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
/* The same of a login, which is counted as failed. */
sluice_verdict refusal_of_login(sluice_exchange *x, const struct oidc_conf *conf, enum refusal why);
/* 200 without content, with these fields; nobody keeps it. */
sluice_verdict refusal_empty_answer(sluice_exchange *x, const sluice_pair *fields, size_t n);
/* 302 or 303 to a URL; nobody keeps the answer, and the next page does not learn this one's query.
 */
sluice_verdict redirect_answer(sluice_exchange *x, int status, sluice_str location);

#endif
