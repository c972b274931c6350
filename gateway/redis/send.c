/* Calls over a link to Redis: sending, giving up, ending them. See link.h. */
#include "redis/link_internal.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/stat.h"

/* a server counts as failed after SLOW_CALLS timeouts in a row over at least this time */
#define SLOW_NS NS_PER_S
enum { SLOW_CALLS = 8 };

const sluice_value call_nothing = { .type = SLUICE_V_NIL };

/* ---- ending -------------------------------------------------------------------------------- */

static void call_rest(struct redis_call *c)
{
	c->link = NULL;
	c->script = NULL;
	timer_drop(&c->timer);
	if (c->keep != c->keep_room)
		free(c->keep);
	c->keep = NULL;
}

void call_end(struct redis_call *c, sluice_status st, const sluice_value *v)
{
	call_rest(c);
	if (st != SLUICE_OK)
		stat_inc(STAT_REDIS_FAILURES);
	c->on_reply(c, st, v);
}

void redis_cancel(struct redis_call *c)
{
	if (!c->link)
		return;
	queue_give_up(&c->link->queue, c->slot);
	call_rest(c);
}

void call_end_all(struct redis_link *l)
{
	for (uint64_t end = l->queue.tail; l->queue.head < end;) {
		struct redis_call *c = queue_pop(&l->queue);
		if (c)
			call_end(c, SLUICE_UNREACHABLE, &call_nothing);
	}
}

static void call_on_due(struct timer *t)
{
	struct redis_call *c = container_of(t, struct redis_call, timer);
	struct redis_link *l = c->link;
	uint64_t now = worker_now(l->worker);
	queue_give_up(&l->queue, c->slot);
	if (l->timed_out++ == 0)
		l->slow_ns = now;
	call_end(c, SLUICE_TIMEOUT, &call_nothing);
	if (l->state == REDIS_READY && l->timed_out >= SLOW_CALLS && now - l->slow_ns >= SLOW_NS)
		link_fail(l, "the last %u calls were not answered in time", l->timed_out);
}

void redis_call_init(struct redis_call *c, redis_reply_fn on_reply)
{
	c->on_reply = on_reply;
	c->link = NULL;
	c->script = NULL;
	c->keep = NULL;
	timer_init(&c->timer, call_on_due);
}

/* ---- replies ------------------------------------------------------------------------------- */

/* Write a kept call: ASKING if needed, and a script by its digest or with its source. */
static void call_put(struct redis_link *l, struct redis_call *c, struct buf *out)
{
	static const char asking[] = "*1\r\n$6\r\nASKING\r\n";
	char head[RESP_HEAD_ROOM];
	if (c->asking) {
		buf_append(out, asking, sizeof(asking) - 1);
		(void)queue_push(&l->queue, NULL, c->timer.due_ns);
	}
	if (c->script) {
		sluice_str prefix = c->whole ? c->script->eval : c->script->evalsha;
		char *end = resp_head(head, c->keep_args + 3);
		buf_append(out, head, (size_t)(end - head));
		buf_append(out, prefix.data, prefix.len);
	}
	buf_append(out, c->keep, c->keep_len);
	c->slot = queue_push(&l->queue, c, c->timer.due_ns);
	worker_at_turn_end(l->worker, &l->at_turn_end);
}

/* Whether a cluster redirects the call, which is not a failure. */
static bool call_is_redirected(const struct redis_link *l, sluice_str error)
{
	return l->conf.on_error &&
		(str_starts(error, STR("MOVED ")) || str_starts(error, STR("ASK ")) ||
			str_starts(error, STR("TRYAGAIN")));
}

void call_on_reply(struct redis_link *l, const sluice_value *v, bool is_error)
{
	struct redis_call *c = queue_pop(&l->queue);
	if (!c)
		return;
	l->timed_out = 0;
	if (is_error && c->script && !c->whole && str_starts(v->s, STR("NOSCRIPT"))) {
		c->whole = true; /* at most once for a call */
		call_put(l, c, &l->stream.out);
		return;
	}
	if (unlikely(is_error && !call_is_redirected(l, v->s)))
		trouble_error(l, v->s);
	else if (unlikely(l->trouble.code[0]) && !is_error)
		trouble_answer(l);
	if (unlikely(l->fitness == LINK_UNFIT) && !is_error) {
		l->fitness = LINK_FIT;
		l->failures = 0;
	}
	if (!is_error || !l->conf.on_error || !l->conf.on_error(l->conf.on_error_ctx, l, c, v->s)) {
		call_end(c, is_error ? SLUICE_ERROR : SLUICE_OK, v);
	}
}

/* ---- sending ------------------------------------------------------------------------------- */

/* The buffer for a command now: the connection's, or that of held commands. NULL: refuse it. */
static struct buf *link_admit(struct redis_link *l)
{
	uint64_t length = queue_length(&l->queue);
	if (l->conf.channel)
		return NULL;
	l->used_ns = worker_now(l->worker);
	redis_link_warm(l);
	if (l->state == REDIS_READY)
		return length < REDIS_IN_FLIGHT_MAX && l->stream.out.len < REDIS_QUEUE_MAX
			? &l->stream.out
			: NULL;
	if (l->state == REDIS_OPENING && !l->is_down)
		return length < REDIS_HELD_MAX && l->held.len < REDIS_QUEUE_MAX ? &l->held : NULL;
	return NULL;
}

