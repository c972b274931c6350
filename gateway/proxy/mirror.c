/* Copies of requests. See the header. */
#include "proxy/mirror.h"

#include <stdlib.h>

#include "base/mem.h"
#include "proxy/exchange.h"
#include "upstream/fetch_call.h"

enum {
	SHARE_ALL = 10000,
	ANSWER_MAX =
		1 << 20, /* bytes of an answer that are read before its connection is given up */
};

const char *const mirror_results[MIRROR_RESULTS] = { "answered", "failed", "timeout", "too-large",
	"incomplete", "busy" };

struct mirror {
	struct worker *worker;           /* borrowed */
	struct view *view;               /* shared: ref */
	const struct route_mirror *conf; /* borrowed: of the view's snapshot */
	struct list at;                  /* mirror_part.mirrors */
	struct arena arena;              /* owned: the head, and that of the answer */
	struct request_head head;
	struct buf body;   /* owned */
	uint64_t pos;      /* where in the body the try under way is */
	uint64_t answered; /* bytes of the answer's body */
	struct fetch_call call;
	struct timer timer;
	struct grave grave;
};

/* Of a worker. */
struct mirror_part {
	struct list mirrors;
	unsigned n;
};

/* ---- the end ------------------------------------------------------------------------------- */

static void mirror_free(struct grave *g)
{
	struct mirror *m = container_of(g, struct mirror, grave);
	struct view *v = m->view;
	buf_fini(&m->body);
	arena_fini(&m->arena);
	free(m);
	view_unref(v);
}

/* Nothing calls back any more. err: as of upstream_report(). */
static void mirror_hang_up(struct mirror *m, int err)
{
	struct mirror_part *part = m->worker->part[PART_MIRROR];
	timer_drop(&m->timer);
	fetch_call_close(&m->call, err);
	list_del(&m->at);
	part->n--;
}

static void mirror_end(struct mirror *m, enum mirror_result r, int err)
{
	series_add(m->conf->counts[r], 1);
	mirror_hang_up(m, err);
	/* the codec, further up the stack, may still hold its memory */
	worker_bury(m->worker, &m->grave, mirror_free);
}

/* The worker ends, and nobody is up the stack: whatever is under way is not counted. */
static void mirror_end_part(void *arg)
{
	struct mirror_part *part = arg;
	list_each_safe (e, &part->mirrors) {
		struct mirror *m = container_of(e, struct mirror, at);
		mirror_hang_up(m, ERR_SHUTTING_DOWN);
		mirror_free(&m->grave);
	}
	free(part);
}

static struct mirror_part *mirror_part_of(struct worker *w)
{
	struct mirror_part *part = w->part[PART_MIRROR];
	if (!part) {
		part = mem_new(struct mirror_part);
		list_init(&part->mirrors);
		worker_set_part(w, PART_MIRROR, part, mirror_end_part);
	}
	return part;
}

static void mirror_on_due(struct timer *t)
{
	struct mirror *m = container_of(t, struct mirror, timer);
	/* the time of the copy is up, which is not the server's fault */
	mirror_end(m, MIRROR_TIMEOUT, ERR_DEADLINE_EXCEEDED);
}

/* ---- the answer ---------------------------------------------------------------------------- */

static void mirror_on_head(struct origin *o, struct response_head *h)
{
	struct mirror *m = o->user;
	if (h->status >= 200)
		fetch_call_answered(&m->call, h->status);
}

static void mirror_on_body(struct origin *o, struct buf *data)
{
	struct mirror *m = o->user;
	m->answered += data->len;
	buf_drain(data, data->len);
	if (m->answered > ANSWER_MAX)
		mirror_end(m, MIRROR_ANSWERED, 0);
}

static void mirror_on_end(struct origin *o, const struct fields *trailers)
{
	(void)trailers;
	mirror_end(o->user, MIRROR_ANSWERED, 0);
}

static void mirror_on_drained(struct origin *o)
{
	(void)o; /* the copy was sent in one piece */
}

static void mirror_on_fail(struct origin *o, int err)
{
	struct mirror *m = o->user;
	if (!fetch_call_again(&m->call, err))
		mirror_end(m, MIRROR_FAILED, err);
}

static const struct origin_events mirror_events = {
	.on_head = mirror_on_head,
	.on_body = mirror_on_body,
	.on_end = mirror_on_end,
	.on_drained = mirror_on_drained,
	.on_fail = mirror_on_fail,
};

/* ---- sending ------------------------------------------------------------------------------- */

static void mirror_on_ready(struct fetch_call *c)
{
	struct mirror *m = container_of(c, struct mirror, call);
	struct origin *o = c->origin;
	o->ops->head(o, &m->head);
	if (m->body.len) {
		struct buf b; /* the body stays, in case that another server is asked */
		buf_init(&b);
		buf_share(&b, &m->body);
		(void)o->ops->body(o, &b);
	}
	o->ops->end(o, NULL);
}

static void mirror_on_no_server(struct fetch_call *c, int err)
{
	mirror_end(container_of(c, struct mirror, call), MIRROR_FAILED, err);
}

