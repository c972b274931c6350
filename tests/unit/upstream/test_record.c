/* upstream/record: what the process knows of a server, and how the endpoints of a worker hear it.
 */
#include "upstream/record.h"

#include "kit.h"
#include "upstream/balance.h"
#include "upstream/endpoint.h"

static struct endpoint *make(const char *upstream, const char *ip)
{
	struct endpoint_key key = { .upstream = str_of(upstream), .host = STR("") };
	const struct endpoint_bounds b = { .serial = 1,
		.health = { .failures = 1, .retry_after = 100, .stall = 100 } };
	assert_true(addr_from_ip(str_of(ip), 80, &key.addr));
	struct endpoint *e = endpoint_get(&kit_worker, &key);
	endpoint_set_bounds(e, &b);
	return e;
}

static unsigned order(const char *address, int what, int weight)
{
	const struct record_change c = { STR("u"), str_of(address), what, weight };
	return record_order(&c, "a test");
}

/* What a mail of record_tell() does. */
static void hear(struct endpoint *e)
{
	upstream_on_record(&kit_worker, record_ref(e->record));
}

TEST(one_for_all)
{
	struct addr a;
	assert_true(addr_from_ip(STR("192.0.2.1"), 80, &a));
	struct record *r = record_get(STR("u"), &a, STR("")),
		      *same = record_get(STR("u"), &a, STR("")),
		      *other = record_get(STR("v"), &a, STR("")),
		      *host = record_get(STR("u"), &a, STR("h"));
	assert_ptr_equal(r, same);
	assert_ptr_not_equal(r, other);
	assert_ptr_not_equal(r, host);
	struct endpoint *e = make("u", "192.0.2.1");
	assert_ptr_equal(e->record, r);
	endpoint_unref(&e);
	record_unref(&r);
	record_unref(&same);
	record_unref(&other);
	record_unref(&host);
	assert_null(r);
}

TEST(drained_disabled_ready)
{
	struct endpoint *e = make("u", "192.0.2.1");
	assert_true(endpoint_is_ready(e));
	assert_int_equal(order("192.0.2.1:80", ORDER_DRAIN, RECORD_WEIGHT_STAYS), 1);
	hear(e);
	assert_false(endpoint_is_ready(e));
	assert_true(endpoint_is_barred(e));
	assert_int_equal(order("192.0.2.1:80", ORDER_DISABLED, RECORD_WEIGHT_STAYS), 1);
	hear(e);
	assert_int_equal(e->order, ORDER_DISABLED);
	assert_int_equal(order("192.0.2.1:80", ORDER_READY, RECORD_WEIGHT_STAYS), 1);
	hear(e);
	assert_true(endpoint_is_ready(e));
	assert_int_equal(order("192.0.2.9:80", ORDER_DRAIN, RECORD_WEIGHT_STAYS), 0);
	endpoint_unref(&e);
}

TEST(weights)
{
	struct balance b;
	balance_init(&b, BALANCE_ROUND_ROBIN, NULL);
	struct endpoint *e = make("u", "192.0.2.1"), *f = make("u", "192.0.2.2");
	struct candidate *of_e = balance_add(&b, e, 1);
	(void)balance_add(&b, f, 1);
	assert_int_equal(endpoint_weight(e, 7), 7);
	(void)order("192.0.2.1:80", RECORD_ORDER_STAYS, 3);
	hear(e);
	assert_int_equal(endpoint_weight(e, 7), 3);
	(void)order("192.0.2.1:80", RECORD_ORDER_STAYS, 0);
	hear(e);
	assert_true(endpoint_is_barred(e));
	assert_int_equal(endpoint_weight(e, 7), 0);
	balance_set_weight(of_e, endpoint_weight(e, 1)); /* as its upstream does */
	const struct balance_ask ask = { 0 };
	struct candidate *c;
	for (int i = 0; i < 5; i++) {
		assert_int_equal(balance_choose(&b, &ask, &c), BALANCE_CHOSEN);
		assert_ptr_equal(c->endpoint, f);
	}
	/* not even when no other is left */
	endpoint_failed(f, false, ERR_CONNECT_FAILED);
	assert_int_equal(balance_choose(&b, &ask, &c), BALANCE_CHOSEN);
	assert_ptr_equal(c->endpoint, f);
	const uint64_t tried[] = { f->id };
	const struct balance_ask again = { .tried = tried, .n_tried = 1 };
	assert_int_equal(balance_choose(&b, &again, &c), BALANCE_NONE);
	(void)order("192.0.2.1:80", RECORD_ORDER_STAYS, RECORD_NO_WEIGHT);
	hear(e);
	assert_int_equal(endpoint_weight(e, 7), 7);
	balance_fini(&b);
	endpoint_unref(&e);
	endpoint_unref(&f);
}

