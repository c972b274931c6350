/* Answers of authorization servers: which are read, and for how long they say that they are
 * current. */
#include "document.h"

#include "kit.h"
#include "test.h"

#define NOW_MS UINT64_C(1700000000000) /* Tue, 14 Nov 2023 22:13:20 GMT */

static sluice_pair fields[8];

/* Names and values up to NULL. */
static sluice_fetch_response answer(int code, const char *const *texts)
{
	sluice_fetch_response r = { .size = sizeof r,
		.status = SLUICE_OK,
		.code = code,
		.headers = fields,
		.body = SLUICE_STR("{}") };
	for (; texts && texts[0]; texts += 2)
		fields[r.n_headers++] =
			(sluice_pair){ sluice_str_of(texts[0]), sluice_str_of(texts[1]) };
	return r;
}

#define ANSWER(code, ...) answer(code, (const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })

static void expect(sluice_fetch_response r, const char *words)
{
	char text[DOCUMENT_WHY];
	const char *why = document_refused(&r, text);
	if (!words && why)
		fail_msg("refused: %s", why);
	if (words && (!why || !strstr(why, words)))
		fail_msg("%s: %s", words, why ? why : "taken");
}

TEST(json_is_read)
{
	static const char *const types[] = { "application/json", "Application/JSON; charset=utf-8",
		"application/jwk-set+json", "text/plain", "application/octet-stream",
		"binary/octet-stream", "text/json;a", "" };
	expect(ANSWER(200), NULL);
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		expect(ANSWER(200, "Content-Type", types[i]), NULL);
	expect(ANSWER(200, "content-encoding", "identity"), NULL);
	expect(ANSWER(200, "content-encoding", ""), NULL);
}

TEST(what_is_not_json_is_refused)
{
	expect(ANSWER(200, "content-type", "text/html"), "its answer is text/html, not JSON");
	expect(ANSWER(200, "content-type", "image/png"), "image/png");
	expect(ANSWER(200, "content-type", "+json"), "not JSON");
	expect(ANSWER(200, "content-type", "a\r\n\x1b\xff"), "its answer is a????, not JSON");
	expect(ANSWER(200, "content-encoding", "gzip"), "encoded (gzip), which was not asked for");
	expect(ANSWER(200, "content-encoding", "identity", "content-encoding", "br"), "encoded");
	expect(ANSWER(302, "location", "/"), "status 302, a redirect, which is not followed");
	expect(ANSWER(304), "it answered with status 304");
	expect(ANSWER(204), "it answered with status 204");
	expect(ANSWER(500), "it answered with status 500");
	sluice_fetch_response r = { .size = sizeof r, .status = SLUICE_TIMEOUT };
	expect(r, "the fetch failed");
	r.error = "idp: no time was left";
	expect(r, "idp: no time was left");
}

TEST(one_type_is_known_with_any_parameters)
{
	const sluice_str json = SLUICE_STR("application/json");
	sluice_fetch_response r = ANSWER(200, "content-type", "Application/JSON ; charset=utf-8");
	assert_true(document_has_type(&r, json));
	assert_true(document_is_plain(&r));
	r = ANSWER(200, "content-type", "text/plain", "content-encoding", "br");
	assert_false(document_has_type(&r, json));
	assert_false(document_is_plain(&r));
	r = ANSWER(200);
	assert_false(document_has_type(&r, json));
	assert_true(document_is_plain(&r));
}

static uint64_t lifetime(sluice_fetch_response r)
{
	return document_lifetime(&r, NOW_MS);
}

TEST(lifetimes_are_those_of_the_answer)
{
	assert_int_equal(lifetime(ANSWER(200)), DOCUMENT_UNTOLD);
	assert_int_equal(lifetime(ANSWER(200, "Cache-Control", "max-age=60")), 60000);
	assert_int_equal(lifetime(ANSWER(200, "cache-control", "public, max-age=\"60\", x=y")),
		60000);
	assert_int_equal(lifetime(ANSWER(200, "cache-control", "public", "cache-control",
				 "max-age=60", "age", "20")),
		40000);
	assert_int_equal(lifetime(ANSWER(200, "cache-control", "max-age=60", "age", "61")), 0);
	assert_int_equal(lifetime(ANSWER(200, "cache-control", "max-age=60", "age", "x")), 60000);
	/* max-age comes before Expires (RFC 9111 5.3) */
	assert_int_equal(lifetime(ANSWER(200, "expires", "Tue, 14 Nov 2023 22:13:50 GMT",
				 "cache-control", "max-age=60")),
		60000);
	assert_int_equal(lifetime(ANSWER(200, "expires", "Tue, 14 Nov 2023 22:13:50 GMT")), 30000);
	/* the server's clock tells how far its dates are apart */
	assert_int_equal(lifetime(ANSWER(200, "expires", "Tue, 14 Nov 2023 23:13:50 GMT", "date",
				 "Tue, 14 Nov 2023 23:13:40 GMT")),
		10000);
	assert_int_equal(lifetime(ANSWER(200, "cache-control", "max-age=99999999999999999999")),
		(UINT64_C(1) << 31) * 1000);
}

/* Servers say so of keys by habit; to ask them every time would help nobody. */
TEST(what_is_not_to_be_kept_has_no_lifetime)
{
	static const char *const values[] = { "no-store", "no-cache, max-age=60", "max-age=0",
		"max-age=x", "max-age=60, max-age=61", "no-store, max-age=60" };
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
		if (lifetime(ANSWER(200, "cache-control", values[i])) != DOCUMENT_UNTOLD)
			fail_msg("%s", values[i]);
	}
	assert_int_equal(lifetime(ANSWER(200, "expires", "0")), DOCUMENT_UNTOLD);
	assert_int_equal(lifetime(ANSWER(200, "expires", "Tue, 14 Nov 2023 22:13:50 GMT", "expires",
				 "Tue, 14 Nov 2023 22:14:50 GMT")),
		DOCUMENT_UNTOLD);
}
