/* Checking names of fields for claims. */
#include "claim_fields.h"

#include <stdio.h>

#include "../jose/claims.h"

const char *claim_field_refused(sluice_str name)
{
	const char *why =
		sluice_field_refused(SLUICE_REQUEST, SLUICE_FIELD_SET, name, SLUICE_STR(""));
	if (!why && sluice_names_alike(name, SLUICE_STR("host")))
		why = "says for which host the request is";
	return why;
}

static bool is_set_before(const sluice_pairs *map, size_t i)
{
	for (size_t j = 0; j < i; j++) {
		if (sluice_names_alike(map->v[i].value, map->v[j].value))
			return true;
	}
	return false;
}

int claim_fields_check(sluice_instance *inst, const sluice_pairs *map,
	claim_field_refused_fn refused, const void *conf)
{
	char path[CLAIM_MAX_PATH + 32];
	int rc = 0;
	for (size_t i = 0; i < map->n; i++) {
		sluice_str name = map->v[i].value, claim = map->v[i].name;
		const char *why = refused(conf, name);
		if (!why && is_set_before(map, i))
			why = "is set from two claims";
		if (!why) {
			sluice_own(inst, SLUICE_OWN_WORD, name);
			continue;
		}
		(void)snprintf(path, sizeof(path), "claims_to_headers.%.*s",
			claim.len < CLAIM_MAX_PATH ? (int)claim.len : CLAIM_MAX_PATH, claim.data);
		sluice_conf_error(inst, path, "field \"%.*s\" %s", (int)name.len, name.data, why);
		sluice_conf_hint(inst,
			"give the claim a field that nothing else writes, such as "
			"X-Token-Subject");
		rc = -1;
	}
	return rc;
}
