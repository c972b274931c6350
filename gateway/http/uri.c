/* Request targets. See the header for what is accepted and what a path becomes. Any thread. */
#include "http/uri.h"

#include <arpa/inet.h>

#include "base/addr.h"
#include "http/scan.h"

enum { HOST_MAX = 255 };

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The value of the escape at p, or -1. */
static int escape_value(const char *p, const char *end)
{
	if (end - p < 3)
		return -1;
	int high = hex_value(p[1]), low = hex_value(p[2]);
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* ---- path ---------------------------------------------------------------------------------- */

enum dots { DOTS_NONE, DOTS_STAY, DOTS_UP, DOTS_REFUSED };

/* Whether the escape at p, with upper-case digits, is this one. */
static bool is_escape(const char *p, char high, char low)
{
	return p[0] == '%' && p[1] == high && p[2] == low;
}

static bool is_escaped_separator(const char *p)
{
	return is_escape(p, '2', 'F') || is_escape(p, '5', 'C');
}

/* What a segment means, its escapes already normal: they are whole, and %2F and %5C have upper-case
 * digits. */
static enum dots segment_dots(const char *p, const char *end)
{
	const char *part = p; /* between separators of any kind */
	for (const char *at = p;; at++) {
		if (at < end && !is_escaped_separator(at))
			continue;
		size_t dots = 0;
		while (part + dots < at && part[dots] == '.')
			dots++;
		bool one_or_two = dots == 1 || dots == 2;
		if (one_or_two && part == p && at == end && part + dots == end)
			return dots == 1 ? DOTS_STAY : DOTS_UP;
		if (one_or_two && (part + dots == at || part[dots] == ';'))
			return DOTS_REFUSED;
		if (at == end)
			return DOTS_NONE;
		at += 2;
		part = at + 1;
	}
}

/* Copy one segment with its escapes made normal. Returns the end of the copy, or NULL. */
static char *segment_copy(char *out, const char *p, const char *end)
{
	static const char digits[] = "0123456789ABCDEF";
	while (p < end) {
		if (scan_is(*p, SCAN_PATH)) {
			*out++ = *p++;
			continue;
		}
		int v = *p == '%' ? escape_value(p, end) : -1;
		if (v <= 0)
			return NULL;
		if (scan_is((char)v, SCAN_UNRESERVED)) {
			*out++ = (char)v;
		} else {
			*out++ = '%';
			*out++ = digits[v >> 4];
			*out++ = digits[v & 15];
		}
		p += 3;
	}
	return out;
}

/* Where the segment at p ends: '/', where these are decoded also "%2F", or the end of the path. */
static const char *segment_end(const char *p, const char *end, unsigned rules)
{
	const char *stop = memchr(p, '/', (size_t)(end - p));
	stop = stop ? stop : end;
	if (!(rules & PATH_ESCAPED_DECODED))
		return stop;
	while (p < stop && (*p != '%' || escape_value(p, stop) != '/'))
		p++;
	return p;
}

/* What the rules of the listener make of a segment that is no dot segment; *to: its end. */
static int segment_rule(const char *p, char **to, unsigned rules)
{
	for (char *at = *to; at-- > p;) {
		bool parameter = *at == ';';
		if (rules & PATH_PARAMETERS_CUT && parameter)
			*to = at;
		if (rules & PATH_PARAMETERS_REFUSED && (parameter || is_escape(at, '3', 'B')))
			return ERR_PATH_AMBIGUOUS;
		if (rules & (PATH_ESCAPED_REFUSED | PATH_ESCAPED_DECODED) &&
			is_escaped_separator(at))
			return ERR_PATH_AMBIGUOUS;
	}
	return 0;
}

/* out has room for as many bytes as raw; the result is never longer. Between segments, out[0, at)
 * starts and ends with '/'. */
static int path_rewrite(sluice_str raw, unsigned rules, char *out, size_t *len)
{
	const char *p = raw.data + 1, *end = raw.data + raw.len;
	char *at = out;
	*at++ = '/';
	for (;;) {
		const char *stop = segment_end(p, end, rules);
		char *to = segment_copy(at, p, stop);
		if (!to)
			return ERR_BAD_TARGET;
		/* before parameters are cut: "..;x" is refused in any case */
		enum dots dots = segment_dots(at, to);
		int err = rules ? segment_rule(at, &to, rules) : 0;
		if (err)
			return err;
		switch (dots) {
		case DOTS_REFUSED:
			return ERR_BAD_TARGET;
		case DOTS_UP:
			if (at == out + 1)
				return ERR_BAD_TARGET;
			at--;
			if (at[-1] == '/') /* does "//../" go up one segment, or none? */
				return ERR_BAD_TARGET;
			while (at[-1] != '/')
				at--;
			break;
		case DOTS_STAY:
			break;
		case DOTS_NONE:
			if (to == at && !(rules & PATH_SLASHES_KEPT))
				break;
			at = to;
			if (stop < end)
				*at++ = '/';
			break;
		}
		if (stop == end)
			break;
		p = stop + (*stop == '%' ? 3 : 1);
	}
	*len = (size_t)(at - out);
	return 0;
}

static int path_normalise_slow(sluice_str raw, unsigned rules, struct arena *a, sluice_str *out)
{
	char *buf = arena_alloc(a, raw.len);
	if (!buf)
		return ERR_NO_MEMORY;
	size_t len;
	int rc = path_rewrite(raw, rules, buf, &len);
	if (!rc)
		*out = str_n(buf,
			len); /* not before: the buffer holds what was left of another request */
	return rc;
}

int uri_normalise_path(sluice_str raw, struct arena *a, sluice_str *out)
{
	const char *end = raw.data + raw.len;
	if (raw.len == 0 || raw.data[0] != '/')
		return ERR_BAD_TARGET;
	const char *stop = scan_path(raw.data, end);
	if (stop == end) {
		*out = raw;
		return 0;
	}
	if (*stop == '?')
		return ERR_BAD_TARGET;
	return path_normalise_slow(raw, 0, a, out);
}

/* A path that is not normal, as it is matched and, in *sent, as it is sent on where empty segments
 * are to stay; *sent is nothing where it has none. */
static int path_read(const struct request_head *h, struct arena *a, sluice_str *path,
	sluice_str *sent)
{
	unsigned rules = h->path_rules, merged = rules & ~(unsigned)PATH_SLASHES_KEPT;
	sluice_str raw = *path, kept;
	/* what is decoded or cut may leave an empty segment too */
	bool may_keep = rules & PATH_SLASHES_KEPT &&
		(merged || memmem(raw.data, raw.len, "//", 2) != NULL);
	int rc = may_keep ? path_normalise_slow(raw, rules, a, &kept) : 0;
	if (!rc)
		rc = path_normalise_slow(raw, merged, a, path);
	if (!rc && may_keep && !str_eq(kept, *path))
		*sent = kept;
	return rc;
}

/* Whether the listener has a rule for a parameter that the path has. */
static inline bool path_has_parameter(const struct request_head *h, const char *p, const char *end)
{
	return h->path_rules & PATH_PARAMETERS && memchr(p, ';', (size_t)(end - p)) != NULL;
}

bool uri_is_query(sluice_str s)
{
	const char *end = s.data + s.len;
	return !s.len || (scan_visible(s.data, end) == end && !memchr(s.data, '#', s.len));
}

/* "/path?query" to h. */
static int target_split(struct request_head *h, sluice_str s, struct arena *a)
{
	const char *end = s.data + s.len, *stop = scan_path(s.data, end);
	const char *mark = stop;
	if (stop < end && *stop != '?')
		mark = memchr(stop, '?', (size_t)(end - stop));
	if (!mark)
		mark = end;
	sluice_str path = str_n(s.data, (size_t)(mark - s.data)), sent = STR_NONE;
	if (unlikely(stop != mark) || unlikely(path_has_parameter(h, s.data, mark))) {
		int rc = path_read(h, a, &path, &sent);
		if (rc)
			return rc;
	}
	if (mark < end) {
		sluice_str query = str_n(mark + 1, (size_t)(end - mark - 1));
		if (!uri_is_query(query))
			return ERR_BAD_TARGET;
		h->has_query = true;
		h->query = query;
	}
	h->path = path;
	h->sent_path = sent;
	return 0;
}

/* ---- authority ----------------------------------------------------------------------------- */

static bool port_is_valid(const char *p, const char *end)
{
	unsigned port = 0;
	if (end - p > 5)
		return false;
	for (; p < end; p++) {
		if (*p < '0' || *p > '9')
			return false;
		port = port * 10 + (unsigned)(*p - '0');
	}
	return port <= 65535;
}

/* The name at p without the dot of the root behind it; empty when there is none, or a label in it
 * is empty. *stop: what stands behind it. */
static sluice_str name_at(const char *p, const char *end, const char **stop, bool *lower)
{
	const char *at = p;
	bool dot = true; /* nothing stands in this label yet */
	unsigned all = SCAN_HOST;
	for (; at < end && scan_is(*at, SCAN_UNRESERVED); at++) {
		bool another = *at == '.';
		if (dot && another)
			return STR_NONE;
		dot = another;
		all &= scan_class[(unsigned char)*at];
	}
	*stop = at;
	*lower = all != 0;
	return str_n(p, (size_t)(at - p) - (dot && at > p));
}

bool uri_ip6_host(sluice_str text, char *buf, sluice_str *out)
{
	struct addr addr;
	if (text.len < 4 || text.data[0] != '[' || text.data[text.len - 1] != ']' ||
		!addr_from_ip(str_n(text.data + 1, text.len - 2), 0, &addr) ||
		addr.sa.sa_family != AF_INET6 ||
		!inet_ntop(AF_INET6, &addr.in6.sin6_addr, buf + 1, URI_IP6 - 2))
		return false;
	size_t n = strlen(buf + 1);
	buf[0] = '[';
	buf[n + 1] = ']';
	*out = str_n(buf, n + 2);
	return true;
}

/* The IPv6 address in brackets at p; *stop: what stands behind it. */
static int ip6_at(const char *p, size_t len, struct arena *a, const char **stop, sluice_str *host)
{
	char plain[URI_IP6];
	sluice_str own;
	const char *close = memchr(p, ']', len);
	if (!close || !uri_ip6_host(str_n(p, (size_t)(close + 1 - p)), plain, &own))
		return ERR_BAD_HOST;
	*stop = close + 1;
	*host = str_n(p, (size_t)(close + 1 - p));
	if (str_eq(own, *host))
		return 0;
	*host = arena_str(a, own);
	return host->data ? 0 : ERR_NO_MEMORY;
}

static int host_lower(sluice_str s, struct arena *a, sluice_str *out)
{
	char *p = arena_alloc(a, s.len);
	if (!p)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < s.len; i++)
		p[i] = ascii_lower(s.data[i]);
	*out = str_n(p, s.len);
	return 0;
}

