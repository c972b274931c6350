/* The configuration of an instance of ext-auth. */
#ifndef PLUGINS_EXT_AUTH_CONF_H
#define PLUGINS_EXT_AUTH_CONF_H

#include <sluice/str.h>

#include "../shared/siphash.h"

enum method { METHOD_GET, METHOD_HEAD, METHOD_POST, METHOD_REQUEST };
enum on_failure { FAILURE_DENY, FAILURE_ALLOW };
enum refusal { REFUSAL_RELAY, REFUSAL_PROBLEM };

enum {
	NAMES_MAX = 32,         /* names in a list of fields */
	NAMED_MAX = 16,         /* fields to set, parameters of the query */
	FIELDS_MAX = 64,        /* fields of a question: as many as a fetch takes */
	ASKED_HEAD_MAX = 65536, /* bytes of these fields */
	ASKED_URL_MAX = 4096    /* bytes of the URL that is asked: as many as a fetch takes */
};

/* A name, and what it has in a request. */
struct named {
	sluice_str name;
	const sluice_template *value;
};

struct nameds {
	const struct named *v;
	size_t n;
};

/* How verdicts are remembered; all zero: they are not. */
struct memory {
	sluice_exprs key;
	uint64_t ttl, negative_ttl, size;
};

struct ext_auth {
	const sluice_upstream *upstream;
	sluice_str path, url, ca_file;
	sluice_pairs query;
	int32_t method; /* enum method */
	uint64_t timeout;

	sluice_strs send_headers;
	sluice_pairs set_headers;
	uint64_t send_body; /* bytes; 0: the service is sent no body */

	sluice_strs request_headers, response_headers;
	sluice_str consumer, groups;
	sluice_strs facts;

	int32_t refusal; /* enum refusal */
	sluice_strs refusal_headers;
	uint64_t max_response;
	int32_t on_failure; /* enum on_failure */
	struct memory cache;

	/* set by check() */
	const sluice_template *path_text; /* NULL: url */
	struct nameds parameters, set;
	bool sends_all, relays_all;   /* "*" */
	sluice_strs kept;             /* fields of a 2xx that are used for anything */
	const sluice_str *fact_names; /* "auth:x-tenant", for each of facts */
	sluice_cache *remembered;     /* NULL: nothing is remembered */
	const uint64_t *key;          /* of all hashes of this process */
	struct siphash options;       /* of those that decide what is asked and kept */
	const sluice_metric *verdicts, *recalled, *seconds;
};

/* Whether a list has a name of a field. */
static inline bool names_have(sluice_strs names, sluice_str name)
{
	size_t i = 0;
	while (i < names.n && !sluice_str_ieq(names.v[i], name))
		i++;
	return i < names.n;
}

#endif
