/*
 * tenant-probe: states "tenant" after a wait, from the first part of the host, and provides
 * "plan:", counting how often it is asked.
 */
#include <sluice/plugin.h>

#include <stdio.h>

struct tenant_probe {
	uint64_t ms;
};

#define O(type, field, ...) SLUICE_OPTION(SLUICE_T_##type, struct tenant_probe, field, __VA_ARGS__)
static const sluice_option options[] = {
	O(DURATION, ms, .def = "20ms", .doc = "how long to wait before the tenant is known"),
	SLUICE_OPTIONS_END,
};

static sluice_str plan_of(sluice_exchange *x, void *ctx, sluice_str name)
{
	unsigned *asked = ctx;
	(void)name;
	++*asked;
	return sluice_field(x, SLUICE_REQUEST, SLUICE_STR("x-plan"));
}

static sluice_verdict known(sluice_exchange *x, const void *conf)
{
	(void)conf;
	sluice_str host = sluice_get(x, SLUICE_I_HOST);
	size_t n = 0;
	while (n < host.len && host.data[n] != '.')
		n++;
	sluice_attr_set(x, SLUICE_STR("tenant"), (sluice_str){ host.data, n });
	return SLUICE_NEXT;
}

static sluice_verdict on_request(sluice_exchange *x, const void *conf)
{
	const struct tenant_probe *p = conf;
	unsigned *asked = sluice_state(x, sizeof(*asked));
	if (!asked)
		return SLUICE_FAIL;
	sluice_attr_provide(x, "plan", plan_of, asked);
	return sluice_sleep(x, p->ms, known);
}

static sluice_verdict on_response(sluice_exchange *x, const void *conf)
{
	const unsigned *asked = sluice_state(x, sizeof(*asked));
	char text[16];
	(void)conf;
	if (!asked)
		return SLUICE_FAIL;
	int n = snprintf(text, sizeof(text), "%u", *asked);
	sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("X-Asked"),
		(sluice_str){ text, (size_t)n });
	return SLUICE_NEXT;
}

static const char *const states[] = { "tenant", "plan:", NULL };

SLUICE_PLUGIN("tenant-probe", .version = "1", .summary = "states a tenant after a wait",
	.options = options, .conf_size = sizeof(struct tenant_probe), .on_request = on_request,
	.on_response = on_response, .provides = states);
