/* What an authorization server says of a token (RFC 7662 2.2, RFC 9701 5). */
#ifndef JWT_INTROSPECT_ANSWER_H
#define JWT_INTROSPECT_ANSWER_H

#include <jansson.h>
#include <sluice/str.h>

enum { INTROSPECT_MAX = 64 * 1024, INTROSPECT_DEPTH = 16 };

enum introspect_result {
	INTROSPECT_ACTIVE,
	INTROSPECT_INACTIVE,
	INTROSPECT_BROKEN, /* it is no answer */
};

/* Read the JSON of an answer. ACTIVE: *claims are what it says of the token, without `active`; the
 * caller releases them. */
enum introspect_result introspect_read(sluice_str body, json_t **claims);
/* The same of an object that is a part of a JWT: it is taken over. */
enum introspect_result introspect_take(json_t *object, json_t **claims);

#endif
