/* Redis URLs. Main thread: configuration time. */
#include "redis/url.h"

#include <stdio.h>

enum { REDIS_PORT = 6379, SENTINEL_PORT = 26379 };

static const struct url_scheme {
	const char *name;
	enum redis_kind kind;
	bool tls;
} url_schemes[] = {
	{ "redis", REDIS_SERVERS, false },
	{ "rediss", REDIS_SERVERS, true },
	{ "redis+sentinel", REDIS_SENTINEL, false },
	{ "rediss+sentinel", REDIS_SENTINEL, true },
	{ "redis+cluster", REDIS_CLUSTER, false },
	{ "rediss+cluster", REDIS_CLUSTER, true },
};

static int url_fail(const char **error, const char *sentence)
{
	*error = sentence;
	return -1;
}

static int url_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decode to a. false for a bad escape, an encoded NUL or something too long. */
static bool url_decode(struct arena *a, sluice_str in, sluice_str *out)
{
	char buf[REDIS_SECRET_MAX];
	size_t n = 0;
	for (size_t i = 0; i < in.len; i++) {
		char c = in.data[i];
		if (c == '%') {
			int high = i + 2 < in.len ? url_hex(in.data[i + 1]) : -1;
			int low = i + 2 < in.len ? url_hex(in.data[i + 2]) : -1;
			if (high < 0 || low < 0)
				return false;
			c = (char)(high * 16 + low);
			i += 2;
		}
		if (c == 0 || n == sizeof(buf))
			return false;
		buf[n++] = c;
	}
	*out = arena_str(a, str_n(buf, n));
	return true;
}

static int url_db(sluice_str text, struct redis_url *out, const char **error)
{
	uint64_t db;
	if (!str_u64(text, &db) || db > REDIS_DB_MAX)
		return url_fail(error, "the database is not a number from 0 to 65535");
	out->db = (uint32_t)db;
	return 0;
}

static int url_login(struct arena *a, sluice_str login, struct redis_url *out, const char **error)
{
	sluice_str rest = login, user = str_cut(&rest, ':');
	if (!rest.data)
		return url_fail(error,
			"a user needs a password: write user:password@ or :password@");
	if (!url_decode(a, user, &out->user) || !url_decode(a, rest, &out->password))
		return url_fail(error,
			"user or password are badly percent-encoded, or longer than 1024 bytes");
	if (out->password.len == 0)
		return url_fail(error, "the password is empty");
	return 0;
}

static bool url_host_is_sane(sluice_str host)
{
	if (host.len == 0 || host.len > REDIS_HOST_MAX)
		return false;
	for (size_t i = 0; i < host.len; i++) {
		unsigned char c = (unsigned char)host.data[i];
		if (c <= ' ' || c >= 0x7f || strchr("@/?#%\\,", c))
			return false;
	}
	return true;
}

static int url_hosts(struct arena *a, sluice_str rest, uint16_t port, struct redis_url *out,
	const char **error)
{
	do {
		struct redis_host *h = &out->hosts[out->n_hosts];
		sluice_str name, one = str_cut(&rest, ',');
		if (out->n_hosts == REDIS_HOSTS_MAX)
			return url_fail(error, "more than 16 hosts in the URL");
		if (!addr_split(one, port, &name, &h->port) || !url_host_is_sane(name))
			return url_fail(error, "no valid host[:port] in the URL");
		h->name = arena_str(a, name);
		if (!addr_from_ip(name, h->port, &h->addr))
			h->addr.len = 0;
		for (unsigned i = 0; i < out->n_hosts; i++) {
			if (out->hosts[i].port == h->port && str_ieq(out->hosts[i].name, name))
				return url_fail(error, "a host stands twice in the URL");
		}
		out->n_hosts++;
	} while (rest.data);
	return 0;
}

/* Whether Sentinel accepts this as the name of a primary. */
static bool url_master_is_sane(sluice_str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = ascii_lower(name.data[i]);
		if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '-' &&
			c != '_')
			return false;
	}
	return name.len > 0 && name.len <= REDIS_MASTER_MAX;
}

/* Parse what follows the hosts. */
static int url_path(struct arena *a, sluice_str path, struct redis_url *out, const char **error)
{
	if (out->kind == REDIS_SENTINEL) {
		sluice_str master = str_cut(&path, '/');
		if (!url_master_is_sane(master))
			return url_fail(error,
				"Sentinel needs the name of the primary, of letters, digits and . "
				"- _: "
				"redis+sentinel://host:26379/NAME");
		out->master = arena_str(a, master);
	}
	if (path.len && url_db(path, out, error) < 0)
		return -1;
	if (out->kind == REDIS_CLUSTER && out->db)
		return url_fail(error, "a cluster has no database but 0");
	return 0;
}

static int url_server(struct arena *a, sluice_str rest, struct redis_url *out, const char **error)
{
	if (rest.len && memchr(rest.data, '#', rest.len))
		return url_fail(error, "a fragment (#) has no meaning here");
	if (rest.len && memchr(rest.data, '?', rest.len))
		return url_fail(error,
			"options after ? are not known here: they are keys of the store");
	sluice_str path = rest, authority = str_cut(&path, '/');

	/* the last @ ends the login, since a password may contain one that is not encoded */
	size_t at = authority.len;
	while (at && authority.data[at - 1] != '@')
		at--;
	if (at && url_login(a, str_n(authority.data, at - 1), out, error) < 0)
		return -1;
	authority = str_n(authority.data + at, authority.len - at);
	if (url_hosts(a, authority, out->kind == REDIS_SENTINEL ? SENTINEL_PORT : REDIS_PORT, out,
		    error) < 0)
		return -1;
	return url_path(a, path, out, error);
}

