/* policy/conn: hooks of connections, what they decide, and what they keep. */
#include "policy/conn.h"

#include <pthread.h>
#include <time.h>

#include "base/mem.h"
#include "policy/fact.h"
#include "walk_kit.h"

enum { HOOKS = 3 };

/* What the plugin of the same number does. */
static struct act {
	sluice_conn_hook on_connect, on_secured, on_disconnect;
	unsigned n;
} acts[PLUGINS];

static struct list rows = { &rows, &rows };
static struct conn_row *row;
static struct conn_info info;
static sluice_conn *conn; /* the room of the gate */
static struct chain_item listed[PLUGINS];
static char why[GATE_WHY];

static sluice_verdict act(sluice_conn *c, const void *conf, char letter, sluice_conn_hook hook)
{
	note("%c%u ", letter, ((const struct act *)conf)->n);
	return hook ? hook(c, conf) : SLUICE_NEXT;
}

static sluice_verdict on_connect(sluice_conn *c, const void *conf)
{
	return act(c, conf, 'c', ((const struct act *)conf)->on_connect);
}

static sluice_verdict on_secured(sluice_conn *c, const void *conf)
{
	return act(c, conf, 's', ((const struct act *)conf)->on_secured);
}

static sluice_verdict on_disconnect(sluice_conn *c, const void *conf)
{
	return act(c, conf, 'd', ((const struct act *)conf)->on_disconnect);
}

static const sluice_plugin record = { .size = sizeof(record),
	.name = "conns",
	.on_connect = on_connect,
	.on_secured = on_secured,
	.on_disconnect = on_disconnect };
static const sluice_plugin deaf = { .size = sizeof(deaf), .name = "deaf" };
static const sluice_plugin *before[PLUGINS];

static struct sluice_conn *plugged(const struct conn_info *c)
{
	assert_ptr_equal(c, &info);
	return conn;
}

static const struct conn_listener listener = { .name = STR("public"), .plugged = plugged };

static enum sluice_reading read_fact(const struct conn_info *c, unsigned fact, struct arena *a,
	sluice_str *out)
{
	assert_ptr_equal(c, &info);
	*out = fact == FACT_TLS_SNI ? arena_printf(a, "a.test") : STR_NONE;
	return out->data ? SLUICE_READ_ONE : SLUICE_READ_NONE;
}

static const struct run_about about = { .conn = read_fact };

/* ---- a connection of a listener with n plugins --------------------------------------------- */

static struct conn_row *new_row(unsigned n, struct instance_keeper *keeper)
{
	static struct instance_worker *slot_of[PLUGINS];
	for (unsigned i = 0; i < PLUGINS; i++) {
		sluice_instance *inst = slots[i].inst;
		slot_of[i] = &slots[i];
		inst->plugin = i < HOOKS ? &record : &deaf;
		inst->conf = &acts[i];
		acts[i].n = i;
		listed[i] = (struct chain_item){ .plugin = inst->plugin, .inst = inst, .slot = i };
	}
	const struct chain chain = { .v = listed, .n = n, .sees_conns = true };
	return conn_row_new(&fakewire_worker, &chain, slot_of, keeper, &rows);
}

static void begin(unsigned n)
{
	walk_begin(0, "", 0);
	for (unsigned i = 0; i < PLUGINS; i++)
		before[i] = slots[i].inst->plugin;
	memset(acts, 0, sizeof(acts));
	walk->keeper->about = &about;
	row = new_row(n, walk->keeper);
	info = (struct conn_info){ .peer_ip = "192.0.2.7",
		.peer_ip_len = 9,
		.peer_port = 1234,
		.listener = &listener };
	conn = mem_zeroed(1, row->gate.room, "a connection");
	trace[0] = 0;
	why[0] = 0;
}

static bool connected(void)
{
	return row->gate.ops->on_connect(&row->gate, conn, &info, why);
}

static bool secured(void)
{
	return row->gate.ops->on_secured(conn, why);
}

static void closed(void)
{
	row->gate.ops->on_close(conn);
	free(conn);
	conn = NULL;
}

