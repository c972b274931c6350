/*
 * What every service of the host table checks first: that it may be called here, and that no
 * argument is missing. A call that is refused has a line in the log (policy/blame.h) and does
 * nothing. A call that is legal pays for a few comparisons and reads no memory of the exchange: x
 * may be one that has ended. Any thread.
 */
#ifndef POLICY_GUARD_H
#define POLICY_GUARD_H

#include <sluice/plugin.h>

#include "net/worker.h"

/* Log the refusal; the result is false. */
bool guard_refuse_hook(const void *x, const char *service);
bool guard_refuse(const char *service, const char *why);

/* Whether the caller is a plugin's code that the gateway has called for x, on x's own thread. */
must_use static inline bool guard_hook(const sluice_exchange *x, const char *service)
{
	const struct worker *w = worker_self;
	if (likely(x && w && w->running_for == x &&
		    atomic_load_explicit(&w->running, memory_order_relaxed)))
		return true;
	return guard_refuse_hook(x, service);
}
/* Whether an argument is there. why: the rest of a sentence. */
must_use static inline bool guard_given(const void *argument, const char *service, const char *why)
{
	return likely(argument) || guard_refuse(service, why);
}
/* The same for a callback. A macro, because a pointer to a function is no pointer to void. */
#define guard_callback(fn, service) (likely(fn) || guard_refuse(service, "the callback is NULL"))

/* Whether what the instance's options name is there: not for the thread of a sink, whose instance
 * may outlive its stores. */
must_use static inline bool guard_in_force(const char *service)
{
	return likely(!worker_self || worker_self->id != WORKER_SINK) ||
		guard_refuse(service, "the thread of a sink has no stores");
}

/* Whether the caller may use services of the main thread for this instance. */
must_use bool guard_main(const sluice_instance *inst, const char *service);

#endif
