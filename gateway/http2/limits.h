/*
 * What a client may ask of one HTTP/2 connection. Frames that cost the gateway something and move
 * no request forward are paid for from budgets that fill up with time and with useful work; whoever
 * spends more is sent away with ENHANCE_YOUR_CALM. A meter sees every frame header before the
 * library does, so that nothing goes by unnoticed, whatever the library does with it. No I/O.
 * Worker's thread only.
 */
#ifndef HTTP2_LIMITS_H
#define HTTP2_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "http2/server.h"

enum {
	/* requests in progress at a time: SETTINGS_MAX_CONCURRENT_STREAMS */
	HTTP2_STREAMS_MAX = 128,
	HTTP2_STREAM_WINDOW = 128 * 1024,  /* bytes of one request body that may wait here */
	HTTP2_CONNECTION_WINDOW = 2 << 20, /* bytes of all of them together */
	/* bytes that the heads of all requests of a connection take; twice the memory of one */
	HTTP2_HEADS_MAX = 1 << 20,
	/* request, where that is more */
	HTTP2_ARENAS_FACTOR = 4,           /* and how much more all that they need may take */
	HTTP2_ARENA_MIN = 4 * ARENA_BLOCK, /* bytes without which no request begins */
	/* bytes of one body that wait for the peer: the writer stops */
	HTTP2_SEND_HIGH = 64 * 1024,
	HTTP2_SEND_LOW = 16 * 1024,   /* and goes on */
	HTTP2_TRAILER_MAX = 8 * 1024, /* bytes of a trailer section */
	HTTP2_TRAILER_FIELDS = 64,
	/* bytes a header block may have on the wire beyond the largest head */
	HTTP2_BLOCK_SLACK = 16 * 1024,
	/* CONTINUATION frames of one header block, and one more for every 8 KiB of the */
	HTTP2_CONTINUATIONS_MIN = 8,
	HTTP2_CONTINUATION_BYTES = 8 * 1024, /* largest head */
	HTTP2_RESET_BURST = 512,             /* requests that a client makes us drop, at once */
	HTTP2_RESETS_PER_S = 32,             /* and for ever */
	/* price of frames that are no work, at once; the prices are in limits.c */
	HTTP2_CONTROL_BURST = 4096,
	HTTP2_CONTROL_PER_S = 512, /* and for ever */
	HTTP2_REQUEST_CREDIT = 8,  /* what a request brings in */
	/* and a DATA frame of a response, for PINGs that measure the way; */
	HTTP2_DATA_CREDIT = 6,
	HTTP2_DATA_CREDIT_SHIFT = 11, /* and every 2 KiB of it, for WINDOW_UPDATEs */
	/* but not when it holds so few bytes for want of a window */
	HTTP2_DRIBBLE_MAX = 256,
	HTTP2_ACKS_MAX = 64, /* answers to SETTINGS and PING that wait to be sent */
	HTTP2_QUEUE_MAX = 8 * HTTP2_STREAMS_MAX, /* frames other than DATA that wait to be sent */
	HTTP2_SETTINGS_MAX = 32,                 /* entries of one SETTINGS frame */
	/* seconds without a request after which a connection's memory is put away */
	HTTP2_REST_S = 1,
};

enum { HTTP2_FRAME_HEAD = 9 };

/* RFC 9113 6 and RFC 9218 7.1. */
enum frame_type {
	FRAME_DATA = 0,
	FRAME_HEADERS = 1,
	FRAME_PRIORITY = 2,
	FRAME_RST_STREAM = 3,
	FRAME_SETTINGS = 4,
	FRAME_PUSH_PROMISE = 5,
	FRAME_PING = 6,
	FRAME_GOAWAY = 7,
	FRAME_WINDOW_UPDATE = 8,
	FRAME_CONTINUATION = 9,
	FRAME_PRIORITY_UPDATE = 16,
};
enum frame_flag { FRAME_END_STREAM = 1, FRAME_ACK = 1, FRAME_END_HEADERS = 4 };

struct frame_head {
	uint32_t length;
	uint32_t stream;
	uint8_t type, flags;
};

/* So many at once, so many a second for ever. Only the moment is kept at which it is full again. */
struct budget {
	uint64_t full_ns;
};

struct budget_rule {
	uint32_t burst, per_s;
};

/* Spend n: false when there is less. */
bool budget_spend(struct budget *b, const struct budget_rule *r, uint64_t now_ns, uint32_t n);
/* Put n back, never above the burst. */
void budget_earn(struct budget *b, const struct budget_rule *r, uint32_t n);

/* What there was too much of. */
enum flood {
	FLOOD_FRAMES, /* that are no work */
	FLOOD_RESETS, /* of requests */
	FLOOD_BLOCK,  /* a header block: its bytes, or its CONTINUATION frames */
	/* to SETTINGS and PING that the client does not read; other limits of the library too */
	FLOOD_ANSWERS,
	FLOODS,
};

struct meter {
	struct budget control, resets;
	uint32_t block_max;     /* bytes of a header block on the wire */
	uint32_t block;         /* so far; 0: none is open */
	uint32_t continuations; /* so far */
	uint32_t continuations_max;
	uint32_t left; /* bytes of the frame that are still to come */
	uint8_t preface_left;
	uint8_t have; /* bytes of head */
	uint8_t head[HTTP2_FRAME_HEAD];
	bool block_open; /* HEADERS began, END_HEADERS was not seen yet */
	bool block_last; /* the frame that is coming in ends it */
	uint8_t flood;   /* enum flood, once something was one too many */
};

/* max_head: bytes of the largest head. */
void meter_init(struct meter *m, uint32_t max_head);
/* How many of the n bytes at p (n > 0) belong to the frame that is coming in: never beyond its end.
 * *begun: its header is complete with them, for the first time, and lies in *f. */
size_t meter_cut(struct meter *m, const char *p, size_t n, struct frame_head *f, bool *begun);
/* A frame began. False: it is one too many. */
bool meter_frame(struct meter *m, const struct frame_head *f, uint64_t now_ns);
/* The client made us drop a request, or we dropped one because of what it sent. False: one too
 * many. */
bool meter_reset(struct meter *m, uint64_t now_ns);
/* Useful work was done: a request began; a frame of a response was sent, and more of it could have
 * been. */
void meter_request(struct meter *m);
void meter_sent(struct meter *m, uint32_t bytes, bool more);

#endif
