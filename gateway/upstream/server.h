/*
 * One entry of an upstream's `servers` in use: the candidates in the balance for its address. A
 * literal address is one candidate; a name is one for each of its addresses, and is looked up again
 * when their TTL is over. When the name service fails, the addresses known last stay as long as
 * `stale` allows (net/resolve). Its worker's thread only.
 */
#ifndef UPSTREAM_SERVER_H
#define UPSTREAM_SERVER_H

#include "net/resolve.h"
#include "upstream/balance.h"
#include "upstream/endpoint.h"

/* What a look-up came to. */
struct server_look {
	enum resolve_reason reason; /* RESOLVE_OK: there was an answer */
	unsigned added, removed;    /* addresses */
	/* whoever waits for the name must look again: it was the first look-up, with or without an
	 * answer, or the first answer */
	bool is_first;
};

/* What all servers of an upstream have in common. */
struct server_setup {
	struct worker *worker;            /* borrowed */
	struct balance *balance;          /* borrowed */
	const struct upstream_conf *conf; /* borrowed */
	unsigned workers;                 /* how many share the servers */
	bool is_new; /* no snapshot before had the upstream: its servers need no slow start */
	uint64_t tls_identity[2];
	struct endpoint_bounds bounds;
	struct check_plan *checks; /* borrowed: of the upstream; NULL: none */
	/* a look-up of a name has ended. From the loop */
	void (*on_answer)(void *user, const struct server_look *look);
	void *user;
};

struct server {
	const struct server_setup *setup;   /* borrowed: lives as long */
	const struct upstream_server *conf; /* borrowed */
	struct upstream_address address;
	struct candidate *candidates[RESOLVE_ADDRS_MAX]; /* owned */
	unsigned n_candidates;
	unsigned n_failed; /* look-ups, in a row */
	bool asked;        /* the first answer came; literal addresses need none */
	bool is_new;       /* of setup, until the first addresses are there */
	struct resolve_call call;
	struct timer timer; /* to the next look-up */
};

/* A bound of all workers together as that of one: at least 1, but 0, no bound, stays. */
static inline uint32_t upstream_links(uint64_t max_connections, unsigned workers)
{
	return (uint32_t)((max_connections + workers - 1) / workers);
}

/* earlier: the same entry in an earlier snapshot; its addresses are used until the first answer.
 * May be NULL. */
void server_start(struct server *s, const struct server_setup *setup,
	const struct upstream_server *conf, const struct server *earlier);
void server_stop(struct server *s);
/* The same address is written in another place, perhaps with other options. */
void server_change(struct server *s, const struct upstream_server *conf);
/* The weight that an operator has set may have changed. */
void server_weigh(struct server *s);

#endif
