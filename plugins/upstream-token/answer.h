/* What a token endpoint has answered, judged: a token that can be sent to the upstream, a refusal,
 * or nothing that can be used. Any thread. */
#ifndef UPSTREAM_TOKEN_ANSWER_H
#define UPSTREAM_TOKEN_ANSWER_H

#include "../oauth/token_answer.h"
#include "conf.h"

enum { ANSWER_WHY = 320, ANSWER_TOKEN_MAX = 16384 };

enum answer_kind {
	ANSWER_TOKEN,
	ANSWER_REFUSED, /* the server says no, and error has its word */
	ANSWER_FAILED,
};

struct answer {
	char *value; /* owned: the value of the field, "Bearer ..."; NULL: there is no token */
	size_t len;
	uint64_t use_ms; /* for how long it is sent, from now on */
	char error[TOKEN_ANSWER_WORD + 1];
	char why[ANSWER_WHY]; /* for the log; never a token */
};

/* Ends by answer_free(). asked_ns: when it was asked, from which its lifetime counts. */
enum answer_kind answer_read(const struct token_conf *conf, const sluice_fetch_response *r,
	uint64_t asked_ns, struct answer *out);
void answer_free(struct answer *a);

#endif
