/* upstream/server_list and what an upstream makes of it: who stays, who comes and who goes when
 * another set of servers is found. */
#include "upstream/server_list.h"

#include <stdio.h>
#include <stdlib.h>

#include "kit.h"
#include "upstream/balance.h"
#include "upstream/upstream.h"

static struct test_server a, b, c;
static struct test_conf conf;
static struct discovered *found;

static struct upstream *attach(const char *const *addresses)
{
	const struct upstream_plugins plugins = { .discovered = found };
	conf_make(&conf, "test", addresses);
	return upstream_attach(&kit_worker, &conf.conf, NULL, 1, &plugins);
}

struct entry {
	const char *address;
	unsigned weight;
};

static struct upstream_server get(const void *ctx, size_t i)
{
	const struct entry *e = ctx;
	return (struct upstream_server){ .address = str_of(e[i].address), .weight = e[i].weight };
}

static struct server_set *set_of(const struct entry *e, size_t n)
{
	char why[DISCOVERED_WHY];
	struct server_set *s = server_set_new(n, get, e, why);
	assert_non_null(s);
	return s;
}

static void set(const struct entry *e, size_t n)
{
	struct worker *workers[] = { &kit_worker };
	discovered_set(found, 1, set_of(e, n),
		&(struct discovered_workers){ workers, 1, upstream_on_set });
	kit_pass(20); /* the message comes */
}
#define SET(...)                                   \
	set((const struct entry[]){ __VA_ARGS__ }, \
		sizeof((const struct entry[]){ __VA_ARGS__ }) / sizeof(struct entry))

static int begin(void **state)
{
	(void)state;
	server_up(&a, "a", 0);
	server_up(&b, "b", 0);
	server_up(&c, "c", 0);
	found = discovered_get(STR("test"));
	assert_true(discovered_prepare(found, 1));
	discovered_settle_begin();
	discovered_settle(found, STR("finder"), NULL);
	return 0;
}

static int end(void **state)
{
	(void)state;
	discovered_unref(&found);
	server_down(&a);
	server_down(&b);
	server_down(&c);
	return 0;
}

/* Whom n requests reached, by letters in order: "aab". */
static const char *reached(struct upstream *u, unsigned n)
{
	static char text[64];
	struct probe p;
	unsigned count[3] = { 0 };
	size_t len = 0;
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(kit_get(u, &p), 0);
		count[p.body[0] - 'a']++;
	}
	for (unsigned k = 0; k < 3; k++) {
		for (; count[k]; count[k]--)
			text[len++] = (char)('a' + k);
	}
	text[len] = 0;
	return text;
}

TEST_WITH(a_set_replaces_the_servers_of_the_file, begin, end)
{
	struct upstream *u = attach((const char *[]){ a.address, NULL });
	assert_string_equal(reached(u, 2), "aa");
	SET({ b.address, 1 }, { c.address, 1 });
	assert_string_equal(reached(u, 4), "bbcc");
	kit_sees(&a.open, 0); /* its idle connection is closed */
	upstream_detach(&u);
}

TEST_WITH(who_stays_keeps_its_connections, begin, end)
{
	struct upstream *u = attach((const char *[]){ NULL });
	SET({ a.address, 1 }, { b.address, 1 });
	assert_string_equal(reached(u, 4), "aabb");
	uint64_t id = kit_view(a.address).id;
	SET({ c.address, 1 }, { a.address, 1 });
	assert_string_equal(reached(u, 4), "aacc");
	assert_int_equal(kit_view(a.address).id, id);
	assert_int_equal(atomic_load(&a.accepted), 1);
	kit_sees(&b.open, 0);
	upstream_detach(&u);
}

TEST_WITH(a_weight_changes_in_place, begin, end)
{
	struct upstream *u = attach((const char *[]){ NULL });
	SET({ a.address, 1 }, { b.address, 1 });
	assert_string_equal(reached(u, 4), "aabb");
	SET({ a.address, 1 }, { b.address, 3 });
	(void)reached(u, 4); /* the turns that were given before */
	assert_string_equal(reached(u, 8), "aabbbbbb");
	assert_int_equal(atomic_load(&a.accepted), 1);
	assert_int_equal(atomic_load(&b.accepted), 1);
	upstream_detach(&u);
}

/* A request on a server that goes is finished, and its connection then closed. */
TEST_WITH(who_goes_finishes, begin, end)
{
	struct probe p;
	struct upstream *u = attach((const char *[]){ a.address, NULL });
	probe_init(&p);
	p.auto_finish = false;
	probe_open(&p, u);
	assert_true(kit_run(&p.ready, 1000));
	SET({ b.address, 1 });
	assert_string_equal(reached(u, 2), "bb");
	probe_send(&p);
	assert_true(kit_run(&p.done, 1000));
	assert_int_equal(p.err, 0);
	assert_int_equal(p.body[0], 'a');
	probe_finish(&p, 0);
	probe_fini(&p);
	kit_sees(&a.open, 0);
	upstream_detach(&u);
}

TEST_WITH(requests_wait_for_the_first_set, begin, end)
{
	struct probe p;
	struct upstream *u = attach((const char *[]){ NULL });
	probe_init(&p);
	p.auto_finish = true;
	probe_open(&p, u);
	assert_false(p.done);
	assert_int_equal(p.call.state, UPSTREAM_CALL_NAMES);
	SET({ a.address, 1 });
	assert_true(p.done || kit_run(&p.done, 1000));
	assert_int_equal(p.err, 0);
	probe_fini(&p);
	upstream_detach(&u);
}

