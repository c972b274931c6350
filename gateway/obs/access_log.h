/*
 * A worker's end of the access log: lines gather in a batch, which goes to the logger when it is
 * full or its first line is a second old. Never blocks. The worker's thread only.
 */
#ifndef OBS_ACCESS_LOG_H
#define OBS_ACCESS_LOG_H

#include "net/worker.h"
#include "obs/access.h"
#include "obs/logger.h"

struct access_log;

/* On the worker's thread, or before it runs. The logger lives longer. */
struct access_log *access_log_new(struct worker *w, struct logger *l);
/* What is left goes to the logger. Before worker_fini(). */
void access_log_free(struct access_log **a);

/* Everything r points to is read before the call returns. */
void access_log_write(struct access_log *a, const struct access_conf *conf,
	const struct access_record *r);
/* Hand over what there is now. */
void access_log_flush(struct access_log *a);

#endif
