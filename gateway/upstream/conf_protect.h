/* Options of an upstream that protect its servers from too many requests: conf_protect.c. */
#ifndef UPSTREAM_CONF_PROTECT_H
#define UPSTREAM_CONF_PROTECT_H

#include "config/bind.h"
#include "upstream/breaker.h"
#include "upstream/gradient.h"

/* Of the waiting requests of one priority. */
enum queue_order { QUEUE_FIFO, QUEUE_LIFO };
extern const char *const queue_order_choices[];

/* How important a request is: the option `priority` of a route. */
enum call_priority { PRIORITY_LOW, PRIORITY_NORMAL, PRIORITY_HIGH, PRIORITY_CRITICAL };
enum { PRIORITY_COUNT = 4 };
extern const char *const call_priority_choices[];

extern const sluice_option adaptive_options[], breaker_options[];

#endif
