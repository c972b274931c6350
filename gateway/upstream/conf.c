/* The option table of upstreams. Main thread. */
#include "upstream/conf.h"

static const char *const proxy_protocol_choices[] = { "off", "v1", "v2", NULL }; /* 0, 1, 2 */
static const char *const protocol_choices[] = { "http/1.1", "h2", "h2c", "auto", NULL };
static const char *const parsing_choices[] = { "strict", "lenient", NULL };
static const sluice_option timeout_options[] = {
	SLUICE_OPTION(SLUICE_T_DURATION, struct upstream_timeouts, connect, .def = "1s",
		.min = "1ms", .max = "5m",
		.doc = "longest time until a connection is open, TLS included"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct upstream_timeouts, response, .def = "15s",
		.min = "1ms", .max = "1d",
		.doc = "longest silence of a server that has a response to begin or to complete"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct upstream_timeouts, idle, .def = "60s", .min = "1ms",
		.max = "1d",
		.doc = "longest time that a connection is kept without a request; set it below the "
		       "keep-alive timeout of the service (Node.js 5s, gunicorn 2s), otherwise "
		       "some requests are sent on a connection that the service is closing"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct upstream_timeouts, ping, .def = "5m", .min = "10ms",
		.max = "1d",
		.doc = "longest silence of a connection with gRPC calls before a PING checks "
		       "whether the server is alive; many servers permit only one in 5m"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct upstream_timeouts, queue, .def = "1s", .min = "1ms",
		.max = "5m",
		.doc = "longest wait for room when max_connections or max_requests are in use"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct upstream_timeouts, tunnel, .def = "1h",
		.min = "1ms", .max = "7d",
		.doc = "longest silence of both sides of a tunnel, such as a WebSocket"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct upstream_timeouts, try, .def = "0s", .max = "1d",
		.doc = "longest time from a whole request to the head of the response of one "
		       "server; then that server has failed, and another is asked if `timeout` is "
		       "in retry.on; 0s: timeouts.response alone"),
	SLUICE_OPTIONS_END,
};

