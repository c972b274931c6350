/*
 * A key expression names a fact of a request in the configuration: a fact of fact.def, or an
 * attribute that a plugin states. Compiled on the main thread, immutable, evaluated on any worker.
 */
#ifndef POLICY_EXPR_H
#define POLICY_EXPR_H

#include "policy/fact.h"
#include "policy/stated.h"

/* Why a text is not a key expression. */
struct expr_wrong {
	const char *why; /* a sentence without a full stop */
	sluice_str hint; /* what may have been meant, or empty */
};

/* names: facts that plugins state; NULL: not known. Returns NULL and fills *wrong when text is not
 * an expression. Memory from a. */
const sluice_expr *expr_compile(struct arena *a, sluice_str text, const struct stated *names,
	struct expr_wrong *wrong);
/* What is wrong and what may have been meant, in one sentence; in a's memory. */
const char *expr_wrong_text(struct arena *a, const struct expr_wrong *wrong);
/* Whether its value comes from a plugin. */
bool expr_is_stated(const sluice_expr *e);
sluice_str expr_text(const sluice_expr *e);
/* data is NULL when the request has no such fact. */
sluice_str expr_value(sluice_exchange *x, const sluice_expr *e);
/* The same, and whether the request has it once or several times; then *out is all values,
 * joined. */
enum sluice_reading expr_read(sluice_exchange *x, const sluice_expr *e, sluice_str *out);

#endif
