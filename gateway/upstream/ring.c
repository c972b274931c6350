/* Rings of points. See ring.h. */
#include "upstream/ring.h"

#include <stdlib.h>

#include "base/mem.h"

enum { DIGIT_BITS = 11, DIGITS = 3, DIGIT_VALUES = 1 << DIGIT_BITS };

/* The last step of MurmurHash3: every bit depends on all bits. */
static uint64_t ring_mix(uint64_t h)
{
	h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdull;
	h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53ull;
	return h ^ (h >> 33);
}

static uint32_t ring_place(uint64_t key, uint32_t i)
{
	return (uint32_t)(ring_mix(key + i * 0x9e3779b97f4a7c15ull) >> 32);
}

static int member_order(const void *a, const void *b)
{
	const struct ring_member *x = a, *y = b;
	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return (x->weight > y->weight) - (x->weight < y->weight);
}

/* How often the numbers of points are halved until all fit. Members of a small weight have one
 * point all the same. */
static uint32_t points_shift(const struct ring_member *m, uint32_t n)
{
	uint64_t weight = 0;
	uint32_t shift = 0;
	for (uint32_t i = 0; i < n; i++)
		weight += m[i].weight;
	while ((weight * RING_POINTS) >> shift > RING_POINTS_MAX)
		shift++;
	return shift;
}

static uint32_t points_of(const struct ring_member *m, uint32_t shift)
{
	uint64_t n = ((uint64_t)m->weight * RING_POINTS) >> shift;
	return n ? (uint32_t)n : 1;
}

/* Points of one place stay in the order of their members. */
static void points_sort(struct ring_point **v, uint32_t n)
{
	struct ring_point *from = *v, *to = mem_array(struct ring_point, n);
	for (int digit = 0; digit < DIGITS; digit++) {
		uint32_t at[DIGIT_VALUES + 1] = { 0 };
		int shift = digit * DIGIT_BITS;
		for (uint32_t i = 0; i < n; i++)
			at[(from[i].place >> shift & (DIGIT_VALUES - 1)) + 1]++;
		for (int i = 0; i < DIGIT_VALUES; i++)
			at[i + 1] += at[i];
		for (uint32_t i = 0; i < n; i++)
			to[at[from[i].place >> shift & (DIGIT_VALUES - 1)]++] = from[i];
		struct ring_point *was = from;
		from = to;
		to = was;
	}
	*v = from;
	free(to);
}

static void ring_make_points(struct ring *r, uint32_t shift)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < r->n_members; i++)
		n += points_of(&r->members[i], shift);
	r->points = mem_array(struct ring_point, n);
	r->n_points = n;
	n = 0;
	for (uint32_t i = 0; i < r->n_members; i++) {
		for (uint32_t k = 0; k < points_of(&r->members[i], shift); k++)
			r->points[n++] = (struct ring_point){ ring_place(r->members[i].key, k), i };
	}
	points_sort(&r->points, n);
}

static void ring_make_index(struct ring *r)
{
	r->index_bits = 1;
	while (1u << r->index_bits < r->n_points)
		r->index_bits++;
	r->index = mem_array(uint32_t, (size_t)1 << r->index_bits);
	uint32_t point = 0;
	for (uint32_t i = 0; i < 1u << r->index_bits; i++) {
		while (point < r->n_points && r->points[point].place >> (32 - r->index_bits) < i)
			point++;
		r->index[i] = point;
	}
}

void ring_build(struct ring *r, struct ring_member *members, uint32_t n)
{
	ring_fini(r);
	r->members = members;
	r->n_members = n;
	qsort(members, n, sizeof(*members), member_order);
	ring_make_points(r, points_shift(members, n));
	ring_make_index(r);
}

void ring_fini(struct ring *r)
{
	free(r->members);
	free(r->points);
	free(r->index);
	*r = (struct ring){ 0 };
}

uint32_t ring_find(const struct ring *r, uint64_t key)
{
	uint32_t place = (uint32_t)(key >> 32);
	uint32_t point = r->index[place >> (32 - r->index_bits)];
	while (point < r->n_points && r->points[point].place < place)
		point++;
	return point < r->n_points ? point : 0;
}
