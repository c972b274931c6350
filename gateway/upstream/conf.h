/*
 * The `upstreams:` block: what one upstream is made of, as its option table binds it. Immutable
 * while in force; read by the workers. Rules that concern more than one option are
 * upstream_conf_check().
 */
#ifndef UPSTREAM_CONF_H
#define UPSTREAM_CONF_H

#include "tls/conf.h"
#include "upstream/conf_address.h"
#include "upstream/conf_discover.h"
#include "upstream/conf_balance.h"
#include "upstream/conf_health.h"
#include "upstream/conf_protect.h"
#include "upstream/rules.h"

enum {
	UPSTREAM_RETRIES_MAX = 7,
	UPSTREAM_TRIES_MAX = UPSTREAM_RETRIES_MAX + 1,
	UPSTREAM_NAME_MAX = 64,
};

enum upstream_protocol { PROTOCOL_HTTP1, PROTOCOL_H2, PROTOCOL_H2C, PROTOCOL_AUTO };

enum upstream_parsing { PARSING_STRICT, PARSING_LENIENT };

/* milliseconds */
struct upstream_timeouts {
	/* until a connection is open, TLS included, or until the first answer of the name
	 * service */
	uint64_t connect;
	uint64_t response; /* longest silence of a server whose answer is due */
	uint64_t idle;     /* of a kept connection */
	/* longest silence of a connection with gRPC calls, before a PING is sent */
	uint64_t ping;
	uint64_t queue;  /* wait for a connection while max_connections are busy */
	uint64_t tunnel; /* longest silence of both sides of a tunnel */
	/* of one server, from the whole request to the head of its response; 0: no bound of its
	 * own */
	uint64_t try;
};

struct upstream_conf {
	sluice_str name;
	sluice_blocks servers; /* struct upstream_server */
	/* name of an instance that finds the servers; empty: none. Also of discover.plugin: set by
	 * upstream_conf_check() */
	sluice_str discovery;
	struct upstream_discover discover;
	int32_t protocol; /* enum upstream_protocol */
	/* the version of the PROXY header that connections begin with; 0: none */
	int32_t proxy_protocol;
	struct upstream_balance_conf balance;
	struct hash_conf hash;
	struct sticky_conf sticky;
	struct zones_conf zones;
	uint64_t slow_start; /* ms; 0: none */
	sluice_str zone;     /* of the gateway: set by who builds the configuration */
	int32_t parsing;     /* enum upstream_parsing */
	struct upstream_timeouts timeouts;
	struct upstream_health health;
	uint64_t retries;         /* further servers asked, at most UPSTREAM_RETRIES_MAX */
	struct retry_conf retry;  /* where it is given: bind_given() */
	struct hedge_conf hedge;  /* likewise */
	uint64_t keepalive;       /* most idle connections to one server, of one worker */
	uint64_t max_connections; /* to one server, of all workers together; 0: no bound */
	uint64_t max_streams;     /* requests at a time on one connection of HTTP/2 */
	uint64_t max_queue;       /* requests of one worker that wait for a connection */
	int32_t queue_order;      /* enum queue_order */
	uint64_t max_requests;    /* at a time, of all workers together; 0: no bound */
	struct gradient_conf adaptive;
	struct breaker_conf breaker;
	uint64_t max_head;         /* bytes of a response head */
	uint64_t max_fields;       /* of one */
	uint64_t resolve_interval; /* ms; names are looked up again after this at the latest */
	struct tls_client_conf tls;
	/* these blocks were given: set by upstream_conf_check() */
	bool use_tls, is_adaptive, has_breaker;
};

/* One entry of `upstreams:`; name is the entry's key. */
extern const sluice_option upstream_options[];

/* How connections begin that the gateway opens for itself (PROXY protocol 2.1 and 2.2: UNKNOWN,
 * LOCAL); may be empty. Constant. */
sluice_str upstream_proxy_header(const struct upstream_conf *conf);

/* The protocols that ALPN offers to the servers, NULL-terminated; NULL: none. */
const char *const *upstream_alpn(const struct upstream_conf *conf);

/* Check the rules between options, on the main thread; mistakes are reported at their place in the
 * file. 0, or -1. */
must_use int upstream_conf_check(struct bind *b, struct upstream_conf *conf);

#endif
