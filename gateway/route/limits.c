/* The option tables of what routes bound. See the header. */
#include "route/limits.h"

const sluice_option route_timeout_options[] = {
	SLUICE_OPTION(SLUICE_T_DURATION, struct route_timeouts, request, .max = "7d",
		.doc = "longest time from the first byte of a request until its response is "
		       "complete; over a tunnel: until it is open; 0s or left out: no limit"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct route_timeouts, response, .min = "1ms", .max = "1d",
		.doc = "longest silence of a server that has a response to begin; left out: "
		       "timeouts.response of the upstream"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct route_timeouts, idle, .min = "1ms", .max = "7d",
		.doc = "longest silence within a body, of the server or of the client, and of both "
		       "sides of a tunnel; left out: timeouts.response and timeouts.tunnel of the "
		       "upstream, timeouts.body of the listener"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct route_timeouts, try, .def = "0s", .max = "1d",
		.doc = "longest time from a whole request to the head of the response of one "
		       "server; 0s or left out: timeouts.try of the upstream"),
	SLUICE_OPTION(SLUICE_T_STR, struct route_timeouts, deadline, .min = "1", .max = "64",
		.doc = "request field, such as x-request-timeout, in which clients say how long "
		       "they wait: it can shorten `request`, and the upstream gets it with the "
		       "time "
		       "that is left; a number is seconds, or milliseconds where the name ends in "
		       "-ms; left out: there is none"),
	SLUICE_OPTIONS_END,
};

const sluice_option route_defaults_options[] = {
	SLUICE_OPTION(SLUICE_T_BLOCK, struct route_defaults, timeouts, .sub = route_timeout_options,
		.sub_size = sizeof(struct route_timeouts), .flags = SLUICE_F_SUBOBJECT,
		.doc = "limits on waiting, one by one"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct route_defaults, retry, .sub = retry_options,
		.sub_size = sizeof(struct retry_conf),
		.doc = "when another server is asked, and how often; in place of the upstream's "
		       "block as a whole"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct route_defaults, hedge, .sub = hedge_options,
		.sub_size = sizeof(struct hedge_conf),
		.doc = "a second server is asked when the first is slow; in place of the "
		       "upstream's block"),
	SLUICE_OPTION(SLUICE_T_SIZE, struct route_defaults, max_body, .doc = ROUTE_MAX_BODY_TEXT),
	SLUICE_OPTIONS_END,
};
