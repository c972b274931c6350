/* Answers of introspection. */
#include "introspect_answer.h"

#include "../jose/strict.h"

enum introspect_result introspect_take(json_t *object, json_t **claims)
{
	const json_t *active = json_is_object(object) ? json_object_get(object, "active") : NULL;
	*claims = NULL;
	if (json_is_true(active)) {
		/* it says nothing of the token that its being here does not say */
		(void)json_object_del(object, "active");
		*claims = object;
		return INTROSPECT_ACTIVE;
	}
	enum introspect_result r = json_is_false(active) ? INTROSPECT_INACTIVE : INTROSPECT_BROKEN;
	json_decref(object);
	return r;
}

enum introspect_result introspect_read(sluice_str body, json_t **claims)
{
	*claims = NULL;
	if (body.len == 0 || body.len > INTROSPECT_MAX)
		return INTROSPECT_BROKEN;
	return introspect_take(json_read_object(body.data, body.len, INTROSPECT_DEPTH), claims);
}
