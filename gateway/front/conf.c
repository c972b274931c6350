/* The option table of listeners. */
#include "front/conf.h"

#include "http/head.h"

#include "front/count.h"

bool client_bound_parse(sluice_str text, uint32_t *out)
{
	uint64_t n = 0;
	if (str_eq(text, STR("auto"))) {
		*out = CLIENT_AUTO;
		return true;
	}
	if (text.len == 0 || !str_u64(text, &n) || n > COUNT_MOST)
		return false;
	*out = (uint32_t)n;
	return true;
}

static const char *const protocols[] = { "h2", "http/1.1", NULL };
/* enum client_ip_from */
static const char *const client_ip_fields[] = { "x-forwarded-for", "forwarded", NULL };

static const sluice_option timeout_options[] = {
	SLUICE_OPTION(SLUICE_T_DURATION, struct listener_timeouts, head, .def = "10s", .min = "1ms",
		.max = "1h", .flags = SLUICE_F_NEW,
		.doc = "longest time for a whole request head, from its first byte"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct listener_timeouts, body, .def = "30s", .min = "1ms",
		.max = "1h", .flags = SLUICE_F_NEW,
		.doc = "longest time between two reads of a request body, or between two writes of "
		       "a response"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct listener_timeouts, request, .def = "0s",
		.max = "7d", .flags = SLUICE_F_NEW,
		.doc = "longest time for a whole request, head and body, from its first byte; "
		       "tunnels and gRPC calls are exempt; 0: no limit"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct listener_timeouts, idle, .def = "60s", .min = "1ms",
		.max = "1d", .flags = SLUICE_F_NEW,
		.doc = "longest time that a connection waits for its next request"),
	SLUICE_OPTIONS_END,
};

static const sluice_option linger_options[] = {
	SLUICE_OPTION(SLUICE_T_DURATION, struct listener_linger, silence, .def = "5s", .min = "1ms",
		.max = "1h", .flags = SLUICE_F_NEW,
		.doc = "the gateway stops reading after this time without a byte"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct listener_linger, time, .def = "30s", .min = "1ms",
		.max = "1h", .flags = SLUICE_F_NEW,
		.doc = "the gateway stops reading after this time in any case"),
	SLUICE_OPTION(SLUICE_T_SIZE, struct listener_linger, size, .def = "64MiB", .max = "1TiB",
		.flags = SLUICE_F_NEW, .doc = "largest number of bytes that are discarded"),
	SLUICE_OPTIONS_END,
};

static const sluice_option proxy_protocol_options[] = {
	SLUICE_OPTION(SLUICE_T_STRS, struct listener_proxy_protocol, from,
		.flags = SLUICE_F_REQUIRED | SLUICE_F_NEW, .min = "1", .max = "10000",
		.doc = "addresses and ranges (10.0.0.0/8) whose connections begin with a PROXY "
		       "header, version 1 or 2; unix for all peers at a unix socket"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct listener_proxy_protocol, timeout, .def = "5s",
		.min = "1ms", .max = "1h", .flags = SLUICE_F_NEW,
		.doc = "longest time until the header has arrived"),
	SLUICE_OPTIONS_END,
};

static const sluice_option forwarded_options[] = {
	SLUICE_OPTION(SLUICE_T_STRS, struct listener_forwarded, keep, .max = "64",
		.flags = SLUICE_F_NEW,
		.doc = "names of such fields that are forwarded from any peer, such as "
		       "x-forwarded-port; the gateway itself does not believe them"),
	SLUICE_OPTIONS_END,
};

/* in the order of enum listener_spelling */
static const char *const escaped_slashes[] = { "keep", "refuse", "decode", NULL };
static const char *const path_parameters[] = { "keep", "refuse", "strip", NULL };

