/* upstream/fetch: whole responses, and every way not to get one. */
#include "upstream/fetch.h"

#include <stdio.h>

#include "kit.h"
#include "upstream/fetch_link.h"
#include "upstream/fetch_proxy.h"

struct got {
	bool done;
	unsigned calls;
	sluice_status status;
	int code;
	char body[256], type[64], error[256];
	size_t body_len;
};

static struct test_server server;
static char url[64];
static const struct fetch_way by_url = { .tls = NULL };

static void on_fetched(void *ctx, const sluice_fetch_response *r)
{
	struct got *g = ctx;
	g->done = true;
	g->calls++;
	g->status = r->status;
	g->code = r->code;
	g->body_len = r->body.len;
	(void)snprintf(g->body, sizeof(g->body), "%.*s", STR_ARG(r->body));
	(void)snprintf(g->error, sizeof(g->error), "%s", r->error ? r->error : "");
	for (size_t i = 0; i < r->n_headers; i++) {
		if (str_ieq(r->headers[i].name, STR("content-type")))
			(void)snprintf(g->type, sizeof(g->type), "%.*s",
				STR_ARG(r->headers[i].value));
	}
	kit_stop();
}

static struct got fetch(sluice_fetch_request r)
{
	struct got g = { 0 };
	const char *why = NULL;
	r.size = sizeof(r);
	if (r.url.len == 0)
		r.url = str_of(url);
	if (!fetch_start(&kit_worker, &r, &by_url, on_fetched, &g, &why))
		fail_msg("not begun: %s", why);
	assert_false(g.done); /* not from within */
	assert_true(kit_run(&g.done, 5000));
	kit_pass(30);
	assert_int_equal(g.calls, 1);
	assert_int_equal(g.status == SLUICE_OK, g.error[0] == 0);
	return g;
}

static void serve(const char *reply)
{
	server.reply = reply;
	atomic_store(&server.mode, SERVE_REPLY);
}

static int setup(void **state)
{
	if (kit_setup(state) < 0)
		return -1;
	server_up(&server, "keys", 0);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/jwks.json?v=1", server.port);
	return 0;
}

static int teardown(void **state)
{
	server_down(&server);
	return kit_teardown(state);
}

TEST(get)
{
	serve("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
	      "13\r\n\r\n{\"keys\":[1]}\n");
	struct got g = fetch((sluice_fetch_request){ 0 });
	assert_int_equal(g.status, SLUICE_OK);
	assert_int_equal(g.code, 200);
	assert_string_equal(g.type, "application/json");
	assert_string_equal(g.body, "{\"keys\":[1]}\n");
	assert_non_null(strstr(server.request, "GET /jwks.json?v=1 HTTP/1.1\r\n"));
	char host[64];
	(void)snprintf(host, sizeof(host), "Host: 127.0.0.1:%u\r\n", server.port);
	assert_non_null(strstr(server.request, host));
	kit_sees(&server.open, 0); /* not kept */
}

TEST(post)
{
	static const sluice_pair headers[] = { { STR("Content-Type"), STR("text/plain") },
		{ STR("User-Agent"), STR("mine") } };
	serve("HTTP/1.1 204 No Content\r\n\r\n");
	struct got g = fetch((sluice_fetch_request){ .method = STR("POST"),
		.body = STR("token=x"),
		.headers = { headers, 2 } });
	assert_int_equal(g.code, 204);
	assert_int_equal(g.body_len, 0);
	assert_non_null(strstr(server.request, "POST "));
	assert_non_null(strstr(server.request, "Content-Length: 7\r\n"));
	assert_non_null(strstr(server.request, "User-Agent: mine\r\n"));
	assert_null(strstr(server.request, "sluice"));
	assert_non_null(strstr(server.request, "\r\n\r\ntoken=x"));
}

