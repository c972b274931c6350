/* Which code of plugins runs now. See running.h. */
#include "policy/running.h"

#include <stdio.h>

#include "base/log.h"
#include "policy/frame.h"

_Static_assert((int)RUN_COMPLETE < (int)RUNNING_CLEANUP, "phases and calls are told apart");

const char *running_call_name(uintptr_t word)
{
	static const char *const names[RUNNING_CALLS] = {
		[RUN_REQUEST] = "on_request",
		[RUN_REQUEST_BODY] = "on_request_body",
		[RUN_RESPONSE] = "on_response",
		[RUN_RESPONSE_BODY] = "on_response_body",
		[RUN_COMPLETE] = "on_complete",
		[RUNNING_CLEANUP] = "a clean-up",
		[RUNNING_CHECK] = "check",
		[RUNNING_START] = "start",
		[RUNNING_STOP] = "stop",
		[RUNNING_WORKER_START] = "worker_start",
		[RUNNING_WORKER_STOP] = "worker_stop",
		[RUNNING_TIMER] = "a timer",
		[RUNNING_FETCH] = "the answer to a fetch",
		[RUNNING_REFRESH] = "on_refresh",
		[RUNNING_FACT] = "the provider of a fact",
	};
	unsigned call = word & (RUNNING_ALIGN - 1);
	return call < RUNNING_CALLS && names[call] ? names[call] : "a call";
}

bool running_text(const struct worker *w, char *out, size_t cap)
{
	uintptr_t word = atomic_load_explicit(&w->running, memory_order_relaxed);
	const sluice_instance *inst = running_instance(word);
	*out = 0;
	if (!inst)
		return false;
	(void)snprintf(out, cap, "plugin instance \"%.*s\" (%s) in %s", STR_ARG(inst->name),
		inst->plugin->name, running_call_name(word));
	return true;
}

void running_tell_misuse(const char *call, const char *why)
{
	char who[256] = "a thread that is no worker";
	if (worker_self && !running_text(worker_self, who, sizeof(who)))
		(void)snprintf(who, sizeof(who), "worker %u, where no plugin's code runs",
			worker_self->id);
	log_error("plugin", "%s is refused: %s; called by %s", call, why, who);
}