static void end(void)
{
	if (conn)
		closed();
	conn_gate_unref(&row->gate);
	assert_true(list_is_empty(&rows));
	assert_int_equal(walk_kept, 0);
	walk->keeper->about = NULL;
	for (unsigned i = 0; i < PLUGINS; i++) {
		slots[i].inst->plugin = before[i];
		slots[i].inst->mode = INSTANCE_ENFORCE;
		slots[i].inst->on_error = INSTANCE_DENY;
	}
	walk_end();
}

/* Lines that the log would have had: it is quiet, and counts. */
static uint64_t told(unsigned n, enum blame what)
{
	struct blame_quiet *q = &slots[n].inst->blamed[what];
	atomic_store(&q->until_ns, UINT64_MAX);
	return atomic_exchange(&q->untold, 0);
}

static void quiet(void)
{
	for (unsigned i = 0; i < PLUGINS; i++) {
		for (unsigned k = 0; k < BLAMES; k++)
			(void)told(i, (enum blame)k);
	}
}

/* ---- the walk ------------------------------------------------------------------------------ */

TEST(hooks_run_in_order_and_end_once)
{
	begin(HOOKS);
	assert_true(connected());
	assert_true(secured());
	closed();
	assert_string_equal(trace, "c0 c1 c2 s0 s1 s2 d0 d1 d2 ");
	end();
}

TEST(a_plain_connection_is_not_secured)
{
	begin(1);
	assert_true(connected());
	closed();
	assert_string_equal(trace, "c0 d0 ");
	end();
}

TEST(a_connection_that_never_was_let_in)
{
	begin(HOOKS);
	closed(); /* its PROXY header was malformed, say */
	assert_string_equal(trace, "");
	end();
}

TEST(plugins_without_such_hooks_have_no_place)
{
	begin(PLUGINS);
	assert_int_equal(row->n, HOOKS);
	assert_int_equal(row->gate.room, sizeof(sluice_conn) + HOOKS * sizeof(void *));
	end();
}

TEST(an_instance_that_is_listed_twice_runs_once)
{
	begin(2);
	conn_gate_unref(&row->gate);
	struct instance_worker *const slot_of[] = { &slots[0], &slots[1] };
	const struct chain_item twice[] = { listed[0], listed[1], listed[0] };
	const struct chain chain = { .v = twice, .n = 3 };
	row = conn_row_new(&fakewire_worker, &chain, slot_of, walk->keeper, &rows);
	assert_true(connected());
	assert_string_equal(trace, "c0 c1 ");
	end();
}

/* ---- verdicts ------------------------------------------------------------------------------ */

static sluice_verdict refuse(sluice_conn *c, const void *conf)
{
	(void)conf;
	return sluice_conn_refuse(c, "too-many");
}

TEST(a_refusal_before_tls)
{
	begin(HOOKS);
	acts[1].on_connect = refuse;
	assert_false(connected());
	assert_string_equal(why, "too-many, by plugin instance \"an-instance\"");
	closed();
	assert_string_equal(trace, "c0 c1 d0 d1 "); /* the third never heard of it */
	end();
}

TEST(a_refusal_after_tls)
{
	begin(HOOKS);
	acts[0].on_secured = refuse;
	assert_true(connected());
	assert_false(secured());
	assert_string_equal(why, "too-many, by plugin instance \"an-instance\"");
	closed();
	assert_string_equal(trace, "c0 c1 c2 s0 d0 d1 d2 ");
	end();
}

static sluice_verdict give_up(sluice_conn *c, const void *conf)
{
	(void)c, (void)conf;
	return SLUICE_FAIL;
}

static sluice_verdict wait_for_it(sluice_conn *c, const void *conf)
{
	(void)c, (void)conf;
	return SLUICE_WAIT;
}

static sluice_verdict reply_nothing(sluice_conn *c, const void *conf)
{
	(void)c, (void)conf;
	return SLUICE_REPLY;
}

static sluice_verdict no_verdict(sluice_conn *c, const void *conf)
{
	(void)c, (void)conf;
	return (sluice_verdict)77;
}

