/*
 * cache: a shared cache of HTTP responses (RFC 9111), in the memory of the process. This file has
 * the record and the options. request.c looks for a stored response, serve.c answers with it,
 * flight.c lets requests wait for each other, response.c and keep.c store, refresh.c asks again in
 * the background. rule.c has the rules of what may be stored and for how long, which look at texts
 * alone; directives.c, date.c, range.c and validator.c read them. key.c makes keys, and entry.c
 * what is kept beside a body.
 */
#include <sluice/plugin.h>

#include <stdio.h>

#include "conf.h"
#include "../shared/flight.h"
#include "key.h"
#include "refresh.h"
#include "request.h"
#include "response.h"

#define C struct cache

static const char *const set_cookie_choices[] = { "pass", "strip", "store", NULL };

static const sluice_option status_rows[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct status_ttl, status, .flags = SLUICE_F_KEY,
		.doc = "a status"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct status_ttl, ttl,
		.flags = SLUICE_F_SCALAR | SLUICE_F_REQUIRED, .max = "366d",
		.doc = "how long such a response is fresh"),
	SLUICE_OPTIONS_END,
};

static const sluice_option cache_options[] = {
	SLUICE_OPTION(SLUICE_T_SIZE, C, memory, .def = "64MiB", .min = "64KiB", .max = "1TiB",
		.doc = "memory for all that is stored, with what it costs to find it"),
	SLUICE_OPTION(SLUICE_T_SIZE, C, max_object, .def = "1MiB", .min = "1KiB", .max = "1GiB",
		.doc = "longest response that is stored, with its fields; at most memory"),
	SLUICE_OPTION(SLUICE_T_WHEN, C, unless,
		.doc = "requests that go by the cache: conditions of the form of a route's "
		       "`match`"),
	SLUICE_OPTION(SLUICE_T_EXPRS, C, key, .max = "16",
		.doc = "facts that responses depend on, besides method, scheme, host, path and "
		       "query"),
	SLUICE_OPTION(SLUICE_T_STRS, C, ignore_query, .max = "64",
		.doc = "names of query parameters that responses do not depend on; `utm_*` is all "
		       "that begin so"),
	SLUICE_OPTION(SLUICE_T_BOOL, C, sort_query, .def = "false",
		.doc = "whether the order of query parameters does not matter"),
	SLUICE_OPTION(SLUICE_T_DURATION, C, ttl, .def = "0s", .max = "366d",
		.doc = "how long a response is fresh that does not say so, if its status is "
		       "cacheable by default; 0: it is not stored"),
	SLUICE_OPTION(SLUICE_T_MAP, C, ttl_by_status, .sub = status_rows,
		.sub_size = sizeof(struct status_ttl), .max = "64",
		.doc = "the same for single statuses, such as `\"404\": 10s`"),
	SLUICE_OPTION(SLUICE_T_DURATION, C, max_ttl, .def = "0s", .max = "366d",
		.doc = "longest time for which a response is fresh, whatever it says; 0: no bound"),
	SLUICE_OPTION(SLUICE_T_UINT, C, heuristic, .def = "0", .max = "100",
		.doc = "percent of the time since Last-Modified for which a response is fresh that "
		       "does not say so; 0: none"),
	SLUICE_OPTION(SLUICE_T_DURATION, C, heuristic_max, .def = "1d", .max = "366d",
		.doc = "longest time that comes of heuristic"),
	SLUICE_OPTION(SLUICE_T_STRS, C, targets, .def = "CDN-Cache-Control", .max = "8",
		.doc = "fields that count in the place of Cache-Control and Expires of a response, "
		       "the first of them that is there (RFC 9213)"),
	SLUICE_OPTION(SLUICE_T_DURATION, C, stale_while_revalidate, .def = "0s", .max = "366d",
		.doc = "how long a stale response is served while the upstream is asked, where the "
		       "response does not say it"),
	SLUICE_OPTION(SLUICE_T_DURATION, C, stale_if_error, .def = "0s", .max = "366d",
		.doc = "how long a stale response stands in when the upstream fails, where the "
		       "response does not say it"),
	SLUICE_OPTION(SLUICE_T_DURATION, C, keep, .def = "1h", .max = "366d",
		.doc = "how long a stale response with a validator is kept, so that the upstream "
		       "may say that it is still good"),
	SLUICE_OPTION(SLUICE_T_BOOL, C, client_directives, .def = "true",
		.doc = "whether Cache-Control and Pragma of requests count"),
	SLUICE_OPTION(SLUICE_T_BOOL, C, credentials, .def = "false",
		.doc = "whether responses to requests with credentials are stored like others, "
		       "where key has who asks"),
	SLUICE_OPTION(SLUICE_T_ENUM, C, set_cookie, .def = "pass", .choices = set_cookie_choices,
		.doc = "a response with Set-Cookie: pass it and do not store it, strip the field "
		       "from what is stored, or store it as it is"),
	SLUICE_OPTION(SLUICE_T_DURATION, C, coalesce, .def = "5s", .max = "10m",
		.doc = "how long requests wait for one that asks the upstream for the same; 0: not "
		       "at all"),
	SLUICE_OPTION(SLUICE_T_STRS, C, tag_fields, .def = "[Surrogate-Key, Cache-Tag]", .max = "8",
		.doc = "fields of responses that name tags to purge by"),
	SLUICE_OPTION(SLUICE_T_BOOL, C, forward_tags, .def = "false",
		.doc = "whether clients see these fields"),
	SLUICE_OPTION(SLUICE_T_STR, C, status_name, .def = "sluice", .max = "64",
		.doc = "name of this cache in Cache-Status (RFC 9211); empty: the field is not "
		       "written"),
	SLUICE_OPTIONS_END,
};

