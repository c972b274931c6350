/* Connections of the kit: a client that no socket has, put through the real hooks of connections.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "kit_internal.h"
#include "kit_tool.h"
#include "kit_use.h"
#include "policy/conn.h"
#include "policy/fact.h"

struct kit_conn {
	struct kit_use *use;
	struct conn_info info;
	struct conn_listener listener;
	struct conn_row *row;
	sluice_str facts[FACT_COUNT];
	struct arena own;
	char why[GATE_WHY];
	bool is_refused;
	union { /* aligned for pointers */
		void *aligned;
		char room[1];
	};
};

static struct list rows = { &rows, &rows };

static struct kit_conn *of(const sluice_conn *c)
{
	return (struct kit_conn *)((char *)(uintptr_t)c - offsetof(struct kit_conn, room));
}

static struct sluice_conn *plugged(const struct conn_info *info)
{
	return (void *)container_of(info, struct kit_conn, info)->room;
}

enum sluice_reading kit_conn_read(const struct conn_info *info, unsigned fact, struct arena *a,
	sluice_str *out)
{
	sluice_str value = container_of(info, struct kit_conn, info)->facts[fact];
	*out = value.data ? arena_str(a, value) : value;
	return out->data ? SLUICE_READ_ONE : SLUICE_READ_NONE;
}

bool kit_sees_conns(const sluice_instance *inst)
{
	const struct chain *chain = &kit_use(inst)->chain;
	for (uint32_t i = 0; i < chain->n; i++) {
		if (plugin_sees_conns(chain->v[i].plugin))
			return true;
	}
	return false;
}

sluice_conn *kit_conn(sluice_instance *inst)
{
	struct kit_use *u = kit_use(inst);
	if (!u->slot)
		kit_die("a connection before kit_start()");
	if (!kit_sees_conns(inst))
		kit_die("a connection, and no plugin has a hook for it");
	u->keeper.about = kit_about;
	struct conn_row *row = conn_row_new(&kit_worker, &u->chain, u->slots, &u->keeper, &rows);
	struct kit_conn *k = mem_zeroed(1, sizeof(*k) + row->gate.room, "struct kit_conn");
	k->use = u;
	k->row = row;
	u->exchanges++;
	arena_init(&k->own, 0);
	k->listener = (struct conn_listener){ .name = STR("listener"), .plugged = plugged };
	k->info = (struct conn_info){ .peer_ip = "203.0.113.7",
		.peer_ip_len = 11,
		.peer_port = 50000,
		.listener = &k->listener,
		.fd = -1 };
	k->facts[FACT_LISTENER] = k->listener.name;
	k->facts[FACT_PEER] = k->facts[FACT_IP] = STR("203.0.113.7");
	k->facts[FACT_PEER_PORT] = STR("50000");
	return plugged(&k->info);
}

void kit_conn_set_info(sluice_conn *c, sluice_info what, const char *value)
{
	struct kit_conn *k = of(c);
	k->facts[fact_of_info((int)what)] = value ? arena_str(&k->own, str_of(value)) : STR_NONE;
}

static sluice_verdict take(struct kit_conn *k, bool goes_on)
{
	k->is_refused = !goes_on;
	return goes_on ? SLUICE_NEXT : SLUICE_REPLY;
}

sluice_verdict kit_connect(sluice_conn *c)
{
	struct kit_conn *k = of(c);
	return take(k, k->row->gate.ops->on_connect(&k->row->gate, c, &k->info, k->why));
}

sluice_verdict kit_secure(sluice_conn *c)
{
	struct kit_conn *k = of(c);
	if (k->is_refused || !c->row)
		kit_die("a handshake on a connection that was not let in");
	if (!k->facts[FACT_TLS_VERSION].data)
		k->facts[FACT_TLS_VERSION] = STR("TLSv1.3");
	k->info.tls_version = k->facts[FACT_TLS_VERSION].data;
	return take(k, k->row->gate.ops->on_secured(c, k->why));
}

const char *kit_conn_refused(sluice_conn *c)
{
	const struct kit_conn *k = of(c);
	return k->is_refused ? k->why : NULL;
}

struct conn_info *kit_conn_info(sluice_conn *c)
{
	return &of(c)->info;
}

void kit_disconnect(sluice_conn *c)
{
	struct kit_conn *k = of(c);
	k->row->gate.ops->on_close(c);
	conn_gate_unref(&k->row->gate);
	k->use->exchanges--;
	arena_fini(&k->own);
	free(k);
}
