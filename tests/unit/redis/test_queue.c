/* redis/queue: order, places given up, growth across the ring's seam. */
#include "unit.h"

#include "redis/queue.h"

static struct redis_call *call(uint64_t n)
{
	return (struct redis_call *)(uintptr_t)(n * 16 + 16);
}

TEST(order)
{
	struct redis_queue q;
	uint64_t pushed = 0, popped = 0;
	queue_init(&q);
	assert_int_equal(queue_length(&q), 0);
	/* three in, two out: the ring turns, and grows in the middle of a turn */
	for (int round = 0; round < 1000; round++) {
		for (int i = 0; i < 3; i++, pushed++)
			assert_int_equal(queue_push(&q, call(pushed), pushed), pushed);
		for (int i = 0; i < 2; i++, popped++) {
			assert_int_equal(queue_at(&q, q.head)->due_ns, popped);
			assert_ptr_equal(queue_pop(&q), call(popped));
		}
		assert_int_equal(queue_length(&q), pushed - popped);
		assert_int_equal(q.waiting, pushed - popped);
	}
	while (popped < pushed)
		assert_ptr_equal(queue_pop(&q), call(popped++));
	assert_int_equal(queue_length(&q), 0);
	queue_fini(&q);
}

TEST(give_up)
{
	struct redis_queue q;
	queue_init(&q);
	for (uint64_t i = 0; i < 10; i++)
		(void)queue_push(&q, call(i), 0);
	queue_give_up(&q, 3);
	queue_give_up(&q, 9);
	queue_give_up(&q, 9);
	assert_int_equal(q.waiting, 8);
	for (uint64_t i = 0; i < 10; i++)
		assert_ptr_equal(queue_pop(&q), i == 3 || i == 9 ? NULL : call(i));
	assert_int_equal(q.waiting, 0);
	queue_fini(&q);
}
