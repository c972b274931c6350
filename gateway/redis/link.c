/* Connections to Redis: opening, losing and watching them, and matching replies to calls. See link.h for the states. */
#include "redis/link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/stat.h"
#include "redis/link_internal.h"
#include "tls/info.h"
#include "tls/transport.h"

#define BACKOFF_FIRST_NS (50 * NS_PER_MS)
#define BACKOFF_MAX_NS (2 * NS_PER_S)
#define OVERDUE_NS (200 * NS_PER_MS)  /* past its deadline: the server hangs */
#define WATCH_NS (50 * NS_PER_MS)     /* the oldest command is another one by now */
#define SETTLED_NS NS_PER_S           /* a connection that lived so long was a good one */
#define READONLY_NS (5 * NS_PER_S)    /* least time between two connections given up for being to a replica */
enum { REASON_TEXT = 256 };

static void link_begin(struct redis_link *l);

/* ---- losing a connection ---------------------------------------------------------------------------------------- */

static void link_drop_stream(struct redis_link *l)
{
	resolve_cancel(&l->resolve);
	if (l->has_stream)
		stream_close(&l->stream);
	l->has_stream = false;
	l->begun = false;
	timer_stop(&l->timer);
	buf_fini(&l->held);
}

static uint64_t link_backoff(unsigned failures)
{
	uint64_t ns = BACKOFF_FIRST_NS << (failures < 8 ? failures - 1 : 7), r;
	if (ns > BACKOFF_MAX_NS)
		ns = BACKOFF_MAX_NS;
	random_bytes(&r, sizeof(r));
	return ns - r % (ns / 2); /* workers and replicas must not come back in step */
}

void link_fail(struct redis_link *l, const char *fmt, ...)
{
	char why[REASON_TEXT];
	va_list ap;
	if (l->state == REDIS_CLOSED || l->state == REDIS_WAITING)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	link_drop_stream(l);
	if (l->is_down) {
		log_debug("redis", "%s: still down: %s", l->name, why);
	} else {
		log_warn("redis", "%s: unreachable: %s; calls fail at once until it answers again", l->name, why);
		l->is_down = true;
		l->down_ns = worker_now(l->worker);
	}
	l->state = REDIS_WAITING;
	l->failures++;
	worker_timer(l->worker, &l->timer, link_backoff(l->failures));
	call_end_all(l);
}

/* The other side ended the connection. One that was good is opened anew at once, without refusing calls meanwhile. */
static void link_ended(struct redis_link *l, const char *why)
{
	if (l->state != REDIS_READY || worker_now(l->worker) - l->ready_ns < SETTLED_NS) {
		link_fail(l, "%s", why);
		return;
	}
	log_info("redis", "%s: connection ended: %s; opening another", l->name, why);
	link_drop_stream(l);
	l->state = REDIS_OPENING;
	worker_at_turn_end(l->worker, &l->at_turn_end);
	call_end_all(l);
}

/* ---- watching it ------------------------------------------------------------------------------------------------ */

/* Nothing is under way: try the connection if it has been so for long. */
static void link_watch_idle(struct redis_link *l, uint64_t now)
{
	static const char ping[] = "*1\r\n$4\r\nPING\r\n";
	uint64_t last = l->used_ns > l->pinged_ns ? l->used_ns : l->pinged_ns;
	if (l->conf.ping_ns == 0)
		return;
	if (now - last >= l->conf.ping_ns) {
		buf_append(&l->stream.out, ping, sizeof(ping) - 1);
		(void)queue_push(&l->queue, NULL, now + l->conf.timeout_ns);
		l->pinged_ns = now;
		worker_at_turn_end(l->worker, &l->at_turn_end);
		worker_timer(l->worker, &l->timer, WATCH_NS);
		return;
	}
	worker_timer(l->worker, &l->timer, last + l->conf.ping_ns - now);
}

void link_watch(struct redis_link *l)
{
	uint64_t now = worker_now(l->worker);
	if (queue_length(&l->queue) == 0) {
		link_watch_idle(l, now);
		return;
	}
	uint64_t due = queue_at(&l->queue, l->queue.head)->due_ns + OVERDUE_NS;
	if (due > now)
		worker_timer(l->worker, &l->timer, due - now < WATCH_NS ? due - now : WATCH_NS);
	else
		link_fail(l, "it does not answer: %llu commands wait", (unsigned long long)queue_length(&l->queue));
}

static void link_on_due(struct timer *t)
{
	struct redis_link *l = container_of(t, struct redis_link, timer);
	switch (l->state) {
	case REDIS_OPENING:
		link_fail(l, "no %s in time", l->steps ? "answer to PING" : l->has_stream ? "connection" : "address");
		break;
	case REDIS_READY:
		link_watch(l);
		break;
	case REDIS_WAITING:
		l->state = REDIS_OPENING;
		link_begin(l);
		break;
	case REDIS_IDLE:
	case REDIS_CLOSED:
		break;
	}
}

