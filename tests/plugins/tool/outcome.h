/*
 * What came of one run of a case: pairs of a name and a value, in the order in which things
 * happened. A name may occur again. The run writes them in a process of its own, and the parent
 * reads and judges them.
 *
 *   status, answered_by, reason, detail, body, broken_off
 *   streamed    the body was written piece by piece
 *   field:NAME (lower case), trailer:NAME, fact:NAME, note, log
 *   forwarded:method, :target, :host, :upstream, :body, :field:NAME, :trailer:NAME
 *   waits       how often the exchange was parked
 *   calls       how many fetches and calls of stores were begun
 *   memory      bytes of its arena that the exchange took
 */
#ifndef TOOL_OUTCOME_H
#define TOOL_OUTCOME_H

#include "base/arena.h"

struct outcome {
	struct arena arena; /* owned */
	sluice_pair *v;     /* in the arena */
	size_t n, cap;
};

void outcome_init(struct outcome *o);
void outcome_fini(struct outcome *o);
/* Both are copied. */
void outcome_add(struct outcome *o, const char *name, sluice_str value);
/* The same with a name of two parts. */
void outcome_add_part(struct outcome *o, const char *prefix, sluice_str name, sluice_str value);
void outcome_add_number(struct outcome *o, const char *name, uint64_t value);

/* The first value of that name; data NULL: there is none. */
sluice_str outcome_find(const struct outcome *o, sluice_str name);
/* The next value of that name; *at is 0 at first. */
bool outcome_next(const struct outcome *o, sluice_str name, size_t *at, sluice_str *value);
/* 0 where there is none. */
uint64_t outcome_number(const struct outcome *o, const char *name);

/* As bytes, in a's memory, and back; false when text is cut off. */
sluice_str outcome_write(const struct outcome *o, struct arena *a);
must_use bool outcome_read(struct outcome *o, sluice_str text);

#endif
