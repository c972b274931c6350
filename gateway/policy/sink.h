/*
 * Log sinks: instances that are given the records of requests, off the request path. Each has a
 * thread, which calls on_records() for one batch after the other and may wait there; a sink that is
 * slow or hangs loses records, and holds up nobody. Main thread, except sink_attach().
 *
 *   a worker's access_log --> queue --> the sink's thread: on_records(batch) --> sluice_log_next()
 *
 * The thread begins when a configuration first names the instance as a sink, and ends after the
 * instance's last user is gone: it delivers what was given, for at most SINK_GRACE_MS, and then the
 * instance is freed. The main thread never waits for it, except at the end of the process.
 */
#ifndef POLICY_SINK_H
#define POLICY_SINK_H

#include "policy/instance.h"

enum {
	SINK_GRACE_MS = 2000,
	SINK_SILENT_S = 10, /* a call of on_records() that takes longer is told in the log */
	SINK_TELL_S = 10,   /* at most one line about dropped records in so many seconds */
};

/* Whether the plugin can be a sink. Any thread. */
static inline bool sink_is_one(const sluice_plugin *p)
{
	return p->on_records != NULL;
}

/* Start the thread of an instance that has started, once. False: it cannot be, errno says why. */
must_use bool sink_start(sluice_instance *inst);
/* On a worker: have its access log collect records for the instance. */
void sink_attach(struct worker *w, struct instance_worker *iw);

/* To be called each second: tells what the log should know of sinks, and frees those that have
 * ended. */
void sinks_look(void);
/* The process ends, and the workers have ended: let all sinks deliver what they were given, for at
 * most SINK_GRACE_MS. False: a sink has not ended; the log says which. */
must_use bool sinks_end(void);

#endif
