/* The answers that are remembered, for all workers. Their ages go by a clock that nobody sets. */
#ifndef JWT_INTROSPECT_MEMORY_H
#define JWT_INTROSPECT_MEMORY_H

#include <jansson.h>
#include <sluice/plugin.h>

#include "introspect_conf.h"

enum remembered { REMEMBERED_NOTHING, REMEMBERED_ACTIVE, REMEMBERED_INACTIVE };

/* What is remembered of a token. ACTIVE: *o has its claims, for the caller to release, and holds
 * for so many ms. */
enum remembered introspect_recall(const struct introspection *in, sluice_str key, sluice_object **o,
	uint64_t *for_ms);
/* The claims of an answer that is older than ttl, where on_failure permits it; NULL: there is none
 * that may be used. The caller releases it. */
sluice_object *introspect_recall_stale(const struct introspection *in, sluice_str key);

void introspect_remember_inactive(const struct introspection *in, sluice_str key);
/* The claims in an object, which the caller releases; NULL: there is no memory. */
json_t *introspect_claims(const struct introspection *in, const sluice_object *o);
/* text: of the answer, see struct introspect_reading. For how many ms everybody may use the answer;
 * 0: others do not find it. An older answer is never left in its place. */
uint64_t introspect_remember_active(const struct introspection *in, sluice_str key,
	const json_t *claims, sluice_str text);

#endif
