/*
 * events: server-sent events. A GET hears of each line that is posted from then on, or behind the
 * event that Last-Event-ID names. Shows an answer that is written piece by piece, and tickets.
 */
#include <sluice/plugin.h>
#include <sluice/str.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

enum { LINE_MAX_BYTES = 4096, KEPT = 64, HEARTBEAT_MS = 15 * 1000 };

struct event {
	char text[LINE_MAX_BYTES + 64];
	size_t len;
};

/* One that listens: in the memory of its exchange, and on the list as long as that lives. */
struct reader {
	LIST_ENTRY(reader) link;
	struct channel *channel; /* NULL: it has left */
	sluice_ticket ticket;
	uint64_t seen; /* the last event that it was sent */
	uint64_t until_ns;
};

struct channel {
	pthread_mutex_t lock;
	struct event kept[KEPT]; /* event n is at n % KEPT */
	uint64_t newest;         /* from 1; 0: there was none */
	LIST_HEAD(, reader) readers;
};

struct events {
	uint64_t lifetime; /* ms */
	struct channel *channel;
};

static const sluice_option options[] = {
	SLUICE_OPTION(SLUICE_T_DURATION, struct events, lifetime, .def = "10m",
		.doc = "when to end a stream; a browser then asks for the rest"),
	SLUICE_OPTIONS_END,
};

static void reader_leave(void *arg)
{
	struct reader *r = arg;
	pthread_mutex_lock(&r->channel->lock);
	LIST_REMOVE(r, link);
	pthread_mutex_unlock(&r->channel->lock);
	r->channel = NULL;
}

static sluice_verdict events_woken(sluice_exchange *x, const void *conf, sluice_status st)
{
	(void)conf;
	if (st == SLUICE_TIMEOUT)
		(void)sluice_answer_write(x, SLUICE_STR(": nothing new\n\n"));
	return SLUICE_NEXT; /* events_write() comes next, when there is room */
}

/* A reader that is too slow misses what is no longer kept. */
static sluice_verdict events_write(sluice_exchange *x, const void *conf)
{
	struct channel *c = ((const struct events *)conf)->channel;
	struct reader *r = sluice_state(x, sizeof(*r));
	sluice_verdict v = SLUICE_NEXT;
	if (sluice_now_ns() > r->until_ns)
		return sluice_answer_end(x, NULL) ? SLUICE_NEXT : SLUICE_FAIL;
	pthread_mutex_lock(&c->lock);
	if (r->seen > c->newest || c->newest - r->seen > KEPT)
		r->seen = c->newest > KEPT ? c->newest - KEPT : 0;
	if (r->seen == c->newest)
		v = sluice_park(x, HEARTBEAT_MS, &r->ticket, events_woken);
	for (bool room = true; room && r->seen < c->newest;) {
		const struct event *e = &c->kept[++r->seen % KEPT];
		room = sluice_answer_write(x, sluice_str_n(e->text, e->len));
	}
	pthread_mutex_unlock(&c->lock);
	return v;
}

static sluice_verdict events_listen(sluice_exchange *x, const struct events *p)
{
	static const sluice_pair no_store = { SLUICE_STR("Cache-Control"), SLUICE_STR("no-store") };
	const sluice_answer_stream s = { .size = sizeof(s),
		.status = 200,
		.headers = { &no_store, 1 },
		.content_type = SLUICE_STR("text/event-stream"),
		.write = events_write };
	struct channel *c = p->channel;
	struct reader *r = sluice_state(x, sizeof(*r));
	if (!r)
		return SLUICE_FAIL;
	*r = (struct reader){ .channel = c, .until_ns = sluice_now_ns() + p->lifetime * 1000000 };
	pthread_mutex_lock(&c->lock);
	if (!sluice_str_u64(sluice_field(x, SLUICE_REQUEST, SLUICE_STR("Last-Event-ID")), &r->seen))
		r->seen = c->newest;
	LIST_INSERT_HEAD(&c->readers, r, link);
	pthread_mutex_unlock(&c->lock);
	sluice_cleanup(x, reader_leave, r); /* at once, where there is no memory for it */
	return r->channel ? sluice_answer_begin(x, &s) : SLUICE_FAIL;
}

static sluice_verdict events_tell(sluice_exchange *x, const void *conf, sluice_str line, bool end)
{
	struct channel *c = ((const struct events *)conf)->channel;
	(void)end;
	if (!line.len || memchr(line.data, '\n', line.len) || memchr(line.data, '\r', line.len))
		return sluice_refuse(x, 400, "event-malformed", "An event is one line of text.");
	pthread_mutex_lock(&c->lock);
	struct event *e = &c->kept[++c->newest % KEPT];
	e->len = (size_t)snprintf(e->text, sizeof(e->text), "id: %llu\ndata: %.*s\n\n",
		(unsigned long long)c->newest, (int)line.len, line.data);
	for (struct reader *r = c->readers.lh_first; r; r = r->link.le_next)
		if (r->ticket.generation)
			(void)sluice_resume(r->ticket); /* else it looks before it waits */
	pthread_mutex_unlock(&c->lock);
	return sluice_reply(x, 202, SLUICE_STR("text/plain"), SLUICE_STR("told\n"));
}

static sluice_verdict events_on_request(sluice_exchange *x, const void *conf)
{
	const sluice_body_plan plan = { .size = sizeof(plan),
		.mode = SLUICE_BODY_BUFFER,
		.max = LINE_MAX_BYTES };
	bool tells = sluice_str_is(sluice_get(x, SLUICE_I_METHOD), "POST");
	return tells ? sluice_body_wait(x, &plan, events_tell) : events_listen(x, conf);
}

static int events_start(sluice_instance *inst, void *conf)
{
	struct channel *c = calloc(1, sizeof(*c));
	(void)inst;
	((struct events *)conf)->channel = c;
	return c ? pthread_mutex_init(&c->lock, NULL) : -1;
}

static void events_stop(sluice_instance *inst, void *conf)
{
	(void)inst;
	free(((struct events *)conf)->channel);
}

SLUICE_PLUGIN("events", .version = "1.0", .summary = "a stream of server-sent events",
	.options = options, .conf_size = sizeof(struct events), .start = events_start,
	.stop = events_stop, .on_request = events_on_request);
