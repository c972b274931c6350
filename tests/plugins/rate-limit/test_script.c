/* rate-limit, script: the real script on a real redis-server, directly and through the plugin. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "../../unit/redis/redis_server.h"
#include "kit.h"
#include "script.h"
#include "test.h"

extern const sluice_plugin sluice_plugin_record;

static struct redis_server server;

/* ---- a client that waits ------------------------------------------------------------------- */

struct client {
	int fd;
	char in[1024];
	size_t n, at;
};

static void client_open(struct client *c)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	*c = (struct client){ .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	(void)snprintf(un.sun_path, sizeof(un.sun_path), "%s", server.socket);
	assert_true(c->fd >= 0 && connect(c->fd, (struct sockaddr *)&un, sizeof(un)) == 0);
}

static char client_byte(struct client *c)
{
	if (c->at == c->n) {
		ssize_t n = recv(c->fd, c->in, sizeof(c->in), 0);
		assert_true(n > 0);
		c->n = (size_t)n;
		c->at = 0;
	}
	return c->in[c->at++];
}

/* One line; its kind, and the number it may hold. */
static char client_line(struct client *c, int64_t *number)
{
	char line[512], kind = client_byte(c), b;
	size_t n = 0;
	while ((b = client_byte(c)) != '\n') {
		if (n < sizeof(line) - 1)
			line[n++] = b;
	}
	line[n] = 0;
	*number = strtoll(line, NULL, 10);
	return kind;
}

static size_t put_bulk(char *to, size_t room, sluice_str s)
{
	return (size_t)snprintf(to, room, "$%zu\r\n%.*s\r\n", s.len, (int)s.len, s.data);
}

/* Run the script: 0 and four numbers, or -1 for an error. */
static int client_eval(struct client *c, const char *source, sluice_str key, const sluice_str *args,
	size_t nargs, int64_t out[4])
{
	char text[4096];
	int64_t n;
	size_t len = (size_t)snprintf(text, sizeof(text), "*%zu\r\n", nargs + 4);
	len += put_bulk(text + len, sizeof(text) - len, SLUICE_STR("EVAL"));
	len += put_bulk(text + len, sizeof(text) - len, (sluice_str){ source, strlen(source) });
	len += put_bulk(text + len, sizeof(text) - len, SLUICE_STR("1"));
	len += put_bulk(text + len, sizeof(text) - len, key);
	for (size_t i = 0; i < nargs; i++)
		len += put_bulk(text + len, sizeof(text) - len, args[i]);
	assert_true(len < sizeof(text));
	assert_int_equal(send(c->fd, text, len, MSG_NOSIGNAL), len);
	if (client_line(c, &n) != '*')
		return -1;
	assert_int_equal(n, 4);
	for (int i = 0; i < 4; i++)
		assert_int_equal(client_line(c, &out[i]), ':');
	return 0;
}

static int take(struct client *c, const char *key, const char *interval_us, const char *burst,
	const char *cost, int64_t out[4])
{
	sluice_str args[] = { { interval_us, strlen(interval_us) }, { burst, strlen(burst) },
		{ cost, strlen(cost) } };
	return client_eval(c, script_source, (sluice_str){ key, strlen(key) }, args, 3, out);
}

