/* How requests are refused for which there is no token. */
#ifndef UPSTREAM_TOKEN_REFUSAL_H
#define UPSTREAM_TOKEN_REFUSAL_H

#include "conf.h"

enum refusal {
#define REASON(name, status, code, error, sentence) REFUSAL_##name,
#include "refusal.def"
#undef REASON
};

/* Main thread, in check(): write the challenges. */
void refusal_check(sluice_instance *inst, struct token_conf *conf);
/* Worker: refuse, a 401 with its challenge. */
sluice_verdict refusal_answer(sluice_exchange *x, const struct token_conf *conf, enum refusal why);
/* Worker: there is no token at present. The request is refused, or goes on without one, as
 * on_failure says. */
sluice_verdict refusal_unavailable(sluice_exchange *x, const struct token_conf *conf);

#endif
