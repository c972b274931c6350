/* One instance of the plugin: its options, and what check() derives from them. */
#ifndef UPSTREAM_TOKEN_CONF_H
#define UPSTREAM_TOKEN_CONF_H

#include <sluice/str.h>

#include "../oauth/client_auth.h"
#include "../oauth/proxy.h"
#include "../shared/place.h"

enum { IDENTITY = 32 };

enum grant { GRANT_CLIENT_CREDENTIALS, GRANT_TOKEN_EXCHANGE };
enum on_failure { FAILURE_DENY, FAILURE_PASS };
enum client_field { CLIENT_FIELD_REPLACE, CLIENT_FIELD_REFUSE };

struct supply;
struct subject_shared;

/* The options of a token exchange (RFC 8693). */
struct subject_conf {
	sluice_str from, verified_by;
	sluice_str type, requested_type; /* subject_token_type, requested_token_type */
	bool optional, forward;
	uint64_t negative_ttl; /* ms */
	uint64_t size;         /* bytes of memory for tokens */
	uint64_t max_pending;  /* exchanges under way */
	/* set by subject_check() */
	struct place place;
	bool removes; /* the client's token is taken off by itself, not by the new one */
	const sluice_expr *verified;   /* NULL: nobody has to have verified it */
	struct subject_shared *shared; /* of all workers; NULL: another grant */
};

struct token_conf {
	int32_t grant; /* enum grant */
	sluice_str issuer, token_endpoint;
	struct client_auth client;
	sluice_strs scopes, audience, resource;
	sluice_pairs params;
	sluice_str field, scheme;
	int32_t client_field; /* enum client_field */
	int32_t on_failure;   /* enum on_failure */
	/* ms */
	uint64_t lifetime, leeway, refresh_ahead, min_refresh, wait, timeout, ready_wait;
	struct subject_conf subject;
	sluice_str ca_file;
	struct proxy fetch_proxy;

	/* set by check() */
	sluice_str challenge, invalid_challenge;
	sluice_str scope;           /* the scopes with blanks between them */
	uint8_t identity[IDENTITY]; /* of who is asked, by whom, and for what */
	const sluice_metric *fetches;
	struct supply *supply; /* main thread, see supply.h */
};

#endif
