/* upstream/upstream: requests to real servers that serve, die, come back, stay silent; and what
 * carries over a reload. */
#include "upstream/upstream.h"

#include <stdio.h>
#include <sys/un.h>
#include <unistd.h>

#include "kit.h"

static struct test_server a, b, c;
static struct test_conf conf;

static struct upstream *attach(const char *const *addresses)
{
	conf_make(&conf, "test", addresses);
	return upstream_attach(&kit_worker, &conf.conf, NULL, 1, NULL);
}

TEST(get_and_reuse)
{
	struct probe p;
	server_up(&a, "a", 0);
	struct upstream *u = attach((const char *[]){ a.address, NULL });
	for (int i = 0; i < 5; i++) {
		assert_int_equal(kit_get(u, &p), 0);
		assert_string_equal(p.body, "a");
		assert_int_equal(p.status, 200);
		assert_int_equal(p.call.reused, i > 0);
		assert_int_equal(p.call.tries, 1);
		assert_true(i ? p.call.connect_ns == 0 : p.call.connect_ns > 0);
	}
	assert_int_equal(atomic_load(&a.accepted), 1);
	struct endpoint_view v = kit_view(a.address);
	assert_int_equal(v.requests, 5);
	assert_int_equal(v.reused, 4);
	assert_int_equal(v.connects, 1);
	assert_int_equal(v.idle, 1);
	assert_int_equal(v.in_flight, 0);
	upstream_detach(&u);
	assert_null(u);
	server_down(&a);
}

TEST(last_used_first)
{
	struct probe p[3];
	struct origin *o[3];
	server_up(&a, "a", 0);
	struct upstream *u = attach((const char *[]){ a.address, NULL });
	for (int i = 0; i < 3; i++) {
		probe_init(&p[i]);
		p[i].auto_finish = false;
		probe_open(&p[i], u);
		assert_true(kit_run(&p[i].ready, 1000));
		o[i] = p[i].call.origin;
		probe_send(&p[i]);
		assert_true(kit_run(&p[i].done, 1000));
	}
	static const int order[] = { 2, 0, 1 };
	for (int i = 0; i < 3; i++)
		probe_finish(&p[order[i]], 0);
	assert_int_equal(kit_view(a.address).idle, 3);
	for (int i = 0; i < 3; i++) { /* in the reverse order of their release */
		struct probe *q = &p[i];
		probe_fini(q);
		probe_init(q);
		q->auto_finish = false;
		probe_open(q, u);
		assert_true(q->ready && q->call.reused);
		assert_ptr_equal(q->call.origin, o[order[2 - i]]);
	}
	for (int i = 0; i < 3; i++) {
		probe_finish(&p[i], ERR_CLIENT_GONE); /* never begun: not kept */
		probe_fini(&p[i]);
	}
	assert_int_equal(kit_view(a.address).connections, 0);
	upstream_detach(&u);
	server_down(&a);
}

TEST(bound_on_idle)
{
	struct probe p[6];
	server_up(&a, "a", 0);
	struct upstream *u = attach((const char *[]){ a.address, NULL });
	upstream_detach(&u);
	conf.conf.keepalive = 2;
	u = upstream_attach(&kit_worker, &conf.conf, NULL, 1, NULL);
	for (int i = 0; i < 6; i++) {
		probe_init(&p[i]);
		p[i].auto_finish = false;
		probe_open(&p[i], u);
		assert_true(kit_run(&p[i].ready, 1000));
		probe_send(&p[i]);
		assert_true(kit_run(&p[i].done, 1000));
	}
	for (int i = 0; i < 6; i++) {
		probe_finish(&p[i], 0);
		probe_fini(&p[i]);
	}
	assert_int_equal(kit_view(a.address).idle, 2);
	kit_sees(&a.open, 2);
	upstream_detach(&u);
	kit_sees(&a.open, 0);
	server_down(&a);
}

TEST(closed_while_idle)
{
	struct probe p;
	server_up(&a, "a", 0);
	struct upstream *u = attach((const char *[]){ a.address, NULL });
	assert_int_equal(kit_get(u, &p), 0);
	assert_int_equal(kit_view(a.address).idle, 1);
	server_drop_all(&a);
	kit_pass(50);
	assert_int_equal(kit_view(a.address).connections, 0);
	/* closed in the very turn in which it is used: that is for the exchange to mend, and not
	 * held against the server */
	assert_int_equal(kit_get(u, &p), 0);
	assert_false(p.call.reused);
	server_drop_all(&a);
	int err = kit_get(u, &p);
	assert_true(err == ERR_UPSTREAM_CLOSED || err == ERR_UPSTREAM_RESET);
	assert_true(p.call.reused);
	/* it was asked, whatever that counts against `retries` */
	assert_int_equal(p.call.tries, 1);
	assert_int_equal(kit_view(a.address).failures, 0);
	upstream_detach(&u);
	server_down(&a);
}

