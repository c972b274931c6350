/*
 * The header of the PROXY protocol, versions 1 and 2
 * (https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt): the very first bytes of a
 * connection, by which a load balancer says whose connection it passes on. Bytes to facts and back,
 * no I/O. Any thread.
 *
 * A sender may claim any address, so read the header only from trusted peers.
 */
#ifndef NET_PROXY_HEADER_H
#define NET_PROXY_HEADER_H

#include "base/addr.h"

enum {
	/* bytes of a header that is read, the extensions of version 2 included */
	PROXY_HEADER_MAX = 4096,
	PROXY_HEADER_WRITTEN = 107, /* bytes of one that is written, at most */
};

struct proxy_header {
	int version;   /* 1 or 2 */
	bool is_named; /* false: the sender speaks for itself (LOCAL), or cannot tell (UNKNOWN, a
			* family that is not of the Internet): the connection's own addresses are
			* the ones that count */
	struct addr source, target; /* client, and where it connected; when is_named */
};

/* The header at the start of n bytes. Its length; 0 when the bytes are the beginning of one; -1
 * when they are not: *why then says so in a sentence without a full stop. Bytes behind it are not
 * looked at. */
must_use int proxy_header_parse(const char *p, size_t n, struct proxy_header *out,
	const char **why);

/* Write one of that version to buf, of PROXY_HEADER_WRITTEN bytes, and return its length. A source
 * that is no IP address is written as unknown; a target that is none (or len 0) as the unspecified
 * address. */
size_t proxy_header_write(int version, const struct addr *source, const struct addr *target,
	char *buf);

#endif
