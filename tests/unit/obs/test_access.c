/* obs/access: lines of the access log, with friendly and with hostile facts. */
#include "obs/access.h"

#include <stdio.h>

#define json_null jansson_null /* base/json.h has one too */
#include <jansson.h>
#undef json_null

#include "unit.h"

static struct access_record sample(void)
{
	static const sluice_str notes[] = { { "limit-store-down", 16 }, { "stale-keys", 10 } };
	return (struct access_record){
		.request_id = STR("7f3a"),
		.client = STR("192.0.2.7"),
		.listener = STR("public"),
		.route = STR("orders"),
		.method = STR("GET"),
		.host = STR("api.example.com"),
		.path = STR("/v1/orders/7"),
		.query = STR("a=1&b"),
		.user_agent = STR("curl/8.5"),
		.referer = STR("https://example.com/"),
		.upstream = STR("orders"),
		.server = STR("10.0.0.5:9000"),
		.reason = STR("upstream-timeout"),
		.consumer = STR("alice"),
		.tls = STR("TLSv1.3"),
		.trace_id = STR("4bf92f35"),
		.notes = { notes, 2 },
		.unix_ms = 1719835200042,
		.duration_us = 1250,
		.connect_us = 300,
		.response_us = 1100,
		.bytes_in = 120,
		.bytes_out = 4096,
		.status = 504,
		.version = 11,
		.tries = 2,
	};
}

static const char *line(int format, int query, const struct access_record *r)
{
	static char buf[ACCESS_LINE_MAX + 1];
	struct access_conf conf = { .format = format, .query = query };
	size_t n = access_line(&conf, r, buf, ACCESS_LINE_MAX);
	assert_int_not_equal(n, 0);
	assert_int_equal(buf[n - 1], '\n');
	assert_ptr_equal(memchr(buf, '\n', n), buf + n - 1); /* one line is one line */
	buf[n - 1] = 0;
	return buf;
}

/* What a plugin made of the target stands beside it, with the same care. */
TEST(rewritten)
{
	struct access_record r = sample();
	assert_null(strstr(line(ACCESS_JSON, ACCESS_QUERY_KEEP, &r), "rewritten"));
	r.rewritten_path = STR("/b/7;token=secret");
	assert_non_null(strstr(line(ACCESS_JSON, ACCESS_QUERY_KEEP, &r),
		"\"query\":\"a=1&b\",\"rewritten_path\":\"/b/7;token=***\",\"protocol\""));
	r.rewritten_query = STR("b=2&access_token=secret");
	assert_non_null(strstr(line(ACCESS_JSON, ACCESS_QUERY_KEEP, &r),
		"\"rewritten_query\":\"b=2&access_token=***\""));
	assert_null(strstr(line(ACCESS_JSON, ACCESS_QUERY_DROP, &r), "query"));
	assert_non_null(
		strstr(line(ACCESS_COMMON, ACCESS_QUERY_KEEP, &r), "GET /v1/orders/7?a=1&b "));
}

TEST(formats)
{
	struct access_record r = sample();
	assert_string_equal(line(ACCESS_JSON, ACCESS_QUERY_KEEP, &r),
		"{\"time\":\"2024-07-01T12:00:00.042Z\",\"id\":\"7f3a\",\"client\":\"192.0.2.7\","
		"\"method\":\"GET\","
		"\"host\":\"api.example.com\",\"path\":\"/v1/orders/"
		"7\",\"query\":\"a=1&b\",\"protocol\":\"HTTP/1.1\","
		"\"status\":504,\"reason\":\"upstream-timeout\",\"bytes_in\":120,\"bytes_out\":"
		"4096,"
		"\"duration_ms\":1.25,\"listener\":\"public\",\"route\":\"orders\",\"upstream\":"
		"\"orders\","
		"\"server\":\"10.0.0.5:9000\",\"tries\":2,\"connect_ms\":0.3,\"response_ms\":1.1,"
		"\"notes\":[\"limit-store-down\",\"stale-keys\"],\"consumer\":\"alice\","
		"\"tls\":\"TLSv1.3\",\"user_agent\":\"curl/"
		"8.5\","
		"\"referer\":\"https://example.com/\",\"trace_id\":\"4bf92f35\"}");
	assert_string_equal(line(ACCESS_COMBINED, ACCESS_QUERY_KEEP, &r),
		"192.0.2.7 - alice [01/Jul/2024:12:00:00 +0000] \"GET /v1/orders/7?a=1&b "
		"HTTP/1.1\" 504 4096 "
		"\"https://example.com/\" \"curl/8.5\"");
	assert_string_equal(line(ACCESS_COMMON, ACCESS_QUERY_DROP, &r),
		"192.0.2.7 - alice [01/Jul/2024:12:00:00 +0000] \"GET /v1/orders/7 HTTP/1.1\" 504 "
		"4096");
}