/* A probe reaches the server it is for, whatever that server's health, and no other. */
TEST(one_server_is_probed)
{
	struct probe p;
	server_up(&a, "a", 0);
	server_up(&b, "b", 0);
	struct upstream *u = attach((const char *[]){ a.address, b.address, NULL });
	for (int i = 0; i < 4; i++) {
		probe_init(&p);
		p.call.only = kit_view(b.address).id;
		probe_open(&p, u);
		assert_true(kit_run(&p.done, 1000));
		assert_int_equal(p.err, 0);
		assert_string_equal(p.body, "b");
		assert_false(upstream_may_retry(&p.call));
		probe_fini(&p);
	}
	assert_int_equal(kit_view(a.address).requests, 0);
	assert_int_equal(kit_view(b.address).requests, 4);
	upstream_detach(&u);
	server_down(&a);
	server_down(&b);
}

TEST(a_stale_connection_is_counted_but_not_against_retries)
{
	struct probe p;
	server_up(&a, "a", 0);
	struct upstream *u = attach((const char *[]){ a.address, NULL });
	assert_int_equal(kit_get(u, &p), 0);
	probe_init(&p);
	atomic_store(&a.mode, SERVE_ABORT);
	probe_open(&p, u);
	assert_true(kit_run(&p.done, 1000));
	assert_true(p.call.reused);
	assert_int_equal(p.err, ERR_UPSTREAM_CLOSED);
	assert_int_equal(p.call.tries, 1);
	assert_int_equal(p.call.verdict, VERDICT_NOT_PROCESSED);
	assert_true(upstream_may_retry(&p.call));
	assert_int_equal(kit_view(a.address).failures, 0);
	/* the same server, on a new connection, and now it counts */
	probe_open(&p, u);
	assert_true(kit_run(&p.done, 1000));
	assert_false(p.call.reused);
	assert_int_equal(p.call.tries, 2);
	assert_int_equal(p.call.verdict, VERDICT_FAILED);
	assert_int_equal(p.err, ERR_UPSTREAM_CLOSED);
	assert_int_equal(kit_view(a.address).failures, 1);
	assert_false(upstream_may_retry(&p.call));
	probe_open(&p, u);
	assert_true(p.done);
	assert_int_equal(p.err, ERR_UPSTREAM_CLOSED);
	probe_fini(&p);
	upstream_detach(&u);
	server_down(&a);
}

/* A server that takes requests and ends looks as one that closed a connection between two. What may
 * not be repeated is lost by it, so that it counts. */
TEST(a_request_that_a_stale_connection_loses_is_a_failure)
{
	static const struct request_head post = { .method = METHOD_POST },
					 get = { .method = METHOD_GET };
	struct probe p;
	server_up(&a, "a", 0);
	struct upstream *u = attach((const char *[]){ a.address, NULL });
	for (unsigned i = 0; i < 2; i++) {
		atomic_store(&a.mode, SERVE_OK);
		assert_int_equal(kit_get(u, &p), 0);
		probe_init(&p);
		p.call.request = i ? &post : &get;
		atomic_store(&a.mode, SERVE_ABORT);
		probe_open(&p, u);
		assert_true(kit_run(&p.done, 1000));
		assert_true(p.call.reused);
		assert_int_equal(p.call.verdict, i ? VERDICT_FAILED : VERDICT_NOT_PROCESSED);
		assert_int_equal(kit_view(a.address).failures, i);
		probe_fini(&p);
	}
	upstream_detach(&u);
	server_down(&a);
}

TEST(next_server_when_one_is_dead)
{
	struct probe p;
	char dead[32];
	unsigned two = 0;
	server_up(&a, "a", 0);
	server_up(&b, "b", 0);
	(void)snprintf(dead, sizeof(dead), "127.0.0.1:%u", port_unused());
	struct upstream *u = attach((const char *[]){ a.address, dead, b.address, NULL });
	for (int i = 0; i < 12; i++) {
		assert_int_equal(kit_get(u, &p), 0);
		two += p.call.tries > 1;
	}
	assert_int_equal(two, 3); /* then it rests */
	struct endpoint_view v = kit_view(dead);
	assert_int_equal(v.state, ENDPOINT_DOWN);
	assert_int_equal(v.connect_failures, 3);
	assert_int_equal(v.ejected, 1);
	assert_in_range(atomic_load(&a.served), 5, 7);
	upstream_detach(&u);
	server_down(&a);
	server_down(&b);
}

