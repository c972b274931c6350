/* What a signature has to cover and to say, whoever made it: the checks that come before its key is
 * used. Any thread. */
#ifndef PLUGINS_HMAC_AUTH_TERMS_H
#define PLUGINS_HMAC_AUTH_TERMS_H

#include "answer.h"

/* Whether the signature meets the terms of the instance. has_query: the request has one. */
enum reason terms_check(const struct hmac_auth *h, const struct sig_input *in, bool has_query,
	uint64_t now_ms);
/* For how many ms from now on a signature like this one would be accepted. */
uint64_t terms_last(const struct hmac_auth *h, const struct sig_input *in, uint64_t now_ms);

#endif
