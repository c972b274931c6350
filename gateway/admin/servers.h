/* The upstream servers, as all workers together see them. Main thread. */
#ifndef ADMIN_SERVERS_H
#define ADMIN_SERVERS_H

#include "admin/gather.h"

enum { SERVER_STATES = ENDPOINT_STATES };

struct server_sum {
	/* counts are sums; down_for_ns is the longest, share the smallest; state has no meaning */
	struct endpoint_view sum;
	unsigned in_state[SERVER_STATES]; /* number of workers that see the server in the state */
};

/* What the server is for the process as a whole. */
enum server_state {
	SERVER_UP,
	SERVER_PARTLY_UP, /* some workers send it requests */
	SERVER_SUSPECT,   /* it is silent: others get its requests */
	SERVER_DOWN,
	SERVER_DRAINED,
	SERVER_DISABLED,
};
enum server_state server_state(const struct server_sum *s);
const char *server_state_name(enum server_state s);
enum { SERVER_REASON = 160 };
/* Why it is not up, for people; false: it is. */
bool server_reason(const struct server_sum *s, char out[SERVER_REASON]);

/* One element for each server, sorted by upstream, address and host; the caller frees the array.
 * Texts are those of v. */
struct server_sum *servers_merge(const struct gather_answer *v, unsigned n, size_t *count);
/* The servers of one upstream among n merged ones: the first, and how many in *count. */
const struct server_sum *servers_of(const struct server_sum *v, size_t n, sluice_str upstream,
	size_t *count);

#endif
