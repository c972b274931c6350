/* Claims that go to the service in header fields: an option that is a map of claims to names of
 * fields. */
#ifndef OAUTH_CLAIM_FIELDS_H
#define OAUTH_CLAIM_FIELDS_H

#include <sluice/plugin.h>

/* Why a field cannot carry a claim, as the end of a sentence, by what the module does with it.
 * NULL: it can. */
typedef const char *(*claim_field_refused_fn)(const void *conf, sluice_str name);

/* Of every module: the gateway takes the field, and it is not Host. */
const char *claim_field_refused(sluice_str name);

/* In check(): the rows of the option claims_to_headers. Each field is of one claim, and becomes the
 * plugin's own word. 0, or -1 with errors reported. */
int claim_fields_check(sluice_instance *inst, const sluice_pairs *map,
	claim_field_refused_fn refused, const void *conf);

#endif
