/* Dates of HTTP (RFC 9110 5.6.7), in seconds since 1970. */
#ifndef PLUGINS_SHARED_DATE_H
#define PLUGINS_SHARED_DATE_H

#include <sluice/str.h>

enum { DATE_TEXT = 29 }; /* bytes of an IMF-fixdate */

/* Read a date in one of the three forms. now: what a year of two digits is near to. False: it is
 * none. */
bool date_read(sluice_str s, int64_t now, int64_t *out);
/* Write an IMF-fixdate of DATE_TEXT bytes; seconds is not before 1970 nor after the year 9999. */
void date_write(int64_t seconds, char out[DATE_TEXT + 1]);

#endif
