/* Reports the state of the process to the service manager, if there is one, by the protocol of
 * sd_notify(3). */
#ifndef APP_NOTIFY_H
#define APP_NOTIFY_H

#include <stdint.h>

/* One datagram such as "READY=1" to $NOTIFY_SOCKET. Does nothing when that is not set. */
void notify_send(const char *state);
/* How long the manager waits for the next "WATCHDOG=1" before it ends the process, in ns; 0: it
 * does not wait for any. */
uint64_t notify_watchdog_ns(void);
/* Another process is the service from now on: send nothing any more. */
void notify_stop(void);

#endif
