/* Local shortages. See the header. */
#include "net/shortage.h"

#include <errno.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/stat.h"

#define QUIET_NS (10 * NS_PER_S) /* between two lines of one kind */

enum kind { KIND_DESCRIPTORS, KIND_MEMORY, KIND_PORTS, KIND_PERMISSION, KINDS };

static const struct {
	int err;
	enum stat_id stat;
	const char *hint;
} kinds[KINDS] = {
	[KIND_DESCRIPTORS] = { ERR_NO_DESCRIPTORS, STAT_SHORTAGE_DESCRIPTORS,
		"raise LimitNOFILE (ulimit -n), or fs.file-max" },
	[KIND_MEMORY] = { ERR_NO_DESCRIPTORS, STAT_SHORTAGE_MEMORY,
		"the kernel has no memory left for sockets" },
	[KIND_PORTS] = { ERR_NO_LOCAL_PORT, STAT_SHORTAGE_PORTS,
		"widen net.ipv4.ip_local_port_range, or keep more connections open (keepalive)" },
	[KIND_PERMISSION] = { ERR_CONNECT_FORBIDDEN, STAT_SHORTAGE_PERMISSION,
		"a packet filter of this machine, a security module, or the mode of a unix "
		"socket" },
};

/* EACCES and EPERM come from this machine alone: packet filters on the way out, security modules,
 * the mode of a unix socket. An unreachable network (ENETUNREACH, EHOSTUNREACH) may be anybody's
 * fault, and another server may still be reachable. */
static enum kind kind_of(int error)
{
	switch (error) {
	case EMFILE:
	case ENFILE:
		return KIND_DESCRIPTORS;
	case ENOBUFS:
	case ENOMEM:
		return KIND_MEMORY;
	case EADDRNOTAVAIL:
		return KIND_PORTS;
	case EPERM:
	case EACCES:
		return KIND_PERMISSION;
	default:
		return KINDS;
	}
}

int shortage_of(int error)
{
	enum kind k = kind_of(error);
	return k == KINDS ? ERR_CONNECT_FAILED : kinds[k].err;
}

bool shortage_is(int err)
{
	return err == ERR_NO_DESCRIPTORS || err == ERR_NO_LOCAL_PORT ||
		err == ERR_CONNECT_FORBIDDEN;
}

int shortage_tell(int error, const struct addr *to, uint64_t now_ns)
{
	/* of the process, because the resource is the process's */
	static _Atomic uint64_t next_ns[KINDS];
	enum kind k = kind_of(error);
	char text[ADDR_TEXT];

	(void)addr_text(to, text);
	if (k == KINDS) {
		log_debug("upstream", "cannot begin to connect to %s: %s", text, strerror(error));
		return ERR_CONNECT_FAILED;
	}
	stat_inc(kinds[k].stat);
	uint64_t next = atomic_load_explicit(&next_ns[k], memory_order_relaxed);
	if (now_ns >= next && atomic_compare_exchange_strong(&next_ns[k], &next, now_ns + QUIET_NS))
		log_warn("upstream", "no connection to %s, and not for want of the server: %s; %s",
			text, strerror(error), kinds[k].hint);
	return kinds[k].err;
}
