/* admin/requests: the query of the page, and its document. */
#include "admin/requests.h"

#include "unit.h"

static bool parse(const char *query, struct progress_filter *f)
{
	sluice_str bad = STR_NONE;
	*f = (struct progress_filter){ 0 };
	bool ok = requests_parse(str_of(query), f, &bad);
	assert_int_equal(ok, bad.len == 0);
	return ok;
}

TEST(query)
{
	struct progress_filter f;
	char query[512] = "route=";
	assert_true(parse("", &f));
	assert_int_equal(f.limit, REQUESTS_LIMIT);
	assert_true(parse("limit=1000&route=a+b&client=%3a:1&id=x", &f));
	assert_int_equal(f.limit, 1000);
	assert_string_equal(f.route, "a b");
	assert_string_equal(f.client, "::1");
	assert_string_equal(f.id, "x");
	static const char *const bad[] = { "limit=0", "limit=1001", "limit=", "limit=x", "limit",
		"route=", "rout=a", "=", "route=a&id=&limit=3" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(parse(bad[i], &f));
	memset(query + 6, 'r', PROGRESS_NAME - 1);
	assert_true(parse(query, &f));
	query[6 + PROGRESS_NAME - 1] = 'r';
	assert_false(parse(query, &f));
}

/* Two workers, one of which is silent, and a limit: the oldest of all are told of. */
TEST(document)
{
	static const struct exchange_state_info forward = { .name = "forward", .bound = "" };
	static const struct upstream_failure failure = { .server = { "10.0.0.1:80", 11 },
		.reason = "connect-failed" };
	const struct progress a[] = { { .started_ns = 5,
		.id = STR("late"),
		.state = &forward,
		.lanes = { { .way = "direct" }, { .way = "direct" } } } };
	const struct progress b[] = {
		{ .started_ns = 2,
			.id = STR("early"),
			.state = &forward,
			.lanes = { { .way = "staged", .n_holds = 1, .holds = { { "full", 7 } } },
				{ .way = "direct", .ended = true } },
			.failures = &failure },
		{ .started_ns = 9,
			.id = STR("latest"),
			.state = &forward,
			.lanes = { { .way = "direct" }, { .way = "direct" } } },
	};
	const struct gather_answer v[] = { { .in_progress = { a, 1, 0 } }, { .silent = true },
		{ .in_progress = { b, 2, 4 } } };
	struct json_out o;
	char text[8192];
	json_init_heap(&o, sizeof(text));
	requests_write(&o, v, 3, 2);
	(void)snprintf(text, sizeof(text), "%.*s", STR_ARG(json_text(&o)));
	json_fini(&o);
	assert_non_null(strstr(text, "{\"total\":7,\"left_out\":5,\"silent_workers\":1,"));
	const char *early = strstr(text, "\"id\":\"early\",\"worker\":2"),
		   *late = strstr(text, "\"id\":\"late\",\"worker\":0");
	assert_true(early && late && early < late);
	assert_null(strstr(text, "latest"));
	assert_non_null(strstr(early,
		"\"failures\":[{\"server\":\"10.0.0.1:80\",\"reason\":\"connect-failed\"}]"));
	assert_non_null(strstr(early,
		"\"request_body\":{\"way\":\"staged\",\"state\":\"held\","
		"\"holds\":[{\"hold\":\"full\",\"ms\":7}]}"));
	assert_non_null(strstr(early, "\"response_body\":{\"way\":\"direct\",\"state\":\"ended\""));
}
