/*
 * An HTTP(S) client for what the gateway itself wants to read: key sets, discovery documents. One
 * connection for each fetch, certificates verified, redirects not followed, a deadline for the
 * whole of it. Its worker's thread only (the main thread has a worker as well).
 */
#ifndef UPSTREAM_FETCH_H
#define UPSTREAM_FETCH_H

#include "base/str.h"

struct fetch;
struct tls_client;
struct worker;

/* r and all it points to are gone when this returns. */
typedef void (*fetch_fn)(void *ctx, const sluice_fetch_response *r);

/*
 * Begin; r is copied. fn is called once, from the loop, never from within. tls: for https, and
 * lives until then (its ca is what r->ca_file says: that is the caller's work); may be NULL for
 * http. NULL when the request is malformed (*why: a sentence); fn is not called then.
 */
struct fetch *fetch_start(struct worker *w, const sluice_fetch_request *r, struct tls_client *tls,
	fetch_fn fn, void *ctx, const char **why);
/* fn will not be called; f is gone. */
void fetch_cancel(struct fetch *f);

#endif
