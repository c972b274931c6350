/*
 * Challenges of WWW-Authenticate (RFC 9110 11.6.1): one field may have several behind commas, which
 * also stand between the parameters of one. Any thread.
 */
#ifndef HTTP_CHALLENGES_H
#define HTTP_CHALLENGES_H

#include "base/str.h"

struct challenge_text {
	sluice_str scheme; /* empty: the text is no challenge by the grammar */
	sluice_str text;   /* scheme and what follows it, without the comma behind it */
};

/* Take the next challenge off what is left of a field's value. What breaks the grammar belongs to
 * the challenge before it. False: none is left. */
bool challenges_next(sluice_str *rest, struct challenge_text *out);

#endif
