/* The option table of a route. */
#include "proxy/conf.h"

static const sluice_option respond_options[] = {
	SLUICE_OPTION(SLUICE_T_UINT, struct respond_conf, status, .def = "200", .min = "200",
		.max = "599", .doc = "status code"),
	SLUICE_OPTION(SLUICE_T_STR, struct respond_conf, body, .max = "1048576",
		.doc = "the body; {FACT} stands for a fact of the request; or file:PATH: the file "
		       "is sent as it is"),
	SLUICE_OPTION(SLUICE_T_STR, struct respond_conf, content_type,
		.def = "text/plain; charset=utf-8", .doc = "media type of the body"),
	SLUICE_OPTION(SLUICE_T_PAIRS, struct respond_conf, headers, .max = "32",
		.doc = "further header fields; {FACT} in a value stands for a fact of the request, "
		       "and a field is left out when such a fact is missing; write a literal brace "
		       "twice"),
	SLUICE_OPTIONS_END,
};

static const sluice_option grpc_options[] = {
	SLUICE_OPTION(SLUICE_T_DURATION, struct grpc_conf, max_timeout, .def = "0s", .max = "365d",
		.doc = "longest deadline of a call; it replaces a longer deadline of the client, "
		       "and a missing one; 0s: no limit"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct grpc_conf, idle, .def = "1h", .min = "10ms",
		.max = "365d",
		.doc = "longest silence of both sides of a call, where both use HTTP/2"),
	SLUICE_OPTIONS_END,
};

const sluice_option route_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct route_conf, name, .flags = SLUICE_F_REQUIRED, .min = "1",
		.max = "128", .doc = "name of the route in logs and metrics"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct route_conf, match, .sub = match_options,
		.sub_size = sizeof(struct match_conf), .flags = SLUICE_F_SUBOBJECT,
		.doc = "conditions for the requests it takes; all must be met"),
	SLUICE_OPTION(SLUICE_T_NODE, struct route_conf, plugins,
		.doc = "plugins that run before the request is forwarded, in this order: names of "
		       "instances and chains in `plugins`, or instances in place"),
	SLUICE_OPTION(SLUICE_T_BOOL, struct route_conf, public, .def = "false",
		.doc = "whether it is meant that the route asks for no credentials: `check` then "
		       "does not warn of it beside routes that do"),
	SLUICE_OPTION(SLUICE_T_STRS, struct route_conf, upgrade, .max = "8",
		.doc = "protocols to which a client may switch on this route, such as websocket: "
		       "the connection becomes a tunnel"),
	SLUICE_OPTION(SLUICE_T_ENUM, struct route_conf, priority, .def = "normal",
		.choices = call_priority_choices,
		.doc = "how important its requests are where requests wait for an upstream: the "
		       "more important ones go first, and take the places of less important ones "
		       "when the queue is full"),
	SLUICE_OPTION(SLUICE_T_STRS, struct route_conf, request_trailers, .max = "32",
		.doc = "names of request trailers that the upstream gets; left out: only those of "
		       "gRPC calls"),
	SLUICE_OPTION(SLUICE_T_STR, struct route_conf, upstream,
		.doc = "name of the upstream that answers"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct route_conf, split, .sub = split_options,
		.sub_size = sizeof(struct split_conf),
		.doc = "several upstreams, each of which gets a share of the requests, in place of "
		       "`upstream`"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct route_conf, mirror, .sub = mirror_options,
		.sub_size = sizeof(struct mirror_conf),
		.doc = "another upstream that gets copies of the requests"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct route_conf, respond, .sub = respond_options,
		.sub_size = sizeof(struct respond_conf),
		.doc = "the answer of the gateway, without an upstream"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct route_conf, timeouts, .sub = route_timeout_options,
		.sub_size = sizeof(struct route_timeouts), .flags = SLUICE_F_SUBOBJECT,
		.doc = "limits on waiting, in place of those of the upstream and the listener"),
	SLUICE_OPTION(SLUICE_T_SIZE, struct route_conf, max_body, .doc = ROUTE_MAX_BODY_TEXT),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct route_conf, grpc, .sub = grpc_options,
		.sub_size = sizeof(struct grpc_conf), .flags = SLUICE_F_SUBOBJECT,
		.doc = "limits for the requests that are gRPC calls"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct route_conf, retry, .sub = retry_options,
		.sub_size = sizeof(struct retry_conf),
		.doc = "when another server is asked, and how often; in place of the upstream's "
		       "block as a whole"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct route_conf, hedge, .sub = hedge_options,
		.sub_size = sizeof(struct hedge_conf),
		.doc = "a second server is asked when the first is slow; in place of the "
		       "upstream's block"),
	SLUICE_OPTIONS_END,
};
