/* Lanes, and the direct way. See lane.h. */
#include "proxy/lane.h"

#include <stdio.h>

#include "policy/producer.h"
#include "proxy/exchange.h"
#include "proxy/fields.h"
#include "proxy/mirror.h"
#include "proxy/retry.h"

static const char *const held[] = { "request held:", "response held:" };
static const char *const moves[] = { "request moves", "response moves" };
static const char *const hold_names[LANE_HOLDS] = { "sink", "full", "hooks", "stages", "unwanted" };

/* ---- source and sink ----------------------------------------------------------------------- */

/* Whether the source may still say something. */
static bool lane_has_source(const struct lane *l)
{
	if (l->ended)
		return false;
	if (l->side == SLUICE_REQUEST)
		return !l->x->gone;
	return l->x->origin || l->x->px.producer;
}

static void lane_stop_source(struct lane *l)
{
	struct client *c = l->x->px.client;
	struct origin *o = l->x->origin;
	if (l->side == SLUICE_REQUEST)
		c->ops->hold(c);
	else if (likely(o))
		o->ops->hold(o);
	else
		producer_hold(l->x->px.producer);
}

static void lane_start_source(struct lane *l)
{
	struct client *c = l->x->px.client;
	struct origin *o = l->x->origin;
	if (l->side == SLUICE_REQUEST)
		c->ops->resume(c);
	else if (likely(o))
		o->ops->resume(o);
	else
		producer_resume(l->x->px.producer);
}

bool lane_has_sink(const struct lane *l)
{
	return l->side == SLUICE_RESPONSE || l->x->origin;
}

/* It goes to its first server: to be sent again, it may have to be kept. */
static void lane_keep(struct lane *l, struct buf *data)
{
	struct retry *r = l->x->retry;
	if (r->kept && data->len)
		kept_add(&r->kept, data);
}

static inline bool lane_give(struct lane *l, struct buf *data)
{
	struct exchange *x = l->x;
	if (l->side == SLUICE_RESPONSE) {
		l->bytes += data->len;
		/* a client that is gone will never tell that it has room */
		return x->px.client->ops->body(x->px.client, data) && !x->gone;
	}
	if (unlikely(x->retry))
		lane_keep(l, data);
	l->begun |= data->len > 0;
	if (unlikely(x->mirror))
		mirror_take(x, data);
	return x->origin->ops->body(x->origin, data);
}

bool lane_put(struct lane *l, struct buf *data)
{
	return lane_give(l, data);
}

/* The copy is whole as well. */
__attribute__((noinline)) static void lane_pass_both_ends(struct exchange *x,
	const struct fields *trailers)
{
	struct origin *o = x->origin;
	mirror_send(x);
	o->ops->end(o, trailers);
}

void lane_pass_end(struct lane *l, const struct fields *trailers)
{
	struct exchange *x = l->x;
	l->passed = true;
	l->trailers = trailers;
	if (l->side == SLUICE_RESPONSE)
		x->events->on_through(l);
	else if (unlikely(x->mirror))
		lane_pass_both_ends(x, trailers);
	else
		x->origin->ops->end(x->origin, trailers);
}

/* ---- holds --------------------------------------------------------------------------------- */

/* In units of 2^20 ns, about a millisecond: a lane of a long body is held often. */
static inline uint32_t lane_now(const struct lane *l)
{
	return (uint32_t)(worker_now(l->x->px.worker) >> 20);
}

void lane_hold(struct lane *l, enum lane_hold why)
{
	unsigned i = (unsigned)__builtin_ctz(why), had = l->holds;
	if (had & why)
		return;
	l->holds = (uint8_t)(had | why);
	l->since[i] = lane_now(l);
	if (!lane_has_source(l))
		return;
	if (unlikely(l->x->px.timeline))
		timeline_add(l->x->px.timeline, held[l->side], str_of(hold_names[i]), 0);
	if (!had)
		lane_stop_source(l);
}

void lane_release(struct lane *l, unsigned holds)
{
	if (!(l->holds & holds))
		return;
	l->holds &= (uint8_t)~holds;
	if (l->holds || !lane_has_source(l))
		return;
	if (unlikely(l->x->px.timeline))
		timeline_add(l->x->px.timeline, moves[l->side], STR_NONE, 0);
	lane_start_source(l);
}

