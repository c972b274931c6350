/* The error log. Any thread: a line is one write(2). */
#include "base/log.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"

enum { LINE_MAX_BYTES = 2048 };

static _Atomic int threshold = LOG_INFO;

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&threshold, (int)level, memory_order_relaxed);
}

bool log_is_on(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&threshold, memory_order_relaxed);
}

void log_vwrite(enum log_level level, const char *tag, const char *fmt, va_list ap)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };
	char text[LINE_MAX_BYTES], line[LINE_MAX_BYTES * 2];
	struct timespec now;
	struct tm tm;

	if (!log_is_on(level))
		return;
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)gmtime_r(&now.tv_sec, &tm);
	int n = snprintf(line, sizeof(line), "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ %-5s %s: ", tm.tm_year + 1900,
	                 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, now.tv_nsec / 1000000,
	                 names[level], tag);
	size_t at = n < 0 ? 0 : (size_t)n;
	for (const char *p = text; *p && at + 6 < sizeof(line); p++) {
		unsigned char c = (unsigned char)*p;
		if (c >= 0x20 && c != 0x7f)
			line[at++] = (char)c;
		else
			at += (size_t)snprintf(line + at, sizeof(line) - at, "\\x%02x", c);
	}
	line[at++] = '\n';
	ssize_t w = write(STDERR_FILENO, line, at);
	(void)w; /* nowhere to complain */
}

void log_write(enum log_level level, const char *tag, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	log_vwrite(level, tag, fmt, ap);
	va_end(ap);
}
