/* Keys that are not fetched. */
#include "source_local.h"

#include <errno.h>

#include "../jose/secret.h"
#include "secret_place.h"

bool source_is_local(const struct source_id *id)
{
	return id->kind == SOURCE_FILE || id->kind == SOURCE_SECRET;
}

int source_read_local(sluice_instance *inst, const struct source_id *id, sluice_str *document)
{
	struct secret_place place;
	if (id->kind == SOURCE_FILE)
		return sluice_read_file(inst, id->where, KEYS_MAX_DOCUMENT, document);
	return secret_place_read(id->where, &place) ? secret_place_text(inst, &place, document)
						    : -EINVAL;
}

struct keyset *source_read_keys(const struct source_id *id, sluice_str document, char *why,
	size_t why_size)
{
	struct secret_place place;
	if (id->kind == SOURCE_SECRET && secret_place_read(id->where, &place))
		return secret_read(place.form, document, why, why_size);
	return keys_read(document, why, why_size);
}
