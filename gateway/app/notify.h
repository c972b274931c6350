/* Telling a service manager how we are (sd_notify's protocol), where one listens. */
#ifndef APP_NOTIFY_H
#define APP_NOTIFY_H

/* One datagram such as "READY=1" to $NOTIFY_SOCKET. Does nothing when that is not set. */
void notify_send(const char *state);

#endif
