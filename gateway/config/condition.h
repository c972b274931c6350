/*
 * Conditions on a request as they are written: a route's `match`, and options of plugins of type
 * SLUICE_T_WHEN, which have the same form but no listener. The texts are compiled in a folder above
 * (route/rule.h).
 */
#ifndef CONFIG_CONDITION_H
#define CONFIG_CONDITION_H

#include "base/str.h"

struct match_conf {
	sluice_strs host, path, listener;
	sluice_strs methods;
	sluice_strs client; /* addresses and networks */
	sluice_pairs headers, query, cookies;
	sluice_pairs facts; /* of a fact with several values each is a pair */
};

extern const sluice_option match_options[];     /* of a route */
extern const sluice_option condition_options[]; /* of a plugin */

/* The table of a block's options: of a condition, or the one that the row names; NULL: no block. */
const sluice_option *option_sub(const sluice_option *o);

#endif
