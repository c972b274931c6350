/* admin: every command, asked by a client that lives in memory, of a process that is made up. */
#include "unit.h"

#include <stdlib.h>

#include "admin/admin.h"
#include "admin/call.h"

/* ---- a client in memory -------------------------------------------------------------------- */

struct memory_client {
	struct client c;
	struct request_head head;
	struct conn_info conn;
	struct response_head response; /* its strings are copied below */
	char type[64], allow[64];
	char body[64 << 10];
	size_t body_len;
	unsigned heads, ends, finishes;
};

static struct memory_client *of(struct client *c)
{
	return container_of(c, struct memory_client, c);
}

static void copy_field(char *to, size_t size, const struct fields *f, const char *name)
{
	const struct field *at = fields_find_name(f, str_of(name));
	size_t n = at && at->value_len < size ? at->value_len : 0;
	if (n)
		memcpy(to, at->value, n);
	to[n] = 0;
}

static void client_head(struct client *cl, const struct response_head *h)
{
	struct memory_client *c = of(cl);
	assert_int_equal(c->finishes, 0);
	c->heads++;
	c->response = *h;
	copy_field(c->type, sizeof(c->type), &h->fields, "content-type");
	copy_field(c->allow, sizeof(c->allow), &h->fields, "allow");
	assert_non_null(fields_find_name(&h->fields, STR("date")));
	assert_true(h->has_length);
}

static bool client_body(struct client *cl, struct buf *data)
{
	struct memory_client *c = of(cl);
	assert_int_equal(c->heads, 1);
	assert_true(c->body_len + data->len < sizeof(c->body));
	buf_copy(data, c->body + c->body_len, data->len);
	c->body_len += data->len;
	c->body[c->body_len] = 0;
	buf_drain(data, data->len);
	return false;
}

static void client_end(struct client *cl, const struct fields *trailers)
{
	assert_null(trailers);
	assert_int_equal(of(cl)->response.body == BODY_LENGTH ? of(cl)->response.body_length : 0,
		of(cl)->body_len);
	of(cl)->ends++;
}

static void client_nothing(struct client *cl)
{
	(void)cl;
}

static void client_no_body_please(struct client *cl)
{
	(void)cl;
	fail_msg("a body is asked for");
}

static void client_finish(struct client *cl)
{
	of(cl)->finishes++;
	arena_fini(&cl->arena);
}

static const struct client_ops memory_ops = {
	.head = client_head,
	.body = client_body,
	.end = client_end,
	.abort = client_nothing,
	.hold = client_nothing,
	.resume = client_no_body_please,
	.finish = client_finish,
};

/* ---- a process that is made up ------------------------------------------------------------- */

static struct {
	enum admin_phase phase;
	enum admin_reload reload;
	unsigned busy_for; /* times that a reload is busy first */
	enum admin_upgrade upgrade;
	unsigned reloads, reopens, drains, stops;
	struct snapshot snap;
} process;

static void process_facts(void *ctx, struct admin_facts *f)
{
	assert_ptr_equal(ctx, &process);
	*f = (struct admin_facts){ .phase = process.phase,
		.waiting = 2,
		.started_ns = clock_ns() - 1500 * NS_PER_MS,
		.snap = &process.snap,
		.snapshots = 3,
		.reloads = 4,
		.reloads_failed = 5 };
}

static enum admin_reload process_reload(void *ctx, struct diag *d)
{
	assert_ptr_equal(ctx, &process);
	process.reloads++;
	if (process.busy_for) {
		process.busy_for--;
		return ADMIN_RELOAD_BUSY;
	}
	if (process.reload == ADMIN_RELOAD_BAD) {
		(void)diag_error(d, &(struct mark){ .file = "x.yaml", .line = 3, .col = 7 },
			"no such \"thing\"");
		diag_hint(d, "leave it out");
	}
	return process.reload;
}

static void process_reopen(void *ctx)
{
	assert_ptr_equal(ctx, &process);
	process.reopens++;
}