void mirror_send(struct exchange *x)
{
	struct mirror *m = x->mirror;
	struct request_head *h = &m->head;
	x->mirror = NULL;
	if (m->body.len || h->body != BODY_NONE) {
		h->body = BODY_LENGTH;
		h->body_length = m->body.len;
	}
	worker_timer(m->worker, &m->timer, m->conf->timeout_ns);
	fetch_call_open(&m->call, m->worker, m->view->upstreams[m->conf->upstream], h,
		&mirror_events, m, &m->arena);
}

/* ---- gathering ----------------------------------------------------------------------------- */

static void mirror_abandon(struct exchange *x, enum mirror_result r)
{
	struct mirror *m = x->mirror;
	x->mirror = NULL;
	mirror_end(m, r, 0);
}

void mirror_drop(struct exchange *x)
{
	mirror_abandon(x, MIRROR_INCOMPLETE);
}

void mirror_restart(struct exchange *x)
{
	x->mirror->pos = 0;
}

void mirror_take(struct exchange *x, struct buf *data)
{
	struct mirror *m = x->mirror;
	uint64_t end = m->pos + data->len;
	/* a second try may begin with what is there already, as the first gave it or with more */
	uint64_t known = m->body.len > m->pos ? m->body.len - m->pos : 0;
	m->pos = end;
	if (end <= m->body.len)
		return;
	if (end > m->conf->max_body) {
		mirror_abandon(x, MIRROR_TOO_LARGE);
		return;
	}
	if (unlikely(known)) {
		struct buf rest;
		buf_init(&rest);
		buf_share(&rest, data);
		buf_drain(&rest, known);
		buf_move_all(&m->body, &rest);
	} else {
		buf_share(&m->body, data);
	}
}

/* Fields and texts lie in memory of the request, which ends before the copy does. */
static int mirror_take_fields(struct mirror *m, const struct fields *f)
{
	for (uint32_t i = 0; i < f->n; i++) {
		const struct field *from = &f->v[i];
		sluice_str name = arena_str(&m->arena, field_name(from)),
			   value = arena_str(&m->arena, field_value(from));
		if (from->flags & FIELD_DROP)
			continue;
		if (fields_reserve(&m->head.fields, &m->arena))
			return ERR_NO_MEMORY;
		struct field *to = &m->head.fields.v[m->head.fields.n++];
		*to = *from;
		to->name = name.data;
		to->value = value.data;
		to->flags &= (uint16_t)~FIELD_LINE; /* name and value do not lie together */
	}
	return fields_add(&m->head.fields, &m->arena, STR("X-Sluice-Mirror"), STR("1"));
}

static int mirror_take_head(struct mirror *m, const struct request_head *h)
{
	struct arena *a = &m->arena;
	m->head = *h;
	m->head.fields = (struct fields){ 0 };
	sluice_str *const texts[] = { &m->head.method_text, &m->head.target, &m->head.path,
		&m->head.sent_path, &m->head.query, &m->head.authority, &m->head.host };
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		*texts[i] = arena_str(a, *texts[i]);
	m->head.call = false; /* it is whole when it is sent */
	m->head.expect_continue = false;
	int err = mirror_take_fields(m, &h->fields);
	return a->failed ? ERR_NO_MEMORY : err;
}

/* Whether this request is among those of which there is a copy. */
static bool mirror_draws(struct exchange *x, const struct route_mirror *conf)
{
	if (conf->share >= SHARE_ALL)
		return true;
	uint64_t block[2] = { x->proxy->id_next++, x->px.worker->id };
	permute(&x->proxy->ids, block);
	return block[0] % SHARE_ALL < conf->share;
}

void mirror_begin(struct exchange *x)
{
	const struct route_mirror *conf = x->route->mirror;
	struct request_head *h = x->px.request;
	/* the upstream may believe what it says */
	(void)fields_drop(&h->fields, STR("X-Sluice-Mirror"));
	if (h->upgrade || !mirror_draws(x, conf))
		return;
	struct mirror_part *part = mirror_part_of(x->px.worker);
	if (part->n >= conf->max_copies) {
		series_add(conf->counts[MIRROR_BUSY], 1);
		return;
	}
	struct mirror *m = mem_new(struct mirror);
	m->worker = x->px.worker;
	m->view = view_ref(x->view);
	m->conf = conf;
	arena_init(&m->arena, 0);
	buf_init(&m->body);
	fetch_call_init(&m->call, mirror_on_ready, mirror_on_no_server);
	timer_init(&m->timer, mirror_on_due);
	list_push(&part->mirrors, &m->at);
	part->n++;
	x->mirror = m;
	int err = mirror_take_head(m, h);
	m->head.te_trailers |= x->px.te_trailers;
	if (err < 0)
		mirror_abandon(x, MIRROR_FAILED);
	else if (h->body == BODY_LENGTH && h->body_length > conf->max_body &&
		!x->px.stages[SLUICE_REQUEST])
		mirror_abandon(x, MIRROR_TOO_LARGE);
}
