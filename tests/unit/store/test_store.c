/* store/conf, store/store: rules of the options, what survives a reload, links of workers. */
#include "unit.h"

#include <stdio.h>

#include "base/hash.h"
#include "base/log.h"
#include "net/buf.h"
#include "net/resolve.h"
#include "net/worker.h"
#include "store/cells.h"
#include "store/store.h"
#include "../redis/redis_server.h"

static struct worker worker;
static char reports[1024];

static void on_report(void *ctx, bool is_warning, const char *option, const char *text)
{
	size_t n = strlen(reports);
	(void)ctx;
	(void)snprintf(reports + n, sizeof(reports) - n, "%s%s: %s\n", is_warning ? "warning " : "",
		option ? option : "-", text);
}

static struct store_conf conf_new(const char *redis, uint64_t memory)
{
	return (struct store_conf){ .name = STR("shared"),
		.redis = str_of(redis),
		.memory = memory,
		.timeout = 50,
		.connect_timeout = 1000,
		.tls = { .verify = true } };
}

static struct sluice_store *make(const struct store_conf *conf)
{
	struct store_args args = { .conf = conf, .workers = 1, .report = on_report };
	reports[0] = 0;
	return store_new(&args);
}

/* ---- options ------------------------------------------------------------------------------- */

static void expect_refused(struct store_conf conf, const char *why)
{
	assert_null(make(&conf));
	if (!strstr(reports, why))
		fail_msg("reported \"%s\", not \"%s\"", reports, why);
}

TEST(rules)
{
	struct store_conf c;
	expect_refused(conf_new(NULL, 0), "-: needs either");
	expect_refused(conf_new("redis://h", 1 << 20), "memory: ");
	expect_refused(conf_new("redis://a:1,b:0", 0), "redis: no valid host");
	c = conf_new("redis://h", 0);
	c.user = STR("ann");
	expect_refused(c, "user: a user needs a password");
	c = conf_new("redis://h", 0);
	c.tls.ca = STR("ca.pem");
	expect_refused(c, "tls: ");
	c = conf_new(NULL, 1 << 20);
	c.password = STR("secret");
	expect_refused(c, "password: ");
	assert_null(strstr(reports, "secret"));
	c = conf_new(NULL, 1 << 20);
	c.sentinel_password = STR("secret");
	expect_refused(c, "sentinel_password: ");
	c = conf_new("redis://h", 0);
	c.sentinel_password = STR("secret");
	expect_refused(c, "sentinel_password: is for redis+sentinel");
	c = conf_new("redis+sentinel://h/m", 0);
	c.sentinel_user = STR("ann");
	expect_refused(c, "sentinel_user: a user needs a password");
	c = conf_new("rediss://h", 0);
	c.tls.ca = STR("/nowhere/ca.pem");
	expect_refused(c, "tls.ca: ");
}

TEST(table)
{
	for (const sluice_option *o = store_options; o->name; o++) {
		assert_non_null(o->doc);
		assert_true(o->offset < sizeof(struct store_conf));
		bool secret = strcmp(o->name, "redis") == 0 || strcmp(o->name, "password") == 0 ||
			strcmp(o->name, "sentinel_password") == 0;
		assert_int_equal((o->flags & SLUICE_F_SECRET) != 0, secret);
	}
}

/* ---- memory -------------------------------------------------------------------------------- */

static uint64_t read_cell(const struct sluice_store *s, const char *key, uint64_t now)
{
	sluice_cell c;
	assert_true(store_cell(s, str_of(key), now, &c));
	return c.value;
}

