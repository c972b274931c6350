/* Texts of the field Cookie (RFC 6265 4.2.1), read as the gateway reads them. Any thread. */
#ifndef PLUGINS_SHARED_COOKIES_H
#define PLUGINS_SHARED_COOKIES_H

#include <sluice/str.h>

/* Append the cookies of a field that do not have the name to what was written from start to at,
 * with
 * "; " between them; no more than 2 * value.len + 2 bytes. Returns the end. *found becomes true
 * where one has the name. */
char *cookies_keep(sluice_str value, sluice_str name, const char *start, char *at, bool *found);

#endif
