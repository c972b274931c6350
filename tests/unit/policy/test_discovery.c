/* policy/discovery: the hook discover, and what sluice_servers_set() refuses. */
#include "policy/discovery.h"

#include "policy/running.h"
#include "walk_kit.h"

static sluice_instance *inst;
static struct discovered *d;
static int returns;
static unsigned calls;
static const sluice_server_entry one[] = { { { "10.0.0.1:80", 11 }, 0 } };

static int discover(sluice_instance *i, void *conf, sluice_str upstream)
{
	(void)conf;
	calls++;
	assert_ptr_equal(i, inst);
	assert_str(upstream, "app");
	if (returns == 0)
		assert_int_equal(sluice_servers_set(i, upstream, one, 1), 0);
	return returns;
}

static const sluice_plugin finder = { .size = sizeof(finder),
	.name = "finder",
	.discover = discover };

/* Lines that the log would have had. */
static uint64_t told(enum blame what)
{
	return atomic_exchange(&inst->blamed[what].untold, 0);
}

static int begin(void **state)
{
	int err = walk_setup(state);
	walk_begin(1, "", 0);
	inst = items[0].inst;
	inst->plugin = &finder;
	inst->id = 7;
	inst->refs = 1;
	inst->state = INSTANCE_STARTED;
	arena_init(&inst->scratch, 0);
	d = discovered_get(STR("app"));
	returns = 0;
	calls = 0;
	return err;
}

static int end(void **state)
{
	discovered_unref(&d);
	walk_end();
	return walk_teardown(state);
}

static void settle(void)
{
	discovered_settle_begin();
	discovered_settle(d, inst->name, NULL);
}

TEST_WITH(it_is_asked_once, begin, end)
{
	assert_true(discovery_begin(inst, d));
	settle();
	assert_int_equal(calls, 1);
	assert_int_equal(d->set->n, 1);
	assert_int_equal(d->set->v[0].weight, 1);
	assert_true(discovery_begin(inst, d));
	settle();
	assert_int_equal(calls, 1);
}

TEST_WITH(it_may_fail, begin, end)
{
	returns = -1;
	assert_false(discovery_begin(inst, d));
	discovered_abandon(d);
	assert_int_equal(sluice_servers_set(inst, STR("app"), one, 1), SLUICE_SERVERS_GONE);
	assert_null(d->set);
}

TEST_WITH(what_is_refused, begin, end)
{
	static sluice_server_entry many[DISCOVERED_MAX + 1];
	assert_true(discovery_begin(inst, d));
	settle();
	const struct server_set *before = d->set;
	/* the log is quiet, and counts */
	atomic_store(&inst->blamed[BLAME_CHANGE].until_ns, UINT64_MAX);
	running_set(&fakewire_worker, inst, RUNNING_TIMER, NULL);
	assert_int_equal(sluice_servers_set(inst, STR("other"), one, 1), SLUICE_SERVERS_GONE);
	assert_int_equal(sluice_servers_set(inst, STR_NONE, one, 1), SLUICE_SERVERS_GONE);
	assert_int_equal(sluice_servers_set(inst, STR("app"), many, DISCOVERED_MAX + 1), -1);
	assert_int_equal(sluice_servers_set(inst, STR("app"), many, 1), -1); /* no address */
	const sluice_server_entry bad[] = { one[0], { STR("nowhere"), 1 } };
	assert_int_equal(sluice_servers_set(inst, STR("app"), bad, 2), -1);
	const sluice_server_entry twice[] = { one[0], one[0] };
	assert_int_equal(sluice_servers_set(inst, STR("app"), twice, 2), -1);
	assert_int_equal(told(BLAME_CHANGE), 6);
	atomic_store(&inst->blamed[BLAME_MISUSE].until_ns, UINT64_MAX);
	assert_int_equal(sluice_servers_set(inst, STR("app"), NULL, 1), -1);
	assert_int_equal(told(BLAME_MISUSE), 1);
	running_clear(&fakewire_worker);
	assert_ptr_equal(d->set, before);
	assert_int_equal(sluice_servers_set(inst, STR("app"), NULL, 0), 0);
	assert_int_equal(d->set->n, 0);
}

/* stop() runs when the workers may have ended. */
TEST_WITH(one_that_is_released_sets_none, begin, end)
{
	assert_true(discovery_begin(inst, d));
	settle();
	inst->refs = 0;
	assert_int_equal(sluice_servers_set(inst, STR("app"), NULL, 0), -1);
	assert_int_equal(d->set->n, 1);
}

/* In a hook, or in a choice: it is of the main thread. */
TEST_WITH(a_hook_sets_no_servers, begin, end)
{
	assert_true(discovery_begin(inst, d));
	settle();
	walk_enter(0);
	assert_int_equal(sluice_servers_set(inst, STR("app"), NULL, 0), -1);
	walk_leave();
	struct running_call_before was = running_begin(&fakewire_worker, inst, RUNNING_CHOOSE);
	assert_int_equal(sluice_servers_set(inst, STR("app"), NULL, 0), -1);
	running_end(&fakewire_worker, was);
	assert_int_equal(d->set->n, 1);
}

/* A module of a newer header: its entries are longer. */
TEST_WITH(entries_may_grow, begin, end)
{
	static const struct {
		sluice_server_entry e;
		uint64_t more;
	} v[] = { { { { "a:80", 4 }, 2 }, 1 }, { { { "b:80", 4 }, 3 }, 1 } };
	assert_true(discovery_begin(inst, d));
	settle();
	assert_int_equal(sluice_host_table->servers_set(inst, STR("app"), &v[0].e, 2, sizeof(v[0])),
		0);
	assert_int_equal(d->set->n, 2);
	assert_int_equal(d->set->v[1].weight, 3);
	assert_int_equal(sluice_host_table->servers_set(inst, STR("app"), &v[0].e, 2, 4), -1);
}
