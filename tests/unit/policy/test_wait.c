/* policy/wait: what exchanges wait for, and who wakes them. */
#include "policy/wait.h"

#include "policy/host.h"
#include "store/store.h"
#include "tls/client.h"
#include "walk_kit.h"

static sluice_status status;
static const char *error;
static int value_type;

static void pass(unsigned ms)
{
	fakewire_pass(ms * NS_PER_MS);
}

/* ---- publishing ---------------------------------------------------------------------------- */

static sluice_verdict on_published(sluice_exchange *x, const void *conf)
{
	const char *v = sluice_published(x);
	note("p%u%s ", ((const struct part *)conf)->n, v ? v : "-");
	return SLUICE_NEXT;
}

static sluice_verdict await(sluice_exchange *x, const void *conf)
{
	(void)conf;
	return sluice_await_publish(x, 1000, on_published);
}

static sluice_verdict await_for_ever(sluice_exchange *x, const void *conf)
{
	(void)conf;
	return sluice_await_publish(x, UINT64_MAX, on_published);
}

static void publish(unsigned slot, struct published *p)
{
	slots[slot].published = p;
	instance_wake(&slots[slot]);
}

TEST(await_publish)
{
	static char text[] = "!";
	struct published p = { .value = text };
	walk_begin(2, "", 0);
	parts[1].on_request = await;
	assert_int_equal(walk_request(), RUN_WAIT);
	publish(0, &p); /* another's */
	assert_int_equal(resumed, 0);
	publish(1, &p);
	assert_int_equal(resumed, 1);
	assert_int_equal(result, RUN_NEXT);
	assert_string_equal(trace, "q0 q1 p1! ");
	publish(1, &p); /* nobody waits any more */
	assert_int_equal(resumed, 1);
	walk_end();
	slots[0].published = slots[1].published = NULL;
}

TEST(await_in_vain)
{
	walk_begin(1, "", 0);
	parts[0].on_request = await;
	assert_int_equal(walk_request(), RUN_WAIT);
	pass(1100);
	assert_int_equal(resumed, 1);
	assert_string_equal(trace, "q0 p0- ");
	assert_true(list_is_empty(&slots[0].waiters));
	walk_end();

	walk_begin(1, "", 0); /* no wait is for ever */
	parts[0].on_request = await_for_ever;
	assert_int_equal(walk_request(), RUN_WAIT);
	pass(599 * 1000);
	assert_int_equal(resumed, 0);
	pass(2000);
	assert_int_equal(resumed, 1);
	walk_end();
}

static sluice_verdict await_again(sluice_exchange *x, const void *conf)
{
	note("a%u ", ((const struct part *)conf)->n);
	return sluice_await_publish(x, 1000, on_published);
}

static sluice_verdict await_twice(sluice_exchange *x, const void *conf)
{
	(void)conf;
	return sluice_await_publish(x, 1000, await_again);
}

/* Who waits again from its callback waits for the next, not for this one. */
TEST(await_again)
{
	static char text[] = "!";
	struct published p = { .value = text };
	walk_begin(1, "", 0);
	parts[0].on_request = await_twice;
	assert_int_equal(walk_request(), RUN_WAIT);
	publish(0, &p);
	assert_int_equal(resumed, 0);
	assert_string_equal(trace, "q0 a0 ");
	publish(0, &p);
	assert_int_equal(resumed, 1);
	walk_end();
	slots[0].published = NULL;
}

TEST(cancel_while_awaiting)
{
	walk_begin(1, "", 0);
	parts[0].on_request = await;
	assert_int_equal(walk_request(), RUN_WAIT);
	run_cancel(walk);
	assert_true(list_is_empty(&slots[0].waiters));
	publish(0, NULL);
	pass(2000);
	assert_int_equal(resumed, 0);
	walk_end();
}

static sluice_verdict forget(sluice_exchange *x, const void *conf)
{
	char *state = sluice_worker_state(x);
	(void)conf;
	(*state)++;
	return SLUICE_NEXT;
}

TEST(worker_state)
{
	char mine = 0;
	slots[1].state = &mine;
	walk_begin(2, "", 0);
	parts[1].on_request = parts[1].on_response = parts[1].on_complete = forget;
	(void)walk_request();
	(void)walk_response(200);
	walk_end();
	assert_int_equal(mine, 3);
	slots[1].state = NULL;
}

