/* The `listeners:` block: one entry of it, as its option table binds it. Immutable while in
 * force. */
#ifndef FRONT_CONF_H
#define FRONT_CONF_H

#include "base/check.h"
#include "base/str.h"
#include "route/limits.h"
#include "tls/conf.h"

enum front_protocol { FRONT_H2 = 1 << 0, FRONT_HTTP1 = 1 << 1 };

struct node;

/* milliseconds */
struct listener_timeouts {
	uint64_t head, body, idle;
	uint64_t request; /* 0: no bound */
};

/* Bounds on the rest of a request that is answered before it has come. */
struct listener_linger {
	uint64_t silence, time; /* ms */
	uint64_t size;          /* bytes */
};

/* Peers whose PROXY headers are read. */
struct listener_proxy_protocol {
	sluice_strs from; /* as in base/cidr */
	uint64_t timeout; /* ms */
};

/* What happens to the fields of the X-Forwarded-For family. */
struct listener_forwarded {
	sluice_strs keep; /* names */
};

struct listener_conf {
	sluice_str name, address;
	const struct node *plugins; /* a list of names and instances in place; NULL: none */
	uint64_t protocols;         /* enum front_protocol */
	struct listener_timeouts timeouts;
	struct listener_linger linger;
	struct route_defaults defaults; /* of its routes */
	uint64_t min_rate;              /* bytes a second; 0: any */
	uint64_t max_head, max_target;  /* bytes */
	uint64_t max_fields;
	uint64_t max_body;   /* bytes; 0: no bound */
	uint64_t max_memory; /* bytes of one exchange, bodies in flight not counted */
	/* "auto" or a number: client_bound_parse() */
	sluice_str max_connections_per_client, max_requests_per_client;
	uint64_t max_requests_per_connection; /* 0: no bound */
	uint64_t backlog;
	sluice_str mode, user, group; /* of a unix socket's file; empty: the system's default */
	struct listener_proxy_protocol proxy_protocol; /* empty `from`: none are read */
	sluice_strs trusted_proxies;                   /* as in base/cidr */
	int32_t client_ip_from;                        /* enum client_ip_from */
	struct listener_forwarded forwarded;
	bool via;           /* add Via to requests */
	bool merge_slashes; /* "//" becomes "/" also in the path that is forwarded */
	int32_t escaped_slashes, path_parameters; /* enum listener_spelling */
	struct tls_server_conf tls;
};

/* What becomes of a spelling in paths that servers read differently. */
enum listener_spelling { SPELLING_KEPT, SPELLING_REFUSED, SPELLING_RESOLVED };
/* How the listener reads paths: enum path_rule. */
uint8_t listener_path_rules(const struct listener_conf *c);

/* Bounds on one client, as a listener names them: a number, 0 for no bound, or CLIENT_AUTO: a share
 * of what the gateway takes. */
#define CLIENT_AUTO UINT32_MAX
struct client_bounds {
	uint32_t connections, requests;
};
/* False: text is neither auto nor a number up to COUNT_MOST. */
must_use bool client_bound_parse(sluice_str text, uint32_t *out);

extern const sluice_option listener_options[];

#endif
