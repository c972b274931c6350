/* The option table of listeners. */
#include "front/conf.h"

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
		.doc = "time for a whole request head, from its first byte"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct listener_timeouts, body, .def = "30s", .min = "1ms",
		.max = "1h", .flags = SLUICE_F_NEW,
		.doc = "time between two reads of a request body, or two writes of a response"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct listener_timeouts, request, .def = "0s",
		.max = "7d", .flags = SLUICE_F_NEW,
		.doc = "time for a whole request, head and body, from its first byte; tunnels and "
		       "gRPC calls have none; 0: "
		       "no bound"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct listener_timeouts, idle, .def = "60s", .min = "1ms",
		.max = "1d", .flags = SLUICE_F_NEW,
		.doc = "time a connection may wait for its next request"),
	SLUICE_OPTIONS_END,
};

static const sluice_option linger_options[] = {
	SLUICE_OPTION(SLUICE_T_DURATION, struct listener_linger, silence, .def = "5s", .min = "1ms",
		.max = "1h", .flags = SLUICE_F_NEW,
		.doc = "time without a byte after which it ends"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct listener_linger, time, .def = "30s", .min = "1ms",
		.max = "1h", .flags = SLUICE_F_NEW, .doc = "time after which it ends in any case"),
	SLUICE_OPTION(SLUICE_T_SIZE, struct listener_linger, size, .def = "64MiB", .max = "1TiB",
		.flags = SLUICE_F_NEW, .doc = "most bytes that are thrown away"),
	SLUICE_OPTIONS_END,
};

static const sluice_option proxy_protocol_options[] = {
	SLUICE_OPTION(SLUICE_T_STRS, struct listener_proxy_protocol, from,
		.flags = SLUICE_F_REQUIRED | SLUICE_F_NEW, .min = "1", .max = "10000",
		.doc = "addresses and ranges (10.0.0.0/8) whose connections begin with a PROXY "
		       "header, version 1 or 2; "
		       "unix for all at a unix socket"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct listener_proxy_protocol, timeout, .def = "5s",
		.min = "1ms", .max = "1h", .flags = SLUICE_F_NEW,
		.doc = "time for the header to arrive"),
	SLUICE_OPTIONS_END,
};

static const sluice_option forwarded_options[] = {
	SLUICE_OPTION(SLUICE_T_STRS, struct listener_forwarded, keep, .max = "64",
		.flags = SLUICE_F_NEW,
		.doc = "names of these fields that pass from anybody, such as x-forwarded-port; "
		       "nothing here believes them"),
	SLUICE_OPTIONS_END,
};

