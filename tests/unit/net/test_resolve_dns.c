/* net/resolve against a name server that answers as each test says: times, bounds, failures. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/stat.h"
#include "fakedns.h"
#include "net/look.h"
#include "net/resolve.h"
#include "net/resolve_conf.h"
#include "unit.h"

enum { TTL_MS = 120 };

struct ask {
	struct resolve_call call;
	struct resolve_answer answer;
	char error[RESOLVE_ERROR_TEXT];
	unsigned answers;
};

static struct worker worker;
static struct timer limit;
static unsigned awaited;
static struct fake_dns dns;
static char server[32], resolv_conf[] = "/tmp/sluice-resolv-XXXXXX";
static sluice_str servers[1];
static struct resolve_conf conf;

static void on_limit(struct timer *t)
{
	(void)t;
	worker_stop(&worker);
}

static void on_answer(struct resolve_call *c, const struct resolve_answer *a)
{
	struct ask *k = container_of(c, struct ask, call);
	k->answers++;
	k->answer = *a;
	(void)snprintf(k->error, sizeof(k->error), "%s", a->error ? a->error : "");
	if (awaited && --awaited == 0)
		worker_stop(&worker);
}

static void run(unsigned answers, unsigned ms)
{
	awaited = answers;
	worker.clock_is_fresh = false;
	atomic_store(&worker.stop, false);
	worker_timer(&worker, &limit, ms * NS_PER_MS);
	worker_run(&worker);
	timer_stop(&limit);
	if (answers)
		assert_int_equal(awaited, 0);
}

static void start(struct ask *k, const char *host)
{
	*k = (struct ask){ 0 };
	resolve_call_init(&k->call, on_answer);
	resolve_start(&worker, &k->call, str_of(host), 80);
}

static struct ask *ask(const char *host)
{
	static struct ask k;
	start(&k, host);
	run(1, 5000);
	return &k;
}

static void write_resolv_conf(const char *text)
{
	FILE *f = fopen(resolv_conf, "w");
	assert_non_null(f);
	(void)fputs(text, f);
	(void)fclose(f);
}

static int setup(void **state)
{
	(void)state;
	assert_int_equal(worker_init(&worker, 0), 0);
	timer_init(&limit, on_limit);
	int fd = mkstemp(resolv_conf);
	assert_true(fd >= 0);
	close(fd);
	resolve_set_file(resolv_conf);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	timer_drop(&limit);
	worker_fini(&worker);
	resolve_fini();
	(void)unlink(resolv_conf);
	return 0;
}

/* Each test begins without memory of names. */
static int begin(void **state)
{
	(void)state;
	resolve_fini();
	write_resolv_conf(
		"nameserver 127.0.0.1\nsearch example.test other.test\noptions ndots:2\n");
	fake_dns_up(&dns, &worker);
	(void)snprintf(server, sizeof(server), "127.0.0.1:%u", dns.port);
	servers[0] = str_of(server);
	conf = (struct resolve_conf){ .servers = { servers, 1 },
		.family = LOOK_IPV4,
		.min_ttl = TTL_MS,
		.max_ttl = 400,
		.negative_ttl = 100,
		.timeout = 300,
		.stale = 1000 };
	resolve_configure(&conf);
	return 0;
}

static int end(void **state)
{
	(void)state;
	fake_dns_down(&dns);
	return 0;
}
#define RECORDS(...) ((const struct fake_record[]){ __VA_ARGS__, { NULL, 0, 0, NULL } })
#define RESOLVE_TEST(name) TEST_WITH(name, begin, end)

static const char *first(const struct ask *k)
{
	static char text[ADDR_TEXT];
	text[0] = 0;
	if (k->answer.n)
		(void)addr_text(&k->answer.addrs[0], text);
	return text;
}

RESOLVE_TEST(one_question_until_the_ttl_is_over)
{
	dns.records = RECORDS({ "a.b.c", 1, 0, "192.0.2.1" });
	assert_string_equal(first(ask("a.b.c")), "192.0.2.1:80");
	assert_in_range(ask("A.b.C")->answer.ttl_ns, 1, TTL_MS * NS_PER_MS); /* TTL 0: min_ttl */
	assert_int_equal(dns.n_questions, 1);
	dns.records = RECORDS({ "a.b.c", 1, 0, "192.0.2.2" });
	run(0, TTL_MS + 40);
	assert_string_equal(first(ask("a.b.c")), "192.0.2.2:80");
	assert_int_equal(dns.n_questions, 2);
}

