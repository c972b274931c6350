/* The way back of addresses in responses. See the header. Worker's thread. */
#include "back.h"

#include <sluice/str.h>

#include "../shared/path.h"

static sluice_str between(const char *from, const char *to)
{
	return sluice_str_n(from, (size_t)(to - from));
}

static bool join(sluice_exchange *x, const sluice_str *parts, size_t n, sluice_str *out,
	bool *failed)
{
	size_t room = 1;
	for (size_t i = 0; i < n; i++)
		room += parts[i].len;
	char *start = sluice_alloc(x, room), *at = start;
	if (!start) {
		*failed = true;
		return false;
	}
	for (size_t i = 0; i < n; i++)
		at = sluice_str_put(at, parts[i]);
	*out = between(start, at);
	return true;
}

/* ---- paths --------------------------------------------------------------------------------- */

/* A path of the client: what stands in front of rest. */
struct mapped {
	sluice_str front, rest;
};

/*
 * Turn a path of the service into the client's. False: it stays, because the client cannot reach it
 * by this plugin, or because the service, which knows its prefix by X-Forwarded-Prefix, has written
 * the client's path itself.
 */
static bool map_path(const struct trip *t, sluice_str path, struct mapped *out)
{
	if (t->inner.len ? !path_is_under(path, t->inner)
			 : !t->outer.len || path_is_under(path, t->outer))
		return false;
	*out = (struct mapped){ t->outer, sluice_str_skip(path, t->inner.len) };
	return true;
}

/* What must stand in front of a reference of front and rest, so that it is a path of this host:
 * "//name" would be another host, and "" the page itself. */
static sluice_str guard_of(const struct mapped *m)
{
	bool has_root = m->front.len || (m->rest.len && m->rest.data[0] == '/');
	bool is_network = !m->front.len && m->rest.len > 1 && m->rest.data[0] == '/' &&
		(m->rest.data[1] == '/' || m->rest.data[1] == '\\');
	if (is_network)
		return SLUICE_STR("/.");
	return has_root ? SLUICE_STR("") : SLUICE_STR("/");
}

/* ---- references ---------------------------------------------------------------------------- */

/* A URI reference (RFC 3986 4.1) in its parts. */
struct reference {
	sluice_str scheme;     /* "https", empty: none */
	sluice_str authority;  /* no data: none */
	sluice_str path, tail; /* tail: query and fragment */
};

static const char *find_any(sluice_str s, const char *set)
{
	const char *at = s.data, *end = s.data + s.len;
	while (at < end && !strchr(set, *at))
		at++;
	return at;
}

/* False: a relative path, or a scheme of another kind. */
static bool reference_read(sluice_str s, struct reference *r)
{
	*r = (struct reference){ .scheme = SLUICE_STR("") };
	const char *end = s.data + s.len;
	sluice_str rest = s, scheme = sluice_str_cut(&rest, ':');
	bool is_http = sluice_str_ieq(scheme, SLUICE_STR("http")) ||
		sluice_str_ieq(scheme, SLUICE_STR("https"));
	if (rest.data && is_http)
		r->scheme = scheme;
	else
		rest = s;
	if (sluice_str_starts(rest, SLUICE_STR("//"))) {
		rest = sluice_str_skip(rest, 2);
		r->authority = between(rest.data, find_any(rest, "/?#\\"));
		rest = sluice_str_skip(rest, r->authority.len);
	} else if (r->scheme.len) {
		return false;
	}
	r->path = between(rest.data, find_any(rest, "?#"));
	r->tail = between(r->path.data + r->path.len, end);
	/* browsers take '\' for '/': it ends the authority, and begins no path that is read here */
	bool has_root = r->path.len && r->path.data[0] == '/';
	return has_root || (r->authority.data && !r->path.len);
}

/* An authority without its port, if that is the scheme's own. */
static sluice_str without_port(sluice_str authority, bool is_https)
{
	sluice_str port = is_https ? SLUICE_STR(":443") : SLUICE_STR(":80");
	if (authority.len > port.len &&
		sluice_str_eq(sluice_str_skip(authority, authority.len - port.len), port))
		authority.len -= port.len;
	return authority;
}

static bool is_same(sluice_str authority, sluice_str mine, bool is_https)
{
	return mine.len &&
		sluice_str_ieq(without_port(authority, is_https), without_port(mine, is_https));
}

/* The host of an authority. */
static sluice_str host_of(sluice_str authority)
{
	const char *close = NULL;
	if (authority.len && authority.data[0] == '[')
		close = memchr(authority.data, ']', authority.len);
	return close ? between(authority.data, close + 1) : sluice_str_cut(&authority, ':');
}

enum whose { ELSEWHERE, CLIENTS, SERVICES };

