/* Servers that speak HTTP/2: how connections are shared, how many there are, and that no request is
 * lost when they end. */
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "h2server.h"
#include "http2/server.h"
#include "kit.h"
#include "tls/client.h"
#include "tls/transport.h"

enum { MANY = 200 };

static struct h2_server a, b;
static struct test_conf conf;
static struct probe probes[MANY];

static struct upstream *attach_conf(const char *const *addresses, uint64_t max_streams)
{
	conf_make(&conf, "test", addresses);
	conf.conf.protocol = PROTOCOL_H2C;
	conf.conf.max_streams = max_streams;
	conf.conf.max_queue = 1000;
	conf.conf.timeouts.response = 2000;
	return upstream_attach(&kit_worker, &conf.conf, NULL, 1, NULL);
}

static struct upstream *attach(const char *address, uint64_t max_streams)
{
	return attach_conf((const char *[]){ address, NULL }, max_streams);
}

static void open_many(struct upstream *u, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++) {
		probe_init(&probes[i]);
		probes[i].retry = true;
		probe_open(&probes[i], u);
	}
}

static bool all_done(unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++) {
		if (!kit_run(&probes[i].done, 5000))
			return false;
	}
	return true;
}

static void assert_served(unsigned from, unsigned to)
{
	assert_true(all_done(from, to));
	for (unsigned i = from; i < to; i++) {
		if (probes[i].err)
			fail_msg("request %u, opened %u times: %s", i, probes[i].opens,
				err_info(probes[i].err)->code);
		assert_int_equal(probes[i].status, 200);
		probe_fini(&probes[i]);
	}
}

static void wait_begun(struct h2_server *s, unsigned n)
{
	for (int i = 0; i < 500 && atomic_load(&s->begun) < n; i++)
		kit_pass(5);
	assert_int_equal(atomic_load(&s->begun), n);
}

/* ---- sharing ------------------------------------------------------------------------------- */

TEST(one_connection)
{
	struct probe p;
	h2_server_up(&a, "a", UINT32_MAX, NULL);
	struct upstream *u = attach(a.address, 100);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(kit_get(u, &p), 0);
		assert_string_equal(p.body, "a");
		assert_int_equal(p.call.reused, i > 0);
		assert_true(i ? p.call.connect_ns == 0 : p.call.connect_ns > 0);
	}
	assert_int_equal(atomic_load(&a.accepted), 1);
	struct endpoint_view v = kit_view(a.address);
	assert_int_equal(v.requests, 5);
	assert_int_equal(v.reused, 4);
	assert_int_equal(v.connects, 1);
	assert_int_equal(v.connections, 1);
	assert_int_equal(v.idle, 1);
	assert_int_equal(v.in_flight, 0);
	upstream_detach(&u);
	kit_sees(&a.open, 0);
	h2_server_down(&a);
}

/* Those that come together wait for one connection together. */
TEST(opened_together)
{
	h2_server_up(&a, "a", 100, NULL);
	struct upstream *u = attach(a.address, 100);
	h2_server_mode(&a, H2_HOLD, 0);
	open_many(u, 0, 80);
	assert_int_equal(kit_view(a.address).connections, 1);
	assert_int_equal(kit_view(a.address).in_flight, 80);
	wait_begun(&a, 80);
	assert_int_equal(atomic_load(&a.accepted), 1);
	assert_int_equal(atomic_load(&a.most), 80);
	open_many(u, 80, 90); /* and more on the same */
	wait_begun(&a, 90);
	assert_int_equal(kit_view(a.address).in_flight, 90);
	h2_server_mode(&a, H2_OK, 0);
	assert_served(0, 90);
	assert_int_equal(atomic_load(&a.accepted), 1);
	assert_int_equal(kit_view(a.address).idle, 1);
	upstream_detach(&u);
	h2_server_down(&a);
}

TEST(another_when_full)
{
	h2_server_up(&a, "a", 1000, NULL);
	struct upstream *u = attach(a.address, 10);
	h2_server_mode(&a, H2_HOLD, 0);
	open_many(u, 0, 25);
	wait_begun(&a, 25);
	assert_int_equal(atomic_load(&a.accepted), 3);
	assert_int_equal(atomic_load(&a.most), 10);
	open_many(u, 25, 30); /* the third has room for these */
	wait_begun(&a, 30);
	assert_int_equal(atomic_load(&a.accepted), 3);
	h2_server_mode(&a, H2_OK, 0);
	assert_served(0, 30);
	assert_int_equal(kit_view(a.address).idle, 3);
	upstream_detach(&u);
	h2_server_down(&a);
}

