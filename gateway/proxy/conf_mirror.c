/* The option table of a route's mirror. */
#include "proxy/conf.h"

const sluice_option mirror_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct mirror_conf, to, .flags = SLUICE_F_REQUIRED, .min = "1",
		.doc = "name of the upstream that gets copies of the requests; its answers are "
		       "dropped"),
	SLUICE_OPTION(SLUICE_T_PERCENT, struct mirror_conf, share, .def = "100%", .min = "0.01%",
		.max = "100%", .doc = "how many of the requests are copied, such as 10% or 0.5%"),
	SLUICE_OPTION(SLUICE_T_SIZE, struct mirror_conf, max_body, .def = "64KiB", .max = "16MiB",
		.doc = "largest body of which a copy is kept until the request is complete; "
		       "requests "
		       "with a larger one are not copied"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct mirror_conf, timeout, .def = "5s", .min = "1ms",
		.max = "10m",
		.doc = "longest time from the request to the end of the copy's answer"),
	SLUICE_OPTION(SLUICE_T_UINT, struct mirror_conf, max_copies, .def = "64", .min = "1",
		.max = "10000",
		.doc = "number of copies in progress of one worker from which on this route sends "
		       "no "
		       "more"),
	SLUICE_OPTIONS_END,
};