static enum admin_upgrade process_upgrade(void *ctx)
{
	assert_ptr_equal(ctx, &process);
	return process.upgrade;
}

static void process_drain(void *ctx)
{
	assert_ptr_equal(ctx, &process);
	process.drains++;
}

static void process_stop(void *ctx)
{
	assert_ptr_equal(ctx, &process);
	process.stops++;
}

static struct worker main_worker;
static struct admin *admin;

static int setup(void **state)
{
	static const struct admin_env env = { .ctx = &process,
		.facts = process_facts,
		.reload = process_reload,
		.reopen = process_reopen,
		.upgrade = process_upgrade,
		.drain = process_drain,
		.stop = process_stop };
	(void)state;
	memset(&process, 0, sizeof(process));
	process.phase = ADMIN_SERVING;
	process.snap.id = 7;
	process.snap.file = "a \"b\".yaml";
	process.snap.n_routes = 11;
	assert_int_equal(worker_init(&main_worker, WORKER_MAIN), 0);
	admin = admin_new(&main_worker, &env);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	admin_free(&admin);
	worker_fini(&main_worker);
	buf_thread_fini();
	arena_thread_fini();
	return 0;
}

/* ---- asking -------------------------------------------------------------------------------- */

static struct memory_client *client_new(enum method m, const char *path, const char *peer)
{
	struct memory_client *c = calloc(1, sizeof(*c));
	assert_non_null(c);
	c->c.ops = &memory_ops;
	c->c.head = &c->head;
	c->c.conn = &c->conn;
	arena_init(&c->c.arena, 32 << 10);
	c->conn.peer_ip = peer;
	c->conn.peer_ip_len = (uint8_t)strlen(peer);
	c->head = (struct request_head){ .method = (uint8_t)m,
		.path = str_of(path),
		.host = STR("localhost"),
		.version = 11 };
	return c;
}

static struct memory_client *begin(enum method m, const char *path)
{
	struct memory_client *c = client_new(m, path, "127.0.0.1");
	const struct handler h = admin_handler(admin);
	h.on_request(h.ctx, &c->c);
	return c;
}

/* All of it: ask, let the loop turn, take the answer, let go. */
static struct memory_client *finish(struct memory_client *c)
{
	for (int i = 0; i < 10 && !c->ends; i++)
		worker_turn(&main_worker);
	assert_int_equal(c->ends, 1);
	assert_int_equal(c->finishes, 0);
	c->c.events->on_sent(&c->c);
	assert_int_equal(c->finishes, 0); /* never from within an event */
	worker_turn(&main_worker);
	assert_int_equal(c->finishes, 1);
	return c;
}

static struct memory_client *ask(enum method m, const char *path)
{
	return finish(begin(m, path));
}

static void expect(struct memory_client *c, int status, const char *type, const char *part)
{
	assert_int_equal(c->response.status, status);
	assert_string_equal(c->type, type);
	if (!strstr(c->body, part))
		fail_msg("no %s in %s", part, c->body);
	free(c);
}

#define TEXT "text/plain; charset=utf-8"
#define JSON "application/json"
#define PROBLEM "application/problem+json"

TEST_WITH(health, setup, teardown)
{
	expect(ask(METHOD_GET, "/healthz"), 200, TEXT, "alive");
	expect(ask(METHOD_GET, "/readyz"), 200, TEXT, "ready");
	process.phase = ADMIN_DRAINING;
	expect(ask(METHOD_GET, "/healthz"), 200, TEXT, "alive");
	expect(ask(METHOD_GET, "/readyz"), 503, PROBLEM, "\"draining: ");
	process.phase = ADMIN_LEAVING;
	expect(ask(METHOD_GET, "/readyz"), 503, PROBLEM, "\"leaving: ");
	process.phase = ADMIN_STARTING;
	expect(ask(METHOD_GET, "/readyz"), 503, PROBLEM, "starting: 2 workers");
}

