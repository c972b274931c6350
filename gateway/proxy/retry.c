/* What may be tried again. See retry.h. */
#include "proxy/retry.h"

#include <stdio.h>

enum {
	DRAIN_MOST = 16 << 10, /* bytes of a response that are read to keep its connection */
	STATUS_TEXT = 4,
};

/* A response that nobody gets. */
struct drain {
	struct drain *next;
	struct origin *origin; /* borrowed: until released; NULL: it is */
	size_t left;           /* bytes that may still come */
};

/* ---- beginning and end --------------------------------------------------------------------- */

static bool rules_look_at_tries(const struct retry_rules *r)
{
	uint64_t statuses = 0;
	for (unsigned i = 0; i < RETRY_STATUS_WORDS; i++)
		statuses |= r->statuses[i];
	return r->tries > 1 &&
		(r->on & (RETRY_ON_RESET | RETRY_ON_TIMEOUT) || statuses || r->codes);
}

/* Nothing is done twice by a safe method (RFC 9110 9.2.1); of calls the file has to say that it
 * does not matter. */
static bool retry_hedges(const struct retry_rules *r, const struct exchange *x)
{
	enum method m = (enum method)x->px.request->method;
	bool is_safe = m == METHOD_GET || m == METHOD_HEAD || m == METHOD_OPTIONS;
	return r->hedges && !x->px.request->upgrade && (is_safe || (r->hedges_calls && x->is_call));
}

/* Whether the body may be short enough to be kept. */
static bool retry_keeps_body(const struct retry *r)
{
	const struct exchange *x = r->x;
	const struct request_head *h = x->px.request;
	if ((!r->repeats && !r->hedges) || r->rules->max_body == 0)
		return false;
	if (x->to_upstream.ended && x->kept.len == 0 && !x->px.stages[SLUICE_REQUEST])
		return false; /* it has none */
	return h->body != BODY_LENGTH || h->body_length <= r->rules->max_body;
}

int retry_begin(struct exchange *x, const struct retry_rules *rules,
	void (*on_late)(struct timer *t), void (*on_slow)(struct timer *t))
{
	struct retry *r = arena_new(x->px.arena, struct retry);
	if (!r)
		return ERR_NO_MEMORY;
	r->x = x;
	r->rules = rules;
	r->repeats = rules_look_at_tries(rules) && retry_takes_method(rules, x->px.request);
	r->hedges = retry_hedges(rules, x);
	timer_init(&r->timer, on_late);
	timer_init(&r->hedge_timer, on_slow);
	if (retry_keeps_body(r))
		r->kept = kept_new(rules->max_body);
	upstream_go_by(&x->call, x->view->upstreams[x->px.upstream], rules);
	x->retry = r;
	return 0;
}

void retry_stop_timers(struct retry *r)
{
	timer_stop(&r->timer);
	timer_stop(&r->hedge_timer);
}

static void drain_end(struct drain *d)
{
	struct origin *o = d->origin;
	d->origin = NULL;
	if (o)
		o->ops->release(o);
}

void retry_fini(struct retry *r)
{
	timer_drop(&r->timer);
	timer_drop(&r->hedge_timer);
	for (struct drain *d = r->drains; d; d = d->next)
		drain_end(d);
	kept_drop(&r->kept);
}

/* ---- what may be repeated ------------------------------------------------------------------ */

bool retry_may_repeat(const struct retry *r, const struct origin *o, int err)
{
	/* a server that was lost within its head has told the client nothing */
	if (o->headed)
		return false;
	if (!o->sent || o->not_processed)
		return true;
	unsigned on = upstream_is_lost(err)   ? RETRY_ON_RESET
		: err == ERR_UPSTREAM_TIMEOUT ? RETRY_ON_TIMEOUT
					      : 0;
	return r->repeats && r->rules->on & on;
}

