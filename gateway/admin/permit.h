/*
 * Who may ask what of the admin address. It has no passwords: what protects it is where it listens,
 * and these rules.
 *
 *  - The Host must be an IP address, localhost, one of admin.hosts, or (to look at things) a name
 *    without dots. A web page whose name was made to resolve to this machine has another one, and
 *    is refused.
 *  - Commands that change something are taken over a unix socket (whose file mode decides) or from
 *    a loopback address; not when a proxy passed them on, and not when a browser says that a page
 *    sent them.
 */
#ifndef ADMIN_PERMIT_H
#define ADMIN_PERMIT_H

#include "admin/call.h"

/* PROBLEM_COUNT: permitted. changes: of the command asked for. hosts: names that are ours
 * (admin.hosts). */
enum admin_problem permit(bool changes, const struct request_head *h, const struct conn_info *conn,
	const sluice_strs *hosts);

#endif
