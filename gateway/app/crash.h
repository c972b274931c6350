/*
 * What a crash says: one line with the signal, the thread, and, where a plugin ran, its instance,
 * hook, route and request; then where in the code it was. After that the signal does what it does
 * by default, so that systemd and core dumps see it as it was.
 */
#ifndef APP_CRASH_H
#define APP_CRASH_H

/* For the whole process, and for the thread that calls it. */
void crash_init(void);
/* Each further thread: a stack of its own for the handler, so that a stack that is used up can be
 * told of. */
void crash_thread_init(void);
void crash_thread_fini(void);

#endif
