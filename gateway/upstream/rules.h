/*
 * How a request may be tried again, and when a second server is asked as well: the blocks `retry`
 * and `hedge` and the option `timeouts.try` of a route or of an upstream. Compiled on the main
 * thread, immutable in the snapshot, read by the workers.
 */
#ifndef UPSTREAM_RULES_H
#define UPSTREAM_RULES_H

#include "base/arena.h"
#include "config/bind.h"
#include "http/grpc.h"
#include "http/head.h"
#include "route/repeats.h"
#include "upstream/budget.h"

enum {
	RETRY_STATUS_FIRST = 400, /* the statuses that `on` may have: from this one */
	RETRY_STATUS_LAST = 599,  /* to this one */
	RETRY_STATUS_WORDS = (RETRY_STATUS_LAST - RETRY_STATUS_FIRST) / 64 + 1,
};

/* What `on` names besides statuses and codes of gRPC: bits. */
enum retry_on {
	RETRY_ON_CONNECT = 1 << 0, /* no connection could be made */
	RETRY_ON_RESET = 1 << 1,   /* the connection was lost before a response */
	RETRY_ON_TIMEOUT = 1 << 2, /* no response in time */
};

struct retry_rules {
	uint64_t statuses[RETRY_STATUS_WORDS]; /* a bit for each status of `on` */
	uint32_t codes;                        /* a bit for each gRPC code of `on` */
	uint8_t on;                            /* enum retry_on */
	uint8_t tries;                         /* at most UPSTREAM_TRIES_MAX; 1: no second one */
	uint8_t hedge_percent;                 /* percentile of the latency; 0: hedge_ns */
	bool is_given; /* there is a block `retry`, and not only the other options */
	/* hundredths of a percent of the requests; BUDGET_ALL: no bound; without is_given: of
	 * hedges alone */
	uint16_t budget;
	uint16_t methods;   /* a bit for each enum method */
	sluice_strs others; /* methods without an enum, such as PROPFIND */
	uint64_t within_ns; /* TIMER_NEVER: no bound */
	uint64_t backoff_ns;
	uint64_t max_body; /* bytes of a request body that are kept */
	uint64_t try_ns;   /* for one try; 0: no bound */
	uint64_t hedge_ns; /* fixed; 0: by hedge_percent */
	bool hedges;
	bool hedges_calls; /* of gRPC, too */
};

/* The options from which rules are made; NULL: the file does not have the block. */
struct retry_source {
	const struct retry_conf *retry;
	const struct hedge_conf *hedge;
	uint64_t try_ms;        /* 0: no bound */
	uint64_t response_ms;   /* of the upstream; for warnings */
	unsigned default_tries; /* without `tries` */
	/* of the struct that has the option `timeouts.try`, for warnings; NULL: nobody warns */
	const void *timeouts;
};

/* Compile; mistakes are reported at their place. NULL: nothing of it is given, and the rules that
 * hold without configuration are in force; or a mistake was reported. */
const struct retry_rules *retry_rules_make(struct bind *b, struct arena *a,
	const struct retry_source *from);
/* Warn of options that are no mistake and hardly meant. r was made from the source. */
void retry_rules_warn(struct bind *b, const struct retry_rules *r, const struct retry_source *from);

static inline bool retry_wants_status(const struct retry_rules *r, unsigned status)
{
	unsigned i = status - RETRY_STATUS_FIRST;
	return i <= RETRY_STATUS_LAST - RETRY_STATUS_FIRST && (r->statuses[i / 64] >> i % 64 & 1);
}
/* Whether the rules let a request be repeated that a server may have begun to work on. */
bool retry_takes_method(const struct retry_rules *r, const struct request_head *h);

#endif
