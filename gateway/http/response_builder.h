/*
 * Builds response heads and trailers from the decoded fields of a compressed field section: a
 * struct response_head, by rules as strict as those of HTTP/1.1. No I/O. Any thread.
 */
#ifndef HTTP_RESPONSE_BUILDER_H
#define HTTP_RESPONSE_BUILDER_H

#include "http/head_builder.h"

enum { RESPONSE_FAULT = 120 }; /* bytes of an explanation */

struct response_builder {
	struct head_builder b;
	struct response_head *h; /* borrowed; NULL: trailers */
	bool has_status;
	bool lenient; /* parsing: lenient */
	/* of the first field that was refused; values are not quoted. "": none was */
	char fault[RESPONSE_FAULT];
};

/* h is overwritten; its version is for the codec to set. limits must outlive the block. lenient:
 * also take control bytes in values, and any status of three digits from 100. */
void response_begin(struct response_builder *r, struct response_head *h, struct arena *a,
	const struct head_limits *limits, bool lenient);
void response_begin_trailers(struct response_builder *r, struct fields *f, struct arena *a,
	const struct head_limits *limits, bool lenient);
/* The next field of the block, which is copied. */
void response_field(struct response_builder *r, sluice_str name, sluice_str value);
/* The block is complete; end: and so is the response, which is one to m. 0, or
 * ERR_UPSTREAM_BAD_HEAD, ERR_UPSTREAM_BAD_FRAMING, ERR_UPSTREAM_HEAD_TOO_LARGE, ERR_NO_MEMORY. */
must_use int response_end(struct response_builder *r, enum method m, bool end);
/* A final head answers an extended CONNECT: when it agrees, it becomes the 101 that answers `asked`
 * in HTTP/1.1, with the accept for its key. ERR_NO_MEMORY. */
must_use int response_to_connect(struct response_head *h, const struct request_head *asked,
	struct arena *a);
/* The same as response_end() for trailers. metadata: of a gRPC call, where any name is
 * permitted. */
must_use int response_end_trailers(struct response_builder *r, bool metadata);
/* After either of them failed: which field, and what is wrong with it. */
const char *response_fault(const struct response_builder *r, int err);

#endif