/* Whose authority it is: the one that the client asked for, or the service's. */
static enum whose whose_is(sluice_exchange *x, const struct trip *t, const struct reference *r)
{
	bool is_https = r->scheme.len ? r->scheme.len == 5 : t->is_https;
	/* over HTTP/2 plugins are not told the client's port: then any port is taken for it */
	sluice_str asked = t->outer_authority.len ? r->authority : host_of(r->authority);
	if (is_same(r->authority, t->outer_authority, is_https) ||
		is_same(asked, t->outer_host, is_https))
		return CLIENTS;
	if (is_same(r->authority, t->inner_authority, is_https) ||
		is_same(r->authority, sluice_get(x, SLUICE_I_SERVER), is_https))
		return SERVICES;
	return ELSEWHERE;
}

/* An address of the service by its own name: a path of the client's host. Only where the service
 * asks for https and the client came by http is the host written, so that the way to https is not
 * lost. */
static bool map_service(sluice_exchange *x, const struct trip *t, const struct reference *r,
	const struct mapped *m, sluice_str *out, bool *failed)
{
	if (r->scheme.len == 5 && !t->is_https) {
		sluice_str root = m->front.len || m->rest.len ? SLUICE_STR("") : SLUICE_STR("/");
		sluice_str parts[] = { SLUICE_STR("https://"), t->outer_host, root, m->front,
			m->rest, r->tail };
		return join(x, parts, 6, out, failed);
	}
	sluice_str parts[] = { guard_of(m), m->front, m->rest, r->tail };
	return join(x, parts, 4, out, failed);
}

bool back_location(sluice_exchange *x, const struct trip *t, sluice_str value, sluice_str *out,
	bool *failed)
{
	struct reference r;
	struct mapped m;
	if (!reference_read(value, &r))
		return false;
	enum whose whose = r.authority.data ? whose_is(x, t, &r) : CLIENTS;
	sluice_str path = r.path.len ? r.path : SLUICE_STR("/");
	bool is_mapped = map_path(t, path, &m);
	if (whose == SERVICES) {
		if (!is_mapped)
			m = (struct mapped){ SLUICE_STR(""), path };
		return map_service(x, t, &r, &m, out, failed);
	}
	if (whose == ELSEWHERE || !is_mapped)
		return false;
	if (!r.authority.data) {
		sluice_str parts[] = { guard_of(&m), m.front, m.rest, r.tail };
		return join(x, parts, 4, out, failed);
	}
	sluice_str parts[] = { between(value.data, r.authority.data + r.authority.len), m.front,
		m.rest, r.tail };
	return join(x, parts, 4, out, failed);
}

/* ---- cookies ------------------------------------------------------------------------------- */

/* An attribute of a cookie (RFC 6265 5.2): where its value stands. */
struct attribute {
	sluice_str name, value;
};

static struct attribute attribute_read(sluice_str text)
{
	sluice_str name = sluice_str_cut(&text, '=');
	return (struct attribute){ sluice_str_trim(name), sluice_str_trim(text) };
}

/* The client's path of a cookie. A cookie for more than the service's prefix is one for all that
 * the client can reach of the service. */
static bool map_cookie_path(const struct trip *t, sluice_str path, struct mapped *out)
{
	if (!path.len || path.data[0] != '/')
		return false;
	sluice_str above = path_trim_end(path);
	bool is_above = t->inner.len && path_is_under(t->inner, above);
	if (is_above)
		*out = (struct mapped){ t->outer, SLUICE_STR("") };
	else if (!map_path(t, path, out))
		return false;
	if (sluice_str_is(out->rest, "/"))
		out->rest = SLUICE_STR("");
	return true;
}

static bool is_dotted_end(sluice_str host, sluice_str domain)
{
	return host.len > domain.len && host.data[host.len - domain.len - 1] == '.' &&
		sluice_str_ieq(sluice_str_skip(host, host.len - domain.len), domain);
}

static bool covers(sluice_str domain, sluice_str host)
{
	return sluice_str_ieq(domain, host) || is_dotted_end(host, domain);
}

enum domain { DOMAIN_STAYS, DOMAIN_CLIENTS, DOMAIN_GOES };

/* A domain of the service that the client's host is not in: no browser would take the cookie. That
 * of the service's host becomes the client's host. A wider one goes: it is not known which hosts of
 * the client's side it should stand for. */
static enum domain map_domain(const struct trip *t, sluice_str domain)
{
	if (domain.len && domain.data[0] == '.')
		domain = sluice_str_skip(domain, 1);
	sluice_str inner = host_of(t->inner_authority);
	if (!domain.len || !inner.len || covers(domain, t->outer_host) || !covers(domain, inner))
		return DOMAIN_STAYS;
	bool is_name = t->outer_host.len && t->outer_host.data[0] != '[' &&
		!sluice_is_digit(t->outer_host.data[t->outer_host.len - 1]);
	return sluice_str_ieq(domain, inner) && is_name ? DOMAIN_CLIENTS : DOMAIN_GOES;
}

