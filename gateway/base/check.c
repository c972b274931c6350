/* Failed assertions. Any thread. */
#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/sink.h"

void check_failed(const char *file, int line, const char *cond, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	int n = snprintf(text, sizeof(text) / 2, "sluice: bug at %s:%d: (%s) is false: ", file,
		line, cond);
	size_t at = n < 0 ? 0 : (size_t)n < sizeof(text) / 2 ? (size_t)n : sizeof(text) / 2 - 1;
	va_start(ap, fmt);
	n = vsnprintf(text + at, sizeof(text) - at - 1, fmt, ap);
	va_end(ap);
	at += n < 0 ? 0 : (size_t)n < sizeof(text) - at - 1 ? (size_t)n : sizeof(text) - at - 2;
	text[at++] = '\n';
	sink_last_words(text, at);
	abort();
}