/* Who passed the request on, unless it is the client itself. */
TEST(peer)
{
	struct access_record r = sample();
	r.peer = r.client;
	assert_null(strstr(line(ACCESS_JSON, ACCESS_QUERY_KEEP, &r), "\"peer\""));
	r.peer = STR("10.0.0.1");
	assert_non_null(strstr(line(ACCESS_JSON, ACCESS_QUERY_KEEP, &r),
		"\"client\":\"192.0.2.7\",\"peer\":\"10.0.0.1\","));
	assert_memory_equal(line(ACCESS_COMMON, ACCESS_QUERY_KEEP, &r), "192.0.2.7 - ", 12);
}

/* What a connection that never sent a whole head leaves. */
TEST(nothing)
{
	struct access_record r = { .client = STR("::1"), .unix_ms = 0 };
	assert_string_equal(line(ACCESS_JSON, ACCESS_QUERY_KEEP, &r),
		"{\"time\":\"1970-01-01T00:00:00.000Z\",\"client\":\"::1\",\"status\":0,\"bytes_"
		"in\":0,"
		"\"bytes_out\":0,\"duration_ms\":0}");
	assert_string_equal(line(ACCESS_COMBINED, ACCESS_QUERY_KEEP, &r),
		"::1 - - [01/Jan/1970:00:00:00 +0000] \"-\" 0 0 \"-\" \"-\"");
}

static const char *query_of(const char *query, int keep)
{
	static char buf[8192];
	struct access_record r = { .query = str_of(query) };
	json_t *j = json_loads(line(ACCESS_JSON, keep, &r), 0, NULL);
	assert_non_null(j);
	const char *got = json_string_value(json_object_get(j, "query"));
	(void)snprintf(buf, sizeof(buf), "%s", got ? got : "(none)");
	json_decref(j);
	return buf;
}

TEST(secrets)
{
	assert_string_equal(query_of("a=1&access_token=abc&b=2", 0), "a=1&access_token=***&b=2");
	assert_string_equal(query_of("Access_Token=abc", 0), "Access_Token=***");
	assert_string_equal(query_of("code=abc&state=x&code=", 0), "code=***&state=x&code=");
	assert_string_equal(query_of("token=a=b", 0), "token=***");
	assert_string_equal(query_of("tokens=a&mytoken=b&password", 0),
		"tokens=a&mytoken=***&password");
	assert_string_equal(query_of("api_key=x&", 0), "api_key=***&");
	assert_string_equal(query_of("a=1&access_token=abc", 1), "(none)");

	struct access_record r = { .client = STR("c"),
		.referer = STR("https://a.test/cb?code=abc&x=1#f") };
	assert_non_null(
		strstr(line(ACCESS_COMBINED, 0, &r), "\"https://a.test/cb?code=***&x=1#f\""));
	assert_non_null(strstr(line(ACCESS_COMBINED, 1, &r), "\"https://a.test/cb?...\""));
	r.referer = STR("https://a.test/cb?x=1");
	assert_non_null(strstr(line(ACCESS_COMBINED, 0, &r), "\"https://a.test/cb?x=1\""));
}

