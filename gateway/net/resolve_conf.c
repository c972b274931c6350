/* The options of name resolution. See resolve_conf.h. */
#include "net/resolve_conf.h"

#include "base/addr.h"
#include "net/dns.h"

static const char *const families[] = { "auto", "ipv4", "ipv6", "both", NULL };

const sluice_option resolve_options[] = {
	SLUICE_OPTION(SLUICE_T_STRS, struct resolve_conf, servers, .max = "8",
		.doc = "name servers to ask in place of those of resolv.conf: IP, IP:PORT or "
		       "[IPv6]:PORT; /etc/hosts is read and domains are searched all the same"),
	SLUICE_OPTION(SLUICE_T_ENUM, struct resolve_conf, family, .def = "auto",
		.choices = families,
		.doc = "addresses that are asked for; auto: those of which this machine has one "
		       "itself, besides loopback and link-local ones"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct resolve_conf, min_ttl, .def = "1s", .min = "100ms",
		.max = "1h",
		.doc = "shortest time for which an answer is used, also when its TTL is shorter"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct resolve_conf, max_ttl, .def = "5m", .min = "1s",
		.max = "7d", .doc = "longest time for which an answer is used"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct resolve_conf, negative_ttl, .def = "1s",
		.min = "100ms", .max = "1h",
		.doc = "how long a name that cannot be resolved is not asked for again"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct resolve_conf, timeout, .def = "5s", .min = "100ms",
		.max = "1m", .doc = "longest time of a look-up, all tries on all servers together"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct resolve_conf, stale, .def = "1h", .max = "7d",
		.doc = "how long the last answer stays in use while a name cannot be resolved; 0: "
		       "not at all"),
	SLUICE_OPTIONS_END,
};

static int check_server(struct bind *b, const struct resolve_conf *conf, sluice_str text)
{
	struct addr a;
	sluice_str host;
	uint16_t port;
	if (addr_from_ip(text, 53, &a) ||
		(addr_split(text, 53, &host, &port) && addr_from_ip(host, port, &a)))
		return 0;
	(void)bind_error(b, conf, "servers", "\"%.*s\" is not the address of a name server",
		(int)(text.len < 64 ? text.len : 64), text.data);
	diag_hint(b->diag, "write an IP address, or ip:port, [ipv6]:port");
	return -1;
}

int resolve_conf_check(struct bind *b, const struct resolve_conf *conf)
{
	int result = 0;
	for (size_t i = 0; i < conf->servers.n; i++) {
		if (check_server(b, conf, conf->servers.v[i]) < 0)
			result = -1;
	}
	if (conf->min_ttl > conf->max_ttl) {
		result = bind_error(b, conf, "min_ttl", "min_ttl is longer than max_ttl");
		diag_hint(b->diag, "max_ttl is 5m unless it is set");
	}
	return result;
}