static uint64_t clock_us(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

#define HOUR_US "3600000000.0000"

/* ---- the script ---------------------------------------------------------------------------- */

TEST(burst)
{
	struct client c;
	int64_t r[4];
	client_open(&c);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(take(&c, "burst", HOUR_US, "20", "1", r), 0);
		assert_int_equal(r[0], 1);
		assert_int_equal(r[1], 19 - i);
		assert_int_equal(r[2], 0);
		assert_in_range(r[3], (i + 1) * 3600000 - 5000, (i + 1) * 3600000);
	}
	for (int i = 0; i < 3; i++) {
		assert_int_equal(take(&c, "burst", HOUR_US, "20", "1", r), 0);
		assert_int_equal(r[0], 0);
		assert_int_equal(r[1], 0);
		assert_in_range(r[2], 3600000 - 5000, 3600000);
		assert_in_range(r[3], 20 * 3600000 - 5000, 20 * 3600000);
	}
	assert_int_equal(take(&c, "cost", HOUR_US, "20", "8", r), 0);
	assert_int_equal(r[1], 12);
	assert_int_equal(take(&c, "cost", HOUR_US, "20", "8", r), 0);
	assert_int_equal(r[1], 4);
	assert_int_equal(take(&c, "cost", HOUR_US, "20", "8", r), 0);
	assert_int_equal(r[0], 0);
	assert_int_equal(r[1], 4);
	assert_in_range(r[2], 4 * 3600000 - 5000, 4 * 3600000);
	(void)close(c.fd);
}

/* Asked all the time: what passes is the burst and what the time is worth, no more. */
TEST(rate)
{
	struct client c;
	int64_t r[4];
	unsigned passed = 0;
	client_open(&c);
	uint64_t begin = clock_us(), now;
	do {
		assert_int_equal(take(&c, "rate", "1000.0000", "10", "1", r), 0);
		passed += r[0] == 1;
		now = clock_us();
	} while (now - begin < 500000);
	assert_in_range(passed, 20, 10 + (now - begin) / 1000);
	(void)close(c.fd);
}

TEST(expiry)
{
	struct client c;
	int64_t r[4];
	client_open(&c);
	assert_int_equal(take(&c, "short", "100000.0000", "3", "2", r), 0);
	assert_in_range(r[3], 190, 200);
	assert_in_range(server_number(&server, "PTTL short", ":"), 150, 200);
	(void)nanosleep(&(struct timespec){ 0, 250000000 }, NULL);
	assert_int_equal(server_number(&server, "EXISTS short", ":"), 0);
	assert_int_equal(take(&c, "short", "100000.0000", "3", "1", r), 0);
	assert_int_equal(r[1], 2);
	(void)close(c.fd);
}

TEST(strange_values)
{
	struct client c;
	int64_t r[4];
	client_open(&c);
	/* far ahead: the server's clock was set back */
	(void)server_command(&server, "SET ahead 9007199254740991");
	assert_int_equal(take(&c, "ahead", HOUR_US, "5", "1", r), 0);
	assert_int_equal(r[0], 0);
	assert_int_equal(r[2], 3600000);
	assert_int_equal(r[3], 5 * 3600000);
	/* far behind, and no number at all: nothing was taken */
	(void)server_command(&server, "SET behind -5");
	assert_int_equal(take(&c, "behind", HOUR_US, "5", "1", r), 0);
	assert_int_equal(r[1], 4);
	(void)server_command(&server, "SET text hello");
	assert_int_equal(take(&c, "text", HOUR_US, "5", "1", r), 0);
	assert_int_equal(r[1], 4);
	/* another's key */
	(void)server_command(&server, "RPUSH list x");
	assert_int_equal(take(&c, "list", HOUR_US, "5", "1", r), -1);
	(void)close(c.fd);
}

/* What was too far ahead is written anew, by a refusal as well: so it ends when the limit says, not
 * when the old time would. */