static sluice_verdict refuse_and_go_on(sluice_conn *c, const void *conf)
{
	(void)conf;
	(void)sluice_conn_refuse(c, "a");
	return SLUICE_NEXT;
}

TEST(whatever_else_a_hook_returns_is_a_failure)
{
	static const sluice_conn_hook wrong[] = { give_up, wait_for_it, reply_nothing, no_verdict,
		refuse_and_go_on };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		begin(2);
		quiet();
		acts[0].on_connect = wrong[i];
		assert_false(connected());
		assert_string_equal(why, "plugin-failed, by plugin instance \"an-instance\"");
		assert_int_equal(told(0, BLAME_FAILED), 1);
		end();
	}
}

TEST(on_error_skip_lets_go_on)
{
	begin(2);
	quiet();
	slots[0].inst->on_error = INSTANCE_SKIP;
	acts[0].on_connect = acts[0].on_secured = give_up;
	assert_true(connected());
	assert_true(secured());
	assert_string_equal(trace, "c0 c1 s0 s1 ");
	assert_int_equal(told(0, BLAME_FAILED), 2);
	/* a refusal is no failure, and one that was given is not taken back */
	acts[0].on_secured = refuse;
	assert_false(secured());
	acts[0].on_secured = refuse_and_go_on;
	assert_false(secured());
	end();
}

TEST(a_report_lets_go_on)
{
	begin(2);
	quiet();
	slots[0].inst->mode = INSTANCE_REPORT;
	acts[0].on_connect = refuse;
	acts[0].on_secured = give_up;
	assert_true(connected());
	assert_true(secured());
	assert_string_equal(trace, "c0 c1 s0 s1 ");
	assert_int_equal(told(0, BLAME_CHANGE), 1);
	assert_int_equal(told(0, BLAME_FAILED), 1);
	end();
}

static sluice_verdict refuse_badly(sluice_conn *c, const void *conf)
{
	(void)conf;
	return sluice_conn_refuse(c, "No Code");
}

TEST(a_code_that_cannot_be)
{
	begin(1);
	quiet();
	acts[0].on_connect = refuse_badly;
	assert_false(connected());
	assert_string_equal(why, "refused, by plugin instance \"an-instance\"");
	assert_int_equal(told(0, BLAME_MISUSE), 1);
	end();
}

static sluice_verdict be_slow(sluice_conn *c, const void *conf)
{
	const struct timespec t = { .tv_nsec = 2000000 };
	(void)c, (void)conf;
	(void)nanosleep(&t, NULL);
	return SLUICE_NEXT;
}

TEST(calls_are_counted_and_have_a_budget)
{
	begin(1);
	quiet();
	uint64_t calls = *slots[0].calls;
	slots[0].inst->budget_ns = NS_PER_MS;
	slots[0].inst->sample_mask = 0; /* as with a budget: each call is measured */
	slots[0].next_sample = 0;
	acts[0].on_connect = be_slow;
	assert_true(connected());
	closed();
	assert_int_equal(*slots[0].calls - calls, 2);
	assert_int_equal(told(0, BLAME_SLOW), 1);
	slots[0].inst->budget_ns = 0;
	slots[0].inst->sample_mask = INSTANCE_SAMPLE_EVERY - 1;
	end();
}

/* ---- what it keeps ------------------------------------------------------------------------- */

struct kept {
	unsigned n;
};

static sluice_verdict count(sluice_conn *c, const void *conf)
{
	const struct act *a = conf;
	struct kept *k = sluice_conn_state(c, sizeof(*k));
	assert_non_null(k);
	note("%u ", k->n);
	k->n += a->n + 1;
	return SLUICE_NEXT;
}

TEST(each_instance_has_a_state)
{
	begin(2);
	acts[0].on_connect = acts[0].on_secured = acts[0].on_disconnect = count;
	acts[1].on_connect = acts[1].on_disconnect = count;
	assert_true(connected());
	assert_ptr_not_equal(conn->states[0], conn->states[1]);
	assert_true(secured());
	closed();
	assert_string_equal(trace, "c0 0 c1 0 s0 1 s1 d0 2 d1 2 ");
	end();
}

static void tell(void *arg)
{
	note("%s ", (const char *)arg);
}

