/* Conditions on a request as they are written. See the header. */
#include "config/condition.h"

#define COMMON_OPTIONS                                                                            \
	SLUICE_OPTION(SLUICE_T_STR, struct match_conf, host,                                      \
		.doc = "host without port: a name, or *.NAME for every name below NAME"),         \
		SLUICE_OPTION(SLUICE_T_STR, struct match_conf, path,                              \
			.doc = "path: /a/b exactly, /a/* for everything below, {name} for one "   \
			       "segment, or "                                                     \
			       "regex:PATTERN"),                                                  \
		SLUICE_OPTION(SLUICE_T_STRS, struct match_conf, methods, .max = "32",             \
			.doc = "methods; left out: all"),                                         \
		SLUICE_OPTION(SLUICE_T_PAIRS, struct match_conf, headers, .max = "32",            \
			.doc = "header fields that must have a value: NAME: VALUE, \"*\" for "    \
			       "any, or "                                                         \
			       "regex:PATTERN"),                                                  \
		SLUICE_OPTION(SLUICE_T_PAIRS, struct match_conf, query, .max = "32",              \
			.doc = "query parameters that must have a value: NAME: VALUE, \"*\" for " \
			       "any, or "                                                         \
			       "regex:PATTERN")

const sluice_option match_options[] = {
	COMMON_OPTIONS,
	SLUICE_OPTION(SLUICE_T_PAIRS, struct match_conf, facts, .max = "32",
		.flags = SLUICE_F_MULTI,
		.doc = "facts that must have a value, also those that plugins of the listener "
		       "state: FACT: VALUE, a list of values, \"*\" for any, or regex:PATTERN"),
	SLUICE_OPTION(SLUICE_T_STR, struct match_conf, listener,
		.doc = "name of the listener at which the request arrived"),
	SLUICE_OPTIONS_END,
};

const sluice_option condition_options[] = {
	COMMON_OPTIONS,
	SLUICE_OPTION(SLUICE_T_PAIRS, struct match_conf, facts, .max = "32",
		.flags = SLUICE_F_MULTI,
		.doc = "facts that must have a value, also those that plugins before this one "
		       "state: FACT: VALUE, a list of values, \"*\" for any, or regex:PATTERN"),
	SLUICE_OPTIONS_END,
};

const sluice_option *option_sub(const sluice_option *o)
{
	return o->type == SLUICE_T_WHEN ? condition_options : o->sub;
}
