/*
 * Cache-Control and the targeted fields that have its directives (RFC 9111 5.2, RFC 5861,
 * RFC 9213). What it reads comes from the network.
 */
#ifndef PLUGINS_SHARED_DIRECTIVES_H
#define PLUGINS_SHARED_DIRECTIVES_H

#include <sluice/str.h>

/* of a number: the directive is not there */
#define DIRECTIVE_NONE UINT64_MAX

enum {
	DIRECTIVE_LISTS = 4,         /* lists of field names that are kept of one message */
	DIRECTIVE_BYTES = 16 * 1024, /* of a value that are looked at */
};
/* RFC 9111 1.2.2: a greater number of seconds is this one */
#define SECONDS_MAX (UINT64_C(1) << 31)

struct directives {
	bool no_store, no_cache, is_private, is_public, must_revalidate, proxy_revalidate;
	bool must_understand, only_if_cached;
	bool max_stale_any; /* max-stale without a number */
	bool any;           /* there was a directive */
	bool malformed;     /* some member is none */
	/* seconds; 0 also where the number is malformed, or two differ (RFC 9111 4.2.1) */
	uint64_t max_age, s_maxage, min_fresh, max_stale, stale_while_revalidate, stale_if_error;
	/* of no-cache="..." and private="...": borrowed from the value */
	sluice_str fields[DIRECTIVE_LISTS];
	size_t n_fields;
};

void directives_init(struct directives *d);
/* Add what a field line says. Call it for each line of the field. */
void directives_read(struct directives *d, sluice_str value);
/* Whether no-cache="..." or private="..." has the name of the field. */
bool directives_name_field(const struct directives *d, sluice_str name);

#endif
