/* The option tables of a route's split. */
#include "proxy/conf.h"
#include "proxy/split.h"

static const sluice_option to_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct split_to_conf, name, .flags = SLUICE_F_KEY, .min = "1",
		.max = "64", .doc = "name of an upstream"),
	SLUICE_OPTION(SLUICE_T_UINT, struct split_to_conf, weight,
		.flags = SLUICE_F_SCALAR | SLUICE_F_REQUIRED, .max = "1000000",
		.doc = "its share of the requests, relative to the weights of the others; 0: none"),
	SLUICE_OPTIONS_END,
};

const sluice_option split_options[] = {
	SLUICE_OPTION(SLUICE_T_STRS, struct split_conf, by, .max = "8",
		.doc = "a fact of the request, such as cookie:sid: requests with the same value go "
		       "to the same upstream; of several the first that the request has; left out, "
		       "or where it has none: each request for itself"),
	SLUICE_OPTION(SLUICE_T_MAP, struct split_conf, to, .sub = to_options,
		.sub_size = sizeof(struct split_to_conf), .flags = SLUICE_F_REQUIRED, .min = "1",
		.max = "32", .doc = "weights by the names of upstreams"),
	SLUICE_OPTIONS_END,
};
