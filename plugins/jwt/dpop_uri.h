/* Whether two URLs name the same resource. Any thread. */
#ifndef JWT_DPOP_URI_H
#define JWT_DPOP_URI_H

#include <sluice/str.h>

enum { DPOP_URI_MAX = 4096 };

/* The URL of a request, as the client wrote it. */
struct dpop_target {
	sluice_str scheme, authority, path;
};

/*
 * Whether a URL, without its query and fragment, is that of the request (RFC 9449 4.3), compared in
 * the normal form of RFC 3986 6.2.2 and 6.2.3: the case of scheme and host, the default port,
 * escapes of unreserved characters, dot segments. Empty segments of its path count for nothing, as
 * everywhere in the gateway. One of more than DPOP_URI_MAX bytes, or with a user, is none.
 */
bool dpop_uri_is(sluice_str url, const struct dpop_target *target);

#endif
