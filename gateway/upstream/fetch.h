/*
 * An HTTP(S) client for what the gateway itself reads: key sets, discovery documents. One
 * connection for each fetch, certificates verified, redirects not followed, a deadline for the
 * whole of it. Its worker's thread only (the main thread has a worker as well).
 */
#ifndef UPSTREAM_FETCH_H
#define UPSTREAM_FETCH_H

#include "base/str.h"

struct fetch;
struct tls_client;
struct worker;

/* r and all that it points to are valid until the function returns. */
typedef void (*fetch_fn)(void *ctx, const sluice_fetch_response *r);

/*
 * Begin a fetch; r is copied. fn is called once, from the loop, never before this returns. tls: for
 * https; lives until fn is called. The caller gives it the authorities of r->ca_file. May be NULL
 * for http. NULL when the request is malformed (*why: a sentence); fn is not called then.
 */
struct fetch *fetch_start(struct worker *w, const sluice_fetch_request *r, struct tls_client *tls,
	fetch_fn fn, void *ctx, const char **why);
/* End the fetch: fn is not called, and f is freed. */
void fetch_cancel(struct fetch *f);

#endif
