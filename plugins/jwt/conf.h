/* One instance of the plugin: its options, and what check() derives from them. */
#ifndef JWT_CONF_H
#define JWT_CONF_H

#include <sluice/str.h>

#include "../oauth/proxy.h"
#include "../oauth/source.h"
#include "deny_conf.h"
#include "introspect_conf.h"
#include "dpop_conf.h"
#include "../shared/place.h"
#include "reason.h"
#include "rules_conf.h"

/* The authentication schemes by which tokens come (RFC 6750 2.1, RFC 9449 7.1). */
enum token_scheme { SCHEME_BEARER, SCHEME_DPOP, SCHEMES };
#define SCHEME_BIT(scheme) (1U << (scheme))

enum claims_format { FORMAT_TEXT, FORMAT_JSON };
enum { PLACES_MAX = 8 };

/* Beside the field Authorization. */
struct token_places {
	struct place v[PLACES_MAX];
	size_t n;
	bool has_field; /* Authorization is one of them */
	bool has_query;
};

/* What the challenges tell of the rules, each as one text; no data: nothing. The checks of the
 * options that have the rules write it, before challenge_check(). */
struct jwt_asks {
	sluice_str scope;               /* no data: challenge_check() sets it */
	sluice_str acr_values, max_age; /* RFC 9470 */
	sluice_str dpop_algs;           /* RFC 9449 */
};

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
	int32_t claims_format; /* enum claims_format */
	sluice_str claims_separator, claims_field;
	sluice_str consumer;
	bool forward_token, optional;
	sluice_strs from;
	sluice_str realm, resource_metadata;
	sluice_str resource, resource_name, resource_documentation;
	sluice_strs resource_scopes;
	uint64_t cache;
	struct source_terms keys;
	uint64_t key_wait; /* ms */
	sluice_str ca_file;
	struct introspection introspection;
	struct rules_conf rules;
	struct proxy fetch_proxy;
	uint64_t ready_wait; /* ms */
	struct dpop_conf dpop;
	struct deny_conf deny;
	sluice_str decryption_keys;

	/* set by check() */
	struct jwe_keys *decryption; /* owned: encrypted_stop(); NULL: there are none */
	struct issuer *trusted;      /* shared by all threads, see issuers.h */
	size_t n_trusted;
	struct token_places places;
	sluice_str document_path, document; /* of the resource; no data: none is served */
	unsigned takes; /* SCHEME_BIT()s; 0 before challenge_check(): Bearer alone */
	struct jwt_asks asks;
	/* WWW-Authenticate of each scheme and reason; of REASON_NONE: without an error; data NULL:
	 * none */
	sluice_str challenges[SCHEMES][REASON_COUNT];
};

#endif
