/* upstream/check: one server that is asked, and what is believed of it. */
#include "upstream/check.h"

#include "kit.h"
#include "upstream/state.h"

static struct test_server a;
static struct test_conf conf;
static struct upstream *u;

static const sluice_str usual[] = { SLUICE_STR("200-299") };

static void begin(unsigned workers)
{
	conf_make(&conf, "test", (const char *[]){ a.address, NULL });
	conf.conf.health.check = (struct upstream_check){ .is_on = true,
		.path = STR("/health"),
		.method = STR("GET"),
		.every = 60000,
		.timeout = 200,
		.expect = { usual, 1 },
		.rise = 2,
		.fall = 3 };
	u = upstream_attach(&kit_worker, &conf.conf, NULL, workers, NULL);
}

static struct record_view seen(void)
{
	return kit_view(a.address).record;
}

static uint64_t ended(void)
{
	const struct record_view r = seen();
	uint64_t n = 0;
	for (int i = 0; i < CHECK_RESULTS; i++)
		n += r.n_results[i];
	return n;
}

static void wait_for_end(uint64_t n)
{
	for (int i = 0; i < 500 && ended() < n; i++)
		kit_pass(5);
	assert_int_equal(ended(), n);
}

TEST(the_first_decides)
{
	server_up(&a, "a", 0);
	begin(1);
	assert_int_equal(records_awaited(), 1);
	assert_int_equal(seen().verdict, CHECKED_NEVER);
	wait_for_end(1);
	assert_int_equal(records_awaited(), 0);
	struct record_view r = seen();
	assert_int_equal(r.verdict, CHECKED_UP);
	assert_int_equal(r.last_result, CHECK_PASSED);
	assert_int_equal(r.last_status, 200);
	assert_true(r.checked_ms > 0);
	assert_non_null(strstr(a.request, "GET /health HTTP/1.1\r\n"));
	assert_non_null(strstr(a.request, a.address));
	upstream_detach(&u);
	server_down(&a);
}

TEST(the_first_fails)
{
	static const struct {
		int mode;
		const char *reply;
		enum check_result result;
	} cases[] = {
		{ SERVE_REPLY, "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", CHECK_STATUS },
		{ SERVE_ABORT, NULL, CHECK_CLOSED },
		{ SERVE_GARBAGE, NULL, CHECK_PROTOCOL },
		{ SERVE_SILENT, NULL, CHECK_TIMEOUT },
	};
	struct probe p;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		server_up(&a, "a", 0);
		a.reply = cases[i].reply;
		atomic_store(&a.mode, cases[i].mode);
		begin(1);
		wait_for_end(1);
		assert_int_equal(seen().verdict, CHECKED_DOWN);
		assert_int_equal(seen().last_result, cases[i].result);
		/* there is no other server: it is asked all the same */
		atomic_store(&a.mode, SERVE_OK);
		assert_int_equal(kit_get(u, &p), 0);
		upstream_detach(&u);
		server_down(&a);
	}
}

TEST(nobody_listens)
{
	server_up(&a, "a", 0);
	server_down(&a);
	begin(1);
	wait_for_end(1);
	assert_int_equal(seen().last_result, CHECK_NO_CONNECTION);
	upstream_detach(&u);
}

/* Another worker checks it. */
TEST(not_here)
{
	server_up(&a, "a", 0);
	kit_worker.id = 1;
	begin(1); /* worker 0 of 1 would */
	kit_pass(50);
	assert_int_equal(ended(), 0);
	assert_int_equal(records_awaited(), 0);
	upstream_detach(&u);
	kit_worker.id = 0;
	server_down(&a);
}

/* `fall` in a row, `rise` in a row. The next check begins when its timer is called. */
TEST(in_a_row)
{
	static const struct {
		bool well;
		enum record_verdict verdict;
	} course[] = { { true, CHECKED_UP }, { false, CHECKED_UP }, { false, CHECKED_UP },
		{ true, CHECKED_UP }, { false, CHECKED_UP }, { false, CHECKED_UP },
		{ false, CHECKED_DOWN }, { true, CHECKED_DOWN }, { false, CHECKED_DOWN },
		{ true, CHECKED_DOWN }, { true, CHECKED_UP } };
	server_up(&a, "a", 0);
	a.reply = "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n";
	begin(1);
	struct endpoint *e = u->balance.all[0]->endpoint;
	for (size_t i = 0; i < sizeof(course) / sizeof(course[0]); i++) {
		atomic_store(&a.mode, course[i].well ? SERVE_OK : SERVE_REPLY);
		if (i)
			check_now(e);
		wait_for_end(i + 1);
		if (seen().verdict != course[i].verdict)
			fail_msg("after check %zu: %d", i, (int)seen().verdict);
		assert_int_equal(endpoint_is_ready(e), course[i].verdict == CHECKED_UP);
	}
	/* disabled: it is not asked */
	e->order = ORDER_DISABLED;
	check_now(e);
	kit_pass(20);
	wait_for_end(sizeof(course) / sizeof(course[0]));
	upstream_detach(&u);
	server_down(&a);
}

/* It ends while a check is under way. */
TEST(stopped)
{
	server_up(&a, "a", 0);
	atomic_store(&a.mode, SERVE_SILENT);
	begin(1);
	kit_sees(&a.served, 1);
	assert_int_equal(records_awaited(), 1);
	upstream_detach(&u);
	assert_int_equal(records_awaited(), 0);
	kit_pass(20);
	server_down(&a);
}

/* A reload keeps the check; without checks the verdict is forgotten. */
TEST(reloads)
{
	server_up(&a, "a", 0);
	a.reply = "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n";
	atomic_store(&a.mode, SERVE_REPLY);
	begin(1);
	wait_for_end(1);
	assert_int_equal(seen().verdict, CHECKED_DOWN);
	struct upstream *v = upstream_attach(&kit_worker, &conf.conf, NULL, 1, NULL);
	upstream_detach(&u);
	assert_int_equal(seen().verdict, CHECKED_DOWN);
	struct upstream_conf off = conf.conf;
	off.health.check.is_on = false;
	u = upstream_attach(&kit_worker, &off, NULL, 1, NULL);
	assert_int_equal(seen().verdict, CHECKED_NEVER);
	upstream_detach(&v);
	upstream_detach(&u);
	server_down(&a);
}

TEST_GROUP(kit_setup, kit_teardown);
