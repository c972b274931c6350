/*
 * Choosing among the servers of an upstream by a plugin: its on_choose, for upstream/balance. A
 * call for an exchange stands in a frame like that of a hook; one for a fetch has no exchange.
 * Worker's thread.
 */
#ifndef POLICY_CHOOSE_H
#define POLICY_CHOOSE_H

#include "policy/run.h"
#include "upstream/balance.h"

/* The balancer of one upstream on one worker. Embedded in the view of proxy/. */
struct choose {
	struct balance_chooser chooser;
	/* borrowed: of the snapshot; where the exchange's chain has the instance too, its item
	 * there is used */
	const struct chain_item *item;
	struct instance_worker *iw; /* borrowed: of the view */
	struct worker *worker;      /* borrowed */
};

enum { CHOOSE_PLACE = INT32_MAX }; /* of an item that stands in no chain: behind all of them */

void choose_init(struct choose *c, struct worker *w, const struct chain_item *item,
	struct instance_worker *iw);

#endif
