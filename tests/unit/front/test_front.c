/* front: listeners that come, change and go, and the connections that are theirs. */
#include "front/front.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/log.h"
#include "front/count.h"
#include "front/gate.h"
#include "net/listener.h"
#include "unit.h"

static struct worker worker;
static struct front *front;
static struct counts *counts;
static unsigned empties;

/* ---- a handler that says where a request came in ------------------------------------------- */

static bool slow; /* does not answer */
static struct client *waiting;
static unsigned gone;

static void on_sent(struct client *c)
{
	c->ops->finish(c);
}

static void on_gone(struct client *c, int err, bool can_answer)
{
	(void)err, (void)can_answer;
	gone++;
	if (c == waiting)
		waiting = NULL;
	c->ops->finish(c);
}

static const struct client_events events = { .on_sent = on_sent, .on_gone = on_gone };

static void answer(struct client *c)
{
	struct response_head h = { .status = 200,
		.version = 11,
		.body = BODY_LENGTH,
		.keep_alive = true };
	struct buf body;
	h.body_length = c->conn->listener->name.len;
	c->ops->head(c, &h);
	buf_init(&body);
	buf_append(&body, c->conn->listener->name.data, c->conn->listener->name.len);
	(void)c->ops->body(c, &body);
	c->ops->end(c, NULL);
}

static void on_request(void *ctx, struct client *c)
{
	(void)ctx;
	c->events = &events;
	if (slow)
		waiting = c;
	else
		answer(c);
}

static void on_bad_request(void *ctx, struct client *c, int err)
{
	(void)err;
	on_request(ctx, c);
}

/* ---- listeners ----------------------------------------------------------------------------- */

struct place {
	struct listener_conf conf;
	struct addr addr;
	int fd;
};

static struct place place(const char *name)
{
	struct place p = { .conf = { .name = str_of(name),
				   .protocols = FRONT_HTTP1,
				   .timeouts = { 10000, 10000, 10000 },
				   .linger = { .silence = 10000, .time = 10000 },
				   .max_head = 8192,
				   .max_target = 1024,
				   .max_fields = 20,
				   .max_memory = 128 * 1024 } };
	p.addr.in.sin_family = AF_INET;
	p.addr.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	p.addr.len = sizeof(p.addr.in);
	assert_int_equal(listener_open(&p.addr, 1, 128, &p.fd), 0);
	assert_int_equal(getsockname(p.fd, &p.addr.sa, &p.addr.len), 0);
	return p;
}

static struct conn_gate *gate; /* of the listeners that are applied next */

static void apply(struct place *const *v, size_t n, uint64_t max)
{
	struct front_listener_args args[4];
	int fds[4];
	memset(args, 0, sizeof(args));
	for (size_t i = 0; i < n; i++) {
		args[i].conf = &v[i]->conf;
		args[i].addr = &v[i]->addr;
		args[i].handler = (struct handler){ on_request, on_bad_request, NULL };
		fds[i] = v[i]->fd;
		args[i].fds = &fds[i];
		args[i].n_fds = fds[i] >= 0;
		args[i].gate = gate;
		v[i]->fd = -1;
	}
	front_apply(front, args, n, &(struct front_bounds){ .connections = max }, 300 * NS_PER_MS);
}

/* ---- clients ------------------------------------------------------------------------------- */

