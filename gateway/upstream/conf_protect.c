/* See conf_protect.h. Main thread. */
#include "upstream/conf_protect.h"

const char *const queue_order_choices[] = { "fifo", "lifo", NULL };

const char *const call_priority_choices[] = { "low", "normal", "high", "critical", NULL };

const sluice_option adaptive_options[] = {
	SLUICE_OPTION(SLUICE_T_UINT, struct gradient_conf, min, .def = "4", .min = "1",
		.max = "1000000",
		.doc = "smallest limit, of all workers together; each has one at least"),
	SLUICE_OPTION(SLUICE_T_UINT, struct gradient_conf, max, .def = "1000", .min = "1",
		.max = "1000000", .doc = "largest limit, of all workers together"),
	SLUICE_OPTION(SLUICE_T_PERCENT, struct gradient_conf, tolerance, .def = "150%",
		.min = "100%", .max = "1000%",
		.doc = "share of the usual latency above which the limit shrinks"),
	SLUICE_OPTIONS_END,
};

const sluice_option breaker_options[] = {
	SLUICE_OPTION(SLUICE_T_PERCENT, struct breaker_conf, failures, .def = "50%", .min = "1%",
		.max = "100%",
		.doc = "share of the requests that must have failed for the circuit to open"),
	SLUICE_OPTION(SLUICE_T_UINT, struct breaker_conf, requests, .def = "20", .min = "1",
		.max = "1000000",
		.doc = "number of requests within that time below which it does not open"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct breaker_conf, within, .def = "10s", .min = "100ms",
		.max = "10m", .doc = "how long requests are counted"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct breaker_conf, open, .def = "5s", .min = "10ms",
		.max = "1h",
		.doc = "how long requests are refused; then some are let through as trials, and "
		       "the time doubles if one of them fails"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct breaker_conf, open_max, .def = "1m", .min = "10ms",
		.max = "1d", .doc = "upper limit for this time as it doubles, if longer than open"),
	SLUICE_OPTION(SLUICE_T_UINT, struct breaker_conf, trials, .def = "3", .min = "1",
		.max = "100", .doc = "number of trials that must succeed for the circuit to close"),
	SLUICE_OPTION(SLUICE_T_FLAGS, struct breaker_conf, statuses, .def = "[502, 503, 504]",
		.choices = breaker_statuses,
		.doc = "statuses of responses that count as failures, besides requests without a "
		       "response"),
	SLUICE_OPTIONS_END,
};