static sluice_verdict register_two(sluice_conn *c, const void *conf)
{
	(void)conf;
	assert_true(sluice_conn_cleanup(c, tell, (void *)(uintptr_t) "first"));
	assert_true(sluice_conn_cleanup(c, tell, (void *)(uintptr_t) "second"));
	return SLUICE_NEXT;
}

TEST(clean_ups_run_last_and_the_newest_first)
{
	begin(2);
	acts[0].on_connect = register_two;
	assert_true(connected());
	closed();
	assert_string_equal(trace, "c0 c1 d0 d1 second first ");
	end();
}

static unsigned added;

static void do_nothing(void *arg)
{
	(void)arg;
	added--;
}

static sluice_verdict register_many(sluice_conn *c, const void *conf)
{
	(void)conf;
	while (sluice_conn_cleanup(c, do_nothing, NULL))
		added++;
	assert_int_equal(added, SLUICE_CONN_CLEANUPS);
	assert_null(sluice_conn_state(c, 0));
	assert_null(sluice_conn_state(c, SLUICE_CONN_STATE + 1));
	assert_non_null(sluice_conn_state(c, SLUICE_CONN_STATE));
	return SLUICE_NEXT;
}

TEST(what_it_keeps_has_bounds)
{
	begin(2);
	quiet();
	acts[0].on_connect = register_many;
	assert_true(connected());
	assert_int_equal(told(0, BLAME_MISUSE), 3);
	closed();
	assert_int_equal(added, 0);
	end();
}

/* ---- what it knows ------------------------------------------------------------------------- */

static int a_value = 4711;
static struct published value = { .value = &a_value };

static sluice_verdict ask(sluice_conn *c, const void *conf)
{
	(void)conf;
	assert_str(sluice_conn_get(c, SLUICE_I_TLS_SNI), "a.test");
	assert_null(sluice_conn_get(c, SLUICE_I_PATH).data);
	assert_null(sluice_conn_get(c, (sluice_info)1000).data);
	assert_int_equal(sluice_conn_number(c, SLUICE_N_PEER_PORT), 1234);
	assert_int_equal(sluice_conn_number(c, SLUICE_N_CLIENT_PORT), 1234);
	assert_int_equal(sluice_conn_number(c, SLUICE_N_CONNECTION_REQUESTS), 0);
	assert_int_equal(sluice_conn_number(c, SLUICE_N_DURATION_US), 0);
	assert_true(sluice_conn_number(c, SLUICE_N_START_MS) > 0);
	assert_int_equal(sluice_conn_number(c, SLUICE_N_STATUS), SLUICE_UNKNOWN);
	assert_ptr_equal(sluice_conn_worker_state(c), &a_value);
	assert_ptr_equal(sluice_conn_published(c), &a_value);
	return SLUICE_NEXT;
}

TEST(facts_and_numbers)
{
	begin(1);
	slots[0].state = &a_value;
	slots[0].published = &value;
	acts[0].on_connect = ask;
	assert_true(connected());
	assert_int_equal(row->scratch.used, 0); /* texts go with the hook */
	slots[0].state = NULL;
	slots[0].published = NULL;
	end();
}

TEST(a_trusted_proxy_is_no_client)
{
	begin(1);
	info.peer_is_trusted = true;
	assert_true(connected());
	conn->call = RUNNING_CONNECT;
	running_set(&fakewire_worker, slots[0].inst, RUNNING_CONNECT, NULL);
	fakewire_worker.running_for = conn;
	assert_int_equal(sluice_conn_number(conn, SLUICE_N_CLIENT_PORT), SLUICE_UNKNOWN);
	assert_int_equal(sluice_conn_number(conn, SLUICE_N_PEER_PORT), 1234);
	running_clear(&fakewire_worker);
	end();
}

/* ---- who may call -------------------------------------------------------------------------- */

static sluice_verdict refuse_late(sluice_conn *c, const void *conf)
{
	(void)conf;
	assert_int_equal(sluice_conn_refuse(c, "too-late"), SLUICE_FAIL);
	return SLUICE_NEXT;
}

