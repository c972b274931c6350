/* The option tables of balancing, and their rules. Main thread. */
#include "upstream/conf_balance.h"

#include "upstream/conf.h"
#include "upstream/sticky.h"

enum { BOUND_MIN = 105, BOUND_MAX = 1000 };

const sluice_option upstream_server_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct upstream_server, address,
		.flags = SLUICE_F_REQUIRED | SLUICE_F_SCALAR, .min = "1", .max = "300",
		.doc = "address of the server: host:port, ip:port, [ipv6]:port or unix:/path"),
	SLUICE_OPTION(SLUICE_T_UINT, struct upstream_server, weight, .def = "1", .max = "100",
		.doc = "its share of the requests, relative to the weights of the other servers; "
		       "0: none but those of clients that stick to it"),
	SLUICE_OPTION(SLUICE_T_BOOL, struct upstream_server, backup, .def = "false",
		.doc = "whether it serves only when no other server can, or fewer than "
		       "health.panic"),
	SLUICE_OPTION(SLUICE_T_STR, struct upstream_server, zone, .max = "64",
		.doc = "where the server is: those in the zone of the gateway (runtime.zone) come "
		       "first"),
	SLUICE_OPTION(SLUICE_T_UINT, struct upstream_server, max_connections, .def = "0",
		.max = "1000000",
		.doc = "in place of the upstream's max_connections, for this server; 0: as there"),
	SLUICE_OPTIONS_END,
};

static const char *const balance_choices[] = { "round-robin", "least-requests", "random-two",
	"least-latency", "hash", NULL };

const sluice_option upstream_balance_options[] = {
	SLUICE_OPTION(SLUICE_T_ENUM, struct upstream_balance_conf, algorithm, .def = "round-robin",
		.choices = balance_choices, .flags = SLUICE_F_SCALAR,
		.doc = "each server in turn; the one with the fewest requests in progress; the "
		       "better of two at random, by requests in progress or by the time to a "
		       "response; or by `hash`. With `plugin`: where that chooses none"),
	SLUICE_OPTION(SLUICE_T_STR, struct upstream_balance_conf, plugin,
		.doc = "name of an instance in `plugins` whose plugin chooses among servers"),
	SLUICE_OPTIONS_END,
};

const sluice_option upstream_hash_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct hash_conf, by,
		.flags = SLUICE_F_REQUIRED | SLUICE_F_SCALAR, .min = "1", .max = "300",
		.doc = "fact of the request whose value decides: cookie:NAME, ip, header:NAME, "
		       "path, claim:sub and the like; requests without it go by random-two"),
	SLUICE_OPTION(SLUICE_T_STR, struct hash_conf, balance, .def = "1.25",
		.doc = "largest load of a server, as a multiple of the mean; above it requests go "
		       "to the next server: 1.05 to 10, or off"),
	SLUICE_OPTIONS_END,
};

static const char *const same_site_choices[] = { "lax", "strict", "none", NULL };

const sluice_option upstream_sticky_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct sticky_conf, cookie,
		.flags = SLUICE_F_REQUIRED | SLUICE_F_SCALAR, .min = "1", .max = "64",
		.doc = "name of the cookie that names the client's server"),
	SLUICE_OPTION(SLUICE_T_BOOL, struct sticky_conf, secure, .def = "true",
		.doc = "whether browsers send it over TLS only"),
	SLUICE_OPTION(SLUICE_T_BOOL, struct sticky_conf, http_only, .def = "true",
		.doc = "whether scripts of a page cannot see it"),
	SLUICE_OPTION(SLUICE_T_ENUM, struct sticky_conf, same_site, .def = "lax",
		.choices = same_site_choices, .doc = "SameSite of the cookie; none needs `secure`"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct sticky_conf, ttl, .def = "0s", .max = "366d",
		.doc = "how long a client keeps the cookie, from when it was set; 0s: until the "
		       "browser is closed"),
	SLUICE_OPTION(SLUICE_T_STR, struct sticky_conf, path, .def = "/", .min = "1", .max = "256",
		.doc = "Path of the cookie"),
	SLUICE_OPTION(SLUICE_T_STRS, struct sticky_conf, key, .flags = SLUICE_F_SECRET, .max = "8",
		.doc = "what cookies are signed with, at least 16 bytes; the first of a list "
		       "signs, "
		       "the others are still accepted; left out: a key of the process, so that "
		       "clients are balanced anew after a restart"),
	SLUICE_OPTIONS_END,
};

const sluice_option upstream_zones_options[] = {
	SLUICE_OPTION(SLUICE_T_PERCENT, struct zones_conf, local_min, .def = "70%", .max = "100%",
		.doc = "the gateway's own zone serves all requests while at least this part of its "
		       "servers, by weight, is up; with less, other zones take over a part in "
		       "proportion"),
	SLUICE_OPTIONS_END,
};

