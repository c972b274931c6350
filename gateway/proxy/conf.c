/* The option table of the configuration file. Blocks whose options belong to a lower floor have
 * their tables there. */
#include "proxy/conf.h"

static const sluice_option overload_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct overload_conf, memory, .def = "90%",
		.doc = "mark for the memory in use: above it new requests are refused, and above "
		       "halfway from the mark to all memory new connections wait; a share of the "
		       "memory available, such as 90%, a size, or off"),
	SLUICE_OPTION(SLUICE_T_STR, struct overload_conf, descriptors, .def = "90%",
		.doc = "the same mark for descriptors: a share of those that the process may open, "
		       "or off"),
	SLUICE_OPTIONS_END,
};

static const sluice_option runtime_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct runtime_conf, workers, .def = "auto",
		.flags = SLUICE_F_RESTART,
		.doc = "number of worker threads, or auto: one for each processor"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct runtime_conf, shutdown_grace, .def = "30s",
		.max = "1d", .doc = "how long a stopping gateway lets requests in progress finish"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct runtime_conf, drain_delay, .def = "0s", .max = "1h",
		.doc = "how long a gateway that was told to stop still takes connections, while "
		       "/readyz answers 503: time for load balancers to notice"),
	SLUICE_OPTION(SLUICE_T_UINT, struct runtime_conf, max_connections, .def = "0",
		.max = "10000000",
		.doc = "largest number of client connections, all listeners together; 0: as many "
		       "as there are descriptors for"),
	SLUICE_OPTION(SLUICE_T_STR, struct runtime_conf, zone, .max = "64",
		.doc = "where this gateway runs, such as ${ZONE}: servers with the same `zone` "
		       "come "
		       "first"),
	SLUICE_OPTION(SLUICE_T_BOOL, struct runtime_conf, core_dumps, .def = "false",
		.doc = "whether to allow core dumps and debuggers, to find the cause of a fault; "
		       "they can read keys and tokens"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct runtime_conf, overload, .sub = overload_options,
		.sub_size = sizeof(struct overload_conf), .flags = SLUICE_F_SUBOBJECT,
		.doc = "when the gateway refuses new work, so that it can finish the work that it "
		       "has"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct runtime_conf, resolve, .sub = resolve_options,
		.sub_size = sizeof(struct resolve_conf), .flags = SLUICE_F_SUBOBJECT,
		.doc = "how names of servers are looked up"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct runtime_conf, fetch_proxy, .sub = fetch_proxy_options,
		.sub_size = sizeof(struct fetch_proxy_conf), .flags = SLUICE_F_SUBOBJECT,
		.doc = "the HTTP proxy for what plugins fetch by URL, such as keys of issuers; "
		       "never for requests of clients"),
	SLUICE_OPTIONS_END,
};

static const sluice_option admin_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct admin_conf, address,
		.flags = SLUICE_F_RESTART | SLUICE_F_SCALAR,
		.doc = "where health, metrics and commands are served: ADDRESS:PORT or unix:PATH"),
	SLUICE_OPTION(SLUICE_T_STRS, struct admin_conf, hosts, .max = "64",
		.doc = "names with dots that requests to the admin address may have as their Host, "
		       "besides IP addresses, localhost and names without dots; *.NAME for every "
		       "name below one"),
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
		.doc = "the error log (stderr) shows lines of this severity and above"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct log_conf, stories, .sub = stories_options,
		.sub_size = sizeof(struct stories_conf),
		.doc = "requests whose story (what happened to them) the error log shows at level "
		       "info; left out: the stories of all requests, at level debug"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct log_conf, access, .sub = access_options,
		.sub_size = sizeof(struct access_conf), .flags = SLUICE_F_SUBOBJECT,
		.doc = "the access log"),
	SLUICE_OPTIONS_END,
};

static const sluice_option problems_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct problems_conf, type,
		.def = "urn:sluice:problem:", .min = "1", .max = "256",
		.doc = "beginning of the type of a problem document (RFC 9457); the problem code "
		       "follows it"),
	SLUICE_OPTIONS_END,
};

