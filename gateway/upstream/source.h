/*
 * Finding the servers of upstreams without a plugin: by SRV records (RFC 2782), or in a file that
 * is watched. A source finds those of one upstream, and hands each set to its `discovered`. It goes
 * on over reloads that do not change what it is asked for. Main thread.
 */
#ifndef UPSTREAM_SOURCE_H
#define UPSTREAM_SOURCE_H

#include "upstream/discovered.h"

/* Before the first configuration. main: the main thread's worker; tell: the workers that are told
 * of sets, read at each of them. Both live until sources_end(). */
void sources_begin(struct worker *main, const struct discovered_workers *tell);
void sources_end(void);

/* A configuration is prepared in which the upstream is discovered by SRV or by a file: begin,
 * unless a source does so already. */
void source_prepare(struct discovered *d, const struct upstream_conf *conf);
/* The configuration is refused, after discovered_abandon(), or in force, after discovered_settle():
 * sources that are not wanted any more end. */
void sources_settle(void);

/* Of the services of one name: those of the smallest priority as servers, the others as backups. At
 * most
 * RESOLVE_SERVICES_MAX. Exposed for tests. NULL: none of them can be a server. */
struct dns_service;
struct server_set *source_of_services(const struct dns_service *v, unsigned n);

#endif
