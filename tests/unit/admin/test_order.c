/* admin/order: what a query sets, and which queries set nothing. */
#include "admin/order.h"

#include "unit.h"

static const struct conn_info who = { .peer_ip = "127.0.0.1", .peer_ip_len = 9, .fd = -1 };

TEST(sets)
{
	struct addr a;
	struct order o;
	sluice_str bad;
	assert_true(addr_from_ip(STR("2001:db8::1"), 80, &a));
	struct record *r = record_get(STR("a b"), &a, STR("")),
		      *tls = record_get(STR("a b"), &a, STR("host"));
	sluice_str query = STR("upstream=a%20b&server=[2001:db8::1]%3A80&state=drain&weight=7");
	assert_int_equal(order_run(query, &who, &o, &bad), ORDER_DONE);
	assert_int_equal(o.n, 2);
	assert_int_equal(r->order, ORDER_DRAIN);
	assert_int_equal(r->weight, 7);
	assert_int_equal(tls->order, ORDER_DRAIN);
	query = STR("upstream=a%20b&server=[2001:db8::1]:80&weight=file&state=ready");
	assert_int_equal(order_run(query, &who, &o, &bad), ORDER_DONE);
	assert_int_equal(r->order, ORDER_READY);
	assert_int_equal(r->weight, RECORD_NO_WEIGHT);
	record_unref(&r);
	record_unref(&tls);
	assert_int_equal(order_run(query, &who, &o, &bad), ORDER_NO_SERVER);
	assert_str(bad, "[2001:db8::1]:80");
}

TEST(mistakes)
{
	static const char *const wrong[] = { "", "upstream=a", "server=b", "upstream=a&server=b",
		"upstream=a&server=b&state=", "upstream=a&server=b&state=up",
		"upstream=a&server=b&weight=-1", "upstream=a&server=b&weight=101",
		"upstream=a&server=b&weight=", "upstream=&server=b&weight=1",
		"upstream=a&server=b&weight=1&other=2", "upstream=a&server=b&weight" };
	struct order o;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		sluice_str bad = STR_NONE;
		assert_int_equal(order_run(str_of(wrong[i]), &who, &o, &bad), ORDER_BAD_PARAMETER);
		assert_true(bad.len > 0);
	}
}