/* ---- replies ---------------------------------------------------------------------------------------------------- */

static void link_ready(struct redis_link *l)
{
	uint64_t now = worker_now(l->worker);
	if (l->is_down)
		log_info("redis", "%s: answers again, after %llu ms", l->name,
		         (unsigned long long)((now - l->down_ns) / NS_PER_MS));
	else
		log_debug("redis", "%s: connected", l->name);
	l->state = REDIS_READY;
	l->is_down = false;
	l->failures = l->given_up = 0;
	l->ready_ns = now;
	timer_stop(&l->timer);
	buf_move_all(&l->stream.out, &l->held);
	worker_at_turn_end(l->worker, &l->at_turn_end);
	link_watch(l);
}

/* A reply to AUTH, SELECT or PING. */
static void link_on_login(struct redis_link *l, const sluice_value *v, bool is_error)
{
	if (is_error)
		link_fail(l, "it refused the login: %.*s", STR_ARG(v->s));
	else if (--l->steps == 0 && (l->reader.done != l->reader.fed || l->stream.in.len))
		link_fail(l, "it sent more than was asked for"); /* which must not be taken for replies to what is held */
	else if (l->steps == 0)
		link_ready(l);
}

static void link_on_reply(struct redis_link *l, const sluice_value *v, bool is_error)
{
	if (l->state == REDIS_OPENING) {
		link_on_login(l, v, is_error);
		return;
	}
	if (queue_length(&l->queue) == 0) {
		link_fail(l, "it sent a reply that nobody asked for");
		return;
	}
	bool replica = is_error && str_starts(v->s, STR("READONLY"));
	call_on_reply(l, v, is_error);
	/* the primary moved: its name may lead to the new one by now */
	if (replica && l->state == REDIS_READY && l->conf.url.addr.len == 0 &&
	    worker_now(l->worker) - l->ready_ns > READONLY_NS)
		link_ended(l, "the server is a replica now");
}

static void link_on_readable(struct stream *s)
{
	struct redis_link *l = s->data;
	enum io io = IO_OK;
	while (io == IO_OK) {
		io = stream_fill(s);
		while (s->in.len) {
			const sluice_value *v;
			bool is_error;
			sluice_str bytes = buf_peek(&s->in);
			int n = resp_feed(&l->reader, bytes);
			buf_drain(&s->in, bytes.len);
			while (n == 0 && (n = resp_next(&l->reader, &v, &is_error)) == 1) {
				link_on_reply(l, v, is_error);
				if (s->flags & STREAM_CLOSED)
					return;
				n = 0;
			}
			if (n < 0) {
				link_fail(l, "its replies are broken: %s", l->reader.error);
				return;
			}
		}
	}
	if (io == IO_EOF)
		link_ended(l, "closed by the server");
	else if (io == IO_FAIL)
		link_ended(l, "reset");
}

/* ---- opening a connection --------------------------------------------------------------------------------------- */

static void link_on_open(struct stream *s)
{
	struct redis_link *l = s->data;
	const struct redis_url *u = &l->conf.url;
	stat_inc(STAT_REDIS_CONNECTS);
	char db[16];
	int n = snprintf(db, sizeof(db), "%u", u->db), bad = 0;
	sluice_str auth[] = { STR("AUTH"), u->user.len ? u->user : u->password, u->password };
	sluice_str select[] = { STR("SELECT"), str_n(db, (size_t)n) };
	sluice_str ping[] = { STR("PING") };

	if (u->password.len) {
		bad |= resp_command(&s->out, auth, u->user.len ? 3 : 2);
		l->steps++;
	}
	if (u->db) {
		bad |= resp_command(&s->out, select, 2);
		l->steps++;
	}
	bad |= resp_command(&s->out, ping, 1);
	l->steps++;
	check(bad == 0, "a login of %u commands could not be formatted", l->steps);
	if (l->is_down) /* as quick as a call must be, or it is of no use */
		worker_timer(l->worker, &l->timer, l->conf.timeout_ns);
	stream_kick(s);
}

static void link_on_fail(struct stream *s, int error)
{
	struct redis_link *l = s->data;
	if (l->state == REDIS_OPENING && l->steps == 0 && l->at_addr < l->n_addrs) {
		stream_close(s); /* the next address, when this stream has left the loop's hands */
		l->has_stream = false;
		worker_at_turn_end(l->worker, &l->at_turn_end);
		return;
	}
	char tls[REASON_TEXT];
	const char *why = strerror(error);
	if (error < 0)
		why = tls_error_text(s, tls, sizeof(tls)) ? tls : "TLS failed";
	if (l->state == REDIS_READY)
		link_ended(l, why);
	else
		link_fail(l, "%s", why);
}

