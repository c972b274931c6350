/* upstream/ring: agreement, order, and how few keys move. */
#include "upstream/ring.h"

#include "base/mem.h"
#include "unit.h"
#include "upstream/balance.h"

enum { MEMBERS = 200, KEYS = 50000 };

static char names[MEMBERS];

static uint64_t key_of(unsigned i)
{
	char text[16];
	return balance_server_key(str_n(text, (size_t)snprintf(text, sizeof(text), "m%u", i)),
		STR_NONE);
}

static uint64_t request(unsigned i)
{
	char text[16];
	return balance_hash(str_n(text, (size_t)snprintf(text, sizeof(text), "k%u", i)));
}

/* Members 0 to n - 1 without `gone`, from the last to the first where it is reversed. */
static void build(struct ring *r, unsigned n, unsigned gone, bool reversed)
{
	struct ring_member *v = mem_array(struct ring_member, n);
	unsigned count = 0;
	for (unsigned i = 0; i < n; i++) {
		unsigned k = reversed ? n - 1 - i : i;
		if (k != gone)
			v[count++] = (struct ring_member){ key_of(k), 1, &names[k] };
	}
	ring_build(r, v, count);
}

static unsigned owner(const struct ring *r, unsigned i)
{
	return (unsigned)((char *)ring_data(r, ring_find(r, request(i))) - names);
}

TEST(points_are_in_order_and_all_places_are_found)
{
	struct ring r = { 0 };
	build(&r, 20, 99, false);
	assert_int_equal(r.n_points, 20 * RING_POINTS);
	for (uint32_t i = 1; i < r.n_points; i++)
		assert_true(r.points[i - 1].place <= r.points[i].place);
	for (unsigned i = 0; i < 10000; i++) {
		uint32_t place = (uint32_t)(request(i) >> 32), slow = 0;
		while (slow < r.n_points && r.points[slow].place < place)
			slow++;
		assert_int_equal(ring_find(&r, request(i)), slow < r.n_points ? slow : 0);
	}
	/* the last place of all, and behind it the first */
	assert_in_range(ring_find(&r, UINT64_MAX), 0, r.n_points - 1);
	assert_int_equal(ring_next(&r, r.n_points - 1), 0);
	ring_fini(&r);
}

TEST(one_member_has_all)
{
	struct ring r = { 0 };
	build(&r, 1, 99, false);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(owner(&r, i), 0);
	ring_fini(&r);
}

TEST(the_order_in_the_file_does_not_matter)
{
	struct ring a = { 0 }, b = { 0 };
	build(&a, MEMBERS, 999, false);
	build(&b, MEMBERS, 999, true);
	for (unsigned i = 0; i < KEYS; i++)
		assert_int_equal(owner(&a, i), owner(&b, i));
	ring_fini(&a);
	ring_fini(&b);
}

/* These values must stay: gateways of different versions share clients. */
TEST(places_are_the_same_in_every_process)
{
	struct ring r = { 0 };
	build(&r, 8, 99, false);
	static const unsigned owners[] = { 4, 1, 0, 3, 4, 7, 7, 3, 3, 4, 5, 3, 4, 6, 0, 6 };
	for (unsigned i = 0; i < sizeof(owners) / sizeof(*owners); i++)
		assert_int_equal(owner(&r, i), owners[i]);
	ring_fini(&r);
}

TEST(only_keys_of_a_member_that_goes_move)
{
	struct ring before = { 0 }, after = { 0 };
	unsigned moved = 0;
	build(&before, MEMBERS, 999, false);
	build(&after, MEMBERS, 77, false);
	for (unsigned i = 0; i < KEYS; i++) {
		unsigned was = owner(&before, i), is = owner(&after, i);
		moved += was != is;
		assert_true(was == is || was == 77);
	}
	/* and so, the other way round, when one comes */
	print_message("ring: %u of %u keys moved with one of %u members (%.2f of a fair part)\n",
		moved, KEYS, MEMBERS, (double)moved * MEMBERS / KEYS);
	assert_in_range(moved, 1, KEYS * 3 / 2 / MEMBERS);
	ring_fini(&before);
	ring_fini(&after);
}

TEST(weights_count)
{
	struct ring r = { 0 };
	struct ring_member *v = mem_array(struct ring_member, 2);
	unsigned first = 0;
	v[0] = (struct ring_member){ key_of(0), 3, &names[0] };
	v[1] = (struct ring_member){ key_of(1), 1, &names[1] };
	ring_build(&r, v, 2);
	for (unsigned i = 0; i < KEYS; i++)
		first += owner(&r, i) == 0;
	assert_in_range(first, KEYS * 68 / 100, KEYS * 82 / 100);
	ring_fini(&r);
}

TEST(points_are_bounded)
{
	struct ring r = { 0 };
	struct ring_member *v = mem_array(struct ring_member, MEMBERS);
	for (unsigned i = 0; i < MEMBERS; i++)
		v[i] = (struct ring_member){ key_of(i), i ? 100 : 1, &names[i] };
	ring_build(&r, v, MEMBERS);
	assert_in_range(r.n_points, RING_POINTS_MAX / 2, RING_POINTS_MAX);
	ring_fini(&r);
}
