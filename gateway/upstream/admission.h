/*
 * Whether a call may go to its upstream now: the circuit breaker, and the limit of requests at a
 * time, which is fixed or follows the latency. Upstreams that have neither never come here. Its
 * worker's thread only.
 *
 *     upstream_open ---> breaker ---> limit ---> a server is chosen ... upstream_report
 *                           |           |                                     |
 *                        refused      full: waits <------ room ---------------+
 */
#ifndef UPSTREAM_ADMISSION_H
#define UPSTREAM_ADMISSION_H

#include "upstream/breaker.h"
#include "upstream/gradient.h"

struct upstream;
struct upstream_call;
struct upstream_conf;

/* Of an upstream, on a worker. */
struct admission {
	struct breaker *breaker;                 /* borrowed: of the snapshot; NULL: none */
	const struct breaker_conf *breaker_conf; /* borrowed likewise */
	bool is_adaptive;
	struct gradient gradient; /* with is_adaptive */
	uint32_t most;            /* requests at a time; 0: no bound */
	uint32_t n;               /* that have a place */
};

/* NULL: the upstream has neither a breaker nor a limit. */
struct admission *admission_new(const struct upstream_conf *conf, struct breaker *b,
	unsigned workers);

/* A call is opened for the first time. 0, or why it is refused. */
must_use int admission_enter(struct admission *a, struct upstream_call *c);
/* Give the call a place, unless it has one. False: there is none. */
must_use bool admission_take(struct admission *a, struct upstream_call *c);
/* Its try is over. True: there is room for another. */
bool admission_give(struct admission *a, struct upstream_call *c);
/* The response of its try began after that time. */
void admission_answered(struct admission *a, struct upstream_call *c, uint64_t latency_ns);
/* The same: a trial of the breaker has succeeded with its head, since what follows may take hours.
 */
void admission_headed(struct admission *a, struct upstream_call *c);
/* Its try ended without an answer in time. */
void admission_dropped(struct admission *a, struct upstream_call *c);
/* What came of the call; the first word counts. */
void admission_leave(struct admission *a, struct upstream_call *c, enum breaker_outcome outcome);

#endif
