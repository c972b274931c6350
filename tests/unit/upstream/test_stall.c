/* upstream/stall: when a server that lets requests wait is suspect, and when it is not. Its timer
 * is called by hand, and times are moved. */
#include "upstream/stall.h"

#include "kit.h"

static struct test_server a, b;
static struct test_conf conf;
static struct upstream *u;

static int set_up(void **state)
{
	(void)state;
	server_up(&a, "a", 0);
	server_up(&b, "b", 0);
	conf_make(&conf, "test", (const char *[]){ a.address, b.address, NULL });
	conf.conf.health.stall = 200;
	conf.conf.health.retry_after = 60000;
	conf.conf.timeouts.response = 60000;
	conf.conf.retries = 0;
	u = upstream_attach(&kit_worker, &conf.conf, NULL, 1, NULL);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	upstream_detach(&u);
	server_down(&a);
	server_down(&b);
	return 0;
}

/* A probe that waits at a server that does not answer. */
static void hang(struct probe *p)
{
	probe_init(p);
	probe_open(p, u);
	if (!p->ready)
		assert_true(kit_run(&p->ready, 1000));
}

static void leave(struct probe *p)
{
	if (p->call.state == UPSTREAM_CALL_READY)
		probe_finish(p, ERR_CLIENT_GONE);
	probe_fini(p);
}

/* The next look comes when that much time has passed. */
static void look_after(struct endpoint *e, uint64_t ms)
{
	assert_true(e->stall.due_ns != TIMER_NEVER);
	kit_worker.now_ns = clock_ns() + ms * NS_PER_MS;
	kit_worker.clock_is_fresh = true;
	timer_stop(&e->stall);
	e->stall.on_due(&e->stall);
	kit_worker.clock_is_fresh = false;
}

static const char *other(const struct probe *p)
{
	return p->call.endpoint->address_len == strlen(a.address) &&
			strcmp(p->call.endpoint->address, a.address) == 0
		? "b"
		: "a";
}

TEST_WITH(others_get_the_requests, set_up, tear_down)
{
	struct probe first, p;
	atomic_store(&a.mode, SERVE_SILENT);
	atomic_store(&b.mode, SERVE_SILENT);
	hang(&first);
	struct endpoint *e = first.call.endpoint;
	const char *well = other(&first);
	atomic_store(well[0] == 'a' ? &a.mode : &b.mode, SERVE_OK);
	look_after(e, 150); /* not yet */
	assert_int_equal(e->state, ENDPOINT_UP);
	look_after(e, 250);
	assert_int_equal(e->state, ENDPOINT_SUSPECT);
	assert_false(endpoint_is_ready(e));
	for (int i = 0; i < 4; i++) {
		assert_int_equal(kit_get(u, &p), 0);
		assert_string_equal(p.body, well);
	}
	assert_int_equal(e->n_failures, 0); /* it has not failed */
	leave(&first);
	assert_int_equal(e->state, ENDPOINT_SUSPECT);
}

TEST_WITH(an_answer_makes_it_up, set_up, tear_down)
{
	struct probe first;
	a.reply = b.reply = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
	atomic_store(&a.mode, SERVE_SILENT);
	atomic_store(&b.mode, SERVE_SILENT);
	hang(&first);
	struct endpoint *e = first.call.endpoint;
	look_after(e, 250);
	assert_int_equal(e->state, ENDPOINT_SUSPECT);
	/* a byte on any connection is enough: here that of another request, a whole head */
	struct probe second;
	atomic_store(&a.mode, SERVE_REPLY);
	atomic_store(&b.mode, SERVE_REPLY);
	probe_init(&second);
	second.call.only = e->id;
	probe_open(&second, u);
	for (int i = 0; i < 100 && second.status == 0; i++)
		kit_pass(10);
	assert_int_equal(second.status, 200);
	look_after(e, 10);
	assert_int_equal(e->state, ENDPOINT_UP);
	leave(&second);
	leave(&first);
}

