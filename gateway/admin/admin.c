/* The admin address: its listener, and its calls from first to last event. Main thread. */
#include "admin/admin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/answers.h"
#include "admin/permit.h"
#include "admin/service.h"
#include "admin/table.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/listener.h"

enum {
	ADMIN_CONNECTIONS = 256,
	ADMIN_BACKLOG = 256,
	ADMIN_HEAD = 16 << 10,
	ADMIN_TARGET = 4 << 10,
	ADMIN_FIELDS = 100,
	ADMIN_MEMORY = 128 << 10, /* of one call, without its answer */
};
#define REFUSALS_NS NS_PER_S /* between two log lines about refusals */

struct admin {
	struct admin_service service;
	struct front *front; /* owned; NULL: not open, or closed again */
	struct list calls;   /* struct admin_call */
	uint64_t refused_ns; /* when a refusal was logged last */
	struct addr addr;
	struct listener_file file; /* of a unix socket; nothing, where it is not ours to remove */
	int fd;                    /* the front's: where it listens; -1: nowhere */
	char address[ADDR_TEXT];
};

/* ---- calls --------------------------------------------------------------------------------- */

/* Bodies are never asked for; the codec discards the bytes of them that it has to read. */
static void call_on_body(struct client *cl, struct buf *data)
{
	(void)cl;
	buf_drain(data, data->len);
}

static void call_on_end(struct client *cl, const struct fields *trailers)
{
	(void)cl, (void)trailers;
}

static void call_on_drained(struct client *cl)
{
	(void)cl;
}

static void call_on_sent(struct client *cl)
{
	call_close(cl->user);
}

static void call_on_gone(struct client *cl, int err, bool can_answer)
{
	struct admin_call *c = cl->user;
	c->gone = true;
	if (can_answer && !c->answered)
		call_refuse(c, err);
	else
		call_close(c);
}

static const struct client_events call_events = {
	.on_body = call_on_body,
	.on_end = call_on_end,
	.on_drained = call_on_drained,
	.on_sent = call_on_sent,
	.on_gone = call_on_gone,
};

static struct admin_call *call_new(struct admin *a, struct client *cl)
{
	struct admin_call *c = arena_new(&cl->arena, struct admin_call);
	check(c, "the memory of a request holds no call");
	call_init(c, &a->service, cl);
	list_push(&a->calls, &c->link);
	cl->events = &call_events;
	cl->user = c;
	return c;
}

/* Log a refusal, but not so often that a client could fill the disk. */
static void admin_log_refusal(struct admin *a, const struct client *cl, enum admin_problem p)
{
	uint64_t now = worker_now(a->service.main);
	if (a->refused_ns && now - a->refused_ns < REFUSALS_NS)
		return;
	a->refused_ns = now;
	log_warn("admin", "%.*s %.*s from %s refused: %s",
		STR_ARG(method_name((enum method)cl->head->method)), STR_ARG(cl->head->path),
		cl->conn->peer_ip, admin_problem_info(p)->code);
}

static void admin_on_request(void *ctx, struct client *cl)
{
	struct admin *a = ctx;
	struct admin_call *c = call_new(a, cl);
	static const sluice_strs nobody = { 0 };
	struct admin_facts facts = { 0 };
	bool known;
	a->service.env.facts(a->service.env.ctx, &facts);
	c->command = admin_table_find((enum method)cl->head->method, cl->head->path, &known);
	enum admin_problem p = permit(c->command && c->command->changes, cl->head, cl->conn,
		facts.snap ? &facts.snap->conf.admin.hosts : &nobody);
	if (p == PROBLEM_COUNT && !c->command)
		p = known ? PROBLEM_METHOD_NOT_ALLOWED : PROBLEM_NOT_FOUND;
	if (p == PROBLEM_METHOD_NOT_ALLOWED)
		c->allow = admin_table_allow(cl->head->path, &cl->arena);
	if (p != PROBLEM_COUNT) {
		if (admin_problem_info(p)->status == 403 || p == PROBLEM_FOREIGN_HOST)
			admin_log_refusal(a, cl, p);
		call_problem(c, p, STR_NONE);
		return;
	}
	if (c->command->changes)
		log_info("admin", "%.*s from %s", STR_ARG(c->command->path), cl->conn->peer_ip);
	c->command->run(c);
}