const sluice_option upstream_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct upstream_conf, name, .flags = SLUICE_F_KEY, .min = "1",
		.max = "64", .doc = "name of the upstream in routes, logs and metrics"),
	SLUICE_OPTION(SLUICE_T_LIST, struct upstream_conf, servers, .min = "1", .max = "1000",
		.sub = upstream_server_options, .sub_size = sizeof(struct upstream_server),
		.doc = "the servers; a name with several addresses counts as that many servers; "
		       "with `discover`: those until others are found"),
	SLUICE_OPTION(SLUICE_T_STR, struct upstream_conf, discovery,
		.doc = "name of an instance in `plugins` whose plugin finds the servers; the same "
		       "as `discover: { plugin: NAME }`"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct upstream_conf, discover, .flags = SLUICE_F_SUBOBJECT,
		.sub = discover_options, .sub_size = sizeof(struct upstream_discover),
		.doc = "how the servers are found while the gateway runs: by SRV records, in a "
		       "file, or by a plugin"),
	SLUICE_OPTION(SLUICE_T_ENUM, struct upstream_conf, protocol, .def = "http/1.1",
		.choices = protocol_choices, .flags = SLUICE_F_NEW,
		.doc = "protocol of the servers; h2: HTTP/2 over TLS, h2c: HTTP/2 without TLS, "
		       "auto: over TLS the one that each server chooses"),
	SLUICE_OPTION(SLUICE_T_ENUM, struct upstream_conf, proxy_protocol, .def = "off",
		.choices = proxy_protocol_choices, .flags = SLUICE_F_NEW,
		.doc = "version of the PROXY header with which connections begin, to name the "
		       "client; a connection is then kept for that client alone"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct upstream_conf, balance, .flags = SLUICE_F_SUBOBJECT,
		.sub = upstream_balance_options, .sub_size = sizeof(struct upstream_balance_conf),
		.doc = "how a server is chosen: round-robin, least-requests, random-two, "
		       "least-latency, hash, or by a plugin"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct upstream_conf, hash, .sub = upstream_hash_options,
		.sub_size = sizeof(struct hash_conf),
		.doc = "with balance: hash, what of a request decides which server gets it"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct upstream_conf, sticky, .sub = upstream_sticky_options,
		.sub_size = sizeof(struct sticky_conf),
		.doc = "clients stay with one server, by a cookie; left out: they do not"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct upstream_conf, zones, .flags = SLUICE_F_SUBOBJECT,
		.sub = upstream_zones_options, .sub_size = sizeof(struct zones_conf),
		.doc = "when servers of other zones than the gateway's own serve"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct upstream_conf, slow_start, .def = "0s", .max = "1h",
		.doc = "how long a server that was added, or is up again, takes a growing share of "
		       "the requests, from a tenth of its own; 0s: all of it at once"),
	SLUICE_OPTION(SLUICE_T_ENUM, struct upstream_conf, parsing, .def = "strict",
		.choices = parsing_choices, .flags = SLUICE_F_NEW,
		.doc = "lenient: accept responses that have lines ending with LF alone, empty "
		       "lines before the status line, control bytes in values (they become "
		       "blanks), a status above 599, or bytes behind the end (they are discarded)"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct upstream_conf, timeouts,
		.flags = SLUICE_F_SUBOBJECT | SLUICE_F_NEW, .sub = timeout_options,
		.doc = "limits on waiting for the servers"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct upstream_conf, health, .flags = SLUICE_F_SUBOBJECT,
		.sub = health_options,
		.doc = "when a server gets no requests for a while: judged by the requests it "
		       "gets, and by checks"),
	SLUICE_OPTION(SLUICE_T_UINT, struct upstream_conf, retries, .def = "2", .max = "7",
		.doc = "number of further tries on another server, after no connection could be "
		       "made or, for idempotent methods, after the connection was lost before a "
		       "response; after a timeout or a 5xx only where `retry` says so"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct upstream_conf, retry, .sub = retry_options,
		.sub_size = sizeof(struct retry_conf),
		.doc = "when another server is asked, and how often; left out: as `retries` says"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct upstream_conf, hedge, .sub = hedge_options,
		.sub_size = sizeof(struct hedge_conf),
		.doc = "a second server is asked when the first is slow to answer a request of a "
		       "safe method; the first answer counts"),
	SLUICE_OPTION(SLUICE_T_UINT, struct upstream_conf, keepalive, .def = "512", .max = "100000",
		.doc = "largest number of idle connections that each worker keeps to one server"),
	SLUICE_OPTION(SLUICE_T_UINT, struct upstream_conf, max_connections, .def = "0",
		.max = "1000000",
		.doc = "largest number of connections to one server, divided among the workers, at "
		       "least one each; 0: no limit"),
	SLUICE_OPTION(SLUICE_T_UINT, struct upstream_conf, max_streams, .def = "100", .min = "1",
		.max = "1000", .flags = SLUICE_F_NEW,
		.doc = "largest number of requests in progress on one HTTP/2 connection; a server "
		       "may allow fewer"),
	SLUICE_OPTION(SLUICE_T_UINT, struct upstream_conf, max_queue, .def = "1024",
		.max = "1000000",
		.doc = "largest number of requests of one worker that wait for room at the "
		       "upstream; more are refused"),
	SLUICE_OPTION(SLUICE_T_ENUM, struct upstream_conf, queue_order, .def = "fifo",
		.choices = queue_order_choices,
		.doc = "which of the waiting requests of one priority goes first: fifo, the one "
		       "that has waited longest, or lifo, the one that came last, whose client is "
		       "the least likely to have given up"),
	SLUICE_OPTION(SLUICE_T_UINT, struct upstream_conf, max_requests, .def = "0",
		.max = "1000000",
		.doc = "largest number of requests in progress, divided among the workers, at "
		       "least one each; further ones wait; 0: no limit"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct upstream_conf, adaptive, .flags = SLUICE_F_SUBOBJECT,
		.sub = adaptive_options, .sub_size = sizeof(struct gradient_conf),
		.doc = "in the place of max_requests: a limit that grows while responses are as "
		       "fast as usual, and shrinks when they get slower; an empty block turns it "
		       "on with its defaults"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct upstream_conf, breaker, .flags = SLUICE_F_SUBOBJECT,
		.sub = breaker_options, .sub_size = sizeof(struct breaker_conf),
		.doc = "circuit breaker: refuse requests for a while when too many fail; an empty "
		       "block turns it on with its defaults"),
	SLUICE_OPTION(SLUICE_T_SIZE, struct upstream_conf, max_head, .def = "64KiB", .min = "1KiB",
		.max = "1MiB", .flags = SLUICE_F_NEW, .doc = "largest response head"),
	SLUICE_OPTION(SLUICE_T_UINT, struct upstream_conf, max_fields, .def = "200", .min = "10",
		.max = "2000", .flags = SLUICE_F_NEW,
		.doc = "largest number of header fields of a response"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct upstream_conf, resolve_interval, .def = "30s",
		.min = "1s", .max = "1d",
		.doc = "when the names of servers are looked up again at the latest, also if the "
		       "TTL of their addresses is longer; names in /etc/hosts have no TTL"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct upstream_conf, tls, .flags = SLUICE_F_NEW,
		.sub = tls_client_options,
		.doc = "TLS to the servers; an empty block turns it on with its defaults; left "
		       "out: connections without TLS"),
	SLUICE_OPTIONS_END,
};
