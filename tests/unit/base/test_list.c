/* base/list: order, leaving from anywhere, and walking while elements leave. */
#include "base/list.h"

#include "unit.h"

struct item {
	int n;
	struct list link;
};

static struct item *item_of(struct list *l)
{
	return container_of(l, struct item, link);
}

TEST(order)
{
	struct list head;
	struct item v[4] = { { .n = 0 }, { .n = 1 }, { .n = 2 }, { .n = 3 } };
	int want = 0;
	list_init(&head);
	assert_true(list_is_empty(&head));
	assert_null(list_pop(&head));
	list_push(&head, &v[1].link);
	list_push(&head, &v[3].link);
	list_push_front(&head, &v[0].link);
	list_insert_before(&v[3].link, &v[2].link);
	list_each (e, &head)
		assert_int_equal(item_of(e)->n, want++);
	assert_int_equal(want, 4);
	for (want = 0; want < 4; want++)
		assert_int_equal(item_of(list_pop(&head))->n, want);
	assert_true(list_is_empty(&head));
}

TEST(delete)
{
	struct list head;
	struct item v[3] = { { .n = 0 }, { .n = 1 }, { .n = 2 } };
	list_init(&head);
	for (int i = 0; i < 3; i++)
		list_push(&head, &v[i].link);
	list_del(&v[1].link);
	assert_true(list_is_empty(&v[1].link)); /* on no list */
	list_del(&v[1].link);                   /* twice does no harm */
	assert_int_equal(item_of(head.next)->n, 0);
	assert_int_equal(item_of(head.prev)->n, 2);
	list_del(&v[0].link);
	list_del(&v[2].link);
	assert_true(list_is_empty(&head));
}

TEST(leave_while_walking)
{
	struct list head;
	struct item v[6];
	int seen = 0;
	list_init(&head);
	for (int i = 0; i < 6; i++) {
		v[i].n = i;
		list_push(&head, &v[i].link);
	}
	list_each_safe (e, &head) {
		seen++;
		if (item_of(e)->n % 2)
			list_del(e);
	}
	assert_int_equal(seen, 6);
	seen = 0;
	list_each (e, &head)
		seen += item_of(e)->n;
	assert_int_equal(seen, 0 + 2 + 4);
}