/* "1.25" as 125: digits, and at most two behind a point. */
static bool bound_read(sluice_str text, uint32_t *out)
{
	uint64_t whole, part = 0;
	sluice_str rest = text, first = str_cut(&rest, '.');
	if (str_eq(text, STR("off"))) {
		*out = 0;
		return true;
	}
	if (!str_u64(first, &whole) || whole > BOUND_MAX || rest.len > 2)
		return false;
	if (first.len != text.len && !str_u64(rest, &part))
		return false;
	part *= rest.len == 1 ? 10 : 1;
	if (whole * 100 + part < BOUND_MIN || whole * 100 + part > BOUND_MAX)
		return false;
	*out = (uint32_t)(whole * 100 + part);
	return true;
}

static int check_hash(struct bind *b, struct upstream_conf *conf)
{
	bool is_chosen = conf->balance.algorithm == BALANCE_HASH;
	if (is_chosen && !bind_given(b, conf, "hash")) {
		(void)bind_error(b, &conf->balance, "algorithm",
			"hash needs to know what of a request decides");
		diag_hint(b->diag, "add hash: { by: cookie:NAME }, or by: ip, header:NAME, path");
		return -1;
	}
	if (!is_chosen && bind_given(b, conf, "hash"))
		bind_warn(b, &conf->hash, "by", "without `balance: hash` this does nothing");
	if (!conf->hash.balance.len || bound_read(conf->hash.balance, &conf->hash.bound))
		return 0;
	(void)bind_error(b, &conf->hash, "balance", "\"%.*s\" is no multiple of the mean load",
		STR_ARG(conf->hash.balance));
	diag_hint(b->diag, "write a number from 1.05 to 10 such as 1.25, or off");
	return -1;
}

/* A token of RFC 9110 5.6.2, as RFC 6265 4.1.1 wants it. */
static bool is_cookie_name(sluice_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.data[i];
		if (c <= ' ' || c >= 0x7f || strchr("()<>@,;:\\\"/[]?={}", c))
			return false;
	}
	return s.len > 0;
}

static bool is_cookie_path(sluice_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.data[i];
		if (c <= ' ' || c >= 0x7f || c == ';')
			return false;
	}
	return str_starts(s, STR("/"));
}

/* Browsers take cookies of such names only with these attributes (RFC 6265bis 4.1.3). */
static int check_cookie_prefix(struct bind *b, const struct sticky_conf *c)
{
	bool host = str_starts(c->cookie, STR("__Host-"));
	bool secure = host || str_starts(c->cookie, STR("__Secure-"));
	if ((!secure || c->secure) && (!host || str_eq(c->path, STR("/"))))
		return 0;
	return bind_error(b, c, "cookie", "browsers refuse a cookie of that name unless it has %s",
		host ? "secure: true and path: /" : "secure: true");
}

static int check_sticky(struct bind *b, const struct upstream_conf *conf)
{
	const struct sticky_conf *c = &conf->sticky;
	int result = 0;
	if (!c->cookie.len)
		return 0; /* it has been reported */
	if (!is_cookie_name(c->cookie))
		result = bind_error(b, c, "cookie", "\"%.*s\" is no name of a cookie",
			STR_ARG(c->cookie));
	if (!is_cookie_path(c->path))
		result = bind_error(b, c, "path", "\"%.*s\" is no path of a cookie",
			STR_ARG(c->path));
	if (c->same_site == SAME_SITE_NONE && !c->secure) {
		result = bind_error(b, c, "same_site", "browsers refuse it without `secure`");
		diag_hint(b->diag, "write secure: true, or same_site: lax");
	}
	for (size_t i = 0; i < c->key.n; i++) {
		if (c->key.v[i].len >= STICKY_KEY_MIN)
			continue;
		result = bind_error(b, c, "key",
			"a key of %zu bytes is too short: anybody could "
			"guess it",
			c->key.v[i].len);
		diag_hint(b->diag, "make one with: openssl rand -base64 32");
	}
	return check_cookie_prefix(b, c) < 0 ? -1 : result;
}

int balance_conf_check(struct bind *b, struct upstream_conf *conf)
{
	const struct upstream_server *v = conf->servers.v;
	int result = check_hash(b, conf);
	size_t weight = 0;
	if (bind_given(b, conf, "sticky") && check_sticky(b, conf) < 0)
		result = -1;
	for (size_t i = 0; i < conf->servers.n; i++)
		weight += v[i].weight;
	if (conf->servers.n && !weight)
		bind_warn(b, conf, "servers", "all servers have weight 0: no request is served");
	return result;
}
