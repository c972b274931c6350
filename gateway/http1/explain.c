/* Explanations of what the parsers refuse in a response. See the header. Any thread. */
#include "http1/explain.h"

#include <stdarg.h>
#include <stdio.h>

#include "http/scan.h"

#define LENIENT " (`parsing: lenient` takes it)"

enum {
	QUOTE_MAX = 16, /* bytes of a line that is no status line */
	NAME_TEXT = 64,
	VALUE_TEXT = 24,
};

/* One text for each thread, so that explaining takes no memory that the exchange may lack. */
__attribute__((format(printf, 1, 2))) static sluice_str explain_say(const char *fmt, ...)
{
	static __thread char text[EXPLAIN_MAX];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return str_n(text, n < 0 ? 0 : (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

/* One line of a head: [at, end), without what ends it. */
struct line {
	const char *at, *end;
	unsigned no;       /* from 1 */
	bool ends_with_lf; /* alone, without a CR */
};

static bool line_next(struct line *l, const char **p, const char *end)
{
	const char *lf = *p < end ? memchr(*p, '\n', (size_t)(end - *p)) : NULL;
	if (!lf)
		return false;
	bool cr = lf > *p && lf[-1] == '\r';
	*l = (struct line){ *p, lf - cr, l->no + 1, !cr };
	*p = lf + 1;
	return true;
}

static bool is_shown(sluice_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] < 0x20 || s.data[i] > 0x7e)
			return false;
	}
	return s.len > 0;
}

static sluice_str cut(sluice_str s, size_t most)
{
	return str_n(s.data, s.len < most ? s.len : most);
}

/* The protocol that begins with these bytes. NULL: none that is known here. */
static const char *explain_protocol(const char *p, size_t n)
{
	if (n >= 3 && (p[0] == 0x15 || p[0] == 0x16) && p[1] == 3)
		return "the server speaks TLS: give the upstream a block `tls`";
	/* SETTINGS, GOAWAY */
	if (n >= 9 && p[0] == 0 && (p[3] == 4 || p[3] == 7) && !(p[5] | p[6] | p[7] | p[8]))
		return "the server speaks HTTP/2: write `protocol: h2c`, or with `tls` `protocol: "
		       "h2`";
	return NULL;
}

sluice_str http1_explain_start(sluice_str start)
{
	const char *protocol = explain_protocol(start.data, start.len);
	sluice_str first = cut(start, QUOTE_MAX);
	if (protocol)
		return str_of(protocol);
	if (start.len == 0)
		return STR_NONE;
	if (is_shown(first))
		return explain_say("no head in %zu bytes, which begin with \"%.*s\"", start.len,
			STR_ARG(first));
	return explain_say("no head in %zu bytes, which begin with byte 0x%02x", start.len,
		(unsigned char)*start.data);
}

static sluice_str explain_status_line(const struct line *l)
{
	size_t len = (size_t)(l->end - l->at);
	const char *protocol = explain_protocol(l->at, len);
	if (protocol)
		return str_of(protocol);
	if (len == 0)
		return STR("line 1 is empty" LENIENT);
	if (l->ends_with_lf)
		return STR("line 1 ends with LF alone" LENIENT);
	if (len < 12 || memcmp(l->at, "HTTP/", 5) != 0 || l->at[8] != ' ') {
		sluice_str first = cut(str_n(l->at, len), QUOTE_MAX);
		if (is_shown(first))
			return explain_say("line 1 is no status line: it begins with \"%.*s\"",
				STR_ARG(first));
		return explain_say("line 1 is no status line: it begins with byte 0x%02x",
			(unsigned char)*l->at);
	}
	sluice_str version = str_n(l->at, 8), rest = str_n(l->at + 9, len - 9),
		   status = cut(str_cut(&rest, ' '), QUOTE_MAX);
	if (!str_eq(version, STR("HTTP/1.1")) && !str_eq(version, STR("HTTP/1.0")))
		return is_shown(version) ? explain_say("line 1: version %.*s", STR_ARG(version))
					 : STR("line 1: the version");
	const char *bad = scan_value(l->at, l->end);
	if (bad != l->end)
		return explain_say("line 1: byte 0x%02x at %zu%s", (unsigned char)*bad,
			(size_t)(bad - l->at) + 1, *bad == 0 || *bad == '\r' ? "" : LENIENT);
	uint64_t n;
	if (status.len == 3 && str_u64(status, &n) && n >= 600)
		return explain_say("line 1: status %.*s is above 599" LENIENT, STR_ARG(status));
	return is_shown(status) ? explain_say("line 1: status \"%.*s\"", STR_ARG(status))
				: STR("line 1: the status");
}

