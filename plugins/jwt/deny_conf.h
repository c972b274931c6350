/* The options of the deny list, and what check() derives from them. */
#ifndef JWT_DENY_CONF_H
#define JWT_DENY_CONF_H

#include "../oauth/deny.h"

enum deny_failure { DENY_FAILURE_DENY, DENY_FAILURE_ALLOW };

struct deny_conf {
	const sluice_store *store;
	sluice_str key;
	uint64_t by; /* DENY_BIT()s */
	struct deny_terms terms;
	int32_t on_failure;   /* enum deny_failure */
	struct deny_sub *sub; /* set by check(); NULL: there is no list */
};

#endif
