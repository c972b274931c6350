/*
 * Rows of plugins with hooks of connections (policy/conn), one for each listener that has such
 * plugins and each snapshot. A row holds the view that it was made with as long as a connection has
 * it, or a newer view that has the same instances. Worker's thread.
 */
#ifndef PROXY_ROWS_H
#define PROXY_ROWS_H

#include "front/gate.h"
#include "proxy/exchange.h"

/* The gate of a listener of the proxy's view, with a reference for the caller. NULL: none of its
 * plugins has hooks of connections. */
struct conn_gate *rows_new(struct proxy *p, const struct snapshot_listener *l);
/* The proxy has another view: rows whose instances it has too hold it, and not an older one. */
void rows_move(struct proxy *p);

#endif