TEST_WITH(they_do_not_wait_for_ever, begin, end)
{
	struct probe p;
	struct upstream *u = attach((const char *[]){ NULL });
	conf.conf.timeouts.connect = 50;
	assert_int_equal(kit_get(u, &p), ERR_NO_SERVER);
	upstream_detach(&u);
}

TEST_WITH(without_servers_they_do_not_wait, begin, end)
{
	struct probe p;
	struct upstream *u = attach((const char *[]){ NULL });
	conf.conf.timeouts.connect = 60000;
	probe_init(&p);
	p.auto_finish = true;
	probe_open(&p, u);
	set(NULL, 0); /* none, for certain: whoever waits hears so */
	assert_true(p.done || kit_run(&p.done, 1000));
	assert_int_equal(p.err, ERR_NO_SERVER);
	probe_fini(&p);
	assert_int_equal(kit_get(u, &p), ERR_NO_SERVER);
	SET({ a.address, 1 });
	assert_string_equal(reached(u, 1), "a");
	upstream_detach(&u);
}

/* A later snapshot begins with what was found, and old ones go along. */
TEST_WITH(a_later_snapshot_has_the_set, begin, end)
{
	struct upstream *u = attach((const char *[]){ a.address, NULL });
	SET({ b.address, 1 });
	struct upstream *next = attach((const char *[]){ a.address, NULL });
	assert_string_equal(reached(next, 2), "bb");
	SET({ c.address, 1 });
	assert_string_equal(reached(u, 2), "cc");
	assert_string_equal(reached(next, 2), "cc");
	assert_int_equal(atomic_load(&c.accepted), 1);
	upstream_detach(&u);
	assert_string_equal(reached(next, 1), "c");
	upstream_detach(&next);
}

/* An upstream whose servers stand in the file, and one of another name, hear nothing. */
TEST_WITH(others_are_left_alone, begin, end)
{
	struct test_conf other;
	conf_make(&other, "test", (const char *[]){ a.address, NULL });
	struct upstream *u = upstream_attach(&kit_worker, &other.conf, NULL, 1, NULL);
	SET({ b.address, 1 });
	assert_string_equal(reached(u, 2), "aa");
	upstream_detach(&u);
}

/* ---- the list alone ------------------------------------------------------------------------ */

enum { MANY = 3000 };

static const struct server *no_earlier(void *ctx, sluice_str address)
{
	(void)ctx, (void)address;
	return NULL;
}

static void on_answer(void *user, const struct server_look *look)
{
	(void)user, (void)look;
}

static char texts[2 * MANY][32];

/* Servers from .. to, every step-th. */
static struct server_set *range(unsigned from, unsigned to, unsigned step, uint64_t number)
{
	static struct entry v[2 * MANY];
	size_t n = 0;
	for (unsigned i = from; i < to; i += step)
		v[n++] = (struct entry){ texts[i], 1 + i % 3 };
	struct server_set *s = set_of(v, n);
	s->number = number;
	return s;
}

static void expect(const struct server_list *l, const struct balance *balance,
	const struct server_set *s)
{
	assert_int_equal(l->n, s->n);
	assert_int_equal(balance->n, s->n);
	for (size_t i = 0; i < s->n; i++) {
		assert_true(str_eq(l->v[i]->conf->address, s->v[i].address));
		assert_ptr_equal(server_list_find(l, s->v[i].address), l->v[i]);
		assert_int_equal(l->v[i]->candidates[0]->weight, s->v[i].weight);
	}
	assert_null(server_list_find(l, STR("10.0.0.1:81")));
}

TEST(sets_of_all_kinds_follow_each_other)
{
	static const unsigned steps[][3] = { { 0, MANY, 1 }, { 0, MANY, 7 }, { 3, MANY, 2 },
		{ MANY, 2 * MANY, 1 }, { 0, 0, 1 }, { 0, 2 * MANY, 5 }, { 0, 2 * MANY, 1 } };
	struct balance balance;
	struct server_list list;
	struct discovered *d = discovered_get(STR("many"));
	for (unsigned i = 0; i < 2 * MANY; i++)
		(void)snprintf(texts[i], sizeof(texts[i]), "10.%u.%u.%u:80", i * 7919 % 251,
			i / 251, i % 251);
	conf_make(&conf, "many", (const char *[]){ NULL });
	balance_init(&balance, BALANCE_LEAST_REQUESTS, NULL);
	struct server_setup setup = { .worker = &kit_worker,
		.balance = &balance,
		.conf = &conf.conf,
		.bounds = { .serial = 1, .health = conf.conf.health },
		.on_answer = on_answer };
	server_list_start(&list, &setup, d, no_earlier, NULL);
	assert_true(server_list_awaits(&list));
	for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct server_set *s = range(steps[i][0], steps[i][1], steps[i][2], i + 1);
		server_list_take(&list, &setup, server_set_ref(s));
		expect(&list, &balance, s);
		assert_false(server_list_awaits(&list));
		/* an older one that comes late */
		server_list_take(&list, &setup, range(0, 5, 1, i));
		expect(&list, &balance, s);
		server_set_unref(&s);
	}
	server_list_stop(&list);
	assert_int_equal(balance.n, 0);
	balance_fini(&balance);
	discovered_unref(&d);
}

TEST_GROUP(kit_setup, kit_teardown);
