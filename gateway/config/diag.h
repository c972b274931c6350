/*
 * Collects all mistakes of a configuration, so that one run reports them all. Shown as
 *
 *     gateway.yaml:12:5: error: routes[0].match.path: must begin with "/", not "v1"
 *         hint: write path: /v1
 *
 * in the order of the file. Control bytes are escaped; the length of texts and the number of items
 * are bounded. A message must never quote a secret. Main thread.
 */
#ifndef CONFIG_DIAG_H
#define CONFIG_DIAG_H

#include <stdio.h>

#include "base/arena.h"
#include "base/json.h"
#include "config/tree.h"

enum { DIAG_KEPT = 100 }; /* errors that are kept, and as many warnings; the rest is counted */

struct diag_item {
	bool warning;
	uint32_t line, col; /* line 0: the file as a whole */
	const char *file;
	const char *path; /* "" when it concerns no key */
	const char *text;
	const char *hint; /* NULL: none */
};

struct diag {
	struct arena arena;                     /* owned: every text */
	struct diag_item *items[2 * DIAG_KEPT]; /* in the order of the file */
	unsigned n_items;
	unsigned n_errors, n_warnings; /* including those not kept */
	struct diag_item *last;        /* diag_hint() adds to it; NULL when it was not kept */
};

void diag_init(struct diag *d);
void diag_fini(struct diag *d);

/* Report a mistake; returns -1, so that a check can end with `return diag_error(...)`. */
__attribute__((format(printf, 3, 4))) int diag_error(struct diag *d, const struct mark *at,
	const char *fmt, ...);
__attribute__((format(printf, 3, 4))) void diag_warn(struct diag *d, const struct mark *at,
	const char *fmt, ...);
/* The same at a node's value. */
__attribute__((format(printf, 3, 4))) int diag_error_node(struct diag *d, const struct node *n,
	const char *fmt, ...);
__attribute__((format(printf, 3, 4))) void diag_warn_node(struct diag *d, const struct node *n,
	const char *fmt, ...);
void diag_add(struct diag *d, bool warning, const struct mark *at, const char *fmt, va_list ap);
/* Add to the last report how the mistake can be corrected. */
__attribute__((format(printf, 2, 3))) void diag_hint(struct diag *d, const char *fmt, ...);

void diag_print(const struct diag *d, FILE *to);
/* The same as a text of *n bytes; the caller releases it with free(). */
char *diag_printed(const struct diag *d, size_t *n);
/* Write one line to the error log for each. */
void diag_log(const struct diag *d);
/* {"errors": 2, "warnings": 0, "items": [{"severity", "file", "line", "column", "path", "message",
 * "hint"}]} */
void diag_json(const struct diag *d, struct json_out *o);

/* A value in a message: quoted and cut to a readable length; "the value of ${NAME}" when it came
 * from the environment. */
struct quoted {
	char s[128];
};
const char *quote_str(struct quoted *q, sluice_str s);
const char *quote_node(struct quoted *q, const struct node *n);

#endif
