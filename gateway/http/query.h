/*
 * Parses the parameters of a query, in the same way for routes, key expressions and plugins. Names
 * and values are compared and shown decoded: %XX is a byte, "+" is a space, and a malformed escape
 * stands for itself. Parameters stand between "&"; one without "=" has the empty value. No I/O. Any
 * thread.
 */
#ifndef HTTP_QUERY_H
#define HTTP_QUERY_H

#include "base/str.h"

enum query_plus { QUERY_PLUS_IS_PLUS, QUERY_PLUS_IS_SPACE };

/* The next parameter of that (plain) name in *rest, which moves behind it; *encoded is its value as
 * it stands there, its data never NULL. false: there is none. */
bool query_find(sluice_str *rest, sluice_str name, sluice_str *encoded);
/* Whether encoded, decoded, is plain. */
bool query_equals(sluice_str encoded, sluice_str plain);
/* Whether *plain begins with what encoded is when decoded: it then moves behind that. */
bool query_take(sluice_str encoded, sluice_str *plain);
/* Whether decoding changes it. */
bool query_is_encoded(sluice_str s, enum query_plus plus);
/* Decode into out, which has room for s.len bytes: how many there are. The result may hold any
 * byte. */
size_t query_decode(sluice_str s, enum query_plus plus, char *out);
/* Write the query without the parameters of that (plain) name; value, plain as well, is then the
 * one parameter of the name: in the place of the first, or behind all. NULL: there is none. All
 * others stay as they are, in their order. out has room for QUERY_ROOM bytes: how many there are.
 */
size_t query_replace(sluice_str query, sluice_str name, const sluice_str *value, char *out);
#define QUERY_ROOM(query, name, value) ((query).len + 3 + 3 * ((name).len + (value).len))

#endif
