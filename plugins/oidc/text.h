/* Texts of the protocols that oidc speaks: escapes, random words, parameters of a query.
 * Any thread; no state. */
#ifndef OIDC_TEXT_H
#define OIDC_TEXT_H

#include <sluice/str.h>

/* Bytes of s escaped for a query or a form; at most three times as many. */
size_t text_escaped(sluice_str s);
char *text_escape(char *at, sluice_str s);

/* Write base64url of that many random bytes, 64 at most. NULL: the system has none. */
char *text_random(char *at, size_t bytes);

enum text_found { TEXT_NONE, TEXT_ONE, TEXT_WRONG };

/*
 * The parameter of that name in a query or a form, decoded to out, which has room for query.len
 * bytes. TEXT_WRONG: it is there twice, or is escaped in a way that can be read differently, or has
 * a control character.
 */
enum text_found text_parameter(sluice_str query, sluice_str name, char *out, sluice_str *value);

/* Whether two strings are equal, in a time that does not depend on where they differ. */
bool text_same(sluice_str a, sluice_str b);

#endif