TEST(down_and_back)
{
	struct probe p;
	server_up(&a, "a", 0);
	server_up(&b, "b", 0);
	struct upstream *u = attach((const char *[]){ a.address, b.address, NULL });
	uint16_t port = b.port;
	server_down(&b);
	for (int i = 0; i < 10; i++)
		assert_int_equal(kit_get(u, &p), 0);
	assert_int_equal(kit_view(b.address).state, ENDPOINT_DOWN);
	kit_pass(250);
	assert_int_equal(kit_view(b.address).state, ENDPOINT_TRIAL);
	assert_int_equal(kit_get(u, &p), 0); /* the trial fails, the request does not */
	assert_int_equal(p.call.tries, 2);
	assert_int_equal(kit_view(b.address).state, ENDPOINT_DOWN);
	/* longer than the first */
	assert_in_range(kit_view(b.address).down_for_ns, 113 * NS_PER_MS, 230 * NS_PER_MS);
	server_up(&b, "b", port);
	kit_pass(300);
	for (int i = 0; i < 10; i++)
		assert_int_equal(kit_get(u, &p), 0);
	assert_int_equal(kit_view(b.address).state, ENDPOINT_UP);
	assert_int_equal(atomic_load(&b.served), 5);
	upstream_detach(&u);
	server_down(&a);
	server_down(&b);
}

TEST(all_down_still_tries)
{
	struct probe p;
	server_up(&a, "a", 0);
	struct upstream *u = attach((const char *[]){ a.address, NULL });
	uint16_t port = a.port;
	server_down(&a);
	for (int i = 0; i < 5; i++)
		assert_int_equal(kit_get(u, &p), ERR_CONNECT_FAILED);
	assert_int_equal(kit_view(a.address).state, ENDPOINT_DOWN);
	server_up(&a, "a", port);
	assert_int_equal(kit_get(u, &p), 0); /* at once, not when the rest is over */
	assert_int_equal(kit_view(a.address).state, ENDPOINT_UP);
	upstream_detach(&u);
	server_down(&a);
}

TEST(bad_answers_count)
{
	static const struct {
		int mode, err;
	} cases[] = {
		{ SERVE_GARBAGE, ERR_UPSTREAM_BAD_HEAD },
		{ SERVE_ABORT, ERR_UPSTREAM_CLOSED },
		{ SERVE_SILENT, ERR_UPSTREAM_TIMEOUT },
	};
	struct probe p;
	for (size_t i = 0; i < 3; i++) {
		server_up(&a, "a", 0);
		struct upstream *u = attach((const char *[]){ a.address, NULL });
		atomic_store(&a.mode, cases[i].mode);
		for (int k = 0; k < 3; k++)
			assert_int_equal(kit_get(u, &p), cases[i].err);
		assert_int_equal(kit_view(a.address).state, ENDPOINT_DOWN);
		assert_int_equal(kit_view(a.address).failures, 3);
		assert_int_equal(kit_view(a.address).connections, 0);
		upstream_detach(&u);
		server_down(&a);
	}
}

TEST(retry_of_the_request)
{
	struct probe p;
	server_up(&a, "a", 0);
	server_up(&b, "b", 0);
	server_up(&c, "c", 0);
	atomic_store(&a.mode, SERVE_ABORT);
	atomic_store(&b.mode, SERVE_ABORT);
	atomic_store(&c.mode, SERVE_ABORT);
	struct upstream *u = attach((const char *[]){ a.address, b.address, c.address, NULL });
	conf.conf.retries = 1;
	probe_init(&p);
	probe_open(&p, u);
	assert_true(kit_run(&p.done, 1000));
	const struct endpoint *first = p.call.endpoint;
	assert_true(upstream_may_retry(&p.call));
	probe_open(&p, u);
	assert_true(kit_run(&p.done, 1000));
	assert_true(p.call.endpoint != first);
	assert_int_equal(p.call.tries, 2);
	assert_false(upstream_may_retry(&p.call)); /* retries: 1 */
	probe_open(&p, u);
	assert_int_equal(p.err, ERR_UPSTREAM_CLOSED);
	probe_fini(&p);
	assert_int_equal(atomic_load(&a.served) + atomic_load(&b.served) + atomic_load(&c.served),
		2);
	upstream_detach(&u);
	server_down(&a);
	server_down(&b);
	server_down(&c);
}

