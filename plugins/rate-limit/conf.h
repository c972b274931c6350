/* An instance of rate-limit: its options, and what check() derives from them. Immutable after
 * check(). */
#ifndef CONF_H
#define CONF_H

#include <sluice/plugin.h>

#include "gcra.h"

enum on_store_failure { ON_FAILURE_ALLOW, ON_FAILURE_DENY, ON_FAILURE_LOCAL };
enum missing { MISSING_IP, MISSING_SHARE, MISSING_SKIP };

/* A rate, and what check() derives from it. */
struct limit {
	sluice_str plan; /* of `rates`; data NULL: of the callers without a plan of these */
	sluice_rate rate;
	uint64_t burst;

	struct gcra gcra;
	sluice_str args[3];  /* of the script */
	sluice_str policy;   /* value of RateLimit-Policy */
	sluice_str key_part; /* of its keys, behind their start: "p:gold:" */
};

struct rate_limit {
	sluice_rate rate;
	uint64_t burst;
	const sluice_expr *plan; /* NULL: all have one rate */
	sluice_blocks rates;     /* of struct limit */
	sluice_exprs by;
	uint64_t cost;
	int32_t missing; /* enum missing */
	const sluice_store *store;
	int32_t on_store_failure; /* enum on_store_failure */
	uint64_t timeout;         /* ms */
	uint64_t status;
	bool headers;
	sluice_str name;
	sluice_str prefix;
	uint64_t ipv4_prefix, ipv6_prefix; /* bits of an address that tell clients apart */

	sluice_instance *inst;
	const sluice_store *local;   /* where requests are counted when the store fails */
	size_t by_ip;                /* index of the address in by; by.n: none */
	struct limit others;         /* of callers whose plan has no rate of its own */
	const sluice_script *script; /* NULL: a memory store */
	sluice_str key_start;        /* prefix and name */
	sluice_str item;             /* name as a structured string */
};

/* Of one worker. */
struct rate_limit_worker {
	void *digest;       /* owned: EVP_MD_CTX for long keys */
	bool is_down;       /* the store failed when last asked */
	uint64_t logged_ns; /* 0: never */
	uint64_t n_failed;  /* since the failure was logged */
};

#endif
