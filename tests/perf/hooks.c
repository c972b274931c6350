/*
 * Hooks that do nothing, so that check-perf counts what calling them costs. perf.py compiles this
 * once for each set of hooks.
 */
#include <sluice/plugin.h>

static sluice_verdict hooks_nothing(sluice_exchange *x, const void *conf)
{
	(void)x;
	(void)conf;
	return SLUICE_NEXT;
}

#ifdef ALL_HOOKS
SLUICE_PLUGIN("three-hooks", .version = "1.0.0", .summary = "does nothing, three times",
	.on_request = hooks_nothing, .on_response = hooks_nothing, .on_complete = hooks_nothing);
#else
SLUICE_PLUGIN("one-hook", .version = "1.0.0", .summary = "does nothing",
	.on_request = hooks_nothing);
#endif