TEST(memory)
{
	struct store_conf same = conf_new(NULL, 1 << 20), larger = conf_new(NULL, 1 << 21),
			  other = conf_new(NULL, 1 << 20);
	struct redis_call call;
	uint64_t now = clock_ns();
	sluice_cell c;
	other.name = STR("other");
	struct sluice_store *a = make(&same), *b = make(&same), *l = make(&larger),
			    *o = make(&other);
	assert_true(a && b && l && o);
	assert_ptr_equal(a, b);
	assert_int_equal(store_kind(a), SLUICE_STORE_MEMORY);
	assert_string_equal(store_name(a), "shared");
	assert_true(store_cell(a, STR("k"), now, &c));
	assert_true(store_cell_swap(&c, now + 1000));
	assert_int_equal(read_cell(b, "k", now), now + 1000); /* the next snapshot's */
	assert_int_equal(read_cell(l, "k", now), 0);
	assert_int_equal(read_cell(o, "k", now), 0);
	store_free(&a);
	assert_null(a);
	assert_int_equal(read_cell(b, "k", now), now + 1000);
	a = make(&same);
	store_free(&b);
	assert_int_equal(read_cell(a, "k", now), now + 1000);
	store_free(&a);
	a = make(&same); /* nobody held it in between */
	assert_int_equal(read_cell(a, "k", now), 0);

	redis_call_init(&call, NULL);
	assert_int_equal(store_command(&worker, a, &call, &(sluice_str){ "PING", 4 }, 1, 0),
		SLUICE_ERROR);
	assert_int_equal(store_eval(&worker, a, &call, NULL, STR("k"), NULL, 0, 0), SLUICE_ERROR);
	store_warm(&worker, a);

	const struct sluice_store *local = store_local();
	assert_ptr_equal(local, store_local());
	assert_int_equal(store_kind(local), SLUICE_STORE_MEMORY);
	assert_int_equal(read_cell(local, "k", now), 0);
	store_free(&a);
	store_free(&l);
	store_free(&o);
	store_free(&o);
}

/* ---- Redis --------------------------------------------------------------------------------- */

static unsigned n_replies;
static sluice_status last;

static void on_reply(struct redis_call *c, sluice_status st, const sluice_value *v)
{
	(void)c, (void)v;
	n_replies++;
	last = st;
	worker_stop(&worker);
}

static void on_enough(struct timer *t)
{
	(void)t;
	worker_stop(&worker);
}

static void run_for(uint64_t ms)
{
	struct timer t;
	timer_init(&t, on_enough);
	worker.clock_is_fresh = false;
	worker_timer(&worker, &t, ms * NS_PER_MS);
	worker.stop = false;
	worker_run(&worker);
	timer_drop(&t);
	worker.clock_is_fresh = false;
}

static sluice_status ping(const struct sluice_store *s)
{
	struct redis_call call;
	redis_call_init(&call, on_reply);
	n_replies = 0;
	sluice_status st = store_command(&worker, s, &call, &(sluice_str){ "PING", 4 }, 1, 1000);
	if (st != SLUICE_OK)
		return st;
	run_for(2000);
	assert_int_equal(n_replies, 1);
	return last;
}

/* ---- tables -------------------------------------------------------------------------------- */

static bool table_has(const struct sluice_store *t, unsigned n, uint64_t value)
{
	char key[32];
	sluice_cell c;
	int len = snprintf(key, sizeof(key), "key-%u", n);
	return store_cell(t, str_n(key, (size_t)len), NS_PER_S, &c) && c.value == value;
}

static void table_put(const struct sluice_store *t, unsigned n, uint64_t value)
{
	char key[32];
	sluice_cell c;
	int len = snprintf(key, sizeof(key), "key-%u", n);
	assert_true(store_cell(t, str_n(key, (size_t)len), NS_PER_S, &c));
	assert_true(store_cell_swap(&c, value));
}

/* One limit's callers, as many as they like to be, take no place from another limit in the same
 * store. */
TEST(who_fills_one_table_takes_nothing_from_another)
{
	struct store_conf conf = conf_new(NULL, 256 << 10);
	struct sluice_store *s = make(&conf);
	const struct sluice_store *flooded = store_table(s, STR("flooded")),
				  *quiet = store_table(s, STR("quiet"));
	assert_ptr_not_equal(flooded, quiet);
	assert_int_equal(store_kind(quiet), SLUICE_STORE_MEMORY);
	store_settle();
	/* together they are what the file says */
	assert_int_equal(store_table_bytes(flooded), 128 << 10);
	assert_int_equal(store_table_bytes(quiet), 128 << 10);
	for (unsigned i = 0; i < 100; i++)
		table_put(quiet, i, 100 * NS_PER_S);
	for (unsigned i = 0; i < 50000; i++)
		table_put(flooded, i, 200 * NS_PER_S + i);
	for (unsigned i = 0; i < 100; i++)
		assert_true(table_has(quiet, i, 100 * NS_PER_S));
	store_table_free(&flooded);
	store_table_free(&quiet);
	assert_null(quiet);
	store_free(&s);
}