/* Who asks and leaves before there is a connection, over and over, has one made, not one each
 * time. */
TEST(cancel_over_and_over)
{
	struct probe p, q;
	server_up(&a, "a", 0);
	struct upstream *u = attach((const char *[]){ a.address, NULL });
	for (unsigned i = 0; i < 50; i++) {
		probe_init(&p);
		probe_open(&p, u);
		assert_int_equal(p.call.state, UPSTREAM_CALL_OPENING);
		assert_int_equal(kit_view(a.address).connections, 1);
		probe_fini(&p);
	}
	/* the second of two that wait has one of its own */
	probe_init(&p);
	probe_open(&p, u);
	probe_init(&q);
	probe_open(&q, u);
	assert_int_equal(kit_view(a.address).connections, 2);
	assert_true(kit_run(&p.ready, 1000) && kit_run(&q.ready, 1000));
	assert_ptr_not_equal(p.call.origin, q.call.origin);
	probe_finish(&p, ERR_CLIENT_GONE);
	probe_finish(&q, ERR_CLIENT_GONE);
	probe_fini(&p);
	probe_fini(&q);
	upstream_detach(&u);
	server_down(&a);
}

TEST(cancel_while_connecting)
{
	struct probe p;
	server_up(&a, "a", 0);
	struct upstream *u = attach((const char *[]){ a.address, NULL });
	probe_init(&p);
	probe_open(&p, u);
	assert_int_equal(p.call.state, UPSTREAM_CALL_OPENING);
	probe_fini(&p);
	assert_false(p.ready);
	kit_pass(50);
	assert_int_equal(kit_view(a.address).idle, 1); /* somebody else's gain */
	assert_int_equal(kit_get(u, &p), 0);
	assert_true(p.call.reused);
	assert_int_equal(atomic_load(&a.accepted), 1);
	/* and with the upstream gone before it opens */
	upstream_close_idle(&kit_worker);
	probe_init(&p);
	probe_open(&p, u);
	assert_int_equal(p.call.state, UPSTREAM_CALL_OPENING);
	probe_fini(&p);
	upstream_detach(&u);
	kit_sees(&a.open, 0);
	server_down(&a);
}

TEST(connection_bound_and_queue)
{
	struct probe p[12];
	server_up(&a, "a", 0);
	conf_make(&conf, "test", (const char *[]){ a.address, NULL });
	conf.conf.max_connections = 4;
	conf.conf.max_queue = 6;
	conf.conf.timeouts.queue = 800;
	/* two workers: two each */
	struct upstream *u = upstream_attach(&kit_worker, &conf.conf, NULL, 2, NULL);
	for (int i = 0; i < 12; i++) {
		probe_init(&p[i]);
		p[i].auto_finish = false;
		probe_open(&p[i], u);
	}
	assert_int_equal(p[1].call.state, UPSTREAM_CALL_OPENING);
	for (int i = 2; i < 8; i++)
		assert_int_equal(p[i].call.state, UPSTREAM_CALL_QUEUED);
	for (int i = 8; i < 12; i++)
		assert_int_equal(p[i].err, ERR_QUEUE_FULL);
	assert_true(kit_run(&p[0].ready, 1000) && kit_run(&p[1].ready, 1000));
	upstream_cancel(&p[2].call);
	probe_send(&p[0]);
	assert_true(kit_run(&p[0].done, 1000));
	probe_finish(&p[0], 0);
	assert_false(p[3].ready); /* not from within */
	assert_true(kit_run(&p[3].ready, 1000));
	assert_true(p[3].call.reused);
	assert_false(p[4].ready);
	/* one that is not kept makes room as well */
	probe_finish(&p[1], ERR_CLIENT_GONE);
	assert_true(kit_run(&p[4].ready, 1000));
	assert_false(p[4].call.reused);
	assert_int_equal(kit_view(a.address).connections, 2);
	/* the rest waits in vain */
	assert_true(kit_run(&p[7].done, 3000));
	for (int i = 5; i < 8; i++)
		assert_int_equal(p[i].err, ERR_QUEUE_TIMEOUT);
	assert_true(p[5].call.wait_ns >= 800 * NS_PER_MS);
	probe_finish(&p[3], ERR_CLIENT_GONE);
	probe_finish(&p[4], ERR_CLIENT_GONE);
	for (int i = 0; i < 12; i++)
		probe_fini(&p[i]);
	assert_int_equal(atomic_load(&a.accepted), 3);
	upstream_detach(&u);
	server_down(&a);
}

