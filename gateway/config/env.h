/*
 * ${NAME} and ${NAME:-default} in the texts of a configuration. As in a shell, the default also
 * replaces an empty variable; $${ is a literal ${. The value of a variable is plain text: it cannot
 * add keys, lists or further references. Main thread.
 */
#ifndef CONFIG_ENV_H
#define CONFIG_ENV_H

#include "config/diag.h"

/* The source of variables. get returns the value, borrowed until the next call, or NULL when the
 * variable is not set. */
struct env {
	const char *(*get)(void *ctx, const char *name);
	void *ctx;
};

/* The environment of the process. */
extern const struct env env_process;

enum { ENV_TEXT_MAX = 1 << 20 }; /* bytes of one text after replacement */

/* Replace the references in text. *out is text itself when it has none, otherwise a NUL-terminated
 * copy in the arena. 0, or -1 when a mistake was reported at the mark. */
must_use int env_expand(const struct env *env, struct arena *a, struct diag *d,
	const struct mark *at, sluice_str text, sluice_str *out);

#endif
