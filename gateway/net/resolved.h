/*
 * What a look-up of a name gave: addresses or services, or why there are none. Made by one look-up,
 * then immutable and shared by all who asked. Any thread.
 */
#ifndef NET_RESOLVED_H
#define NET_RESOLVED_H

#include <stdatomic.h>

#include "base/addr.h"
#include "net/dns_answer.h"

enum {
	RESOLVE_ADDRS_MAX = 64, /* of one name; of more, the lowest are used */
	RESOLVE_TRIED_MAX = 16, /* by those who try one address after another */
	RESOLVE_SERVICES_MAX = 256,
	RESOLVE_HOST_MAX = DNS_NAME_MAX,
	RESOLVE_ERROR_TEXT = 128,
};
#define RESOLVE_NO_TTL UINT64_MAX /* nobody says how long it may be kept */

enum resolve_kind { RESOLVE_ADDRS, RESOLVE_SRV };

/* Why there is no answer. */
enum resolve_reason {
	RESOLVE_OK,
	RESOLVE_NO_NAME,   /* there is no such name */
	RESOLVE_NO_DATA,   /* the name has no address, or no service */
	RESOLVE_TIMEOUT,   /* no server answered in time */
	RESOLVE_NO_SERVER, /* each server failed, refused or cannot be reached */
	RESOLVE_BAD,       /* what came is not an answer, or a circle of aliases */
	RESOLVE_LIMIT,     /* not asked: a bound, or not a name */
	RESOLVE_REASONS,
};
/* "no-name", for metrics and status. */
const char *resolve_reason_name(enum resolve_reason r);

struct resolved {
	_Atomic unsigned refs;
	uint8_t reason; /* enum resolve_reason; else than OK: error says it in words */
	bool is_host_file;
	uint64_t ttl_ns;   /* as the servers say it; RESOLVE_NO_TTL */
	unsigned n, n_all; /* used, and in the answer */
	char error[RESOLVE_ERROR_TEXT];
	/* n of them, by the kind of the question, each once; ports of addresses are 0 */
	struct addr *addrs;
	struct dns_service *services;
};

/* One reference. */
struct resolved *resolved_failed(enum resolve_reason reason, const char *error);
struct resolved *resolved_ref(struct resolved *r); /* NULL stays NULL */
void resolved_unref(struct resolved **r);

/* Collects what answers say; bounded. */
struct resolved_builder {
	struct addr *addrs;           /* owned */
	struct dns_service *services; /* owned */
	unsigned n, n_all, cap;
	bool ipv6; /* of the next address */
};
/* struct dns_reader.take; ctx: the builder. */
void builder_take_addr(void *ctx, const void *data);
void builder_take_service(void *ctx, const void *data);
void builder_add(struct resolved_builder *b, const struct addr *a);
/* The result; the builder is empty again. */
struct resolved *builder_finish(struct resolved_builder *b, uint64_t ttl_ns);
void builder_drop(struct resolved_builder *b);

#endif
