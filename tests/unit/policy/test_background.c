/* policy/background: fetches that outlive their exchange. */
#include "policy/background.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "store/store.h"
#include "walk_kit.h"

static char url[64]; /* of somebody who accepts, and never answers */
static int listening = -1;
static unsigned calls, wanted;
static int last; /* that a service returned */
static sluice_status status;
static void *user;
static char mine[8];

static struct tls_client *no_tls(sluice_str ca_file, const char **why)
{
	(void)ca_file, (void)why;
	return NULL;
}

static sluice_fetch_request request_to(const char *to)
{
	return (sluice_fetch_request){ .size = sizeof(sluice_fetch_request),
		.url = { to, strlen(to) },
		.timeout_ms = 2000,
		.user = mine };
}

static void on_done(sluice_work *k, const void *conf, const sluice_fetch_response *r)
{
	assert_ptr_equal(sluice_work_instance(k), slots[0].inst);
	assert_ptr_equal(sluice_work_state(k), mine);
	assert_null(sluice_work_published(k));
	assert_ptr_equal(conf, slots[0].inst->conf);
	assert_true(walk_kept > 0); /* what it looks at is still held */
	calls++;
	status = r->status;
	user = r->user;
}

static void on_done_again(sluice_work *k, const void *conf, const sluice_fetch_response *r)
{
	sluice_fetch_request again = request_to("http://127.0.0.1:1/");
	on_done(k, conf, r);
	last = sluice_work_fetch(k, &again, on_done);
}

static sluice_verdict begin(sluice_exchange *x, const void *conf)
{
	sluice_fetch_request r = request_to(url);
	(void)conf;
	for (unsigned i = 0; i < wanted; i++)
		last = sluice_background(x, &r, on_done);
	return SLUICE_NEXT;
}

static sluice_verdict begin_refused(sluice_exchange *x, const void *conf)
{
	sluice_fetch_request r = request_to("http://127.0.0.1:1/");
	(void)conf;
	last = sluice_background(x, &r, on_done_again);
	return SLUICE_NEXT;
}

static void poll_until(unsigned n)
{
	for (int i = 0; i < 2000 && calls < n; i++) {
		fakewire_poll();
		usleep(1000);
	}
	assert_int_equal(calls, n);
}

static void walk_one(sluice_hook hook)
{
	calls = 0;
	last = 1;
	walk_begin(1, "", 0);
	slots[0].state = mine;
	parts[0].on_request = hook;
	assert_int_equal(walk_request(), RUN_NEXT);
}

TEST(outlives_its_exchange)
{
	walk_one(begin_refused);
	assert_int_equal(last, 0);
	assert_int_equal(walk_kept, 1);
	assert_int_equal(calls, 0); /* never from within */
	run_complete(walk);
	last = 1;
	poll_until(2); /* the one, and the one that it began */
	assert_int_equal(last, 0);
	assert_int_equal(status, SLUICE_UNREACHABLE);
	assert_ptr_equal(user, mine);
	assert_int_equal(walk_kept, 0);
	assert_int_equal(slots[0].n_works, 0);
	walk_end();
}

TEST(begins_when_the_exchange_ends)
{
	walk_begin(1, "", 0);
	slots[0].state = mine;
	calls = 0;
	wanted = 1;
	parts[0].on_complete = begin;
	(void)walk_request();
	walk_complete();
	assert_int_equal(last, 0);
	fakewire_pass(3000 * NS_PER_MS);
	assert_int_equal(calls, 1);
	assert_int_equal(status, SLUICE_TIMEOUT);
	assert_int_equal(walk_kept, 0);
	walk_end();
}

static void on_reply(sluice_work *k, const void *conf, void *given, sluice_status st,
	const sluice_value *v)
{
	(void)k, (void)conf, (void)given, (void)st, (void)v;
	calls = 99;
}

/* A memory store has no commands; one in Redis is asked in the tests of the plugin oidc. */
static void on_done_ask(sluice_work *k, const void *conf, const sluice_fetch_response *r)
{
	const sluice_str command[] = { SLUICE_STR("GET"), SLUICE_STR("a") };
	on_done(k, conf, r);
	last = (int)sluice_work_command(k, store_local(), command, 2, 100, NULL, on_reply);
}

static sluice_verdict begin_asking(sluice_exchange *x, const void *conf)
{
	sluice_fetch_request r = request_to("http://127.0.0.1:1/");
	(void)conf;
	last = sluice_background(x, &r, on_done_ask);
	return SLUICE_NEXT;
}

TEST(a_command_that_cannot_begin)
{
	walk_one(begin_asking);
	run_complete(walk);
	poll_until(1);
	assert_int_equal(last, SLUICE_ERROR);
	assert_int_equal(walk_kept, 0);
	assert_int_equal(slots[0].n_works, 0);
	walk_end();
}

TEST(bounded)
{
	wanted = BACKGROUND_MAX;
	walk_one(begin);
	assert_int_equal(last, 0);
	wanted = 1;
	assert_int_equal(slots[0].n_works, BACKGROUND_MAX);
	walk_enter(0);
	(void)begin(walk, NULL);
	assert_int_equal(last, -1);
	assert_true(slots[0].works_refused);
	walk_leave();
	walk_enter(1); /* another instance's */
	(void)begin(walk, NULL);
	assert_int_equal(last, 0);
	walk_leave();
	background_drop(&fakewire_worker, &slots[0]);
	assert_int_equal(slots[0].n_works, 0);
	assert_false(slots[0].works_refused);
	assert_int_equal(slots[1].n_works, 1);
	assert_int_equal(walk_kept, 1);
	background_drop(&fakewire_worker, &slots[1]);
	assert_int_equal(walk_kept, 0);
	assert_int_equal(calls, 0);
	walk_end();
}

TEST(worker_ends)
{
	wanted = 3;
	walk_one(begin);
	assert_int_equal(walk_kept, 3);
	worker_end_part(&fakewire_worker, PART_BACKGROUND);
	assert_int_equal(walk_kept, 0);
	assert_int_equal(calls, 0);
	walk_end();
}

static void *begin_elsewhere(void *arg)
{
	(void)begin(arg, NULL);
	return NULL;
}

TEST(refused)
{
	pthread_t t;
	sluice_fetch_request r = request_to("gopher://x");
	wanted = 1;
	walk_one(NULL);
	walk_enter(0);
	assert_int_equal(sluice_background(walk, NULL, on_done), -1);
	assert_int_equal(sluice_background(walk, &r, NULL), -1);
	assert_int_equal(sluice_background(walk, &r, on_done), -1); /* no URL */
	assert_int_equal(pthread_create(&t, NULL, begin_elsewhere, walk), 0);
	assert_int_equal(pthread_join(t, NULL), 0);
	assert_int_equal(last, -1);
	walk_leave();
	last = 0;
	(void)begin(walk, NULL); /* no hook runs */
	assert_int_equal(last, -1);
	assert_int_equal(walk_kept, 0);
	walk_end();
}

static int setup(void **state)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listening < 0 || bind(listening, (struct sockaddr *)&a, len) < 0 ||
		listen(listening, 128) < 0 ||
		getsockname(listening, (struct sockaddr *)&a, &len) < 0)
		return -1;
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", ntohs(a.sin_port));
	walk_policy.fetch_tls = no_tls;
	return walk_setup(state);
}

static int teardown(void **state)
{
	(void)close(listening);
	return walk_teardown(state);
}

TEST_GROUP(setup, teardown);
