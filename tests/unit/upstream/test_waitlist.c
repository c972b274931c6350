/* upstream/waitlist: the order in which calls are served, and who gives up a place. */
#include "upstream/waitlist.h"

#include "unit.h"
#include "upstream/upstream.h"

enum { CALLS = 12 };
static struct upstream_call calls[CALLS];
static struct waitlist q;

static struct upstream_call *add(unsigned i, enum call_priority p)
{
	calls[i].priority = (uint8_t)p;
	waitlist_put(&q, &calls[i]);
	return &calls[i];
}

static void fill(enum queue_order order)
{
	waitlist_init(&q, order, 6);
	for (unsigned i = 0; i < CALLS; i++)
		list_init(&calls[i].at);
	(void)add(0, PRIORITY_NORMAL);
	(void)add(1, PRIORITY_LOW);
	(void)add(2, PRIORITY_CRITICAL);
	(void)add(3, PRIORITY_NORMAL);
	(void)add(4, PRIORITY_LOW);
	(void)add(5, PRIORITY_HIGH);
}

static void serves(const unsigned *want, unsigned n)
{
	struct upstream_call *c;
	unsigned i = 0;
	waitlist_walk_begin(&q);
	while ((c = waitlist_walk_next(&q))) {
		assert_true(i < n);
		assert_int_equal(c - calls, want[i++]);
	}
	waitlist_walk_end(&q);
	assert_int_equal(i, n);
}

TEST(the_important_ones_first)
{
	fill(QUEUE_FIFO);
	serves((const unsigned[]){ 2, 5, 0, 3, 1, 4 }, 6);
	fill(QUEUE_LIFO);
	serves((const unsigned[]){ 2, 5, 3, 0, 4, 1 }, 6);
}

TEST(calls_leave_while_they_are_looked_at)
{
	static const enum queue_order orders[] = { QUEUE_FIFO, QUEUE_LIFO };
	for (int o = 0; o < 2; o++) {
		struct upstream_call *c;
		unsigned n = 0;
		fill(orders[o]);
		waitlist_walk_begin(&q);
		while ((c = waitlist_walk_next(&q))) {
			n++;
			waitlist_remove(&q, c);
			if (n == 3) { /* others end at the same time, also the next one */
				waitlist_remove(&q,
					orders[o] == QUEUE_FIFO ? &calls[3] : &calls[0]);
				waitlist_remove(&q, &calls[1]);
			}
		}
		waitlist_walk_end(&q);
		assert_int_equal(n, 4);
		assert_true(waitlist_is_empty(&q));
	}
}

TEST(less_important_ones_give_up_their_places)
{
	struct upstream_call *shed;
	fill(QUEUE_FIFO);
	assert_true(waitlist_make_room(&q, PRIORITY_CRITICAL, &shed));
	assert_ptr_equal(shed, &calls[4]); /* the one that would be served last */
	waitlist_remove(&q, shed);
	assert_true(waitlist_make_room(&q, PRIORITY_LOW, &shed)); /* there is room */
	assert_null(shed);
	(void)add(6, PRIORITY_CRITICAL);
	assert_true(waitlist_make_room(&q, PRIORITY_NORMAL, &shed));
	assert_ptr_equal(shed, &calls[1]);
	waitlist_remove(&q, shed);
	(void)add(7, PRIORITY_NORMAL);
	assert_false(waitlist_make_room(&q, PRIORITY_NORMAL, &shed));
	assert_false(waitlist_make_room(&q, PRIORITY_LOW, &shed));
	assert_true(waitlist_make_room(&q, PRIORITY_HIGH, &shed));
	assert_ptr_equal(shed, &calls[7]);
}

TEST(with_lifo_the_one_that_waited_longest_gives_up)
{
	struct upstream_call *shed;
	fill(QUEUE_LIFO);
	assert_true(waitlist_make_room(&q, PRIORITY_LOW, &shed));
	assert_ptr_equal(shed, &calls[1]);
	assert_true(waitlist_make_room(&q, PRIORITY_NORMAL, &shed));
	assert_ptr_equal(shed, &calls[1]);
	waitlist_remove(&q, &calls[1]);
	waitlist_remove(&q, &calls[4]);
	(void)add(8, PRIORITY_HIGH);
	(void)add(9, PRIORITY_HIGH);
	assert_false(waitlist_make_room(&q, PRIORITY_LOW, &shed));
	assert_true(waitlist_make_room(&q, PRIORITY_NORMAL, &shed));
	assert_ptr_equal(shed, &calls[0]);
}

TEST(a_queue_without_room)
{
	struct upstream_call *shed;
	waitlist_init(&q, QUEUE_LIFO, 0);
	assert_false(waitlist_make_room(&q, PRIORITY_CRITICAL, &shed));
	waitlist_init(&q, QUEUE_FIFO, 0);
	assert_false(waitlist_make_room(&q, PRIORITY_CRITICAL, &shed));
}
