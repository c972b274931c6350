/* Memory that each thread has, and frees at its end. */
#include "app/thread.h"

#include "app/crash.h"
#include "base/arena.h"
#include "base/stat.h"
#include "http2/server.h"
#include "net/buf.h"
#include "net/splice.h"
#include "route/regex.h"
#include "tls/transport.h"

void thread_init(void)
{
	stat_thread_init();
	crash_thread_init();
}

void thread_fini(void)
{
	tls_thread_fini();
	http2_thread_fini();
	regex_thread_fini();
	buf_thread_fini();
	splice_thread_fini();
	arena_thread_fini();
	crash_thread_fini();
	stat_thread_fini();
}
