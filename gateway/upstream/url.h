/* http:// and https:// URLs that the gateway fetches (RFC 9110 4.2). Strict; no I/O. Any thread. */
#ifndef UPSTREAM_URL_H
#define UPSTREAM_URL_H

#include "base/str.h"

enum { URL_MAX = 4096 };

struct url {
	bool https;
	bool has_query;       /* "?" alone is an empty query */
	uint16_t port;        /* the scheme's own when left out */
	sluice_str host;      /* a name, or an IP without brackets */
	sluice_str authority; /* as written, for Host */
	sluice_str path;      /* as written; "/" when left out */
	sluice_str query;     /* as written, without '?' */
};

/* out is slices of text. Returns NULL, or a sentence that says what is wrong, without a full stop.
 * User information, fragments, illegal bytes and escapes, and more than URL_MAX bytes are
 * refused. */
must_use const char *url_parse(sluice_str text, struct url *out);

#endif
