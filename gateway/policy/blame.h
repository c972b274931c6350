/*
 * What the log says of plugins that misbehave: a hook that fails, a service that is called in a way
 * in which it is refused, a change that is not made. A line names the instance, its plugin, the
 * hook and the cause. A client may cause the same again with every request, so each instance has a
 * quiet interval for each kind: the first line is written at once, and then at most one in
 * BLAME_QUIET_S, with the number of those that were left out. Any thread.
 */
#ifndef POLICY_BLAME_H
#define POLICY_BLAME_H

#include <stdatomic.h>

#include <sluice/plugin.h>

enum blame {
	BLAME_FAILED, /* a hook failed; LOG_ERROR */
	BLAME_MISUSE, /* a service refused a call; LOG_ERROR */
	BLAME_CHANGE, /* a field or a part of the request is left as it was; LOG_WARN */
	BLAME_SLOW,   /* a call of a hook took longer than the instance's budget; LOG_WARN */
	BLAMES
};

enum { BLAME_QUIET_S = 10 };

/* Of one kind. Zeroed at first. */
struct blame_quiet {
	_Atomic uint64_t until_ns; /* when the next line may be written */
	_Atomic uint64_t untold;   /* lines that were left out since the last one */
};

/* Whether a line may be written now: the first one, and then one in `seconds`. *untold is then the
 * number of those that were left out since the last. */
bool blame_quiet_is_over(struct blame_quiet *q, unsigned seconds, uint64_t *untold);

/* Blame an instance, for a call of the kind that policy/running.h names. */
__attribute__((format(printf, 4, 5))) void blame(sluice_instance *inst, unsigned call,
	enum blame what, const char *fmt, ...);
/* A call took so long: count and blame it where that is more than the instance's budget. fmt: of
 * what request or connection it was a part. */
__attribute__((format(printf, 4, 5))) void blame_slow(sluice_instance *inst, unsigned call,
	uint64_t took_ns, const char *fmt, ...);
/* Blame whatever runs on this thread. */
__attribute__((format(printf, 2, 3))) void blame_caller(enum blame what, const char *fmt, ...);
/* Tell that a call of a service is refused, and why: the rest of a sentence. */
void blame_misuse(const char *service, const char *why);

#endif
