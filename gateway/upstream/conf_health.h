/*
 * The `health` block of an upstream: what counts as a failure, what happens then, and the active
 * checks. Bound by its table, completed by upstream_health_check(). Immutable while in force.
 */
#ifndef UPSTREAM_CONF_HEALTH_H
#define UPSTREAM_CONF_HEALTH_H

#include "config/bind.h"

/* What counts as a failure: bits of upstream_health.count. The statuses follow in the order of
 * health_statuses[]. */
enum health_count {
	COUNT_CONNECT,
	COUNT_TIMEOUT,
	COUNT_RESET,
	COUNT_PROTOCOL,
	COUNT_STATUS, /* the first of the statuses */
};
enum { HEALTH_STATUSES = 6 };
extern const uint16_t health_statuses[HEALTH_STATUSES];
#define HEALTH_COUNT_DEFAULT \
	(1u << COUNT_CONNECT | 1u << COUNT_TIMEOUT | 1u << COUNT_RESET | 1u << COUNT_PROTOCOL)

/* Servers whose rate of success is far below that of the others. */
struct upstream_outliers {
	uint64_t requests; /* fewest in one interval for a server to be judged; 0: no judgement */
	uint64_t interval; /* ms */
	sluice_str deviation;    /* as written */
	uint64_t deviation_1000; /* thousandths of a standard deviation */
};

enum check_kind { CHECK_HTTP, CHECK_TCP, CHECK_TLS, CHECK_GRPC };

struct upstream_check {
	bool is_on;   /* the block was given */
	int32_t kind; /* enum check_kind */
	sluice_str path, host, method;
	sluice_str service; /* of gRPC */
	sluice_pairs headers;
	uint64_t port;           /* 0: that of the server */
	uint64_t every, timeout; /* ms */
	sluice_strs expect;      /* statuses: 200, 200-299 */
	sluice_str body;         /* a text that it has to have, or regex:EXPRESSION; empty: any */
	uint64_t rise, fall;
	uint64_t jitter; /* hundredths of a percent, of every */
};

struct upstream_health {
	uint64_t count;           /* bits of enum health_count; 0: the default */
	uint64_t failures;        /* in a row, after which a server is down */
	uint64_t retry_after;     /* ms; how long the server is down the first time */
	uint64_t retry_after_max; /* ms; the time doubles up to this */
	uint64_t panic;           /* hundredths of a percent of the servers; 0: never */
	/* hundredths of a percent of the servers that may be down by judgement; 0: all */
	uint64_t max_ejected;
	uint64_t stall; /* ms; 0: servers that are silent are not avoided */
	struct upstream_outliers outliers;
	struct upstream_check check;
};

extern const sluice_option health_options[];

/* Whether a failure of this kind counts. err: enum err. */
bool health_counts(const struct upstream_health *h, int err);
/* Likewise of a response's status. */
bool health_counts_status(const struct upstream_health *h, unsigned status);

/* A set of statuses, 100 to 599. */
struct status_set {
	uint64_t bits[8];
};
/* "200" or "200-299". */
bool status_set_add(struct status_set *s, sluice_str text);
static inline bool status_set_has(const struct status_set *s, unsigned status)
{
	return status >= 100 && status < 600 &&
		s->bits[(status - 100) / 64] >> ((status - 100) % 64) & 1;
}

/* The rules between options. 0, or -1. */
must_use int upstream_health_check(struct bind *b, struct upstream_health *h);

#endif
