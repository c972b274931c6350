/* The option table of upstreams. Main thread. */
#include "upstream/conf.h"

static const sluice_option server_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct upstream_server, address,
		.flags = SLUICE_F_REQUIRED | SLUICE_F_SCALAR, .min = "1", .max = "300",
		.doc = "address of the server: host:port, ip:port, [ipv6]:port or unix:/path"),
	SLUICE_OPTION(SLUICE_T_UINT, struct upstream_server, weight, .def = "1", .min = "1",
		.max = "100",
		.doc = "its share of the requests, relative to the weights of the other servers"),
	SLUICE_OPTIONS_END,
};

static const char *const proxy_protocol_choices[] = { "off", "v1", "v2", NULL }; /* 0, 1, 2 */
static const char *const protocol_choices[] = { "http/1.1", "h2", "h2c", "auto", NULL };
static const char *const parsing_choices[] = { "strict", "lenient", NULL };
static const char *const balance_choices[] = { "round-robin", "least-requests", NULL };

static const sluice_option balance_options[] = {
	SLUICE_OPTION(SLUICE_T_ENUM, struct upstream_balance_conf, algorithm, .def = "round-robin",
		.choices = balance_choices, .flags = SLUICE_F_SCALAR,
		.doc = "each server in turn, or the one with the fewest requests in progress; with "
		       "`plugin`: where that chooses none"),
	SLUICE_OPTION(SLUICE_T_STR, struct upstream_balance_conf, plugin,
		.doc = "name of an instance in `plugins` whose plugin chooses among servers"),
	SLUICE_OPTIONS_END,
};

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

static const sluice_option health_options[] = {
	SLUICE_OPTION(SLUICE_T_UINT, struct upstream_health, failures, .def = "3", .max = "1000",
		.doc = "number of consecutive failures after which a server gets no requests for a "
		       "while; 0: never"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct upstream_health, retry_after, .def = "2s",
		.min = "10ms", .max = "1h",
		.doc = "how long it gets no requests; then one request is sent to try it, and the "
		       "time doubles if that fails"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct upstream_health, retry_after_max, .def = "30s",
		.min = "10ms", .max = "1h",
		.doc = "upper limit for this time as it doubles, if longer than retry_after"),
	SLUICE_OPTIONS_END,
};

const sluice_option upstream_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct upstream_conf, name, .flags = SLUICE_F_KEY, .min = "1",
		.max = "64", .doc = "name of the upstream in routes, logs and metrics"),
	SLUICE_OPTION(SLUICE_T_LIST, struct upstream_conf, servers, .min = "1", .max = "1000",
		.sub = server_options, .sub_size = sizeof(struct upstream_server),
		.doc = "the servers; a name with several addresses counts as that many servers; "
		       "with `discovery`: those until others are found"),
	SLUICE_OPTION(SLUICE_T_STR, struct upstream_conf, discovery,
		.doc = "name of an instance in `plugins` whose plugin finds the servers"),
	SLUICE_OPTION(SLUICE_T_ENUM, struct upstream_conf, protocol, .def = "http/1.1",
		.choices = protocol_choices, .flags = SLUICE_F_NEW,
		.doc = "protocol of the servers; h2: HTTP/2 over TLS, h2c: HTTP/2 without TLS, "
		       "auto: over TLS the one that each server chooses"),
	SLUICE_OPTION(SLUICE_T_ENUM, struct upstream_conf, proxy_protocol, .def = "off",
		.choices = proxy_protocol_choices, .flags = SLUICE_F_NEW,
		.doc = "version of the PROXY header with which connections begin, to name the "
		       "client; a connection is then kept for that client alone"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct upstream_conf, balance, .flags = SLUICE_F_SUBOBJECT,
		.sub = balance_options, .sub_size = sizeof(struct upstream_balance_conf),
		.doc = "how a server is chosen: round-robin, least-requests, or by a plugin"),
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
		.doc = "when a failing server gets no requests for a while; judged by the requests "
		       "it gets"),
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
		.doc = "how often the names of servers are looked up again"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct upstream_conf, tls, .flags = SLUICE_F_NEW,
		.sub = tls_client_options,
		.doc = "TLS to the servers; an empty block turns it on with its defaults; left "
		       "out: connections without TLS"),
	SLUICE_OPTIONS_END,
};
