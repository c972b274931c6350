/*
 * What the service is asked for a request: the URL, the method and the fields. The fields that say
 * which request it is are written here and nowhere else, so that a client cannot send them.
 * Worker threads.
 */
#ifndef PLUGINS_EXT_AUTH_QUESTION_H
#define PLUGINS_EXT_AUTH_QUESTION_H

#include "conf.h"

/* All of it lies in the memory of the exchange. */
struct question {
	sluice_str url, method, body;
	sluice_pair fields[FIELDS_MAX];
	size_t n_fields, bytes;
	bool has_fields;
};

enum question_fault {
	QUESTION_GOOD = 0,
	QUESTION_NO_PATH,   /* of this request no path can be made that may be asked for */
	QUESTION_TOO_LARGE, /* more, or longer, fields than can be sent on; or a longer URL */
	QUESTION_NO_MEMORY
};

/* The URL and the method, which is not much work. */
enum question_fault question_address(sluice_exchange *x, const struct ext_auth *c,
	struct question *q);
/* The fields as well. */
enum question_fault question_fields(sluice_exchange *x, const struct ext_auth *c,
	struct question *q);

/* Whether a field has one of the names that the plugin itself writes, in any spelling. */
bool question_is_ours(sluice_str name);

/* The text of a query that has these bytes as one name or value (RFC 3986 3.4): all but unreserved
 * characters escaped. at has room for three times s.len. Returns the end of what was written. */
char *question_escape(char *at, sluice_str s);

#endif
