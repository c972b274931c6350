/* upstream/source: services become servers, and sources live as long as they are wanted. */
#include "upstream/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "kit.h"
#include "net/dns_answer.h"
#include "net/worker.h"

static char path[] = "/tmp/sluice-servers-XXXXXX";
static struct worker *workers[] = { &kit_worker };
static struct discovered_workers tell = { workers, 1, upstream_on_set };
static struct upstream_conf conf;

static const char *text_of(const struct server_set *s)
{
	static char text[512];
	size_t n = 0;
	text[0] = 0;
	for (size_t i = 0; s && i < s->n; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%.*s*%llu%s", i ? " " : "",
			STR_ARG(s->v[i].address), (unsigned long long)s->v[i].weight,
			s->v[i].backup ? "b" : "");
	return text;
}

static const char *servers(const struct dns_service *v, unsigned n)
{
	struct server_set *s = source_of_services(v, n);
	const char *text = s ? text_of(s) : "none";
	server_set_unref(&s);
	return text;
}
#define SERVERS(...)                                         \
	servers((const struct dns_service[]){ __VA_ARGS__ }, \
		sizeof((const struct dns_service[]){ __VA_ARGS__ }) / sizeof(struct dns_service))

TEST(services_of_the_smallest_priority_serve)
{
	assert_string_equal(SERVERS({ 1, 5, 80, "b.test" }, { 1, 10, 81, "a.test" }),
		"a.test:81*10 b.test:80*5");
	assert_string_equal(SERVERS({ 2, 5, 80, "c.test" }, { 1, 5, 80, "b.test" },
				    { 9, 7, 80, "d.test" }, { 1, 10, 81, "a.test" }),
		"a.test:81*10 b.test:80*5 c.test:80*5b d.test:80*7b");
}

/* Weights are compared within a priority. */
TEST(weights_of_backups)
{
	assert_string_equal(SERVERS({ 1, 3, 80, "a.test" }, { 2, 1000, 80, "b.test" },
				    { 2, 500, 80, "c.test" }),
		"a.test:80*3 b.test:80*100b c.test:80*50b");
}

TEST(a_backup_that_is_none)
{
	/* it serves already */
	assert_string_equal(SERVERS({ 2, 1, 80, "a.test" }, { 1, 7, 80, "a.test" }), "a.test:80*7");
	/* nobody else can */
	assert_string_equal(SERVERS({ 1, 1, 80, "10.0.0.1" }, { 2, 1, 80, "b.test" },
				    { 3, 1, 80, "c.test" }),
		"b.test:80*1 c.test:80*1b");
}

TEST(weights_are_scaled)
{
	assert_string_equal(SERVERS({ 0, 0, 80, "a.test" }, { 0, 0, 80, "b.test" }),
		"a.test:80*1 b.test:80*1");
	assert_string_equal(SERVERS({ 0, 60000, 80, "a.test" }, { 0, 30000, 80, "b.test" },
				    { 0, 1, 80, "c.test" }),
		"a.test:80*100 b.test:80*50 c.test:80*1");
	/* 0 beside others: a very small share */
	assert_string_equal(SERVERS({ 0, 0, 80, "a.test" }, { 0, 2, 80, "b.test" }),
		"a.test:80*1 b.test:80*100");
}

TEST(services_that_cannot_be_servers_are_left_out)
{
	assert_string_equal(SERVERS({ 0, 1, 80, "10.0.0.1" }, { 0, 1, 80, "b.test" },
				    { 0, 9, 80, "b.test" }),
		"b.test:80*1");
	assert_string_equal(SERVERS({ 0, 1, 80, "10.0.0.1" }), "none");
}

static void write_file(const char *text)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	(void)fputs(text, f);
	(void)fclose(f);
}

static void prepare(struct discovered *d)
{
	conf = (struct upstream_conf){ .name = STR("app"),
		.discover = { .file = str_of(path) },
		.resolve_interval = 1000 };
	source_prepare(d, &conf);
}

static void settle(struct discovered *d)
{
	discovered_settle_begin();
	if (d)
		discovered_settle(d, STR("file"), &tell);
	sources_settle();
}

static const char *now(struct discovered *d)
{
	struct server_set *s = discovered_now(d);
	const char *text = s ? text_of(s) : "none";
	server_set_unref(&s);
	return text;
}

TEST(files)
{
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	write_file("[\"a:1\"]");
	sources_begin(&kit_worker, &tell);
	struct discovered *d = discovered_get(STR("app"));
	prepare(d);
	assert_string_equal(now(d), "none"); /* with the configuration, and not before */
	settle(d);
	assert_string_equal(now(d), "a:1*1");

	write_file("[\"a:1\", \"b:1\"]");
	kit_pass(100);
	assert_string_equal(now(d), "a:1*1 b:1*1");
	uint64_t owner = d->owner;

	write_file("[\"a:1\", "); /* changes nothing, and is told */
	kit_pass(100);
	assert_string_equal(now(d), "a:1*1 b:1*1");
	assert_true(d->why[0]);

	/* a reload that does not change it, and one that is refused */
	prepare(d);
	settle(d);
	assert_int_equal(d->owner, owner);
	prepare(d);
	discovered_abandon(d);
	sources_settle();
	write_file("[\"c:1\"]");
	kit_pass(100);
	assert_string_equal(now(d), "c:1*1");
	assert_false(d->why[0]);

	/* a configuration without the upstream */
	settle(NULL);
	write_file("[\"d:1\"]");
	kit_pass(100);
	assert_string_equal(now(d), "c:1*1");
	/* and with it again */
	prepare(d);
	settle(d);
	assert_string_equal(now(d), "d:1*1");
	assert_true(d->owner != owner);
	kit_pass(10); /* the worker takes what it was told last */
	sources_end();
	discovered_unref(&d);
	(void)unlink(path);
}

TEST_GROUP(kit_setup, kit_teardown);