TEST_WITH(head_has_no_body, setup, teardown)
{
	struct memory_client *c = ask(METHOD_HEAD, "/healthz");
	assert_int_equal(c->response.status, 200);
	assert_int_equal(c->body_len, 0);
	assert_int_equal(c->response.body_length, 6);
	assert_int_equal(c->response.body, BODY_NONE);
	free(c);
}

TEST_WITH(dispatch, setup, teardown)
{
	struct memory_client *c = ask(METHOD_POST, "/status");
	assert_string_equal(c->allow, "GET, HEAD");
	expect(c, 405, PROBLEM, ":method-not-allowed\"");
	expect(ask(METHOD_GET, "/"), 200, TEXT, "POST /stop");
	expect(ask(METHOD_GET, "/x"), 404, PROBLEM, ":not-found\"");
	expect(ask(METHOD_OTHER, "/x"), 404, PROBLEM, ":not-found\"");
}

TEST_WITH(permissions_come_first, setup, teardown)
{
	const struct handler h = admin_handler(admin);
	struct memory_client *c = client_new(METHOD_POST, "/stop", "192.0.2.1");
	h.on_request(h.ctx, &c->c);
	expect(finish(c), 403, PROBLEM, ":not-local\"");
	worker_turn(&main_worker);
	assert_int_equal(process.stops, 0);
	/* who may not know what is there is not told */
	c = client_new(METHOD_GET, "/nothing", "127.0.0.1");
	c->head.host = STR("evil.example");
	h.on_request(h.ctx, &c->c);
	expect(finish(c), 421, PROBLEM, ":foreign-host\"");
}

TEST_WITH(status, setup, teardown)
{
	static const char *const parts[] = { "\"id\": 7", "\"file\": \"a \\\"b\\\".yaml\"",
		"\"routes\": 11", "\"snapshots\": 3", "\"reloads\": 4", "\"reloads_failed\": 5",
		"\"uptime_s\": 1.5", "\"workers\": []" };
	struct memory_client *c = ask(METHOD_GET, "/status");
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (!strstr(c->body, parts[i]))
			fail_msg("no %s in %s", parts[i], c->body);
	}
	expect(c, 200, JSON, "\"state\": \"serving\"");
}

TEST_WITH(metrics, setup, teardown)
{
	expect(ask(METHOD_GET, "/metrics"), 200, "text/plain; version=0.0.4; charset=utf-8",
		"\nsluice_workers_silent 0\n");
}

TEST_WITH(reload, setup, teardown)
{
	process.reload = ADMIN_RELOADED;
	expect(ask(METHOD_POST, "/reload"), 200, JSON, "\"in-force\"");
	process.reload = ADMIN_RELOAD_ENDING;
	expect(ask(METHOD_POST, "/reload"), 409, PROBLEM, ":ending\"");
	process.reload = ADMIN_RELOAD_BAD;
	struct memory_client *c = ask(METHOD_POST, "/reload");
	assert_non_null(strstr(c->body, "\"line\": 3"));
	assert_non_null(strstr(c->body, "\"message\": \"no such \\\"thing\\\"\""));
	expect(c, 422, PROBLEM,
		"\"detail\": \"x.yaml:3:7: error: no such \\\"thing\\\"\\n    hint: leave it "
		"out\\n\"");
	assert_int_equal(process.reloads, 3);
}

TEST_WITH(reload_waits_for_another, setup, teardown)
{
	process.reload = ADMIN_RELOADED;
	process.busy_for = 2;
	expect(ask(METHOD_POST, "/reload"), 200, JSON, "\"in-force\"");
	assert_int_equal(process.reloads, 3);
	process.busy_for = 100;
	expect(ask(METHOD_POST, "/reload"), 503, PROBLEM, ":busy\"");
	assert_true(process.reloads < 10);
}

TEST_WITH(reopen, setup, teardown)
{
	expect(ask(METHOD_POST, "/reopen"), 202, JSON, "\"reopening\"");
	assert_int_equal(process.reopens, 1);
}

