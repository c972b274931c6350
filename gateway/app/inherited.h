/*
 * Listening sockets that the process was started with. They come from systemd (sd_listen_fds(3):
 * LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES), which keeps its own copies, or from the gateway that
 * this one succeeds (app/successor.h), which gives them away. A listener whose address is that of
 * such sockets takes them instead of binding. Main thread.
 */
#ifndef APP_INHERITED_H
#define APP_INHERITED_H

#include "base/addr.h"

/* The name by which a gateway marks sockets that it gives away. */
#define INHERITED_GIVEN "sluice.given"
enum { INHERITED_FIRST = 3, INHERITED_MAX = 4096, INHERITED_NAME = 64 };

/* Who has the sockets of an address besides this process. */
enum inherited_kind {
	INHERITED_NONE,  /* there are none of this address */
	INHERITED_LENT,  /* who started the process keeps them, and listens again when it ends */
	INHERITED_TAKEN, /* nobody, once the predecessor is gone */
};

/* Before any descriptor is opened and any thread started. Reads the environment and removes these
 * variables from it. succeeds: the process follows a running gateway. */
void inherited_init(bool succeeds);
/* What there is for a: *n sockets, to be duplicated. They stay here, until inherited_settle(). */
enum inherited_kind inherited_find(const struct addr *a, const int **fds, unsigned *n);
/* Whether a socket for another address covers this one, or is covered by it. */
bool inherited_overlaps(const struct addr *a);
/* The process serves: close what was taken, or is not used. Names in a warning what was lent and is
 * not used; it stays, for a later configuration. */
void inherited_settle(void);
/* Those that were lent, with their names; NULL when i is too large. */
const char *inherited_lent(size_t i, int *fd);
void inherited_fini(void);

/* Whether one covers the other: 0.0.0.0:80 and 127.0.0.1:80. Sockets of IPv6 take no IPv4. */
bool addr_overlaps(const struct addr *a, const struct addr *b);

#endif
