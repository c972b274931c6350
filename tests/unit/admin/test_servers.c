/* admin/servers: one server as several workers see it. */
#include "unit.h"

#include <stdlib.h>

#include "admin/servers.h"
#include "base/err.h"

static struct endpoint_view server(const char *upstream, const char *address, const char *host,
	enum endpoint_state state, unsigned n)
{
	return (struct endpoint_view){ .upstream = str_of(upstream),
		.address = str_of(address),
		.host = str_of(host),
		.state = state,
		.connections = n,
		.idle = n + 1,
		.in_flight = n + 2,
		.down_for_ns = state == ENDPOINT_DOWN ? n * NS_PER_S : 0,
		.requests = n + 3,
		.failures = n + 4,
		.connects = n + 5,
		.connect_failures = n + 6,
		.reused = n + 7,
		.ejected = n + 8 };
}

TEST(sums)
{
	const struct endpoint_view a[] = { server("b", "1", "", ENDPOINT_UP, 10),
		server("a", "2", "", ENDPOINT_DOWN, 20) };
	const struct endpoint_view b[] = { server("a", "2", "", ENDPOINT_DOWN, 40),
		server("b", "1", "", ENDPOINT_TRIAL, 1) };
	const struct gather_answer v[] = { { .endpoints = a, .n_endpoints = 2 }, { .silent = true },
		{ .endpoints = b, .n_endpoints = 2 } };
	size_t n;
	struct server_sum *all = servers_merge(v, 3, &n);
	assert_int_equal(n, 2);
	assert_str(all[0].sum.upstream, "a");
	assert_int_equal(all[0].in_state[ENDPOINT_DOWN], 2);
	assert_int_equal(all[0].sum.down_for_ns, 40 * NS_PER_S);
	assert_int_equal(all[0].sum.connections, 60);
	assert_int_equal(all[0].sum.idle, 62);
	assert_int_equal(all[0].sum.in_flight, 64);
	assert_int_equal(all[0].sum.requests, 66);
	assert_int_equal(all[0].sum.failures, 68);
	assert_int_equal(all[0].sum.connects, 70);
	assert_int_equal(all[0].sum.connect_failures, 72);
	assert_int_equal(all[0].sum.reused, 74);
	assert_int_equal(all[0].sum.ejected, 76);
	assert_str(all[1].sum.upstream, "b");
	assert_int_equal(all[1].in_state[ENDPOINT_UP], 1);
	assert_int_equal(all[1].in_state[ENDPOINT_TRIAL], 1);
	free(all);
}

TEST(what_tells_servers_apart)
{
	const struct endpoint_view a[] = { server("a", "1", "x", ENDPOINT_UP, 1),
		server("a", "1", "y", ENDPOINT_UP, 2), server("a", "12", "x", ENDPOINT_UP, 3),
		server("aa", "1", "x", ENDPOINT_UP, 4), server("", "1", "x", ENDPOINT_UP, 5) };
	const struct gather_answer v = { .endpoints = a, .n_endpoints = 5 };
	size_t n, count;
	struct server_sum *all = servers_merge(&v, 1, &n);
	assert_int_equal(n, 5);
	const struct server_sum *at = servers_of(all, n, STR("a"), &count);
	assert_int_equal(count, 3);
	for (size_t i = 0; i < count; i++)
		assert_str(at[i].sum.upstream, "a");
	(void)servers_of(all, n, STR("b"), &count);
	assert_int_equal(count, 0);
	(void)servers_of(all, n, STR("A"), &count);
	assert_int_equal(count, 0);
	at = servers_of(all, n, STR("aa"), &count);
	assert_int_equal(count, 1);
	assert_int_equal(at->sum.connections, 4);
	free(all);
}

TEST(one_state_for_the_process)
{
	char why[SERVER_REASON] = "";
	struct server_sum s = { .sum.record.weight = RECORD_NO_WEIGHT, .in_state = { 2 } };
	assert_int_equal(server_state(&s), SERVER_UP);
	assert_false(server_reason(&s, why));
	s.in_state[ENDPOINT_DOWN] = 1;
	s.sum.last_err = ERR_CONNECT_FAILED;
	assert_int_equal(server_state(&s), SERVER_PARTLY_UP);
	assert_true(server_reason(&s, why));
	assert_string_equal(why, "requests fail: connect-failed");
	s.in_state[ENDPOINT_UP] = 0;
	assert_int_equal(server_state(&s), SERVER_DOWN);
	s.in_state[ENDPOINT_SUSPECT] = 1;
	assert_int_equal(server_state(&s), SERVER_SUSPECT);
	s.sum.record.verdict = CHECKED_DOWN;
	s.sum.record.last_result = CHECK_STATUS;
	s.sum.record.last_status = 503;
	assert_int_equal(server_state(&s), SERVER_DOWN);
	assert_true(server_reason(&s, why));
	assert_string_equal(why, "checks fail: status 503");
	s.sum.record.weight = 0;
	assert_int_equal(server_state(&s), SERVER_DRAINED);
	s.sum.record.order = ORDER_DISABLED;
	assert_int_equal(server_state(&s), SERVER_DISABLED);
	assert_string_equal(server_state_name(server_state(&s)), "disabled");
}

TEST(nobody)
{
	size_t n, count;
	struct server_sum *all = servers_merge(NULL, 0, &n);
	assert_int_equal(n, 0);
	(void)servers_of(all, n, STR("a"), &count);
	assert_int_equal(count, 0);
	free(all);
}
