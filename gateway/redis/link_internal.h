/*
 * The inside of a redis_link, for its sources: link.c, the states of a connection; open.c,
 * connecting and logging in; sentinel.c, finding the primary; send.c, calls; channel.c, following a
 * channel.
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

/* Whether the only server of a link was found to be a replica or not ready. */
enum link_fitness {
	LINK_FIT, /* or not known */
	/* An error said so, and no command succeeded since. The login asks for ROLE, and the pauses
	   between attempts grow. */
	LINK_UNFIT,
};

struct redis_link {
	struct worker *worker; /* borrowed */
	struct redis_conf conf;
	struct arena mem; /* owned: strings of conf */
	const char *name; /* borrowed: from mem; for the log */
	enum redis_state state;
	/* OPENING: the attempt has begun; else it begins at the end of the turn */
	bool begun;
	bool is_down;       /* failed, and no PONG since: calls are refused */
	bool wants_primary; /* there are several hosts: only a primary is used */
	bool is_subscribed; /* the owner was told that messages come */
	enum link_fitness fitness;
	struct trouble trouble;
	struct turn_hook at_turn_end;
	/* OPENING: the attempt times out; READY: the oldest call is overdue; WAITING: next
	   attempt */
	struct timer timer;
	unsigned at_host;            /* index of the host in use or tried now, in conf.url.hosts */
	unsigned tried;              /* hosts of this round that failed */
	struct redis_link *sentinel; /* owned: to that host, when it is a sentinel */
	struct redis_call ask;
	struct timer recheck;    /* READY: time to ask the sentinel again */
	struct redis_host found; /* the address that the sentinel gave */
	char found_name[REDIS_HOST_MAX + 1];
	const struct redis_host *to; /* the host to connect to; NULL: not known yet */
	struct resolve_call resolve;
	struct addr addrs[RESOLVE_TRIED_MAX];
	unsigned n_addrs, at_addr;
	struct stream stream; /* has a socket while has_stream */
	bool has_stream;
	struct tls_session_slot session;
	unsigned steps; /* OPENING: replies to the login that are outstanding */
	struct resp_reader reader;
	struct redis_queue queue;
	struct buf held;    /* commands held until the connection is open */
	unsigned failures;  /* attempts in a row that failed */
	unsigned timed_out; /* calls in a row that were not answered in time */
	uint64_t slow_ns;   /* when the first of those timed out */
	uint64_t ready_ns, down_ns, used_ns, pinged_ns;
	struct grave grave;
};

enum { LINK_REASON = 256 };

/* link.c */

/* Drop the connection and try the next host of this round. When there is none, calls are refused
 * until another connection answers. */
__attribute__((format(printf, 2, 3))) void link_fail(struct redis_link *l, const char *fmt, ...);
/* The server closed the connection, or must not be used any more. If the connection was good,
 * another is opened at once and calls are held meanwhile. */
void link_ended(struct redis_link *l, const char *why);
/* The login succeeded: send the held calls. */
void link_ready(struct redis_link *l);
void link_on_readable(struct stream *s);
/* Close the connection or end the attempt to open one. Held calls stay. */
void link_drop_stream(struct redis_link *l);
/* Check whether the oldest command is overdue, and arm the timer for the next check. The link is
 * READY. */
void link_watch(struct redis_link *l);

/* open.c */

/* Begin an attempt: the link is OPENING. */
void link_begin(struct redis_link *l);
/* Continue the attempt with this host. */
void link_go_to(struct redis_link *l, const struct redis_host *h);
/* Connect to the next address of the host. */
void link_connect(struct redis_link *l);
void link_on_address(struct resolve_call *r, const struct resolve_answer *a);
/* A reply to a command of the login. */
void link_on_login(struct redis_link *l, const sluice_value *v, bool is_error);

/* channel.c: for links that follow one */

/* The login subscribed. */
void channel_ready(struct redis_link *l);
/* The connection is gone, or was never there. */
void channel_lost(struct redis_link *l);
/* What came. NULL, or why the connection is of no use: text may hold it. */
const char *channel_on_reply(struct redis_link *l, const sluice_value *v, bool is_error,
	char text[TROUBLE_TEXT]);

/* sentinel.c */

void sentinel_init(struct redis_link *l);
/* Ask the sentinel at_host for the primary; link_go_to() or link_fail() follows. The link is
 * OPENING. */
void sentinel_ask(struct redis_link *l);
/* The link is READY: ask from time to time whether the primary has changed. */
void sentinel_watch(struct redis_link *l);
/* Cancel the question to the sentinel; the connection to it stays. */
void sentinel_cancel(struct redis_link *l);

/* send.c */

/* End a call. on_reply may make it again or free its memory. */
void call_end(struct redis_call *c, sluice_status st, const sluice_value *v);
extern const sluice_value call_nothing;
/* Send a call that was answered again, on another link, with its old deadline. When that link
 * accepts no call, it ends as SLUICE_UNREACHABLE before this returns. */
void call_resend(struct redis_link *to, struct redis_call *c, bool asking);
/* End all calls made so far as SLUICE_UNREACHABLE. Calls that their callbacks make are not
 * ended. */
void call_end_all(struct redis_link *l);
/* The reply to the oldest command. */
void call_on_reply(struct redis_link *l, const sluice_value *v, bool is_error);

#endif
