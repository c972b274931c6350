/*
 * One worker's way into a Redis Cluster: a link for each node that has slots, and the map that says
 * which. The map is read when the first connection is open, and again whenever somebody says that
 * it is wrong, or a node fails; never more often than ten times a second. A call goes to the node
 * of its key. It follows one MOVED and one ASK at most, within its own time; a node that is down
 * fails the calls for its slots, and no others. Its worker's thread only.
 */
#ifndef REDIS_CLUSTER_H
#define REDIS_CLUSTER_H

#include "redis/link.h"

struct redis_cluster;

/* conf is copied, but for what it borrows; its URL is of a cluster. Never NULL. */
struct redis_cluster *cluster_new(struct worker *w, const struct redis_conf *conf);
/* Calls under way end as SLUICE_UNREACHABLE, from within. */
void cluster_free(struct redis_cluster **c);
/* Begin to connect, if nothing did so before. */
void cluster_warm(struct redis_cluster *c);
/* Calls that wait for a reply. */
size_t cluster_waiting(const struct redis_cluster *c);

/* See redis_send(). The key is the first argument, or what it is of a script; a command without one
 * goes anywhere. */
must_use sluice_status cluster_send(struct redis_cluster *c, struct redis_call *call,
	const sluice_str *argv, size_t argc, uint64_t timeout_ns);
must_use sluice_status cluster_eval(struct redis_cluster *c, struct redis_call *call,
	const struct sluice_script *script, sluice_str key, const sluice_str *args, size_t nargs,
	uint64_t timeout_ns);

#endif
