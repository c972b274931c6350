/* Calls of services that are refused. See guard.h. */
#include "policy/guard.h"

#include "policy/blame.h"
#include "policy/frame.h"
#include "policy/running.h"

bool guard_refuse(const char *service, const char *why)
{
	blame_misuse(service, why);
	return false;
}

bool guard_refuse_hook(const void *x, const char *service)
{
	return guard_refuse(service,
		x ? "it is for the exchange whose hook runs, on its own thread"
		  : "the exchange is NULL");
}

/* A worker calls hooks, clean-ups and providers for an exchange, and the rest for itself. */
static bool guard_is_of_worker(unsigned call)
{
	return (call >= RUN_REQUEST && call <= RUNNING_CLEANUP) || call == RUNNING_FACT ||
		call == RUNNING_WORKER_START || call == RUNNING_WORKER_STOP ||
		call == RUNNING_CHOOSE;
}

bool guard_main(const sluice_instance *inst, const char *service)
{
	unsigned call = 0;
	if (!inst)
		return guard_refuse(service, "the instance is NULL");
	if (worker_self)
		call = atomic_load_explicit(&worker_self->running, memory_order_relaxed) &
			(RUNNING_ALIGN - 1);
	if (running_on_main() && !guard_is_of_worker(call))
		return true;
	return guard_refuse(service, "it is for the main thread, outside of hooks");
}