int uri_parse_authority(sluice_str authority, struct arena *a, sluice_str *host)
{
	const char *p = authority.data, *end = p + authority.len;
	sluice_str s;
	bool lower = true;

	if (authority.len == 0)
		return ERR_BAD_HOST;
	if (*p == '[') {
		int rc = ip6_at(p, authority.len, a, &p, &s);
		if (rc)
			return rc;
	} else {
		s = name_at(p, end, &p, &lower);
		if (s.len == 0 || s.len > HOST_MAX)
			return ERR_BAD_HOST;
	}
	if (p < end && (*p != ':' || !port_is_valid(p + 1, end)))
		return ERR_BAD_HOST;
	if (!lower)
		return host_lower(s, a, host);
	*host = s;
	return 0;
}

/* ---- the four forms ------------------------------------------------------------------------ */

/* The Host field must be well-formed also where the target wins over it. */
static int host_parse(const struct request_head *h, struct arena *a, sluice_str *host)
{
	if (h->authority.len == 0)
		return h->version == 10 ? 0 : ERR_BAD_HOST;
	return uri_parse_authority(h->authority, a, host);
}

/* RFC 9112 3.2.3: "host:port", and nothing may be left out. */
static int authority_form(struct request_head *h, struct arena *a)
{
	size_t digits = 0, len = h->target.len;
	sluice_str host = STR_NONE;
	h->form = TARGET_AUTHORITY;
	while (digits < len && h->target.data[len - 1 - digits] >= '0' &&
		h->target.data[len - 1 - digits] <= '9')
		digits++;
	if (digits == 0 || digits == len || h->target.data[len - 1 - digits] != ':')
		return ERR_BAD_TARGET;
	int rc = host_parse(h, a, &host);
	if (rc)
		return rc;
	rc = uri_parse_authority(h->target, a, &host);
	if (rc)
		return rc == ERR_BAD_HOST ? ERR_BAD_TARGET : rc;
	h->authority = h->target;
	h->host = host;
	return 0;
}

