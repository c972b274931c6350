/* store/store over TLS: a real redis-server with certificates, verified or refused. */
#include "unit.h"

#include <stdio.h>

#include "../redis/redis_server.h"
#include "../tls/certs.h"
#include "base/hash.h"
#include "base/log.h"
#include "net/buf.h"
#include "net/resolve.h"
#include "net/worker.h"
#include "store/store.h"
#include "tls/transport.h"

static struct worker worker;
static struct redis_server server;
static uint16_t tls_port;

static void on_report(void *ctx, bool is_warning, const char *option, const char *text)
{
	(void)ctx, (void)is_warning;
	print_message("%s: %s\n", option ? option : "-", text);
}

static void start_server(const char *clients)
{
	char config[1024];
	server_kill(&server);
	(void)snprintf(config, sizeof(config),
		"tls-port %u\ntls-cert-file %s\ntls-key-file %s\ntls-ca-cert-file "
		"%s\ntls-auth-clients %s\n"
		"requirepass secret",
		tls_port, cert_path("redis.crt"), cert_path("redis.key"), cert_path("ca.crt"),
		clients);
	server_start(&server, config);
}

static struct sluice_store *store_to(const char *host, struct tls_client_conf tls)
{
	char url[128];
	(void)snprintf(url, sizeof(url), "rediss://:secret@%s:%u/2", host, tls_port);
	struct store_conf conf = {
		.name = STR("shared"),
		.redis = str_of(url),
		.timeout = 500,
		.connect_timeout = 2000,
		.tls = tls,
	};
	struct store_args args = { .conf = &conf,
		.dir = certs_dir(),
		.workers = 1,
		.report = on_report };
	struct sluice_store *s = store_new(&args);
	assert_non_null(s);
	return s;
}

/* ---- asking -------------------------------------------------------------------------------- */

static sluice_status last;
static bool is_done;

static void on_reply(struct redis_call *c, sluice_status st, const sluice_value *v)
{
	(void)c, (void)v;
	last = st;
	is_done = true;
	worker_stop(&worker);
}

static void on_enough(struct timer *t)
{
	(void)t;
	worker_stop(&worker);
}

static void run_for(uint64_t ms)
{
	struct timer t;
	timer_init(&t, on_enough);
	worker.clock_is_fresh = false;
	worker_timer(&worker, &t, ms * NS_PER_MS);
	worker.stop = false;
	worker_run(&worker);
	timer_drop(&t);
	worker.clock_is_fresh = false;
}

static sluice_status ping(const struct sluice_store *s)
{
	struct redis_call call;
	redis_call_init(&call, on_reply);
	is_done = false;
	sluice_status st = store_command(&worker, s, &call, &(sluice_str){ "PING", 4 }, 1, 3000);
	if (st != SLUICE_OK)
		return st;
	run_for(5000);
	assert_true(is_done);
	return last;
}

static void expect(struct sluice_store *s, sluice_status want)
{
	sluice_status st = ping(s);
	store_free(&s);
	worker_end_part(&worker, PART_STORE);
	run_for(1);
	assert_int_equal(st, want);
}

/* ---- tests --------------------------------------------------------------------------------- */

TEST(verified)
{
	start_server("no");
	struct tls_client_conf tls = { .verify = true, .ca = STR("ca.crt") };
	expect(store_to("127.0.0.1", tls), SLUICE_OK);
	expect(store_to("localhost", tls), SLUICE_OK);
	tls.server_name = STR("redis.example");
	expect(store_to("127.0.0.1", tls), SLUICE_OK);
}

TEST(refused)
{
	struct tls_client_conf tls = { .verify = true, .ca = STR("other.crt") };
	start_server("no");
	expect(store_to("127.0.0.1", tls), SLUICE_UNREACHABLE); /* another authority */
	tls = (struct tls_client_conf){ .verify = true,
		.ca = STR("ca.crt"),
		.server_name = STR("evil.example") };
	expect(store_to("127.0.0.1", tls), SLUICE_UNREACHABLE); /* another name */
	tls = (struct tls_client_conf){ .verify = false };
	expect(store_to("127.0.0.1", tls), SLUICE_OK);
}

TEST(client_certificate)
{
	struct tls_client_conf tls = { .verify = true, .ca = STR("ca.crt") };
	start_server("yes");
	expect(store_to("127.0.0.1", tls), SLUICE_UNREACHABLE);
	tls.certificate = STR("gateway.crt");
	tls.private_key = STR("gateway.key");
	expect(store_to("127.0.0.1", tls), SLUICE_OK);
}

/* The connection ends and is opened anew, with the session of the first. */
TEST(again)
{
	struct tls_client_conf tls = { .verify = true, .ca = STR("ca.crt") };
	start_server("no");
	struct sluice_store *s = store_to("127.0.0.1", tls);
	assert_int_equal(ping(s), SLUICE_OK);
	run_for(1100);
	(void)server_command(&server, "AUTH secret\r\nCLIENT KILL TYPE normal");
	run_for(20);
	assert_int_equal(ping(s), SLUICE_OK);
	expect(s, SLUICE_OK);
}

static int setup(void **state)
{
	static const struct cert_wish wishes[] = {
		{ .file = "ca", .name = "ca", .is_ca = true },
		{ .file = "other", .name = "other", .is_ca = true },
		{ .file = "redis",
			.name = "redis",
			.alt = "IP:127.0.0.1,DNS:localhost,DNS:redis.example",
			.issuer = "ca" },
		{ .file = "gateway", .name = "gateway", .issuer = "ca" },
	};
	(void)state;
	hash_seed();
	log_set_level(LOG_ERROR);
	for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++)
		cert_make(&wishes[i]);
	server_init(&server, true);
	tls_port = server.port;
	server.port = 0;
	return worker_init(&worker, 0);
}

static int teardown(void **state)
{
	(void)state;
	server_fini(&server);
	certs_fini();
	worker_fini(&worker);
	resolve_fini();
	tls_thread_fini();
	arena_thread_fini();
	buf_thread_fini();
	return 0;
}

TEST_GROUP(setup, teardown);
