/*
 * Who may ask what of the admin address. It has no passwords: it is protected by the address on
 * which it listens, and by these rules.
 *
 *  - The Host must be an IP address, localhost, one of admin.hosts, or (to look at things) a name
 *    without dots. A web page whose name was made to resolve to this machine sends another Host and
 *    is refused.
 *  - Commands that change something are taken over a unix socket (whose file mode decides) or from
 *    a loopback address; not from a proxy, and not from a browser that says a page sent them.
 */
#ifndef ADMIN_PERMIT_H
#define ADMIN_PERMIT_H

#include "admin/call.h"

/* PROBLEM_COUNT: permitted. changes: of the command asked for. hosts: names that are ours
 * (admin.hosts). */
enum admin_problem permit(bool changes, const struct request_head *h, const struct conn_info *conn,
	const sluice_strs *hosts);

#endif
