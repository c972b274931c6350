/*
 * Tickets: with one, any thread finds a parked exchange again, or learns that it is gone. Each
 * worker with parked exchanges has a lot, a table of slots. A ticket names lot, slot, and the
 * generation in which the slot was taken. A slot that was given back or taken again has another
 * generation, and a lot outlives its worker, so that a ticket never has to be given back.
 *
 * ticket_resume() marks the exchange and posts a message to its worker, which calls back from its
 * event loop, never within the caller. A lot has at most one message under way, however many
 * exchanges are resumed.
 */
#ifndef POLICY_TICKET_H
#define POLICY_TICKET_H

#include <sluice/plugin.h>

#include "base/list.h"

struct lot;
struct worker;

/* Embedded in what waits. Its worker's thread, except for what is under the lot's lock. */
struct parked {
	struct list link; /* in lot.woken: under the lot's lock */
	struct lot *lot;  /* borrowed: the lot in which it has a slot; NULL: none */
	uint32_t slot;
	bool is_woken; /* under the lot's lock */
	/* p has no slot any more; never called from within a function of this file that a plugin
	 * calls */
	void (*on_resumed)(struct parked *p);
};

void parked_init(struct parked *p, void (*on_resumed)(struct parked *p));
/* Take a slot of w's, which is the calling thread's worker. False: there are more workers than
 * lots. */
must_use bool parked_enter(struct parked *p, struct worker *w, sluice_ticket *out);
/* Give the slot back: on_resumed is not called any more. True when the ticket was resumed before.
 * Legal without a slot. */
bool parked_leave(struct parked *p);

/* As sluice_resume(). Any thread. */
bool ticket_resume(sluice_ticket t);

#endif
