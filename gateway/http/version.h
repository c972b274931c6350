/*
 * What differs between the versions of HTTP above the codecs: names, and what a client of that
 * version understands. One row for each, so that no other file compares version numbers. Any
 * thread.
 */
#ifndef HTTP_VERSION_H
#define HTTP_VERSION_H

#include "base/stat.h"
#include "base/str.h"

struct http_version {
	sluice_str name;       /* for logs; empty: not known */
	sluice_str via;        /* the line that tells upstreams (RFC 9110 7.6.3), with CRLF */
	enum stat_id requests; /* counts its requests */
	/* it can carry gRPC calls: clients read trailers, and PING shows whether they live */
	bool carries_calls;
};

/* version: as in struct request_head. Never NULL. */
const struct http_version *http_version_of(uint8_t version);

#endif
