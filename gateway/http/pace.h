/*
 * The least rate of a body: bytes per second, measured over windows of time, and only while the
 * client is waited for. Off unless the configuration sets it. Inline, no I/O. Any thread.
 */
#ifndef HTTP_PACE_H
#define HTTP_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

/* What a listener demands. */
struct pace_rule {
	uint64_t request_ns; /* for a whole request, from its first byte; 0: no bound */
	uint64_t min_rate;   /* bytes a second; 0: any */
	uint64_t window_ns;  /* over which that is judged */
};

/* A window: when it began, and how many bytes there were then. All zero: none is open. */
struct pace {
	uint64_t since_ns;
	uint64_t mark;
};

static inline bool pace_is_asked(const struct pace_rule *r)
{
	return (r->request_ns | r->min_rate) != 0;
}

/* Stop measuring: it is not the client that is waited for. */
static inline void pace_stop(struct pace *p)
{
	p->since_ns = 0;
}

static inline void pace_start(struct pace *p, uint64_t now_ns, uint64_t bytes)
{
	*p = (struct pace){ .since_ns = now_ns, .mark = bytes };
}

/* Judge the window that is open, if it is over; the next one begins. True: too few bytes came in
 * it. */
static inline bool pace_judge(struct pace *p, const struct pace_rule *r, uint64_t now_ns,
	uint64_t bytes)
{
	if (!r->min_rate || !p->since_ns || now_ns - p->since_ns < r->window_ns)
		return false;
	uint64_t due =
		(uint64_t)((unsigned __int128)r->min_rate * (now_ns - p->since_ns) / NS_PER_S);
	bool missed = bytes - p->mark < due;
	pace_start(p, now_ns, bytes);
	return missed;
}

/* Whether a request that began then has taken too long. */
static inline bool pace_is_over(const struct pace_rule *r, uint64_t began_ns, uint64_t now_ns)
{
	return r->request_ns && now_ns - began_ns >= r->request_ns;
}

static inline uint64_t pace_until(uint64_t end_ns, uint64_t now_ns, uint64_t wait_ns)
{
	uint64_t left = end_ns > now_ns ? end_ns - now_ns : 0;
	return left < wait_ns ? left : wait_ns;
}

/* How long may be waited until the first is to be asked again, or the second: at most wait_ns. */
static inline uint64_t pace_window_ns(const struct pace *p, const struct pace_rule *r,
	uint64_t now_ns, uint64_t wait_ns)
{
	return r->min_rate && p->since_ns ? pace_until(p->since_ns + r->window_ns, now_ns, wait_ns)
					  : wait_ns;
}

static inline uint64_t pace_request_ns(const struct pace_rule *r, uint64_t began_ns,
	uint64_t now_ns, uint64_t wait_ns)
{
	return r->request_ns ? pace_until(began_ns + r->request_ns, now_ns, wait_ns) : wait_ns;
}

#endif