/* Whether the server asks for more patience than there is. A date is taken for that. */
static bool retry_is_put_off(const struct retry *r, const struct response_head *h)
{
	const struct field *f = h->status == 503 || h->status == 429
		? fields_find(&h->fields, TOKEN_RETRY_AFTER)
		: NULL;
	uint64_t seconds;
	if (!f || r->rules->within_ns == TIMER_NEVER)
		return false;
	return !str_u64(field_value(f), &seconds) || seconds > r->rules->within_ns / NS_PER_S;
}

static const char *retry_unwanted_code(const struct retry *r, const struct response_head *h)
{
	const struct field *f = r->rules->codes && r->x->is_call
		? fields_find_name(&h->fields, STR("grpc-status"))
		: NULL;
	int code = f ? grpc_status_parse(field_value(f)) : -1;
	if (code < 0 || code >= GRPC_CODES || !(r->rules->codes >> code & 1))
		return NULL;
	return grpc_code_name((unsigned)code);
}

const char *retry_unwanted(const struct retry *r, const struct response_head *h)
{
	if (!r->repeats || retry_is_put_off(r, h))
		return NULL;
	if (!retry_wants_status(r->rules, h->status))
		return retry_unwanted_code(r, h);
	char *text = arena_spare(r->x->px.arena, STATUS_TEXT);
	if (!text)
		return "status";
	(void)snprintf(text, STATUS_TEXT, "%u", h->status % 1000u);
	return text;
}

void retry_note_stop(struct retry *r)
{
	sluice_exchange *px = &r->x->px;
	const char *code = r->x->call.stop == UPSTREAM_OUT_OF_BUDGET ? "retry-budget"
		: r->x->call.stop == UPSTREAM_OUT_OF_TIME            ? "retry-time"
								     : NULL;
	if (!code)
		return;
	timeline_add(px->timeline, "no further try:", str_of(code), 0);
	if (px->n_notes < RUN_NOTES)
		px->notes[px->n_notes++] = (struct run_note){ .code = code };
}

/* ---- responses that nobody gets ------------------------------------------------------------ */

static void drain_on_head(struct origin *o, struct response_head *h)
{
	(void)o, (void)h;
}

static void drain_on_body(struct origin *o, struct buf *data)
{
	struct drain *d = o->user;
	size_t n = data->len;
	buf_drain(data, n);
	if (n > d->left)
		drain_end(d);
	else
		d->left -= n;
}

static enum splice drain_on_waiting(struct origin *o, struct stream *from, uint64_t most,
	uint64_t *n)
{
	(void)o, (void)from, (void)most;
	*n = 0;
	return SPLICE_UNABLE;
}

static void drain_on_end(struct origin *o, const struct fields *trailers)
{
	(void)trailers;
	drain_end(o->user);
}

static void drain_on_drained(struct origin *o)
{
	(void)o;
}

static void drain_on_fail(struct origin *o, int err)
{
	(void)err;
	drain_end(o->user);
}

static const struct origin_events drain_events = {
	.on_head = drain_on_head,
	.on_body = drain_on_body,
	.on_waiting = drain_on_waiting,
	.on_end = drain_on_end,
	.on_drained = drain_on_drained,
	.on_fail = drain_on_fail,
};

void retry_discard(struct retry *r, struct origin *o, const struct response_head *h)
{
	bool is_short = h->body == BODY_NONE || h->body == BODY_CHUNKED ||
		(h->body == BODY_LENGTH && h->body_length <= DRAIN_MOST);
	/* a connection that has not taken the whole request cannot be kept */
	struct drain *d = is_short && r->x->to_upstream.passed
		? arena_spare(r->x->px.arena, sizeof(*d))
		: NULL;
	if (!d) {
		o->ops->release(o);
		return;
	}
	*d = (struct drain){ .next = r->drains, .origin = o, .left = DRAIN_MOST };
	r->drains = d;
	o->events = &drain_events;
	o->user = d;
}