const sluice_option listener_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct listener_conf, name, .flags = SLUICE_F_REQUIRED,
		.min = "1", .max = "64", .doc = "what routes and logs call it"),
	SLUICE_OPTION(SLUICE_T_STR, struct listener_conf, address, .flags = SLUICE_F_REQUIRED,
		.doc = "where it listens: ADDRESS:PORT, [IPV6]:PORT or unix:PATH"),
	SLUICE_OPTION(SLUICE_T_NODE, struct listener_conf, plugins,
		.doc = "what runs for each of its requests before a route is chosen, also for "
		       "those "
		       "without a route, in this order: names of instances and chains in "
		       "`plugins`, "
		       "or instances in place"),
	SLUICE_OPTION(SLUICE_T_FLAGS, struct listener_conf, protocols, .def = "[http/1.1]",
		.choices = protocols, .min = "1", .flags = SLUICE_F_NEW,
		.doc = "what it speaks; TLS clients choose by ALPN, h2 is offered first, and plain "
		       "ones by how they begin"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct listener_conf, timeouts, .sub = timeout_options,
		.sub_size = sizeof(struct listener_timeouts),
		.flags = SLUICE_F_SUBOBJECT | SLUICE_F_NEW, .doc = "how long it waits for clients"),
	SLUICE_OPTION(SLUICE_T_SIZE, struct listener_conf, min_rate, .def = "0", .max = "1GiB",
		.flags = SLUICE_F_NEW,
		.doc = "bytes a second, over five seconds, that clients must send of a body and "
		       "take of a response that "
		       "waits for them; tunnels and gRPC calls may be slower; 0: any"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct listener_conf, linger, .sub = linger_options,
		.sub_size = sizeof(struct listener_linger),
		.flags = SLUICE_F_SUBOBJECT | SLUICE_F_NEW,
		.doc = "for how long the rest of a request body is read and thrown away once the "
		       "request is answered, so "
		       "that the client gets the answer and no reset"),
	SLUICE_OPTION(SLUICE_T_SIZE, struct listener_conf, max_head, .def = "32KiB", .min = "1KiB",
		.max = "1MiB", .flags = SLUICE_F_NEW, .doc = "largest request head"),
	SLUICE_OPTION(SLUICE_T_SIZE, struct listener_conf, max_target, .def = "8KiB", .min = "256",
		.max = "1MiB", .flags = SLUICE_F_NEW, .doc = "longest request target"),
	SLUICE_OPTION(SLUICE_T_UINT, struct listener_conf, max_fields, .def = "100", .min = "8",
		.max = "1000", .flags = SLUICE_F_NEW, .doc = "most header fields of a request"),
	SLUICE_OPTION(SLUICE_T_SIZE, struct listener_conf, max_body, .def = "0",
		.flags = SLUICE_F_NEW,
		.doc = "largest request body, 0 for no bound; bodies are streamed, so a bound "
		       "saves no memory"),
	SLUICE_OPTION(SLUICE_T_SIZE, struct listener_conf, max_memory, .def = "512KiB",
		.min = "128KiB", .max = "64MiB", .flags = SLUICE_F_NEW,
		.doc = "most memory for the heads and the plugins of one request"),
	SLUICE_OPTION(SLUICE_T_STR, struct listener_conf, max_connections_per_client, .def = "auto",
		.flags = SLUICE_F_NEW,
		.doc = "most connections of one client address (of one /64 in IPv6), trusted "
		       "proxies excepted: a number up "
		       "to 65535, 0 for no bound, or auto: a quarter of all, over all listeners "
		       "that say auto"),
	SLUICE_OPTION(SLUICE_T_STR, struct listener_conf, max_requests_per_client, .def = "auto",
		.flags = SLUICE_F_NEW,
		.doc = "most requests of one client to upstreams that are in progress at a time, "
		       "over all its connections: "
		       "a number up to 65535, 0 for no bound, or auto: a quarter of the "
		       "connections to upstreams"),
	SLUICE_OPTION(SLUICE_T_UINT, struct listener_conf, max_requests_per_connection, .def = "0",
		.max = "4294967295", .flags = SLUICE_F_NEW,
		.doc = "requests after which a connection is closed politely; 0 for no bound"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct listener_conf, proxy_protocol,
		.sub = proxy_protocol_options, .sub_size = sizeof(struct listener_proxy_protocol),
		.flags = SLUICE_F_NEW,
		.doc = "load balancers that say by the PROXY protocol whose connection it is"),
	SLUICE_OPTION(SLUICE_T_STRS, struct listener_conf, trusted_proxies, .max = "10000",
		.flags = SLUICE_F_NEW,
		.doc = "addresses and ranges of proxies that are believed when a request says for "
		       "whom they ask; unix for "
		       "all at a unix socket"),
	SLUICE_OPTION(SLUICE_T_ENUM, struct listener_conf, client_ip_from, .def = "x-forwarded-for",
		.choices = client_ip_fields, .flags = SLUICE_F_NEW,
		.doc = "the field in which trusted proxies say it"),
	SLUICE_OPTION(SLUICE_T_STR, struct listener_conf, mode,
		.doc = "of a unix socket: permissions of its file as octal digits such as "
		       "\"0660\"; who may write to it may "
		       "connect"),
	SLUICE_OPTION(SLUICE_T_STR, struct listener_conf, user,
		.doc = "of a unix socket: owner of its file, a name or a number; needs the right "
		       "to give files away"),
	SLUICE_OPTION(SLUICE_T_STR, struct listener_conf, group,
		.doc = "of a unix socket: group of its file, a name or a number"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct listener_conf, forwarded, .sub = forwarded_options,
		.sub_size = sizeof(struct listener_forwarded),
		.flags = SLUICE_F_SUBOBJECT | SLUICE_F_NEW,
		.doc = "fields by which proxies tell whom a request is from (X-Forwarded-*, "
		       "X-Real-IP, X-Original-* and "
		       "the like): those of strangers are taken away"),
	SLUICE_OPTION(SLUICE_T_BOOL, struct listener_conf, via, .def = "true",
		.flags = SLUICE_F_NEW,
		.doc = "whether upstreams are told by Via that the request came through Sluice; "
		       "some do not compress then"),
	SLUICE_OPTION(SLUICE_T_BOOL, struct listener_conf, merge_slashes, .def = "true",
		.flags = SLUICE_F_NEW,
		.doc = "whether // in a path is sent on as /; routes and plugins see / in any "
		       "case"),
	SLUICE_OPTION(SLUICE_T_UINT, struct listener_conf, backlog, .def = "4096", .min = "1",
		.max = "65535", .flags = SLUICE_F_RESTART,
		.doc = "connections the system keeps waiting to be accepted"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct listener_conf, tls, .sub = tls_server_options,
		.sub_size = sizeof(struct tls_server_conf), .flags = SLUICE_F_NEW,
		.doc = "TLS towards clients; left out, the listener is plain"),
	SLUICE_OPTIONS_END,
};
