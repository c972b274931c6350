/*
 * Where a request has its key: a header field, a parameter of the query, a cookie, or the field
 * Authorization with a scheme. A source reads the key, and takes it off the request.
 */
#ifndef PLUGINS_KEY_AUTH_SOURCE_H
#define PLUGINS_KEY_AUTH_SOURCE_H

#include <sluice/str.h>

enum { SOURCES_MAX = 8, KEY_MAX = 1024 };

enum source_kind { SOURCE_HEADER, SOURCE_QUERY, SOURCE_COOKIE, SOURCE_SCHEME };

struct source {
	enum source_kind kind;
	sluice_str name;         /* of the field, parameter, cookie or scheme */
	const sluice_expr *expr; /* NULL: a scheme */
};

/* In check(): what a text such as "header:X-API-Key" names; it is declared secret. NULL, or the
 * rest of a sentence that says what is wrong with the text. */
const char *source_read(sluice_instance *inst, sluice_str text, struct source *out);

/* In words, for a client: "the header field X-API-Key". Returns the end of what was written, at
 * most name.len + 32 bytes. */
char *source_describe(const struct source *s, char *at);

enum source_found {
	SOURCE_KEY,
	SOURCE_NONE,
	/* it is there twice, empty, too long, or has bytes that a key cannot have */
	SOURCE_MALFORMED,
	SOURCE_FAIL /* the exchange's memory is spent */
};

/* Worker: the key of the first source that the request has; *used is its index. The key lives as
 * long as x. */
enum source_found source_find(sluice_exchange *x, const struct source *v, size_t n, sluice_str *key,
	size_t *used);
/* Worker: take what the source names off the request. False: that cannot be done. */
bool source_remove(sluice_exchange *x, const struct source *s);

#endif
