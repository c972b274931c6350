/* http/forwarded: whom proxies name, and that nothing a client writes can change it. */
#include "http/forwarded.h"

#include "../unit.h"

static struct arena arena;
static struct client_trust trust;

/* Fields of that name, one for each line; then a NULL. */
static struct fields fields_of(const char *name, const char *const *lines)
{
	struct fields f = { 0 };
	for (; *lines; lines++)
		assert_int_equal(fields_add(&f, &arena, str_of(name), str_of(*lines)), 0);
	return f;
}

static void assert_client(enum client_ip_from from, const char *const *lines, const char *want)
{
	struct fields f =
		fields_of(from == CLIENT_IP_FORWARDED ? "Forwarded" : "X-Forwarded-For", lines);
	struct forwarded got;
	char text[ADDR_TEXT] = "";
	trust.from = from;
	forwarded_read(&f, &trust, &got);
	if (got.client.len && addr_port(&got.client))
		(void)addr_text(&got.client, text);
	else if (got.client.len)
		(void)addr_ip_text(&got.client, text);
	if (strcmp(text, want) != 0)
		fail_msg("\"%s\"%s: the client is \"%s\", not \"%s\"", lines[0] ? lines[0] : "",
			lines[0] && lines[1] ? " ..." : "", text, want);
}

#define XFF(want, ...) \
	assert_client(CLIENT_IP_X_FORWARDED_FOR, (const char *const[]){ __VA_ARGS__, NULL }, want)
#define FWD(want, ...) \
	assert_client(CLIENT_IP_FORWARDED, (const char *const[]){ __VA_ARGS__, NULL }, want)

/* 10.0.0.0/8, 2001:db8:1::/48 and 192.0.2.10 are proxies. */
TEST(list)
{
	XFF("203.0.113.7", "203.0.113.7");
	XFF("203.0.113.7", "  203.0.113.7\t");
	XFF("203.0.113.7:4711", "203.0.113.7:4711");
	XFF("2001:db8::7", "2001:db8::7");
	XFF("2001:db8::7", "[2001:db8::7]");
	XFF("[2001:db8::7]:80", "[2001:db8::7]:80");
	XFF("203.0.113.7", "::ffff:203.0.113.7");
	XFF("203.0.113.7", "203.0.113.7, 10.0.0.1");
	XFF("203.0.113.7", "203.0.113.7,10.0.0.1,2001:db8:1::5,192.0.2.10");
	/* the client's own invention */
	XFF("203.0.113.7", "1.1.1.1, 203.0.113.7");
	XFF("203.0.113.7", "10.9.9.9, 203.0.113.7, 10.0.0.1");
	XFF("203.0.113.7", "\", 203.0.113.7");
	XFF("203.0.113.7", "\"1.1.1.1, 203.0.113.7, 10.0.0.1");
	XFF("203.0.113.7", "\\, 203.0.113.7");
	/* only proxies: the farthest */
	XFF("10.0.0.2", "10.0.0.2, 10.0.0.1");
	XFF("10.0.0.1", "10.0.0.1");
	/* several fields are one list, and empty members are none */
	XFF("203.0.113.7", "1.1.1.1", "203.0.113.7", "10.0.0.1");
	XFF("203.0.113.7", "203.0.113.7", "10.0.0.2, 10.0.0.1");
	XFF("203.0.113.7", "203.0.113.7, , 10.0.0.1,", "", ",");
	XFF("", "");
	XFF("", ",,");
}

TEST(list_not_told)
{
	/* who is behind the last proxy that is known is not told: then that proxy stands for it */
	XFF("", "unknown");
	XFF("", "203.0.113.7, unknown");
	XFF("", "1.1.1.1, 203.0.113.7 10.0.0.1");
	XFF("", "203.0.113");
	XFF("", "203.0.113.7:");
	XFF("", "203.0.113.7:0");
	XFF("", "203.0.113.7:65536");
	XFF("", "203.0.113.07");
	XFF("", "[203.0.113.7]");
	XFF("", "[203.0.113.7]:80");
	XFF("", "[2001:db8::7");
	XFF("", "2001:db8::7]");
	XFF("", "[2001:db8::7]80");
	XFF("", "[");
	XFF("", "[]");
	XFF("", "fe80::1%eth0");
	XFF("", "\"203.0.113.7\"");
	XFF("", "for=203.0.113.7");
	XFF("", "unix");
	XFF("10.0.0.1", "203.0.113.7, unknown, 10.0.0.1");
	XFF("10.0.0.2", "203.0.113.7, -, 10.0.0.2, 10.0.0.1");
}

