/*
 * What is behind a redis_link, for its sources: link.c, the life of a connection; open.c, how one
 * is made; sentinel.c, where to; and send.c, calls.
 */
#ifndef REDIS_LINK_INTERNAL_H
#define REDIS_LINK_INTERNAL_H

#include "net/resolve.h"
#include "net/stream.h"
#include "redis/link.h"
#include "redis/queue.h"
#include "redis/resp.h"
#include "redis/trouble.h"
#include "tls/client.h"

/* Whether the one server of a link was found unable to serve. */
enum link_fitness {
	LINK_FIT, /* or nothing is known about it */
	/* It said so, and no command succeeded since: it is asked whether it is a primary, and each
	   attempt waits longer. */
	LINK_UNFIT,
};

struct redis_link {
	struct worker *worker; /* borrowed */
	struct redis_conf conf;
	struct arena mem; /* owned: strings of conf */
	const char *name; /* borrowed: from mem; for the log */
	enum redis_state state;
	/* OPENING: an attempt runs, rather than being due at the turn's end */
	bool begun;
	bool is_down;       /* failed, and no PONG since: calls are refused */
	bool wants_primary; /* there is a choice: what is no primary will not do */
	enum link_fitness fitness;
	struct trouble trouble;
	struct turn_hook at_turn_end;
	/* OPENING: end of the attempt; READY: oldest call overdue; WAITING: next attempt */
	struct timer timer;
	unsigned at_host;            /* of conf.url.hosts: the one in use, or to be tried */
	unsigned tried;              /* hosts of this round that failed */
	struct redis_link *sentinel; /* owned: to that host, when it is a sentinel */
	struct redis_call ask;
	struct timer look;       /* READY: ask again whether it is still so */
	struct redis_host found; /* what it answered */
	char found_name[REDIS_HOST_MAX + 1];
	const struct redis_host *to; /* where this attempt leads; NULL: not known yet */
	struct resolve_call resolve;
	struct addr addrs[RESOLVE_ADDRS_MAX];
	unsigned n_addrs, at_addr;
	struct stream stream; /* has a socket while has_stream */
	bool has_stream;
	struct tls_session_slot session;
	unsigned steps; /* OPENING: replies to the login still to come */
	struct resp_reader reader;
	struct redis_queue queue;
	struct buf held;   /* commands for the connection that opens */
	unsigned failures; /* attempts in a row */
	unsigned given_up; /* calls in a row that were not answered in time */
	uint64_t slow_ns;  /* when the first of those was given up */
	uint64_t ready_ns, down_ns, used_ns, pinged_ns;
	struct grave grave;
};

enum { LINK_REASON = 256 };

/* link.c */

/* Drop the connection. When there is another host to try in this round it is tried; else calls are
 * refused until another connection answers. */
__attribute__((format(printf, 2, 3))) void link_fail(struct redis_link *l, const char *fmt, ...);
/* The other side ended the connection, or is of no use any more. One that was good is opened anew
 * at once, without refusing calls meanwhile. */
void link_ended(struct redis_link *l, const char *why);
/* Logged in: calls go out. */
void link_ready(struct redis_link *l);
void link_on_readable(struct stream *s);
/* Everything that hangs on the connection or the attempt to make one; what is held stays. */
void link_drop_stream(struct redis_link *l);
/* Look at the oldest command, and arm the timer to look again. The link is ready. */
void link_watch(struct redis_link *l);

/* open.c */

/* Begin an attempt: the link is OPENING. */
void link_begin(struct redis_link *l);
/* Go on with it, to this host. */
void link_go_to(struct redis_link *l, const struct redis_host *h);
/* With the next address of it. */
void link_connect(struct redis_link *l);
void link_on_address(struct resolve_call *r, const struct resolve_answer *a);
/* A reply to what was sent to log in. */
void link_on_login(struct redis_link *l, const sluice_value *v, bool is_error);

/* sentinel.c */

void sentinel_init(struct redis_link *l);
/* Ask the sentinel whose turn it is; link_go_to() or link_fail() follows. The link is OPENING. */
void sentinel_ask(struct redis_link *l);
/* The link is READY: see from time to time whether the primary is another one. */
void sentinel_watch(struct redis_link *l);
/* Nothing that was asked counts any more; the connection stays. */
void sentinel_cancel(struct redis_link *l);

/* send.c */

/* The call is over: it may be made anew, or its memory may go, from within on_reply. */
void call_end(struct redis_call *c, sluice_status st, const sluice_value *v);
extern const sluice_value call_nothing;
/* Send a call whose reply has come once more, on another link; it keeps its deadline. It ends as
 * SLUICE_UNREACHABLE, from within, when that link takes none. */
void call_resend(struct redis_link *to, struct redis_call *c, bool asking);
/* All calls made so far end as SLUICE_UNREACHABLE; those made from callbacks meanwhile stay. */
void call_end_all(struct redis_link *l);
/* The reply to the oldest command. */
void call_on_reply(struct redis_link *l, const sluice_value *v, bool is_error);

#endif