RESOLVE_TEST(a_huge_ttl_has_a_bound)
{
	dns.records = RECORDS({ "a.b.c", 1, 0x7fffffff, "192.0.2.1" });
	assert_in_range(ask("a.b.c")->answer.ttl_ns, 300 * NS_PER_MS, 400 * NS_PER_MS);
	struct ask k;
	start(&k, "a.b.c");
	resolve_cancel(&k.call);
	run(0, 60);
	k.call.max_age_ns = 50 * NS_PER_MS; /* older than the caller wants it */
	resolve_start(&worker, &k.call, STR("a.b.c"), 80);
	run(1, 1000);
	assert_int_equal(dns.n_questions, 2);
}

RESOLVE_TEST(many_who_ask_share_a_question)
{
	static struct ask k[50];
	dns.records = RECORDS({ "a.b.c", 1, 9, "192.0.2.1" });
	for (unsigned i = 0; i < 50; i++)
		start(&k[i], "a.b.c");
	run(50, 1000);
	assert_int_equal(dns.n_questions, 1);
	assert_string_equal(first(&k[49]), "192.0.2.1:80");
}

RESOLVE_TEST(domains_are_searched_by_ndots)
{
	dns.records = RECORDS({ "db.other.test", 1, 9, "192.0.2.1" });
	assert_string_equal(first(ask("db")), "192.0.2.1:80");
	assert_int_equal(dns.n_questions, 2); /* db.example.test first */
	assert_int_equal(ask("db.")->answer.reason, RESOLVE_NO_NAME);
	assert_string_equal(dns.last, "db");
	dns.records = RECORDS({ "a.b.c", 1, 9, "192.0.2.2" });
	assert_string_equal(first(ask("a.b.c")), "192.0.2.2:80");
	assert_int_equal(dns.n_questions, 4); /* two dots: as it is, first */
}

RESOLVE_TEST(failures_have_their_reasons)
{
	uint64_t before = stat_read(STAT_RESOLVE_NO_NAME);
	assert_int_equal(ask("no.such.name")->answer.reason, RESOLVE_NO_NAME);
	assert_int_equal(stat_read(STAT_RESOLVE_NO_NAME), before + 1);
	unsigned asked = dns.n_questions;
	assert_int_equal(ask("no.such.name")->answer.n, 0);
	assert_int_equal(dns.n_questions, asked); /* within negative_ttl */
	dns.records = RECORDS({ "a.b.c", 28, 9, "2001:db8::1" });
	assert_int_equal(ask("a.b.c")->answer.reason, RESOLVE_NO_DATA);
	dns.mode = FAKE_FAIL;
	assert_int_equal(ask("d.b.c")->answer.reason, RESOLVE_NO_SERVER);
	dns.mode = FAKE_REFUSE;
	assert_int_equal(ask("e.b.c")->answer.reason, RESOLVE_NO_SERVER);
	dns.mode = FAKE_GARBAGE;
	dns.records = RECORDS({ "f.b.c", 1, 9, "192.0.2.1" });
	assert_int_equal(ask("f.b.c")->answer.reason, RESOLVE_BAD);
	dns.mode = FAKE_SILENT;
	uint64_t since = clock_ns();
	assert_int_equal(ask("g.b.c")->answer.reason, RESOLVE_TIMEOUT);
	assert_true(clock_ns() - since >= 250 * NS_PER_MS);
}

RESOLVE_TEST(circles_of_aliases_are_a_failure)
{
	dns.records = RECORDS({ "a.b.c", 5, 1, "d.b.c" }, { "d.b.c", 5, 1, "a.b.c" });
	assert_int_equal(ask("a.b.c")->answer.reason, RESOLVE_BAD);
}

RESOLVE_TEST(long_answers_come_over_tcp_and_have_a_bound)
{
	dns.mode = FAKE_TRUNCATED;
	dns.copies = 1000;
	dns.records = RECORDS({ "a.b.c", 1, 9, "10.0.0.1" });
	struct ask *k = ask("a.b.c");
	assert_int_equal(k->answer.n, RESOLVE_ADDRS_MAX);
	assert_int_equal(dns.n_tcp, 1);
	assert_string_equal(first(k), "10.0.0.1:80"); /* always the same of them */
}

