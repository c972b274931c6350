/* http:// and https:// URLs, as services give them to be fetched. Strict; no I/O. Any thread. */
#ifndef UPSTREAM_URL_H
#define UPSTREAM_URL_H

#include "base/str.h"

struct url {
	bool https;
	sluice_str host;      /* name or IP, without brackets */
	uint16_t port;        /* the scheme's own when left out */
	sluice_str authority; /* as written, for Host */
	sluice_str target;    /* path and query, as written; may be empty or begin with '?', and then wants a '/' before it */
};

enum { URL_MAX = 4096 };

/* Slices of text. NULL, or a sentence that says what is wrong: user information is refused, and so are fragments, bytes that
 * no URL has, and more than URL_MAX bytes. */
must_use const char *url_parse(sluice_str text, struct url *out);

#endif
