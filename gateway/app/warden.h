/*
 * The thread that makes sure that the process ends. It receives SIGQUIT, so that the signal works
 * even when the main thread hangs, and passes it on. When a deadline for the end has passed, it
 * ends the process itself. It also logs when the main thread does not answer.
 */
#ifndef APP_WARDEN_H
#define APP_WARDEN_H

#include "net/worker.h"

/* To be called before other threads are made, so that SIGQUIT is blocked in all of them. on_quit
 * runs on the main thread. False with errno: the thread cannot start. */
must_use bool warden_start(struct worker *main, void (*on_quit)(struct worker *w, void *arg),
	void *arg);
/* The process must end within ns. An earlier deadline stays in force. Any thread. */
void warden_limit(uint64_t ns);
void warden_stop(void);
/* End the process now, without help of other threads. Log lines get half a second to be written. */
enum { WARDEN_FORCED = 1 }; /* exit status of a process that had to be ended */
__attribute__((noreturn)) void warden_end(int status);

#endif
