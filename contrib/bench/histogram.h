/* Times in microseconds, counted in cells that are at most 1/64 wide: what a percentile needs, in a
 * few KiB. */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>
#include <stdio.h>

enum { HISTOGRAM_FINE = 64, HISTOGRAM_CELLS = HISTOGRAM_FINE * 40 };

struct histogram {
	uint64_t count, max;
	double sum;
	uint64_t cells[HISTOGRAM_CELLS];
};

/* Cells 0 to 127 hold one value each; then every 64 cells cover twice as much as the 64 before. */
static inline unsigned histogram_cell(uint64_t us)
{
	unsigned shift = 0;
	while (us >> shift >= 2 * HISTOGRAM_FINE)
		shift++;
	unsigned cell = shift * HISTOGRAM_FINE + (unsigned)(us >> shift);
	return cell < HISTOGRAM_CELLS ? cell : HISTOGRAM_CELLS - 1;
}

/* The largest value of a cell. */
static inline uint64_t histogram_value(unsigned cell)
{
	unsigned shift = cell < 2 * HISTOGRAM_FINE ? 0 : cell / HISTOGRAM_FINE - 1;
	return ((uint64_t)(cell - shift * HISTOGRAM_FINE + 1) << shift) - 1;
}

static inline void histogram_add(struct histogram *h, uint64_t us)
{
	h->count++;
	h->sum += (double)us;
	h->max = us > h->max ? us : h->max;
	h->cells[histogram_cell(us)]++;
}

static inline void histogram_join(struct histogram *h, const struct histogram *more)
{
	h->count += more->count;
	h->sum += more->sum;
	h->max = more->max > h->max ? more->max : h->max;
	for (unsigned i = 0; i < HISTOGRAM_CELLS; i++)
		h->cells[i] += more->cells[i];
}

static inline uint64_t histogram_at(const struct histogram *h, double share)
{
	double wanted = (double)h->count * share;
	uint64_t seen = 0;
	for (unsigned i = 0; i < HISTOGRAM_CELLS; i++) {
		seen += h->cells[i];
		if (h->cells[i] && (double)seen >= wanted)
			return histogram_value(i) < h->max ? histogram_value(i) : h->max;
	}
	return h->max;
}

/* A JSON object. */
static inline void histogram_print(const struct histogram *h, FILE *to)
{
	(void)fprintf(to,
		"{\"mean\": %.1f, \"p50\": %llu, \"p90\": %llu, \"p99\": %llu, \"p999\": %llu, "
		"\"max\": %llu}",
		h->count ? h->sum / (double)h->count : 0.0,
		(unsigned long long)histogram_at(h, 0.5), (unsigned long long)histogram_at(h, 0.9),
		(unsigned long long)histogram_at(h, 0.99),
		(unsigned long long)histogram_at(h, 0.999), (unsigned long long)h->max);
}

#endif
