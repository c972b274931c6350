/*
 * The thread that writes access logs, so that no worker waits for a disk or a pipe. Workers fill
 * batches of lines and hand them over without a lock. Each worker has LOG_BATCHES batches. When the
 * file is slower than the traffic and all of them wait to be written, lines are dropped and counted
 * (STAT_LOG_DROPPED); the number is logged when writing works again.
 *
 *   source (a worker) -- log_source_give --> inbox --> logger thread --> write(2)
 *          ^------------------ batch, empty again --------'
 */
#ifndef OBS_LOGGER_H
#define OBS_LOGGER_H

#include <stdatomic.h>

#include "base/str.h"

enum {
	LOG_BATCH_BYTES = 32 << 10,
	LOG_BATCHES = 16, /* of one source: half a MiB of lines can wait */
};

struct logger;
struct log_source;

struct log_batch {
	struct log_batch *next;  /* in the list of whoever holds the batch */
	struct log_source *home; /* borrowed: lives as long as its batches */
	uint32_t len, lines;
	char data[LOG_BATCH_BYTES];
};

/* Open the file, appending, and start the thread. path: a file, a named pipe, a device, "stderr" or
 * "stdout". NULL with errno set. Main thread. */
struct logger *logger_new(sluice_str path);
/* Write to another path from now on, as after a reload. 0, or a negative errno; then the old path
 * stays. Main thread. */
must_use int logger_move(struct logger *l, sluice_str path);
/* Have the thread open the same path again, after a log rotation renamed the file. Any thread. */
void logger_reopen(struct logger *l);
/* Write what was given, for at most grace_ms, then end. All sources must be freed before. Main
 * thread. */
void logger_free(struct logger **l, unsigned grace_ms);

/* What a worker gives lines with. This and what follows: on the worker's thread only. */
struct log_source *log_source_new(struct logger *l);
/* Batches that wait to be written may outlive the source. */
void log_source_free(struct log_source **s);
/* An empty batch, or NULL when all wait to be written. */
struct log_batch *log_source_take(struct log_source *s);
/* Count a line that is dropped because there was no batch. */
void log_source_drop(struct log_source *s);
/* Have a batch of whole lines written. It returns to its source afterwards. */
void log_source_give(struct log_source *s, struct log_batch *b);

#endif
