/* Keys that are not fetched: those of a file, and secrets that the operator shares with an issuer.
 * Main thread. */
#ifndef OAUTH_SOURCE_LOCAL_H
#define OAUTH_SOURCE_LOCAL_H

#include "source.h"

/* Whether a source of that id needs no network. */
bool source_is_local(const struct source_id *id);
/* The document of one that does not. 0, or a negative errno. It lives as sluice_read_file() says.
 */
int source_read_local(sluice_instance *inst, const struct source_id *id, sluice_str *document);
/* Read a document of any source, as keys_read(). Only what the operator has called a secret can
 * become one. */
struct keyset *source_read_keys(const struct source_id *id, sluice_str document, char *why,
	size_t why_size);

#endif
