/* What each thread that runs a worker has, the main thread included. */
#ifndef APP_THREAD_H
#define APP_THREAD_H

/* A worker's thread begins: its counters, and a stack to crash on. The main thread counts into the
 * shared counters, and has its stack from crash_init(). */
void thread_init(void);
/* The thread is done: give back what its files keep for it, at last its counters. */
void thread_fini(void);

#endif
