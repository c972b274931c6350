/*
 * One look-up of a name on the resolver's thread: /etc/hosts, then name servers, through the
 * domains that are searched, A and AAAA at the same time. Ends with a result, by its deadline at
 * the latest.
 */
#ifndef NET_LOOK_H
#define NET_LOOK_H

#include "net/dns.h"
#include "net/resolved.h"

enum look_family { LOOK_AUTO, LOOK_IPV4, LOOK_IPV6, LOOK_BOTH };

struct look;

struct look_ask {
	struct look *look;
	struct dns_ask *ask; /* borrowed, while it waits; else NULL */
	enum dns_type type;
	uint8_t reason; /* enum resolve_reason, when answered */
};

struct look {
	struct dns *dns;             /* borrowed */
	struct dns_channel *channel; /* borrowed */
	enum resolve_kind kind;
	/* From a turn's end; takes over the reference to r. The look is over. */
	void (*on_end)(struct look *l, struct resolved *r);
	char name[RESOLVE_HOST_MAX + 1]; /* without a dot at its end */
	char at[RESOLVE_HOST_MAX + 1];   /* what is asked for now */
	bool is_absolute;
	unsigned step; /* names that were asked for */
	struct look_ask asks[2];
	unsigned n_asks, n_waiting;
	/* the last failure that is more than the absence of a name; 0: none */
	uint8_t failure;
	bool has_no_data;
	const char *text; /* of c-ares, about the last failure; static */
	uint32_t ttl_s;
	struct resolved_builder builder;
	struct resolved *result; /* owned, until it is told */
	struct timer deadline;
	struct turn_hook hook;
};

/* Begin; nothing is called back before it returns. name: at most RESOLVE_HOST_MAX bytes. */
void look_start(struct look *l, struct dns *d, enum resolve_kind kind, enum look_family family,
	sluice_str name);
/* Give up: on_end is not called. */
void look_drop(struct look *l);
/* Which of A and AAAA was not answered, though the other was: AF_INET, AF_INET6, or 0. For
 * on_end. */
int look_family_missing(const struct look *l);

#endif
