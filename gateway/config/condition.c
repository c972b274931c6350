/* Conditions on a request as they are written. See the header. */
#include "config/condition.h"

#define HOST_DOC "host without port: a name, or *.NAME for every name below NAME"
#define PATH_DOC                                                                     \
	"path: /a/b exactly, /a/* for everything below, {name} for one segment, or " \
	"regex:PATTERN"
#define METHODS_DOC "methods; left out: all"
#define HEADERS_DOC \
	"header fields that must have a value: NAME: VALUE, \"*\" for any, or regex:PATTERN"
#define QUERY_DOC \
	"query parameters that must have a value: NAME: VALUE, \"*\" for any, or regex:PATTERN"

const sluice_option match_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct match_conf, host, .doc = HOST_DOC),
	SLUICE_OPTION(SLUICE_T_STR, struct match_conf, path, .doc = PATH_DOC),
	SLUICE_OPTION(SLUICE_T_STRS, struct match_conf, methods, .max = "32", .doc = METHODS_DOC),
	SLUICE_OPTION(SLUICE_T_PAIRS, struct match_conf, headers, .max = "32", .doc = HEADERS_DOC),
	SLUICE_OPTION(SLUICE_T_PAIRS, struct match_conf, query, .max = "32", .doc = QUERY_DOC),
	SLUICE_OPTION(SLUICE_T_PAIRS, struct match_conf, facts, .max = "32",
		.flags = SLUICE_F_MULTI,
		.doc = "facts that must have a value, also those that plugins of the listener "
		       "state: FACT: VALUE, a list of values, \"*\" for any, or regex:PATTERN"),
	SLUICE_OPTION(SLUICE_T_STR, struct match_conf, listener,
		.doc = "name of the listener at which the request arrived"),
	SLUICE_OPTIONS_END,
};

/* A part that is given and empty would ask for nothing, where somebody meant to ask for something.
 */
const sluice_option condition_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct match_conf, host, .min = "1", .doc = HOST_DOC),
	SLUICE_OPTION(SLUICE_T_STR, struct match_conf, path, .min = "1", .doc = PATH_DOC),
	SLUICE_OPTION(SLUICE_T_STRS, struct match_conf, methods, .min = "1", .max = "32",
		.doc = METHODS_DOC),
	SLUICE_OPTION(SLUICE_T_PAIRS, struct match_conf, headers, .min = "1", .max = "32",
		.doc = HEADERS_DOC),
	SLUICE_OPTION(SLUICE_T_PAIRS, struct match_conf, query, .min = "1", .max = "32",
		.doc = QUERY_DOC),
	SLUICE_OPTION(SLUICE_T_PAIRS, struct match_conf, facts, .min = "1", .max = "32",
		.flags = SLUICE_F_MULTI,
		.doc = "facts that must have a value, also those that plugins before this one "
		       "state: FACT: VALUE, a list of values, \"*\" for any, or regex:PATTERN"),
	SLUICE_OPTIONS_END,
};

const sluice_option *option_sub(const sluice_option *o)
{
	return o->type == SLUICE_T_WHEN ? condition_options : o->sub;
}
