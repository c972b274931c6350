/* Finding servers by a plugin. See discovery.h. */
#include "policy/discovery.h"

#include "policy/blame.h"
#include "policy/guard.h"
#include "policy/running.h"
#include "upstream/upstream.h"

bool discovery_begin(sluice_instance *inst, struct discovered *d)
{
	if (!discovered_prepare(d, inst->id))
		return true;
	running_set_main(inst, RUNNING_DISCOVER);
	int err = module_discover(inst->plugin)(inst, inst->conf, d->name);
	running_clear_main(inst);
	instance_returned(inst);
	return err >= 0;
}

/* ---- what was found ------------------------------------------------------------------------ */

struct entries {
	const char *v;
	size_t size; /* of one, by the module's header */
};

/* No plugin is so old that its entries lack a member of today's. */
static struct upstream_server entry_read(const void *ctx, size_t i)
{
	const struct entries *e = ctx;
	sluice_server_entry s;
	memcpy(&s, e->v + i * e->size, sizeof(s));
	return (struct upstream_server){ .address = s.address.data ? s.address : STR(""),
		.weight = s.weight ? s.weight : 1 };
}

/* Always -1. */
static int discovery_refuse(sluice_str upstream, const char *why)
{
	blame_caller(BLAME_CHANGE, "the servers of upstream %.*s stay as they are: %s",
		(int)(upstream.len < 64 ? upstream.len : 64), upstream.data ? upstream.data : "",
		why);
	return -1;
}

int host_servers_set(sluice_instance *inst, sluice_str upstream, const sluice_server_entry *v,
	size_t n, size_t entry_size)
{
	static const char service[] = "sluice_servers_set()";
	char why[DISCOVERED_WHY];
	if (!guard_main(inst, service) || (n && !guard_given(v, service, "the servers are NULL")))
		return -1;
	if (entry_size < sizeof(*v)) {
		(void)guard_refuse(service, "the size of a server is not that of a header");
		return -1;
	}
	if (inst->refs == 0) {
		(void)guard_refuse(service, "the instance is being released");
		return -1;
	}
	struct discovered *d = discovered_find(upstream);
	if (!d || !discovered_is_owner(d, inst->id)) {
		(void)discovery_refuse(upstream,
			"no upstream of that name has this instance as its `discovery`");
		return SLUICE_SERVERS_GONE;
	}
	if (n > DISCOVERED_MAX)
		return discovery_refuse(upstream, "there are more than 10000");
	const struct entries entries = { (const char *)v, entry_size };
	struct server_set *set = server_set_new(n, entry_read, &entries, why);
	if (!set)
		return discovery_refuse(upstream, why);
	discovered_set(d, inst->id, set,
		&(struct discovered_workers){ inst->policy->workers, inst->policy->n_workers,
			upstream_on_set });
	return 0;
}
