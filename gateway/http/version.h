/*
 * What differs from one version of HTTP to the next above the codecs: names, and what a client of
 * that version can be told. One row for each, so that no file above asks for the number. Any
 * thread.
 */
#ifndef HTTP_VERSION_H
#define HTTP_VERSION_H

#include "base/stat.h"
#include "base/str.h"

struct http_version {
	sluice_str name;       /* as logs call it; empty: not known */
	sluice_str via;        /* the line that tells upstreams (RFC 9110 7.6.3), with CRLF */
	enum stat_id requests; /* counts its requests */
	/* gRPC calls: every client reads trailers, and a PING tells whether it is there */
	bool carries_calls;
};

/* version: as in struct request_head. Never NULL. */
const struct http_version *http_version_of(uint8_t version);

#endif
