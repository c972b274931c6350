/*
 * The generic cell rate algorithm: a limit as one number for each key, the time at which all that
 * was taken so far would be paid back at the steady rate (TAT). What is taken moves it forward; a
 * request passes as long as it stays within `depth` of now. So `burst` requests pass at once after
 * a pause, and one more each `interval`.
 *
 *      now            tat                    now + depth
 *       |--- taken ----|------ remaining ------|
 *
 * Pure arithmetic in nanoseconds; the time until which the number matters is the number itself. One
 * that is later than a burst used up (the limit was stricter when it was written, the clock was set
 * back) counts as that, from now on: it is written again, or each request would find the old one
 * until that has passed.
 */
#ifndef GCRA_H
#define GCRA_H

#include <stdbool.h>
#include <stdint.h>

#define GCRA_DEPTH_MAX                                                             \
	(UINT64_C(1) << 60) /* 36 years: with a clock below 2^62 nothing overflows \
			     */

struct gcra {
	/* of one permit; rounded up, so that no more passes than the rate says */
	uint64_t interval;
	uint64_t depth; /* of burst permits */
	uint64_t cost;  /* of one request */
};

struct gcra_take {
	bool allowed;
	/* tat is to be kept: the request was allowed, or what was kept is later than the limit can
	 * reach */
	bool keep;
	uint64_t tat;
	uint64_t remaining; /* whole permits left now */
	uint64_t retry_ns;  /* when refused: until the same request would pass */
	uint64_t reset_ns;  /* until all permits are there again */
};

/* count permits in period_ns, burst at once, cost for each request: none of them 0, and cost at
 * most burst. false when that is not so, or when depth would pass its bound. */
bool gcra_init(struct gcra *g, uint64_t count, uint64_t period_ns, uint64_t burst, uint64_t cost);
/* tat: as kept, 0 when there is none. */
struct gcra_take gcra_take(const struct gcra *g, uint64_t tat, uint64_t now);

#endif
