/* Which code of plugins runs now. See running.h. */
#include "policy/running.h"

#include <stdio.h>
#include <unistd.h>

#include "policy/frame.h"

_Static_assert((int)RUN_COMPLETE < (int)RUNNING_CLEANUP, "phases and calls are told apart");

const char *running_call_name(uintptr_t word)
{
	static const char *const names[RUNNING_CALLS] = {
		[RUN_REQUEST] = "on_request",
		[RUN_REQUEST_BODY] = "on_request_body",
		[RUN_ATTEMPT] = "on_attempt",
		[RUN_RESPONSE] = "on_response",
		[RUN_RESPONSE_BODY] = "on_response_body",
		[RUN_WRITE] = "the writing of an answer",
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
		[RUNNING_CONNECT] = "on_connect",
		[RUNNING_SECURED] = "on_secured",
		[RUNNING_DISCONNECT] = "on_disconnect",
		[RUNNING_CONN_CLEANUP] = "a clean-up of a connection",
		[RUNNING_RECORDS] = "on_records",
		[RUNNING_CHOOSE] = "on_choose",
		[RUNNING_DISCOVER] = "discover",
		[RUNNING_EXPLAIN] = "explain",
		[RUNNING_MESSAGE] = "a message or an answer of a store",
	};
	unsigned call = word & (RUNNING_ALIGN - 1);
	return call < RUNNING_CALLS && names[call] ? names[call] : "a call";
}

void running_name(const sluice_instance *inst, unsigned call, char out[RUNNING_TEXT])
{
	(void)snprintf(out, RUNNING_TEXT, "plugin instance \"%.*s\" (%s) in %s",
		STR_ARG(inst->name), inst->plugin->name, running_call_name(call));
}

bool running_text(const struct worker *w, char *out, size_t cap)
{
	char name[RUNNING_TEXT];
	uintptr_t word = atomic_load_explicit(&w->running, memory_order_relaxed);
	const sluice_instance *inst = running_instance(word);
	*out = 0;
	if (!inst)
		return false;
	running_name(inst, word & (RUNNING_ALIGN - 1), name);
	(void)snprintf(out, cap, "%s", name);
	return true;
}

sluice_instance *running_here(char out[RUNNING_TEXT])
{
	const struct worker *w = worker_self;
	if (!w)
		(void)snprintf(out, RUNNING_TEXT, "%s",
			running_on_main() ? "the main thread" : "a thread that is no worker");
	else if (!running_text(w, out, RUNNING_TEXT))
		(void)snprintf(out, RUNNING_TEXT, "worker %u, where no plugin's code runs", w->id);
	else
		return running_instance(atomic_load_explicit(&w->running, memory_order_relaxed));
	return NULL;
}

bool running_on_main(void)
{
	static __thread enum { UNKNOWN, MAIN, OTHER } thread;
	if (thread == UNKNOWN)
		thread = gettid() == getpid() ? MAIN : OTHER;
	return thread == MAIN;
}
