/*
 * A ring of points for consistent hashing. Each member has a number of points in proportion to its
 * weight, at places that follow from its key alone; a request belongs to the member whose point is
 * the first at or behind its own place. So the ring is the same wherever the members are the same,
 * in whatever order they are told, and only requests of a member that comes or goes change hands.
 *
 *     places      0                                            2^32
 *     points        b   a  c     a   b  c  c    a  b   ...
 *     request              ^------> a
 *
 * Finding a place costs the same whatever the number of members: an index says where the points of
 * each stretch begin. Knows no servers.
 */
#ifndef UPSTREAM_RING_H
#define UPSTREAM_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	RING_POINTS = 160,         /* of a member of weight 1 */
	RING_POINTS_MAX = 1 << 20, /* of all; where that is too few, each gets half, or a quarter */
};

struct ring_member {
	uint64_t key;
	uint32_t weight; /* above 0 */
	void *data;      /* borrowed: whose member it is */
};

struct ring_point {
	uint32_t place, member;
};

struct ring {
	struct ring_member *members; /* owned: in the order of their keys */
	uint32_t n_members;
	struct ring_point *points; /* owned: in the order of their places */
	uint32_t n_points;
	uint32_t *index; /* owned: of 2^index_bits stretches, the first point of each */
	uint32_t index_bits;
};

/* Takes over the members, an array from malloc(); what the ring had is freed. n: at least 1. */
void ring_build(struct ring *r, struct ring_member *members, uint32_t n);
void ring_fini(struct ring *r);
/* The point that a key belongs to. */
uint32_t ring_find(const struct ring *r, uint64_t key);
static inline uint32_t ring_next(const struct ring *r, uint32_t point)
{
	return point + 1 < r->n_points ? point + 1 : 0;
}
static inline void *ring_data(const struct ring *r, uint32_t point)
{
	return r->members[r->points[point].member].data;
}

#endif
