/* Percentiles of the latest responses. See latency.h. */
#include "upstream/latency.h"

/* Class 0 is below 2^LATENCY_SHIFT; then each power of two has eight classes of equal width. */
static unsigned class_of(uint64_t ns)
{
	if (ns >> LATENCY_SHIFT == 0)
		return 0;
	unsigned power = 63 - (unsigned)__builtin_clzll(ns);
	unsigned eighth = (unsigned)(ns >> (power - 3) & 7);
	unsigned class = (power - LATENCY_SHIFT) * 8 + eighth + 1;
	return class < LATENCY_CLASSES ? class : LATENCY_CLASSES - 1;
}

/* The first time that is beyond the class. */
static uint64_t class_end(unsigned class)
{
	if (class == 0)
		return UINT64_C(1) << LATENCY_SHIFT;
	unsigned power = LATENCY_SHIFT + (class - 1) / 8, eighth = (class - 1) % 8;
	return (UINT64_C(8) + eighth + 1) << (power - 3);
}

static void latency_halve(struct latency *l)
{
	l->n = 0;
	for (unsigned i = 0; i < LATENCY_CLASSES; i++) {
		l->counts[i] /= 2;
		l->n = (uint16_t)(l->n + l->counts[i]);
	}
}

void latency_observe(struct latency *l, uint64_t ns)
{
	if (l->n >= LATENCY_MOST)
		latency_halve(l);
	l->counts[class_of(ns)]++;
	l->n++;
	if (l->left)
		l->left--;
}

static uint64_t latency_work_out(const struct latency *l, unsigned percent)
{
	unsigned seen = 0, want = ((unsigned)l->n * percent + 99) / 100;
	for (unsigned i = 0; i < LATENCY_CLASSES; i++) {
		seen += l->counts[i];
		if (seen >= want)
			return class_end(i);
	}
	return class_end(LATENCY_CLASSES - 1);
}

uint64_t latency_percentile(struct latency *l, unsigned percent)
{
	if (l->n < LATENCY_ENOUGH)
		return 0;
	if (l->left == 0 || l->percent != percent) {
		l->known = latency_work_out(l, percent);
		l->percent = (uint8_t)percent;
		l->left = LATENCY_AGAIN;
	}
	return l->known;
}
