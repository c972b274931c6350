/*
 * Frames of HTTP/2 as bytes (RFC 9113 4.1), written and read by hand: for the peers in C of unit
 * tests and fuzz targets.
 */
#ifndef FRAMES_H
#define FRAMES_H

#include <stddef.h>
#include <stdint.h>

#include "http2/limits.h"

/* Without its payload, which lies behind the HTTP2_FRAME_HEAD bytes that it is read from. */
struct frame {
	size_t len; /* of the payload */
	unsigned type, flags;
	uint32_t stream;
};

static inline void frame_put32(char *to, uint32_t v)
{
	to[0] = (char)(v >> 24);
	to[1] = (char)(v >> 16);
	to[2] = (char)(v >> 8);
	to[3] = (char)v;
}

static inline uint32_t frame_get32(const void *at)
{
	const uint8_t *p = at;
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void frame_put(char to[HTTP2_FRAME_HEAD], const struct frame *f)
{
	frame_put32(to, (uint32_t)f->len << 8 | f->type);
	to[4] = (char)f->flags;
	frame_put32(to + 5, f->stream);
}

static inline struct frame frame_get(const void *head)
{
	const uint8_t *p = head;
	return (struct frame){ .len = frame_get32(p) >> 8,
		.type = p[3],
		.flags = p[4],
		.stream = frame_get32(p + 5) & 0x7fffffff };
}

#endif
