/*
 * Log sinks: the access log, record by record, for plugins that send it elsewhere. A configuration
 * names the instance in `log.access.sinks`; its on_records() is then given what each request that
 * ended has in the access log. Part of sluice/plugin.h.
 *
 * on_records() runs on a thread that the instance has for this alone, for one batch after the
 * other. It may block: no request waits for it, so it may use any library. What it may call of the
 * gateway are the functions of this header, and those that are for any thread: caches
 * (sluice/objects.h), metrics, sluice_log(), the clocks, sluice_resume() and others that say so.
 * Services of the main thread and of exchanges are refused with a line in the log. What the thread
 * keeps from batch to batch lies in memory of the instance, made in check() or start() and released
 * in stop(), which runs when the thread has ended.
 *
 * Each worker collects records and gives a batch when it has 32 KiB of them, or when the first is
 * a second old. The records of one worker come in the order in which its requests ended; there is
 * no order between workers. A worker has 16 batches for each sink. While all of them wait, because
 * the sink is slower than the traffic, further records are dropped: counted in
 * `sluice_log_sink_dropped_total`, and told in the log.
 *
 * A record says what the access log says: credentials in queries, paths and referring pages are
 * `***` already, and `log.access.query: drop` leaves queries out.
 */
#ifndef SLUICE_RECORDS_H
#define SLUICE_RECORDS_H

#include <sluice/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* These are for the thread of the sink, while its on_records() runs. */

/* The next record of the batch; NULL after the last. It, and what it leads to, is valid until the
 * next call and until on_records() returns. */
static inline const sluice_log_record *sluice_log_next(sluice_log_batch *b)
{
	return sluice_host_table->log_next(b);
}
/* The record that sluice_log_next() returned last, as a line of the access log, without a newline
 * at its end. Made when it is asked for; valid until the next record and the next call. Empty
 * before the first record. */
static inline sluice_str sluice_log_line(sluice_log_batch *b, sluice_log_format format)
{
	return sluice_host_table->log_line(b, (int)format);
}
/* How many records of this sink were dropped since its last batch. */
static inline uint64_t sluice_log_dropped(const sluice_log_batch *b)
{
	return sluice_host_table->log_dropped(b);
}
/* The value that the instance published last; NULL: none. Valid until on_records() returns. */
static inline const void *sluice_log_published(const sluice_log_batch *b)
{
	return sluice_host_table->log_published(b);
}

/* The field of that name; NULL: the record has none. */
static inline const sluice_log_field *sluice_log_find(const sluice_log_record *r, const char *name)
{
	for (size_t i = 0; i < r->n; i++) {
		if (strcmp(r->v[i].name, name) == 0)
			return &r->v[i];
	}
	return NULL;
}

#ifdef __cplusplus
}
#endif
#endif
