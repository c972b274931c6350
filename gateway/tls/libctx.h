/*
 * One OpenSSL library context for each worker and one for the main thread, never freed. In
 * OpenSSL's default context all threads would contend for the same locks. Keys, certificates and
 * algorithms belong to the context that they were made in.
 */
#ifndef TLS_LIBCTX_H
#define TLS_LIBCTX_H

struct ossl_lib_ctx_st;

enum { TLS_WORKERS_MAX = 1024 };

/* worker: below TLS_WORKERS_MAX, or WORKER_MAIN. Made on first use. Any thread. */
struct ossl_lib_ctx_st *tls_worker_libctx(unsigned worker);

#endif
