/* The pairs of a Cookie field (RFC 6265 4.2). What a client sends need not follow it: whatever
 * stands between two semicolons is a pair. */
#ifndef HTTP_COOKIE_H
#define HTTP_COOKIE_H

#include "http/head.h"

struct cookie_pair {
	sluice_str text; /* all of it, without blanks around it */
	sluice_str name, value;
};

/* The next one of *rest, which is cut; false: there is none. */
bool cookie_next(sluice_str *rest, struct cookie_pair *out);
bool cookie_has(sluice_str field, sluice_str name);
/* Take all pairs of that name out of the field; one that is empty then is dropped. ERR_NO_MEMORY:
 * it is as it was. */
must_use int cookie_take_out(struct arena *a, struct field *f, sluice_str name);

#endif