/* The server takes fewer than we would send: nothing is refused, nothing lost, and the next time it
 * is known. */
TEST(the_limit_of_the_server)
{
	h2_server_up(&a, "a", 20, NULL);
	struct upstream *u = attach(a.address, 100);
	h2_server_mode(&a, H2_HOLD, 0);
	open_many(u, 0, 90);
	wait_begun(&a, 90);
	assert_int_equal(atomic_load(&a.accepted), 5);
	assert_int_equal(atomic_load(&a.most), 20);
	h2_server_mode(&a, H2_OK, 0);
	assert_served(0, 90);
	for (unsigned i = 0; i < 90; i++)
		assert_int_equal(probes[i].opens, 1);
	upstream_detach(&u);
	h2_server_down(&a);
}

TEST(a_server_that_takes_none)
{
	h2_server_up(&a, "a", 0, NULL);
	struct upstream *u = attach(a.address, 100);
	open_many(u, 0, 40);
	assert_true(all_done(0, 40));
	for (unsigned i = 0; i < 40; i++) {
		assert_true(probes[i].err == ERR_UPSTREAM_REFUSED ||
			probes[i].err == ERR_NO_SERVER || probes[i].err == ERR_UPSTREAM_TIMEOUT);
		probe_fini(&probes[i]);
	}
	assert_true(atomic_load(&a.accepted) <= 6);
	upstream_detach(&u);
	h2_server_down(&a);
}

/* It would count as a connection in use until its idle time is over, and outlive its
 * configuration. */
TEST(a_connection_that_takes_no_request_is_let_go)
{
	h2_server_up(&a, "a", 0, NULL);
	struct upstream *u = attach(a.address, 100);
	open_many(u, 0, 1);
	assert_true(all_done(0, 1));
	probe_fini(&probes[0]);
	assert_int_equal(kit_view(a.address).connections, 0);
	kit_sees(&a.open, 0);
	upstream_detach(&u);
	h2_server_down(&a);
}

TEST(max_connections)
{
	h2_server_up(&a, "a", 100, NULL);
	struct upstream *u = attach(a.address, 4);
	upstream_detach(&u);
	conf.conf.max_connections = 2;
	u = upstream_attach(&kit_worker, &conf.conf, NULL, 1, NULL);
	h2_server_mode(&a, H2_HOLD, 0);
	conf.conf.timeouts.queue = 5000;
	open_many(u, 0, 20);
	wait_begun(&a, 8);
	kit_pass(50);
	assert_int_equal(atomic_load(&a.begun), 8);
	assert_int_equal(atomic_load(&a.accepted), 2);
	assert_int_equal(kit_view(a.address).in_flight, 8);
	h2_server_mode(&a, H2_OK, 0);
	assert_served(0, 20);
	assert_int_equal(atomic_load(&a.accepted), 2);
	upstream_detach(&u);
	h2_server_down(&a);
}

/* The balance counts requests, not connections. */
TEST(least_requests)
{
	h2_server_up(&a, "a", 100, NULL);
	h2_server_up(&b, "b", 100, NULL);
	struct upstream *u = attach_conf((const char *[]){ a.address, b.address, NULL }, 100);
	upstream_detach(&u);
	conf.conf.balance.algorithm = BALANCE_LEAST_REQUESTS;
	u = upstream_attach(&kit_worker, &conf.conf, NULL, 1, NULL);
	h2_server_mode(&a, H2_HOLD, 0);
	h2_server_mode(&b, H2_HOLD, 0);
	open_many(u, 0, 60);
	wait_begun(&a, 30);
	wait_begun(&b, 30);
	h2_server_mode(&b, H2_OK, 0);
	kit_pass(50);
	assert_int_equal(kit_view(b.address).in_flight, 0);
	assert_int_equal(kit_view(a.address).in_flight, 30);
	h2_server_mode(&b, H2_HOLD, 0);
	open_many(u, 60, 90); /* b has nothing to do */
	wait_begun(&b, 60);
	h2_server_mode(&a, H2_OK, 0);
	h2_server_mode(&b, H2_OK, 0);
	assert_served(0, 90);
	assert_int_equal(atomic_load(&a.accepted) + atomic_load(&b.accepted), 2);
	upstream_detach(&u);
	h2_server_down(&a);
	h2_server_down(&b);
}

/* ---- ends ---------------------------------------------------------------------------------- */