static int url_unix(struct arena *a, sluice_str rest, struct redis_url *out, const char **error)
{
	sluice_str query = rest, path = str_cut(&query, '?');
	while (str_starts(path, STR("//"))) /* unix:///path is unix:/path with an empty authority */
		path = str_n(path.data + 1, path.len - 1);
	if (path.len < 2 || path.data[0] != '/')
		return url_fail(error,
			"the path of a unix socket must be absolute: unix:/run/redis.sock");
	if (memchr(path.data, 0, path.len) ||
		!addr_parse(arena_printf(a, "unix:%.*s", STR_ARG(path)), &out->hosts[0].addr))
		return url_fail(error, "the path of the unix socket is too long or not valid");
	out->n_hosts = 1;
	if (!query.data)
		return 0;
	if (!str_starts(query, STR("db=")))
		return url_fail(error, "after ? only db=NUMBER is known for a unix socket");
	return url_db(str_n(query.data + 3, query.len - 3), out, error);
}

/* out is filled even when the URL is wrong. */
static int url_read(struct arena *a, sluice_str text, struct redis_url *out, const char **error)
{
	sluice_str rest = text, scheme = str_cut(&rest, ':');
	if (rest.data && str_ieq(scheme, STR("unix")))
		return url_unix(a, rest, out, error);
	for (size_t i = 0;
		str_starts(rest, STR("//")) && i < sizeof(url_schemes) / sizeof(url_schemes[0]);
		i++) {
		if (!str_ieq(scheme, str_of(url_schemes[i].name)))
			continue;
		out->kind = url_schemes[i].kind;
		out->tls = url_schemes[i].tls;
		return url_server(a, str_n(rest.data + 2, rest.len - 2), out, error);
	}
	/* forms that other programs use: say how it is written here */
	if (rest.data && (str_ends(scheme, STR("-sentinel")) || str_ieq(scheme, STR("sentinel"))))
		return url_fail(error, "Sentinel is written redis+sentinel://host:26379/NAME here");
	if (rest.data && (str_ends(scheme, STR("-cluster")) || str_ieq(scheme, STR("cluster"))))
		return url_fail(error, "a cluster is written redis+cluster://host:6379 here");
	return url_fail(error,
		"not a Redis URL: redis://host:6379, redis+sentinel://, redis+cluster://, "
		"rediss... for TLS, or "
		"unix:/path");
}

int redis_url_parse(struct arena *a, sluice_str text, struct redis_url *out, const char **error)
{
	struct redis_url u;
	memset(&u, 0, sizeof(u));
	int rc = url_read(a, text, &u, error);
	if (rc == 0)
		*out = u;
	else
		redis_url_wipe(&u);
	return rc;
}

void redis_url_text(const struct redis_url *u, char *buf)
{
	char one[REDIS_HOST_TEXT];
	size_t n = 0;
	if (u->hosts[0].name.len == 0) {
		char addr[ADDR_TEXT];
		(void)addr_text(&u->hosts[0].addr, addr);
		(void)snprintf(buf, REDIS_URL_TEXT, u->db ? "%s?db=%u" : "%s", addr, u->db);
		return;
	}
	for (size_t i = 0; i < sizeof(url_schemes) / sizeof(url_schemes[0]); i++) {
		if (url_schemes[i].kind == u->kind && url_schemes[i].tls == u->tls)
			n = (size_t)snprintf(buf, REDIS_URL_TEXT, "%s://", url_schemes[i].name);
	}
	for (unsigned i = 0; i < u->n_hosts; i++)
		n += (size_t)snprintf(buf + n, REDIS_URL_TEXT - n, "%s%s", i ? "," : "",
			redis_host_text(&u->hosts[i], one));
	if (u->kind == REDIS_SENTINEL)
		n += (size_t)snprintf(buf + n, REDIS_URL_TEXT - n, "/%.*s", STR_ARG(u->master));
	if (u->kind != REDIS_CLUSTER)
		(void)snprintf(buf + n, REDIS_URL_TEXT - n, "/%u", u->db);
}

void redis_url_copy(struct arena *a, const struct redis_url *from, struct redis_url *to)
{
	*to = *from;
	to->user = arena_str(a, from->user);
	to->password = arena_str(a, from->password);
	to->master = arena_str(a, from->master);
	for (unsigned i = 0; i < from->n_hosts; i++)
		to->hosts[i].name = arena_str(a, from->hosts[i].name);
}

void redis_url_wipe(struct redis_url *u)
{
	if (u->password.len)
		explicit_bzero((char *)(uintptr_t)u->password.data, u->password.len);
}

bool redis_host_set(struct redis_host *out, char *room, sluice_str name, uint64_t port)
{
	if (!url_host_is_sane(name) || port == 0 || port > UINT16_MAX)
		return false;
	memcpy(room, name.data, name.len);
	room[name.len] = 0;
	*out = (struct redis_host){ .name = str_n(room, name.len), .port = (uint16_t)port };
	if (!addr_from_ip(out->name, out->port, &out->addr))
		out->addr.len = 0;
	return true;
}

const char *redis_host_text(const struct redis_host *h, char *buf)
{
	if (h->name.len == 0) {
		(void)addr_text(&h->addr, buf);
		return buf;
	}
	bool v6 = memchr(h->name.data, ':', h->name.len) != NULL;
	(void)snprintf(buf, REDIS_HOST_TEXT, "%s%.*s%s:%u", v6 ? "[" : "", STR_ARG(h->name),
		v6 ? "]" : "", h->port);
	return buf;
}
