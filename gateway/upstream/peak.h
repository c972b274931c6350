/*
 * How long a server takes until the head of its response: a peak estimate. A slower response is
 * believed at once, a faster one by degrees, and while nothing is measured the estimate falls, so
 * that a server that was slow is tried again. Of an endpoint, so that it stays over reloads.
 */
#ifndef UPSTREAM_PEAK_H
#define UPSTREAM_PEAK_H

#include <stdint.h>

/* ns after which half of an estimate is left: 2^32, 4.3 s; and the longest time that counts, us */
enum { PEAK_HALF_SHIFT = 32, PEAK_MAX_US = 1 << 25 };

struct peak {
	uint64_t at_ns; /* when it was measured last; 0: never */
	/* when the first request was sent that waits since something was heard, or since there was
	 * none */
	uint64_t asked_ns;
	uint32_t us; /* the estimate of then */
};

/* What is left of a value after so long a time. */
static inline uint32_t peak_decayed(uint32_t us, uint64_t ns)
{
	uint64_t halves = ns >> PEAK_HALF_SHIFT;
	if (halves >= 32)
		return 0;
	/* between two halvings along a straight line */
	uint64_t part = (ns >> (PEAK_HALF_SHIFT - 10)) & 1023;
	uint32_t left = us >> halves;
	return left - (uint32_t)((uint64_t)left * part >> 11);
}

static inline uint32_t peak_now(const struct peak *l, uint64_t now_ns)
{
	return peak_decayed(l->us, now_ns > l->at_ns ? now_ns - l->at_ns : 0);
}

static inline uint32_t peak_clip(uint64_t ns)
{
	uint64_t us = ns / 1000 + 1;
	return us > PEAK_MAX_US ? PEAK_MAX_US : (uint32_t)us;
}

static inline void peak_measured(struct peak *l, uint32_t us, uint64_t now_ns)
{
	uint64_t ns = now_ns > l->at_ns ? now_ns - l->at_ns : 0;
	if (l->at_ns == 0 || us >= l->us) {
		l->us = us;
	} else {
		/* the old value keeps the part that is left of it, the new one gets the rest; many
		 * measurements in a short time weigh as much as few */
		uint32_t kept = peak_decayed(1u << 16, ns);
		if (kept == 1u << 16)
			return; /* too soon after the last: time goes on counting from that */
		l->us = (uint32_t)(((uint64_t)l->us * kept + (uint64_t)us * ((1u << 16) - kept)) >>
			16);
	}
	l->at_ns = now_ns;
}

#endif
