/* The options of access, as bound, and what check() makes of them. */
#ifndef ACCESS_CONF_H
#define ACCESS_CONF_H

#include <sluice/plugin.h>

#include "../shared/network_list.h"
#include "hours.h"

enum { RULES_MAX = 256, HOURS_MAX = 16, DAYS_ALL = 0x7f };

enum action { ACTION_ALLOW, ACTION_DENY };
enum decide { DECIDE_FIRST, DECIDE_ALL };

/* A fact that is a list of words, and words of it. */
struct words {
	const sluice_expr *fact;
	const sluice_str *v;
	size_t n;
};

struct rule {
	sluice_str name, code, detail;
	int32_t action; /* enum action */
	const sluice_condition *when;
	sluice_pairs has_all, has_any;
	sluice_strs from, hours;
	uint64_t days; /* bit 0: Monday */

	/* set by check() */
	struct words *all, *any;
	size_t n_all, n_any;
	struct network_list networks;
	struct hours *spans;
	bool has_time;
};

struct access {
	sluice_blocks rules;       /* struct rule */
	int32_t decide, otherwise; /* enum decide, enum action */
	int32_t zone;              /* enum zone */
	sluice_str challenge;

	/* set by check() */
	sluice_instance *inst;
	bool has_time, has_allow;
};

#endif
