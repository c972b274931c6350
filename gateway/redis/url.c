/* Redis URLs. Main thread: configuration time. */
#include "redis/url.h"

#include <stdio.h>

enum { REDIS_PORT = 6379 };

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
		return url_fail(error, "a user needs a password: write user:password@ or :password@");
	if (!url_decode(a, user, &out->user) || !url_decode(a, rest, &out->password))
		return url_fail(error, "user or password are badly percent-encoded, or longer than 1024 bytes");
	if (out->password.len == 0)
		return url_fail(error, "the password is empty");
	return 0;
}

static bool url_host_is_sane(sluice_str host)
{
	if (host.len == 0 || host.len > 253)
		return false;
	for (size_t i = 0; i < host.len; i++) {
		unsigned char c = (unsigned char)host.data[i];
		if (c <= ' ' || c >= 0x7f || strchr("@/?#%\\", c))
			return false;
	}
	return true;
}

static int url_server(struct arena *a, sluice_str rest, struct redis_url *out, const char **error)
{
	sluice_str host;
	if (rest.len && memchr(rest.data, '#', rest.len))
		return url_fail(error, "a fragment (#) has no meaning here");
	if (rest.len && memchr(rest.data, '?', rest.len))
		return url_fail(error, "options after ? are not known here: they are keys of the store");
	sluice_str path = rest, authority = str_cut(&path, '/');

	/* the last @ ends the login: a password may hold one that nobody encoded */
	size_t at = authority.len;
	while (at && authority.data[at - 1] != '@')
		at--;
	if (at && url_login(a, str_n(authority.data, at - 1), out, error) < 0)
		return -1;
	authority = str_n(authority.data + at, authority.len - at);

	if (authority.len && memchr(authority.data, ',', authority.len))
		return url_fail(error, "several hosts are not supported yet: name one server");
	if (!addr_split(authority, REDIS_PORT, &host, &out->port) || !url_host_is_sane(host))
		return url_fail(error, "no valid host[:port] in the URL");
	out->host = arena_str(a, host);
	if (!addr_from_ip(host, out->port, &out->addr))
		out->addr.len = 0;
	return path.len ? url_db(path, out, error) : 0;
}

static int url_unix(struct arena *a, sluice_str rest, struct redis_url *out, const char **error)
{
	sluice_str query = rest, path = str_cut(&query, '?');
	while (str_starts(path, STR("//"))) /* unix:///path is unix:/path with an empty authority */
		path = str_n(path.data + 1, path.len - 1);
	if (path.len < 2 || path.data[0] != '/')
		return url_fail(error, "the path of a unix socket must be absolute: unix:/run/redis.sock");
	if (memchr(path.data, 0, path.len) ||
	    !addr_parse(arena_printf(a, "unix:%.*s", STR_ARG(path)), &out->addr))
		return url_fail(error, "the path of the unix socket is too long or not valid");
	if (!query.data)
		return 0;
	if (!str_starts(query, STR("db=")))
		return url_fail(error, "after ? only db=NUMBER is known for a unix socket");
	return url_db(str_n(query.data + 3, query.len - 3), out, error);
}

int redis_url_parse(struct arena *a, sluice_str text, struct redis_url *out, const char **error)
{
	sluice_str rest = text, scheme = str_cut(&rest, ':');
	*out = (struct redis_url){ .tls = false };
	if (!rest.data)
		return url_fail(error, "not a Redis URL: redis://host:6379, rediss://host:6379 or unix:/path");
	if (str_ieq(scheme, STR("unix")))
		return url_unix(a, rest, out, error);
	if (str_ieq(scheme, STR("redis-sentinel")) || str_ieq(scheme, STR("rediss-sentinel")) ||
	    str_ieq(scheme, STR("redis+sentinel")) || str_ieq(scheme, STR("sentinel")))
		return url_fail(error, "Sentinel is not supported yet: name one server as redis://host:port");
	if (str_ieq(scheme, STR("redis-cluster")) || str_ieq(scheme, STR("rediss-cluster")) ||
	    str_ieq(scheme, STR("redis+cluster")) || str_ieq(scheme, STR("cluster")))
		return url_fail(error, "Redis Cluster is not supported yet: name one server as redis://host:port");
	out->tls = str_ieq(scheme, STR("rediss"));
	if ((!out->tls && !str_ieq(scheme, STR("redis"))) || !str_starts(rest, STR("//")))
		return url_fail(error, "not a Redis URL: redis://host:6379, rediss://host:6379 or unix:/path");
	return url_server(a, str_n(rest.data + 2, rest.len - 2), out, error);
}

void redis_url_text(const struct redis_url *u, char *buf)
{
	char addr[ADDR_TEXT];
	if (u->host.len == 0) {
		(void)addr_text(&u->addr, addr);
		(void)snprintf(buf, REDIS_URL_TEXT, u->db ? "%s?db=%u" : "%s", addr, u->db);
		return;
	}
	bool v6 = memchr(u->host.data, ':', u->host.len) != NULL;
	(void)snprintf(buf, REDIS_URL_TEXT, "%s://%s%.*s%s:%u/%u", u->tls ? "rediss" : "redis", v6 ? "[" : "",
	               STR_ARG(u->host), v6 ? "]" : "", u->port, u->db);
}
