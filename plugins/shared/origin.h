/* Scheme and authority of an http URL, as clients know the gateway by them. Any thread. Compiled
 * into each module that needs it. */
#ifndef PLUGINS_SHARED_ORIGIN_H
#define PLUGINS_SHARED_ORIGIN_H

#include <sluice/str.h>

/* Split http(s)://AUTHORITY from what follows it. False: it is no such URL, or has a user. */
bool origin_split(sluice_str url, sluice_str *scheme, sluice_str *authority, sluice_str *rest);

/* The authority without the port that its scheme has anyway, or without an empty one (RFC 9110
 * 4.2.3). */
sluice_str origin_without_default_port(sluice_str scheme, sluice_str authority);

#endif