const sluice_option listener_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct listener_conf, name, .flags = SLUICE_F_REQUIRED,
		.min = "1", .max = "64", .doc = "name of the listener in routes and logs"),
	SLUICE_OPTION(SLUICE_T_STR, struct listener_conf, address, .flags = SLUICE_F_REQUIRED,
		.doc = "address on which it listens: ADDRESS:PORT, [IPV6]:PORT or unix:PATH"),
	SLUICE_OPTION(SLUICE_T_NODE, struct listener_conf, plugins,
		.doc = "plugins that run for each request before a route is chosen, also for "
		       "requests without a route, in this order: names of instances and chains in "
		       "`plugins`, or instances in place"),
	SLUICE_OPTION(SLUICE_T_FLAGS, struct listener_conf, protocols, .def = "[http/1.1]",
		.choices = protocols, .min = "1", .flags = SLUICE_F_NEW,
		.doc = "protocols that it serves; over TLS, ALPN decides, and h2 is preferred; "
		       "without TLS, the first bytes of the client decide"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct listener_conf, timeouts, .sub = timeout_options,
		.sub_size = sizeof(struct listener_timeouts),
		.flags = SLUICE_F_SUBOBJECT | SLUICE_F_NEW, .doc = "limits on waiting for clients"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct listener_conf, defaults, .sub = route_defaults_options,
		.sub_size = sizeof(struct route_defaults), .flags = SLUICE_F_SUBOBJECT,
		.doc = "what holds for requests of this listener where their route says nothing"),
	SLUICE_OPTION(SLUICE_T_SIZE, struct listener_conf, min_rate, .def = "0", .max = "1GiB",
		.flags = SLUICE_F_NEW,
		.doc = "least bytes a second, measured over five seconds, at which clients must "
		       "send a body and read a response that waits for them; tunnels and gRPC "
		       "calls are exempt; 0: no limit"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct listener_conf, linger, .sub = linger_options,
		.sub_size = sizeof(struct listener_linger),
		.flags = SLUICE_F_SUBOBJECT | SLUICE_F_NEW,
		.doc = "how long the rest of a request body is read and discarded after the "
		       "request was answered, so that the client receives the answer instead of a "
		       "reset"),
	SLUICE_OPTION(SLUICE_T_SIZE, struct listener_conf, max_head, .def = "32KiB", .min = "1KiB",
		.max = "1MiB", .flags = SLUICE_F_NEW, .doc = "largest request head"),
	SLUICE_OPTION(SLUICE_T_SIZE, struct listener_conf, max_target, .def = "8KiB", .min = "256",
		.max = "1MiB", .flags = SLUICE_F_NEW, .doc = "longest request target"),
	SLUICE_OPTION(SLUICE_T_UINT, struct listener_conf, max_fields, .def = "100", .min = "8",
		.max = "1000", .flags = SLUICE_F_NEW,
		.doc = "largest number of header fields of a request"),
	SLUICE_OPTION(SLUICE_T_SIZE, struct listener_conf, max_body, .def = "0",
		.flags = SLUICE_F_NEW,
		.doc = "largest request body; 0: no limit; bodies are streamed, so a limit saves "
		       "no memory"),
	SLUICE_OPTION(SLUICE_T_SIZE, struct listener_conf, max_memory, .def = "512KiB",
		.min = "128KiB", .max = "64MiB", .flags = SLUICE_F_NEW,
		.doc = "largest amount of memory for the heads and the plugins of one request"),
	SLUICE_OPTION(SLUICE_T_STR, struct listener_conf, max_connections_per_client, .def = "auto",
		.flags = SLUICE_F_NEW,
		.doc = "largest number of connections of one client address (of one /64 in IPv6); "
		       "trusted proxies are exempt; a number up to 65535, 0 for no limit, or auto: "
		       "a quarter of all, counted over all listeners that say auto"),
	SLUICE_OPTION(SLUICE_T_STR, struct listener_conf, max_requests_per_client, .def = "auto",
		.flags = SLUICE_F_NEW,
		.doc = "largest number of requests to upstreams that one client has in progress, "
		       "over all its connections: a number up to 65535, 0 for no limit, or auto: a "
		       "quarter of the connections to upstreams"),
	SLUICE_OPTION(SLUICE_T_UINT, struct listener_conf, max_requests_per_connection, .def = "0",
		.max = "4294967295", .flags = SLUICE_F_NEW,
		.doc = "number of requests after which a connection is closed, once they are "
		       "answered; 0: no limit"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct listener_conf, proxy_protocol,
		.sub = proxy_protocol_options, .sub_size = sizeof(struct listener_proxy_protocol),
		.flags = SLUICE_F_NEW,
		.doc = "load balancers that name the client of a connection by the PROXY protocol"),
	SLUICE_OPTION(SLUICE_T_STRS, struct listener_conf, trusted_proxies, .max = "10000",
		.flags = SLUICE_F_NEW,
		.doc = "addresses and ranges of proxies that are believed when they name the "
		       "client of a request; unix for all peers at a unix socket"),
	SLUICE_OPTION(SLUICE_T_ENUM, struct listener_conf, client_ip_from, .def = "x-forwarded-for",
		.choices = client_ip_fields, .flags = SLUICE_F_NEW,
		.doc = "field in which trusted proxies name the client"),
	SLUICE_OPTION(SLUICE_T_STR, struct listener_conf, mode,
		.doc = "permissions of the file of a unix socket, as octal digits such as "
		       "\"0660\"; those who may write to it may connect"),
	SLUICE_OPTION(SLUICE_T_STR, struct listener_conf, user,
		.doc = "owner of the file of a unix socket, a name or a number; needs the right to "
		       "change owners"),
	SLUICE_OPTION(SLUICE_T_STR, struct listener_conf, group,
		.doc = "group of the file of a unix socket, a name or a number"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct listener_conf, forwarded, .sub = forwarded_options,
		.sub_size = sizeof(struct listener_forwarded),
		.flags = SLUICE_F_SUBOBJECT | SLUICE_F_NEW,
		.doc = "fields in which proxies describe the client and its request "
		       "(X-Forwarded-*, X-Real-IP, X-Original-* and the like); those of untrusted "
		       "peers are removed"),
	SLUICE_OPTION(SLUICE_T_BOOL, struct listener_conf, via, .def = "true",
		.flags = SLUICE_F_NEW,
		.doc = "whether requests to upstreams have a Via field; with it, some servers do "
		       "not compress responses"),
	SLUICE_OPTION(SLUICE_T_BOOL, struct listener_conf, merge_slashes, .def = "true",
		.flags = SLUICE_F_NEW,
		.doc = "whether // in a path is forwarded as /; routes and plugins see / in either "
		       "case"),
	SLUICE_OPTION(SLUICE_T_ENUM, struct listener_conf, escaped_slashes, .def = "keep",
		.flags = SLUICE_F_NEW, .choices = escaped_slashes,
		.doc = "%2F and %5C in a path. keep: they separate nothing and are forwarded as "
		       "they are; refuse: 400; decode: %2F is / for routes, plugins and upstream, "
		       "and %5C is refused"),
	SLUICE_OPTION(SLUICE_T_ENUM, struct listener_conf, path_parameters, .def = "keep",
		.flags = SLUICE_F_NEW, .choices = path_parameters,
		.doc = "parameters of path segments, such as ;a=1 in /cars;a=1/red. keep: they are "
		       "part of the path; refuse: 400, also for %3B; strip: routes, plugins and "
		       "upstream see the path without them"),
	SLUICE_OPTION(SLUICE_T_UINT, struct listener_conf, backlog, .def = "4096", .min = "1",
		.max = "65535", .flags = SLUICE_F_RESTART,
		.doc = "largest number of connections that the system queues before they are "
		       "accepted"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct listener_conf, tls, .sub = tls_server_options,
		.sub_size = sizeof(struct tls_server_conf), .flags = SLUICE_F_NEW,
		.doc = "TLS with clients; left out: the listener speaks without TLS"),
	SLUICE_OPTIONS_END,
};

uint8_t listener_path_rules(const struct listener_conf *c)
{
	static const uint8_t escaped[] = { 0, PATH_ESCAPED_REFUSED, PATH_ESCAPED_DECODED };
	static const uint8_t parameters[] = { 0, PATH_PARAMETERS_REFUSED, PATH_PARAMETERS_CUT };
	unsigned slashes = c->merge_slashes ? 0 : PATH_SLASHES_KEPT;
	return (uint8_t)(slashes | escaped[c->escaped_slashes] | parameters[c->path_parameters]);
}
