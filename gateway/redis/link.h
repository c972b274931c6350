/*
 * One worker's connection to one Redis server. Commands of one loop turn leave in one write, and
 * replies are matched to them in order. The link connects when it is first used and connects again
 * by itself. While the server is known to be down, calls fail at once:
 *
 *      IDLE -> OPENING -> READY      calls are held while the first connection opens
 *                ^  |       |
 *                |  v       v
 *               WAITING <- (failed)  calls are refused at once, until a new connection
 *                                    answered a PING
 *
 * When a good connection is closed by Redis, as in a restart, the link opens another at once and
 * holds calls meanwhile. A server counts as failed when a command stays unanswered well past its
 * deadline, or when no command was answered in time for a second. An idle connection is tested with
 * PING, so that a failure is found before a request needs the connection.
 *
 * Of several hosts the link uses the first whose ROLE is primary. It tries all of them, beginning
 * with the last good one, before it waits. With Sentinel, the hosts are sentinels: the link asks
 * one of them for the primary's address, and once a second whether it has changed. When a server
 * turns out to be a replica, the link disconnects at once, even when it is the only server, since
 * its name or a proxy may lead to another one by now. The next connection asks for ROLE, and the
 * pauses between attempts grow until a command succeeds.
 *
 * A link that follows a channel (SUBSCRIBE) goes the same way, but begins by itself and again after
 * each loss: its PINGs find a connection that is dead. The worker's thread only.
 */
#ifndef REDIS_LINK_H
#define REDIS_LINK_H

#include "net/timer.h"
#include "redis/script.h"
#include "redis/url.h"

enum {
	/* commands without a reply, including those that nobody waits for any more */
	REDIS_IN_FLIGHT_MAX = 10000,
	REDIS_HELD_MAX = 1000,     /* commands that wait for the first connection */
	REDIS_QUEUE_MAX = 8 << 20, /* bytes not yet written; beyond that calls are refused */
	REDIS_KEEP = 224,          /* bytes of a script's arguments kept without an allocation */
};

struct redis_link;
struct redis_call;
struct tls_client;
struct worker;

enum redis_state { REDIS_IDLE, REDIS_OPENING, REDIS_READY, REDIS_WAITING, REDIS_CLOSED };

/* A link that follows a channel takes no commands; it tells its owner what comes. No function is
 * called before a function of the link that the owner called has returned, and they must not free
 * the link. */
struct redis_channel {
	sluice_str name;
	void (*on_message)(void *ctx, sluice_str message); /* message: borrowed */
	void (*on_state)(void *ctx, bool is_subscribed);
	void *ctx; /* borrowed: as long as the link */
};

struct redis_conf {
	struct redis_url url;                        /* not of a cluster */
	sluice_str sentinel_user, sentinel_password; /* at sentinels; the password is secret */
	uint64_t connect_timeout_ns; /* for one host: look-up, connection and login, until PONG */
	/* for the same, when the server has failed before */
	uint64_t timeout_ns;
	uint64_t ping_ns; /* idle time after which a PING is sent; 0: never */
	/* log failures at debug: the owner of the link reports them */
	bool quiet;
	/* of several hosts any one will do, whatever its role: nodes of a cluster */
	bool any_role;
	const struct redis_channel *channel; /* borrowed: as long as the link; NULL: for commands */
	struct tls_client *tls;              /* borrowed: as long as the link; NULL: plain */
	/* Called for each error reply before the caller is told; true: it took over the call. While
	 * it is set, commands are kept until their reply. May be NULL. */
	bool (*on_error)(void *ctx, struct redis_link *l, struct redis_call *c, sluice_str error);
	void *on_error_ctx; /* borrowed: as long as the link */
};

/* Overwrite the passwords. */
void redis_conf_wipe(struct redis_conf *c);

/* v is never NULL. SLUICE_ERROR with a string is an error reply of Redis. c and v are borrowed
 * during the call. */
typedef void (*redis_reply_fn)(struct redis_call *c, sluice_status st, const sluice_value *v);

/* A command under way. The caller embeds it. */
struct redis_call {
	redis_reply_fn on_reply;
	struct redis_link *link; /* borrowed: while under way, else NULL */
	struct timer timer;
	uint64_t slot;
	const struct sluice_script *script; /* borrowed; NULL: a command */
	bool whole;                         /* the script was sent with its source */
	bool asking;                        /* sent behind ASKING */
	uint8_t hops;                       /* redirections that it followed */
	/* a script's key and arguments, or a command, as bytes; owned unless it is keep_room */
	char *keep;
	size_t keep_len;
	unsigned keep_args;
	char keep_room[REDIS_KEEP];
};

void redis_call_init(struct redis_call *c, redis_reply_fn on_reply);

/* conf is copied, except for what it borrows. Never NULL. */
struct redis_link *redis_link_new(struct worker *w, const struct redis_conf *conf);
/* Calls under way end as SLUICE_UNREACHABLE before it returns. May be called from a callback of the
 * link. */
void redis_link_free(struct redis_link **l);
/* Begin to connect, unless that was done before. */
void redis_link_warm(struct redis_link *l);
enum redis_state redis_link_state(const struct redis_link *l);
/* Calls that wait for a reply. */
size_t redis_link_waiting(const struct redis_link *l);

/* Send a command. SLUICE_OK: on_reply is called once, from the loop, never before redis_send()
 * returns, and within the timeout (plus a timer tick). Otherwise the command was not sent and
 * on_reply is not called. argv is copied. Commands that change what a connection is (SUBSCRIBE,
 * MULTI, SELECT, ...) or that block are refused with SLUICE_ERROR: the link is shared. */
must_use sluice_status redis_send(struct redis_link *l, struct redis_call *c,
	const sluice_str *argv, size_t argc, uint64_t timeout_ns);
/* Run a script on one key; the same contract. When Redis does not know the script yet, its source
 * is sent. */
must_use sluice_status redis_eval(struct redis_link *l, struct redis_call *c,
	const struct sluice_script *script, sluice_str key, const sluice_str *args, size_t nargs,
	uint64_t timeout_ns);
/* on_reply will not be called; the reply is discarded when it arrives. Does nothing when the call
 * is not under way. */
void redis_cancel(struct redis_call *c);

#endif
