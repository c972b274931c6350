/* redis/channel: links that follow a channel, at a real redis-server that is killed, hangs and
 * refuses. */
#include "unit.h"

#include <stdio.h>

#include "net/worker.h"
#include "redis/link.h"
#include "redis_server.h"

#define MS NS_PER_MS
#define CHANNEL "the list"

static struct worker worker;
static struct redis_server server;
static struct redis_link *redis_link;

/* what came */
static struct {
	unsigned connected, lost, messages;
	char last[64];
} seen;

static void on_message(void *ctx, sluice_str message)
{
	(void)ctx;
	seen.messages++;
	(void)snprintf(seen.last, sizeof(seen.last), "%.*s", STR_ARG(message));
}

static void on_state(void *ctx, bool is_subscribed)
{
	(void)ctx;
	if (is_subscribed)
		seen.connected++;
	else
		seen.lost++;
	assert_in_range(seen.connected - seen.lost, 0, 1);
}

static const struct redis_channel channel = { .name = { CHANNEL, sizeof(CHANNEL) - 1 },
	.on_message = on_message,
	.on_state = on_state };

/* ---- a loop that runs until a count is reached ---------------------------------------------- */

static const unsigned *counted;
static unsigned wanted;
static uint64_t until_ns;
static struct timer poll_timer;

static void poll_on_due(struct timer *t)
{
	(void)t;
	if ((counted && *counted >= wanted) || clock_ns() >= until_ns)
		worker_stop(&worker);
	else
		worker_timer(&worker, &poll_timer, MS);
}

static void run_until(const unsigned *count, unsigned n)
{
	counted = count;
	wanted = n;
	until_ns = clock_ns() + (count ? 10000 : n) * MS;
	timer_init(&poll_timer, poll_on_due);
	worker.clock_is_fresh = false;
	worker_timer(&worker, &poll_timer, 0);
	worker.stop = false;
	worker_run(&worker);
	timer_drop(&poll_timer);
	worker.clock_is_fresh = false;
	if (count)
		assert_true(*count >= n);
}

static void begin(const char *config, uint64_t ping_ms)
{
	static struct arena a;
	const char *why;
	struct redis_conf conf = { .connect_timeout_ns = 2000 * MS,
		.timeout_ns = 500 * MS,
		.ping_ns = ping_ms * MS,
		.channel = &channel };
	memset(&seen, 0, sizeof(seen));
	assert_int_equal(worker_init(&worker, 0), 0);
	server_init(&server, false);
	server_start(&server, config);
	arena_init(&a, 0);
	assert_int_equal(redis_url_parse(&a, str_of(server.url), &conf.url, &why), 0);
	redis_link = redis_link_new(&worker, &conf);
	arena_fini(&a);
	redis_link_warm(redis_link);
}

static void end(void)
{
	unsigned lost = seen.lost;
	redis_link_free(&redis_link);
	assert_int_equal(seen.lost, lost); /* who frees it knows */
	worker_fini(&worker);
	server_fini(&server);
}

TEST(messages_come_and_no_command_goes)
{
	struct redis_call call;
	const sluice_str ping[] = { { "PING", 4 } };
	begin(NULL, 5000);
	run_until(&seen.connected, 1);
	assert_int_equal(strncmp(server_command(&server, "PUBLISH \"" CHANNEL "\" \"sub:a b 5\""),
				 ":1", 2),
		0);
	(void)server_command(&server, "PUBLISH another x");
	(void)server_command(&server, "PUBLISH \"" CHANNEL "\" second");
	run_until(&seen.messages, 2);
	assert_string_equal(seen.last, "second");
	redis_call_init(&call, NULL);
	assert_int_equal(redis_send(redis_link, &call, ping, 1, MS), SLUICE_UNREACHABLE);
	end();
}

TEST(a_server_that_is_killed_and_comes_back)
{
	begin(NULL, 5000);
	run_until(&seen.connected, 1);
	server_kill(&server);
	run_until(&seen.lost, 1);
	server_start(&server, NULL);
	run_until(&seen.connected, 2);
	(void)server_command(&server, "PUBLISH \"" CHANNEL "\" again");
	run_until(&seen.messages, 1);
	end();
}

/* An idle connection answers PINGs, until it does not. */
TEST(a_server_that_hangs)
{
	begin(NULL, 20);
	run_until(&seen.connected, 1);
	run_until(NULL, 200);
	assert_int_equal(seen.lost, 0);
	server_pause(&server);
	run_until(&seen.lost, 1);
	server_resume(&server);
	run_until(&seen.connected, 2);
	end();
}

/* It is tried again, but not at once. */
TEST(a_user_without_the_right_to_subscribe)
{
	begin("user default on nopass ~* &* +@all -subscribe\n", 5000);
	run_until(NULL, 300);
	assert_int_equal(seen.connected, 0);
	assert_in_range(server_number(&server, "INFO stats", "total_connections_received:"), 1, 12);
	(void)server_command(&server, "ACL SETUSER default +subscribe");
	run_until(&seen.connected, 1);
	end();
}
