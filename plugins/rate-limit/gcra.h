/*
 * The generic cell rate algorithm: a limit as one number for each key, the time at which all that
 * was taken so far would be paid back at the steady rate (TAT). What is taken moves it forward; a
 * request passes as long as it stays within `depth` of now. So `burst` requests pass at once after
 * a pause, and one more each `interval`.
 *
 *      now            tat                    now + depth
 *       |--- taken ----|------ remaining ------|
 *
 * Arithmetic in nanoseconds, without I/O. The number itself is the time after which it can be
 * forgotten. A number that is further ahead than a burst can reach (the limit was stricter when it
 * was written, or the clock was set back) counts as a burst used up now. It is written again, or
 * each request would find the old number until its time has passed.
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

/* count permits in period_ns, burst at once, cost for each request. False when one of them is 0,
 * cost is more than burst, or depth would exceed its bound. */
bool gcra_init(struct gcra *g, uint64_t count, uint64_t period_ns, uint64_t burst, uint64_t cost);
/* tat: as stored; 0: none. */
struct gcra_take gcra_take(const struct gcra *g, uint64_t tat, uint64_t now);

#endif
