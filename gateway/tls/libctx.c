/* Library contexts. See libctx.h. */
#include "tls/libctx.h"

#include <openssl/crypto.h>
#include <pthread.h>

#include "base/check.h"
#include "net/worker.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* owned, under lock; the last is the main thread's */
static OSSL_LIB_CTX *contexts[TLS_WORKERS_MAX + 1];

struct ossl_lib_ctx_st *tls_worker_libctx(unsigned worker)
{
	unsigned i = worker == WORKER_MAIN ? TLS_WORKERS_MAX : worker;
	check(i <= TLS_WORKERS_MAX, "worker %u of at most %d", worker, TLS_WORKERS_MAX);
	pthread_mutex_lock(&lock);
	if (!contexts[i])
		contexts[i] = OSSL_LIB_CTX_new();
	OSSL_LIB_CTX *ctx = contexts[i];
	pthread_mutex_unlock(&lock);
	check(ctx, "out of memory: %s", "an OpenSSL library context");
	return ctx;
}
