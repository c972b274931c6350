/* Streamed answers. See producer.h. */
#include "policy/producer.h"

#include "policy/blame.h"
#include "policy/edit.h"
#include "policy/guard.h"

enum {
	IDLE_MS = 60 * 1000,
	IDLE_MAX_MS = 600 * 1000,
	/* of the hook in one turn of the loop; then other connections of the worker have a turn */
	TURN_CALLS = 32,
	TURN_BYTES = STREAM_READ_SHARE, /* and no more than so many */
};

enum producer_state { PRODUCER_HELD, PRODUCER_DUE, PRODUCER_CALLED, PRODUCER_DONE };

struct producer {
	sluice_exchange *x;                   /* borrowed: it lies in its arena */
	const struct producer_events *events; /* borrowed: a constant */
	sluice_hook hook;
	struct frame frame; /* of the hook */
	struct buf out;     /* owned: written, and not handed on yet */
	struct fields trailers;
	uint64_t length, written; /* of the body: as it was said, and so far */
	uint64_t idle_ns;         /* the longest time without a byte */
	uint64_t turn_ns;         /* the turn in which the hook was called last */
	uint32_t turn_calls;      /* how often in that turn */
	uint64_t turn_from;       /* written before that turn */
	struct turn_hook soon;    /* calls the hook */
	struct timer later;       /* the same, in another turn */
	struct timer idle;
	uint8_t state; /* enum producer_state; producer_set_state() writes it */
	bool has_length;
	bool is_held;     /* the lane stands still */
	bool has_ended;   /* the plugin has written all */
	bool has_written; /* since the hook or its callback was entered */
	bool has_moved;   /* since the hook was called it has written, waited or ended */
	bool has_spilt;   /* it wrote more than it may, or its memory is spent */
};

static void producer_set_state(struct producer *p, enum producer_state to)
{
	static const uint8_t allowed[] = {
		[PRODUCER_HELD] = 1 << PRODUCER_DUE | 1 << PRODUCER_DONE,
		[PRODUCER_DUE] = 1 << PRODUCER_HELD | 1 << PRODUCER_CALLED | 1 << PRODUCER_DONE,
		[PRODUCER_CALLED] = 1 << PRODUCER_HELD | 1 << PRODUCER_DUE | 1 << PRODUCER_DONE,
		[PRODUCER_DONE] = 0,
	};
	check(allowed[p->state] & 1 << to, "a producer goes from state %u to %u", p->state,
		(unsigned)to);
	p->state = (uint8_t)to;
}

/* ---- the end ------------------------------------------------------------------------------- */

static void producer_unschedule(struct producer *p)
{
	list_del(&p->soon.link);
	timer_drop(&p->later);
}

static void producer_stop(struct producer *p)
{
	producer_unschedule(p);
	timer_drop(&p->idle);
	producer_set_state(p, PRODUCER_DONE);
}

void producer_drop(sluice_exchange *x)
{
	struct producer *p = x->producer;
	if (likely(!p))
		return;
	if (p->state != PRODUCER_DONE)
		producer_stop(p);
	buf_fini(&p->out);
	x->producer = NULL;
}

/* why: NULL: that it has failed is known. */
static void producer_fail(struct producer *p, const char *why)
{
	if (why)
		(void)frame_failed(p->x, &p->frame, why);
	producer_stop(p);
	p->events->on_failed(p->x);
}

static void producer_finish(struct producer *p)
{
	if (p->has_length && p->written != p->length) {
		producer_fail(p, "it ended its answer before the length that it had said");
		return;
	}
	producer_stop(p);
	p->events->on_end(p->x, p->trailers.n ? &p->trailers : NULL);
}

/* ---- calling the hook ---------------------------------------------------------------------- */

static void producer_watch(struct producer *p)
{
	worker_timer(p->x->worker, &p->idle, p->idle_ns);
}

static void producer_schedule(struct producer *p)
{
	struct worker *w = p->x->worker;
	producer_set_state(p, PRODUCER_DUE);
	if (p->turn_ns != worker_now(w)) {
		p->turn_ns = worker_now(w);
		p->turn_calls = 0;
		p->turn_from = p->written;
	}
	if (p->turn_calls++ < TURN_CALLS && p->written - p->turn_from < TURN_BYTES)
		worker_at_turn_end(w, &p->soon);
	else
		worker_timer(w, &p->later, NS_PER_MS);
}

/* Hand on what was written. False: nobody wants more of this producer. */
static bool producer_deliver(struct producer *p)
{
	sluice_exchange *x = p->x;
	if (!p->is_held && p->out.len)
		p->events->on_bytes(x, &p->out);
	return x->producer == p && p->state != PRODUCER_DONE;
}

/* Why the call was a failure; NULL: it was none, or the frame has judged it. */
static const char *producer_wrong(const struct producer *p, enum run_result r)
{
	if (r == RUN_FAIL)
		return NULL;
	if (p->has_spilt)
		return "it wrote more than it may";
	if (r == RUN_NEXT && !p->has_moved)
		return "its write hook neither wrote, nor waited, nor ended the answer";
	return NULL;
}

void producer_left(sluice_exchange *x, enum run_result r)
{
	struct producer *p = x->producer;
	p->has_moved |= p->has_written || p->has_ended || r == RUN_WAIT;
	const char *why = producer_wrong(p, r);
	if (why || r == RUN_FAIL) {
		producer_fail(p, why);
		return;
	}
	if (p->has_written)
		producer_watch(p);
	p->has_written = false;
	if (!producer_deliver(p) || r == RUN_WAIT)
		return;
	if (p->has_ended && !p->out.len)
		producer_finish(p);
	else if (p->is_held)
		producer_set_state(p, PRODUCER_HELD);
	else
		producer_schedule(p);
}

