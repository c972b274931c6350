/*
 * The one thread that writes access logs, so that no worker ever waits for a disk or a pipe.
 * Workers fill batches of lines and hand them over without a lock; each has a bounded number of
 * batches, and when all of them are on their way, because the file is slower than the traffic, it
 * drops lines, counts them (STAT_LOG_DROPPED) and says so when they flow again.
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
	LOG_BATCHES = 16, /* of one source: half a MiB of lines may wait */
};

struct logger;
struct log_source;

struct log_batch {
	struct log_batch *next;  /* of whoever holds it */
	struct log_source *home; /* borrowed: lives as long as its batches */
	uint32_t len, lines;
	char data[LOG_BATCH_BYTES];
};

/* Open the file, appending, and start the thread. path: a file, a named pipe, a device, "stderr" or
 * "stdout". NULL with errno set. Main thread. */
struct logger *logger_new(sluice_str path);
/* Another path from here on, for instance after a reload: 0, or a negative errno with the old one
 * kept. Main thread. */
must_use int logger_move(struct logger *l, sluice_str path);
/* Open the same path again, soon: whoever rotates logs renamed the file. Any thread. */
void logger_reopen(struct logger *l);
/* Write what was given, for at most grace_ms, then end. All sources were freed. Main thread. */
void logger_free(struct logger **l, unsigned grace_ms);

/* One worker's end. Its thread only, as for everything below. */
struct log_source *log_source_new(struct logger *l);
/* Batches that are on their way may outlive it. */
void log_source_free(struct log_source **s);
/* An empty batch, or NULL when all are on their way. */
struct log_batch *log_source_take(struct log_source *s);
/* A line that found no batch is dropped: count it. */
void log_source_drop(struct log_source *s);
/* Whole lines: to be written, then back to where it came from. */
void log_source_give(struct log_source *s, struct log_batch *b);

#endif
