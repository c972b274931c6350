/* Patterns for hosts and paths. Parsed by one thread, matched by any. */
#include "route/pattern.h"

#include <stdio.h>

#include "http/uri.h"

enum { HOST_BYTES = 253, LABEL_BYTES = 63 };

__attribute__((format(printf, 3, 4))) static int pattern_fail(struct pattern_error *e,
	size_t offset, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	e->offset = offset;
	(void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	return -1;
}

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* ---- hosts --------------------------------------------------------------------------------- */

/* Accept labels of letters, digits, hyphens and underscores only. RFC 9110 4.2.3 permits more, but
 * no name in use has it. base: offset of name in the pattern. */
static int host_check(sluice_str name, size_t base, struct pattern_error *e)
{
	size_t label = 0;
	for (size_t i = 0; i <= name.len; i++) {
		char c = i < name.len ? name.data[i] : '.';
		if (c == '.') {
			if (i == label)
				return pattern_fail(e, base + i, "a label of the host is empty");
			if (i - label > LABEL_BYTES)
				return pattern_fail(e, base + label,
					"a label of the host is longer than %d bytes", LABEL_BYTES);
			label = i + 1;
		} else if (c == ':') {
			return pattern_fail(e, base + i,
				"a host has no port here; to tell ports apart use `listener`");
		} else if (c == '*') {
			return pattern_fail(e, base + i,
				"`*` may only stand as the whole first label, as in *.example.com");
		} else if ((unsigned char)c >= 0x80) {
			return pattern_fail(e, base + i,
				"write an international host in its A-label form, which begins "
				"with xn--: xn--bcher-kva.example for b\xc3\xbc"
				"cher.example");
		} else if (!is_alnum(c) && c != '-' && c != '_') {
			return pattern_fail(e, base + i, "a host cannot have this character");
		}
	}
	return 0;
}

int host_pattern_parse(struct arena *a, sluice_str text, struct host_pattern *out,
	struct pattern_error *e)
{
	char ip6[URI_IP6];
	*out = (struct host_pattern){ .kind = HOST_ANY, .name = STR("") };
	if (text.len == 0 || str_eq(text, STR("*")))
		return 0;
	sluice_str name = text;
	size_t base = 0;
	out->kind = HOST_EXACT;
	if (str_starts(text, STR("*."))) {
		out->kind = HOST_WILDCARD;
		base = 2;
		name = str_n(text.data + base, text.len - base);
	}
	/* a trailing dot does not change the name */
	if (name.len > 1 && name.data[name.len - 1] == '.')
		name.len--;
	if (name.len > HOST_BYTES)
		return pattern_fail(e, base, "a host is at most %d bytes long", HOST_BYTES);
	bool is_address = name.len && name.data[0] == '[';
	if (is_address && out->kind == HOST_WILDCARD)
		return pattern_fail(e, 0, "there are no names below an address");
	if (is_address && !uri_ip6_host(name, ip6, &name))
		return pattern_fail(e, base,
			"expected an IPv6 address in brackets, such as [2001:db8::1], without a "
			"zone or a port");
	if (!is_address && host_check(name, base, e))
		return -1;
	char *low = arena_alloc(a, name.len + 1);
	for (size_t i = 0; i < name.len; i++)
		low[i] = ascii_lower(name.data[i]);
	low[name.len] = 0;
	out->name = str_n(low, name.len);
	return 0;
}

bool host_match(const struct host_pattern *p, sluice_str host)
{
	switch ((enum host_kind)p->kind) {
	case HOST_EXACT:
		return str_eq(p->name, host);
	case HOST_WILDCARD:
		return host.len > p->name.len + 1 && str_ends(host, p->name) &&
			host.data[host.len - p->name.len - 1] == '.';
	case HOST_ANY:
		return true;
	}
	return false;
}

int host_compare(const struct host_pattern *a, const struct host_pattern *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->kind != HOST_WILDCARD || a->name.len == b->name.len)
		return 0;
	return a->name.len > b->name.len ? -1 : 1;
}

/* ---- paths --------------------------------------------------------------------------------- */

/* A path pattern while it is parsed, before its numbers of segments and names are known. */
struct path_draft {
	struct path_segment segments[PATTERN_SEGMENTS];
	struct path_name names[PATTERN_CAPTURES];
	unsigned n_segments, n_literals, n_names;
	bool tail;
};

static int path_add_name(struct path_draft *d, sluice_str name, unsigned at, size_t offset,
	struct pattern_error *e)
{
	if (d->n_names == PATTERN_CAPTURES)
		return pattern_fail(e, offset, "a path has at most %d captures", PATTERN_CAPTURES);
	for (unsigned i = 0; i < d->n_names; i++) {
		if (str_eq(d->names[i].name, name))
			return pattern_fail(e, offset, "the path captures `%.*s` twice",
				STR_ARG(name));
	}
	d->names[d->n_names++] = (struct path_name){ name, (uint16_t)at };
	return 0;
}