/* All are suspect: requests are sent all the same. */
TEST_WITH(better_than_none, set_up, tear_down)
{
	struct probe p[2], q;
	atomic_store(&a.mode, SERVE_SILENT);
	atomic_store(&b.mode, SERVE_SILENT);
	for (int i = 0; i < 2; i++) {
		hang(&p[i]);
		look_after(p[i].call.endpoint, 250);
		assert_int_equal(p[i].call.endpoint->state, ENDPOINT_SUSPECT);
	}
	assert_ptr_not_equal(p[0].call.endpoint, p[1].call.endpoint);
	atomic_store(&a.mode, SERVE_OK);
	atomic_store(&b.mode, SERVE_OK);
	assert_int_equal(kit_get(u, &q), 0);
	assert_int_equal(kit_view(q.body[0] == 'a' ? a.address : b.address).state, ENDPOINT_UP);
	leave(&p[0]);
	leave(&p[1]);
}

/* One request waits long, as it may, while others are answered. */
TEST_WITH(a_long_poll, set_up, tear_down)
{
	struct probe p;
	atomic_store(&a.mode, SERVE_SILENT);
	atomic_store(&b.mode, SERVE_SILENT);
	hang(&p);
	struct endpoint *e = p.call.endpoint;
	e->heard_ns = clock_ns() + 100 * NS_PER_MS; /* as after an answer */
	look_after(e, 250);
	assert_int_equal(e->state, ENDPOINT_UP);
	/* and it is slow as a rule */
	e->heard_ns = 0;
	e->latency_ns = 100 * NS_PER_MS;
	look_after(e, 700);
	assert_int_equal(e->state, ENDPOINT_UP);
	look_after(e, 900);
	assert_int_equal(e->state, ENDPOINT_SUSPECT);
	leave(&p);
}

TEST_WITH(nobody_waits, set_up, tear_down)
{
	struct probe p;
	assert_int_equal(kit_get(u, &p), 0);
	struct endpoint_view v = kit_view(a.address);
	assert_int_equal(v.state, ENDPOINT_UP);
	probe_init(&p);
	p.auto_finish = false;
	probe_open(&p, u);
	if (!p.ready)
		assert_true(kit_run(&p.ready, 1000));
	/* nothing was sent yet: the server owes nothing */
	look_after(p.call.endpoint, 5000);
	assert_int_equal(p.call.endpoint->state, ENDPOINT_UP);
	leave(&p);
}

TEST_WITH(turned_off, set_up, tear_down)
{
	struct probe p;
	atomic_store(&a.mode, SERVE_SILENT);
	atomic_store(&b.mode, SERVE_SILENT);
	hang(&p);
	p.call.endpoint->bounds.health.stall = 0;
	look_after(p.call.endpoint, 5000);
	assert_int_equal(p.call.endpoint->state, ENDPOINT_UP);
	assert_int_equal(p.call.endpoint->stall.due_ns, TIMER_NEVER);
	leave(&p);
}

/* While the only server is suspect, its requests come again and again. */
TEST(the_only_server)
{
	struct probe p, q;
	server_up(&a, "a", 0);
	conf_make(&conf, "test", (const char *[]){ a.address, NULL });
	conf.conf.health.stall = 200;
	conf.conf.timeouts.response = 60000;
	u = upstream_attach(&kit_worker, &conf.conf, NULL, 1, NULL);
	atomic_store(&a.mode, SERVE_SILENT);
	hang(&p);
	struct endpoint *e = p.call.endpoint;
	look_after(e, 250);
	assert_int_equal(e->state, ENDPOINT_SUSPECT);
	atomic_store(&a.mode, SERVE_OK);
	assert_int_equal(kit_get(u, &q), 0);
	assert_int_equal(e->state, ENDPOINT_UP);
	leave(&p);
	upstream_detach(&u);
	server_down(&a);
}

