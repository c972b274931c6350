/*
 * The error log: what operators read when something is wrong. One line an event, to stderr (or where log_open() says),
 * written at once and from any thread. Never on the path of a request that goes well. Access logs are obs/access.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <sluice/plugin.h>

enum log_level {
	LOG_ERROR = SLUICE_LOG_ERROR,
	LOG_WARN = SLUICE_LOG_WARN,
	LOG_INFO = SLUICE_LOG_INFO,
	LOG_DEBUG = SLUICE_LOG_DEBUG
};

void log_set_level(enum log_level level);
bool log_is_on(enum log_level level);
/* tag: the part that speaks ("listener", "upstream"). No secrets: tokens, keys, passwords, cookies. Control bytes in the
 * text are escaped, and a line is cut at 2 KiB. */
__attribute__((format(printf, 3, 4))) void log_write(enum log_level level, const char *tag, const char *fmt, ...);
void log_vwrite(enum log_level level, const char *tag, const char *fmt, va_list ap);

#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_write(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...)                              \
	do {                                        \
		if (log_is_on(LOG_DEBUG))           \
			log_write(LOG_DEBUG, __VA_ARGS__); \
	} while (0)

#endif
