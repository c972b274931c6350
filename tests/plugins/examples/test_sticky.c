/* contrib/plugin-examples/sticky: who goes where, and who moves. */
#include <stdio.h>

#include "kit.h"
#include "test.h"

extern const sluice_plugin sluice_plugin_record;

enum { SERVERS = 5, VALUES = 2000 };

static sluice_instance *i;
static kit_candidate servers[SERVERS] = { { .address = "10.0.0.1:80" },
	{ .address = "10.0.0.2:80" }, { .address = "10.0.0.3:80" }, { .address = "10.0.0.4:80" },
	{ .address = "10.0.0.5:80" } };

static int begin(void **state)
{
	(void)state;
	kit_reset();
	for (int s = 0; s < SERVERS; s++) {
		servers[s].down = servers[s].tried = false;
		servers[s].weight = 1;
	}
	i = kit_instance(&sluice_plugin_record, "by", "cookie:session", NULL);
	kit_start(i);
	return 0;
}

static int end(void **state)
{
	(void)state;
	kit_stop(i);
	return 0;
}

/* The server of that session. */
static int server_of(int session)
{
	char cookie[64];
	(void)snprintf(cookie, sizeof(cookie), "session=s%d", session);
	sluice_exchange *x = kit_request(i, "GET", "/", "Cookie", cookie, NULL);
	int chosen = kit_choose(i, x, servers, SERVERS);
	assert_in_range(chosen, 0, SERVERS - 1);
	assert_int_equal(kit_choose(i, x, servers, SERVERS), chosen);
	kit_end(x);
	return chosen;
}

TEST_WITH(values_are_spread_by_weight, begin, end)
{
	int n[SERVERS] = { 0 };
	servers[0].weight = 4; /* of 8 */
	for (int v = 0; v < VALUES; v++)
		n[server_of(v)]++;
	assert_in_range(n[0], VALUES * 9 / 20, VALUES * 11 / 20);
	for (int s = 1; s < SERVERS; s++)
		assert_in_range(n[s], VALUES / 11, VALUES / 6);
}

TEST_WITH(only_values_of_the_server_that_is_gone_move, begin, end)
{
	static int was[VALUES];
	int moved = 0;
	for (int v = 0; v < VALUES; v++)
		was[v] = server_of(v);
	servers[2].down = true;
	for (int v = 0; v < VALUES; v++) {
		int is = server_of(v);
		assert_int_not_equal(is, 2);
		assert_true(is == was[v] || was[v] == 2);
		moved += is != was[v];
	}
	assert_in_range(moved, VALUES / 7, VALUES / 4);
	servers[2].down = false;
	for (int v = 0; v < VALUES; v++)
		assert_int_equal(server_of(v), was[v]);
}

TEST_WITH(a_server_that_was_tried_is_not_chosen_again, begin, end)
{
	for (int tries = 0; tries < SERVERS; tries++)
		servers[server_of(7)].tried = true;
	sluice_exchange *x = kit_request(i, "GET", "/", "Cookie", "session=s7", NULL);
	assert_int_equal(kit_choose(i, x, servers, SERVERS), SLUICE_CHOOSE_NONE);
	kit_end(x);
}

TEST_WITH(without_a_value_it_chooses_none, begin, end)
{
	sluice_exchange *x = kit_request(i, "GET", "/", NULL);
	assert_int_equal(kit_choose(i, x, servers, SERVERS), SLUICE_CHOOSE_NONE);
	kit_end(x);
	assert_int_equal(kit_choose(i, NULL, servers, SERVERS), SLUICE_CHOOSE_NONE);
	assert_string_equal(kit_log(), "");
}
