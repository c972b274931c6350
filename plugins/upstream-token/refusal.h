/* How requests are refused for which there is no token. Worker. */
#ifndef UPSTREAM_TOKEN_REFUSAL_H
#define UPSTREAM_TOKEN_REFUSAL_H

#include "conf.h"

/* There is no token at present: 503, or the request goes on without one, as on_failure says. */
sluice_verdict refusal_unavailable(sluice_exchange *x, const struct token_conf *conf);
/* 401, and the challenge. */
sluice_verdict refusal_challenge(sluice_exchange *x, sluice_str challenge, const char *code,
	const char *sentence);

#endif
