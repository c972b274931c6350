/*
 * One direction of a body, from its source to its sink: a request's lane leads from the client to
 * the upstream, a response's the other way. Bytes take one of three ways: direct (the kernel passes
 * on long bodies, by splice), staged through the body hooks of plugins, or as a tunnel.
 *
 * A lane moves exactly when it has no hold. The first hold stops the source, so that TCP stops its
 * sender; when the last is released the source goes on, and offers again what was not taken.
 *
 * Embedded in its exchange, and as thread-bound.
 */
#ifndef PROXY_LANE_H
#define PROXY_LANE_H

#include "http/handler.h"
#include "policy/run.h"

struct exchange;
struct lane;

/* Why a lane stands still: bits. */
enum lane_hold {
	HOLD_SINK = 1u << 0,     /* there is nobody yet who takes the body */
	HOLD_FULL = 1u << 1,     /* the sink has no room */
	HOLD_HOOKS = 1u << 2,    /* hooks on the head have not decided */
	HOLD_STAGES = 1u << 3,   /* a body hook has no room */
	HOLD_UNWANTED = 1u << 4, /* the message is over: nobody wants the rest */
};
enum { LANE_HOLDS = 5, LANE_TEXT = 256 };

/* A way that is not direct. */
struct lane_way {
	const char *name;
	/* The lane has no hold: take what there is room for from data. */
	void (*take)(struct lane *l, struct buf *data);
	/* The source has ended; whether it has holds or not. */
	void (*ended)(struct lane *l);
	/* The sink has room again. */
	void (*drained)(struct lane *l);
	/* There is a sink, which may have been given bytes and be full. */
	void (*connected)(struct lane *l);
};

struct lane {
	struct exchange *x;            /* borrowed: it lies in there */
	const struct lane_way *way;    /* borrowed: a constant; NULL: direct */
	const struct fields *trailers; /* of the source; NULL: none, or not yet */
	uint64_t bytes; /* a request's that came, a response's that went to the client */
	uint8_t side;   /* enum sluice_side */
	uint8_t holds;  /* enum lane_hold */
	bool begun;     /* of a request: a byte was passed on to a server */
	bool ended;     /* the source has ended */
	bool passed;    /* the sink was told the end */
	bool drained;   /* of a tunnel: all that it was told has left */
	/* of each hold there is: the turn it began in, in units of 2^20 ns */
	uint32_t since[LANE_HOLDS];
};

/* l is zeroed. A request's has HOLD_SINK, as its client's codec begins; a response's has none, as
 * its source begins with its head. */
static inline void lane_init(struct lane *l, struct exchange *x, sluice_side side, uint64_t now_ns)
{
	l->x = x;
	l->side = (uint8_t)side;
	l->holds = side == SLUICE_REQUEST ? HOLD_SINK : 0;
	l->since[0] = (uint32_t)(now_ns >> 20);
}

/* Idempotent both; release takes several. */
void lane_hold(struct lane *l, enum lane_hold why);
void lane_release(struct lane *l, unsigned holds);
/* Of hold number i, and of one that l has: for how many ms. */
const char *lane_hold_name(unsigned i);
uint64_t lane_held_ms(const struct lane *l, unsigned i);
/* "request staged, held: full 12 ms, stages 3 ms"; returns its length. */
size_t lane_text(const struct lane *l, char out[LANE_TEXT]);

/* ---- events of the source and the sink ----------------------------------------------------- */

void lane_take(struct lane *l, struct buf *data);
/* As origin_events.on_waiting. */
enum splice lane_splice(struct lane *l, struct stream *from, uint64_t most, uint64_t *n);
/* trailers may be NULL. */
void lane_end(struct lane *l, const struct fields *trailers);
void lane_drained(struct lane *l);

/* ---- for its exchange and for ways --------------------------------------------------------- */

/* Of a request: a server takes it. What was kept goes first. */
void lane_connect(struct lane *l);
/* Its server was lost: it waits for another. */
void lane_disconnect(struct lane *l);
/* The same for another body, from its beginning. Holds stay. */
void lane_reopen(struct lane *l, const struct lane_way *way);
/* Whether somebody takes the body. */
bool lane_has_sink(const struct lane *l);
/* Give the sink all of data. True when it is full: give no more before lane_drained(). */
bool lane_put(struct lane *l, struct buf *data);
/* Tell the sink that this was all. Of a response the exchange does it, who hears on_through. */
void lane_pass_end(struct lane *l, const struct fields *trailers);

#endif
