/* Times as RFC 3339 writes them: 2026-12-31T23:59:59Z. Any thread. */
#ifndef PLUGINS_SHARED_RFC3339_H
#define PLUGINS_SHARED_RFC3339_H

#include <sluice/str.h>

/* Read a date-time (RFC 3339 5.6) of the years 1970 to 9999, as milliseconds since 1970. False: the
 * text is none. A leap second counts as the second behind it. */
bool rfc3339_read(sluice_str text, int64_t *unix_ms);

#endif