TEST(a_table_keeps_its_counts_over_reloads)
{
	struct store_conf conf = conf_new(NULL, 256 << 10);
	struct sluice_store *s = make(&conf);
	const struct sluice_store *a = store_table(s, STR("a"));
	store_settle();
	table_put(a, 1, 7 * NS_PER_S);
	/* the next configuration names it, and another one */
	const struct sluice_store *again = store_table(s, STR("a")), *b = store_table(s, STR("b"));
	assert_ptr_equal(again, a);
	store_settle();
	/* nothing is left, and it is of use all the same */
	assert_int_equal(store_table_bytes(b), STORE_TABLE_MIN);
	store_table_free(&a);
	assert_true(table_has(again, 1, 7 * NS_PER_S));
	/* gone with the last that names it */
	store_table_free(&again);
	a = store_table(s, STR("a"));
	store_settle();
	assert_true(table_has(a, 1, 0));
	/* a table outlives the taking of its store */
	store_free(&s);
	table_put(b, 1, 7 * NS_PER_S);
	store_table_free(&a);
	store_table_free(&b);
}

TEST(the_store_without_configuration_has_tables_too)
{
	const struct sluice_store *a = store_table(store_local(), STR("a"));
	store_settle();
	assert_int_equal(store_table_bytes(a), STORE_LOCAL_BYTES);
	table_put(a, 1, 7 * NS_PER_S);
	store_table_free(&a);
}

/* Options that differ are another store, whatever is in the names of its files. */
TEST(identities_are_unambiguous)
{
	struct store_conf a = conf_new("rediss://h", 0), b = a;
	a.tls.verify = b.tls.verify = false;
	a.tls.server_name = STR("a|3:b");
	b.tls.server_name = STR("a");
	struct sluice_store *first = make(&a), *second = make(&b);
	assert_non_null(first);
	assert_non_null(second);
	assert_ptr_not_equal(first, second);
	store_free(&first);
	store_free(&second);
}

TEST(redis)
{
	struct redis_server server;
	sluice_cell c;
	server_init(&server, false);
	server_start(&server, NULL);
	struct store_conf same = conf_new(server.url, 0), other = same;
	other.timeout = 60;
	struct sluice_store *a = make(&same), *b = make(&same), *o = make(&other);
	assert_true(a && b && o);
	assert_ptr_equal(a, b);
	assert_ptr_not_equal(a, o);
	other = same;
	other.password = STR("changed");
	struct sluice_store *p = make(&other); /* as a file that was read again may say */
	assert_non_null(p);
	assert_ptr_not_equal(a, p);
	store_free(&p);
	assert_int_equal(store_kind(a), SLUICE_STORE_REDIS);
	assert_false(store_cell(a, STR("k"), 1, &c));
	assert_null(c.slot);

	store_warm(&worker, a);
	run_for(50);
	/* one connection, which is a's and b's, and none of o; and the one that asks */
	assert_int_equal(server_number(&server, "INFO clients", "connected_clients:"), 2);
	assert_int_equal(ping(b), SLUICE_OK);
	assert_int_equal(ping(o), SLUICE_OK);
	assert_int_equal(server_number(&server, "INFO clients", "connected_clients:"), 3);

	/* a reload: the old snapshot goes, its connection stays; what nobody names any more is
	 * closed in time */
	store_free(&a);
	store_free(&o);
	run_for(10);
	assert_int_equal(server_number(&server, "INFO clients", "connected_clients:"), 3);
	run_for(1300);
	assert_int_equal(server_number(&server, "INFO clients", "connected_clients:"), 2);
	assert_int_equal(ping(b), SLUICE_OK);

	/* the last store goes before the worker's connection */
	store_free(&b);
	worker_end_part(&worker, PART_STORE);
	worker_end_part(&worker, PART_STORE);
	run_for(1);
	server_fini(&server);
}

static int group_setup(void **state)
{
	(void)state;
	hash_seed();
	log_set_level(LOG_ERROR);
	return worker_init(&worker, 0);
}

static int group_teardown(void **state)
{
	(void)state;
	worker_fini(&worker);
	resolve_fini();
	arena_thread_fini();
	buf_thread_fini();
	return 0;
}

TEST_GROUP(group_setup, group_teardown);