/* Whoever asks is answered when the successor serves, or has failed; who has left, no more. */
TEST_WITH(upgrade, setup, teardown)
{
	process.upgrade = ADMIN_UPGRADE_TOO_MANY;
	expect(ask(METHOD_POST, "/upgrade"), 500, PROBLEM, "too many listening sockets");
	process.upgrade = ADMIN_UPGRADE_ENDING;
	expect(ask(METHOD_POST, "/upgrade"), 409, PROBLEM, ":ending\"");
	process.upgrade = ADMIN_UPGRADE_FAILED;
	expect(ask(METHOD_POST, "/upgrade"), 500, PROBLEM, ":no-successor\"");
	process.upgrade = ADMIN_UPGRADE_STARTS;
	struct memory_client *one = begin(METHOD_POST, "/upgrade");
	struct memory_client *two = begin(METHOD_POST, "/upgrade");
	struct memory_client *left = begin(METHOD_POST, "/upgrade");
	worker_turn(&main_worker);
	assert_int_equal(one->ends, 0);
	left->c.events->on_gone(&left->c, ERR_CLIENT_GONE, false);
	worker_turn(&main_worker);
	assert_int_equal(left->finishes, 1);
	free(left);
	admin_upgraded(admin, 0, "it \"ended\"");
	expect(finish(one), 500, PROBLEM, "it \\\"ended\\\"");
	expect(finish(two), 500, PROBLEM, ":no-successor\"");
	one = begin(METHOD_POST, "/upgrade");
	admin_upgraded(admin, 4711, NULL);
	expect(finish(one), 200, JSON, "\"pid\": 4711");
	admin_upgraded(admin, 1, NULL); /* nobody asked */
	admin_upgraded(NULL, 1, NULL);
}

TEST_WITH(ending, setup, teardown)
{
	expect(ask(METHOD_POST, "/drain"), 202, JSON, "\"draining\"");
	assert_int_equal(process.drains, 1);
	struct memory_client *c = begin(METHOD_POST, "/stop");
	assert_int_equal(c->ends, 1);
	assert_int_equal(process.stops, 0); /* not before the answer is written */
	worker_turn(&main_worker);
	assert_int_equal(process.stops, 1);
	expect(finish(c), 202, JSON, "\"stopping\"");
}

TEST_WITH(client_leaves, setup, teardown)
{
	struct memory_client *c = begin(METHOD_GET, "/status");
	assert_int_equal(c->heads, 0);
	c->c.events->on_gone(&c->c, ERR_CLIENT_GONE, false);
	worker_turn(&main_worker);
	assert_int_equal(c->finishes, 1);
	assert_int_equal(c->heads, 0);
	free(c);
	c = begin(METHOD_GET, "/healthz");
	c->c.events->on_gone(&c->c, ERR_CLIENT_STALLED, false);
	worker_turn(&main_worker);
	assert_int_equal(c->finishes, 1);
	free(c);
}

TEST_WITH(bad_requests, setup, teardown)
{
	const struct handler h = admin_handler(admin);
	struct memory_client *c = client_new(METHOD_OTHER, "", "127.0.0.1");
	h.on_bad_request(h.ctx, &c->c, ERR_HEAD_TOO_LARGE);
	expect(finish(c), 431, PROBLEM, ":head-too-large\"");
	c = begin(METHOD_POST, "/reload");
	c->c.events->on_gone(&c->c, ERR_BODY_TIMEOUT, true);
	assert_int_equal(c->response.status, 408);
	worker_turn(&main_worker);
	assert_int_equal(c->finishes, 1); /* nobody will tell that it was sent */
	free(c);
}

TEST_WITH(memory_that_is_spent, setup, teardown)
{
	const struct handler h = admin_handler(admin);
	struct memory_client *c = client_new(METHOD_GET, "/healthz", "127.0.0.1");
	while (c->c.arena.used + 2 * ARENA_BLOCK <= c->c.arena.budget) /* all but a little */
		assert_non_null(arena_alloc(&c->c.arena, 64));
	h.on_request(h.ctx, &c->c);
	expect(finish(c), 200, TEXT, "alive");
}
