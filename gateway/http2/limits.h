/*
 * Limits of one HTTP/2 connection. Frames that cost the gateway work and do not advance a request
 * have a price. Prices are paid from budgets, which fill with time and with useful work. When a
 * budget is spent, the connection is closed with ENHANCE_YOUR_CALM. A meter sees every frame header
 * before the library does, so that it counts all frames, even those that the library drops. No I/O.
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
	/* bytes of request bodies that may wait here: of one, and of all of a connection */
	HTTP2_STREAM_WINDOW = 128 * 1024,
	HTTP2_CONNECTION_WINDOW = 2 << 20,
	/* bytes of the heads of all requests of a connection; or twice the memory of one request,
	   if that is more */
	HTTP2_HEADS_MAX = 1 << 20,
	HTTP2_ARENAS_FACTOR = 4,           /* times that: all memory of these requests */
	HTTP2_ARENA_MIN = 4 * ARENA_BLOCK, /* bytes that must be left for a new request */
	/* bytes of one body that wait for the peer: the writer stops at HIGH, goes on at LOW */
	HTTP2_SEND_HIGH = 64 * 1024,
	HTTP2_SEND_LOW = 16 * 1024,
	HTTP2_TRAILER_MAX = 8 * 1024, /* bytes of a trailer section */
	HTTP2_TRAILER_FIELDS = 64,
	/* bytes a header block may have on the wire beyond the largest head */
	HTTP2_BLOCK_SLACK = 16 * 1024,
	/* CONTINUATION frames of one header block, and one more for each 8 KiB of max_head */
	HTTP2_CONTINUATIONS_MIN = 8,
	HTTP2_CONTINUATION_BYTES = 8 * 1024,
	/* requests that a client may reset, or make us reset */
	HTTP2_RESET_BURST = 512,
	HTTP2_RESETS_PER_S = 32,
	/* budget for frames that do not advance a request; their prices are in limits.c */
	HTTP2_CONTROL_BURST = 4096,
	HTTP2_CONTROL_PER_S = 512,
	/* earned by a request; by a DATA frame of a response, since clients send PING with it to
	   measure round trips; and by each 2 KiB of response, since it needs WINDOW_UPDATEs */
	HTTP2_REQUEST_CREDIT = 8,
	HTTP2_DATA_CREDIT = 6,
	HTTP2_DATA_CREDIT_SHIFT = 11,
	/* a DATA frame this short, cut by the client's window, earns nothing */
	HTTP2_DRIBBLE_MAX = 256,
	HTTP2_ACKS_MAX = 64, /* answers to SETTINGS and PING that wait to be sent */
	HTTP2_QUEUE_MAX = 8 * HTTP2_STREAMS_MAX, /* frames other than DATA that wait to be sent */
	HTTP2_SETTINGS_MAX = 32,                 /* entries of one SETTINGS frame */
	/* seconds without a request after which the memory of a connection is saved (pages.h) */
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

/* A budget: a burst, and a rate per second. It stores only the time at which it will be full
 * again. */
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

/* Which limit was exceeded. */
enum flood {
	FLOOD_FRAMES, /* frames that do not advance a request */
	FLOOD_RESETS, /* resets of requests */
	FLOOD_BLOCK,  /* a header block: its bytes, or its CONTINUATION frames */
	/* answers to SETTINGS and PING that the client does not read; also other limits of the
	   library */
	FLOOD_ANSWERS,
	FLOODS,
};

struct meter {
	struct budget control, resets;
	uint32_t block_max;     /* bytes of a header block on the wire */
	uint32_t block;         /* so far; 0: none is open */
	uint32_t continuations; /* so far */
	uint32_t continuations_max;
	uint32_t left; /* bytes of the frame that have not arrived */
	uint8_t preface_left;
	uint8_t have; /* bytes of head */
	uint8_t head[HTTP2_FRAME_HEAD];
	bool block_open; /* between HEADERS and END_HEADERS */
	bool block_last; /* the current frame ends the block */
	uint8_t flood;   /* enum flood, once a limit was exceeded */
};

/* max_head: bytes of the largest head. */
void meter_init(struct meter *m, uint32_t max_head);
/* How many of the n bytes at p (n > 0) belong to the current frame. *begun: its header is complete
 * with them, for the first time, and lies in *f. */
size_t meter_cut(struct meter *m, const char *p, size_t n, struct frame_head *f, bool *begun);
/* Charge for a frame that began. False: a limit is exceeded. */
bool meter_frame(struct meter *m, const struct frame_head *f, uint64_t now_ns);
/* Charge for a request that the client reset, or made us reset. False: a limit is exceeded. */
bool meter_reset(struct meter *m, uint64_t now_ns);
/* Useful work was done: a request began; or a frame of a response was sent that was not kept short
 * by the client's window. */
void meter_request(struct meter *m);
void meter_sent(struct meter *m, uint32_t bytes, bool more);

#endif
