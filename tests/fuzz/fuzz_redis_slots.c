/* redis/slots: maps and redirections, as any server may send them. What is taken is within all
 * bounds. */
#include <stdint.h>
#include <stdlib.h>

#include "redis/resp.h"
#include "redis/slots.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_node(const struct slots_node *n)
{
	check(n->host.name.data == n->name && n->host.name.len <= REDIS_HOST_MAX &&
			n->name[n->host.name.len] == 0 && n->host.port,
		"a host of %zu bytes, port %u", n->host.name.len, n->host.port);
}

static void check_map(const sluice_value *v)
{
	const char *wrong = NULL;
	unsigned used = 0;
	struct slots_map *m = slots_read(v, STR("asked"), &wrong);
	check(!m == !!wrong, "a map, and %s", wrong ? wrong : "no word of why there is none");
	if (!m)
		return;
	check(m->n > 0 && m->n <= SLOTS_NODES_MAX, "a map of %u nodes", m->n);
	for (unsigned i = 0; i < m->n; i++)
		check_node(&m->nodes[i]);
	for (unsigned i = 0; i < SLOTS; i++) {
		check(m->owner[i] < m->n || m->owner[i] == SLOTS_NONE, "slot %u is node %u's of %u",
			i, m->owner[i], m->n);
		used += m->owner[i] != SLOTS_NONE;
	}
	check(used > 0, "a map without a slot: %u nodes", m->n);
	free(m);
}

static void check_error(sluice_str error)
{
	struct slots_node to;
	unsigned slot = SLOTS;
	if (slots_redirect_read(error, STR("asked"), &slot, &to) == SLOTS_STAY)
		return;
	check(slot < SLOTS, "slot %u", slot);
	check_node(&to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct resp_reader r;
	const sluice_value *v;
	bool is_error;
	resp_init(&r);
	if (resp_feed(&r, str_n((const char *)data, size)) == 0) {
		while (resp_next(&r, &v, &is_error) == 1) {
			if (is_error)
				check_error(v->s);
			else
				check_map(v);
		}
	}
	check(slots_of_key(str_n((const char *)data, size)) < SLOTS,
		"no slot for a key of %zu bytes", size);
	resp_fini(&r);
	arena_thread_fini();
	return 0;
}