TEST(goaway_under_load)
{
	h2_server_up(&a, "a", 100, NULL);
	struct upstream *u = attach(a.address, 100);
	h2_server_mode(&a, H2_GOAWAY, 7);
	for (int round = 0; round < 10; round++) {
		open_many(u, 0, 20);
		assert_served(0, 20);
	}
	assert_true(atomic_load(&a.accepted) >= 200 / 7);
	assert_int_equal(atomic_load(&a.served), 200);
	assert_int_equal(kit_view(a.address).failures, 0);
	upstream_detach(&u);
	h2_server_down(&a);
}

TEST(refused)
{
	h2_server_up(&a, "a", 100, NULL);
	struct upstream *u = attach(a.address, 100);
	h2_server_mode(&a, H2_REFUSE, 3);
	open_many(u, 0, 10);
	assert_served(0, 10);
	assert_int_equal(atomic_load(&a.served), 10);
	assert_int_equal(kit_view(a.address).failures, 0); /* that is no failure */
	h2_server_mode(&a, H2_REFUSE, 1000);               /* but for ever it is */
	open_many(u, 0, 1);
	assert_true(all_done(0, 1));
	assert_int_equal(probes[0].err, ERR_UPSTREAM_REFUSED);
	assert_int_equal(probes[0].opens, UPSTREAM_FREE_TRIES + 1);
	assert_int_equal(kit_view(a.address).failures, 1);
	probe_fini(&probes[0]);
	upstream_detach(&u);
	h2_server_down(&a);
}

TEST(aborted)
{
	h2_server_up(&a, "a", 100, NULL);
	h2_server_up(&b, "b", 100, NULL);
	struct upstream *u = attach_conf((const char *[]){ a.address, b.address, NULL }, 100);
	h2_server_mode(&a, H2_ABORT, 0);
	for (int i = 0; i < 8; i++) { /* the other one is asked */
		open_many(u, 0, 1);
		assert_served(0, 1);
		assert_string_equal(probes[0].body, "b");
	}
	assert_int_equal(kit_view(a.address).state, ENDPOINT_DOWN);
	upstream_detach(&u);
	h2_server_down(&a);
	h2_server_down(&b);
}

/* One connection is lost with all it carries: that is one failure, and the requests go on. */
TEST(dropped)
{
	h2_server_up(&a, "a", 100, NULL);
	struct upstream *u = attach(a.address, 100);
	open_many(u, 0, 1);
	assert_served(0, 1);
	h2_server_mode(&a, H2_HOLD, 0);
	open_many(u, 0, 50);
	wait_begun(&a, 51);
	h2_server_mode(&a, H2_OK, 0); /* pending ones are answered; so hold again, and drop */
	assert_served(0, 50);
	h2_server_mode(&a, H2_HOLD, 0);
	open_many(u, 0, 50);
	wait_begun(&a, 101);
	atomic_store(&a.mode, H2_OK); /* not told: they stay unanswered */
	h2_server_drop_all(&a);
	assert_served(0, 50);
	assert_true(atomic_load(&a.accepted) <= 3);
	struct endpoint_view v = kit_view(a.address);
	assert_int_equal(v.state, ENDPOINT_UP);
	assert_int_equal(v.failures, 0); /* a reused connection that closed */
	upstream_detach(&u);
	h2_server_down(&a);
}

/* The same on a connection that is new: one failure for the server, not fifty. */
TEST(dropped_when_new)
{
	h2_server_up(&a, "a", 100, NULL);
	struct upstream *u = attach(a.address, 100);
	h2_server_mode(&a, H2_DROP, 10);
	open_many(u, 0, 40);
	assert_true(all_done(0, 40));
	for (unsigned i = 0; i < 40; i++)
		probe_fini(&probes[i]);
	assert_true(kit_view(a.address).failures <= atomic_load(&a.accepted));
	upstream_detach(&u);
	h2_server_down(&a);
}

TEST(cancelled_while_opening)
{
	h2_server_up(&a, "a", 100, NULL);
	struct upstream *u = attach(a.address, 100);
	open_many(u, 0, 10);
	for (unsigned i = 0; i < 9; i++) {
		upstream_cancel(&probes[i].call);
		probe_fini(&probes[i]);
	}
	assert_int_equal(kit_view(a.address).in_flight, 1);
	assert_served(9, 10);
	open_many(u, 0, 1);
	assert_served(0, 1);
	assert_int_equal(atomic_load(&a.accepted), 1);
	upstream_detach(&u);
	h2_server_down(&a);
	/* all of them: what is made in vain becomes an idle one, unless nobody wants the server any
	 * more */
	h2_server_up(&a, "a", 100, NULL);
	u = attach(a.address, 100);
	open_many(u, 0, 3);
	for (unsigned i = 0; i < 3; i++) {
		upstream_cancel(&probes[i].call);
		probe_fini(&probes[i]);
	}
	kit_pass(50);
	assert_int_equal(kit_view(a.address).idle, 1);
	upstream_detach(&u);
	h2_server_down(&a);
}

