/* Conditions on a request as they are written. See the header. */
#include "config/condition.h"

#define HOST_DOC                                                                                 \
	"host without port: a name, or *.NAME for every name below NAME; of a list, any one of " \
	"them"
#define PATH_DOC                                                                     \
	"path: /a/b exactly, /a/* for everything below, {name} for one segment, or " \
	"regex:PATTERN; of a list, any one of them"
#define METHODS_DOC "methods; left out: all; GET stands for HEAD too"
#define CLIENT_DOC                                                                            \
	"addresses and networks of clients, as trusted proxies name them; unix for all that " \
	"come by a unix socket"
#define HEADERS_DOC \
	"header fields that must have a value: NAME: VALUE, \"*\" for any, or regex:PATTERN"
#define QUERY_DOC \
	"query parameters that must have a value: NAME: VALUE, \"*\" for any, or regex:PATTERN"
#define COOKIES_DOC "cookies that must have a value: NAME: VALUE, \"*\" for any, or regex:PATTERN"
#define FACTS_DOC(who)                                       \
	"facts that must have a value, also those that " who \
	" state: FACT: VALUE, a list of values, \"*\" for any, or regex:PATTERN"

/* least: the least number of members of each. */
#define CONDITIONS(least, who)                                                                     \
	SLUICE_OPTION(SLUICE_T_STRS, struct match_conf, host, .min = (least), .max = "1000",       \
		.doc = HOST_DOC),                                                                  \
		SLUICE_OPTION(SLUICE_T_STRS, struct match_conf, path, .min = (least),              \
			.max = "1000", .doc = PATH_DOC),                                           \
		SLUICE_OPTION(SLUICE_T_STRS, struct match_conf, methods, .min = (least),           \
			.max = "32", .doc = METHODS_DOC),                                          \
		SLUICE_OPTION(SLUICE_T_STRS, struct match_conf, client, .min = "1", .max = "1000", \
			.doc = CLIENT_DOC),                                                        \
		SLUICE_OPTION(SLUICE_T_PAIRS, struct match_conf, headers, .min = (least),          \
			.max = "32", .doc = HEADERS_DOC),                                          \
		SLUICE_OPTION(SLUICE_T_PAIRS, struct match_conf, query, .min = (least),            \
			.max = "32", .doc = QUERY_DOC),                                            \
		SLUICE_OPTION(SLUICE_T_PAIRS, struct match_conf, cookies, .min = "1", .max = "32", \
			.doc = COOKIES_DOC),                                                       \
		SLUICE_OPTION(SLUICE_T_PAIRS, struct match_conf, facts, .min = (least),            \
			.max = "32", .flags = SLUICE_F_MULTI, .doc = FACTS_DOC(who))

const sluice_option match_options[] = {
	CONDITIONS(NULL, "plugins of the listener"),
	SLUICE_OPTION(SLUICE_T_STRS, struct match_conf, listener, .max = "64",
		.doc = "name of the listener at which the request arrived; of a list, any one of "
		       "them"),
	SLUICE_OPTIONS_END,
};

/* A part that is given and empty would ask for nothing, where somebody meant to ask for something.
 */
const sluice_option condition_options[] = {
	CONDITIONS("1", "plugins before this one"),
	SLUICE_OPTIONS_END,
};

const sluice_option *option_sub(const sluice_option *o)
{
	return o->type == SLUICE_T_WHEN ? condition_options : o->sub;
}
