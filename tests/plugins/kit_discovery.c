/* Finding servers in the kit: the real hook and the real sets, without workers that use them. */
#include <stdio.h>

#include "kit_internal.h"
#include "kit_use.h"
#include "policy/discovery.h"

enum { KIT_UPSTREAMS = 16, KIT_TEXT = 1 << 20 };

static struct discovered *upstreams[KIT_UPSTREAMS];
static sluice_instance *finders[KIT_UPSTREAMS];

static int index_of(const char *upstream)
{
	int i = 0;
	while (i < KIT_UPSTREAMS && upstreams[i] && !str_eq(upstreams[i]->name, str_of(upstream)))
		i++;
	if (i == KIT_UPSTREAMS)
		kit_die("the kit has %d upstreams", KIT_UPSTREAMS);
	return i;
}

/* The configuration with all upstreams that there are comes into force. */
static void settle(void)
{
	discovered_settle_begin();
	for (int i = 0; i < KIT_UPSTREAMS; i++) {
		if (upstreams[i])
			discovered_settle(upstreams[i], finders[i]->name, NULL);
	}
}

int kit_discover(sluice_instance *inst, const char *upstream)
{
	const struct kit_use *u = kit_use(inst);
	int i = index_of(upstream);
	if (!u->slot || !module_discover(inst->plugin))
		kit_die("kit_discover() before kit_start(), or without discover");
	if (!upstreams[i])
		upstreams[i] = discovered_get(str_of(upstream));
	finders[i] = inst;
	if (!discovery_begin(inst, upstreams[i])) {
		kit_forget_upstream(upstream);
		return -1;
	}
	settle();
	return 0;
}

const char *kit_servers(const char *upstream)
{
	static char text[KIT_TEXT];
	int i = index_of(upstream);
	const struct server_set *s = upstreams[i] ? upstreams[i]->set : NULL;
	size_t n = 0;
	text[0] = 0;
	for (size_t k = 0; s && k < s->n && n < sizeof(text); k++) {
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%.*s", k ? " " : "",
			STR_ARG(s->v[k].address));
		if (s->v[k].weight > 1 && n < sizeof(text))
			n += (size_t)snprintf(text + n, sizeof(text) - n, "*%llu",
				(unsigned long long)s->v[k].weight);
	}
	return s ? text : NULL;
}

void kit_forget_upstream(const char *upstream)
{
	int i = index_of(upstream);
	discovered_unref(&upstreams[i]);
	/* the others move up, so that the first free place is behind them */
	for (; i + 1 < KIT_UPSTREAMS; i++) {
		upstreams[i] = upstreams[i + 1];
		finders[i] = finders[i + 1];
	}
	upstreams[KIT_UPSTREAMS - 1] = NULL;
}

void kit_discovery_reset(void)
{
	for (int i = 0; i < KIT_UPSTREAMS; i++)
		discovered_unref(&upstreams[i]);
}
