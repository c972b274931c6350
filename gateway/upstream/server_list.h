/*
 * The servers of one upstream on one worker: those of the file, or a set that was found, which a
 * later set replaces. Servers that are in both keep their connections, health and look-ups. Its
 * worker's thread only.
 */
#ifndef UPSTREAM_SERVER_LIST_H
#define UPSTREAM_SERVER_LIST_H

#include "upstream/discovered.h"
#include "upstream/server.h"

struct server_list {
	struct server **v; /* owned, with each of them; of a set: in its order */
	size_t n;
	struct server_set *set; /* shared: ref; NULL: v is of the file, and stays */
};

/* The server of that address in an earlier snapshot; NULL: none. */
typedef const struct server *(*server_earlier_fn)(void *ctx, sluice_str address);

/* Begin with the servers of setup->conf; with `discovered`, with those found so far, or with those
 * of the file until there are some. setup lives as long; earlier is called within. */
void server_list_start(struct server_list *l, const struct server_setup *setup,
	struct discovered *discovered, server_earlier_fn earlier, void *ctx);
/* Go over to a later set; an earlier one is passed over. Takes over the reference. */
void server_list_take(struct server_list *l, const struct server_setup *setup,
	struct server_set *set);
void server_list_stop(struct server_list *l);
/* The server of that address, as it is written. NULL: there is none. */
const struct server *server_list_find(const struct server_list *l, sluice_str address);
/* Whether there may soon be servers: a name is looked up for the first time, or no set was found
 * yet.
 */
bool server_list_awaits(const struct server_list *l);
/* How many addresses are in use, by where they come from. */
void server_list_count(const struct server_list *l, unsigned n[SERVER_SOURCES]);
/* Whether there is no server, and none is looked up. */
static inline bool server_list_is_empty(const struct server_list *l)
{
	return l->n == 0;
}

#endif
