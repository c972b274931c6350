/* Choosing a server in the kit: the set that the test describes, given to the plugin by the real
 * caller of on_choose. */
#include "kit_internal.h"
#include "kit_use.h"
#include "policy/choose.h"

enum { KIT_SERVERS = 1024 };

static sluice_server servers[KIT_SERVERS];
static size_t n_servers;
static uint64_t generation;

static bool is_same(const sluice_server *s, const kit_candidate *v)
{
	return str_eq(s->address, str_of(v->address)) && s->weight == (v->weight ? v->weight : 1);
}

/* Take the servers over. Returns how many were tried, their keys in tried. */
static uint32_t take(const kit_candidate *v, size_t n, uint64_t *tried)
{
	uint32_t n_tried = 0;
	bool is_new = n != n_servers;
	for (size_t i = 0; i < n; i++) {
		is_new = is_new || !is_same(&servers[i], &v[i]);
		servers[i] =
			(sluice_server){ .key = balance_server_key(str_of(v[i].address), STR_NONE),
				.address = str_of(kit_keep(v[i].address)),
				.weight = v[i].weight ? v[i].weight : 1,
				.in_flight = v[i].in_flight,
				.ready = !v[i].down };
		if (v[i].tried)
			tried[n_tried++] = servers[i].key;
	}
	n_servers = n;
	generation += is_new;
	return n_tried;
}

void kit_choose_reset(void)
{
	n_servers = 0; /* addresses lie in kit_arena */
}

int kit_choose(sluice_instance *inst, sluice_exchange *x, const kit_candidate *v, size_t n)
{
	static uint64_t tried[KIT_SERVERS];
	struct kit_use *u = kit_use(inst);
	struct choose c;
	if (!u->slot || !module_on_choose(inst->plugin))
		kit_die("kit_choose() before kit_start(), or without on_choose");
	if (n > KIT_SERVERS)
		kit_die("%zu servers, and the kit has %d", n, KIT_SERVERS);
	sluice_choice choice = { .size = sizeof(choice),
		.upstream = STR("upstream"),
		.servers = servers,
		.n_servers = (uint32_t)n,
		.server_size = sizeof(servers[0]),
		.tried = tried,
		.n_tried = take(v, n, tried) };
	choice.generation = generation;
	choose_init(&c, &kit_worker, &u->item, u->slot);
	int i = c.chooser.choose(&c.chooser, x, &choice);
	return i == BALANCE_NO_CHOOSER ? SLUICE_CHOOSE_FAIL : i;
}