/* Parse a segment with a brace in it. It must be {name} and nothing else. */
static int path_add_capture(struct path_draft *d, sluice_str text, size_t base,
	struct pattern_error *e)
{
	const char *open = memchr(text.data, '{', text.len),
		   *close = memchr(text.data, '}', text.len);
	if (!open || (close && close < open))
		return pattern_fail(e, base + (size_t)(close - text.data), "`}` closes nothing");
	if (!close)
		return pattern_fail(e, base + (size_t)(open - text.data), "`{` is not closed");
	if (open != text.data || close != text.data + text.len - 1)
		return pattern_fail(e, base,
			"`{name}` stands for a whole segment; for parts of one use regex:");
	sluice_str name = str_n(text.data + 1, text.len - 2);
	if (name.len == 0 || name.len > PATTERN_NAME_BYTES)
		return pattern_fail(e, base + 1, "the name of a capture has 1 to %d characters",
			PATTERN_NAME_BYTES);
	for (size_t i = 0; i < name.len; i++) {
		char c = name.data[i];
		if (!is_alnum(c) && c != '_' && (c != '-' || i == 0))
			return pattern_fail(e, base + 1 + i,
				"the name of a capture has letters, digits, `_` and `-` only");
	}
	d->segments[d->n_segments++] = (struct path_segment){ STR(""), true };
	return path_add_name(d, name, d->n_segments - 1, base, e);
}

/* Parse a literal. It is normalised as request paths are, so that both compare by bytes. */
static int path_add_literal(struct arena *a, struct path_draft *d, sluice_str text, size_t base,
	struct pattern_error *e)
{
	char raw[PATTERN_BYTES + 1];
	sluice_str whole;
	const char *star = memchr(text.data, '*', text.len);
	if (star)
		return pattern_fail(e, base + (size_t)(star - text.data),
			"`*` may only stand as the whole last segment; for anything else use "
			"regex:");
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];
		if (c == '?' || c == '#')
			return pattern_fail(e, base + i,
				"a path ends before `%c`; to match on the query use `query`", c);
		if (c <= 0x20 || c >= 0x7f)
			return pattern_fail(e, base + i, "this character must be percent-encoded");
	}
	raw[0] = '/';
	memcpy(raw + 1, text.data, text.len);
	if (str_eq(text, STR("..")) || uri_normalise_path(str_n(raw, text.len + 1), a, &whole))
		return pattern_fail(e, base,
			"no request path that the gateway accepts has this segment");
	if (whole.len == 1)
		return pattern_fail(e, base,
			"requests are matched after `.` and `..` are resolved: no path has this "
			"segment");
	whole = arena_str(a, str_n(whole.data + 1, whole.len - 1)); /* copied: it may lie in raw */
	d->segments[d->n_segments++] = (struct path_segment){ whole, false };
	d->n_literals++;
	return 0;
}

static int path_parse_segments(struct arena *a, sluice_str text, struct path_draft *d,
	struct pattern_error *e)
{
	sluice_str s;
	size_t at = 1;
	for (size_t base = at; segment_next(text, &at, &s); base = at) {
		bool is_last = at > text.len;
		int bad;
		if (is_last && str_eq(s, STR("*"))) {
			d->tail = true;
			break;
		}
		if (d->n_segments == PATTERN_SEGMENTS)
			return pattern_fail(e, base, "a path pattern has at most %d segments",
				PATTERN_SEGMENTS);
		if (s.len == 0 && !is_last)
			return pattern_fail(e, base,
				"an empty segment: requests with `//` in their path are matched "
				"without it");
		if (s.len == 0) { /* the trailing slash */
			d->segments[d->n_segments++] = (struct path_segment){ STR(""), false };
			d->n_literals++;
			continue;
		}
		if (memchr(s.data, '{', s.len) || memchr(s.data, '}', s.len))
			bad = path_add_capture(d, s, base, e);
		else
			bad = path_add_literal(a, d, s, base, e);
		if (bad)
			return -1;
	}
	return 0;
}

static int path_parse_regex(sluice_str text, size_t base, struct path_pattern *out,
	struct path_draft *d, struct pattern_error *e)
{
	struct regex_error why;
	struct regex_group g;
	out->kind = PATH_REGEX;
	out->regex = regex_new(text, &why);
	if (!out->regex)
		return pattern_fail(e, base + why.offset, "%s", why.text);
	for (unsigned i = 0; regex_group_at(out->regex, i, &g); i++) {
		if (path_add_name(d, g.name, g.number, base, e)) {
			regex_free(&out->regex);
			return -1;
		}
	}
	return 0;
}

static sluice_str path_join(struct arena *a, const struct path_draft *d)
{
	size_t n = 0;
	for (unsigned i = 0; i < d->n_segments; i++)
		n += 1 + d->segments[i].text.len;
	char *p = arena_alloc(a, n + 1);
	size_t at = 0;
	for (unsigned i = 0; i < d->n_segments; i++) {
		p[at++] = '/';
		memcpy(p + at, d->segments[i].text.data, d->segments[i].text.len);
		at += d->segments[i].text.len;
	}
	p[at] = 0;
	return str_n(p, at);
}

int path_pattern_parse(struct arena *a, sluice_str text, struct path_pattern *out,
	struct pattern_error *e)
{
	struct path_draft d = { .n_segments = 0 };
	sluice_str prefix = STR("regex:");

