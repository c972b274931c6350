/* The option tables of `retry` and `hedge`. See the header. */
#include "route/repeats.h"

const sluice_option retry_options[] = {
	SLUICE_OPTION(SLUICE_T_STRS, struct retry_conf, on, .max = "32",
		.doc = "what another try follows: connect (no connection could be made), reset "
		       "(the connection was lost before a response), timeout (no response in "
		       "time), statuses from 400 to 599, and codes of gRPC such as unavailable; "
		       "left out: [connect, reset]"),
	SLUICE_OPTION(SLUICE_T_STRS, struct retry_conf, methods, .max = "32",
		.doc = "methods that may be repeated although a server may have begun to work on "
		       "the request; left out: those that are idempotent (GET, HEAD, OPTIONS, PUT, "
		       "DELETE). A request with Idempotency-Key may be repeated in any case"),
	SLUICE_OPTION(SLUICE_T_UINT, struct retry_conf, tries, .min = "1", .max = "8",
		.doc = "number of servers that are asked at most, the first included; left out: "
		       "one more than the upstream's `retries`"),
	SLUICE_OPTION(SLUICE_T_PERCENT, struct retry_conf, budget, .def = "20%", .min = "1%",
		.max = "100%",
		.doc = "share of the upstream's requests that may be tried again; a few in each "
		       "second always may; 100%: no limit"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct retry_conf, within, .def = "5s", .max = "1h",
		.doc = "no new try begins later than this after the first; 0s: no limit"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct retry_conf, backoff, .def = "25ms", .max = "1m",
		.doc = "pause before the third try, which doubles with each further one and "
		       "varies at random; the second goes to another server at once; 0s: never"),
	SLUICE_OPTION(SLUICE_T_SIZE, struct retry_conf, max_body, .def = "64KiB", .max = "1MiB",
		.doc = "longest request body that is kept so that it can be sent again; a request "
		       "with a longer one is not repeated once a byte of it has left"),
	SLUICE_OPTIONS_END,
};

const sluice_option hedge_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct hedge_conf, after, .flags = SLUICE_F_REQUIRED,
		.doc = "how long a response may take before a second server is asked: a time such "
		       "as 200ms, or a percentile of the upstream's latest responses such as 95%"),
	SLUICE_OPTION(SLUICE_T_UINT, struct hedge_conf, max, .def = "1", .max = "1",
		.doc = "number of further servers that are asked; 0: none"),
	SLUICE_OPTION(SLUICE_T_BOOL, struct hedge_conf, grpc, .def = "false",
		.doc = "whether gRPC calls are asked of a second server too, when the client has "
		       "sent all of its messages and these are kept (max_body of `retry`): both "
		       "servers may do what is called"),
	SLUICE_OPTIONS_END,
};