TEST(a_server_of_http1)
{
	static struct test_server s;
	struct probe p;
	server_up(&s, "one", 0);
	struct upstream *u = attach(s.address, 100);
	assert_int_equal(kit_get(u, &p), ERR_UPSTREAM_PROTOCOL);
	assert_int_equal(kit_view(s.address).failures, 1);
	upstream_detach(&u);
	server_down(&s);
}

TEST(nobody_listens)
{
	char address[32];
	(void)snprintf(address, sizeof(address), "127.0.0.1:%u", port_unused());
	struct upstream *u = attach(address, 100);
	open_many(u, 0, 20);
	assert_true(all_done(0, 20));
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(probes[i].err, ERR_CONNECT_FAILED);
		probe_fini(&probes[i]);
	}
	struct endpoint_view v = kit_view(address);
	assert_int_equal(v.failures, 1); /* twenty waited for it, it failed once */
	assert_int_equal(v.connect_failures, 1);
	assert_true(strlen(v.why) > 0);
	upstream_detach(&u);
}

/* ---- reloads ------------------------------------------------------------------------------- */

TEST(reload)
{
	static struct test_conf next;
	h2_server_up(&a, "a", 100, NULL);
	struct upstream *u = attach(a.address, 100);
	h2_server_mode(&a, H2_HOLD, 0);
	open_many(u, 0, 5);
	wait_begun(&a, 5);
	/* the same settings: the connection is the same */
	next = conf;
	next.conf.servers.v = next.servers;
	struct upstream *second = upstream_attach(&kit_worker, &next.conf, NULL, 1, NULL);
	open_many(second, 5, 10);
	wait_begun(&a, 10);
	assert_int_equal(atomic_load(&a.accepted), 1);
	/* others: a new one, and the old one ends with its last request */
	static struct test_conf last;
	last = conf;
	last.conf.servers.v = last.servers;
	last.conf.max_streams = 50;
	struct upstream *third = upstream_attach(&kit_worker, &last.conf, NULL, 1, NULL);
	open_many(third, 10, 15);
	wait_begun(&a, 15);
	assert_int_equal(atomic_load(&a.accepted), 2);
	assert_int_equal(kit_view(a.address).in_flight, 15);
	h2_server_mode(&a, H2_OK, 0);
	assert_served(0, 15);
	kit_sees(&a.open, 1);
	upstream_detach(&u);
	upstream_detach(&second);
	assert_int_equal(kit_view(a.address).idle, 1);
	upstream_detach(&third);
	kit_sees(&a.open, 0);
	h2_server_down(&a);
}

/* From one protocol to the other. */
TEST(reload_to_http1)
{
	static struct test_conf next;
	struct probe p;
	h2_server_up(&a, "a", 100, NULL);
	struct upstream *u = attach(a.address, 100);
	assert_int_equal(kit_get(u, &p), 0);
	next = conf;
	next.conf.servers.v = next.servers;
	next.conf.protocol = PROTOCOL_HTTP1;
	struct upstream *second = upstream_attach(&kit_worker, &next.conf, NULL, 1, NULL);
	assert_int_not_equal(kit_get(second, &p), 0); /* the server speaks HTTP/2 alone */
	assert_int_equal(atomic_load(&a.accepted) > 1, 1);
	upstream_detach(&u);
	upstream_detach(&second);
	h2_server_down(&a);
}

/* A connection that was shared goes when nobody wants its server any more. */
TEST(detach)
{
	h2_server_up(&a, "a", 100, NULL);
	struct upstream *u = attach(a.address, 100);
	h2_server_mode(&a, H2_HOLD, 0);
	open_many(u, 0, 3);
	wait_begun(&a, 3);
	h2_server_mode(&a, H2_OK, 0);
	assert_served(0, 3);
	upstream_detach(&u);
	kit_sees(&a.open, 0);
	h2_server_down(&a);
}

/* ---- TLS ----------------------------------------------------------------------------------- */

static SSL_CTX *ctx_h2, *ctx_http1, *ctx_silent;

static int choose(SSL *ssl, const unsigned char **out, unsigned char *out_len,
	const unsigned char *in, unsigned in_len, void *want)
{
	(void)ssl;
	for (unsigned i = 0; i < in_len; i += in[i] + 1u) {
		if (in[i] == strlen(want) && memcmp(in + i + 1, want, in[i]) == 0) {
			*out = in + i + 1;
			*out_len = in[i];
			return SSL_TLSEXT_ERR_OK;
		}
	}
	return SSL_TLSEXT_ERR_NOACK;
}

