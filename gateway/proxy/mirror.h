/*
 * Copies of requests for another upstream: the route's `mirror`. A copy is gathered while its
 * request goes to the server, and sent when the request is complete; then it lives by itself, on
 * its worker. Its answer is read and dropped. Nobody waits for it, and whatever happens to it
 * nobody but the metrics hears of it. Bodies are shared with the request, not copied. Worker's
 * thread only.
 */
#ifndef PROXY_MIRROR_H
#define PROXY_MIRROR_H

#include "base/series.h"
#include "net/buf.h"

struct exchange;
struct mirror;

/* What became of a copy. */
enum mirror_result {
	MIRROR_ANSWERED,
	MIRROR_FAILED,     /* no server, or it did not do its part */
	MIRROR_TIMEOUT,    /* no answer in time */
	MIRROR_TOO_LARGE,  /* not sent: the body is larger than max_body */
	MIRROR_INCOMPLETE, /* not sent: the request did not go to its server as a whole */
	MIRROR_BUSY,       /* not sent: too many are in progress */
	MIRROR_RESULTS,
};
extern const char *const mirror_results[MIRROR_RESULTS];

struct route_mirror {
	int upstream;        /* index */
	uint32_t share;      /* of 10,000 requests */
	uint32_t max_copies; /* of a worker */
	uint64_t max_body;   /* bytes */
	uint64_t timeout_ns;
	series_id counts[MIRROR_RESULTS];
};

/* The request of a route with a mirror is about to go to its upstream. */
void mirror_begin(struct exchange *x);
/* The following are for an exchange that has x->mirror. */
/* Its body goes to a server from its beginning, perhaps once more. */
void mirror_restart(struct exchange *x);
/* These bytes of the body are about to go to the server; they stay in data. */
void mirror_take(struct exchange *x, struct buf *data);
/* The request is complete. */
void mirror_send(struct exchange *x);
/* The request ends before it is complete. */
void mirror_drop(struct exchange *x);

#endif
