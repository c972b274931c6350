/* What each thread with a worker needs, the main thread included. */
#ifndef APP_THREAD_H
#define APP_THREAD_H

/* To be called at the start of a worker's thread: makes its counters and the stack of its crash
 * handler. The main thread uses the shared counters and has its stack from crash_init(). */
void thread_init(void);
/* To be called at the end of the thread: frees its thread-local memory, its counters last. */
void thread_fini(void);

#endif
