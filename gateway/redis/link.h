/*
 * One worker's connection to one Redis server. Commands of one loop turn leave in one write, and
 * replies are matched to them in order. The link connects when first used, comes back by itself,
 * and never makes a caller wait for a server that is known to be down:
 *
 *      IDLE -> OPENING -> READY      calls are held while the first connection opens
 *                ^  |       |
 *                |  v       v
 *               WAITING <- (failed)  calls are refused at once, until a new connection
 *                                    answered a PING
 *
 * A connection that simply ended (Redis restarted) is opened anew at once, and calls are held
 * meanwhile, as at first. A server that leaves a command unanswered well past its deadline, or lets
 * all deadlines of a second pass, counts as failed; a connection without traffic is tried with a
 * PING now and then, so that this is found before somebody needs it.
 *
 * Of several hosts the link uses the first that says it is a primary (ROLE). An attempt goes
 * through all of them before the link waits; it begins with the one that was good last. Sentinels
 * are hosts of the same kind, but that each is asked first where the primary is, and once a second
 * whether it still is. A server that turns out to be a replica is left at once, also the only one
 * there is, by name or by address: a name may lead elsewhere by then, and so may a proxy's address.
 * It is then asked what it is (ROLE), and the attempts grow rarer until a command succeeds. Its
 * worker's thread only.
 */
#ifndef REDIS_LINK_H
#define REDIS_LINK_H

#include "net/timer.h"
#include "redis/script.h"
#include "redis/url.h"

enum {
	REDIS_IN_FLIGHT_MAX = 10000, /* commands without a reply, those given up included */
	REDIS_HELD_MAX = 1000,       /* commands that wait for the first connection */
	REDIS_QUEUE_MAX = 8 << 20,   /* bytes not yet written; beyond that calls are refused */
	REDIS_KEEP = 224,            /* bytes of a script's arguments kept without an allocation */
};

struct redis_link;
struct redis_call;
struct tls_client;
struct worker;

enum redis_state { REDIS_IDLE, REDIS_OPENING, REDIS_READY, REDIS_WAITING, REDIS_CLOSED };

struct redis_conf {
	struct redis_url url;                        /* not of a cluster */
	sluice_str sentinel_user, sentinel_password; /* at sentinels; the password is secret */
	uint64_t connect_timeout_ns; /* from the name of one host to its first PONG */
	/* in which a server that failed before must answer a PING to be trusted again */
	uint64_t timeout_ns;
	uint64_t ping_ns; /* of silence, after which the connection is tried; 0: never */
	/* failures are told by somebody else: they are not worth a warning */
	bool quiet;
	struct tls_client *tls; /* borrowed: as long as the link; NULL: plain */
	/* Asked about every error before the caller hears of it: true when it saw to the call.
	 * Commands are kept until then. NULL: nobody is asked. */
	bool (*on_error)(void *ctx, struct redis_link *l, struct redis_call *c, sluice_str error);
	void *on_error_ctx; /* borrowed: as long as the link */
};

/* Overwrite what is secret. */
void redis_conf_wipe(struct redis_conf *c);

/* v is never NULL; SLUICE_ERROR with a string is Redis' own error. Both are borrowed until it
 * returns. */
typedef void (*redis_reply_fn)(struct redis_call *c, sluice_status st, const sluice_value *v);

/* One command under way, embedded in whoever asks. */
struct redis_call {
	redis_reply_fn on_reply;
	struct redis_link *link; /* borrowed: while under way, else NULL */
	struct timer timer;
	uint64_t slot;
	const struct sluice_script *script; /* borrowed; NULL: a command */
	bool whole;                         /* the script was sent with its source */
	bool asking;                        /* sent behind ASKING */
	uint8_t hops;                       /* nodes that it was led on from */
	/* owned if not keep_room: a script's key and arguments, or a command, as bytes */
	char *keep;
	size_t keep_len;
	unsigned keep_args;
	char keep_room[REDIS_KEEP];
};

void redis_call_init(struct redis_call *c, redis_reply_fn on_reply);

/* conf is copied, but for what it borrows. Never NULL. */
struct redis_link *redis_link_new(struct worker *w, const struct redis_conf *conf);
/* Calls under way end as SLUICE_UNREACHABLE, from within. May be called from a callback of the
 * link. */
void redis_link_free(struct redis_link **l);
/* Begin to connect, if nothing did so before. */
void redis_link_warm(struct redis_link *l);
enum redis_state redis_link_state(const struct redis_link *l);
/* Calls that wait for a reply. */
size_t redis_link_waiting(const struct redis_link *l);

/* Send a command. SLUICE_OK: on_reply comes later, once, from the loop, never from within, and
 * within the timeout (and a tick). Anything else: it was not sent, and on_reply does not come. argv
 * is copied. Commands that change what a connection is (SUBSCRIBE, MULTI, SELECT, ...) or that
 * block are refused with SLUICE_ERROR: the link is shared. */
must_use sluice_status redis_send(struct redis_link *l, struct redis_call *c,
	const sluice_str *argv, size_t argc, uint64_t timeout_ns);
/* Run a script on one key; the same contract. When Redis does not know the script yet, it is sent
 * again whole. */
must_use sluice_status redis_eval(struct redis_link *l, struct redis_call *c,
	const struct sluice_script *script, sluice_str key, const sluice_str *args, size_t nargs,
	uint64_t timeout_ns);
/* on_reply comes no more: the reply is dropped when it arrives. Does nothing to a call at rest. */
void redis_cancel(struct redis_call *c);

#endif
