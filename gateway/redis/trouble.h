/*
 * What a server's errors say of it: whether it is the wrong server to talk to, and what the
 * operator is told. A kind of error (its first word) is told once, with its text and what to do
 * about it, and its end is told once: after a second of answers without errors. No line repeats a
 * secret. Its worker's thread only.
 */
#ifndef REDIS_TROUBLE_H
#define REDIS_TROUBLE_H

#include "base/str.h"

struct redis_link;

enum { TROUBLE_CODE = 16, TROUBLE_TEXT = 256 };

/* Of one link. */
struct trouble {
	char code[TROUBLE_CODE]; /* of the error that was told last; empty: there is none */
	uint64_t told_ns, error_ns;
	uint64_t n; /* errors since it began */
};

/* A command was answered with an error. */
void trouble_error(struct redis_link *l, sluice_str error);
/* A command was answered, and trouble.code is not empty. */
void trouble_answer(struct redis_link *l);

/* Whether another server has to be found: this one is a replica, or has no data now. */
bool trouble_is_unfit(sluice_str error);
/* The text of an error as it may stand in a log, and a hint behind it where there is one.
 * NUL-terminated. */
const char *trouble_text(const struct redis_link *l, sluice_str error, char buf[TROUBLE_TEXT]);

#endif
