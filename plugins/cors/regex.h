/* Regular expressions for origins. Compiled on the main thread; matched on workers, each with
 * memory of its own. */
#ifndef CORS_REGEX_H
#define CORS_REGEX_H

#include <sluice/plugin.h>

enum { REGEX_MAX = 1024 }; /* bytes of an expression */

/* Zeroed, or after regex_open(). */
struct regex {
	void *code; /* owned: of PCRE2 */
};

/* What a thread needs to match. Zeroed memory is an empty one; matching with it is refused. */
struct regex_work {
	void *data, *limits; /* owned: of PCRE2 */
};

/* Compile. -1: the expression is wrong, or permits more than it seems to; reported at the option.
 */
int regex_open(sluice_instance *inst, const char *option, sluice_str expression, struct regex *out);
void regex_close(struct regex *r);
/* -1: no memory. */
int regex_work_init(struct regex_work *w);
void regex_work_fini(struct regex_work *w);
/* Whether the whole of s matches. False also where the expression takes too long to tell. */
bool regex_is(const struct regex *r, const struct regex_work *w, sluice_str s);

#endif
