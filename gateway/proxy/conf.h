/* The whole configuration file as its option tables bind it. Lives in the snapshot, immutable. */
#ifndef PROXY_CONF_H
#define PROXY_CONF_H

#include "config/condition.h"
#include "front/conf.h"
#include "net/resolve_conf.h"
#include "obs/conf.h"
#include "store/conf.h"
#include "upstream/conf.h"
#include "upstream/fetch_proxy.h"

struct node;

struct overload_conf {
	sluice_str memory, descriptors; /* "90%", a size (of memory alone), or "off" */
};

struct runtime_conf {
	sluice_str workers;      /* "auto" or a number */
	uint64_t shutdown_grace; /* ms */
	uint64_t drain_delay;    /* ms; 0: connections are refused at once */
	uint64_t max_connections;
	sluice_str zone; /* empty: none */
	bool core_dumps;
	struct overload_conf overload;
	struct resolve_conf resolve;
	struct fetch_proxy_conf fetch_proxy;
};

struct admin_conf {
	sluice_str address; /* empty: no admin listener */
	sluice_strs hosts;  /* names it may be asked by */
};

/* Whose story is told; an empty list stands for all. */
struct stories_conf {
	sluice_strs routes;  /* names */
	sluice_strs clients; /* addresses and networks */
};

struct log_conf {
	int32_t level; /* enum log_level */
	struct stories_conf stories;
	struct access_conf access;
};

struct respond_conf {
	uint64_t status;
	sluice_str body, content_type;
	sluice_pairs headers;
};

/* milliseconds */
struct grpc_conf {
	uint64_t max_timeout; /* 0: no bound */
	uint64_t idle;        /* longest silence of both sides */
};

/* An upstream of several. */
struct split_to_conf {
	sluice_str name;
	uint64_t weight;
};

struct split_conf {
	sluice_strs by;   /* facts */
	sluice_blocks to; /* struct split_to_conf */
};

struct mirror_conf {
	sluice_str to;
	uint64_t share;    /* hundredths of a percent */
	uint64_t max_body; /* bytes */
	uint64_t timeout;  /* ms */
	uint64_t max_copies;
};

struct route_conf {
	sluice_str name, upstream;
	struct match_conf match;
	int32_t priority;             /* enum call_priority */
	sluice_strs upgrade;          /* protocols a client may change to */
	sluice_strs request_trailers; /* names that pass */
	const struct node *plugins;   /* a list of names and inline instances; NULL: none */
	bool public;                  /* nobody asks for credentials, and so it is meant */
	struct split_conf split;
	struct mirror_conf mirror;
	struct respond_conf respond;
	struct grpc_conf grpc;
	struct route_timeouts timeouts;
	struct retry_conf retry; /* where it is given: bind_given() */
	struct hedge_conf hedge; /* likewise */
	uint64_t max_body;
};

struct problems_conf {
	sluice_str type; /* what the type of a problem document begins with */
};

struct consumer_conf {
	sluice_str name;
	sluice_strs identities; /* INSTANCE:NAME */
	sluice_strs groups;
	sluice_pairs facts;
};

enum group_mode { GROUP_ENFORCE, GROUP_REPORT };

/* `any-of` and `all-of` in a list of plugins. */
struct group_conf {
	sluice_str use;
	const struct node *of; /* a list, as one of plugins */
	int32_t mode;          /* enum group_mode */
};

struct gateway_conf {
	sluice_strs include; /* of the first file; config/include.h has read them */
	struct runtime_conf runtime;
	struct admin_conf admin;
	struct log_conf log;
	struct problems_conf problems;
	sluice_blocks listeners;    /* struct listener_conf */
	sluice_blocks stores;       /* struct store_conf */
	const struct node *plugins; /* a map of instances; NULL: none */
	sluice_blocks consumers;    /* struct consumer_conf */
	sluice_blocks upstreams;    /* struct upstream_conf */
	sluice_blocks routes;       /* struct route_conf */
};

extern const sluice_option gateway_options[];
/* of a member of `routes`: conf_route.c */
extern const sluice_option route_options[];
/* of a route's split: conf_split.c */
extern const sluice_option split_options[];
/* of a route's mirror: conf_mirror.c */
extern const sluice_option mirror_options[];
/* of any-of, and of all-of */
extern const sluice_option any_of_options[], all_of_options[];

#endif
