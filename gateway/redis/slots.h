/*
 * Hash slots of Redis Cluster: the slot of a key, which node has which slots, and replies that lead
 * to another node. Replies are parsed strictly; one mistake rejects the whole reply.
 */
#ifndef REDIS_SLOTS_H
#define REDIS_SLOTS_H

#include "redis/url.h"

enum {
	SLOTS = 16384,
	SLOTS_NODES_MAX = 128,
	SLOTS_NONE = 0xff /* in place of a node: no node has the slot */
};

struct slots_node {
	/* its name points to the member below, so a node must not be copied */
	struct redis_host host;
	char name[REDIS_HOST_MAX + 1];
};

struct slots_map {
	unsigned n;
	uint8_t owner[SLOTS]; /* of nodes, or SLOTS_NONE */
	struct slots_node nodes[SLOTS_NODES_MAX];
};

/* CRC-16/XMODEM. */
uint16_t slots_crc16(sluice_str s);
/* When a key has a part in braces, only that part counts: {user}:a and {user}:b have one slot. */
unsigned slots_of_key(sluice_str key);
/* Read the reply to CLUSTER SLOTS. asked: the host that sent it; its name replaces an empty one.
 * The caller owns the map and releases it with free(). NULL: *wrong says what is wrong. */
must_use struct slots_map *slots_read(const sluice_value *v, sluice_str asked, const char **wrong);

enum slots_redirect { SLOTS_STAY, SLOTS_MOVED, SLOTS_ASK };
/* Read an error reply: whether it is a redirection, and to where. */
enum slots_redirect slots_redirect_read(sluice_str error, sluice_str asked, unsigned *slot,
	struct slots_node *to);

#endif
