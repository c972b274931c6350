/* The request for a token: RFC 6749 4.4.2, RFC 8693 2.1. Any thread. */
#ifndef UPSTREAM_TOKEN_QUESTION_H
#define UPSTREAM_TOKEN_QUESTION_H

#include "conf.h"

enum { QUESTION_FIELDS = 4 };

struct question {
	struct form form;
	char *authorization; /* owned; NULL: the form has the credentials */
	sluice_pair fields[QUESTION_FIELDS];
};

/* Fill q, and *out with what it has. subject: the token to exchange; data NULL: client credentials.
 * question_free() in any case. False: no memory, or no randomness. */
bool question_make(struct question *q, const struct token_conf *conf, sluice_str endpoint,
	sluice_str subject, sluice_fetch_request *out);
void question_free(struct question *q);

/* In check(): the parameters that the operator adds; the joined scopes; and the identity. 0, or -1
 * with the mistake reported. */
int question_check(sluice_instance *inst, struct token_conf *conf);

#endif