static void admin_on_bad_request(void *ctx, struct client *cl, int err)
{
	call_refuse(call_new(ctx, cl), err);
}

/* ---- the whole ----------------------------------------------------------------------------- */

struct admin *admin_new(struct worker *main, const struct admin_env *env)
{
	struct admin *a = mem_new(struct admin);
	service_init(&a->service, main, env);
	list_init(&a->calls);
	a->fd = -1;
	return a;
}

struct handler admin_handler(struct admin *a)
{
	return (struct handler){ admin_on_request, admin_on_bad_request, a };
}

static int admin_listen(const struct addr *at, int given)
{
	/* the mode of a unix socket decides who may give commands: owner and group */
	static const struct listener_how how = { 1, ADMIN_BACKLOG, LISTENER_ALONE,
		{ 0660, LISTENER_AS_IS, LISTENER_AS_IS } };
	int fd, err;
	if (given < 0) {
		err = listener_open_how(at, &how, &fd);
		return err ? err : fd;
	}
	fd = fcntl(given, F_DUPFD_CLOEXEC, 0);
	err = fd < 0 ? -errno : listener_adopt(fd, at, ADMIN_BACKLOG);
	if (err && fd >= 0)
		(void)close(fd);
	return err ? err : fd;
}

int admin_open(struct admin *a, const struct addr *at, int given, bool lent)
{
	static const struct listener_conf conf = {
		.name = { "admin", 5 },
		.protocols = FRONT_HTTP1,
		.timeouts = { .head = 10000, .body = 30000, .idle = 60000 },
		.max_head = ADMIN_HEAD,
		.max_target = ADMIN_TARGET,
		.max_fields = ADMIN_FIELDS,
		.max_memory = ADMIN_MEMORY,
		.backlog = ADMIN_BACKLOG,
	};
	int fd = admin_listen(at, given);
	if (fd < 0)
		return fd;
	a->addr = *at;
	a->fd = fd;
	if (!lent)
		listener_file_note(&a->file, at);
	(void)addr_text(at, a->address);
	const struct front_listener_args args = { .conf = &conf,
		.addr = &a->addr,
		.handler = admin_handler(a),
		.fds = &fd,
		.n_fds = 1,
		.lent = lent };
	a->front = front_new(a->service.main, NULL);
	front_apply(a->front, &args, 1, &(struct front_bounds){ .connections = ADMIN_CONNECTIONS },
		0);
	log_info("admin", "on %s", a->address);
	return 0;
}

int admin_socket(const struct admin *a)
{
	return a->fd;
}

void admin_upgraded(struct admin *a, int pid, const char *why)
{
	if (!a)
		return;
	list_each_safe (e, &a->service.heirs) {
		struct gather_wait *w = container_of(e, struct gather_wait, link);
		list_del(e);
		answer_upgraded(container_of(w, struct admin_call, wait), pid, why);
	}
}

void admin_hand_over(struct admin *a)
{
	if (!a || !a->front)
		return;
	a->file = (struct listener_file){ 0 };
	a->fd = -1;
	front_lend(a->front);
	front_drain(a->front, 0);
}

void admin_set_workers(struct admin *a, const struct gather_worker *v, unsigned n)
{
	gather_set_workers(a->service.gather, v, n);
}

void admin_close(struct admin *a)
{
	if (!a || !a->front)
		return;
	listener_file_unlink(&a->file, &a->addr);
	front_drain(a->front, 0);
	front_abort(a->front);
	worker_turn(a->service.main); /* the calls end with this turn */
	front_abort(a->front);        /* close connections that linger */
	check(list_is_empty(&a->calls), "a call of the admin address outlives its connection");
	front_free(&a->front);
	gather_stop(a->service.gather);
	list_del(&a->service.stop.link);
}

void admin_free(struct admin **at)
{
	struct admin *a = *at;
	*at = NULL;
	if (!a)
		return;
	check(!a->front, "the admin address is still open");
	service_fini(&a->service);
	free(a);
}
