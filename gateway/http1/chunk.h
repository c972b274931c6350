/*
 * The chunked transfer coding (RFC 9112 7.1): an incremental decoder that never copies data, and
 * the bytes that frame it. No I/O. Any thread.
 *
 * Strict: a size is 1 to 16 hexadecimal digits; lines end with CRLF; extensions are skipped, at
 * most CHUNK_EXT_MAX bytes of them in one body. The trailer section is at most CHUNK_TRAILER_MAX
 * bytes and CHUNK_TRAILER_FIELDS fields. Trailers that frame, route, authorise or describe the
 * content (RFC 9110 6.5.1) are marked FIELD_DROP.
 */
#ifndef HTTP1_CHUNK_H
#define HTTP1_CHUNK_H

#include "http/head.h"

enum { CHUNK_EXT_MAX = 4096, CHUNK_TRAILER_MAX = 8192, CHUNK_TRAILER_FIELDS = 64 };

/* Departures from the standard that are accepted, in responses alone. None of them can be read in
 * two ways. */
enum chunk_accept {
	CHUNK_STRICT = 0,
	CHUNK_BLANKS = 1, /* blanks between a size and the end of its line */
	/* LF for CRLF; in a size line only where no extension stands before it, which could contain
	   it */
	CHUNK_LF = 2,
};

enum chunk_result {
	CHUNK_MORE = 0, /* everything was consumed: call again with more */
	CHUNK_DATA,     /* a run of data; call again for what follows */
	CHUNK_DONE,     /* the body is complete; bytes behind it do not belong to it */
};

struct chunk_decoder {
	struct arena *arena; /* borrowed: for trailers */
	struct fields trailers;
	char *text; /* trailer section so far, in the arena */
	/* data bytes of this chunk still to come; while a size is read: the size so far */
	uint64_t left;
	uint32_t ext, text_len, text_cap;
	int err;       /* the error of a violation */
	uint8_t state; /* enum chunk_state */
	uint8_t digits;
	uint8_t failed_in; /* enum chunk_state, after a violation */
	uint8_t accept;    /* bits of enum chunk_accept */
};

/* err: ERR_BAD_CHUNK or ERR_UPSTREAM_BAD_CHUNK. */
void chunk_decoder_init(struct chunk_decoder *d, struct arena *a, int err);
/* After a violation: the place of it, for an explanation: "a chunk's size". A string constant. */
const char *chunk_where(const struct chunk_decoder *d);

/*
 * Consume bytes of [p, p + n). The first *skip bytes are framing and are used up; the *data bytes
 * behind them are body, which the caller takes or drops before it calls again with what follows.
 * *data is not 0 exactly with CHUNK_DATA. After CHUNK_DONE and after an error the decoder repeats
 * its result. Returns enum chunk_result, the error given at init, or ERR_NO_MEMORY.
 */
must_use int chunk_decode(struct chunk_decoder *d, const char *p, size_t n, size_t *skip,
	size_t *data);

/* The line before n bytes of data, n > 0: its length. Behind the data stands CRLF. */
enum { CHUNK_HEAD_MAX = 20 };
size_t chunk_head(char out[CHUNK_HEAD_MAX], uint64_t n);

/* The end of a body: last chunk, trailers (NULL: none), empty line. */
size_t chunk_tail_size(const struct fields *trailers);
char *chunk_write_tail(char *at, const struct fields *trailers);

#endif