	*out = (struct path_pattern){ .kind = PATH_SEGMENTS };
	if (text.len == 0) {
		d.tail = true;
	} else if (str_starts(text, prefix)) {
		text = arena_str(a, str_n(text.data + prefix.len, text.len - prefix.len));
		if (path_parse_regex(text, prefix.len, out, &d, e))
			return -1;
		out->text = text;
	} else {
		if (text.data[0] != '/')
			return pattern_fail(e, 0, "a path starts with `/` (or with regex:)");
		if (text.len > PATTERN_BYTES)
			return pattern_fail(e, PATTERN_BYTES,
				"a path pattern is at most %d bytes long", PATTERN_BYTES);
		if (path_parse_segments(a, text, &d, e))
			return -1;
		if (!d.tail && d.n_names == 0) {
			out->kind = PATH_EXACT;
			out->text = path_join(a, &d);
		}
	}
	struct path_segment *segments = arena_zalloc(a, (d.n_segments + 1) * sizeof(*segments));
	struct path_name *names = arena_zalloc(a, (d.n_names + 1) * sizeof(*names));
	memcpy(segments, d.segments, d.n_segments * sizeof(*segments));
	for (unsigned i = 0; i < d.n_names; i++)
		names[i] = (struct path_name){ arena_str(a, d.names[i].name), d.names[i].at };
	out->segments = segments;
	out->names = names;
	out->n_segments = (uint16_t)d.n_segments;
	out->n_literals = (uint16_t)d.n_literals;
	out->n_names = (uint16_t)d.n_names;
	out->tail = d.tail;
	return 0;
}

void path_free(struct path_pattern *p)
{
	regex_free(&p->regex);
}

static enum match path_match_segments(const struct path_pattern *p, sluice_str path,
	struct path_captures *c)
{
	sluice_str s;
	size_t at = 1;
	unsigned n_names = 0;
	if (p->n_segments && (path.len == 0 || path.data[0] != '/'))
		return MATCH_NO;
	for (unsigned i = 0; i < p->n_segments; i++) {
		if (!segment_next(path, &at, &s))
			return MATCH_NO;
		if (p->segments[i].capture ? s.len == 0 : !str_eq(s, p->segments[i].text))
			return MATCH_NO;
		if (c && p->segments[i].capture) {
			c->v[n_names] = (struct path_capture){ p->names[n_names].name, s };
			n_names++;
		}
	}
	if (!p->tail && at <= path.len)
		return MATCH_NO;
	if (c) {
		size_t from = at - 1;
		c->n = n_names;
		c->rest = p->tail && from < path.len ? str_n(path.data + from, path.len - from)
						     : STR("");
	}
	return MATCH_YES;
}

enum match path_match(const struct path_pattern *p, sluice_str path, struct path_captures *c)
{
	sluice_str spans[REGEX_GROUPS + 1];
	enum match m;
	switch ((enum path_kind)p->kind) {
	case PATH_EXACT:
		m = str_eq(p->text, path) ? MATCH_YES : MATCH_NO;
		break;
	case PATH_SEGMENTS:
		return path_match_segments(p, path, c);
	case PATH_REGEX:
		m = regex_match(p->regex, path, c && p->n_names ? spans : NULL);
		break;
	default:
		return MATCH_NO;
	}
	if (c && m == MATCH_YES) {
		c->n = 0;
		c->rest = STR("");
		for (unsigned i = 0; i < p->n_names; i++) {
			if (spans[p->names[i].at].data)
				c->v[c->n++] = (struct path_capture){ p->names[i].name,
					spans[p->names[i].at] };
		}
	}
	return m;
}

/* The kind of segment i, as a number: literal, capture, end, tail; the more specific, the lower. */
static int path_kind_at(const struct path_pattern *p, unsigned i)
{
	if (i < p->n_segments)
		return p->segments[i].capture ? 1 : 0;
	return p->tail ? 3 : 2;
}

/* The kind of the pattern as a number; the more specific, the lower. */
static int path_rank(const struct path_pattern *p)
{
	return path_is_any(p) ? PATH_REGEX + 1 : p->kind;
}

int path_compare(const struct path_pattern *a, const struct path_pattern *b)
{
	if (path_rank(a) != path_rank(b))
		return path_rank(a) < path_rank(b) ? -1 : 1;
	if (a->kind == PATH_REGEX)
		return 0;
	if (a->n_literals != b->n_literals)
		return a->n_literals > b->n_literals ? -1 : 1;
	unsigned n = a->n_segments < b->n_segments ? a->n_segments : b->n_segments;
	for (unsigned i = 0; i <= n; i++) {
		int d = path_kind_at(a, i) - path_kind_at(b, i);
		if (d)
			return d;
	}
	for (unsigned i = 0; i < n; i++) {
		sluice_str x = a->segments[i].text, y = b->segments[i].text;
		size_t len = x.len < y.len ? x.len : y.len;
		int d = len ? memcmp(x.data, y.data, len) : 0;
		if (d)
			return d;
		if (x.len != y.len)
			return x.len < y.len ? -1 : 1;
	}
	return 0;
}