TEST(it_is_too_late_to_refuse)
{
	begin(1);
	quiet();
	acts[0].on_disconnect = refuse_late;
	assert_true(connected());
	closed();
	assert_int_equal(told(0, BLAME_MISUSE), 1);
	end();
}

static void *foreign(void *arg)
{
	assert_null(sluice_conn_get(arg, SLUICE_I_PEER).data);
	assert_null(sluice_conn_state(arg, 8));
	assert_int_equal(sluice_conn_refuse(arg, "a"), SLUICE_FAIL);
	return NULL;
}

static sluice_verdict ask_elsewhere(sluice_conn *c, const void *conf)
{
	pthread_t thread;
	(void)conf;
	assert_int_equal(pthread_create(&thread, NULL, foreign, c), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	return SLUICE_NEXT;
}

TEST(a_thread_that_is_no_worker)
{
	begin(1);
	acts[0].on_connect = ask_elsewhere;
	assert_true(connected());
	assert_null(conn->states[0]);
	assert_null(sluice_conn_state(conn, 8)); /* no hook runs */
	end();
}

TEST(another_connection_is_not_looked_at)
{
	begin(1);
	sluice_conn *gone = (sluice_conn *)(uintptr_t)64; /* NOLINT(performance-no-int-to-ptr) */
	assert_true(connected());
	quiet();
	walk_enter(0);
	assert_null(sluice_conn_get(gone, SLUICE_I_PEER).data);
	assert_null(sluice_conn_state(gone, 1));
	assert_int_equal(told(0, BLAME_MISUSE), 2);
	walk_leave();
	end();
}

/* ---- its requests -------------------------------------------------------------------------- */

static void come_by(void)
{
	struct conn_info *of = (struct conn_info *)(uintptr_t)walk->client->conn;
	of->listener = NULL;
	walk->client->conn = &info;
}

TEST(a_request_reaches_the_state_of_its_instance)
{
	begin(2);
	acts[0].on_connect = acts[1].on_connect = count;
	assert_true(connected());
	come_by();
	for (unsigned i = 0; i < 2; i++) {
		walk_enter(i);
		sluice_conn *c = sluice_conn_of(walk);
		assert_ptr_equal(c, conn);
		assert_int_equal(((struct kept *)sluice_conn_state(c, sizeof(struct kept)))->n,
			i + 1);
		assert_str(sluice_conn_get(c, SLUICE_I_TLS_SNI), "a.test");
		assert_int_equal(sluice_conn_refuse(c, "too-late"), SLUICE_FAIL);
		walk_leave();
	}
	assert_int_equal(row->scratch.used, 0); /* the text is the request's */
	end();
}

TEST(a_request_of_an_instance_that_has_no_place)
{
	begin(1);
	assert_true(connected());
	come_by();
	walk_enter(1); /* a plugin of the route alone */
	assert_null(sluice_conn_of(walk));
	quiet();
	assert_null(sluice_conn_state(conn, 8));
	assert_int_equal(told(1, BLAME_MISUSE), 1);
	walk_leave();
	end();
}

TEST(a_request_of_a_listener_without_such_plugins)
{
	begin(1);
	walk_enter(0);
	assert_null(sluice_conn_of(walk));
	walk_leave();
	end();
}

/* ---- rows ---------------------------------------------------------------------------------- */

static unsigned held;

static void hold(struct instance_keeper *k)
{
	(void)k;
	held++;
}

static void let_go(struct instance_keeper *k)
{
	(void)k;
	held--;
}

TEST(a_row_holds_its_view_and_moves_to_a_newer_one)
{
	struct instance_keeper newer = { .ref = hold, .unref = let_go, .about = &about };
	begin(1);
	assert_int_equal(walk_kept, 1);
	conn_row_move(row, &newer);
	assert_int_equal(walk_kept, 0);
	assert_int_equal(held, 1);
	acts[0].on_connect = ask;
	slots[0].state = &a_value;
	slots[0].published = &value;
	assert_true(connected());
	slots[0].state = NULL;
	slots[0].published = NULL;
	end();
	assert_int_equal(held, 0);
}

TEST_GROUP(walk_setup, walk_teardown);
