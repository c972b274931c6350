/*
 * The thread that writes access logs, so that no worker waits for a disk or a pipe. Lines come to
 * it in batches of its queue (obs/log_queue). Lines that are dropped because the file is slower
 * than the traffic are counted (STAT_LOG_DROPPED); the number is logged when writing works again.
 */
#ifndef OBS_LOGGER_H
#define OBS_LOGGER_H

#include "obs/log_queue.h"

struct logger;

/* Open the file, appending, and start the thread. path: a file, a named pipe, a device, "stderr" or
 * "stdout". NULL with errno set. Main thread. */
struct logger *logger_new(sluice_str path);
/* Its batches hold whole lines. Lives as long as the logger. */
struct log_queue *logger_queue(struct logger *l);
/* Write to another path from now on, as after a reload. 0, or a negative errno; then the old path
 * stays. Main thread. */
must_use int logger_move(struct logger *l, sluice_str path);
/* Have the thread open the same path again, after a log rotation renamed the file. Any thread. */
void logger_reopen(struct logger *l);
/* Write what was given, for at most grace_ms, then end. All sources must be freed before. Main
 * thread. */
void logger_free(struct logger **l, unsigned grace_ms);

#endif
