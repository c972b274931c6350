/* One instance of the plugin: its options, and what check() derives from them. */
#ifndef JWT_CONF_H
#define JWT_CONF_H

#include <sluice/str.h>

#include "../oauth/source.h"
#include "reason.h"

struct jwt_conf {
	sluice_strs issuer;
	sluice_pairs issuers;
	sluice_strs audience;
	sluice_str jwks;
	uint64_t algorithms; /* ALG_BIT()s */
	sluice_strs scopes;
	sluice_pairs claims;
	sluice_strs required;
	uint64_t leeway, max_age; /* ms */
	uint64_t max_size;
	sluice_pairs claims_to_headers;
	sluice_str consumer;
	bool forward_token, optional;
	sluice_str realm, resource_metadata;
	uint64_t cache;
	struct source_terms keys;
	uint64_t min_refresh, key_wait; /* ms */
	sluice_str ca_file;

	/* set by check() */
	struct issuer *trusted; /* shared by all threads, see issuers.h */
	size_t n_trusted;
	sluice_str challenges[REASON_COUNT]; /* WWW-Authenticate of each reason, data NULL: none */
};

#endif