TEST(a_loosened_limit_or_a_clock_set_back_keeps_nobody_out)
{
	static const char *const kept[] = { "9007199254740991", "inf", "1e300" };
	struct client c;
	int64_t r[4];
	client_open(&c);
	assert_int_equal(take(&c, "loose", HOUR_US, "1", "1", r), 0);
	assert_int_equal(r[0], 1);
	assert_int_equal(take(&c, "loose", "10000.0000", "10", "1", r), 0);
	assert_int_equal(r[0], 0);
	assert_int_equal(r[2], 10);
	assert_in_range(server_number(&server, "PTTL loose", ":"), 1, 100);
	(void)nanosleep(&(struct timespec){ 0, 30000000 }, NULL);
	assert_int_equal(take(&c, "loose", "10000.0000", "10", "1", r), 0);
	assert_int_equal(r[0], 1);
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		char text[64];
		(void)snprintf(text, sizeof(text), "SET back %s", kept[i]);
		(void)server_command(&server, text);
		assert_int_equal(take(&c, "back", "10000.0000", "10", "1", r), 0);
		assert_int_equal(r[0], 0);
		(void)nanosleep(&(struct timespec){ 0, 30000000 }, NULL);
		assert_int_equal(take(&c, "back", "10000.0000", "10", "1", r), 0);
		assert_int_equal(r[0], 1);
	}
	(void)server_command(&server, "SET nan nan"); /* is neither before nor after anything */
	assert_int_equal(take(&c, "nan", HOUR_US, "5", "1", r), 0);
	assert_int_equal(r[1], 4);
	(void)close(c.fd);
}

enum { CLIENTS = 4 };

static void *crowd_run(void *arg)
{
	struct client c;
	int64_t r[4];
	uintptr_t passed = 0;
	(void)arg;
	client_open(&c);
	for (int i = 0; i < 200; i++) {
		assert_int_equal(take(&c, "crowd", HOUR_US, "300", "1", r), 0);
		passed += r[0] == 1;
	}
	(void)close(c.fd);
	return (void *)passed;
}

TEST(many_gateways)
{
	pthread_t threads[CLIENTS];
	uintptr_t passed = 0;
	for (int i = 0; i < CLIENTS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, crowd_run, NULL), 0);
	for (int i = 0; i < CLIENTS; i++) {
		void *n;
		assert_int_equal(pthread_join(threads[i], &n), 0);
		passed += (uintptr_t)n;
	}
	assert_int_equal(passed, 300);
}

/* ---- through the plugin -------------------------------------------------------------------- */

static struct client plugin_client;

static sluice_status run_for_real(void *ctx, const kit_call *call, sluice_value *reply)
{
	static sluice_value items[4];
	int64_t n[4];
	(void)ctx;
	if (client_eval(&plugin_client, call->script, call->key, call->args, call->nargs, n) < 0)
		return SLUICE_ERROR;
	for (int i = 0; i < 4; i++)
		items[i] = (sluice_value){ .type = SLUICE_V_INT, .i = n[i] };
	*reply = (sluice_value){ .type = SLUICE_V_LIST, .v = items, .n = 4 };
	return SLUICE_OK;
}

TEST(plugin)
{
	unsigned passed = 0;
	kit_reset();
	client_open(&plugin_client);
	kit_store_handle(kit_store("shared", SLUICE_STORE_REDIS), run_for_real, NULL);
	sluice_instance *i = kit_instance(&sluice_plugin_record, "rate", "3/h", "burst", "7",
		"store", "shared", "name", "real", "on_store_failure", "deny", NULL);
	kit_start(i);
	for (int n = 0; n < 20; n++) {
		sluice_exchange *x = kit_request(i, "GET", "/", NULL);
		kit_advance(1);
		assert_false(kit_noted(x, "limit-store-down"));
		passed += kit_verdict(x) == SLUICE_NEXT;
		if (n == 19) {
			assert_int_equal(kit_status(x), 429);
			assert_string_equal(kit_header(x, SLUICE_RESPONSE, "RateLimit"),
				"\"real\";r=0;t=1200");
		}
		kit_end(x);
	}
	assert_int_equal(passed, 7);
	assert_non_null(
		strstr(server_command(&server, "EXISTS sluice:rl:real:v:203.0.113.7"), ":1"));
	kit_stop(i);
	(void)close(plugin_client.fd);
}

static int group_setup(void **state)
{
	(void)state;
	server_init(&server, false);
	server_start(&server, NULL);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	server_fini(&server);
	return 0;
}

TEST_GROUP(group_setup, group_teardown);