/* ---- services that answer at once ---------------------------------------------------------- */

static sluice_verdict on_store(sluice_exchange *x, const void *conf, sluice_status st,
	const sluice_value *v)
{
	(void)conf;
	note("st ");
	status = st;
	value_type = (int)v->type;
	assert_null(x->frame->wait);
	return sluice_refuse(x, 503, "no-store", "");
}

static sluice_verdict ask_store(sluice_exchange *x, const void *conf)
{
	static const sluice_str argv[] = { { "GET", 3 }, { "k", 1 } };
	(void)conf;
	return sluice_store_command(x, sluice_store_local(NULL), argv, 2, 0, on_store);
}

/* A command makes no sense for memory: the callback runs within the call, and its verdict is the
 * hook's. */
TEST(store_answers_at_once)
{
	walk_begin(1, "", 0);
	parts[0].on_request = ask_store;
	assert_int_equal(walk_request(), RUN_REPLY);
	assert_int_equal(status, SLUICE_ERROR);
	assert_int_equal(value_type, SLUICE_V_NIL);
	assert_string_equal(walk->answer.code, "no-store");
	assert_int_equal(resumed, 0);
	walk_end();
}

static const char *tls_fails;
static unsigned authorities_read;

static struct tls_client *fetch_tls(sluice_str ca_file, const char **why)
{
	(void)ca_file;
	authorities_read++;
	*why = tls_fails;
	return NULL;
}

static sluice_verdict on_fetched(sluice_exchange *x, const void *conf,
	const sluice_fetch_response *r)
{
	(void)x, (void)conf;
	status = r->status;
	error = r->error;
	note("f ");
	return SLUICE_NEXT;
}

static const char *url, *ca_file;

static sluice_verdict fetch(sluice_exchange *x, const void *conf)
{
	sluice_fetch_request r = { .size = sizeof(r),
		.url = str_of(url),
		.ca_file = str_of(ca_file) };
	(void)conf;
	return sluice_fetch(x, &r, on_fetched);
}

TEST(fetch_fails_at_once)
{
	for (int i = 0; i < 2; i++) {
		url = i ? "https://127.0.0.1/" : "gopher://x";
		tls_fails = i ? "no authorities" : NULL;
		walk_begin(1, "", 0);
		parts[0].on_request = fetch;
		assert_int_equal(walk_request(), RUN_NEXT);
		assert_string_equal(trace, "q0 f ");
		assert_int_equal(status, SLUICE_ERROR);
		assert_non_null(error);
		assert_true(strlen(error) > 5);
		walk_end();
	}
}

static sluice_verdict fetch_without_memory(sluice_exchange *x, const void *conf)
{
	while (sluice_alloc(x, 16))
		;
	x->arena->budget += ARENA_BLOCK; /* enough for the wait, not for the path */
	(void)sluice_alloc(x, 1500);
	return fetch(x, conf);
}

TEST(fetch_without_tls_reads_no_authorities)
{
	tls_fails = "no authorities";
	for (int i = 0; i < 2; i++) {
		url = i ? "https://127.0.0.1/" : "http://127.0.0.1 ";
		authorities_read = 0;
		walk_begin(1, "", 0);
		parts[0].on_request = fetch;
		assert_int_equal(walk_request(), RUN_NEXT);
		assert_string_equal(trace, "q0 f ");
		assert_int_equal(authorities_read, i);
		walk_end();
	}
}

/* Authorities that cannot be named are not all the world's. */
TEST(fetch_without_authorities)
{
	char path[4000];
	memset(path, 'p', sizeof(path) - 1);
	path[sizeof(path) - 1] = 0;
	url = "https://127.0.0.1:1/";
	ca_file = path;
	tls_fails = NULL;
	walk_begin(1, "", 16 * 1024);
	parts[0].on_request = fetch_without_memory;
	assert_int_equal(walk_request(), RUN_NEXT);
	assert_string_equal(trace, "q0 f ");
	assert_int_equal(status, SLUICE_ERROR);
	assert_non_null(strstr(error, "memory"));
	ca_file = NULL;
	walk_end();
}

static int setup(void **state)
{
	walk_policy.fetch_tls = fetch_tls;
	return walk_setup(state);
}

TEST_GROUP(setup, walk_teardown);
