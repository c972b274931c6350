/*
 * Connections of clients: hooks before the first request, and memory that the requests of a
 * connection share. Part of sluice/plugin.h. Worker's thread.
 *
 * The hooks run for the plugins in the `plugins` of the connection's listener, in that order, and
 * with the list as it was when the connection was accepted: a reload that changes the list or an
 * instance is for new connections. A plugin of a route has no such hooks. A connection never
 * changes its worker.
 *
 * A hook of a connection decides at once, because nothing is read from the client meanwhile:
 * SLUICE_NEXT lets the connection go on; what sluice_conn_refuse() returns closes it; anything else
 * is a failure of the plugin, after which `on_error` and `mode` of the instance say what happens.
 *
 * Functions that take a sluice_conn are for the hooks and clean-ups of that connection, and for the
 * hooks of an exchange that reached it by sluice_conn_of(). Called elsewhere they do nothing and
 * have a line in the log. Do not keep the pointer beyond the hook.
 */
#ifndef SLUICE_CONN_H
#define SLUICE_CONN_H

#include <sluice/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A fact of the connection: SLUICE_I_LISTENER, SLUICE_I_PEER, SLUICE_I_PEER_PORT,
 * SLUICE_I_CLIENT_IP, and in on_secured and later those of TLS and of the client's certificate. The
 * client is the peer; it is not known of a peer that is a trusted proxy, which has many clients.
 * data is NULL for a fact that the connection does not have, or does not have yet. In on_disconnect
 * those of the certificate and of the handshake may be gone: keep what you need in the state. Lives
 * until the hook returns, and in the hook of an exchange as long as that. */
static inline sluice_str sluice_conn_get(sluice_conn *c, sluice_info what)
{
	return sluice_host_table->conn_get(c, (int)what);
}
/* A number of the connection: SLUICE_N_PEER_PORT, SLUICE_N_CLIENT_PORT (as SLUICE_I_CLIENT_IP),
 * SLUICE_N_CONNECTION_REQUESTS (so far), SLUICE_N_DURATION_US (since on_connect), SLUICE_N_START_MS
 * (when that was). Else SLUICE_UNKNOWN. */
static inline int64_t sluice_conn_number(sluice_conn *c, sluice_number_id what)
{
	return sluice_host_table->conn_number(c, (int)what);
}
/* In on_connect and on_secured: close the connection without an answer. Return what this returns.
 * Before TLS the socket is closed; after the handshake the client is told that TLS ends. The log
 * and sluice_plugin_connections_refused_total have the code, 1 to 64 of a-z, 0-9 and -; with
 * another one the connection is refused as "refused". It is borrowed until the hook returns. In
 * other places: SLUICE_FAIL. */
static inline sluice_verdict sluice_conn_refuse(sluice_conn *c, const char *code)
{
	return sluice_host_table->conn_refuse(c, code);
}
/* Memory of this instance for the connection, aligned for any type, which all its requests share.
 * The first call returns it zeroed, and every later call returns the same memory. n must be the
 * same in each call: 1 to SLUICE_CONN_STATE bytes. It is freed when the connection ends, after
 * on_disconnect and the clean-ups. NULL when there is no memory, or n is out of bounds: return
 * SLUICE_FAIL. Every idle connection has it: keep it small. */
static inline void *sluice_conn_state(sluice_conn *c, size_t n)
{
	return sluice_host_table->conn_state(c, n);
}
/* Call fn(arg) once when the connection ends, however it ends, after on_disconnect; what was
 * registered last is called first. False, and fn will not be called: there is no memory, or the
 * instance has registered SLUICE_CONN_CLEANUPS for this connection. */
static inline bool sluice_conn_cleanup(sluice_conn *c, void (*fn)(void *), void *arg)
{
	return sluice_host_table->conn_cleanup(c, fn, arg);
}
/* As sluice_worker_state() and sluice_published(). */
static inline void *sluice_conn_worker_state(sluice_conn *c)
{
	return sluice_host_table->conn_worker_state(c);
}
static inline const void *sluice_conn_published(sluice_conn *c)
{
	return sluice_host_table->conn_published(c);
}
/* In the hooks of an exchange: the connection that its request came by, for this instance, so that
 * sluice_conn_state() is the memory that its hooks of the connection have. The requests of an
 * HTTP/2 connection share it. NULL where this instance was not in the list of the connection's
 * listener when the connection was accepted (it is a plugin of a route alone, or a reload has
 * changed it since), or has neither on_connect, on_secured nor on_disconnect. */
static inline sluice_conn *sluice_conn_of(sluice_exchange *x)
{
	return sluice_host_table->conn_of(x);
}
/* Log a line about the connection, with its listener and its peer, tagged and held back as by
 * sluice_log_for(). */
__attribute__((format(printf, 3, 4))) static inline void sluice_conn_log(sluice_conn *c,
	sluice_log_level level, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	sluice_host_table->conn_log(c, (int)level, fmt, ap);
	va_end(ap);
}

#ifdef __cplusplus
}
#endif
#endif