/* Write one attribute, with the ';' in front. */
static char *attribute_put(char *at, const struct trip *t, sluice_str text, bool *changed)
{
	struct attribute a = attribute_read(text);
	struct mapped m;
	if (sluice_str_ieq(a.name, SLUICE_STR("path")) && map_cookie_path(t, a.value, &m)) {
		*changed = true;
		at = sluice_str_put(at, SLUICE_STR("; Path="));
		return sluice_str_put(sluice_str_put(sluice_str_put(at, guard_of(&m)), m.front),
			m.rest);
	}
	enum domain domain = DOMAIN_STAYS;
	if (sluice_str_ieq(a.name, SLUICE_STR("domain")))
		domain = map_domain(t, a.value);
	*changed = *changed || domain != DOMAIN_STAYS;
	if (domain == DOMAIN_GOES)
		return at;
	if (domain == DOMAIN_CLIENTS)
		return sluice_str_put(sluice_str_put(at, SLUICE_STR("; Domain=")), t->outer_host);
	*at++ = ';';
	return sluice_str_put(at, text);
}

/* The most that attributes grow by. */
static size_t growth(const struct trip *t, sluice_str value)
{
	size_t each = t->outer.len + t->outer_host.len + sizeof("; Domain=/."), n = 0;
	while (value.data) {
		struct attribute a = attribute_read(sluice_str_cut(&value, ';'));
		n += sluice_str_ieq(a.name, SLUICE_STR("path")) ||
			sluice_str_ieq(a.name, SLUICE_STR("domain"));
	}
	return n * each;
}

bool back_cookie(sluice_exchange *x, const struct trip *t, sluice_str value, sluice_str *out,
	bool *failed)
{
	static const char host_prefix[] = "__Host-";
	sluice_str rest = value, pair = sluice_str_cut(&rest, ';'), name = sluice_str_trim(pair);
	size_t more = growth(t, rest);
	/* such a cookie is taken with the path / only (RFC 6265bis 4.1.3.2) */
	name.len = name.len < sizeof(host_prefix) - 1 ? name.len : sizeof(host_prefix) - 1;
	if (!more || sluice_str_ieq(name, SLUICE_STR("__Host-")))
		return false;
	char *start = sluice_alloc(x, value.len + more), *at = start;
	bool changed = false;
	if (!start) {
		*failed = true;
		return false;
	}
	at = sluice_str_put(at, pair);
	while (rest.data)
		at = attribute_put(at, t, sluice_str_cut(&rest, ';'), &changed);
	*out = between(start, at);
	return changed;
}

/* ---- responses ----------------------------------------------------------------------------- */

static bool change_location(sluice_exchange *x, const struct trip *t, sluice_str name, bool *failed)
{
	sluice_str value = sluice_field(x, SLUICE_RESPONSE, name), mapped;
	bool changed = value.len && back_location(x, t, value, &mapped, failed);
	if (changed)
		sluice_field_set(x, SLUICE_RESPONSE, name, mapped);
	return changed;
}

static void change_cookies(sluice_exchange *x, const struct trip *t, bool *failed)
{
	sluice_str name = SLUICE_STR("Set-Cookie");
	sluice_pair f;
	size_t n = 0, i = 0;
	bool changed = false;
	for (size_t iter = 0; sluice_field_next(x, SLUICE_RESPONSE, &iter, &f);)
		n += sluice_str_ieq(f.name, name);
	if (!n)
		return;
	sluice_str *values = sluice_alloc(x, n * sizeof(*values));
	*failed = *failed || !values;
	for (size_t iter = 0;
		values && i < n && sluice_field_next(x, SLUICE_RESPONSE, &iter, &f);) {
		if (!sluice_str_ieq(f.name, name))
			continue;
		values[i] = f.value;
		changed = back_cookie(x, t, f.value, &values[i], failed) || changed;
		i++;
	}
	if (!changed || *failed)
		return;
	sluice_field_remove(x, SLUICE_RESPONSE, name);
	for (size_t k = 0; k < i; k++)
		sluice_field_add(x, SLUICE_RESPONSE, name, values[k]);
}

sluice_verdict back_change(sluice_exchange *x, const struct trip *t)
{
	bool failed = false;
	(void)change_location(x, t, SLUICE_STR("Location"), &failed);
	(void)change_location(x, t, SLUICE_STR("Content-Location"), &failed);
	change_cookies(x, t, &failed);
	return failed ? SLUICE_FAIL : SLUICE_NEXT;
}
