/* The inside of an upstream, for upstream/call and upstream/upstream. */
#ifndef UPSTREAM_STATE_H
#define UPSTREAM_STATE_H

#include "upstream/admission.h"
#include "upstream/census.h"
#include "upstream/budget.h"
#include "upstream/latency.h"
#include "upstream/pool.h"
#include "upstream/waitlist.h"
#include "upstream/sticky.h"

struct upstream {
	struct list at;                   /* in part.upstreams */
	struct worker *worker;            /* borrowed */
	const struct upstream_conf *conf; /* borrowed: lives as long as the snapshot */
	struct tls_client *tls;           /* borrowed likewise; NULL: plain */
	struct link_conf link_conf;
	struct balance balance;
	struct sticky sticky; /* where conf->sticky has a cookie */
	struct server_setup setup;
	struct server_list servers;
	struct census census;
	uint64_t discovered;         /* id of what finds its servers; 0: nothing does */
	struct admission *admission; /* owned; NULL: every call may go */
	bool goes_by_answers;        /* the balance or the admission is told of each response */
	struct waitlist queue;       /* calls: NAMES, QUEUED, SHED */
	uint32_t n_calls;            /* not IDLE */
	struct turn_hook hook;       /* serves the calls that wait */
	struct budget *budget;       /* shared: ref. Of retries and hedges */
	struct budget_cell *asked;   /* this worker's part of that */
	struct latency latency;      /* where `hedge` goes by a percentile */
	struct grave grave;
};

/* Have the calls that wait look again at the end of the turn: there may be room. */
static inline void upstream_wake(struct upstream *u)
{
	if (!waitlist_is_empty(&u->queue))
		worker_at_turn_end(u->worker, &u->hook);
}
/* upstream.hook, in call.c. */
void upstream_serve_waiting(struct turn_hook *h);

#endif
