/* upstream/fetch_call: fetches over the pools of an upstream, as any request. */
#include "upstream/fetch.h"

#include <stdio.h>

#include "h2server.h"
#include "kit.h"

struct got {
	bool done;
	unsigned calls;
	sluice_status status;
	int code;
	char body[64], error[256];
};

static struct test_server a, b;
static struct test_conf conf;

static void on_fetched(void *ctx, const sluice_fetch_response *r)
{
	struct got *g = ctx;
	g->done = true;
	g->calls++;
	g->status = r->status;
	g->code = r->code;
	(void)snprintf(g->body, sizeof(g->body), "%.*s", STR_ARG(r->body));
	(void)snprintf(g->error, sizeof(g->error), "%s", r->error ? r->error : "");
	kit_stop();
}

static struct fetch *begin(struct upstream *u, sluice_fetch_request r, struct got *g)
{
	const struct fetch_way way = { .upstream = u };
	const char *why = NULL;
	*g = (struct got){ 0 };
	r.size = sizeof(r);
	if (r.url.len == 0)
		r.url = STR("/path?q=1");
	struct fetch *f = fetch_start(&kit_worker, &r, &way, on_fetched, g, &why);
	if (!f)
		(void)snprintf(g->error, sizeof(g->error), "%s", why);
	assert_false(g->done); /* not from within */
	return f;
}

static struct got fetch(struct upstream *u, sluice_fetch_request r)
{
	struct got g;
	if (!begin(u, r, &g))
		fail_msg("not begun: %s", g.error);
	assert_true(kit_run(&g.done, 5000));
	kit_pass(5);
	assert_int_equal(g.calls, 1);
	return g;
}

static struct got get(struct upstream *u)
{
	return fetch(u, (sluice_fetch_request){ .size = 0 });
}

static struct upstream *attach(const char *const *addresses)
{
	conf_make(&conf, "service", addresses);
	conf.conf.retries = 1;
	return upstream_attach(&kit_worker, &conf.conf, NULL, 1, NULL);
}

static int setup(void **state)
{
	if (kit_setup(state) < 0)
		return -1;
	server_up(&a, "a", 0);
	server_up(&b, "b", 0);
	atomic_store(&a.mode, SERVE_OK);
	atomic_store(&b.mode, SERVE_OK);
	return 0;
}

static int teardown(void **state)
{
	server_down(&a);
	server_down(&b);
	return kit_teardown(state);
}

#define TEST_CALL(name) TEST_WITH(name, setup, teardown)

TEST_CALL(connections_are_kept)
{
	struct upstream *u = attach((const char *[]){ a.address, NULL });
	for (int i = 0; i < 5; i++) {
		struct got g = get(u);
		assert_int_equal(g.status, SLUICE_OK);
		assert_int_equal(g.code, 200);
		assert_string_equal(g.body, "a");
	}
	assert_int_equal(atomic_load(&a.accepted), 1);
	assert_int_equal(kit_view(a.address).reused, 4);
	assert_non_null(strstr(a.request, "GET /path?q=1 HTTP/1.1\r\n"));
	assert_non_null(strstr(a.request, "Host: service\r\n"));
	(void)fetch(u, (sluice_fetch_request){ .url = STR("http://other.example:81/x") });
	assert_non_null(strstr(a.request, "GET /x HTTP/1.1\r\n"));
	assert_non_null(strstr(a.request, "Host: other.example:81\r\n"));
	assert_int_equal(atomic_load(&a.accepted), 1);
	upstream_detach(&u);
}

TEST_CALL(balanced_over_servers)
{
	struct upstream *u = attach((const char *[]){ a.address, b.address, NULL });
	unsigned of_a = 0;
	for (int i = 0; i < 10; i++)
		of_a += get(u).body[0] == 'a';
	assert_int_equal(of_a, 5);
	assert_int_equal(atomic_load(&a.accepted) + atomic_load(&b.accepted), 2);
	upstream_detach(&u);
}

TEST_CALL(a_server_that_is_down)
{
	char down[32];
	(void)snprintf(down, sizeof(down), "127.0.0.1:%u", port_unused());
	struct upstream *u = attach((const char *[]){ down, a.address, NULL });
	for (int i = 0; i < 6; i++)
		assert_string_equal(get(u).body, "a");
	assert_true(kit_view(down).failures > 0);
	upstream_detach(&u);

	u = attach((const char *[]){ down, NULL });
	struct got g = get(u);
	assert_int_equal(g.status, SLUICE_UNREACHABLE);
	assert_non_null(strstr(g.error, "service: "));
	upstream_detach(&u);
}

TEST_CALL(its_status_counts_as_that_of_any_request)
{
	a.reply = "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n";
	atomic_store(&a.mode, SERVE_REPLY);
	conf_make(&conf, "service", (const char *[]){ a.address, NULL });
	conf.conf.health.count = UINT64_MAX;
	struct upstream *u = upstream_attach(&kit_worker, &conf.conf, NULL, 1, NULL);
	assert_int_equal(get(u).code, 503);
	assert_int_equal(kit_view(a.address).failures, 1);
	assert_true(kit_view(a.address).latency_ns > 0);
	upstream_detach(&u);
}