static int connect_to(const struct place *p)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_true(fd >= 0);
	if (connect(fd, &p->addr.sa, p->addr.len) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

static void turns(unsigned n)
{
	while (n--)
		worker_turn(&worker);
}

enum { PATIENCE_MS = 5000 };

/* The kernel may take its time to tell of the end of a connection. */
static void assert_all_leave(void)
{
	turns(3);
	for (unsigned i = 0; i < PATIENCE_MS && front_connections(front); i++) {
		(void)usleep(1000);
		turns(1);
	}
	assert_int_equal(front_connections(front), 0);
}

static void ask(int fd)
{
	static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
	assert_int_equal(send(fd, get, sizeof(get) - 1, MSG_NOSIGNAL), sizeof(get) - 1);
}

/* All that has come. The kernel may take its time to bring it. */
static const char *hear(int fd)
{
	static char text[1024];
	size_t n = 0;
	turns(3);
	for (unsigned i = 0; i < PATIENCE_MS; i++) {
		ssize_t got = recv(fd, text + n, sizeof(text) - 1 - n, MSG_DONTWAIT);
		if (got > 0) {
			n += (size_t)got;
		} else if (got == 0 || n) {
			break;
		} else {
			(void)usleep(1000);
			turns(1);
		}
	}
	text[n] = 0;
	return text;
}

static bool is_open(int fd)
{
	char c;
	turns(3);
	return recv(fd, &c, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
}

static void assert_answer(int fd, const char *says)
{
	ask(fd);
	const char *text = hear(fd);
	if (!strstr(text, says))
		fail_msg("no \"%s\" in \"%s\"", says, text);
}

static void on_empty(void *ctx)
{
	(void)ctx;
	empties++;
}

static int begin(void **state)
{
	(void)state;
	slow = false;
	waiting = NULL;
	gone = empties = 0;
	gate = NULL;
	counts = counts_new(100);
	front = front_new(&worker, counts);
	front_on_empty(front, on_empty, NULL);
	return 0;
}

static int end(void **state)
{
	(void)state;
	front_free(&front);
	turns(1);
	assert_int_equal(counts_total(counts), 0);
	counts_free(&counts);
	return 0;
}

/* ---- tests --------------------------------------------------------------------------------- */

TEST_WITH(listeners, begin, end)
{
	struct place a = place("first"), b = place("second");
	apply((struct place *[]){ &a, &b }, 2, 0);
	int x = connect_to(&a), y = connect_to(&b);
	assert_answer(x, "\r\n\r\nfirst");
	assert_answer(y, "\r\n\r\nsecond");
	assert_int_equal(front_connections(front), 2);
	assert_int_equal(counts_total(counts), 2);
	(void)close(x);
	(void)close(y);
	assert_all_leave();
	assert_int_equal(empties, 0); /* it does not drain */
}

/* A reload: what stays keeps its socket, new connections get the new settings, old ones keep
 * theirs. */
TEST_WITH(reload, begin, end)
{
	struct place a = place("old-name"), b = place("goes"), c = place("comes");
	apply((struct place *[]){ &a, &b }, 2, 0);
	int was = connect_to(&a), left = connect_to(&b), queued = connect_to(&b);
	turns(2);
	struct place again = a;
	again.conf.name = STR("new-name");
	apply((struct place *[]){ &again, &c }, 2, 0);
	int is = connect_to(&a), third = connect_to(&c);
	assert_answer(was, "\r\n\r\nold-name");
	assert_answer(is, "\r\n\r\nnew-name");
	assert_answer(third, "\r\n\r\ncomes");
	assert_answer(left, "\r\n\r\ngoes"); /* its listener is gone, not it */
	assert_answer(queued, "\r\n\r\ngoes");
	assert_int_equal(connect_to(&b), -1);
	assert_int_equal(front_connections(front), 5);
	int fds[] = { was, is, left, queued, third };
	for (int i = 0; i < 5; i++)
		(void)close(fds[i]);
	assert_all_leave();
}

/* A socket that is not needed, because the address is served already, is closed. */
TEST_WITH(needless_socket, begin, end)
{
	struct place a = place("one");
	apply((struct place *[]){ &a }, 1, 0);
	struct place again = a;
	again.fd = socket(AF_INET, SOCK_STREAM, 0);
	int needless = again.fd;
	apply((struct place *[]){ &again }, 1, 0);
	assert_int_equal(close(needless), -1);
	int x = connect_to(&a);
	assert_answer(x, "one");
	(void)close(x);
	turns(3);
}

/* A second socket for the same address: another queue. */
static int beside(const struct place *p)
{
	const struct listener_how how = { 1, 128, LISTENER_BESIDE_OURS,
		{ LISTENER_AS_IS, LISTENER_AS_IS, LISTENER_AS_IS } };
	int fd;
	assert_int_equal(listener_open_how(&p->addr, &how, &fd), 0);
	return fd;
}

/* All sockets of a listener are accepted from; once they are lent, the queues are left to who has
 * them next. */
TEST_WITH(several_sockets, begin, end)
{
	enum { N = 20 };
	struct place a = place("many");
	int fds[] = { a.fd, beside(&a) }, kept[] = { dup(fds[0]), dup(fds[1]) }, x[N];
	const struct front_listener_args args = { .conf = &a.conf,
		.addr = &a.addr,
		.handler = { on_request, on_bad_request, NULL },
		.fds = fds,
		.n_fds = 2 };
	front_apply(front, &args, 1, &(struct front_bounds){ .connections = 0 }, NS_PER_S);
	for (int i = 0; i < N; i++)
		x[i] = connect_to(&a);
	turns(3);
	assert_int_equal(front_connections(front), N);
	for (int i = 0; i < N; i++)
		(void)close(x[i]);
	assert_all_leave();
	front_lend(front);
	int queued = connect_to(&a);
	front_drain(front, 0);
	assert_int_equal(front_connections(front), 0);
	assert_true(is_open(queued));
	(void)close(queued);
	(void)close(kept[0]);
	(void)close(kept[1]);
}

/* Paused: connections wait, also at listeners that come meanwhile; those that are there go on. */
TEST_WITH(paused, begin, end)
{
	struct place a = place("there"), b = place("later");
	apply((struct place *[]){ &a }, 1, 0);
	int was = connect_to(&a);
	assert_answer(was, "there");
	front_pause(front);
	apply((struct place *[]){ &a, &b }, 2, 0);
	int x = connect_to(&a), y = connect_to(&b);
	ask(x);
	assert_true(is_open(x));
	assert_true(is_open(y));
	assert_int_equal(front_connections(front), 1);
	assert_answer(was, "there");
	front_go_on(front);
	if (!strstr(hear(x), "there"))
		fail_msg("%s", "what waited is not answered");
	assert_answer(y, "later");
	(void)close(was);
	(void)close(x);
	(void)close(y);
	assert_all_leave();
}

TEST_WITH(bound, begin, end)
{
	struct place a = place("full");
	int x[3];
	apply((struct place *[]){ &a }, 1, 2);
	for (int i = 0; i < 3; i++)
		x[i] = connect_to(&a);
	assert_answer(x[0], "full");
	assert_answer(x[1], "full");
	assert_false(is_open(x[2]));
	assert_int_equal(front_connections(front), 2);
	(void)close(x[0]);
	(void)close(x[2]);
	turns(3);
	x[0] = connect_to(&a); /* one may take the place of one that left */
	assert_answer(x[0], "full");
	(void)close(x[0]);
	(void)close(x[1]);
	assert_all_leave();
}

TEST_WITH(drain, begin, end)
{
	struct place a = place("bye");
	apply((struct place *[]){ &a }, 1, 0);
	int idle = connect_to(&a), busy = connect_to(&a), queued;
	turns(2);
	slow = true;
	ask(busy);
	turns(2);
	assert_non_null(waiting);
	queued = connect_to(&a); /* not accepted yet when it begins */
	front_drain(front, 20 * NS_PER_MS);
	slow = false;
	assert_int_equal(connect_to(&a), -1);
	assert_int_equal(front_connections(front), 3);
	ask(queued);
	const char *text = hear(queued);
	if (!strstr(text, "Connection: close\r\n") || !strstr(text, "bye"))
		fail_msg("\"%s\"", text);
	assert_int_equal(empties, 0);
	uint64_t limit = clock_ns() + 2 * NS_PER_S;
	while (is_open(idle) && clock_ns() < limit)
		worker_turn(&worker); /* the idle one goes by itself */
	assert_false(is_open(idle));
	answer(waiting);
	text = hear(busy);
	assert_non_null(strstr(text, "Connection: close\r\n"));
	(void)close(busy);
	(void)close(queued);
	(void)close(idle);
	assert_all_leave();
	assert_int_equal(empties, 1);
}

TEST_WITH(drain_without_connections, begin, end)
{
	struct place a = place("nobody");
	apply((struct place *[]){ &a }, 1, 0);
	front_drain(front, NS_PER_S);
	assert_int_equal(empties, 1);
}

TEST_WITH(abort, begin, end)
{
	struct place a = place("cut");
	apply((struct place *[]){ &a }, 1, 0);
	int idle = connect_to(&a), busy = connect_to(&a), lingers = connect_to(&a);
	turns(2);
	assert_int_equal(send(lingers, "NONSENSE\r\n\r\n", 12, MSG_NOSIGNAL), 12);
	turns(3);
	slow = true;
	ask(busy);
	turns(2);
	front_drain(front, NS_PER_S);
	assert_int_equal(front_connections(front), 3);
	front_abort(front);
	assert_int_equal(front_connections(front), 0);
	assert_int_equal(empties, 1);
	assert_int_equal(gone, 1);
	assert_false(is_open(idle));
	assert_false(is_open(busy));
	(void)close(idle);
	(void)close(busy);
	(void)close(lingers);
}

/* ---- gates --------------------------------------------------------------------------------- */

/* Counts what it hears of connections, and refuses those of the listener "shut". */
struct test_gate {
	struct conn_gate gate;
	unsigned connects, closes, freed;
};
struct test_room {
	struct test_gate *of;
	uint64_t zeros[5];
};

static bool gate_on_connect(struct conn_gate *g, void *room, const struct conn_info *c,
	char why[GATE_WHY])
{
	struct test_gate *t = container_of(g, struct test_gate, gate);
	struct test_room *r = room;
	static const struct test_room empty;
	assert_int_equal((uintptr_t)room % sizeof(void *), 0);
	assert_memory_equal(r, &empty, sizeof(empty));
	memset(r, 0xff, sizeof(*r));
	r->of = t;
	assert_string_equal(c->peer_ip, "127.0.0.1");
	assert_ptr_equal(c->listener->plugged(c), room);
	t->connects++;
	(void)snprintf(why, GATE_WHY, "it is shut");
	return !str_eq(c->listener->name, STR("shut"));
}

static void gate_on_close(void *room)
{
	((struct test_room *)room)->of->closes++;
}

static void gate_free(struct conn_gate *g)
{
	container_of(g, struct test_gate, gate)->freed++;
}

static const struct conn_gate_ops gate_ops = { .on_connect = gate_on_connect,
	.on_close = gate_on_close,
	.free = gate_free };

static void gate_new(struct test_gate *t)
{
	*t = (struct test_gate){
		.gate = { .ops = &gate_ops, .room = sizeof(struct test_room), .refs = 1 }
	};
	gate = &t->gate;
}

TEST_WITH(a_gate_is_asked_and_told, begin, end)
{
	struct test_gate t;
	struct place a = place("open"), b = place("shut");
	gate_new(&t);
	apply((struct place *[]){ &a, &b }, 2, 0);
	assert_int_equal(t.gate.refs, 3);
	int x = connect_to(&a), y = connect_to(&b);
	assert_answer(x, "\r\n\r\nopen");
	assert_false(is_open(y));
	assert_int_equal(t.connects, 2);
	assert_int_equal(t.closes, 1);
	(void)close(x);
	(void)close(y);
	turns(3);
	assert_int_equal(t.closes, 2);
	assert_int_equal(front_connections(front), 0);
	conn_gate_unref(&t.gate);
	front_drain(front, 0);
	assert_int_equal(t.freed, 1);
}

/* A connection has the gate that it came in by until it ends; others get the new one, or none. */
TEST_WITH(a_gate_stays_over_a_reload, begin, end)
{
	struct test_gate first, second;
	struct place a = place("one");
	gate_new(&first);
	apply((struct place *[]){ &a }, 1, 0);
	conn_gate_unref(&first.gate);
	int x = connect_to(&a);
	assert_answer(x, "one");
	gate_new(&second);
	apply((struct place *[]){ &a }, 1, 0);
	conn_gate_unref(&second.gate);
	int y = connect_to(&a);
	assert_answer(y, "one");
	assert_answer(x, "one");
	assert_int_equal(first.connects + first.closes + first.freed, 1);
	gate = NULL;
	apply((struct place *[]){ &a }, 1, 0);
	int z = connect_to(&a);
	assert_answer(z, "one");
	(void)close(z);
	(void)close(x);
	turns(3);
	assert_int_equal(first.closes, 1);
	assert_int_equal(first.freed, 1);
	assert_int_equal(second.connects, 1);
	assert_int_equal(second.freed, 0);
	(void)close(y);
	turns(3);
	assert_int_equal(second.closes, 1);
	assert_int_equal(second.freed, 1);
}

/* Who connects while it goes is not left behind. */
TEST_WITH(free_with_a_queue, begin, end)
{
	struct place a = place("late");
	apply((struct place *[]){ &a }, 1, 0);
	int x = connect_to(&a);
	front_free(&front);
	assert_false(is_open(x));
	(void)close(x);
	front = front_new(&worker, counts);
}

static int setup(void **state)
{
	(void)state;
	hash_seed();
	log_set_level(LOG_ERROR);
	return worker_init(&worker, 0);
}

static int teardown(void **state)
{
	(void)state;
	worker_fini(&worker);
	buf_thread_fini();
	arena_thread_fini();
	return 0;
}

TEST_GROUP(setup, teardown);
