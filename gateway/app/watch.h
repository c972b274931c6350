/*
 * Watches the workers: sends each a message every second. One that does not answer is logged with
 * what it runs, and makes the gateway not ready; while there is one, the watchdog of the service
 * manager is not told that all is well, so that it ends the process. Main thread.
 */
#ifndef APP_WATCH_H
#define APP_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct process;

enum { WATCH_TEXT = 256 };

/* The workers run. */
void watch_start(struct process *p);
void watch_stop(struct process *p);
/* Whether a worker has not answered for three seconds. */
bool watch_is_silent(const struct process *p, unsigned worker);
/* A text that says for how long, and in which plugin: `worker 1 has not answered for 12 s: plugin
 * instance "NAME" (PLUGIN) in on_request`. */
void watch_text(const struct process *p, unsigned worker, char out[WATCH_TEXT]);

#endif
