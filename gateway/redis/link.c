/* Connections to Redis: losing and watching them, and matching replies to calls. See link.h for the
 * states. */
#include "redis/link.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stat.h"
#include "redis/link_internal.h"

#define BACKOFF_FIRST_NS (50 * NS_PER_MS)
#define BACKOFF_MAX_NS (2 * NS_PER_S)
/* the same with several hosts: shorter, since another host may have become the primary */
#define BACKOFF_CHOICE_NS (400 * NS_PER_MS)
/* beyond a command's deadline: then the server counts as failed */
#define OVERDUE_NS (200 * NS_PER_MS)
#define WATCH_NS (50 * NS_PER_MS) /* how often to check whether the oldest command is overdue */
#define SETTLED_NS NS_PER_S       /* a connection that lasted this long counts as good */

/* ---- losing a connection ------------------------------------------------------------------- */

void link_drop_stream(struct redis_link *l)
{
	sentinel_cancel(l);
	resolve_cancel(&l->resolve);
	if (l->has_stream)
		stream_close(&l->stream);
	l->has_stream = false;
	l->begun = false;
	l->to = NULL;
	timer_stop(&l->timer);
	channel_lost(l);
}

static uint64_t link_backoff(const struct redis_link *l)
{
	uint64_t ns = BACKOFF_FIRST_NS << (l->failures < 8 ? l->failures - 1 : 7), r;
	uint64_t most = l->wants_primary ? BACKOFF_CHOICE_NS : BACKOFF_MAX_NS;
	if (ns > most)
		ns = most;
	random_bytes(&r, sizeof(r));
	/* random, so that workers and gateways do not all connect at once */
	return ns - r % (ns / 2);
}

static void link_next_host(struct redis_link *l)
{
	sentinel_cancel(l);
	redis_link_free(&l->sentinel);
	l->at_host = (l->at_host + 1) % l->conf.url.n_hosts;
}

static void link_set_down(struct redis_link *l, const char *why)
{
	/* an unfit server's error was logged already */
	if (l->is_down || l->conf.quiet || l->fitness == LINK_UNFIT) {
		log_debug("redis", "%s: still down: %s", l->name, why);
	} else {
		log_warn("redis", "%s: unreachable: %s; calls fail at once until it answers again",
			l->name, why);
		l->down_ns = worker_now(l->worker);
	}
	l->is_down = true;
}

/* "host: " to put before a reason, when there are several hosts; else "". */
static void link_host_prefix(const struct redis_link *l, char *buf, size_t size)
{
	char host[REDIS_HOST_TEXT];
	buf[0] = 0;
	if (l->wants_primary)
		(void)snprintf(buf, size, "%s: ",
			redis_host_text(l->to ? l->to : &l->conf.url.hosts[l->at_host], host));
}

void link_fail(struct redis_link *l, const char *fmt, ...)
{
	char why[LINK_REASON], who[REDIS_HOST_TEXT + 2], text[sizeof(why) + sizeof(who)];
	va_list ap;
	if (l->state == REDIS_CLOSED || l->state == REDIS_WAITING)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	link_host_prefix(l, who, sizeof(who));
	(void)snprintf(text, sizeof(text), "%s%s", who, why);
	link_drop_stream(l);
	link_next_host(l);
	if (l->state == REDIS_OPENING && ++l->tried < l->conf.url.n_hosts) {
		log_debug("redis", "%s: %s", l->name, text);
		worker_at_turn_end(l->worker, &l->at_turn_end);
		return;
	}
	link_set_down(l, text);
	l->state = REDIS_WAITING;
	l->tried = 0;
	l->failures++;
	worker_timer(l->worker, &l->timer, link_backoff(l));
	buf_fini(&l->held);
	call_end_all(l);
}

static bool link_is_settled(const struct redis_link *l)
{
	return l->state == REDIS_READY && worker_now(l->worker) - l->ready_ns >= SETTLED_NS;
}

void link_ended(struct redis_link *l, const char *why)
{
	if (!link_is_settled(l)) {
		link_fail(l, "%s", why);
		return;
	}
	log_info("redis", "%s: connection ended: %s; opening another", l->name, why);
	link_drop_stream(l);
	l->state = REDIS_OPENING;
	l->tried = 0;
	worker_at_turn_end(l->worker, &l->at_turn_end);
	call_end_all(l);
}

/* An attempt timed out. Held calls have waited long enough: end them, even when the link goes on
 * with another host. */
static void link_on_attempt_timeout(struct redis_link *l)
{
	const char *what = l->steps ? "answer to PING"
		: l->has_stream     ? "connection"
		: l->to             ? "address"
				    : "answer of the sentinel";
	if (l->tried + 1 < l->conf.url.n_hosts && !l->is_down) {
		char who[REDIS_HOST_TEXT + 2], why[sizeof(who) + 64];
		link_host_prefix(l, who, sizeof(who));
		(void)snprintf(why, sizeof(why), "%sno %s in time", who, what);
		link_set_down(l, why);
		buf_fini(&l->held);
		call_end_all(l);
	}
	link_fail(l, "no %s in time", what);
}

/* ---- watching it --------------------------------------------------------------------------- */

/* No command is under way: send a PING when the connection has been idle for ping_ns. */
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
		link_fail(l, "it does not answer: %llu commands wait",
			(unsigned long long)queue_length(&l->queue));
}

