/*
 * Readers that take base64url and JSON as the RFCs write them and nothing more generous: two texts
 * that another reader might understand differently are one forgery.
 */
#ifndef JWT_STRICT_H
#define JWT_STRICT_H

#include <jansson.h>
#include <sluice/str.h>

/* Bytes that a base64url text of len characters can decode to, at most. */
#define B64URL_MAX(len) ((len) / 4 * 3 + 2)

/* RFC 7515 section 2: the URL-safe alphabet, no padding, no blanks, and no set bits beyond the last
 * byte. out has room for B64URL_MAX(in.len). False when it is anything else. */
bool b64url_decode(sluice_str in, uint8_t *out, size_t *n);

/*
 * One JSON object and nothing behind it: valid UTF-8, no member named twice, no NUL, nested at most
 * max_depth deep (the object itself counts). NULL when it is anything else. The caller releases it.
 * A number beyond what 64 bits or a double can hold is a string of the characters it is written
 * with: it must neither be rounded nor make the rest unreadable.
 */
json_t *json_read_object(const char *text, size_t len, unsigned max_depth);

/* The member, NULL when it is missing or null: the two say the same. */
json_t *json_member(const json_t *object, const char *name);

/* The member as a string, data NULL when it is missing or null; false when it is there and no
 * string. */
bool json_member_str(const json_t *object, const char *name, sluice_str *out);

#endif
