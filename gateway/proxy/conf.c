/* The option table of the configuration file. Blocks whose options belong to a lower floor have
 * their tables there. */
#include "proxy/conf.h"

static const sluice_option overload_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct overload_conf, memory, .def = "90%",
		.doc = "memory in use from which new requests are refused, and halfway from there "
		       "to all of it new "
		       "connections wait: a share of what there is, such as 90%, a size, or off"),
	SLUICE_OPTION(SLUICE_T_STR, struct overload_conf, descriptors, .def = "90%",
		.doc = "the same for descriptors: a share of those the process may open, or off"),
	SLUICE_OPTIONS_END,
};

static const sluice_option runtime_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct runtime_conf, workers, .def = "auto",
		.flags = SLUICE_F_RESTART,
		.doc = "event loops: auto for one on each processor, or a number"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct runtime_conf, shutdown_grace, .def = "30s",
		.max = "1d", .doc = "how long a stopping gateway lets requests in progress finish"),
	SLUICE_OPTION(SLUICE_T_UINT, struct runtime_conf, max_connections, .def = "0",
		.max = "10000000",
		.doc = "most connections from clients, all listeners together; 0 for as many as "
		       "there are descriptors"),
	SLUICE_OPTION(SLUICE_T_BOOL, struct runtime_conf, core_dumps, .def = "false",
		.doc = "allow core dumps and debuggers, for looking into a fault; they see keys "
		       "and tokens"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct runtime_conf, overload, .sub = overload_options,
		.sub_size = sizeof(struct overload_conf), .flags = SLUICE_F_SUBOBJECT,
		.doc = "when the gateway takes on less, to keep what it has taken on"),
	SLUICE_OPTIONS_END,
};

static const sluice_option admin_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct admin_conf, address,
		.flags = SLUICE_F_RESTART | SLUICE_F_SCALAR,
		.doc = "where health, metrics and commands are served: ADDRESS:PORT or unix:PATH"),
	SLUICE_OPTION(SLUICE_T_STRS, struct admin_conf, hosts, .max = "64",
		.doc = "names with dots by which the admin address may be asked, besides IP "
		       "addresses, localhost and names "
		       "without dots; *.NAME for every name below one"),
	SLUICE_OPTIONS_END,
};

static const char *const levels[] = { "error", "warn", "info", "debug", NULL };

static const sluice_option stories_options[] = {
	SLUICE_OPTION(SLUICE_T_STRS, struct stories_conf, routes, .max = "1000",
		.doc = "only requests of these routes; left out: of all"),
	SLUICE_OPTION(SLUICE_T_STRS, struct stories_conf, clients, .max = "1000",
		.doc = "only requests of clients with these addresses, or in these networks; left "
		       "out: of all"),
	SLUICE_OPTIONS_END,
};

static const sluice_option log_options[] = {
	SLUICE_OPTION(SLUICE_T_ENUM, struct log_conf, level, .def = "info", .choices = levels,
		.doc = "least severity that the error log (stderr) tells"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct log_conf, stories, .sub = stories_options,
		.sub_size = sizeof(struct stories_conf),
		.doc = "which requests tell in the error log, at level info, what happened to "
		       "them; left out: all of them, at level debug"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct log_conf, access, .sub = access_options,
		.sub_size = sizeof(struct access_conf), .flags = SLUICE_F_SUBOBJECT,
		.doc = "the access log"),
	SLUICE_OPTIONS_END,
};

static const sluice_option match_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct match_conf, host,
		.doc = "host without port: a name, or *.NAME for every name below it"),
	SLUICE_OPTION(SLUICE_T_STR, struct match_conf, path,
		.doc = "path: /a/b exactly, /a/* for everything below, {name} for one segment, or "
		       "regex:PATTERN"),
	SLUICE_OPTION(SLUICE_T_STRS, struct match_conf, methods, .max = "32",
		.doc = "methods; left out, all"),
	SLUICE_OPTION(SLUICE_T_PAIRS, struct match_conf, headers, .max = "32",
		.doc = "header fields that must have a value: NAME: VALUE, \"*\" for any, or "
		       "regex:PATTERN"),
	SLUICE_OPTION(SLUICE_T_PAIRS, struct match_conf, query, .max = "32",
		.doc = "query parameters that must have a value: NAME: VALUE, \"*\" for any, or "
		       "regex:PATTERN"),
	SLUICE_OPTION(SLUICE_T_PAIRS, struct match_conf, facts, .max = "32",
		.flags = SLUICE_F_MULTI,
		.doc = "facts that must have a value, also those that plugins of the listener "
		       "state: FACT: VALUE, a list of values, \"*\" for any, or regex:PATTERN"),
	SLUICE_OPTION(SLUICE_T_STR, struct match_conf, listener,
		.doc = "name of the listener the request came in by"),
	SLUICE_OPTIONS_END,
};