static const sluice_option consumer_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct consumer_conf, name, .flags = SLUICE_F_KEY, .min = "1",
		.max = "256", .doc = "the fact `consumer` of its requests"),
	SLUICE_OPTION(SLUICE_T_STRS, struct consumer_conf, identities, .max = "64",
		.doc = "INSTANCE:NAME for each identity that is this consumer: what an instance of "
		       "a plugin that authenticates calls it; left out: whoever has the "
		       "consumer's name, at any instance"),
	SLUICE_OPTION(SLUICE_T_STRS, struct consumer_conf, groups, .max = "64",
		.doc = "groups that it is in, besides those that the plugin knows"),
	SLUICE_OPTION(SLUICE_T_PAIRS, struct consumer_conf, facts, .max = "64",
		.doc = "facts of its requests: consumer:NAME for each"),
	SLUICE_OPTIONS_END,
};

static const char *const group_modes[] = { "enforce", "report", NULL };

#define GROUP_USE                                                                       \
	SLUICE_OPTION(SLUICE_T_STR, struct group_conf, use, .flags = SLUICE_F_REQUIRED, \
		.doc = "any-of or all-of")
#define GROUP_OF(text) \
	SLUICE_OPTION(SLUICE_T_NODE, struct group_conf, of, .flags = SLUICE_F_REQUIRED, .doc = text)

const sluice_option any_of_options[] = {
	GROUP_USE,
	GROUP_OF("alternatives, tried in this order until one admits the request: names of "
		 "instances and chains, or instances in place"),
	SLUICE_OPTION(SLUICE_T_ENUM, struct group_conf, mode, .def = "enforce",
		.choices = group_modes,
		.doc = "report: a request that no alternative admits goes on, and the log says so"),
	SLUICE_OPTIONS_END,
};

const sluice_option all_of_options[] = {
	GROUP_USE,
	GROUP_OF("plugins that must all admit the request, as one alternative of any-of"),
	SLUICE_OPTIONS_END,
};

const sluice_option gateway_options[] = {
	SLUICE_OPTION(SLUICE_T_STRS, struct gateway_conf, include, .max = "100",
		.doc = "files whose options are added to those of this file: paths, or patterns "
		       "such as routes.d/*.yaml, relative to the folder of this file"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct gateway_conf, runtime, .sub = runtime_options,
		.sub_size = sizeof(struct runtime_conf), .flags = SLUICE_F_SUBOBJECT,
		.doc = "settings of the whole process"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct gateway_conf, admin, .sub = admin_options,
		.sub_size = sizeof(struct admin_conf), .flags = SLUICE_F_SUBOBJECT,
		.doc = "health, metrics and commands"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct gateway_conf, log, .sub = log_options,
		.sub_size = sizeof(struct log_conf), .flags = SLUICE_F_SUBOBJECT,
		.doc = "the error log and the access log"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct gateway_conf, problems, .sub = problems_options,
		.sub_size = sizeof(struct problems_conf), .flags = SLUICE_F_SUBOBJECT,
		.doc = "the documents by which clients are told of errors"),
	SLUICE_OPTION(SLUICE_T_LIST, struct gateway_conf, listeners, .sub = listener_options,
		.sub_size = sizeof(struct listener_conf), .flags = SLUICE_F_REQUIRED, .min = "1",
		.max = "64", .doc = "addresses at which clients connect"),
	SLUICE_OPTION(SLUICE_T_MAP, struct gateway_conf, stores, .sub = store_options,
		.sub_size = sizeof(struct store_conf), .max = "16",
		.doc = "where plugins keep counts: Redis, or memory of this process"),
	SLUICE_OPTION(SLUICE_T_NODE, struct gateway_conf, plugins,
		.doc = "reusable instances of plugins by name: what `use` names, and its options; "
		       "or "
		       "a list, which is a chain: its name stands for the plugins in the list"),
	SLUICE_OPTION(SLUICE_T_MAP, struct gateway_conf, consumers, .sub = consumer_options,
		.sub_size = sizeof(struct consumer_conf), .max = "100000",
		.doc = "who calls: names, groups and facts for the identities that plugins find"),
	SLUICE_OPTION(SLUICE_T_MAP, struct gateway_conf, upstreams, .sub = upstream_options,
		.sub_size = sizeof(struct upstream_conf), .max = "10000",
		.doc = "services behind the gateway"),
	SLUICE_OPTION(SLUICE_T_LIST, struct gateway_conf, routes, .sub = route_options,
		.sub_size = sizeof(struct route_conf), .max = "100000",
		.doc = "which upstream answers which requests; the most specific match wins, "
		       "whatever the order in the file"),
	SLUICE_OPTIONS_END,
};
