/* upstream/discovered: sets of servers, and whose sets count when. */
#include "upstream/discovered.h"

#include <stdio.h>

#include "kit.h"

static struct upstream_server servers[DISCOVERED_MAX];
static char why[DISCOVERED_WHY];

static struct upstream_server get(const void *ctx, size_t i)
{
	return ((const struct upstream_server *)ctx)[i];
}

/* "10.0.0.1:80*3 b:80" */
static struct server_set *set_of(const char *text)
{
	sluice_str rest = str_of(text);
	size_t n = 0;
	while (rest.len) {
		sluice_str one = str_cut(&rest, ' '), address = str_cut(&one, '*');
		servers[n].address = address;
		servers[n].weight = 1;
		assert_true(!one.data || str_u64(one, &servers[n].weight));
		n++;
	}
	return server_set_new(n, get, servers, why);
}

static const char *text_of(const struct server_set *s)
{
	static char text[512];
	size_t n = 0;
	text[0] = 0;
	for (size_t i = 0; s && i < s->n; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%.*s*%llu", i ? " " : "",
			STR_ARG(s->v[i].address), (unsigned long long)s->v[i].weight);
	return text;
}

TEST(a_set_is_in_order_and_its_own)
{
	char text[] = "B.example:80*2 10.0.0.1:80 [::1]:80 unix:/A.sock*3 a.example:80";
	struct server_set *s = set_of(text);
	assert_non_null(s);
	memset(text, 'x', sizeof(text) - 1);
	assert_string_equal(text_of(s),
		"10.0.0.1:80*1 [::1]:80*1 a.example:80*1 b.example:80*2 unix:/A.sock*3");
	struct server_set *also = server_set_ref(s);
	server_set_unref(&s);
	assert_null(s);
	assert_int_equal(also->n, 5);
	server_set_unref(&also);
	s = set_of("");
	assert_int_equal(s->n, 0);
	server_set_unref(&s);
	assert_null(server_set_ref(NULL));
}

static void refused(const char *text, const char *because)
{
	why[0] = 0;
	assert_null(set_of(text));
	if (strcmp(why, because) != 0)
		fail_msg("%s: %s", text, why);
}

TEST(one_that_cannot_be_refuses_the_set)
{
	static const char form[] = "is not the address of a server: host:port, ip:port, "
				   "[ipv6]:port or unix:/path";
	char text[DISCOVERED_WHY];
	(void)snprintf(text, sizeof(text), "\"nowhere\" %s", form);
	refused("10.0.0.1:80 nowhere", text);
	(void)snprintf(text, sizeof(text), "\"http://a:80\" %s", form);
	refused("http://a:80", text);
	refused("a:80*101", "\"a:80\" has a weight above 100");
	refused("a:80 b:80 A:80", "\"a:80\" is there twice");
	(void)snprintf(text, sizeof(text), "\"\" %s", form);
	refused("*1", text);
	static char longest[400];
	memset(longest, 'a', 300);
	memcpy(longest + 300, ":80", 4);
	assert_null(set_of(longest));
	servers[0] = (struct upstream_server){ .address = { "a\0b:80", 6 }, .weight = 1 };
	assert_null(server_set_new(1, get, servers, why));
}

TEST(many)
{
	static char texts[DISCOVERED_MAX][32];
	for (unsigned i = 0; i < DISCOVERED_MAX; i++) {
		(void)snprintf(texts[i], sizeof(texts[i]), "10.0.%u.%u:80", i * 7 % 100, i / 100);
		servers[i] = (struct upstream_server){ .address = str_of(texts[i]), .weight = 1 };
	}
	struct server_set *s = server_set_new(DISCOVERED_MAX, get, servers, why);
	assert_non_null(s);
	for (size_t i = 1; i < s->n; i++)
		assert_true(server_order(s->v[i - 1].address, s->v[i].address) < 0);
	server_set_unref(&s);
}