const char *lane_hold_name(unsigned i)
{
	return hold_names[i];
}

uint64_t lane_held_ms(const struct lane *l, unsigned i)
{
	return ((uint64_t)(lane_now(l) - l->since[i]) << 20) / NS_PER_MS;
}

size_t lane_text(const struct lane *l, char out[LANE_TEXT])
{
	const char *doing = l->ended ? "ended" : l->holds ? "held:" : "moves";
	int n = snprintf(out, LANE_TEXT, "%s %s, %s",
		l->side == SLUICE_REQUEST ? "request" : "response",
		l->way ? l->way->name : "direct", doing);
	for (unsigned i = 0; !l->ended && i < LANE_HOLDS; i++) {
		if (l->holds & 1u << i)
			n += snprintf(out + n, LANE_TEXT - (size_t)n, " %s %u ms", hold_names[i],
				(unsigned)lane_held_ms(l, i));
	}
	return (size_t)n;
}

/* ---- from beginning to end ----------------------------------------------------------------- */

void lane_reopen(struct lane *l, const struct lane_way *way)
{
	l->way = way;
	l->ended = l->passed = l->drained = false;
	l->trailers = NULL;
}

static void lane_connect_direct(struct lane *l)
{
	if (l->ended)
		lane_pass_end(l, l->trailers ? fields_request_trailers(l->x, l->trailers) : NULL);
}

/* What another server had goes as it is; else these are the first bytes. */
static bool lane_put_kept(struct lane *l)
{
	struct origin *o = l->x->origin;
	if (!l->begun)
		return lane_give(l, &l->x->kept);
	if (unlikely(l->x->mirror))
		mirror_take(l->x, &l->x->kept);
	return o->ops->body(o, &l->x->kept);
}

void lane_connect(struct lane *l)
{
	l->passed = false; /* another server may have had it */
	if (unlikely(l->x->mirror))
		mirror_restart(l->x);
	if (l->x->kept.len && lane_put_kept(l))
		lane_hold(l, HOLD_FULL);
	if (unlikely(l->way))
		l->way->connected(l);
	else
		lane_connect_direct(l);
	if (l->x->origin) /* a body hook may have failed */
		lane_release(l, HOLD_SINK);
}

void lane_disconnect(struct lane *l)
{
	lane_hold(l, HOLD_SINK);
	lane_release(l, HOLD_FULL);
}

/* ---- events -------------------------------------------------------------------------------- */

void lane_take(struct lane *l, struct buf *data)
{
	if (unlikely(l->holds))
		return; /* it is offered again */
	if (unlikely(l->way)) {
		l->way->take(l, data);
		return;
	}
	if (!lane_has_sink(l)) { /* answered without it */
		buf_drain(data, data->len);
		return;
	}
	if (lane_give(l, data))
		lane_hold(l, HOLD_FULL);
}

enum splice lane_splice(struct lane *l, struct stream *from, uint64_t most, uint64_t *n)
{
	struct client *c = l->x->px.client;
	if (l->holds || l->way || !c->ops->splice)
		return SPLICE_UNABLE;
	enum splice r = c->ops->splice(c, from, most, n);
	if (r != SPLICE_UNABLE)
		l->bytes += *n;
	if (r == SPLICE_FULL)
		lane_hold(l, HOLD_FULL);
	return r;
}

static void lane_end_direct(struct lane *l)
{
	if (l->side == SLUICE_RESPONSE && !(l->holds & HOLD_HOOKS))
		lane_pass_end(l, l->trailers);
	else if (l->side == SLUICE_REQUEST && l->x->origin)
		lane_pass_end(l, fields_request_trailers(l->x, l->trailers));
}

void lane_end(struct lane *l, const struct fields *trailers)
{
	l->ended = true;
	l->trailers = trailers;
	if (unlikely(l->way))
		l->way->ended(l);
	else
		lane_end_direct(l);
}

void lane_drained(struct lane *l)
{
	if (unlikely(l->way))
		l->way->drained(l);
	else
		lane_release(l, HOLD_FULL);
}
