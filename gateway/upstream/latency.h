/*
 * How long the servers of an upstream take for the head of a response: percentiles of the latest
 * ones, by counting in classes that are an eighth of a power of two wide. All counts are halved now
 * and then, so that older responses count less. One for each worker and upstream, where `hedge`
 * asks for a percentile; its worker's thread only.
 */
#ifndef UPSTREAM_LATENCY_H
#define UPSTREAM_LATENCY_H

#include <stdint.h>

enum {
	LATENCY_SHIFT = 16,           /* times below 2^16 ns, 66 us, are one class */
	LATENCY_CLASSES = 8 * 24 + 1, /* up to 2^40 ns, 18 minutes */
	LATENCY_ENOUGH = 32,          /* responses before a percentile is known */
	LATENCY_MOST = 1024,          /* then the counts are halved */
	LATENCY_AGAIN = 16,           /* responses until a percentile is worked out anew */
};

struct latency {
	uint16_t counts[LATENCY_CLASSES];
	uint16_t n;      /* sum of counts */
	uint16_t left;   /* until known is worked out anew */
	uint8_t percent; /* of which known is */
	uint64_t known;
};

void latency_observe(struct latency *l, uint64_t ns);
/* The time that so many percent of the responses do not exceed, rounded up to its class; 0: too
 * few responses came to know. */
uint64_t latency_percentile(struct latency *l, unsigned percent);

#endif