TEST_CALL(tried_again_where_that_is_safe)
{
	struct upstream *u = attach((const char *[]){ a.address, b.address, NULL });
	atomic_store(&a.mode, SERVE_ABORT);
	for (int i = 0; i < 4; i++)
		assert_string_equal(get(u).body, "b");
	upstream_detach(&u);

	atomic_store(&b.mode, SERVE_ABORT);
	u = attach((const char *[]){ a.address, b.address, NULL });
	unsigned before = atomic_load(&a.accepted) + atomic_load(&b.accepted);
	struct got g = fetch(u, (sluice_fetch_request){ .method = STR("POST"), .body = STR("x") });
	assert_int_equal(g.status, SLUICE_UNREACHABLE);
	assert_int_equal(atomic_load(&a.accepted) + atomic_load(&b.accepted) - before, 1);
	upstream_detach(&u);
}

/* A connection that the server closed while it was idle costs nothing. */
TEST_CALL(a_stale_connection)
{
	struct upstream *u = attach((const char *[]){ a.address, NULL });
	assert_string_equal(get(u).body, "a");
	server_drop_all(&a);
	assert_string_equal(get(u).body, "a");
	server_drop_all(&a);
	kit_pass(50); /* until the pool has seen it: a POST is not sent a second time */
	struct got g = fetch(u, (sluice_fetch_request){ .method = STR("POST"), .body = STR("x") });
	assert_string_equal(g.body, "a");
	assert_int_equal(kit_view(a.address).failures, 0);
	upstream_detach(&u);
}

TEST_CALL(deadline)
{
	struct upstream *u = attach((const char *[]){ a.address, NULL });
	atomic_store(&a.mode, SERVE_SILENT);
	struct got g = fetch(u, (sluice_fetch_request){ .timeout_ms = 100 });
	assert_int_equal(g.status, SLUICE_TIMEOUT);
	assert_non_null(strstr(g.error, "no time was left for its response"));
	assert_int_equal(kit_view(a.address).failures, 0); /* the caller was impatient */
	kit_sees(&a.open, 0);
	upstream_detach(&u);
}

TEST_CALL(cancelled)
{
	struct got g;
	struct upstream *u = attach((const char *[]){ a.address, NULL });
	atomic_store(&a.mode, SERVE_SILENT);
	struct fetch *f = begin(u, (sluice_fetch_request){ .size = 0 }, &g);
	fetch_cancel(f); /* while it connects */
	f = begin(u, (sluice_fetch_request){ .size = 0 }, &g);
	for (int i = 0; i < 400 && kit_view(a.address).in_flight == 0; i++)
		kit_pass(5);
	fetch_cancel(f); /* while it waits for the response */
	kit_pass(20);
	assert_int_equal(g.calls, 0);
	assert_int_equal(kit_view(a.address).in_flight, 0);
	upstream_detach(&u);
}

TEST_CALL(too_large)
{
	struct upstream *u = attach((const char *[]){ a.address, NULL });
	a.reply = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
	atomic_store(&a.mode, SERVE_REPLY);
	struct got g = fetch(u, (sluice_fetch_request){ .max_body = 10 });
	assert_int_equal(g.status, SLUICE_ERROR);
	assert_int_equal(kit_view(a.address).in_flight, 0);
	upstream_detach(&u);
}

TEST_CALL(malformed)
{
	struct got g;
	struct upstream *u = attach((const char *[]){ a.address, NULL });
	assert_null(begin(u, (sluice_fetch_request){ .url = STR("path") }, &g));
	assert_null(begin(u, (sluice_fetch_request){ .url = STR("/a b") }, &g));
	assert_non_null(strstr(g.error, "the path is malformed"));
	assert_null(begin(u, (sluice_fetch_request){ .url = STR("https://h/") }, &g));
	assert_string_equal(g.error, "the URL is https, and the upstream has no TLS");
	upstream_detach(&u);
}

TEST(http2_connections_are_shared)
{
	static struct h2_server s;
	struct got g[8];
	(void)kit_setup(NULL);
	h2_server_up(&s, "h2", 100, NULL);
	conf_make(&conf, "service", (const char *[]){ s.address, NULL });
	conf.conf.protocol = PROTOCOL_H2C;
	conf.conf.max_streams = 100;
	struct upstream *u = upstream_attach(&kit_worker, &conf.conf, NULL, 1, NULL);
	for (int i = 0; i < 8; i++)
		assert_non_null(begin(u, (sluice_fetch_request){ .size = 0 }, &g[i]));
	for (int i = 0; i < 8; i++) {
		assert_true(g[i].done || kit_run(&g[i].done, 5000));
		assert_string_equal(g[i].body, "h2");
	}
	assert_int_equal(atomic_load(&s.accepted), 1);
	h2_server_mode(&s, H2_REFUSE, 1);
	assert_string_equal(get(u).body, "h2"); /* REFUSED_STREAM: it is asked again */
	upstream_detach(&u);
	h2_server_down(&s);
	(void)kit_teardown(NULL);
}
