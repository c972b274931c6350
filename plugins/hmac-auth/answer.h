/* Refusing a request, and admitting it. Worker. */
#ifndef PLUGINS_HMAC_AUTH_ANSWER_H
#define PLUGINS_HMAC_AUTH_ANSWER_H

#include "conf.h"

enum reason {
	REASON_NONE,
#define REASON(name, status, code, result, sentence) REASON_##name,
#include "reason.def"
#undef REASON
	REASON_COUNT,
	REASON_FAIL /* the plugin could not do its work */
};

/* Main thread, in check(): the challenges. 0, or -1 with mistakes reported. */
int answer_check(sluice_instance *inst, struct hmac_auth *h);

/* retry_s: of REASON_LIMITED, when to try again. */
sluice_verdict answer_refuse(sluice_exchange *x, const struct hmac_auth *h, enum reason why,
	uint64_t retry_s);
/* It is by the owner of the key. */
sluice_verdict answer_admit(sluice_exchange *x, const struct hmac_auth *h, const struct entry *who);

#endif