static SSL_CTX *context(const char *protocol)
{
	static EVP_PKEY *key;
	X509 *x = X509_new();
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	key = EVP_EC_gen("P-256");
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -60);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
		(const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	(void)SSL_CTX_use_certificate(ctx, x);
	(void)SSL_CTX_use_PrivateKey(ctx, key);
	if (protocol)
		SSL_CTX_set_alpn_select_cb(ctx, choose, (void *)(uintptr_t)protocol);
	X509_free(x);
	EVP_PKEY_free(key);
	return ctx;
}

static struct upstream *attach_tls(const char *address, enum upstream_protocol protocol,
	struct tls_client **tls)
{
	struct tls_client_conf c = { .verify = false };
	conf_make(&conf, "test", (const char *[]){ address, NULL });
	conf.conf.protocol = (int32_t)protocol;
	conf.conf.max_streams = 100;
	conf.conf.max_queue = 1000;
	conf.conf.use_tls = true;
	conf.conf.timeouts.connect = 2000;
	const struct tls_client_args args = { .conf = &c,
		.protocols = upstream_alpn(&conf.conf),
		.workers = 1 };
	*tls = tls_client_new(&args);
	assert_non_null(*tls);
	return upstream_attach(&kit_worker, &conf.conf, *tls, 1, NULL);
}

TEST(tls)
{
	struct tls_client *tls;
	struct probe p;
	for (int i = 0; i < 2; i++) {
		h2_server_up(&a, "a", 100, ctx_h2);
		struct upstream *u = attach_tls(a.address, i ? PROTOCOL_AUTO : PROTOCOL_H2, &tls);
		open_many(u, 0, 50);
		assert_served(0, 50);
		assert_int_equal(kit_get(u, &p), 0);
		assert_string_equal(p.body, "a");
		assert_int_equal(atomic_load(&a.accepted), 1);
		upstream_detach(&u);
		tls_client_free(&tls);
		h2_server_down(&a);
	}
}

/* What the server does not choose, it does not get. */
TEST(no_h2)
{
	static struct test_server s;
	struct tls_client *tls;
	struct probe p;
	for (int i = 0; i < 2; i++) {
		server_up_tls(&s, "one", i ? ctx_silent : ctx_http1);
		struct upstream *u = attach_tls(s.address, PROTOCOL_H2, &tls);
		assert_int_equal(kit_get(u, &p), ERR_UPSTREAM_PROTOCOL);
		assert_non_null(strstr(kit_view(s.address).why, "does not choose h2"));
		assert_int_equal(atomic_load(&s.served), 0);
		upstream_detach(&u);
		tls_client_free(&tls);
		server_down(&s);
	}
}

/* Those who waited together for a connection that turns out to be of HTTP/1.1 get one each. */
TEST(auto_of_http1)
{
	static struct test_server s;
	struct tls_client *tls;
	struct probe p;
	for (int i = 0; i < 2; i++) {
		server_up_tls(&s, "one", i ? ctx_silent : ctx_http1);
		struct upstream *u = attach_tls(s.address, PROTOCOL_AUTO, &tls);
		open_many(u, 0, 12);
		assert_served(0, 12);
		unsigned accepted = atomic_load(&s.accepted);
		assert_true(accepted > 1 && accepted <= 12);
		for (int j = 0; j < 3; j++) {
			assert_int_equal(kit_get(u, &p), 0);
			assert_string_equal(p.body, "one");
			assert_true(p.call.reused);
		}
		assert_int_equal(atomic_load(&s.accepted), accepted);
		assert_int_equal(kit_view(s.address).idle, accepted);
		assert_int_equal(kit_view(s.address).in_flight, 0);
		upstream_detach(&u);
		tls_client_free(&tls);
		kit_sees(&s.open, 0);
		server_down(&s);
	}
}

static int setup(void **state)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN }; /* the servers' SSL_write() */
	(void)sigaction(SIGPIPE, &ignore, NULL);
	ctx_h2 = context("h2");
	ctx_http1 = context("http/1.1");
	ctx_silent = context(NULL);
	return kit_setup(state);
}

static int teardown(void **state)
{
	SSL_CTX_free(ctx_h2);
	SSL_CTX_free(ctx_http1);
	SSL_CTX_free(ctx_silent);
	int r = kit_teardown(state);
	tls_thread_fini();
	http2_thread_fini();
	return r;
}

TEST_GROUP(setup, teardown);
