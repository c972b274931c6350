/*
 * The turn's look at the clock. It stands apart from worker.c, so that what a worker runs may ask
 * for the time, and is called rather than inlined, so that all who ask need no room on the stack
 * for it. Its worker's thread only.
 */
#include "net/worker.h"

uint64_t worker_look_at_clock(struct worker *w)
{
	w->now_ns = clock_ns();
	w->clock_is_fresh = true;
	return w->now_ns;
}
