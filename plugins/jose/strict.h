/*
 * Strict readers of base64url and JSON: nothing beyond the RFCs is accepted, since a text that
 * another reader understands differently allows forgeries.
 */
#ifndef JOSE_STRICT_H
#define JOSE_STRICT_H

#include <jansson.h>
#include <sluice/str.h>

/* Bytes that a base64url text of len characters can decode to, at most. */
#define B64URL_MAX(len) ((len) / 4 * 3 + 2)

/* RFC 7515 section 2: the URL-safe alphabet, no padding, no blanks, and no set bits beyond the last
 * byte. out has room for B64URL_MAX(in.len). False otherwise. */
bool b64url_decode(sluice_str in, uint8_t *out, size_t *n);

/*
 * One JSON object and nothing behind it: valid UTF-8, no member named twice, no NUL, nested at most
 * max_depth deep (the object itself counts). NULL otherwise. The caller releases it. A number that
 * neither 64 bits nor a double can hold becomes a string of its characters: it must not be rounded,
 * and must not make the object invalid.
 */
json_t *json_read_object(const char *text, size_t len, unsigned max_depth);

/* The member; NULL when it is missing or null, which mean the same. */
json_t *json_member(const json_t *object, const char *name);

/* The member as a string, data NULL when it is missing or null; false when it is there and no
 * string. */
bool json_member_str(const json_t *object, const char *name, sluice_str *out);

#endif
