/*
 * Dependencies: what an instance needs from outside of the gateway (keys, lists, licences), as
 * operators see it. Part of sluice/plugin.h. Main thread.
 */
#ifndef SLUICE_DEPENDENCY_H
#define SLUICE_DEPENDENCY_H

#include <sluice/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum sluice_dependency_state {
	SLUICE_DEPENDENCY_AWAITED = 0, /* it has not been there yet */
	SLUICE_DEPENDENCY_OK,
	SLUICE_DEPENDENCY_FAILING, /* it is used, but the last try to renew it failed */
	SLUICE_DEPENDENCY_LOST     /* it was there, and is used no more */
} sluice_dependency_state;

/* Something outside of the gateway that an instance needs for its work: keys, a list, a licence.
 * What an operator is told of it, by sluice_dependency_set(). All texts are copied. */
struct sluice_dependency {
	size_t size; /* sizeof(sluice_dependency) */
	/* 1 to 256 bytes; among the dependencies of the instance */
	sluice_str name;
	sluice_dependency_state state;
	/* While it is AWAITED, /readyz says that the gateway is not ready, but not longer than this
	 * after the gateway's start, and not once the gateway was ready. 0: /readyz does not wait
	 * for it. */
	uint64_t ready_wait_ms;
	sluice_str source; /* where it comes from: a URL, a path; empty: nowhere in particular */
	sluice_str text;   /* why the last try failed, for people; empty: it did not. No secrets */
	uint64_t entries;  /* how many things it has: keys, lines */
	/* in terms of sluice_now_ns(): when it was last known to be current, and when it is renewed
	 * next; 0: never, or nobody knows */
	uint64_t current_ns, next_ns;
	uint64_t failures; /* tries that failed so far, all together */
};

/* Main thread, from check() on: tell the state of something outside that the instance needs, in the
 * place of what was told of the same name before. /status, the metrics `sluice_dependency_...` and,
 * where it is so wanted, /readyz show it while a configuration in force uses the instance. An
 * instance may have 64; a further one, and one that is malformed, is a line in the log. */
static inline void sluice_dependency_set(sluice_instance *inst, const sluice_dependency *d)
{
	sluice_host_table->dependency_set(inst, d);
}

#ifdef __cplusplus
}
#endif
#endif