/* The time until one request tries it is over. */
TEST_WITH(one_request_tries_it, set_up, tear_down)
{
	struct probe p;
	atomic_store(&a.mode, SERVE_SILENT);
	atomic_store(&b.mode, SERVE_SILENT);
	hang(&p);
	struct endpoint *e = p.call.endpoint;
	look_after(e, 250);
	assert_int_equal(e->state, ENDPOINT_SUSPECT);
	timer_stop(&e->timer);
	e->timer.on_due(&e->timer);
	assert_int_equal(e->state, ENDPOINT_TRIAL);
	assert_true(kit_tries(e));
	assert_false(endpoint_is_ready(e));
	endpoint_failed(e, true, ERR_UPSTREAM_TIMEOUT);
	assert_int_equal(e->state, ENDPOINT_DOWN);
	assert_int_equal(e->suspect_ns, 0);
	leave(&p);
}

/* A request to that server is given up after 30 ms; then so many ms pass. */
static void give_up(struct endpoint *e, uint64_t pass_ms)
{
	struct probe p;
	probe_init(&p);
	p.call.only = e->id;
	probe_open(&p, u);
	if (!p.ready)
		assert_true(kit_run(&p.ready, 1000));
	kit_worker.now_ns = clock_ns() + 30 * NS_PER_MS;
	kit_worker.clock_is_fresh = true;
	probe_finish(&p, ERR_OVERTAKEN);
	kit_worker.clock_is_fresh = false;
	probe_fini(&p);
	e->unheard_ns -= pass_ms * NS_PER_MS;
	e->unheard_until_ns -= pass_ms * NS_PER_MS;
}

static struct endpoint *silent_server(struct probe *p)
{
	atomic_store(&a.mode, SERVE_SILENT);
	atomic_store(&b.mode, SERVE_SILENT);
	hang(p);
	return p->call.endpoint;
}

/* Each request is taken elsewhere after 30 ms, as by a hedge; the server is silent all the same. */
TEST_WITH(who_is_given_up_has_waited, set_up, tear_down)
{
	struct probe p;
	struct endpoint *e = silent_server(&p);
	leave(&p);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(e->state, ENDPOINT_UP);
		give_up(e, 50);
	}
	assert_int_equal(e->state, ENDPOINT_SUSPECT); /* 230 ms after the first */
	assert_int_equal(e->n_failures, 0);
}

/* Two that were given up say too little; nor do three with an answer or a long time between. */
TEST_WITH(who_was_given_up_long_ago_says_nothing, set_up, tear_down)
{
	struct probe p;
	struct endpoint *e = silent_server(&p);
	leave(&p);
	e->unheard_ns = 0;
	give_up(e, 190);
	give_up(e, 300);
	assert_int_equal(e->n_unheard, 2);
	give_up(e, 100);
	assert_int_equal(e->n_unheard, 1);
	give_up(e, 90);
	give_up(e, 0);
	e->heard_ns = worker_now(&kit_worker); /* just before it would be too long */
	give_up(e, 0);
	assert_int_equal(e->n_unheard, 1);
	assert_int_equal(e->state, ENDPOINT_UP);
}

/* What came over the connection before the request was sent is no sign of life after it. */
TEST_WITH(an_earlier_answer_is_none, set_up, tear_down)
{
	struct probe first, p;
	assert_int_equal(kit_get(u, &first), 0);
	assert_int_equal(kit_get(u, &first), 0);
	atomic_store(&a.mode, SERVE_SILENT);
	atomic_store(&b.mode, SERVE_SILENT);
	hang(&p);
	assert_true(p.call.reused);
	struct endpoint *e = p.call.endpoint;
	look_after(e, 250); /* the first look that sees the bytes of the earlier answer */
	assert_int_equal(e->state, ENDPOINT_SUSPECT);
	leave(&p);
}

TEST_GROUP(kit_setup, kit_teardown);
