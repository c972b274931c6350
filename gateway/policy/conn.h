/*
 * The plugins' side of a client's connection: the hooks of the instances in its listener's list,
 * and what each of them keeps for the connection. It is the gate of the listener (front/gate.h).
 *
 * A row of instances is made for each listener with such hooks, with each snapshot. Connections
 * hold the row that they were accepted with, and the row holds what keeps its instances, the view.
 * So that a connection that stays open for hours does not hold an old configuration, whoever makes
 * the views lets a row move to a newer one that has all of its instances. Worker's thread.
 */
#ifndef POLICY_CONN_H
#define POLICY_CONN_H

#include <sluice/plugin.h>

#include "base/arena.h"
#include "front/gate.h"
#include "policy/instance.h"

struct chain;

struct conn_plugin {
	sluice_instance *inst;
	struct instance_worker *iw;
};

struct conn_row {
	struct conn_gate gate;
	struct list link; /* of whoever lets it move */
	struct worker *worker;
	struct instance_keeper *keeper; /* shared: ref */
	struct arena scratch;           /* owned: texts, until the hook returns */
	char refused[64 + 1];           /* the code with which the hook refuses */
	uint32_t n;
	struct conn_plugin v[];
};

struct conn_cleanup;

/* In the connection's memory: the room of the gate. */
struct sluice_conn {
	struct conn_row *row;         /* borrowed: the connection has it; NULL: no hook ran yet */
	const struct conn_info *info; /* borrowed: lives as long */
	uint64_t started_ns;
	/* while a hook runs: the code with which it refuses; NULL: it does not */
	const char *refused;
	struct conn_cleanup *cleanups; /* owned */
	uint32_t reached;              /* number of instances whose on_connect had its turn */
	uint32_t at;                   /* the instance that runs */
	uint8_t call;                  /* enum running_call; 0: none of its hooks runs */
	void *states[];                /* owned: by the instances' places in the row */
};

/* Whether the plugin has hooks of connections. */
static inline bool plugin_sees_conns(const sluice_plugin *p)
{
	return p->on_connect || p->on_secured || p->on_disconnect;
}

/* The instances of a chain that have hooks of connections, each once; chain->sees_conns. refs is
 * 1; to be released by conn_gate_unref(). on: the list that it is on while it lives. */
struct conn_row *conn_row_new(struct worker *w, const struct chain *chain,
	struct instance_worker *const *slots, struct instance_keeper *keeper, struct list *on);
/* Hold another view, which has the same instances. */
void conn_row_move(struct conn_row *r, struct instance_keeper *to);

/* The connection that an exchange came by, when its listener has a row; NULL: none. */
sluice_conn *conn_of_exchange(const sluice_exchange *x);
/* The place of an instance in a row; -1: it has none. */
int conn_place(const struct conn_row *r, const sluice_instance *inst);

/* For the host table; at: the place of the instance that calls. */
void *conn_state(sluice_conn *c, uint32_t at, size_t n);
bool conn_cleanup(sluice_conn *c, uint32_t at, void (*fn)(void *), void *arg);

#endif
