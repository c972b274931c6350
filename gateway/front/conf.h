/* The `listeners:` block: one entry of it, as its option table binds it. Immutable while in
 * force. */
#ifndef FRONT_CONF_H
#define FRONT_CONF_H

#include "base/check.h"
#include "base/str.h"
#include "tls/conf.h"

enum front_protocol { FRONT_H2 = 1 << 0, FRONT_HTTP1 = 1 << 1 };

/* milliseconds */
struct listener_timeouts {
	uint64_t head, body, idle;
	uint64_t request; /* 0: no bound */
};

/* What a client goes on sending of a request that is answered already. */
struct listener_linger {
	uint64_t silence, time; /* ms */
	uint64_t size;          /* bytes */
};

/* Whose PROXY headers are read. */
struct listener_proxy_protocol {
	sluice_strs from; /* as in base/cidr */
	uint64_t timeout; /* ms */
};

/* What is made of the family of X-Forwarded-For. */
struct listener_forwarded {
	sluice_strs keep; /* names */
};

struct listener_conf {
	sluice_str name, address;
	uint64_t protocols; /* enum front_protocol */
	struct listener_timeouts timeouts;
	struct listener_linger linger;
	uint64_t min_rate;             /* bytes a second; 0: any */
	uint64_t max_head, max_target; /* bytes */
	uint64_t max_fields;
	uint64_t max_body;   /* bytes; 0: no bound */
	uint64_t max_memory; /* bytes of one exchange, bodies in flight not counted */
	/* "auto" or a number: client_bound_parse() */
	sluice_str max_connections_per_client, max_requests_per_client;
	uint64_t max_requests_per_connection; /* 0: no bound */
	uint64_t backlog;
	sluice_str mode, user, group; /* of a unix socket's file; empty: as the system makes it */
	struct listener_proxy_protocol proxy_protocol; /* empty `from`: none are read */
	sluice_strs trusted_proxies;                   /* as in base/cidr */
	int32_t client_ip_from;                        /* enum client_ip_from */
	struct listener_forwarded forwarded;
	bool via;           /* upstreams hear of Sluice */
	bool merge_slashes; /* "//" is "/" also in what is sent on */
	struct tls_server_conf tls;
};

/* Bounds on one client, as a listener names them: a number, 0 for no bound, or CLIENT_AUTO: a share
 * of what the gateway takes. */
#define CLIENT_AUTO UINT32_MAX
struct client_bounds {
	uint32_t connections, requests;
};
/* False: neither auto nor a number that can be counted. */
must_use bool client_bound_parse(sluice_str text, uint32_t *out);

extern const sluice_option listener_options[];

#endif
