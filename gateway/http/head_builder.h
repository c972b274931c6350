/*
 * Builds request heads and trailers from the decoded fields of a compressed field section, as in
 * HTTP/2 (RFC 9113 8): the same struct request_head as for HTTP/1.1, by equally strict rules.
 * docs/reference/http.md lists them. No I/O, no library. Any thread.
 *
 * What the rest of the gateway sees is as if the request had come by HTTP/1.1: :authority is a Host
 * field as well, the pieces of a cookie are one field, and names and values lie in the arena as
 * "name: value\r\n" one behind the other. An extended CONNECT (RFC 8441) is a GET with an Upgrade
 * field and, for WebSocket, a key of our own.
 */
#ifndef HTTP_HEAD_BUILDER_H
#define HTTP_HEAD_BUILDER_H

#include "http/head.h"

struct head_limits {
	/* bytes: names, values and 4 for each field, as HTTP/1.1 would have them */
	uint32_t max_head;
	uint32_t max_fields; /* each piece of a cookie counts */
	uint32_t max_target; /* bytes */
	uint8_t path_rules;  /* enum path_rule */
};

/* Deviations that a builder accepts, in responses only. None of them is ambiguous. */
enum head_accept {
	HEAD_STRICT = 0,
	HEAD_BLANKS = 1,   /* blanks around values: they are removed */
	HEAD_CONTROLS = 2, /* control bytes in values, except NUL, CR and LF: they become blanks */
};

struct head_builder {
	struct request_head *h;           /* borrowed; NULL: a trailer section */
	struct fields *fields;            /* borrowed: of h, or the trailers */
	struct arena *arena;              /* borrowed */
	const struct head_limits *limits; /* borrowed */
	uint64_t once, twice;             /* bit for each enum token */
	sluice_str protocol;              /* :protocol */
	char *text, *text_end;            /* room for more lines, in the arena */
	uint32_t size, n_fields, n_cookies;
	int err;        /* the first error; later fields are not examined */
	uint8_t pseudo; /* which were seen */
	/* bits of enum head_accept; HEAD_STRICT after head_begin() */
	uint8_t accept;
	bool known_scheme; /* http or https */
	/* err makes the request malformed in the sense of RFC 9113 8.1.1 */
	bool malformed;
};

/* h is overwritten; its version is for the codec to set. */
void head_begin(struct head_builder *b, struct request_head *h, struct arena *a,
	const struct head_limits *limits);
void head_begin_trailers(struct head_builder *b, struct fields *trailers, struct arena *a,
	const struct head_limits *limits);
/* The next field of the block, which is copied. */
void head_field(struct head_builder *b, sluice_str name, sluice_str value);
/*
 * The block is complete; end: and so is the request. 0, or the error, with h holding what was read
 * so far, for the log: ERR_BAD_REQUEST_LINE, ERR_BAD_FIELD, ERR_BAD_FRAMING, ERR_BAD_HOST,
 * ERR_BAD_TARGET, ERR_BAD_EXPECTATION, ERR_HEAD_TOO_LARGE, ERR_TOO_MANY_FIELDS,
 * ERR_TARGET_TOO_LONG, ERR_NO_MEMORY.
 */
must_use int head_end(struct head_builder *b, bool end);
/* The same for trailers: those that must not be any are marked FIELD_DROP. ERR_BAD_FIELD,
 * ERR_HEAD_TOO_LARGE, ERR_TOO_MANY_FIELDS, ERR_NO_MEMORY. */
must_use int head_end_trailers(struct head_builder *b);

#endif