/* What stands behind the authority of an absolute target: RFC 9112 3.2.1, 3.2.4. */
static int absolute_rest(struct request_head *h, sluice_str rest, struct arena *a)
{
	if (rest.len == 0 && h->method == METHOD_OPTIONS) {
		h->form = TARGET_ASTERISK;
		h->path = STR("*");
		return 0;
	}
	if (rest.len && rest.data[0] == '/')
		return target_split(h, rest, a);
	if (rest.len) {
		sluice_str query = str_n(rest.data + 1, rest.len - 1);
		if (rest.data[0] != '?' || !uri_is_query(query))
			return ERR_BAD_TARGET;
		h->has_query = true;
		h->query = query;
	}
	h->path = STR("/");
	return 0;
}

/* RFC 9112 3.2.2. rest: what stands behind "://" */
static int absolute_form(struct request_head *h, sluice_str rest, struct arena *a)
{
	size_t n = 0;
	sluice_str host = STR_NONE;
	h->form = TARGET_ABSOLUTE;
	while (n < rest.len && rest.data[n] != '/' && rest.data[n] != '?' && rest.data[n] != '#')
		n++;
	int rc = host_parse(h, a, &host);
	if (rc)
		return rc;
	rc = uri_parse_authority(str_n(rest.data, n), a, &host);
	if (rc)
		return rc;
	h->authority = str_n(rest.data, n);
	h->host = host;
	return absolute_rest(h, str_n(rest.data + n, rest.len - n), a);
}

