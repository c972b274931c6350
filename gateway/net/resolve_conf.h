/* The `runtime.resolve:` block: how names are looked up, for the whole process. Main thread. */
#ifndef NET_RESOLVE_CONF_H
#define NET_RESOLVE_CONF_H

#include "config/bind.h"

struct resolve_conf {
	sluice_strs servers; /* ip, ip:port, [ipv6]:port; none: those of resolv.conf */
	int32_t family;      /* enum look_family */
	/* milliseconds */
	uint64_t min_ttl, max_ttl; /* bounds of what servers say */
	uint64_t negative_ttl;     /* until a name that could not be resolved is asked for again */
	uint64_t timeout;          /* of a look-up */
	uint64_t stale;            /* how long an answer is used while there is no new one */
};

extern const sluice_option resolve_options[];

/* 0, or -1 when a mistake was reported. */
must_use int resolve_conf_check(struct bind *b, const struct resolve_conf *conf);

#endif
