/* The options of the plugin cache, as they are bound, and what it makes of them. */
#ifndef CACHE_CONF_H
#define CACHE_CONF_H

#include <sluice/str.h>

struct flights;

/* How long a status is fresh when the response does not say it. */
struct status_ttl {
	sluice_str status;
	uint64_t ttl;
	int code; /* derived */
};

enum set_cookie { SET_COOKIE_PASS = 0, SET_COOKIE_STRIP, SET_COOKIE_STORE };

struct cache {
	uint64_t memory, max_object;
	const sluice_condition *unless;

	sluice_exprs key;
	sluice_strs ignore_query;
	bool sort_query;

	uint64_t ttl, max_ttl, heuristic, heuristic_max;
	sluice_blocks ttl_by_status; /* struct status_ttl */
	sluice_strs targets;
	uint64_t stale_while_revalidate, stale_if_error, keep;

	bool client_directives;
	bool credentials;
	int32_t set_cookie; /* enum set_cookie */

	uint64_t coalesce;
	sluice_strs tag_fields;
	bool forward_tags;
	sluice_str status_name;

	/* derived */
	sluice_instance *inst;
	sluice_cache *store;
	struct flights *flights;
	const sluice_metric *requests;
};

#endif