static const sluice_option respond_options[] = {
	SLUICE_OPTION(SLUICE_T_UINT, struct respond_conf, status, .def = "200", .min = "200",
		.max = "599", .doc = "status code"),
	SLUICE_OPTION(SLUICE_T_STR, struct respond_conf, body, .max = "1048576",
		.doc = "the body, in which {FACT} stands for a fact of the request; or file:PATH, "
		       "which is sent as it is"),
	SLUICE_OPTION(SLUICE_T_STR, struct respond_conf, content_type,
		.def = "text/plain; charset=utf-8", .doc = "media type of the body"),
	SLUICE_OPTION(SLUICE_T_PAIRS, struct respond_conf, headers, .max = "32",
		.doc = "further header fields; {FACT} in a value stands for a fact of the request, "
		       "and a field without it is "
		       "left out; a brace that is meant is written twice"),
	SLUICE_OPTIONS_END,
};

static const sluice_option grpc_options[] = {
	SLUICE_OPTION(SLUICE_T_DURATION, struct grpc_conf, max_timeout, .def = "0s", .max = "365d",
		.doc = "longest deadline of a call: what clients ask for is cut to it, also when "
		       "they ask for none; 0s: any"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct grpc_conf, idle, .def = "1h", .min = "10ms",
		.max = "365d",
		.doc = "longest silence of both sides of a call, between HTTP/2 and HTTP/2"),
	SLUICE_OPTIONS_END,
};

static const sluice_option route_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct route_conf, name, .flags = SLUICE_F_REQUIRED, .min = "1",
		.max = "128", .doc = "what logs and metrics call it"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct route_conf, match, .sub = match_options,
		.sub_size = sizeof(struct match_conf), .flags = SLUICE_F_SUBOBJECT,
		.doc = "which requests it takes; all of it must be met"),
	SLUICE_OPTION(SLUICE_T_NODE, struct route_conf, plugins,
		.doc = "what runs before the request is passed on, in this order: names of "
		       "instances and chains in `plugins`, or instances in place"),
	SLUICE_OPTION(SLUICE_T_STRS, struct route_conf, upgrade, .max = "8",
		.doc = "protocols a client may change to on this route, such as websocket: the "
		       "connection becomes a tunnel"),
	SLUICE_OPTION(SLUICE_T_STRS, struct route_conf, request_trailers, .max = "32",
		.doc = "trailers of requests that the upstream gets; left out, none but those of "
		       "gRPC calls"),
	SLUICE_OPTION(SLUICE_T_STR, struct route_conf, upstream,
		.doc = "name of the upstream that answers"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct route_conf, respond, .sub = respond_options,
		.sub_size = sizeof(struct respond_conf), .doc = "answer without an upstream"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct route_conf, grpc, .sub = grpc_options,
		.sub_size = sizeof(struct grpc_conf), .flags = SLUICE_F_SUBOBJECT,
		.doc = "bounds on the gRPC calls among the requests"),
	SLUICE_OPTIONS_END,
};

static const sluice_option problems_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct problems_conf, type,
		.def = "urn:sluice:problem:", .min = "1", .max = "256",
		.doc = "what the type of a problem document (RFC 9457) begins with; its code "
		       "follows"),
	SLUICE_OPTIONS_END,
};

const sluice_option gateway_options[] = {
	SLUICE_OPTION(SLUICE_T_BLOCK, struct gateway_conf, runtime, .sub = runtime_options,
		.sub_size = sizeof(struct runtime_conf), .flags = SLUICE_F_SUBOBJECT,
		.doc = "the process"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct gateway_conf, admin, .sub = admin_options,
		.sub_size = sizeof(struct admin_conf), .flags = SLUICE_F_SUBOBJECT,
		.doc = "health, metrics and commands"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct gateway_conf, log, .sub = log_options,
		.sub_size = sizeof(struct log_conf), .flags = SLUICE_F_SUBOBJECT,
		.doc = "what is written down"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct gateway_conf, problems, .sub = problems_options,
		.sub_size = sizeof(struct problems_conf), .flags = SLUICE_F_SUBOBJECT,
		.doc = "how refusals are told to clients"),
	SLUICE_OPTION(SLUICE_T_LIST, struct gateway_conf, listeners, .sub = listener_options,
		.sub_size = sizeof(struct listener_conf), .flags = SLUICE_F_REQUIRED, .min = "1",
		.max = "64", .doc = "where clients connect"),
	SLUICE_OPTION(SLUICE_T_MAP, struct gateway_conf, stores, .sub = store_options,
		.sub_size = sizeof(struct store_conf), .max = "16",
		.doc = "where plugins keep counts: Redis, or memory of this process"),
	SLUICE_OPTION(SLUICE_T_NODE, struct gateway_conf, plugins,
		.doc = "reusable instances of plugins by name: what `use` names, and its options; "
		       "or "
		       "a list, which is a chain: its name stands for the plugins in the list"),
	SLUICE_OPTION(SLUICE_T_MAP, struct gateway_conf, upstreams, .sub = upstream_options,
		.sub_size = sizeof(struct upstream_conf), .max = "10000",
		.doc = "services behind the gateway"),
	SLUICE_OPTION(SLUICE_T_LIST, struct gateway_conf, routes, .sub = route_options,
		.sub_size = sizeof(struct route_conf), .max = "100000",
		.doc = "which request goes where; the most specific match wins, whatever the "
		       "order"),
	SLUICE_OPTIONS_END,
};
