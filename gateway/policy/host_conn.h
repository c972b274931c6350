/* Connections, as plugins use them; the contracts are those of sluice/conn.h. */
#ifndef POLICY_HOST_CONN_H
#define POLICY_HOST_CONN_H

#include <sluice/plugin.h>

sluice_str host_conn_get(sluice_conn *c, int info);
int64_t host_conn_number(sluice_conn *c, int number);
sluice_verdict host_conn_refuse(sluice_conn *c, const char *code);
void *host_conn_state(sluice_conn *c, size_t n);
bool host_conn_cleanup(sluice_conn *c, void (*fn)(void *), void *arg);
void *host_conn_worker_state(sluice_conn *c);
const void *host_conn_published(sluice_conn *c);
sluice_conn *host_conn_of(sluice_exchange *x);
void host_conn_log(sluice_conn *c, int level, const char *fmt, va_list ap);
void host_conn_log_text(sluice_conn *c, int level, sluice_str text);

#endif
