/*
 * The error log, for operators. One line for each event, to standard error, from any thread. A
 * request that succeeds writes no line. Access logs are obs/access.
 *
 * After log_start() a thread of the log writes the lines, and no other thread waits for standard
 * error. When 256 KiB wait to be written, lines are dropped and counted (STAT_LOG_DROPPED_ERROR);
 * when writing works again, a line tells how many.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <sluice/plugin.h>

enum log_level {
	LOG_ERROR = SLUICE_LOG_ERROR,
	LOG_WARN = SLUICE_LOG_WARN,
	LOG_INFO = SLUICE_LOG_INFO,
	LOG_DEBUG = SLUICE_LOG_DEBUG,
};

void log_set_level(enum log_level level);
bool log_is_on(enum log_level level);
/* tag: the part of the gateway that logs ("listener", "upstream"). Never log secrets: tokens, keys,
 * passwords, cookies. Control bytes in the text are escaped, and a line is cut at 2 KiB. */
__attribute__((format(printf, 3, 4))) void log_write(enum log_level level, const char *tag,
	const char *fmt, ...);
void log_vwrite(enum log_level level, const char *tag, const char *fmt, va_list ap);

/* Whether standard error is the journal: lines then begin with a priority. Must not be called for
 * the first time in a signal handler. */
bool log_is_journal(void);
/* Write lines as they are, without time and tag, such as a report for people. Each has at most 4
 * KiB. */
void log_lines(enum log_level level, sluice_str text);
/* Start the thread that writes lines. Call it before any other thread logs. If the thread cannot be
 * started, lines are still written directly. */
void log_start(void);
/* Write the lines that wait, for at most grace_ms, and end the thread. Lines that are logged after
 * that are dropped. */
void log_stop(unsigned grace_ms);
/* Wait until all lines are written, at most ms milliseconds. Async-signal-safe. False: some still
 * wait. */
bool log_drain(unsigned ms);

#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_write(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...)                                     \
	do {                                               \
		if (log_is_on(LOG_DEBUG))                  \
			log_write(LOG_DEBUG, __VA_ARGS__); \
	} while (0)

#endif
