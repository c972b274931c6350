/* The table of reasons. */
#include "reason.h"

#include <stddef.h>

static const struct reason_info infos[REASON_COUNT] = {
#define REASON(name, status, code, error, sentence) \
	[REASON_##name] = { status, code, error, sentence },
#include "reason.def"
#undef REASON
};

const struct reason_info *reason_info(enum reason why)
{
	return &infos[why];
}

enum reason reason_of_jose(enum jose_result result)
{
	static const enum reason reasons[JOSE_COUNT] = { [JOSE_OK] = REASON_NONE,
		[JOSE_MALFORMED] = REASON_TOKEN_MALFORMED,
		[JOSE_CRITICAL] = REASON_TOKEN_CRITICAL,
		[JOSE_ALGORITHM] = REASON_TOKEN_ALGORITHM,
		[JOSE_KEY_ALGORITHM] = REASON_TOKEN_KEY_ALGORITHM,
		[JOSE_KEY_UNKNOWN] = REASON_TOKEN_KEY_UNKNOWN,
		[JOSE_ISSUER] = REASON_TOKEN_ISSUER,
		[JOSE_SIGNATURE] = REASON_TOKEN_SIGNATURE,
		[JOSE_DECRYPTION] = REASON_TOKEN_DECRYPTION,
		[JOSE_NO_MEMORY] = REASON_NO_MEMORY };
	return reasons[result];
}