/* Empty: the line is valid. */
static sluice_str explain_field_line(const struct line *l)
{
	if (l->ends_with_lf)
		return explain_say("line %u ends with LF alone" LENIENT, l->no);
	if (l->at == l->end)
		return STR_NONE;
	if (*l->at == ' ' || *l->at == '\t')
		return explain_say("line %u begins with a blank: folded lines are obsolete", l->no);
	const char *colon = memchr(l->at, ':', (size_t)(l->end - l->at));
	if (!colon)
		return explain_say("line %u has no colon", l->no);
	const char *bad = scan_while_scalar(l->at, colon, SCAN_TOKEN);
	if (bad != colon || colon == l->at)
		return explain_say("line %u: byte 0x%02x at %zu is none of a field name", l->no,
			(unsigned char)*bad, (size_t)(bad - l->at) + 1);
	bad = scan_value(colon + 1, l->end);
	if (bad == l->end)
		return STR_NONE;
	sluice_str name = cut(str_n(l->at, (size_t)(colon - l->at)), NAME_TEXT);
	return explain_say("line %u, field %.*s: byte 0x%02x at %zu%s", l->no, STR_ARG(name),
		(unsigned char)*bad, (size_t)(bad - l->at) + 1,
		*bad == 0 || *bad == '\r' ? "" : LENIENT);
}

static sluice_str framing_value(const struct line *l, sluice_str name)
{
	sluice_str rest = str_n(l->at, (size_t)(l->end - l->at)), key = str_cut(&rest, ':');
	return rest.data && str_ieq(key, name) ? str_trim(rest) : STR_NONE;
}

static sluice_str explain_framing(const char *p, const char *end)
{
	sluice_str length = STR_NONE, coding = STR_NONE;
	struct line l = { 0 };
	while (line_next(&l, &p, end)) {
		sluice_str v = framing_value(&l, STR("Content-Length")),
			   t = framing_value(&l, STR("Transfer-Encoding"));
		uint64_t n;
		if (v.data && (v.len > 19 || !str_u64(v, &n) || n > INT64_MAX) &&
			!(v.len && memchr(v.data, ',', v.len)))
			return is_shown(v)
				? explain_say("line %u: Content-Length is \"%.*s\"", l.no,
					  STR_ARG(cut(v, VALUE_TEXT)))
				: explain_say("line %u: Content-Length is no number", l.no);
		if (v.data && length.data)
			return explain_say(
				"line %u: a second Content-Length, which differs from the first",
				l.no);
		if (t.data && coding.data)
			return explain_say("line %u: a second Transfer-Encoding", l.no);
		if (t.data && !str_ieq(t, STR("chunked")))
			return is_shown(t)
				? explain_say(
					  "line %u: Transfer-Encoding is \"%.*s\" and not chunked",
					  l.no, STR_ARG(cut(t, VALUE_TEXT)))
				: explain_say("line %u: Transfer-Encoding is not chunked", l.no);
		length = v.data ? v : length;
		coding = t.data ? t : coding;
		if (length.data && coding.data)
			return explain_say(
				"line %u: Transfer-Encoding and Content-Length in one head", l.no);
	}
	if (coding.data)
		return STR("Transfer-Encoding in HTTP/1.0");
	return length.data ? STR("the values of Content-Length differ") : STR_NONE;
}

sluice_str http1_explain_head(const char *head, size_t len, int err, const struct http1_limits *lim)
{
	const char *p = head, *end = head + len;
	struct line l = { 0 };
	if (err == ERR_UPSTREAM_HEAD_TOO_LARGE)
		return explain_say("more than %u fields (max_fields)", (unsigned)lim->max_fields);
	if (err == ERR_UPSTREAM_BAD_FRAMING)
		return explain_framing(head, end);
	if (err != ERR_UPSTREAM_BAD_HEAD || !line_next(&l, &p, end))
		return STR_NONE;
	struct line first = l;
	while (line_next(&l, &p, end)) {
		sluice_str text = explain_field_line(&l);
		if (text.len && !first.ends_with_lf &&
			http1_status_line_is_valid(first.at, first.end + 2, lim))
			return text;
	}
	return explain_status_line(&first);
}

sluice_str http1_explain_chunk(const struct chunk_decoder *d, const char *p, size_t n)
{
	const char *where = chunk_where(d);
	if (n == 0)
		return explain_say("%s", where);
	return explain_say("%s: byte 0x%02x%s", where, (unsigned char)*p,
		*p == '\n' ? LENIENT : "");
}

sluice_str http1_explain_surplus(enum body_kind body, uint16_t status, size_t n)
{
	if (body == BODY_NONE)
		return explain_say("%zu bytes behind a response %u, which has no body here" LENIENT,
			n, status);
	return explain_say("%zu bytes behind the end of the body" LENIENT, n);
}

sluice_str http1_explain_missing(uint64_t missing)
{
	return explain_say("%llu bytes of the body are missing", (unsigned long long)missing);
}
