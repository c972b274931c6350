/* The rules between the options of upstreams. Main thread. */
#include "upstream/conf.h"

static int check_server(struct bind *b, const struct upstream_conf *conf, size_t i)
{
	const struct upstream_server *servers = conf->servers.v;
	if (upstream_address_check(b, &servers[i], servers[i].address) < 0)
		return -1;
	for (size_t j = 0; j < i; j++) {
		if (!str_ieq(servers[j].address, servers[i].address) || servers[i].address.len == 0)
			continue;
		(void)bind_error(b, &servers[i], "address",
			"this server stands in the list already");
		diag_hint(b->diag, "write it once, with a greater weight");
		return -1;
	}
	return 0;
}

const char *const *upstream_alpn(const struct upstream_conf *conf)
{
	static const char *const h2[] = { "h2", NULL }, *const both[] = { "h2", "http/1.1", NULL };
	if (conf->protocol == PROTOCOL_AUTO)
		return both;
	return conf->protocol == PROTOCOL_H2 ? h2 : NULL;
}

sluice_str upstream_proxy_header(const struct upstream_conf *conf)
{
	static const char v2[] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0";
	switch (conf->proxy_protocol) {
	case 1:
		return STR("PROXY UNKNOWN\r\n");
	case 2:
		return str_n(v2, sizeof(v2)); /* the last byte of its length is the NUL */
	default:
		return STR_NONE;
	}
}

/* A check speaks as requests do. */
static int check_kind(struct bind *b, const struct upstream_conf *conf)
{
	const struct upstream_check *c = &conf->health.check;
	if (!c->is_on)
		return 0;
	if (c->kind == CHECK_TLS && !conf->use_tls) {
		(void)bind_error(b, c, "kind", "the upstream has no TLS to check");
		diag_hint(b->diag, "add a block `tls` to the upstream, or write kind: tcp");
		return -1;
	}
	if (c->kind == CHECK_GRPC && conf->protocol == PROTOCOL_HTTP1) {
		(void)bind_error(b, c, "kind", "gRPC needs HTTP/2");
		diag_hint(b->diag, "write protocol: h2 or h2c in the upstream");
		return -1;
	}
	if (c->kind == CHECK_GRPC && conf->protocol == PROTOCOL_AUTO && !conf->use_tls) {
		(void)bind_error(b, c, "kind",
			"gRPC needs HTTP/2, which auto chooses over TLS only");
		diag_hint(b->diag, "write protocol: h2c in the upstream");
		return -1;
	}
	return 0;
}

static int check_protocol(struct bind *b, const struct upstream_conf *conf)
{
	if (conf->protocol == PROTOCOL_H2 && !conf->use_tls) {
		(void)bind_error(b, conf, "protocol", "h2 needs TLS");
		diag_hint(b->diag, "add `tls: {}`; HTTP/2 without TLS is h2c");
		return -1;
	}
	if (conf->proxy_protocol && conf->protocol != PROTOCOL_HTTP1) {
		(void)bind_error(b, conf, "proxy_protocol",
			"a connection with a PROXY header is one client's, and HTTP/2 would share "
			"it");
		diag_hint(b->diag,
			"write protocol: http/1.1, or leave proxy_protocol out: X-Forwarded-For "
			"names the client too");
		return -1;
	}
	if (conf->protocol == PROTOCOL_H2C && conf->use_tls) {
		(void)bind_error(b, conf, "protocol",
			"h2c is HTTP/2 without TLS, and there is a block `tls`");
		diag_hint(b->diag, "HTTP/2 over TLS is h2");
		return -1;
	}
	return 0;
}

static int check_limits(struct bind *b, const struct upstream_conf *conf)
{
	if (conf->is_adaptive && conf->max_requests) {
		(void)bind_error(b, conf, "max_requests",
			"the limit is fixed by max_requests, or found by `adaptive`");
		diag_hint(b->diag, "leave max_requests out; adaptive has a `max` of its own");
		return -1;
	}
	if (conf->is_adaptive && conf->adaptive.max < conf->adaptive.min) {
		(void)bind_error(b, &conf->adaptive, "max", "max is below min");
		return -1;
	}
	return 0;
}

/* `discovery` is the older way to write `discover: { plugin: }`. */
static int check_discovery(struct bind *b, struct upstream_conf *conf)
{
	bool given = bind_given(b, conf, "discover");
	if (given && conf->discovery.len) {
		(void)bind_error(b, conf, "discovery", "servers are found in one way only");
		diag_hint(b->diag, "leave it out: there is `discover`");
		return -1;
	}
	if (discover_conf_check(b, &conf->discover, given) < 0)
		return -1;
	if (conf->discover.plugin.len)
		conf->discovery = conf->discover.plugin;
	return 0;
}

int upstream_conf_check(struct bind *b, struct upstream_conf *conf)
{
	int result = 0;
	for (size_t i = 0; i < conf->servers.n; i++) {
		if (check_server(b, conf, i) < 0)
			result = -1;
	}
	if (check_discovery(b, conf) < 0)
		result = -1;
	if (!bind_given(b, conf, "servers") && !conf->discovery.len &&
		!bind_given(b, conf, "discover")) {
		result = bind_error(b, conf, NULL, "the upstream has no servers");
		diag_hint(b->diag,
			"list them in `servers`, or say how they are found in `discover`");
	}
	conf->use_tls = bind_given(b, conf, "tls");
	if (upstream_health_check(b, &conf->health) < 0)
		result = -1;
	if (check_kind(b, conf) < 0)
		result = -1;
	conf->is_adaptive = bind_given(b, conf, "adaptive");
	conf->has_breaker = bind_given(b, conf, "breaker");
	if (check_limits(b, conf) < 0)
		result = -1;
	if (balance_conf_check(b, conf) < 0)
		result = -1;
	return check_protocol(b, conf) < 0 ? -1 : result;
}