TEST(chunked_and_interim)
{
	serve("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: "
	      "chunked\r\n\r\n"
	      "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
	struct got g = fetch((sluice_fetch_request){ 0 });
	assert_int_equal(g.code, 200);
	assert_string_equal(g.body, "abcde");
}

TEST(redirects_are_answers)
{
	serve("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
	struct got g = fetch((sluice_fetch_request){ 0 });
	assert_int_equal(g.status, SLUICE_OK);
	assert_int_equal(g.code, 302);
}

TEST(too_large)
{
	serve("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world");
	struct got g = fetch((sluice_fetch_request){ .max_body = 11 });
	assert_int_equal(g.status, SLUICE_OK);
	g = fetch((sluice_fetch_request){ .max_body = 10 });
	assert_int_equal(g.status, SLUICE_ERROR);
	serve("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello "
	      "\r\n5\r\nworld\r\n0\r\n\r\n");
	g = fetch((sluice_fetch_request){ .max_body = 10 });
	assert_int_equal(g.status, SLUICE_ERROR);
	assert_non_null(strstr(g.error, "larger than 10 bytes"));
}

TEST(failures)
{
	char dead[64];
	atomic_store(&server.mode, SERVE_SILENT);
	uint64_t began = clock_ns();
	struct got g = fetch((sluice_fetch_request){ .timeout_ms = 100 });
	assert_int_equal(g.status, SLUICE_TIMEOUT);
	assert_in_range(clock_ns() - began, 100 * NS_PER_MS, 4000 * NS_PER_MS);
	atomic_store(&server.mode, SERVE_ABORT);
	assert_int_equal(fetch((sluice_fetch_request){ 0 }).status, SLUICE_UNREACHABLE);
	atomic_store(&server.mode, SERVE_GARBAGE);
	assert_int_equal(fetch((sluice_fetch_request){ 0 }).status, SLUICE_ERROR);
	(void)snprintf(dead, sizeof(dead), "http://127.0.0.1:%u/", port_unused());
	assert_int_equal(fetch((sluice_fetch_request){ .url = str_of(dead) }).status,
		SLUICE_UNREACHABLE);
	g = fetch((sluice_fetch_request){ .url = STR("http://no-such-host.invalid/") });
	assert_int_equal(g.status, SLUICE_UNREACHABLE);
	assert_non_null(strstr(g.error, "no-such-host.invalid: "));
}

TEST(by_name)
{
	char named[64];
	serve("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	/* one of its addresses may be one where nobody listens */
	(void)snprintf(named, sizeof(named), "http://localhost:%u/", server.port);
	struct got g = fetch((sluice_fetch_request){ .url = str_of(named) });
	assert_int_equal(g.status, SLUICE_OK);
	assert_string_equal(g.body, "ok");
}

TEST(cancel)
{
	sluice_fetch_request r = { .size = sizeof(r), .url = str_of(url) };
	const char *why = NULL;
	struct got g = { 0 };
	atomic_store(&server.mode, SERVE_SILENT);
	unsigned before = atomic_load(&server.accepted);
	/* before the name is known, while connecting, while the response is awaited */
	for (unsigned ms = 0; ms <= 60; ms += 20) {
		struct fetch *f = fetch_start(&kit_worker, &r, &by_url, on_fetched, &g, &why);
		assert_non_null(f);
		if (ms)
			kit_pass(ms);
		fetch_cancel(f);
		kit_pass(20);
	}
	assert_false(g.done);
	assert_in_range(atomic_load(&server.accepted) - before, 2, 3);
	kit_sees(&server.open, 0);
}

static struct got fetch_kept(const char *method)
{
	const struct fetch_way way = { .keep = true };
	sluice_fetch_request r = { .size = sizeof(r),
		.url = str_of(url),
		.method = str_of(method) };
	const char *why = NULL;
	struct got g = { 0 };
	assert_non_null(fetch_start(&kit_worker, &r, &way, on_fetched, &g, &why));
	assert_false(g.done);
	assert_true(kit_run(&g.done, 5000));
	kit_pass(5);
	return g;
}

TEST(connections_are_kept_where_that_is_asked_for)
{
	serve("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	unsigned before = atomic_load(&server.accepted);
	for (int i = 0; i < 5; i++)
		assert_string_equal(fetch_kept("GET").body, "ok");
	assert_int_equal(atomic_load(&server.accepted) - before, 1);
	server_drop_all(&server); /* and the next one opens another */
	assert_string_equal(fetch_kept("POST").body, "ok");
	assert_int_equal(atomic_load(&server.accepted) - before, 2);
	assert_string_equal(fetch((sluice_fetch_request){ 0 }).body, "ok"); /* it takes none */
	assert_int_equal(atomic_load(&server.accepted) - before, 3);

	/* a server that closes a kept connection when it is used is asked again */
	atomic_store(&server.mode, SERVE_ABORT);
	assert_int_equal(fetch_kept("GET").status, SLUICE_UNREACHABLE);
	assert_int_equal(atomic_load(&server.accepted) - before, 4);
	kit_sees(&server.open, 0);
}

/* No more than a few are kept, and those that are go before a fetch finds no room. */
TEST(kept_connections_give_way)
{
	struct fetch *f[FETCH_LINKS_IDLE + 2];
	const struct fetch_way way = { .keep = true };
	struct got g[FETCH_LINKS_IDLE + 2];
	const char *why = NULL;
	const sluice_fetch_request r = { .size = sizeof(r), .url = str_of(url) };
	serve("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	memset(g, 0, sizeof(g));
	for (int i = 0; i < FETCH_LINKS_IDLE + 2; i++)
		f[i] = fetch_start(&kit_worker, &r, &way, on_fetched, &g[i], &why);
	for (int i = 0; i < FETCH_LINKS_IDLE + 2; i++)
		assert_true(f[i] && (g[i].done || kit_run(&g[i].done, 5000)));
	kit_sees(&server.open, FETCH_LINKS_IDLE);
}

/* ---- through a proxy ----------------------------------------------------------------------- */

/* The server is the proxy. */
static sluice_fetch_request through(const char *target, const char *credentials)
{
	static char proxy[64];
	(void)snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%u", server.port);
	return (sluice_fetch_request){ .url = str_of(target),
		.proxy = str_of(proxy),
		.proxy_credentials = str_of(credentials) };
}

TEST(a_proxy_is_asked_for_the_whole_url)
{
	serve("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	/* the name need not resolve here */
	struct got g = fetch(through("http://idp.invalid:8080/keys?v=1", "user:pass word"));
	assert_int_equal(g.status, SLUICE_OK);
	assert_string_equal(g.body, "ok");
	assert_non_null(
		strstr(server.request, "GET http://idp.invalid:8080/keys?v=1 HTTP/1.1\r\n"));
	assert_non_null(strstr(server.request, "Host: idp.invalid:8080\r\n"));
	assert_non_null(
		strstr(server.request, "Proxy-Authorization: Basic dXNlcjpwYXNzIHdvcmQ=\r\n"));
	g = fetch(through("http://idp.invalid", ""));
	assert_non_null(strstr(server.request, "GET http://idp.invalid/ HTTP/1.1\r\n"));
	assert_null(strstr(server.request, "Proxy-Authorization"));
	g = fetch(through("http://[::1]:81/", ":"));
	assert_non_null(strstr(server.request, "Host: [::1]:81\r\n"));
	assert_non_null(strstr(server.request, "Proxy-Authorization: Basic Og==\r\n"));
}

TEST(a_fetch_may_name_no_proxy)
{
	const struct fetch_proxy_conf all = { .url = STR("http://127.0.0.1:1") };
	fetch_proxy_configure(&all);
	serve("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	/* the own host is asked directly in any case */
	struct got g = fetch((sluice_fetch_request){ 0 });
	assert_int_equal(g.code, 200);
	g = fetch((sluice_fetch_request){ .url = STR("http://idp.invalid/"), .timeout_ms = 2000 });
	assert_int_equal(g.status, SLUICE_UNREACHABLE);
	assert_non_null(strstr(g.error, "idp.invalid through the proxy 127.0.0.1:1: "));
	g = fetch((sluice_fetch_request){ .url = STR("http://idp.invalid/"),
		.proxy = STR("direct"),
		.timeout_ms = 2000 });
	assert_null(strstr(g.error, "proxy"));
	fetch_proxy_configure(&(struct fetch_proxy_conf){ .except = { NULL, 0 } });
}

TEST(hosts_are_excepted_by_name)
{
	static const sluice_str names[] = { STR("idp.example"), STR("*.internal"),
		STR("10.0.0.1") };
	const struct fetch_proxy_conf conf = { .url = STR("http://proxy:3128/"),
		.credentials = STR("a:b"),
		.except = { names, 3 } };
	static const struct {
		const char *host;
		bool through;
	} rows[] = { { "idp.example", false }, { "IDP.example", false }, { "a.idp.example", true },
		{ "idp.example.com", true }, { "a.internal", false }, { "internal", true },
		{ "xinternal", true }, { "10.0.0.1", false }, { "10.0.0.11", true },
		{ "localhost", false }, { "127.1.2.3", false }, { "127.example", true },
		{ "::1", false }, { "", true } };
	struct arena a;
	struct fetch_proxy p;
	arena_init(&a, 0);
	fetch_proxy_configure(&conf);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (fetch_proxy_default(str_of(rows[i].host), &a, &p) != rows[i].through)
			fail_msg("%s", rows[i].host);
	}
	assert_string_equal(p.host, "proxy");
	assert_int_equal(p.port, 3128);
	fetch_proxy_configure(&(struct fetch_proxy_conf){ .except = { NULL, 0 } });
	assert_false(fetch_proxy_default(STR("a.example"), &a, &p));
	arena_fini(&a);
}

TEST(malformed_proxies)
{
	static const struct {
		const char *proxy, *credentials, *words;
	} rows[] = { { "https://p", "", "not http://HOST:PORT" },
		{ "p:3128", "", "not http://HOST:PORT" }, { "http://p/a", "", "not http" },
		{ "http://p?", "", "not http" }, { "http://a:b@p", "", "not http" },
		{ "http://p", "secret", "not USER:PASSWORD" },
		{ "http://p", "a:b\r\nX: y", "control character" } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct got g = { 0 };
		const char *why = NULL;
		const sluice_fetch_request r = { .size = sizeof(r),
			.url = STR("http://idp.invalid/"),
			.proxy = str_of(rows[i].proxy),
			.proxy_credentials = str_of(rows[i].credentials) };
		assert_null(fetch_start(&kit_worker, &r, &by_url, on_fetched, &g, &why));
		assert_non_null(strstr(why, rows[i].words));
		assert_null(strstr(why, "secret"));
	}
}

TEST(malformed_requests)
{
	static const sluice_pair bad_name[] = { { STR("A b"), STR("x") } },
				 bad_value[] = { { STR("A"), STR("x\r\nB: y") } };
	const sluice_fetch_request bad[] = {
		{ .url = STR("") },
		{ .url = STR("https://127.0.0.1/") }, /* no TLS here */
		{ .url = str_of(url), .method = STR("GE T") },
		{ .url = str_of(url), .method = STR("CONNECT") },
		{ .url = str_of(url), .headers = { bad_name, 1 } },
		{ .url = str_of(url), .headers = { bad_value, 1 } },
	};
	struct got g = { 0 };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		sluice_fetch_request r = bad[i];
		const char *why = NULL;
		r.size = sizeof(r);
		assert_null(fetch_start(&kit_worker, &r, &by_url, on_fetched, &g, &why));
		assert_non_null(why);
	}
	kit_pass(20);
	assert_false(g.done);
}

TEST_GROUP(setup, teardown);
