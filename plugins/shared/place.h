/*
 * Where a request has credentials: a header field, a parameter of the query, a cookie, or the field
 * Authorization with a scheme. Compiled into each module that needs it.
 */
#ifndef PLUGINS_SHARED_PLACE_H
#define PLUGINS_SHARED_PLACE_H

#include <sluice/str.h>

enum place_kind { PLACE_HEADER, PLACE_QUERY, PLACE_COOKIE, PLACE_SCHEME };

struct place {
	enum place_kind kind;
	sluice_str name;         /* of the field, parameter, cookie or scheme */
	const sluice_expr *expr; /* NULL: a scheme */
};

/* In check(): what a text such as "header:X-API-Key" names; it is declared secret, and the
 * plugin's own. NULL, or the rest of a sentence that says what is wrong with the text. */
const char *place_parse(sluice_instance *inst, sluice_str text, struct place *out);

/* In words, for a client: "the header field X-API-Key". Returns the end of what was written, at
 * most name.len + 32 bytes. */
char *place_describe(const struct place *p, char *at);

/* Worker: what stands there. */
sluice_reading place_read(sluice_exchange *x, const struct place *p, sluice_str *out);
/* Worker: the request is admitted by what stands there (sluice_credentials_used()). */
void place_used(sluice_exchange *x, const struct place *p);
/* Worker: take what stands there off the request. False: that cannot be done. */
bool place_remove(sluice_exchange *x, const struct place *p);

#endif
