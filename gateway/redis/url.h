/*
 * The URL of a Redis store: where it is, and how to log in.
 *
 *      redis://[[user]:password@]HOSTS[/db]                port 6379, db 0 when left out
 *      redis+sentinel://[[user]:password@]HOSTS/NAME[/db]  port 26379; the hosts are sentinels,
 *                                                          which know the primary NAME
 *      redis+cluster://[[user]:password@]HOSTS             port 6379; some nodes
 *      rediss://, rediss+sentinel://, rediss+cluster://    the same over TLS
 *      unix:/path/to.sock[?db=N]
 *
 * HOSTS is host[:port], or several with commas between. User and password are percent-decoded.
 */
#ifndef REDIS_URL_H
#define REDIS_URL_H

#include "base/addr.h"
#include "base/arena.h"

enum {
	REDIS_DB_MAX = 65535,
	REDIS_SECRET_MAX = 1024,
	REDIS_HOSTS_MAX = 16,
	REDIS_HOST_MAX = 253,
	REDIS_MASTER_MAX = 64,
	REDIS_URL_TEXT = 64 + REDIS_MASTER_MAX + REDIS_HOSTS_MAX * (REDIS_HOST_MAX + 9),
};

enum redis_kind {
	REDIS_SERVERS, /* one server, or several of which one is the primary */
	REDIS_SENTINEL,
	REDIS_CLUSTER,
};

struct redis_host {
	/* name or IP literal without brackets; empty: a unix socket. NUL-terminated */
	sluice_str name;
	uint16_t port;
	struct addr addr; /* of an IP literal or a unix socket; len 0: a name to look up */
};

struct redis_url {
	enum redis_kind kind;
	bool tls;
	sluice_str user;     /* empty: the default user */
	sluice_str password; /* secret; data is NULL: none */
	sluice_str master;   /* the name by which sentinels know the primary */
	uint32_t db;
	unsigned n_hosts;
	struct redis_host hosts[REDIS_HOSTS_MAX];
};

/* Strings are copied to a. 0, or -1 with *error set to a sentence. It quotes nothing of the text,
 * which may hold a password. */
must_use int redis_url_parse(struct arena *a, sluice_str text, struct redis_url *out,
	const char **error);
/* The URL for the log: no user, no password. buf of REDIS_URL_TEXT bytes is NUL-terminated. */
void redis_url_text(const struct redis_url *u, char *buf);
/* A copy whose strings are in a. */
void redis_url_copy(struct arena *a, const struct redis_url *from, struct redis_url *to);
/* Overwrite the password. */
void redis_url_wipe(struct redis_url *u);

/* Fill in a host from the network: a valid name or IP literal, and a port of 1..65535; else false.
 * name is copied to room (REDIS_HOST_MAX + 1 bytes), which must live as long as *out. */
must_use bool redis_host_set(struct redis_host *out, char *room, sluice_str name, uint64_t port);
/* "host:port" for the log, or the path of a socket; buf of REDIS_HOST_TEXT bytes. */
enum { REDIS_HOST_TEXT = REDIS_HOST_MAX + 10 };
const char *redis_host_text(const struct redis_host *h, char *buf);

#endif
