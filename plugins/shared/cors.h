/*
 * CORS (the Fetch standard, "CORS protocol"): which origins a policy permits, and the fields that
 * tell browsers so. Compiled into each plugin that lets pages of other origins call. Functions that
 * take an instance are for check(), on the main thread; those that take an exchange for its hooks.
 * The others are for any thread.
 */
#ifndef SHARED_CORS_H
#define SHARED_CORS_H

#include <sluice/plugin.h>

enum {
	CORS_ORIGIN_MAX = 300,   /* bytes of an origin: a scheme, a name of 253 bytes, a port */
	CORS_ASKED_MAX = 4096,   /* bytes of Access-Control-Request-Headers that are looked at */
	CORS_ORIGINS_MAX = 1000, /* of a policy */
	CORS_NAMES_MAX = 64      /* in a list of methods or fields */
};

/* An origin in its parts, borrowed from the text. */
struct cors_origin {
	sluice_str scheme;
	sluice_str host; /* with its brackets, where it is an IPv6 address */
	sluice_str port; /* data is NULL when it has none */
};

/* An origin of the configuration. */
struct cors_pattern {
	sluice_str text;          /* without a star: what Origin has to be, byte by byte */
	struct cors_origin parts; /* with one */
	bool has_star;
	bool subdomains; /* of parts.host, and not that name itself */
	bool any_port;   /* or none */
};

struct cors_policy {
	struct cors_pattern *patterns;
	size_t n_patterns;
	bool any; /* "*" */
	bool credentials;
	/* Whether any method or field may be asked for. With credentials "*" means nothing in an
	 * answer, so what was asked for is repeated in it. */
	bool any_method, any_field;
	bool private_network;
	/* Values of response fields; empty: there is no such field. */
	sluice_str methods, fields, expose, max_age;
};

/* Read an origin as browsers write it: lower case, no path. False: it is none. "null" is none
 * either. A default port is taken, though no browser writes one. */
bool cors_origin_read(sluice_str s, struct cors_origin *out);

/* ---- check() ------------------------------------------------------------------------------- */

/* Room for n origins. */
void cors_policy_init(sluice_instance *inst, struct cors_policy *p, size_t n);
/* Add an origin of the configuration, "*" included. stars: a star in the place of subdomains or of
 * the port is taken too. -1: it is none, which was reported at the option. */
int cors_policy_add(sluice_instance *inst, const char *option, sluice_str text, bool stars,
	struct cors_policy *p);
/* Whether credentials go with the origins, which are complete. -1: they do not, which was reported
 * at the option `credentials`. */
int cors_policy_close(sluice_instance *inst, struct cors_policy *p);
/* Report names that cannot be fields of a request or a response of a page, at OPTION[i]. */
int cors_check_fields(sluice_instance *inst, const char *option, sluice_strs names);
/* first and the names of the list, with commas. first may be empty. */
sluice_str cors_join(sluice_instance *inst, sluice_str first, sluice_strs names);
/* The value of Access-Control-Max-Age. */
sluice_str cors_seconds(sluice_instance *inst, uint64_t ms);

/* ---- hooks --------------------------------------------------------------------------------- */

/* Whether the policy permits an origin, as Origin has it. */
bool cors_permits(const struct cors_policy *p, sluice_str origin);
/* Whether the request is a preflight: the answer depends on Origin, and on what it asks for. */
bool cors_is_preflight(sluice_exchange *x);
/* What a response says already. Zeroed for one that is not there yet. */
struct cors_found {
	bool any;          /* fields of CORS */
	bool allow_origin; /* that one among them */
	bool vary;         /* that it depends on Origin */
};
void cors_look(sluice_exchange *x, struct cors_found *out);
/* Whether a field is one of them. */
bool cors_is_field(sluice_str name);
/* Remove all fields of CORS. */
void cors_remove(sluice_exchange *x);
/* Vary of the response: it depends on Origin, permitted or not, there or not; and that to OPTIONS
 * also on what a preflight asks for. */
void cors_vary(sluice_exchange *x, const struct cors_policy *p, const struct cors_found *f);
/* Let pages of the origin read the response. origin: one that is permitted. */
void cors_allow(sluice_exchange *x, const struct cors_policy *p, sluice_str origin);
/* Also tell what a preflight may be followed by. */
void cors_allow_preflight(sluice_exchange *x, const struct cors_policy *p, sluice_str origin);
/* Refuse a request of another origin. Returns the verdict. */
sluice_verdict cors_refuse(sluice_exchange *x);

#endif
