/* Finding claims by path, and their values as text. */
#ifndef JOSE_CLAIMS_H
#define JOSE_CLAIMS_H

#include <jansson.h>
#include <sluice/plugin.h>

enum { CLAIM_MAX_PATH = 255, CLAIM_SCALAR_MAX = 32 };

/*
 * The claim of that name, or else the member at that path in nested objects: `realm_access.roles`.
 * A name that contains dots, such as `https://example.com/roles`, is found first. NULL when there
 * is none, or it is null; borrowed from claims.
 */
json_t *claim_find(const json_t *claims, sluice_str path);

/* A string, number or boolean as text: a string where it lies, others in buf. data is NULL of
 * anything else. */
sluice_str claim_scalar(const json_t *v, char buf[static CLAIM_SCALAR_MAX]);

/* Whether a value, as text, equals `text`, or is an array with such a member. */
bool claim_says(const json_t *value, sluice_str text);

/*
 * A value as text: strings as they are, numbers and booleans as in JSON (with the shortest digits
 * for the same number), arrays of those joined by blanks; null in an array is skipped. Objects,
 * null and arrays of anything else have no text. Members with a blank or a comma are left out.
 * claim_text_len(): its length, or -1. claim_text_write(): fills that many bytes.
 */
ptrdiff_t claim_text_len(const json_t *value);
void claim_text_write(const json_t *value, char *out);

/* Whether the space-separated list has the word. */
bool scope_list_has(sluice_str list, sluice_str word);

#endif