/* ---- configuration ------------------------------------------------------------------------- */

/* A token of RFC 9651 3.3.4. */
static bool is_sf_token(sluice_str s)
{
	bool is = s.len &&
		(s.data[0] == '*' || (sluice_is_alnum(s.data[0]) && !sluice_is_digit(s.data[0])));
	for (size_t i = 0; is && i < s.len; i++)
		is = sluice_is_token_char(s.data[i]) || s.data[i] == ':' || s.data[i] == '/';
	return is;
}

static int check_names(sluice_instance *inst, const char *option, sluice_strs names)
{
	int rc = 0;
	for (size_t i = 0; i < names.n; i++) {
		char at[64];
		if (sluice_str_is_token(names.v[i]))
			continue;
		(void)snprintf(at, sizeof(at), "%s[%zu]", option, i);
		sluice_conf_error(inst, at, "\"%.*s\" is no name of a header field",
			(int)names.v[i].len, names.v[i].data);
		rc = -1;
	}
	return rc;
}

static int check_statuses(sluice_instance *inst, struct cache *c)
{
	struct status_ttl *v = c->ttl_by_status.v;
	int rc = 0;
	for (size_t i = 0; i < c->ttl_by_status.n; i++) {
		uint64_t code = 0;
		bool is = v[i].status.len == 3 && sluice_str_u64(v[i].status, &code) &&
			code >= 200 && code <= 599 && code != 206 && code != 304;
		v[i].code = (int)code;
		if (is)
			continue;
		sluice_conf_error(inst, "ttl_by_status", "\"%.*s\" is no status that can be stored",
			(int)v[i].status.len, v[i].status.data);
		sluice_conf_hint(inst,
			"write one of 200 to 599, without 206 and 304, such as "
			"\"404\": 10s");
		rc = -1;
	}
	return rc;
}

static int check_options(sluice_instance *inst, struct cache *c)
{
	int rc = check_names(inst, "targets", c->targets);
	rc |= check_names(inst, "tag_fields", c->tag_fields);
	rc |= check_statuses(inst, c);
	if (c->status_name.len && !is_sf_token(c->status_name)) {
		sluice_conf_error(inst, "status_name",
			"is no token: a letter, then letters, digits and -._~");
		rc = -1;
	}
	if (c->max_object > c->memory) {
		sluice_conf_error(inst, "max_object", "is more than memory");
		rc = -1;
	}
	if (c->credentials && !key_names_user(c)) {
		sluice_conf_error(inst, "credentials",
			"would give responses for one user to others: key names no fact that says "
			"who asks");
		sluice_conf_hint(inst, "key: consumer");
		rc = -1;
	}
	return rc;
}

static int cache_check(sluice_instance *inst, void *conf)
{
	struct cache *c = conf;
	c->inst = inst;
	c->flights = sluice_conf_alloc(inst, sizeof(*c->flights));
	flights_init(c->flights);
	if (check_options(inst, c) < 0)
		return -1;
	const sluice_cache_desc d = { .size = sizeof(d),
		.max_bytes = c->memory,
		.max_object = c->max_object };
	c->store = sluice_cache_open(inst, &d);
	c->requests = sluice_metric_declare(inst,
		&(sluice_metric_desc){ .size = sizeof(sluice_metric_desc),
			.kind = SLUICE_METRIC_COUNTER,
			.name = "requests",
			.help = "Requests, by what came of them, and stale responses asked for "
				"again.",
			.label = "result" });
	return c->store && c->requests ? 0 : -1;
}

static void cache_stop(sluice_instance *inst, void *conf)
{
	struct cache *c = conf;
	(void)inst;
	if (c->flights)
		flights_fini(c->flights);
}

static void cache_worker_stop(sluice_instance *inst, const void *conf, void *state)
{
	(void)inst, (void)conf;
	refresh_stop(state);
}

SLUICE_PLUGIN("cache", .version = "1.0", .summary = "stores responses and answers with them",
	.options = cache_options, .conf_size = sizeof(struct cache), .check = cache_check,
	.stop = cache_stop, .worker_size = sizeof(struct refreshes),
	.worker_stop = cache_worker_stop, .on_request = request_on, .on_response = response_on,
	.on_request_body = request_on_body, .on_response_body = response_on_body);