RESOLVE_TEST(the_last_answer_stays_while_there_is_no_other)
{
	dns.records = RECORDS({ "a.b.c", 1, 0, "192.0.2.1" });
	(void)ask("a.b.c");
	dns.mode = FAKE_FAIL;
	run(0, TTL_MS + 40);
	struct ask *k = ask("a.b.c");
	assert_string_equal(first(k), "192.0.2.1:80");
	assert_null(k->answer.error);
	assert_non_null(k->answer.stale);
	assert_int_equal(k->answer.reason, RESOLVE_NO_SERVER);
	run(0, 1100); /* `stale` is over */
	k = ask("a.b.c");
	assert_int_equal(k->answer.n, 0);
	assert_int_equal(k->answer.reason, RESOLVE_NO_SERVER);
	dns.mode = FAKE_ANSWER;
	run(0, 140);
	assert_null(ask("a.b.c")->answer.stale);
}

RESOLVE_TEST(both_families)
{
	dns.records = RECORDS({ "a.b.c", 1, 0, "192.0.2.1" }, { "a.b.c", 28, 0, "2001:db8::1" });
	conf.family = LOOK_BOTH;
	resolve_configure(&conf);
	struct ask *k = ask("a.b.c");
	assert_int_equal(k->answer.n, 2);
	/* one of them fails: what is known of it stays */
	dns.mute_type = 28;
	dns.records = RECORDS({ "a.b.c", 1, 0, "192.0.2.7" });
	run(0, TTL_MS + 40);
	k = ask("a.b.c");
	assert_int_equal(k->answer.n, 2);
	assert_null(k->answer.stale);
	/* it answers again, without an address */
	dns.mute_type = 0;
	run(0, TTL_MS + 40);
	k = ask("a.b.c");
	assert_int_equal(k->answer.n, 1);
	assert_string_equal(first(k), "192.0.2.7:80");
	conf.family = LOOK_IPV6;
	resolve_configure(&conf); /* known names are asked for again */
	assert_int_equal(ask("a.b.c")->answer.reason, RESOLVE_NO_DATA);
}

RESOLVE_TEST(services)
{
	struct ask k = { 0 };
	dns.records = RECORDS({ "_h._tcp.b.c", 33, 9, "1 5 8080 x.b.c" });
	resolve_call_init(&k.call, on_answer);
	resolve_start_services(&worker, &k.call, STR("_h._tcp.b.c"));
	run(1, 1000);
	assert_int_equal(k.answer.n_services, 1);
	assert_int_equal(k.answer.n, 0);
}

RESOLVE_TEST(another_resolv_conf_is_seen)
{
	char text[100];
	conf.servers.n = 0;
	resolve_configure(&conf);
	write_resolv_conf("nameserver 127.0.0.1\nsearch one.test\noptions timeout:1\n");
	conf.servers.n = 1;
	resolve_configure(&conf);
	dns.records =
		RECORDS({ "db.one.test", 1, 0, "192.0.2.1" }, { "db.two.test", 1, 0, "192.0.2.2" });
	assert_string_equal(first(ask("db")), "192.0.2.1:80");
	(void)snprintf(text, sizeof(text), "nameserver 127.0.0.1\nsearch two.test\n");
	write_resolv_conf(text);
	run(0, 1050); /* it is looked at once a second */
	assert_string_equal(first(ask("db")), "192.0.2.2:80");
}

static unsigned n_seen;

static void see(void *ctx, const struct resolve_view *v)
{
	(void)ctx;
	n_seen++;
	assert_true(str_eq(v->name, STR("a.b.c")) || str_eq(v->name, STR("no.b.c")));
	assert_int_equal(v->n, str_eq(v->name, STR("a.b.c")) ? 1 : 0);
	assert_int_equal(v->reason, v->n ? RESOLVE_OK : RESOLVE_NO_NAME);
	assert_int_equal(v->has_ttl, v->n == 1);
}

RESOLVE_TEST(names_can_be_listed)
{
	dns.records = RECORDS({ "a.b.c", 1, 9, "192.0.2.1" });
	(void)ask("a.b.c");
	(void)ask("no.b.c");
	n_seen = 0;
	resolve_each(see, NULL, 10);
	assert_int_equal(n_seen, 2);
	n_seen = 0;
	resolve_each(see, NULL, 1);
	assert_int_equal(n_seen, 1);
}

RESOLVE_TEST(the_end_waits_for_no_answer)
{
	static struct ask k[300]; /* more than are asked for at the same time */
	char name[32];
	dns.mode = FAKE_SILENT;
	for (unsigned i = 0; i < 300; i++) {
		(void)snprintf(name, sizeof(name), "n%u.b.c", i);
		start(&k[i], name);
	}
	run(0, 50);
	worker_end_part(&worker, PART_RESOLVE);
	uint64_t since = clock_ns();
	resolve_fini();
	assert_true(clock_ns() - since < 200 * NS_PER_MS);
}

TEST_GROUP(setup, teardown);
