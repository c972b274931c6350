/*
 * How many requests an upstream takes at a time without getting slower: a limit that follows the
 * latency. Requests are timed from when they are sent to the head of the response. While that takes
 * as long as usual, the limit grows; when it takes longer, requests wait in the service, and the
 * limit shrinks in the same proportion (the gradient: usual latency / present latency).
 *
 * One for each upstream and worker; its worker's thread only.
 */
#ifndef UPSTREAM_GRADIENT_H
#define UPSTREAM_GRADIENT_H

#include <stdbool.h>
#include <stdint.h>

/* The block `adaptive` of an upstream. */
struct gradient_conf {
	uint64_t min, max; /* requests at a time, of all workers together */
	/* share of the usual latency that is no overload yet, in hundredths of a percent; 100% at
	 * least */
	uint64_t tolerance;
};

struct gradient {
	double min, max, tolerance; /* of this worker; a factor */
	double limit;
	double usual_ns; /* 0: not known yet */
	/* of the window that is open */
	uint64_t since_ns;
	double sum_ns;
	uint32_t n, drops; /* requests; those of them that timed out */
	uint32_t most;     /* in progress at a time */
	bool starting;     /* requests have not become slower yet */
};

/* workers: among which the bounds are divided. */
void gradient_init(struct gradient *g, const struct gradient_conf *conf, unsigned workers);
static inline uint32_t gradient_limit(const struct gradient *g)
{
	return (uint32_t)g->limit;
}
/* A response began latency_ns after its request was sent, while in_flight requests were in
 * progress. True: the limit may have changed. */
bool gradient_sample(struct gradient *g, uint64_t now_ns, uint64_t latency_ns, uint32_t in_flight);
/* A request failed for want of an answer. */
bool gradient_drop(struct gradient *g, uint64_t now_ns, uint32_t in_flight);

#endif
