/* Finding keys by their kid: the index of a set that was read. */
#include "kids.h"

#include <stdlib.h>

static int kid_compare(const struct key *a, const char *kid, size_t kid_len)
{
	int c = memcmp(a->kid, kid, a->kid_len < kid_len ? a->kid_len : kid_len);
	if (c)
		return c;
	return a->kid_len < kid_len ? -1 : a->kid_len > kid_len;
}

/* By kid, and then by the place in the set. */
static int key_compare(const void *left, const void *right)
{
	const struct key *a = *(const struct key *const *)left,
			 *b = *(const struct key *const *)right;
	int c = kid_compare(a, b->kid, b->kid_len);
	return c ? c : a < b ? -1 : a > b;
}

bool kids_index(struct keyset *set)
{
	for (size_t i = 0; i < set->n; i++)
		set->has_any_kid |= set->v[i].any_kid;
	const struct key **named = malloc((set->n + 1) * sizeof *named);
	set->by_kid = malloc((set->n + 1) * sizeof *set->by_kid);
	if (!named || !set->by_kid) {
		free(named);
		return false;
	}
	for (size_t i = 0; i < set->n; i++) {
		if (set->v[i].kid)
			named[set->n_named++] = &set->v[i];
	}
	qsort(named, set->n_named, sizeof *named, key_compare);
	for (size_t i = 0; i < set->n_named; i++)
		set->by_kid[i] = (uint16_t)(named[i] - set->v);
	free(named);
	return true;
}

const uint16_t *keys_find(const struct keyset *set, const char *kid, size_t kid_len, size_t *n)
{
	size_t low = 0, high = set->n_named;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (kid_compare(&set->v[set->by_kid[middle]], kid, kid_len) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	while (high < set->n_named && kid_compare(&set->v[set->by_kid[high]], kid, kid_len) == 0)
		high++;
	*n = high - low;
	return set->by_kid + low;
}
