/*
 * The error log: what operators read when something is wrong. One line an event, to standard error,
 * from any thread. Never on the path of a request that goes well. Access logs are obs/access.
 *
 * After log_start() a thread writes the lines, and nobody else ever waits for standard error: when
 * 256 KiB wait to be written, lines are dropped, counted (STAT_LOG_DROPPED_ERROR) and told of once
 * it flows again.
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
/* tag: the part that speaks ("listener", "upstream"). No secrets: tokens, keys, passwords, cookies.
 * Control bytes in the text are escaped, and a line is cut at 2 KiB. */
__attribute__((format(printf, 3, 4))) void log_write(enum log_level level, const char *tag,
	const char *fmt, ...);
void log_vwrite(enum log_level level, const char *tag, const char *fmt, va_list ap);

/* Whether standard error is the journal: lines then begin with a priority. Not first in a signal
 * handler. */
bool log_is_journal(void);
/* Lines as they are, each no longer than 4 KiB, such as a report that was made for people: without
 * time and tag. */
void log_lines(enum log_level level, sluice_str text);
/* Lines go through the thread from here on. Before any other thread logs; what cannot be started
 * leaves things as they are. */
void log_start(void);
/* Write what waits, for at most grace_ms, and end the thread; what is logged after that is
 * dropped. */
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