/* ---- entries ------------------------------------------------------------------------------- */

enum { ONE = 1, TWO = 2 };

static void settle(struct discovered *d, const char *owner)
{
	discovered_settle_begin();
	if (d)
		discovered_settle(d, str_of(owner), NULL);
}

static const char *now(struct discovered *d)
{
	struct server_set *s = discovered_now(d);
	const char *text = s ? text_of(s) : "none";
	server_set_unref(&s);
	return text;
}

TEST(a_set_comes_into_force_with_its_configuration)
{
	struct discovered *d = discovered_get(STR("app"));
	assert_ptr_equal(discovered_find(STR("app")), d);
	assert_false(discovered_is_owner(d, ONE));
	assert_true(discovered_prepare(d, ONE));
	assert_true(discovered_is_owner(d, ONE));
	discovered_set(d, ONE, set_of("a:80"), NULL);
	assert_string_equal(now(d), "none");
	discovered_set(d, ONE, set_of("b:80"), NULL);
	settle(d, "one");
	assert_string_equal(now(d), "b:80*1");
	assert_int_equal(d->set->number, 1);
	/* at once from now on */
	discovered_set(d, ONE, set_of("c:80"), NULL);
	assert_string_equal(now(d), "c:80*1");
	assert_int_equal(d->set->number, 2);
	discovered_set(d, ONE, set_of("c:80"), NULL);
	assert_int_equal(d->set->number, 2); /* nothing changed */
	discovered_set(d, ONE, set_of("c:80*2"), NULL);
	assert_int_equal(d->set->number, 3);
	/* the next configuration has it too: the plugin is not asked again */
	assert_false(discovered_prepare(d, ONE));
	settle(d, "one");
	assert_string_equal(now(d), "c:80*2");
	discovered_unref(&d);
	assert_null(discovered_find(STR("app")));
}

TEST(a_refused_configuration_leaves_what_is)
{
	struct discovered *d = discovered_get(STR("app"));
	assert_true(discovered_prepare(d, ONE));
	discovered_set(d, ONE, set_of("a:80"), NULL);
	settle(d, "one");
	assert_true(discovered_prepare(d, TWO));
	discovered_set(d, TWO, set_of("b:80"), NULL);
	assert_true(discovered_is_owner(d, ONE)); /* it goes on meanwhile */
	discovered_set(d, ONE, set_of("c:80"), NULL);
	assert_string_equal(now(d), "c:80*1");
	discovered_abandon(d);
	assert_false(discovered_is_owner(d, TWO));
	assert_true(discovered_is_owner(d, ONE));
	assert_string_equal(now(d), "c:80*1");
	discovered_unref(&d);
}

/* Another instance takes over: the servers stay until it has found some. */
TEST(another_owner)
{
	struct discovered *d = discovered_get(STR("app"));
	assert_true(discovered_prepare(d, ONE));
	discovered_set(d, ONE, set_of("a:80"), NULL);
	settle(d, "one");
	assert_true(discovered_prepare(d, TWO));
	settle(d, "two");
	assert_false(discovered_is_owner(d, ONE));
	assert_string_equal(now(d), "a:80*1");
	discovered_set(d, TWO, set_of(""), NULL);
	assert_string_equal(now(d), "");
	discovered_unref(&d);
}

/* The entry is still held by requests of an older configuration. */
TEST(an_upstream_that_is_gone_takes_no_set)
{
	struct discovered *d = discovered_get(STR("app"));
	assert_true(discovered_prepare(d, ONE));
	settle(d, "one");
	settle(NULL, NULL);
	assert_false(discovered_is_owner(d, ONE));
	/* and is asked anew when it comes back */
	assert_true(discovered_prepare(d, ONE));
	settle(d, "one");
	assert_true(discovered_is_owner(d, ONE));
	discovered_unref(&d);
}

TEST_GROUP(kit_setup, kit_teardown);
