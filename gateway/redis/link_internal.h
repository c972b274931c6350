/*
 * What is behind a redis_link, for its two sources: link.c, the life of a connection, and send.c, calls.
 */
#ifndef REDIS_LINK_INTERNAL_H
#define REDIS_LINK_INTERNAL_H

#include "net/resolve.h"
#include "net/stream.h"
#include "redis/link.h"
#include "redis/queue.h"
#include "redis/resp.h"
#include "tls/client.h"

struct redis_link {
	struct worker *worker; /* borrowed */
	struct redis_conf conf;
	struct arena mem;      /* owned: strings of conf */
	char name[REDIS_URL_TEXT];
	enum redis_state state;
	bool begun;            /* OPENING: an attempt runs, rather than being due at the turn's end */
	bool is_down;          /* failed, and no PONG since: calls are refused */
	struct turn_hook at_turn_end;
	struct timer timer;    /* OPENING: end of the attempt; READY: oldest call overdue; WAITING: next attempt */
	struct resolve_call resolve;
	struct addr addrs[RESOLVE_ADDRS_MAX];
	unsigned n_addrs, at_addr;
	struct stream stream;  /* has a socket while has_stream */
	bool has_stream;
	struct tls_session_slot session;
	unsigned steps;        /* OPENING: replies to the login still to come */
	struct resp_reader reader;
	struct redis_queue queue;
	struct buf held;       /* commands for the connection that opens */
	unsigned failures;     /* attempts in a row */
	unsigned given_up;     /* calls in a row that were not answered in time */
	uint64_t slow_ns;      /* when the first of those was given up */
	uint64_t ready_ns, down_ns, used_ns, pinged_ns;
	struct grave grave;
};

/* link.c */

/* Drop the connection and refuse calls until another one answers. */
__attribute__((format(printf, 2, 3))) void link_fail(struct redis_link *l, const char *fmt, ...);
/* Look at the oldest command, and arm the timer to look again. The link is ready. */
void link_watch(struct redis_link *l);

/* send.c */

/* The call is over: it may be made anew, or its memory may go, from within on_reply. */
void call_end(struct redis_call *c, sluice_status st, const sluice_value *v);
/* All calls made so far end as SLUICE_UNREACHABLE; those made from callbacks meanwhile stay. */
void call_end_all(struct redis_link *l);
/* The reply to the oldest command. */
void call_on_reply(struct redis_link *l, const sluice_value *v, bool is_error);

#endif
