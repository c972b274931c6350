/*
 * Tickets: how any thread finds a parked exchange again, or that it is gone. Each worker with
 * parked exchanges has a lot of slots. A ticket names lot, slot, and the generation in which the
 * slot was taken: a slot that was given back, or taken again, has another one, and a lot outlives
 * its worker. So a ticket never has to be given back.
 *
 * Whoever resumes marks the exchange and posts to its worker, which calls back from its event loop:
 * never within the caller. A lot has at most one message under way, however many are resumed.
 */
#ifndef POLICY_TICKET_H
#define POLICY_TICKET_H

#include <sluice/plugin.h>

#include "base/list.h"

struct lot;
struct worker;

/* Embedded in what waits. Its worker's thread, except where the lot's lock is said. */
struct parked {
	struct list link; /* of those that are woken: under the lot's lock */
	struct lot *lot;  /* borrowed: where it has a slot; NULL: nowhere */
	uint32_t slot;
	bool is_woken; /* under the lot's lock */
	/* it has no slot any more; never called from within a function of this file's that is
	 * called by a plugin */
	void (*on_resumed)(struct parked *p);
};

void parked_init(struct parked *p, void (*on_resumed)(struct parked *p));
/* Take a slot of w's, which is the calling thread's worker. False: there are more workers than
 * lots. */
must_use bool parked_enter(struct parked *p, struct worker *w, sluice_ticket *out);
/* Nobody calls on_resumed any more. True when the ticket was resumed before. Also for what has no
 * slot. */
bool parked_leave(struct parked *p);

/* Any thread; as sluice_resume() says. */
bool ticket_resume(sluice_ticket t);

#endif
