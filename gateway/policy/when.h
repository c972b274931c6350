/*
 * Conditions of plugins on a request (SLUICE_T_WHEN): rules like those of routes (route/rule.h),
 * which a plugin tests for itself. Compiled on the main thread, immutable, tested on any worker.
 */
#ifndef POLICY_WHEN_H
#define POLICY_WHEN_H

#include "config/bind.h"

/* For bind.when: b->ctx is the instance, which owns the condition. 0, or -1 when mistakes were
 * reported. */
must_use int when_compile(struct bind *b, const struct match_conf *c, const sluice_condition **out);
/* Free the expressions of a list; the instance's arena owns the rest. */
void when_free(sluice_condition *all);

/* For the host's table. A worker's thread. */
int when_holds(sluice_exchange *x, const sluice_condition *c);

#endif
