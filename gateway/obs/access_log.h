/*
 * The access log of a worker. It collects lines in a batch, or records for a plugin, and gives the
 * batch to its queue when it is full or its first line is a second old. Never blocks. The worker's
 * thread only.
 */
#ifndef OBS_ACCESS_LOG_H
#define OBS_ACCESS_LOG_H

#include "net/worker.h"
#include "obs/access.h"
#include "obs/log_queue.h"

struct access_log;

/* On the worker's thread, or before it runs. The queue must live longer. */
struct access_log *access_log_new(struct worker *w, struct log_queue *q);
/* The last batch goes to the queue. To be called before worker_fini(). */
void access_log_free(struct access_log **a);

/* Add a line, or drop and count it when there is no batch (log_queue.h). r is only read during the
 * call. */
void access_log_write(struct access_log *a, const struct access_conf *conf,
	const struct access_record *r);
/* The same for a record as obs/access_image writes it. masked: by access_mask(). */
void access_log_add(struct access_log *a, const struct access_conf *conf,
	const struct access_record *masked);
/* Give the current batch to the queue at once. */
void access_log_flush(struct access_log *a);

#endif
