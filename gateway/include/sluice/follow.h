/*
 * Redis stores from the main thread: commands, and channels that an instance follows, so that
 * workers can read what is published (sluice_publish()) without a round trip for a request. Part of
 * sluice/plugin.h. Main thread.
 */
#ifndef SLUICE_FOLLOW_H
#define SLUICE_FOLLOW_H

#include <sluice/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
	SLUICE_FOLLOWS = 8,        /* channels that an instance may follow */
	SLUICE_MAIN_COMMANDS = 16, /* commands of an instance that may be under way */
	SLUICE_CHANNEL_MAX = 1024  /* bytes of a channel's name */
};

/* A channel of Redis, and what is told of it. */
struct sluice_follow {
	size_t size; /* sizeof(sluice_follow) */
	const sluice_store *store;
	sluice_str channel; /* copied */
	/* A message has come; borrowed. */
	void (*on_message)(sluice_instance *inst, void *conf, void *user, sluice_str message);
	/* True: from now on messages come, and whatever was published before may have been missed:
	 * read it now. False: the connection is lost, and others are tried by themselves, with
	 * growing pauses. Never twice the same. */
	void (*on_state)(sluice_instance *inst, void *conf, void *user, bool is_connected);
	void *user; /* borrowed */
};

/* A command. */
struct sluice_main_ask {
	size_t size; /* sizeof(sluice_main_ask) */
	const sluice_store *store;
	const sluice_str *argv; /* copied */
	size_t argc;
	uint64_t timeout_ms;
	/* v is never NULL, and borrowed. SLUICE_ERROR with a string is an error of Redis. */
	void (*fn)(sluice_instance *inst, void *conf, void *user, sluice_status st,
		const sluice_value *v);
	void *user; /* borrowed */
};

/* From start() on: follow the channel, until the instance is in force no more. The callbacks run
 * later, on the main thread. A cluster passes messages on to all of its nodes; of other stores the
 * primary is followed. An idle connection is tested every 5 seconds. Instances that follow one
 * channel of a store share a connection. A message of more than 1 MiB breaks it. 0: on_state()
 * tells when it is connected. 1: it is connected already, by another instance, and on_state() tells
 * when that is lost. -1: nothing was begun, because the configuration is only checked, or the store
 * is none of Redis, or something is missing or too much (a line in the log). */
static inline int sluice_store_follow(sluice_instance *inst, const sluice_follow *f)
{
	return sluice_host_table->store_follow(inst, f);
}

/* From start() on: run a command. fn is called once, later and on the main thread, with the answer
 * or with why there is none, within timeout_ms (0: that of the store); it is not called when the
 * instance stops first. A script is a command too: EVAL. 0; or -1, and fn is not called: the server
 * is known to be down, the configuration is only checked, the store is none of Redis, the command
 * is one that other callers of the connection would feel (SUBSCRIBE, BLPOP, ...), or there are too
 * many. */
static inline int sluice_main_command(sluice_instance *inst, const sluice_main_ask *ask)
{
	return sluice_host_table->main_command(inst, ask);
}

#ifdef __cplusplus
}
#endif
#endif
