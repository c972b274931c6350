/*
 * Hash slots of Redis Cluster: the slot of a key, which node has which slots, and replies that lead
 * to another node. Whatever a server says is read strictly; nothing of it is kept when a part is
 * wrong.
 */
#ifndef REDIS_SLOTS_H
#define REDIS_SLOTS_H

#include "redis/url.h"

enum {
	SLOTS = 16384,
	SLOTS_NODES_MAX = 128,
	SLOTS_NONE = 0xff /* for a node: nobody has the slot */
};

struct slots_node {
	struct redis_host host; /* its name is below: a node stays where it is */
	char name[REDIS_HOST_MAX + 1];
};

struct slots_map {
	unsigned n;
	uint8_t owner[SLOTS]; /* of nodes, or SLOTS_NONE */
	struct slots_node nodes[SLOTS_NODES_MAX];
};

/* CRC-16/XMODEM. */
uint16_t slots_crc16(sluice_str s);
/* Of the part in braces alone when a key has one ({user}:a, {user}:b are together). */
unsigned slots_of_key(sluice_str key);
/* Read the reply to CLUSTER SLOTS. asked: the host that sent it, whose name stands for one that is
 * left out. A map of the caller's own, released with free(); or NULL, and then *wrong is a sentence
 * on what is wrong. */
must_use struct slots_map *slots_read(const sluice_value *v, sluice_str asked, const char **wrong);

enum slots_redirect { SLOTS_STAY, SLOTS_MOVED, SLOTS_ASK };
/* Read an error: where it leads, if it does. */
enum slots_redirect slots_redirect_read(sluice_str error, sluice_str asked, unsigned *slot,
	struct slots_node *to);

#endif
