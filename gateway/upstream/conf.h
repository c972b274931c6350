/*
 * The `upstreams:` block: what one upstream is made of, as its option table binds it. Immutable
 * while in force; read by the workers. Rules that concern more than one option are
 * upstream_conf_check().
 */
#ifndef UPSTREAM_CONF_H
#define UPSTREAM_CONF_H

#include "base/addr.h"
#include "config/bind.h"
#include "tls/conf.h"

enum { UPSTREAM_RETRIES_MAX = 7 };

enum upstream_protocol { PROTOCOL_HTTP1, PROTOCOL_H2, PROTOCOL_H2C, PROTOCOL_AUTO };

enum upstream_parsing { PARSING_STRICT, PARSING_LENIENT };

enum upstream_balance { BALANCE_ROUND_ROBIN, BALANCE_LEAST_REQUESTS };

struct upstream_server {
	sluice_str address; /* host:port, ip:port, [v6]:port, unix:path */
	uint64_t weight;
};

/* milliseconds */
struct upstream_timeouts {
	/* to an open connection, TLS included, or to the first answer of the name service */
	uint64_t connect;
	uint64_t response; /* longest silence of a server that owes an answer */
	uint64_t idle;     /* of a kept connection */
	uint64_t ping;     /* longest silence of a connection with gRPC calls, before it is asked */
	uint64_t queue;    /* for a connection, where max_connections are busy */
	uint64_t tunnel;   /* longest silence of both sides of a tunnel */
};

struct upstream_health {
	uint64_t failures;        /* in a row, before a server rests */
	uint64_t retry_after;     /* ms; first rest */
	uint64_t retry_after_max; /* ms; it doubles up to here */
};

struct upstream_conf {
	sluice_str name;
	sluice_blocks servers; /* struct upstream_server */
	int32_t protocol;      /* enum upstream_protocol */
	/* the version of the PROXY header that connections begin with; 0: none */
	int32_t proxy_protocol;
	int32_t balance; /* enum upstream_balance */
	int32_t parsing; /* enum upstream_parsing */
	struct upstream_timeouts timeouts;
	struct upstream_health health;
	uint64_t retries;          /* further servers asked, at most UPSTREAM_RETRIES_MAX */
	uint64_t keepalive;        /* most idle connections to one server, of one worker */
	uint64_t max_connections;  /* to one server, of all workers together; 0: no bound */
	uint64_t max_streams;      /* requests at a time on one connection of HTTP/2 */
	uint64_t max_queue;        /* requests of one worker that wait for a connection */
	uint64_t max_head;         /* bytes of a response head */
	uint64_t max_fields;       /* of one */
	uint64_t resolve_interval; /* ms; names are asked for again */
	struct tls_client_conf tls;
	bool use_tls; /* `tls` was given: set by upstream_conf_check() */
};

/* One entry of `upstreams:`; name is the entry's key. */
extern const sluice_option upstream_options[];

/* What a server's address says. host is empty for literal addresses, which are then in addr; a
 * slice of text else. */
struct upstream_address {
	struct addr addr;
	sluice_str host;
	uint16_t port;
};
must_use bool upstream_address_parse(sluice_str text, struct upstream_address *out);

/* What ALPN offers the servers, NULL-terminated; NULL: nothing. */
const char *const *upstream_alpn(const struct upstream_conf *conf);

/* The rules between options, on the main thread; mistakes are reported where they stand. 0, or
 * -1. */
must_use int upstream_conf_check(struct bind *b, struct upstream_conf *conf);

#endif
