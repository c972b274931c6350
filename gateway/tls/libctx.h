/*
 * One OpenSSL library context for each worker, and one for the main thread, as long as the process
 * lives. The library's own default context is a set of locks that all threads would meet in. Keys,
 * certificates and algorithms belong to the context they were made in.
 */
#ifndef TLS_LIBCTX_H
#define TLS_LIBCTX_H

struct ossl_lib_ctx_st;

enum { TLS_WORKERS_MAX = 1024 };

/* worker: below TLS_WORKERS_MAX, or WORKER_MAIN. Made on first use. Any thread. */
struct ossl_lib_ctx_st *tls_worker_libctx(unsigned worker);

#endif
