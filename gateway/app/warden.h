/*
 * The thread that sees to it that the process ends. It takes SIGQUIT, so that this signal works
 * whatever the main thread is busy with, hands it on, and ends the process itself when a deadline
 * for its end has passed. It also says in the log when the main thread stands still.
 */
#ifndef APP_WARDEN_H
#define APP_WARDEN_H

#include "net/worker.h"

/* Before other threads are made: SIGQUIT is blocked in all of them. on_quit runs on the main
 * thread. False, with errno: it cannot be started. */
must_use bool warden_start(struct worker *main, void (*on_quit)(struct worker *w, void *arg),
	void *arg);
/* The process must have ended within ns: an earlier deadline stays. Any thread. */
void warden_limit(uint64_t ns);
void warden_stop(void);
/* End the process now, without the help of any other thread: the log gets half a second to be
 * written. */
__attribute__((noreturn)) void warden_end(void);

#endif
