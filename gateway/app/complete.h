/* Counts and logs every exchange when it ends. The worker's thread. */
#ifndef APP_COMPLETE_H
#define APP_COMPLETE_H

struct exchange;
struct proxy;

/* For proxy.on_complete. proxy.data is the worker's access log, or NULL for none. */
void complete_exchange(struct proxy *p, const struct exchange *x);

#endif