TEST(reload_carries_over)
{
	struct probe p;
	struct test_conf next;
	char dead[32];
	server_up(&a, "a", 0);
	server_up(&b, "b", 0);
	(void)snprintf(dead, sizeof(dead), "127.0.0.1:%u", port_unused());
	struct upstream *u = attach((const char *[]){ a.address, dead, b.address, NULL });
	for (int i = 0; i < 12; i++)
		assert_int_equal(kit_get(u, &p), 0);
	assert_int_equal(kit_view(dead).state, ENDPOINT_DOWN);
	/* a request under way at b while the configuration changes */
	struct probe busy;
	probe_init(&busy);
	busy.auto_finish = false;
	do {
		if (busy.ready)
			probe_finish(&busy, 0);
		probe_fini(&busy);
		probe_init(&busy);
		busy.auto_finish = false;
		probe_open(&busy, u);
		assert_true(kit_run(&busy.ready, 1000));
		probe_send(&busy);
		assert_true(kit_run(&busy.done, 1000));
	} while (busy.body[0] != 'b');

	conf_make(&next, "test", (const char *[]){ a.address, dead, NULL });
	struct upstream *u2 = upstream_attach(&kit_worker, &next.conf, NULL, 1, NULL);
	unsigned accepted = atomic_load(&a.accepted);
	for (int i = 0; i < 6; i++) {
		assert_int_equal(kit_get(u2, &p), 0);
		assert_string_equal(p.body, "a");
		assert_true(p.call.reused);
		assert_int_equal(p.call.tries, 1); /* still known to be down */
	}
	assert_int_equal(atomic_load(&a.accepted), accepted);
	probe_finish(&busy, 0);
	probe_fini(&busy);
	upstream_detach(&u);
	kit_sees(&b.open, 0); /* nobody wants it */
	assert_null(kit_view(b.address).address.data);
	assert_int_equal(kit_view(a.address).idle, 1);
	assert_int_equal(kit_get(u2, &p), 0);
	upstream_detach(&u2);
	kit_sees(&a.open, 0);
	server_down(&a);
	server_down(&b);
}

TEST(other_settings_other_connection)
{
	struct probe p;
	struct test_conf next;
	server_up(&a, "a", 0);
	struct upstream *u = attach((const char *[]){ a.address, NULL });
	assert_int_equal(kit_get(u, &p), 0);
	conf_make(&next, "test", (const char *[]){ a.address, NULL });
	next.conf.timeouts.response = 777;
	struct upstream *u2 = upstream_attach(&kit_worker, &next.conf, NULL, 1, NULL);
	upstream_detach(&u);
	assert_int_equal(kit_get(u2, &p), 0);
	assert_false(p.call.reused);
	kit_sees(&a.open, 1);
	upstream_detach(&u2);
	server_down(&a);
}

TEST(detach_under_a_request)
{
	struct probe p;
	/* the request's connection outlives the configuration only as long as the request */
	server_up(&a, "a", 0);
	struct upstream *u = attach((const char *[]){ a.address, NULL });
	probe_init(&p);
	p.auto_finish = false;
	probe_open(&p, u);
	assert_true(kit_run(&p.ready, 1000));
	struct origin *o = p.call.origin;
	upstream_report(&p.call, 0);
	upstream_call_fini(&p.call);
	upstream_detach(&u);
	o->ops->release(o);
	arena_fini(&p.arena);
	kit_sees(&a.open, 0);
	server_down(&a);
}

TEST(names)
{
	struct probe p, q;
	char name[32];
	server_up(&a, "a", 0);
	(void)snprintf(name, sizeof(name), "localhost:%u", a.port);
	struct upstream *u = attach((const char *[]){ name, NULL });
	probe_init(&p);
	probe_open(&p, u);
	assert_int_equal(p.call.state, UPSTREAM_CALL_NAMES); /* nothing is known yet: it waits */
	probe_init(&q);
	probe_open(&q, u);
	assert_int_equal(q.call.state, UPSTREAM_CALL_NAMES);
	probe_fini(&q);
	assert_true(kit_run(&p.done, 3000));
	assert_int_equal(p.err, 0);
	assert_string_equal(p.body, "a");
	probe_fini(&p);
	/* asked again, the addresses stay, and so does the connection */
	kit_pass(1200);
	assert_int_equal(kit_get(u, &p), 0);
	/* a reload does not wait for the name */
	struct test_conf next;
	conf_make(&next, "test", (const char *[]){ name, NULL });
	struct upstream *u2 = upstream_attach(&kit_worker, &next.conf, NULL, 1, NULL);
	upstream_detach(&u);
	probe_init(&p);
	probe_open(&p, u2);
	assert_int_not_equal(p.call.state, UPSTREAM_CALL_NAMES);
	assert_true(kit_run(&p.done, 1000));
	assert_int_equal(p.err, 0);
	probe_fini(&p);
	upstream_detach(&u2);
	server_down(&a);
}