/* What an operator has set outlasts the server's absence. */
TEST(orders_are_kept)
{
	struct endpoint *e = make("u", "192.0.2.1");
	(void)order("192.0.2.1:80", ORDER_DISABLED, 5);
	endpoint_unref(&e);
	e = make("u", "192.0.2.1");
	assert_int_equal(e->order, ORDER_DISABLED);
	assert_int_equal(e->weight, 5);
	(void)order("192.0.2.1:80", ORDER_READY, RECORD_NO_WEIGHT);
	assert_int_equal(e->record->refs, 1); /* kept no more */
	endpoint_unref(&e);
	e = make("u", "192.0.2.1");
	assert_int_equal(e->order, ORDER_READY);
	endpoint_unref(&e);
}

TEST(verdicts)
{
	struct endpoint *e = make("u", "192.0.2.1");
	atomic_store(&e->record->verdict, CHECKED_UP);
	hear(e);
	assert_true(endpoint_is_ready(e));
	atomic_store(&e->record->verdict, CHECKED_DOWN);
	hear(e);
	assert_false(endpoint_is_ready(e));
	assert_int_equal(e->state, ENDPOINT_UP);
	/* beside it, requests are judged; a check that passes again forgets that */
	endpoint_failed(e, false, ERR_CONNECT_FAILED);
	assert_int_equal(e->state, ENDPOINT_DOWN);
	atomic_store(&e->record->verdict, CHECKED_UP);
	hear(e);
	assert_int_equal(e->state, ENDPOINT_UP);
	assert_true(endpoint_is_ready(e));
	/* it did not fall in between: the worker's own judgement stands */
	endpoint_failed(e, false, ERR_CONNECT_FAILED);
	hear(e);
	assert_int_equal(e->state, ENDPOINT_DOWN);
	endpoint_unref(&e);
}

/* One worker found the server silent. This one has not heard of it since; or it has. */
TEST(silence_is_shared)
{
	struct endpoint *e = make("u", "192.0.2.1");
	uint64_t since = worker_now(&kit_worker) - NS_PER_S;
	assert_true(record_begin_silence(e->record, since));
	assert_false(record_begin_silence(e->record, since));
	hear(e);
	assert_int_equal(e->state, ENDPOINT_SUSPECT);
	assert_false(endpoint_is_ready(e));
	record_end_silence(e->record);
	hear(e);
	assert_int_equal(e->state, ENDPOINT_UP);
	assert_true(e->heard_ns > since);

	assert_true(record_begin_silence(e->record, since));
	hear(e);
	assert_int_equal(e->state, ENDPOINT_UP);
	assert_int_equal(atomic_load(&e->record->silent_ns), 0);
	endpoint_unref(&e);
}

TEST(names)
{
	for (int i = 0; i < CHECK_RESULTS; i++)
		assert_non_null(check_result_name((enum check_result)i));
	assert_string_equal(record_order_name(ORDER_DRAIN), "drain");
}

TEST_GROUP(kit_setup, kit_teardown);