/* The lane moves: hand on what waits here, and ask for more. */
static void producer_run(struct producer *p)
{
	sluice_exchange *x = p->x;
	if (!producer_deliver(p) || p->state != PRODUCER_DUE)
		return;
	if (p->has_ended) {
		producer_finish(p);
		return;
	}
	producer_set_state(p, PRODUCER_CALLED);
	p->has_moved = false;
	p->frame.may_wait = !x->frame;
	run_drop_answer(x); /* it has become the response */
	frame_enter(x, &p->frame);
	producer_left(x, frame_leave(x, p->hook(x, p->frame.item->conf)));
}

static void producer_on_turn(struct turn_hook *h)
{
	producer_run(container_of(h, struct producer, soon));
}

static void producer_on_later(struct timer *t)
{
	producer_run(container_of(t, struct producer, later));
}

/* That a client reads slowly is no fault of the plugin. */
static void producer_on_idle(struct timer *t)
{
	struct producer *p = container_of(t, struct producer, idle);
	if (!p->is_held)
		producer_fail(p, "it wrote nothing of its answer for longer than its idle_ms");
}

/* ---- what the proxy calls ------------------------------------------------------------------ */

struct producer *producer_new(sluice_exchange *x, const sluice_answer_stream *s)
{
	struct producer *p = arena_new(x->arena, struct producer);
	uint64_t idle_ms = s->idle_ms ? s->idle_ms : IDLE_MS;
	if (!p)
		return NULL;
	p->x = x;
	p->hook = s->write;
	p->frame.item = run_item(x);
	p->frame.call = RUN_WRITE;
	p->has_length = s->has_length;
	p->length = s->length;
	p->idle_ns = (idle_ms < IDLE_MAX_MS ? idle_ms : IDLE_MAX_MS) * NS_PER_MS;
	p->is_held = true;
	buf_init(&p->out);
	turn_hook_init(&p->soon, producer_on_turn);
	timer_init(&p->later, producer_on_later);
	timer_init(&p->idle, producer_on_idle);
	return p;
}

bool producer_length(const struct producer *p, uint64_t *out)
{
	if (p->has_length)
		*out = p->length;
	return p->has_length;
}

void producer_take(sluice_exchange *x)
{
	check(!x->producer, "an answer is written in the place of one that is not dropped");
	x->producer = x->answer.producer;
	x->answer.producer = NULL;
}

void producer_start(struct producer *p, const struct producer_events *events)
{
	p->events = events;
}

void producer_hold(struct producer *p)
{
	p->is_held = true;
	if (p->state != PRODUCER_DUE)
		return;
	producer_unschedule(p);
	producer_set_state(p, PRODUCER_HELD);
}

void producer_resume(struct producer *p)
{
	p->is_held = false;
	producer_watch(p);
	if (p->state == PRODUCER_HELD)
		producer_schedule(p);
	else if (p->state == PRODUCER_CALLED && p->out.len)
		/* the hook waits, and what it wrote before waited for the lane */
		worker_at_turn_end(p->x->worker, &p->soon);
}

/* ---- services ------------------------------------------------------------------------------ */

/* The producer whose hook calls; NULL, with a line in the log: the call is refused. */
static struct producer *producer_of_caller(const sluice_exchange *x, const char *service)
{
	if (!guard_hook(x, service))
		return NULL;
	if (x->frame->call != RUN_WRITE) {
		(void)guard_refuse(service, "it is for the write hook of a streamed answer");
		return NULL;
	}
	if (x->producer->has_ended) {
		(void)guard_refuse(service, "the answer has been ended");
		return NULL;
	}
	return x->producer;
}

/* Why so many bytes more are refused; NULL: they are not. */
static const char *producer_refuses(const struct producer *p, size_t n)
{
	if (p->has_length && n > p->length - p->written)
		return "the answer would be longer than it had said";
	if (n > PRODUCER_HIGH + PRODUCER_MORE || p->out.len > PRODUCER_HIGH + PRODUCER_MORE - n)
		return "more than 1 MiB was written after it had said that there is no room";
	return NULL;
}

bool producer_write(sluice_exchange *x, sluice_str bytes)
{
	static const char service[] = "sluice_answer_write()";
	struct producer *p = producer_of_caller(x, service);
	if (!p || (bytes.len && !guard_given(bytes.data, service, "the bytes are NULL")))
		return false;
	const char *why = producer_refuses(p, bytes.len);
	if (why) {
		p->has_spilt = true;
		return guard_refuse(service, why);
	}
	buf_append(&p->out, bytes.data, bytes.len);
	p->written += bytes.len;
	p->has_written |= bytes.len > 0;
	return !p->is_held && p->out.len < PRODUCER_HIGH;
}

static void producer_take_trailer(struct producer *p, const sluice_pair *f)
{
	struct arena *a = p->x->arena;
	const char *why =
		edit_refused(SLUICE_RESPONSE_TRAILERS, SLUICE_FIELD_ADD, f->name, f->value);
	if (why) {
		blame_caller(BLAME_CHANGE, "trailer %.*s of the answer %s, and is left out",
			STR_ARG(f->name), why);
		return;
	}
	sluice_str name = arena_str(a, f->name), value = arena_str(a, f->value);
	if (!name.data || !value.data || fields_add(&p->trailers, a, name, str_trim(value)) < 0)
		p->has_spilt = true;
}

bool producer_end(sluice_exchange *x, const sluice_pairs *trailers)
{
	struct producer *p = producer_of_caller(x, "sluice_answer_end()");
	if (!p)
		return false;
	for (size_t i = 0; trailers && i < trailers->n; i++)
		producer_take_trailer(p, &trailers->v[i]);
	p->has_ended = true;
	return true;
}
