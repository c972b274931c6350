/*
 * Starting threads. The main thread handles signals, but those of a crash go to the thread that
 * crashed. Blocked there, they would end the process without a report.
 */
#ifndef BASE_THREADS_H
#define BASE_THREADS_H

#include <pthread.h>
#include <signal.h>

/* Around pthread_create(): the new thread has all signals blocked but those of a crash. */
static inline void threads_begin(sigset_t *before)
{
	static const int crashes[] = { SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL };
	sigset_t all;
	(void)sigfillset(&all);
	for (unsigned i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
		(void)sigdelset(&all, crashes[i]);
	(void)pthread_sigmask(SIG_SETMASK, &all, before);
}
static inline void threads_end(const sigset_t *before)
{
	(void)pthread_sigmask(SIG_SETMASK, before, NULL);
}

#endif
