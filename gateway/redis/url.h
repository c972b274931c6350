/*
 * Where a Redis server is and how to log in there, read from one URL:
 *
 *	redis://[[user]:password@]host[:port][/db]	port 6379, db 0 when left out
 *	rediss://...					the same over TLS
 *	unix:/path/to.sock[?db=N]
 *
 * User and password are percent-decoded. What is well-formed but not supported (several hosts, Sentinel, Cluster) is refused
 * with a sentence of its own, so that nobody takes it for a typing mistake.
 */
#ifndef REDIS_URL_H
#define REDIS_URL_H

#include "base/addr.h"
#include "base/arena.h"

enum { REDIS_DB_MAX = 65535, REDIS_SECRET_MAX = 1024, REDIS_URL_TEXT = 300 };

struct redis_url {
	bool tls;
	sluice_str user;     /* empty: the default user */
	sluice_str password; /* secret; data is NULL: none */
	sluice_str host;     /* name or IP literal without brackets; empty: a unix socket. NUL-terminated */
	uint16_t port;
	uint32_t db;
	struct addr addr;    /* of an IP literal or a unix socket; len 0: the host is a name */
};

/* Strings are copied to a. 0, or -1 with *error set to a sentence that holds nothing of the text. */
must_use int redis_url_parse(struct arena *a, sluice_str text, struct redis_url *out, const char **error);
/* The URL for the log: no user, no password. buf of REDIS_URL_TEXT bytes is NUL-terminated. */
void redis_url_text(const struct redis_url *u, char *buf);

#endif