TEST(unknown_names)
{
	struct probe p;
	server_up(&a, "a", 0);
	struct upstream *u = attach((const char *[]){ "no-such-host.invalid:80", NULL });
	assert_int_equal(kit_get(u, &p), ERR_NOT_RESOLVED);
	assert_int_equal(p.call.tries, 0);
	upstream_detach(&u);
	/* others serve meanwhile */
	u = attach((const char *[]){ "no-such-host.invalid:80", a.address, NULL });
	assert_int_equal(kit_get(u, &p), 0);
	assert_int_equal(p.call.tries, 1);
	upstream_detach(&u);
	/* given up before the answer */
	u = attach((const char *[]){ "no-such-host.invalid:80", NULL });
	probe_init(&p);
	probe_open(&p, u);
	probe_fini(&p);
	upstream_detach(&u);
	kit_pass(100);
	server_down(&a);
}

TEST(unix_socket)
{
	struct probe p;
	char path[96], address[104];
	(void)snprintf(path, sizeof(path), "/tmp/sluice-test-%d.sock", (int)getpid());
	(void)snprintf(address, sizeof(address), "unix:%s", path);
	struct upstream *u = attach((const char *[]){ address, NULL });
	/* fails within connect(), not later */
	probe_init(&p);
	probe_open(&p, u);
	assert_true(p.done);
	assert_int_equal(p.err, ERR_CONNECT_FAILED);
	probe_fini(&p);
	upstream_detach(&u);
	/* and the next one is asked at once */
	server_up(&a, "a", 0);
	u = attach((const char *[]){ address, a.address, NULL });
	for (int i = 0; i < 4; i++)
		assert_int_equal(kit_get(u, &p), 0);
	upstream_detach(&u);
	server_down(&a);
}

TEST(connect_timeout)
{
	struct probe p;
	/* a full backlog drops what comes: the connection is never made */
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fill[8];
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	char address[32];
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 0), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	for (int i = 0; i < 8; i++) {
		fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)connect(fill[i], (struct sockaddr *)&at, sizeof(at));
	}
	(void)snprintf(address, sizeof(address), "127.0.0.1:%u", ntohs(at.sin_port));
	server_up(&a, "a", 0);
	struct upstream *u = attach((const char *[]){ address, NULL });
	upstream_detach(&u);
	conf.conf.timeouts.connect = 100;
	u = upstream_attach(&kit_worker, &conf.conf, NULL, 1, NULL);
	assert_int_equal(kit_get(u, &p), ERR_CONNECT_TIMEOUT);
	assert_true(p.call.wait_ns >= 100 * NS_PER_MS && p.call.wait_ns < 2000 * NS_PER_MS);
	upstream_detach(&u);
	for (int i = 0; i < 8; i++)
		(void)close(fill[i]);
	(void)close(fd);
	server_down(&a);
}

TEST(idle_time)
{
	struct probe p;
	server_up(&a, "a", 0);
	struct upstream *u = attach((const char *[]){ a.address, NULL });
	upstream_detach(&u);
	conf.conf.timeouts.idle = 400;
	u = upstream_attach(&kit_worker, &conf.conf, NULL, 1, NULL);
	assert_int_equal(kit_get(u, &p), 0);
	kit_pass(40);
	assert_int_equal(kit_view(a.address).idle, 1);
	kit_pass(600);
	assert_int_equal(kit_view(a.address).connections, 0);
	/* also one that nobody ever used */
	probe_init(&p);
	probe_open(&p, u);
	probe_fini(&p);
	kit_pass(40);
	assert_int_equal(kit_view(a.address).idle, 1);
	kit_pass(600);
	assert_int_equal(kit_view(a.address).connections, 0);
	upstream_detach(&u);
	server_down(&a);
}

TEST_GROUP(kit_setup, kit_teardown);
