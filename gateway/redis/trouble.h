/*
 * Error replies of Redis: whether another server must be found, and what is logged. A kind of error
 * (its first word) is logged once, with its text and a remedy; its end is logged once, after a
 * second without errors. No line shows a secret. The worker's thread only.
 */
#ifndef REDIS_TROUBLE_H
#define REDIS_TROUBLE_H

#include "base/str.h"

struct redis_link;

enum { TROUBLE_CODE = 16, TROUBLE_TEXT = 256 };

/* Of one link. */
struct trouble {
	char code[TROUBLE_CODE]; /* of the error that was logged last; empty: there is none */
	uint64_t logged_ns, error_ns;
	uint64_t n; /* errors since it began */
};

/* To be called when a command was answered with an error. */
void trouble_error(struct redis_link *l, sluice_str error);
/* To be called when a command succeeded and trouble.code is not empty. */
void trouble_answer(struct redis_link *l);

/* Whether another server must be found, since this one is a replica or still loads its data. */
bool trouble_is_unfit(sluice_str error);
/* The text of an error for the log, with a remedy where one is known. NUL-terminated. */
const char *trouble_text(const struct redis_link *l, sluice_str error, char buf[TROUBLE_TEXT]);

#endif
