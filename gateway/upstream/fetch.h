/*
 * An HTTP(S) client for what the gateway itself reads, and what plugins ask for. By URL: over a
 * connection of its own, or one that was kept; certificates are verified. Over an upstream: a
 * connection of its pools. Redirects are not followed, and one deadline holds for the whole. Its
 * worker's thread only (the main thread has a worker as well).
 */
#ifndef UPSTREAM_FETCH_H
#define UPSTREAM_FETCH_H

#include "base/str.h"

struct fetch;
struct tls_client;
struct upstream;
struct worker;

/* How the server is reached. */
struct fetch_way {
	/* By URL, for https: the caller gives it the authorities of ca_file. */
	struct tls_client *tls;
	/* NULL: by URL. Else over this one; borrowed: lives until fn is called or the fetch is
	 * cancelled. */
	struct upstream *upstream;
	/* By URL: whether to take a connection that the worker kept, and to keep it afterwards. */
	bool keep;
};

/* r and all that it points to are valid until the function returns. */
typedef void (*fetch_fn)(void *ctx, const sluice_fetch_response *r);

/*
 * Begin a fetch; r is copied. fn is called once, from the loop, never before this returns. NULL
 * when the request is malformed (*why: a sentence); fn is not called then.
 */
struct fetch *fetch_start(struct worker *w, const sluice_fetch_request *r,
	const struct fetch_way *way, fetch_fn fn, void *ctx, const char **why);
/* End the fetch: fn is not called, and f is freed. */
void fetch_cancel(struct fetch *f);

#endif
