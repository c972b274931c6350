/*
 * One check of one server: a connection of its own, and for HTTP and gRPC one request and its
 * response. Its worker's thread only.
 */
#ifndef UPSTREAM_CHECK_PROBE_H
#define UPSTREAM_CHECK_PROBE_H

#include "net/worker.h"
#include "upstream/check_plan.h"
#include "upstream/record.h"

struct check_probe;

/* How it ended. */
struct check_end {
	/* the gateway could not check, because it was short of something: says nothing of the
	 * server */
	bool is_void;
	enum check_result result;
	unsigned status; /* of the response; of gRPC, where that was 200: grpc-status; 0: none */
	uint64_t took_ns;
};
typedef void (*check_end_fn)(void *ctx, const struct check_end *end);

/* Begin. plan and r live until the end. fn is called once, from the loop, after which the probe is
 * gone. */
struct check_probe *check_probe_start(struct worker *w, const struct check_plan *plan,
	const struct record *r, check_end_fn fn, void *ctx);
/* End it: fn is not called. Clears *p; NULL is allowed. */
void check_probe_cancel(struct check_probe **p);

#endif
