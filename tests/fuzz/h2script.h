/*
 * Inputs of the fuzz targets of HTTP/2 are scripts: a byte names an act, the bytes behind it choose
 * among few values that matter. Acts from 0 on are the target's own, such as a turn of the loop or
 * time that passes; acts from SAY on are frames of the other side, by grammar and nearly valid, or
 * raw bytes. So a few bytes are a conversation, and a mutation is another.
 *
 * And what a target has reached: each state that a run of it must reach is counted. With
 * FUZZ_REACHED=1 in the environment the counts are printed at the end;
 * tests/tools/check-fuzz-states reads them.
 */
#ifndef H2SCRIPT_H
#define H2SCRIPT_H

#include <stdint.h>

#include "base/str.h"

struct h2script {
	const uint8_t *at, *end;
	const sluice_str *heads; /* what HEADERS hold: blocks of the target */
	uint32_t n_heads;
	uint32_t latest; /* the stream that was opened last; 0: none */
	size_t said;     /* bytes so far */
	bool opens;      /* this side is the client: HEADERS are of a new stream */
	void (*say)(const char *bytes, size_t n);
};

enum {
	SAY = 64, /* acts below are the target's */
	SAY_HEADERS = SAY,
	SAY_SPLIT_HEADERS, /* the rest comes with SAY_CONTINUATION, or never */
	SAY_CONTINUATION,
	SAY_TRAILERS,
	SAY_DATA,
	SAY_RESET,
	SAY_WINDOW,
	SAY_SETTINGS,
	SAY_SETTINGS_ACK,
	SAY_PING,
	SAY_PING_ACK,
	SAY_GOAWAY,
	SAY_PRIORITY,
	SAY_PRIORITY_UPDATE,
	SAY_PUSH_PROMISE,
	SAY_FRAME, /* of any type */
	SAY_BYTES,
	SAY_END,
	SAID_MAX = 4 << 20,
};

/* Bytes of a header block, or of anything. */
#define BLOCK(bytes)                       \
	{                                  \
		(bytes), sizeof(bytes) - 1 \
	}

static inline bool script_more(const struct h2script *s)
{
	return s->at < s->end && s->said < SAID_MAX;
}
/* 0 behind the end. */
static inline uint8_t script_byte(struct h2script *s)
{
	return s->at < s->end ? *s->at++ : 0;
}
/* One of n values. */
#define script_pick(s, table) ((table)[script_byte(s) % (sizeof(table) / sizeof((table)[0]))])
/* A length: a byte below 224 is itself, others stand for sizes about the limits of buffers and
 * frames. */
uint32_t script_length(struct h2script *s);
/* At most so many bytes that follow; a byte says how many. */
sluice_str script_bytes(struct h2script *s);

/* Say what act, of SAY to SAY_END, stands for. */
void script_say(struct h2script *s, unsigned act);
void script_frame(struct h2script *s, unsigned type, unsigned flags, uint32_t stream,
	const char *payload, size_t n);

/* ---- what was reached ---------------------------------------------------------------------- */

struct reached {
	const char *name;
	uint64_t n;
};
/* Print the n rows at the end of the program, if that is wanted. Once. */
void reached_tell(const struct reached *rows, size_t n);

#endif
