/* The answers that we give ourselves: refusals and redirects. */
#ifndef OIDC_REFUSAL_H
#define OIDC_REFUSAL_H

#include "conf.h"

enum refusal {
	REFUSAL_REQUIRED,    /* there is no session, and a redirect is no answer */
	REFUSAL_STATE,       /* the browser did not begin this login */
	REFUSAL_REFUSED,     /* the provider, or the user there, said no */
	REFUSAL_PROVIDER,    /* the provider's answer is none */
	REFUSAL_TOKEN,       /* the ID token does not hold */
	REFUSAL_UNAVAILABLE, /* the provider, its keys or the store cannot be reached */
	REFUSAL_TOO_LARGE,   /* the session does not fit into cookies */
	REFUSAL_COUNT,
};

sluice_verdict refusal_answer(sluice_exchange *x, const struct oidc_conf *conf, enum refusal why);
/* 302 or 303 to a URL; nobody keeps the answer, and the next page does not learn this one's query. */
sluice_verdict redirect_answer(sluice_exchange *x, int status, sluice_str location);

#endif
