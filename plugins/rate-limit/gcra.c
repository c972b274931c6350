/* The generic cell rate algorithm. Any thread. */
#include "gcra.h"

bool gcra_init(struct gcra *g, uint64_t count, uint64_t period_ns, uint64_t burst, uint64_t cost)
{
	if (count == 0 || period_ns == 0 || burst == 0 || cost == 0 || cost > burst)
		return false;
	g->interval = period_ns / count + (period_ns % count != 0);
	return !__builtin_mul_overflow(g->interval, burst, &g->depth) &&
		g->depth <= GCRA_DEPTH_MAX && !__builtin_mul_overflow(g->interval, cost, &g->cost);
}

struct gcra_take gcra_take(const struct gcra *g, uint64_t tat, uint64_t now)
{
	struct gcra_take t = { .allowed = true };
	if (tat < now) {
		tat = now;
	} else if (tat - now > g->depth) {
		tat = now + g->depth;
		t.keep = true;
	}
	uint64_t taken = tat - now;
	if (g->cost > g->depth - taken) {
		t.allowed = false;
		t.retry_ns = g->cost - (g->depth - taken);
	} else {
		taken += g->cost;
		t.keep = true;
	}
	t.tat = now + taken;
	t.remaining = (g->depth - taken) / g->interval;
	t.reset_ns = taken;
	return t;
}
