/* Remembered answers. See the header. */
#include "introspect_memory.h"

#include <stdlib.h>

#include "introspect_answer.h"
#include "introspect_shared.h"

/* The whole seconds that the claim exp leaves, in ms; UINT64_MAX: it is not there. What is no date
 * is left to the rules. */
static uint64_t lifetime(const json_t *claims)
{
	const json_t *exp = json_object_get(claims, "exp");
	uint64_t now = sluice_unix_ms();
	if (!json_is_integer(exp))
		return UINT64_MAX;
	json_int_t s = json_integer_value(exp);
	if (s <= 0 || (uint64_t)s <= now / 1000)
		return 0;
	return (uint64_t)s > UINT64_MAX / 2000 ? UINT64_MAX : (uint64_t)s * 1000 - now;
}

void introspect_remember_inactive(const struct introspection *in, sluice_str key)
{
	(void)sluice_object_remove(in->shared->answers, key);
	if (in->negative_ttl)
		(void)sluice_object_put(in->shared->inactive, key,
			&(sluice_object_new){ .size = sizeof(sluice_object_new),
				.ttl_ms = in->negative_ttl });
}

uint64_t introspect_remember_active(const struct introspection *in, sluice_str key,
	const json_t *claims, sluice_str text)
{
	uint64_t left = lifetime(claims), ttl = least(in->ttl, left);
	uint64_t keep = in->on_failure == INTROSPECT_STALE ? least(in->stale_for, left - ttl) : 0;
	char *written = (ttl || keep) && !text.data ? json_dumps(claims, JSON_COMPACT) : NULL;
	if (written)
		text = sluice_str_of(written);
	bool kept = (ttl || keep) && text.data &&
		sluice_object_put(in->shared->answers, key,
			&(sluice_object_new){ .size = sizeof(sluice_object_new),
				.data = text,
				.ttl_ms = ttl,
				.keep_ms = keep });
	free(written);
	if (!kept)
		(void)sluice_object_remove(in->shared->answers, key);
	(void)sluice_object_remove(in->shared->inactive, key);
	return kept ? ttl : 0;
}

json_t *introspect_claims(const struct introspection *in, const sluice_object *o)
{
	sluice_str data = sluice_object_data(o);
	json_t *claims = NULL;
	/* those of a signed answer are a part of it, and were written anew */
	if (in->format == INTROSPECT_JWT)
		return json_loadb(data.data, data.len, 0, NULL);
	(void)introspect_read(data, &claims);
	return claims;
}

/* How much longer an object is good, in ms, by the options of today: those of the configuration
 * that stored it may have been others. */
static uint64_t left_of(const sluice_object *o, uint64_t span)
{
	uint64_t age = sluice_object_age(o);
	return age < span ? span - age : 0;
}

enum remembered introspect_recall(const struct introspection *in, sluice_str key, sluice_object **o,
	uint64_t *for_ms)
{
	*o = sluice_object_get(in->shared->answers, key);
	*for_ms = *o ? least(left_of(*o, in->ttl), sluice_object_fresh_for(*o)) : 0;
	if (*for_ms)
		return REMEMBERED_ACTIVE;
	sluice_object_release(*o);
	*o = NULL;
	sluice_object *no = sluice_object_get(in->shared->inactive, key);
	bool holds = no && left_of(no, in->negative_ttl) > 0;
	sluice_object_release(no);
	return holds ? REMEMBERED_INACTIVE : REMEMBERED_NOTHING;
}

sluice_object *introspect_recall_stale(const struct introspection *in, sluice_str key)
{
	sluice_object *o = in->on_failure == INTROSPECT_STALE
		? sluice_object_get(in->shared->answers, key)
		: NULL;
	if (o && left_of(o, in->ttl + in->stale_for))
		return o;
	sluice_object_release(o);
	return NULL;
}
