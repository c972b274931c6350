/*
 * Reports a crash: one line with the signal, the thread and, when a plugin ran, its instance, hook,
 * route and request; where that request has a timeline, a line with the last events of it; then a
 * backtrace. After that the signal takes its default action, so that systemd and core dumps see the
 * original signal.
 */
#ifndef APP_CRASH_H
#define APP_CRASH_H

/* For the process and for the calling thread. */
void crash_init(void);
/* For each further thread: give the handler a stack of its own, so that a stack overflow can be
 * reported. */
void crash_thread_init(void);
void crash_thread_fini(void);

#endif
