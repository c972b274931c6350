/*
 * The options that say which server of an upstream gets a request: `balance`, `hash`, `sticky`,
 * `zones`, and what a server has of its own. Immutable while in force.
 */
#ifndef UPSTREAM_CONF_BALANCE_H
#define UPSTREAM_CONF_BALANCE_H

#include "config/bind.h"

enum upstream_balance {
	BALANCE_ROUND_ROBIN,
	BALANCE_LEAST_REQUESTS,
	BALANCE_RANDOM_TWO,
	BALANCE_LEAST_LATENCY,
	BALANCE_HASH,
};

enum sticky_same_site { SAME_SITE_LAX, SAME_SITE_STRICT, SAME_SITE_NONE };

/* how a server is chosen */
struct upstream_balance_conf {
	int32_t algorithm; /* enum upstream_balance */
	sluice_str plugin; /* name of an instance that chooses first; empty: none */
};

struct hash_conf {
	sluice_str by;      /* a key expression; empty: none */
	sluice_str balance; /* as written: 1.25, or off */
	uint32_t bound;     /* percent, 0: off; set by balance_conf_check() */
};

struct sticky_conf {
	sluice_str cookie; /* its name; empty: clients do not stick */
	bool secure, http_only;
	int32_t same_site; /* enum sticky_same_site */
	uint64_t ttl;      /* ms; 0: until the browser ends */
	sluice_str path;
	sluice_strs key; /* the first makes cookies; none: the process's own */
};

struct zones_conf {
	uint64_t local_min; /* hundredths of a percent */
};

struct upstream_server {
	sluice_str address; /* host:port, ip:port, [v6]:port, unix:path */
	uint64_t weight;    /* 0: no new requests */
	bool backup;
	sluice_str zone;          /* empty: of none */
	uint64_t max_connections; /* 0: as the upstream says */
};

struct upstream_conf;

extern const sluice_option upstream_server_options[], upstream_balance_options[],
	upstream_hash_options[], upstream_sticky_options[], upstream_zones_options[];

/* The rules between these options. 0, or -1. */
must_use int balance_conf_check(struct bind *b, struct upstream_conf *conf);

#endif