static bool cut_scheme(sluice_str *s, sluice_str scheme)
{
	if (s->len < scheme.len || !str_ieq(str_n(s->data, scheme.len), scheme))
		return false;
	*s = str_n(s->data + scheme.len, s->len - scheme.len);
	return true;
}

int uri_parse_target(struct request_head *h, struct arena *a)
{
	sluice_str t = h->target;
	int rc;

	h->host = h->path = h->sent_path = h->query = STR_NONE;
	h->has_query = false;
	if (t.len == 0)
		return ERR_BAD_TARGET;
	if (h->method == METHOD_CONNECT)
		return authority_form(h, a);
	if (t.data[0] == '/') {
		h->form = TARGET_ORIGIN;
		rc = host_parse(h, a, &h->host);
		return rc ? rc : target_split(h, t, a);
	}
	if (t.len == 1 && t.data[0] == '*') {
		h->form = TARGET_ASTERISK;
		if (h->method != METHOD_OPTIONS)
			return ERR_BAD_TARGET;
		rc = host_parse(h, a, &h->host);
		if (!rc)
			h->path = STR("*");
		return rc;
	}
	if (cut_scheme(&t, STR("http://")) || cut_scheme(&t, STR("https://")))
		return absolute_form(h, t, a);
	return ERR_BAD_TARGET;
}
