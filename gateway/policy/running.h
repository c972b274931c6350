/*
 * Which code of plugins runs now on each thread: set by two stores around every call, read when a
 * thread hangs or crashes. The word holds the instance, and in its lowest bits the kind of call.
 *
 * The main thread may follow the word of another thread to the instance: instances are freed on the
 * main thread, and only after every worker that used one has released it.
 */
#ifndef POLICY_RUNNING_H
#define POLICY_RUNNING_H

#include "policy/instance.h"

/* Those below are those of enum run_phase. */
enum running_call {
	RUNNING_CLEANUP = 8,
	RUNNING_CHECK,
	RUNNING_START,
	RUNNING_STOP,
	RUNNING_WORKER_START,
	RUNNING_WORKER_STOP,
	RUNNING_TIMER,
	RUNNING_FETCH,
	RUNNING_REFRESH,
	RUNNING_FACT,
	RUNNING_CONNECT,
	RUNNING_SECURED,
	RUNNING_DISCONNECT,
	RUNNING_CONN_CLEANUP,
	RUNNING_RECORDS,
	RUNNING_CHOOSE,
	RUNNING_DISCOVER,
	RUNNING_EXPLAIN,
	RUNNING_MESSAGE,
	RUNNING_CALLS,
};
enum { RUNNING_ALIGN = 32 }; /* of instances */
_Static_assert((int)RUNNING_CALLS <= (int)RUNNING_ALIGN, "the call fits into the lowest bits");

/* What runs on this thread, w's own; 0: no plugin's code. */
static inline uintptr_t running_word(const struct worker *w)
{
	return atomic_load_explicit(&w->running, memory_order_relaxed);
}
/* Whether the call is one for an exchange: worker.running_for is that, or NULL. */
static inline bool running_is_of_exchange(uintptr_t word)
{
	unsigned call = word & (RUNNING_ALIGN - 1);
	return (call && call <= RUNNING_CLEANUP) || call == RUNNING_FACT || call == RUNNING_CHOOSE;
}
/* Whether it is one for a connection, which worker.running_for then is. */
static inline bool running_is_of_conn(uintptr_t word)
{
	unsigned call = word & (RUNNING_ALIGN - 1);
	return call >= RUNNING_CONNECT && call <= RUNNING_CONN_CLEANUP;
}

static inline void running_set(struct worker *w, const sluice_instance *inst, unsigned call,
	const sluice_exchange *x)
{
	w->running_for = x;
	atomic_store_explicit(&w->running, (uintptr_t)inst | call, memory_order_relaxed);
}
/* running_for stays, and says nothing: the word is 0. */
static inline void running_clear(struct worker *w)
{
	atomic_store_explicit(&w->running, 0, memory_order_relaxed);
}
/* The same around calls on the main thread. There is no worker of it while a configuration is only
 * checked. */
static inline void running_set_main(const sluice_instance *inst, enum running_call call)
{
	if (inst->policy->main)
		running_set(inst->policy->main, inst, call, NULL);
}
static inline void running_clear_main(const sluice_instance *inst)
{
	if (inst->policy->main)
		running_clear(inst->policy->main);
}

/* Whether code of a plugin runs there in a call of that kind. w may be NULL. */
static inline bool running_is(const struct worker *w, unsigned call)
{
	uintptr_t word = w ? atomic_load_explicit(&w->running, memory_order_relaxed) : 0;
	return word && (word & (RUNNING_ALIGN - 1)) == call;
}

/* What ran on a worker when another call began within it. */
struct running_call_before {
	uintptr_t word;
	const void *running_for;
};
/* A call that belongs to no exchange, and may begin while other code of plugins runs. */
static inline struct running_call_before running_begin(struct worker *w,
	const sluice_instance *inst, unsigned call)
{
	struct running_call_before was = { atomic_load_explicit(&w->running, memory_order_relaxed),
		w->running_for };
	running_set(w, inst, call, NULL);
	return was;
}
static inline void running_end(struct worker *w, struct running_call_before was)
{
	w->running_for = was.running_for;
	atomic_store_explicit(&w->running, was.word, memory_order_relaxed);
}

enum { RUNNING_TEXT = 256 };
/* `plugin instance "NAME" (PLUGIN) in on_request`; call: enum run_phase or enum running_call. */
void running_name(const sluice_instance *inst, unsigned call, char out[RUNNING_TEXT]);
/* What runs on a worker, for people: `plugin instance "NAME" (PLUGIN) in on_request`. False, and
 * "", when no plugin's code runs. Main thread, or w's own. */
bool running_text(const struct worker *w, char *out, size_t cap);
/* What runs on this thread, for people, and the instance; NULL: no plugin's code, and out says
 * which thread it is. */
sluice_instance *running_here(char out[RUNNING_TEXT]);
/* The name of the call in such a word, and below it the instance. Async-signal-safe. */
const char *running_call_name(uintptr_t word);
static inline sluice_instance *running_instance(uintptr_t word)
{
	/* NOLINT(performance-no-int-to-ptr) */
	return (sluice_instance *)(word & ~(uintptr_t)(RUNNING_ALIGN - 1));
}

/* Whether this is the main thread. */
bool running_on_main(void);

#endif
