/*
 * How long a client waits, in a request field: `2.5` (seconds), `2s`, `300ms`. Fields whose name
 * ends in `-ms` have milliseconds where no unit stands. No I/O. Any thread.
 */
#ifndef HTTP_TIMEOUT_H
#define HTTP_TIMEOUT_H

#include "base/str.h"

enum {
	TIMEOUT_DIGITS = 9, /* before the point, and behind it */
	TIMEOUT_TEXT = 24,  /* what timeout_write() needs */
};

/* What a number without a unit is, by the name of the field. */
bool timeout_is_ms(sluice_str name);
/* False: malformed. Text of any length is looked at no further than it may be long. */
must_use bool timeout_parse(sluice_str text, bool is_ms, uint64_t *ns);
/* The same as a number without a unit, rounded down: milliseconds, or seconds with three digits
 * behind the point. Bytes written. */
size_t timeout_write(uint64_t ns, bool is_ms, char buf[TIMEOUT_TEXT]);

#endif
