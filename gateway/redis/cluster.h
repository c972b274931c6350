/*
 * One worker's connections to a Redis Cluster: a link for each node that has slots, and the map
 * from slots to nodes. The map is read when the first connection is open. It is read again after a
 * redirection or when a node fails, at most ten times a second. A call goes to the node of its key
 * and follows at most one MOVED and one ASK, within its own timeout. When a node is down, only
 * calls for its slots fail. The worker's thread only.
 */
#ifndef REDIS_CLUSTER_H
#define REDIS_CLUSTER_H

#include "redis/link.h"

struct redis_cluster;

/* conf is copied, except for what it borrows; its URL must be of a cluster. Never NULL. */
struct redis_cluster *cluster_new(struct worker *w, const struct redis_conf *conf);
/* Calls under way end as SLUICE_UNREACHABLE before it returns. */
void cluster_free(struct redis_cluster **c);
/* Begin to connect, unless that was done before. */
void cluster_warm(struct redis_cluster *c);
/* Calls that wait for a reply. */
size_t cluster_waiting(const struct redis_cluster *c);

/* See redis_send(). The key of a command is its first argument; a command without arguments goes to
 * any node. */
must_use sluice_status cluster_send(struct redis_cluster *c, struct redis_call *call,
	const sluice_str *argv, size_t argc, uint64_t timeout_ns);
must_use sluice_status cluster_eval(struct redis_cluster *c, struct redis_call *call,
	const struct sluice_script *script, sluice_str key, const sluice_str *args, size_t nargs,
	uint64_t timeout_ns);

#endif