TEST(standard)
{
	FWD("203.0.113.7", "for=203.0.113.7");
	FWD("203.0.113.7", "For=203.0.113.7;proto=http;by=203.0.113.43");
	FWD("203.0.113.7", "proto=http;for=\"203.0.113.7\"");
	FWD("203.0.113.7", "; proto=https; for=203.0.113.7 ;");
	FWD("203.0.113.7:4711", "for=\"203.0.113.7:4711\"");
	FWD("2001:db8::7", "for=\"[2001:db8::7]\"");
	FWD("[2001:db8::7]:80", "for=\"[2001:db8::7]:80\";host=\"a,b;c\"");
	FWD("2001:db8::7", "for=[2001:db8::7]");
	FWD("203.0.113.7", "for=203.0.113.7, for=10.0.0.1");
	FWD("203.0.113.7", "for=1.1.1.1, for=203.0.113.7", "for=10.0.0.1");
	/* what a client writes to hide the rest */
	FWD("203.0.113.7", "for=\", for=203.0.113.7");
	FWD("203.0.113.7", "for=\"1.1.1.1, for=203.0.113.7, for=10.0.0.1");
	FWD("203.0.113.7", "for=\"1.1.1.1\\\", for=203.0.113.7");
	FWD("203.0.113.7", "x=\"\\\\\", for=203.0.113.7");
	FWD("10.0.0.1", "for=203.0.113.7;x=\", for=10.0.0.1");
	FWD("10.0.0.1", "for=203.0.113.7, x=\"a, for=10.0.0.1");
}

TEST(standard_not_told)
{
	FWD("", "for=unknown");
	FWD("", "for=_hidden");
	FWD("", "for=_hidden, for=unknown");
	FWD("", "proto=https");
	FWD("", "for");
	FWD("", "for=");
	FWD("", "for=\"\"");
	FWD("", "=203.0.113.7");
	FWD("", "for =203.0.113.7");
	FWD("", "for= 203.0.113.7");
	FWD("", "for=\"203.0.113.7");
	FWD("", "for=203.0.113.7\"");
	FWD("", "for=\"203.0.113\\.7\"");
	FWD("", "for=203.0.113.7;for=1.1.1.1");
	FWD("", "for=203.0.113.7;proto");
	FWD("", "203.0.113.7");
	FWD("10.0.0.1", "for=203.0.113.7, for=_hidden, for=10.0.0.1");
}

TEST(scheme_and_host)
{
	struct forwarded got;
	trust.from = CLIENT_IP_FORWARDED;
	struct fields f = fields_of("Forwarded",
		(const char *const[]){ "for=1.1.1.1;proto=http;host=evil, for=203.0.113.7;"
				       "proto=HTTPS;host=\"example.com:8443\", "
				       "for=10.0.0.1;proto=http;host=inner",
			NULL });
	forwarded_read(&f, &trust, &got);
	assert_str(got.scheme, "https");
	assert_str(got.host, "example.com:8443");
	f = fields_of("Forwarded", (const char *const[]){ "for=203.0.113.7;proto=gopher", NULL });
	forwarded_read(&f, &trust, &got);
	assert_int_equal(got.scheme.len + got.host.len, 0);
	f = fields_of("X-Forwarded-Proto", (const char *const[]){ "https", NULL });
	forwarded_read(&f, &trust, &got);
	assert_int_equal(got.scheme.len, 0);

	trust.from = CLIENT_IP_X_FORWARDED_FOR;
	forwarded_read(&f, &trust, &got);
	assert_str(got.scheme, "https");
	assert_int_equal(got.client.len, 0);
	f = fields_of("X-Forwarded-Proto", (const char *const[]){ "https", "https, http", NULL });
	forwarded_read(&f, &trust, &got);
	assert_str(got.scheme, "http");
	f = fields_of("X-Forwarded-Proto", (const char *const[]){ "on", NULL });
	forwarded_read(&f, &trust, &got);
	assert_int_equal(got.scheme.len, 0);
	f = fields_of("X-Forwarded-Proto", (const char *const[]){ "https", NULL });
	f.v[0].flags |= FIELD_DROP;
	forwarded_read(&f, &trust, &got);
	assert_int_equal(got.scheme.len, 0);
}

static int setup(void **state)
{
	static const sluice_str v[] = { STR("10.0.0.0/8"), STR("2001:db8:1::/48"),
		STR("192.0.2.10") };
	size_t bad;
	const char *why;
	(void)state;
	arena_init(&arena, 0);
	trust.proxies = cidr_set_new((sluice_strs){ v, 3 }, &bad, &why);
	return trust.proxies ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	cidr_set_unref(&trust.proxies);
	arena_fini(&arena);
	arena_thread_fini();
	return 0;
}

TEST_GROUP(setup, teardown);