/* A request that was refused before it had a path: its target is what it was, and as harmless as a
 * path. */
TEST(a_refused_target_is_logged_without_its_secrets)
{
	static const struct {
		const char *target, *keep, *drop;
	} rows[] = {
		{ "/x?access_token=S&a=1", "\"path\":\"/x\",\"query\":\"access_token=***&a=1\"",
			"\"path\":\"/x\",\"status\"" },
		{ "/../x?access%5Ftoken=S", "\"path\":\"/../x\",\"query\":\"access%5Ftoken=***\"",
			"\"path\":\"/../x\",\"status\"" },
		{ "http://user:S@h/p?b=2", "\"path\":\"http://***@h/p\",\"query\":\"b=2\"",
			"\"path\":\"http://***@h/p\",\"status\"" },
		{ "/x#id_token=S", "\"path\":\"/x#id_token=***\"", "\"path\":\"/x\",\"status\"" },
		{ "/x%3Fcode%3DS", "\"path\":\"/x%3Fcode%3D***\"", "\"path\":\"/x\",\"status\"" },
		{ "/%zz/dd", "\"path\":\"/%zz/dd\"", "\"path\":\"/%zz/dd\"" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct access_record r = { .method = STR("GET"),
			.target = str_of(rows[i].target),
			.reason = STR("bad-target") };
		const char *got = line(ACCESS_JSON, ACCESS_QUERY_KEEP, &r);
		if (!strstr(got, rows[i].keep) || strchr(got, 'S'))
			fail_msg("%s: %s", rows[i].target, got);
		got = line(ACCESS_JSON, ACCESS_QUERY_DROP, &r);
		if (!strstr(got, rows[i].drop) || strchr(got, 'S'))
			fail_msg("%s: %s", rows[i].target, got);
		assert_null(strchr(line(ACCESS_COMBINED, ACCESS_QUERY_KEEP, &r), 'S'));
		assert_null(strchr(line(ACCESS_COMMON, ACCESS_QUERY_DROP, &r), 'S'));
	}
}

TEST(what_a_plugin_declares_secret_is_not_logged)
{
	struct arena a;
	struct secrets s = { 0 };
	struct access_record r = sample();
	arena_init(&a, 1 << 16);
	assert_true(secrets_add_query(&s, &a, STR("member")));
	assert_true(secrets_add_field(&s, &a, STR("User-Agent")));
	r.query = STR("member=SSSS&x=1");
	r.user_agent = STR("SSSS");
	r.secrets = &s;
	assert_null(strstr(line(ACCESS_JSON, ACCESS_QUERY_KEEP, &r), "SSSS"));
	assert_non_null(
		strstr(line(ACCESS_JSON, ACCESS_QUERY_KEEP, &r), "\"query\":\"member=***&x=1\""));
	assert_non_null(strstr(line(ACCESS_COMBINED, ACCESS_QUERY_KEEP, &r), "\"***\""));
	r.path = STR("");
	r.target = STR("/?member=SSSS");
	assert_null(strstr(line(ACCESS_JSON, ACCESS_QUERY_KEEP, &r), "SSSS"));
	arena_fini(&a);
}

/* A secret that starts before the place at which a long query is cut. */
TEST(secret_at_cut)
{
	char query[4096];
	for (size_t pad = 1980; pad < 2060; pad++) {
		memset(query, 'q', pad);
		(void)snprintf(query + pad, sizeof(query) - pad, "&access_token=%0100d", 7);
		memset(query + pad + 14, 'S', 100);
		assert_null(strstr(query_of(query, 0), "SS"));
	}
	char referer[600];
	for (size_t pad = 440; pad < 520; pad++) {
		(void)snprintf(referer, sizeof(referer),
			"https://a.test/?%0*d&code=SSSSSSSSSSSSSSSSSSS", (int)pad, 1);
		struct access_record r = { .referer = str_of(referer) };
		assert_null(strstr(line(ACCESS_JSON, 0, &r), "SS"));
	}
}

TEST(hostile)
{
	static const char evil[] = "a\"b\\c\n\r\t\x1b[31m\x7f\xc2\x9b\xff d\xc3\xa9";
	struct access_record r = sample();
	r.method = r.host = r.path = r.query = r.user_agent = r.referer = r.consumer =
		str_n(evil, sizeof(evil) - 1);
	for (int format = ACCESS_JSON; format <= ACCESS_COMMON; format++) {
		const char *text = line(format, ACCESS_QUERY_KEEP, &r);
		for (const char *p = text; *p; p++) {
			if ((unsigned char)*p < 0x20 || *p == 0x7f ||
				(format != ACCESS_JSON && (unsigned char)*p > 0x7f))
				fail_msg("byte %02x in %s", (unsigned char)*p, text);
		}
		assert_null(strstr(text, "\xc2\x9b"));
	}
	json_error_t e;
	json_t *j = json_loads(line(ACCESS_JSON, ACCESS_QUERY_KEEP, &r), 0, &e);
	if (!j)
		fail_msg("%s", e.text);
	assert_string_equal(json_string_value(json_object_get(j, "user_agent")),
		"a\"b\\c\n\r\t\x1b[31m??\xef\xbf\xbd d\xc3\xa9");
	json_decref(j);
	assert_non_null(strstr(line(ACCESS_COMBINED, ACCESS_QUERY_KEEP, &r),
		" \"a\\x22b\\x5cc\\x0a\\x0d\\x09\\x1b[31m\\x7f\\xc2\\x9b\\xff d\\xc3\\xa9\""));
	/* in words a blank is escaped too */
	assert_non_null(strstr(line(ACCESS_COMMON, ACCESS_QUERY_KEEP, &r), "\\xff\\x20d"));
}

/* The longest of everything, all of it in need of escapes: still a line, and still JSON. */
TEST(huge)
{
	static char big[100000];
	static sluice_str notes[1000];
	static const char fill[] = { '\1', '"', 'x', '\xff', '\xc3', '&' };
	for (size_t f = 0; f < sizeof(fill); f++) {
		memset(big, fill[f], sizeof(big));
		sluice_str s = str_n(big, sizeof(big));
		for (size_t i = 0; i < 1000; i++)
			notes[i] = s;
		struct access_record r = { s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s,
			{ notes, 1000 }, .unix_ms = UINT64_MAX / 2, .duration_us = UINT64_MAX,
			.connect_us = UINT64_MAX, .bytes_in = INT64_MAX, .bytes_out = INT64_MAX,
			.status = 999, .tries = 255 };
		r.peer.len--; /* or it would be left out */
		json_error_t e;
		json_t *j = json_loads(line(ACCESS_JSON, 0, &r), 0, &e);
		if (!j)
			fail_msg("%s", e.text);
		json_decref(j);
		(void)line(ACCESS_COMBINED, 0, &r);
		(void)line(ACCESS_COMMON, 0, &r);
	}
}

TEST(room)
{
	struct access_record r = sample();
	struct access_conf conf = { .format = ACCESS_JSON };
	char buf[2048];
	size_t n = access_line(&conf, &r, buf, sizeof(buf));
	assert_true(n > 100);
	assert_int_equal(access_line(&conf, &r, buf, n), n);
	for (size_t room = 0; room < n; room++)
		assert_int_equal(access_line(&conf, &r, buf, room), 0);
}

TEST(cut)
{
	char agent[600];
	struct access_record r = { .user_agent = { agent, sizeof(agent) } };
	for (size_t i = 0; i < sizeof(agent); i += 2)
		memcpy(agent + i, "\xc3\xa9", 2);
	json_t *j = json_loads(line(ACCESS_JSON, 0, &r), 0, NULL);
	const char *got = json_string_value(json_object_get(j, "user_agent"));
	assert_int_equal(strlen(got), 512 + 3); /* whole characters, then an ellipsis */
	assert_string_equal(got + 512, "\xe2\x80\xa6");
	json_decref(j);
}
