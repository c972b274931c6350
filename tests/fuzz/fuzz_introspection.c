/*
 * What an authorization server says of a token. Whatever the bytes are: a token counts as active
 * only if they are one JSON object whose one `active` is true, as an independent reader has it.
 */
#include <string.h>

#include "introspect_answer.h"
#include "reach.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *claims;
	enum introspect_result r =
		introspect_read((sluice_str){ (const char *)data, size }, &claims);
	json_t *other = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	if ((r == INTROSPECT_ACTIVE) != (claims != NULL))
		__builtin_trap();
	if (r == INTROSPECT_ACTIVE && json_object_get(claims, "active"))
		__builtin_trap();
	if (other && r != INTROSPECT_BROKEN &&
		(r == INTROSPECT_ACTIVE) != json_is_true(json_object_get(other, "active")))
		__builtin_trap();
	REACH_IF(r == INTROSPECT_ACTIVE, "an active token");
	REACH_IF(r == INTROSPECT_INACTIVE, "a token that is not active");
	REACH_IF(r == INTROSPECT_BROKEN, "no answer");
	json_decref(other);
	json_decref(claims);
	return 0;
}