static const struct stream_user link_stream = {
	.on_open = link_on_open, .on_readable = link_on_readable, .on_fail = link_on_fail
};

static void link_connect(struct redis_link *l)
{
	int error = -EADDRNOTAVAIL;
	resp_reset(&l->reader);
	l->steps = 0;
	while (l->at_addr < l->n_addrs) {
		const struct transport *t = l->conf.tls ? &transport_tls : &transport_plain;
		void *tls = NULL;
		if (l->conf.tls)
			tls = tls_client_start(l->conf.tls, l->worker->id, l->conf.url.host.data, &l->session);
		error = stream_connect(&l->stream, l->worker, &l->addrs[l->at_addr++], t, tls, &link_stream, l);
		if (error == 0) {
			l->has_stream = true;
			return;
		}
	}
	link_fail(l, "%s", strerror(-error));
}

static void link_on_address(struct resolve_call *r, const struct resolve_answer *a)
{
	struct redis_link *l = container_of(r, struct redis_link, resolve);
	if (a->error) {
		link_fail(l, "%s", a->error);
		return;
	}
	l->n_addrs = a->n;
	l->at_addr = 0;
	memcpy(l->addrs, a->addrs, a->n * sizeof(a->addrs[0]));
	link_connect(l);
}

static void link_begin(struct redis_link *l)
{
	l->begun = true;
	l->steps = 0;
	worker_timer(l->worker, &l->timer, l->conf.connect_timeout_ns);
	if (l->conf.url.addr.len == 0) {
		resolve_start(l->worker, &l->resolve, l->conf.url.host, l->conf.url.port);
		return;
	}
	l->addrs[0] = l->conf.url.addr;
	l->n_addrs = 1;
	l->at_addr = 0;
	link_connect(l);
}

static void link_at_turn_end(struct turn_hook *h)
{
	struct redis_link *l = container_of(h, struct redis_link, at_turn_end);
	if (l->state == REDIS_OPENING && !l->begun) {
		link_begin(l);
	} else if (l->state == REDIS_OPENING && !l->has_stream && !l->resolve.wait) {
		link_connect(l);
	} else if (l->state == REDIS_READY && l->stream.out.len) {
		stat_inc(STAT_REDIS_WRITES);
		stream_kick(&l->stream);
	}
}

/* ---- links ------------------------------------------------------------------------------------------------------ */

struct redis_link *redis_link_new(struct worker *w, const struct redis_conf *conf)
{
	struct redis_link *l = calloc(1, sizeof(*l));
	check(l, "out of memory: a link of %zu bytes", sizeof(*l));
	l->worker = w;
	l->conf = *conf;
	arena_init(&l->mem, 0);
	l->conf.url.user = arena_str(&l->mem, conf->url.user);
	l->conf.url.password = arena_str(&l->mem, conf->url.password);
	l->conf.url.host = arena_str(&l->mem, conf->url.host);
	redis_url_text(&l->conf.url, l->name);
	l->used_ns = worker_now(w);
	turn_hook_init(&l->at_turn_end, link_at_turn_end);
	timer_init(&l->timer, link_on_due);
	resolve_call_init(&l->resolve, link_on_address);
	resp_init(&l->reader);
	queue_init(&l->queue);
	buf_init(&l->held);
	return l;
}

static void link_bury(struct grave *g)
{
	struct redis_link *l = container_of(g, struct redis_link, grave);
	resp_fini(&l->reader);
	queue_fini(&l->queue);
	if (l->conf.url.password.len)
		explicit_bzero((char *)(uintptr_t)l->conf.url.password.data, l->conf.url.password.len);
	arena_fini(&l->mem);
	tls_session_slot_fini(&l->session);
	free(l);
}

void redis_link_free(struct redis_link **link)
{
	struct redis_link *l = *link;
	*link = NULL;
	if (!l)
		return;
	link_drop_stream(l);
	l->state = REDIS_CLOSED;
	timer_drop(&l->timer);
	list_del(&l->at_turn_end.link);
	call_end_all(l);
	worker_bury(l->worker, &l->grave, link_bury);
}

void redis_link_warm(struct redis_link *l)
{
	if (l->state != REDIS_IDLE)
		return;
	l->state = REDIS_OPENING;
	worker_at_turn_end(l->worker, &l->at_turn_end);
}

enum redis_state redis_link_state(const struct redis_link *l)
{
	return l->state;
}

uint64_t redis_link_used_ns(const struct redis_link *l)
{
	return l->used_ns;
}

size_t redis_link_waiting(const struct redis_link *l)
{
	return l->queue.waiting;
}