static void link_sent(struct redis_link *l, struct redis_call *c, uint64_t timeout_ns)
{
	uint64_t due = worker_now(l->worker) + timeout_ns;
	stat_inc(STAT_REDIS_COMMANDS);
	c->link = l;
	c->whole = c->asking = false;
	c->hops = 0;
	c->slot = queue_push(&l->queue, c, due);
	timer_set(&l->worker->wheel, &c->timer, due);
	worker_at_turn_end(l->worker, &l->at_turn_end);
	if (l->state == REDIS_READY && queue_length(&l->queue) == 1)
		link_watch(l);
}

void call_resend(struct redis_link *to, struct redis_call *c, bool asking)
{
	struct buf *out = link_admit(to);
	if (!out) {
		call_end(c, SLUICE_UNREACHABLE, &call_nothing);
		return;
	}
	bool first = queue_length(&to->queue) == 0;
	stat_inc(STAT_REDIS_COMMANDS);
	c->link = to;
	c->whole = false;
	c->asking = asking;
	call_put(to, c, out);
	if (to->state == REDIS_READY && first)
		link_watch(to);
}

static void call_take_room(struct redis_call *c, size_t room)
{
	c->keep = room <= sizeof(c->keep_room) ? c->keep_room
					       : mem_resize(NULL, room, 1, "bytes of a command");
}

/* Keep the bytes of a command that may have to be sent to another node. */
static void call_keep(struct redis_call *c, const sluice_str *argv, size_t argc)
{
	size_t room = RESP_HEAD_ROOM;
	for (size_t i = 0; i < argc; i++)
		room += resp_bulk_room(argv[i]);
	call_take_room(c, room);
	char *at = resp_head(c->keep, argc);
	for (size_t i = 0; i < argc; i++)
		at = resp_bulk(at, argv[i]);
	c->keep_len = (size_t)(at - c->keep);
}

/* Whether the command changes the state of the connection or blocks it, which all callers share. */
static bool command_is_forbidden(sluice_str name)
{
	static const char *const names[] = { "AUTH", "BLMOVE", "BLMPOP", "BLPOP", "BRPOP",
		"BRPOPLPUSH", "BZMPOP", "BZPOPMAX", "BZPOPMIN", "CLIENT", "DISCARD", "EXEC",
		"HELLO", "MONITOR", "MULTI", "PSUBSCRIBE", "PSYNC", "PUNSUBSCRIBE", "QUIT", "RESET",
		"SELECT", "SHUTDOWN", "SSUBSCRIBE", "SUBSCRIBE", "SUNSUBSCRIBE", "SYNC",
		"UNSUBSCRIBE", "UNWATCH", "WAIT", "WATCH", "XREAD", "XREADGROUP" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (str_ieq(name, str_of(names[i])))
			return true;
	}
	return false;
}

sluice_status redis_send(struct redis_link *l, struct redis_call *c, const sluice_str *argv,
	size_t argc, uint64_t timeout_ns)
{
	check(!c->link, "a call is made while it is under way, in place %llu",
		(unsigned long long)c->slot);
	if (argc == 0 || command_is_forbidden(argv[0]))
		return SLUICE_ERROR;
	struct buf *out = link_admit(l);
	if (!out)
		return SLUICE_UNREACHABLE;
	if (resp_command(out, argv, argc) < 0)
		return SLUICE_ERROR;
	if (l->conf.on_error)
		call_keep(c, argv, argc);
	link_sent(l, c, timeout_ns);
	return SLUICE_OK;
}

sluice_status redis_eval(struct redis_link *l, struct redis_call *c,
	const struct sluice_script *script, sluice_str key, const sluice_str *args, size_t nargs,
	uint64_t timeout_ns)
{
	size_t room = resp_bulk_room(key);
	char head[RESP_HEAD_ROOM];
	check(!c->link, "a call is made while it is under way, in place %llu",
		(unsigned long long)c->slot);
	if (nargs > SCRIPT_ARGS_MAX || key.len > RESP_COMMAND_MAX)
		return SLUICE_ERROR;
	for (size_t i = 0; i < nargs; i++) {
		if (args[i].len >
			RESP_COMMAND_MAX - (room < RESP_COMMAND_MAX ? room : RESP_COMMAND_MAX))
			return SLUICE_ERROR;
		room += resp_bulk_room(args[i]);
	}
	struct buf *out = link_admit(l);
	if (!out)
		return SLUICE_UNREACHABLE;

	call_take_room(c, room);
	char *at = resp_bulk(c->keep, key);
	for (size_t i = 0; i < nargs; i++)
		at = resp_bulk(at, args[i]);
	c->keep_len = (size_t)(at - c->keep);
	c->keep_args = (unsigned)nargs + 1;
	c->script = script;

	char *end = resp_head(head, c->keep_args + 3);
	buf_append(out, head, (size_t)(end - head));
	buf_append(out, script->evalsha.data, script->evalsha.len);
	buf_append(out, c->keep, c->keep_len);
	link_sent(l, c, timeout_ns);
	return SLUICE_OK;
}