static void link_on_due(struct timer *t)
{
	struct redis_link *l = container_of(t, struct redis_link, timer);
	switch (l->state) {
	case REDIS_OPENING:
		link_on_attempt_timeout(l);
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

/* ---- replies ------------------------------------------------------------------------------- */

void link_ready(struct redis_link *l)
{
	char host[REDIS_HOST_TEXT];
	uint64_t now = worker_now(l->worker);
	if (l->is_down && l->fitness == LINK_FIT)
		log_info("redis", "%s: answers again, after %llu ms", l->name,
			(unsigned long long)((now - l->down_ns) / NS_PER_MS));
	else
		log_debug("redis", "%s: connected", l->name);
	if (l->wants_primary)
		log_info("redis", "%s: the primary is %s", l->name, redis_host_text(l->to, host));
	l->state = REDIS_READY;
	l->is_down = false;
	l->timed_out = l->tried = 0;
	if (l->fitness == LINK_FIT)
		l->failures = 0;
	l->ready_ns = now;
	timer_stop(&l->timer);
	buf_move_all(&l->stream.out, &l->held);
	worker_at_turn_end(l->worker, &l->at_turn_end);
	link_watch(l);
	if (l->conf.url.kind == REDIS_SENTINEL)
		sentinel_watch(l);
	channel_ready(l);
}

/* The server is a replica now, or is still loading its data. Connect again: to another host, or to
 * the same name or proxy, which may lead to the primary by now. */
static void link_on_unfit(struct redis_link *l)
{
	static const char why[] = "the server is a replica now, or not ready";
	if (l->wants_primary) {
		if (link_is_settled(l)) /* if not, link_ended() counts the attempt as failed */
			link_next_host(l);
	} else {
		l->fitness = LINK_UNFIT;
	}
	link_ended(l, why);
}

static void link_on_reply(struct redis_link *l, const sluice_value *v, bool is_error)
{
	if (l->state == REDIS_OPENING) {
		link_on_login(l, v, is_error);
		return;
	}
	if (l->conf.channel) {
		char text[TROUBLE_TEXT];
		const char *wrong = channel_on_reply(l, v, is_error, text);
		if (wrong)
			link_fail(l, "what it sent is of no use to a follower: %s", wrong);
		return;
	}
	if (queue_length(&l->queue) == 0) {
		link_fail(l, "it sent a reply without a command");
		return;
	}
	bool unfit = is_error && trouble_is_unfit(v->s);
	call_on_reply(l, v, is_error);
	if (unfit && l->state == REDIS_READY)
		link_on_unfit(l);
}

void link_on_readable(struct stream *s)
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
				if (stream_is_closed(s))
					return;
				n = 0;
			}
			if (n < 0) {
				link_fail(l, "its replies are malformed: %s", l->reader.error);
				return;
			}
		}
	}
	if (io == IO_EOF)
		link_ended(l, "closed by the server");
	else if (io == IO_FAIL)
		link_ended(l, "reset");
}

static void link_at_turn_end(struct turn_hook *h)
{
	struct redis_link *l = container_of(h, struct redis_link, at_turn_end);
	if (l->state == REDIS_OPENING && !l->begun) {
		link_begin(l);
	} else if (l->state == REDIS_OPENING && l->to && !l->has_stream && !l->resolve.wait) {
		link_connect(l);
	} else if (l->state == REDIS_READY && l->stream.out.len) {
		stat_inc(STAT_REDIS_WRITES);
		stream_kick(&l->stream);
	}
}

/* ---- links --------------------------------------------------------------------------------- */

struct redis_link *redis_link_new(struct worker *w, const struct redis_conf *conf)
{
	char name[REDIS_URL_TEXT];
	struct redis_link *l = mem_new(struct redis_link);
	l->worker = w;
	l->conf = *conf;
	arena_init(&l->mem, 0);
	redis_url_copy(&l->mem, &conf->url, &l->conf.url);
	l->conf.sentinel_user = arena_str(&l->mem, conf->sentinel_user);
	l->conf.sentinel_password = arena_str(&l->mem, conf->sentinel_password);
	l->wants_primary = conf->url.kind == REDIS_SENTINEL ||
		(conf->url.n_hosts > 1 && !conf->any_role);
	redis_url_text(&l->conf.url, name);
	l->name = arena_str(&l->mem, str_of(name)).data;
	l->used_ns = worker_now(w);
	turn_hook_init(&l->at_turn_end, link_at_turn_end);
	timer_init(&l->timer, link_on_due);
	resolve_call_init(&l->resolve, link_on_address);
	sentinel_init(l);
	resp_init(&l->reader);
	queue_init(&l->queue);
	buf_init(&l->held);
	return l;
}

void redis_conf_wipe(struct redis_conf *c)
{
	redis_url_wipe(&c->url);
	if (c->sentinel_password.len)
		explicit_bzero((char *)(uintptr_t)c->sentinel_password.data,
			c->sentinel_password.len);
}

static void link_bury(struct grave *g)
{
	struct redis_link *l = container_of(g, struct redis_link, grave);
	resp_fini(&l->reader);
	queue_fini(&l->queue);
	redis_conf_wipe(&l->conf);
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
	l->is_subscribed = false; /* the owner knows */
	link_drop_stream(l);
	redis_link_free(&l->sentinel);
	timer_drop(&l->recheck);
	buf_fini(&l->held);
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

size_t redis_link_waiting(const struct redis_link *l)
{
	return l->queue.waiting;
}
