/* The reasons for which a request is refused, from reason.def. */
#ifndef JWT_REASON_H
#define JWT_REASON_H

#include "../jose/result.h"

enum reason {
	REASON_NONE, /* nothing is wrong */
#define REASON(name, status, code, error, sentence) REASON_##name,
#include "reason.def"
#undef REASON
	REASON_COUNT,
	REASON_NO_MEMORY, /* a failure of the plugin, not of the token */
};

struct reason_info {
	int status;
	const char *code;
	const char *error; /* RFC 6750 3.1, RFC 9470 3; NULL: none */
	const char *sentence;
};

/* Not of REASON_NONE and REASON_NO_MEMORY. */
const struct reason_info *reason_info(enum reason why);
/* What a result of reading or verifying a token means for the request. */
enum reason reason_of_jose(enum jose_result result);

#endif
