/* Texts with placeholders. See the header. */
#include "policy/template.h"

#include "base/json.h"
#include "http/scan.h"
#include "policy/run.h"

/* ---- kinds --------------------------------------------------------------------------------- */

static bool template_is_body(enum template_kind k)
{
	return k != TEMPLATE_FIELD && k != TEMPLATE_LOCATION;
}

enum template_kind template_kind_of_field(sluice_str name)
{
	return str_ieq(name, STR("location")) || str_ieq(name, STR("content-location"))
		? TEMPLATE_LOCATION
		: TEMPLATE_FIELD;
}

static bool type_has(sluice_str type, sluice_str word)
{
	for (size_t i = 0; i + word.len <= type.len; i++) {
		if (str_ieq(str_n(type.data + i, word.len), word))
			return true;
	}
	return false;
}

enum template_kind template_kind_of_body(sluice_str content_type)
{
	if (type_has(content_type, STR("json")))
		return TEMPLATE_JSON;
	return type_has(content_type, STR("html")) || type_has(content_type, STR("xml"))
		? TEMPLATE_HTML
		: TEMPLATE_TEXT;
}

/* ---- reading ------------------------------------------------------------------------------- */

struct reader {
	struct arena *a;
	const struct stated *names;
	struct expr_wrong *wrong;
	const char *p, *end;
	struct template_part *v;
	size_t n;
};

static int reader_refuse(struct reader *r, const char *why)
{
	*r->wrong = (struct expr_wrong){ .why = why, .hint = STR("") };
	return -1;
}

static void reader_text(struct reader *r, const char *p, size_t len)
{
	struct template_part *last = r->n ? &r->v[r->n - 1] : NULL;
	/* it continues the last piece of text: extend that */
	if (last && !last->expr && last->text.data + last->text.len == p)
		last->text.len += len;
	else if (len)
		r->v[r->n++].text = str_n(p, len);
}

static int reader_fact(struct reader *r, sluice_str text)
{
	const sluice_expr *e = expr_compile(r->a, text, r->names, r->wrong);
	if (!e) {
		r->wrong->why = arena_printf(r->a,
			"has the placeholder {%.*s}: %s; write {{ for a brace",
			text.len < 64 ? (int)text.len : 64, text.data, r->wrong->why)
					.data;
		return -1;
	}
	r->v[r->n++].expr = e;
	return 0;
}

/* A brace in a field's value. */
static int reader_brace(struct reader *r)
{
	if (r->p + 1 < r->end && r->p[1] == r->p[0]) { /* {{ or }} */
		r->v[r->n++].text = str_n(r->p, 1);
		r->p += 2;
		return 0;
	}
	if (*r->p == '}')
		return reader_refuse(r, "has a } that nothing opened; write }} for a brace");
	const char *start = r->p + 1, *close = memchr(start, '}', (size_t)(r->end - start));
	if (!close)
		return reader_refuse(r, "has a { that nothing closes; write {{ for a brace");
	if (close == start)
		return reader_refuse(r, "has an empty placeholder; write {{ for a brace");
	r->p = close + 1;
	return reader_fact(r, str_n(start, (size_t)(close - start)));
}

/* Whether s begins with what looks like the name of a fact and then "}": its length, or 0. */
static size_t fact_length(const char *p, const char *end)
{
	const char *start = p;
	while (p < end &&
		((*p >= 'a' && *p <= 'z') || *p == '_' || (p > start && *p >= '0' && *p <= '9')))
		p++;
	if (p == start)
		return 0;
	if (p < end && *p == ':') {
		const char *name = ++p;
		while (p<end && * p> ' ' && *p < 0x7f && !strchr("{}\"';", *p))
			p++;
		if (p == name)
			return 0;
	}
	return p < end && *p == '}' ? (size_t)(p - start) : 0;
}

/* A brace in a body. */
static int reader_body_brace(struct reader *r)
{
	const char *p = r->p;
	size_t n = *p == '{' ? fact_length(p + 1, r->end) : 0;
	if (n) {
		r->p += n + 2;
		return reader_fact(r, str_n(p + 1, n));
	}
	n = p + 1 < r->end && p[0] == '{' && p[1] == '{' ? fact_length(p + 2, r->end) : 0;
	if (n && p + n + 3 < r->end && p[n + 3] == '}') { /* {{ip}} */
		reader_text(r, p + 1, n + 2);
		r->p += n + 4;
		return 0;
	}
	reader_text(r, p, 1);
	r->p++;
	return 0;
}

static size_t brace_count(sluice_str s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++)
		n += s.data[i] == '{' || s.data[i] == '}';
	return n;
}

const struct sluice_template *template_read(struct arena *a, enum template_kind kind,
	sluice_str text, const struct stated *names, struct expr_wrong *wrong)
{
	struct sluice_template *t = arena_new(a, struct sluice_template);
	sluice_str copy = arena_str(a, text);
	struct reader r = { .a = a,
		.names = names,
		.wrong = wrong,
		.p = copy.data,
		.end = copy.data + copy.len };
	r.v = arena_zalloc(a, (2 * brace_count(copy) + 1) * sizeof(*r.v));
	while (r.p < r.end) {
		const char *start = r.p;
		while (r.p < r.end && *r.p != '{' && *r.p != '}')
			r.p++;
		reader_text(&r, start, (size_t)(r.p - start));
		if (r.p < r.end &&
			(template_is_body(kind) ? reader_body_brace(&r) : reader_brace(&r)) < 0)
			return NULL;
	}
	*t = (struct sluice_template){ .v = r.v, .n = r.n, .kind = kind };
	for (size_t i = 0; !template_is_body(kind) && i < t->n; i++) {
		if (t->v[i].text.len && !str_is_field_value(t->v[i].text)) {
			(void)reader_refuse(&r, "has a value with control bytes");
			return NULL;
		}
	}
	return t;
}

bool template_is_fixed(const struct sluice_template *t, sluice_str *text)
{
	*text = t->n ? t->v[0].text : STR("");
	return t->n == 0 || (t->n == 1 && !t->v[0].expr);
}

/* ---- escaping ------------------------------------------------------------------------------ */

/* How a value is escaped in a URI. */
enum uri_escape { URI_AS_IT_IS, URI_PART };

static enum uri_escape uri_escape_of(const sluice_expr *e)
{
	switch ((enum fact)e->fact) {
	case FACT_PARAMETER:
	case FACT_COOKIE:
	case FACT_CLAIM:
	case FACT_CONSUMER:
	case FACT_ATTR:
	case FACT_TLS_SNI:
	case FACT_CERT_SUBJECT:
	case FACT_CERT_ISSUER:
	case FACT_CERT_DNS:
	case FACT_CERT_URI:
	case FACT_CERT_EMAIL:
	case FACT_CERT_PEM:
	case FACT_CERT_DER:
		/* the value is decoded, so it is escaped as data within one part */
		return URI_PART;
	default:
		return URI_AS_IT_IS;
	}
}

/* Whether a byte is permitted in a URI (RFC 3986 2). Existing escapes are kept. */
static bool uri_takes(enum uri_escape how, char c)
{
	if (scan_is(c, SCAN_UNRESERVED))
		return true;
	return how == URI_AS_IT_IS && c > ' ' && c < 0x7f && !strchr("\"<>\\^`{|}", c);
}

static char *uri_put(char *at, enum uri_escape how, sluice_str s)
{
	static const char digits[] = "0123456789ABCDEF";
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.data[i];
		if (uri_takes(how, s.data[i])) {
			*at++ = s.data[i];
			continue;
		}
		*at++ = '%';
		*at++ = digits[c >> 4];
		*at++ = digits[c & 15];
	}
	return at;
}

static sluice_str html_entity(char c)
{
	switch (c) {
	case '&':
		return STR("&amp;");
	case '<':
		return STR("&lt;");
	case '>':
		return STR("&gt;");
	case '"':
		return STR("&quot;");
	case '\'':
		return STR("&#39;");
	default:
		return STR_NONE;
	}
}

static char *html_put(char *at, sluice_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		sluice_str entity = html_entity(s.data[i]);
		if (!entity.data)
			entity = str_n(&s.data[i], 1);
		memcpy(at, entity.data, entity.len);
		at += entity.len;
	}
	return at;
}

static char *json_put(char *at, sluice_str s)
{
	struct json_out o;
	json_init(&o, at, 6 * s.len + 2);
	json_str(&o, s);
	size_t n = json_text(&o).len;
	memmove(at, at + 1, n - 2); /* without the quotes, which the template has */
	return at + n - 2;
}

/* The most that a value takes when it is escaped. */
static size_t value_room(enum template_kind kind, sluice_str value)
{
	switch (kind) {
	case TEMPLATE_LOCATION:
		return 3 * value.len;
	case TEMPLATE_HTML:
		return 6 * value.len;
	case TEMPLATE_JSON:
		return 6 * value.len + 2;
	case TEMPLATE_FIELD:
	case TEMPLATE_TEXT:
		break;
	}
	return value.len;
}

static char *value_put(char *at, enum template_kind kind, const sluice_expr *e, sluice_str value)
{
	switch (kind) {
	case TEMPLATE_LOCATION:
		return uri_put(at, uri_escape_of(e), value);
	case TEMPLATE_HTML:
		return html_put(at, value);
	case TEMPLATE_JSON:
		return json_put(at, value);
	case TEMPLATE_FIELD:
	case TEMPLATE_TEXT:
		break;
	}
	if (value.len)
		memcpy(at, value.data, value.len);
	return at + value.len;
}

/* ---- where it leads ------------------------------------------------------------------------ */

enum { GUARD = 2 }; /* most bytes that must be put in front */

/*
 * The bytes to put before a reference so that it stays on this host. "//host" and, for browsers,
 * "/\host" name a host, and "word:" a scheme; a path that looks like one is written "/.//host" or
 * "./word:" (RFC 3986 4.2). Only the operator's text, {scheme} and {host} may choose the host.
 */
static sluice_str location_guard(const struct sluice_template *t, sluice_str s)
{
	sluice_str own = t->v[0].expr ? STR("") : t->v[0].text;
	if (s.len > 1 && s.data[0] == '/' && s.data[1] == '/' && own.len < 2)
		return STR("/.");
	if (own.len || t->v[0].expr->fact == FACT_SCHEME)
		return STR("");
	for (size_t i = 0; i < s.len && !strchr("/?#", s.data[i]); i++) {
		if (s.data[i] == ':')
			return STR("./");
	}
	return STR("");
}

/* ---- writing ------------------------------------------------------------------------------- */

static sluice_str template_value(sluice_exchange *x, const struct sluice_template *t,
	const sluice_expr *e)
{
	if (t->kind == TEMPLATE_LOCATION && e->fact == FACT_CAPTURE)
		/* not decoded: the reference has it as the path has it */
		return fact_capture_raw(x, e->name);
	return expr_value(x, e);
}

static sluice_str template_join(const struct sluice_template *t, const sluice_str *values,
	char *text)
{
	char *start = text + GUARD, *at = start;
	for (size_t i = 0; i < t->n; i++) {
		if (t->v[i].expr) {
			at = value_put(at, t->kind, t->v[i].expr, values[i]);
		} else {
			memcpy(at, values[i].data, values[i].len);
			at += values[i].len;
		}
	}
	sluice_str out = str_n(start, (size_t)(at - start));
	if (t->kind == TEMPLATE_LOCATION) {
		sluice_str guard = location_guard(t, out);
		memcpy(start - guard.len, guard.data, guard.len);
		out = str_n(start - guard.len, out.len + guard.len);
	}
	return out;
}

enum sluice_template_result template_write(sluice_exchange *x, const struct sluice_template *t,
	sluice_str *out)
{
	if (template_is_fixed(t, out))
		return SLUICE_TEMPLATE_OK;
	*out = STR_NONE;
	sluice_str *values = arena_alloc(x->arena, t->n * sizeof(*values));
	size_t room = GUARD + 1;
	if (!values)
		return SLUICE_TEMPLATE_FAIL;
	for (size_t i = 0; i < t->n; i++) {
		const sluice_expr *e = t->v[i].expr;
		values[i] = e ? template_value(x, t, e) : t->v[i].text;
		if (!values[i].data && !template_is_body(t->kind))
			return x->arena->failed ? SLUICE_TEMPLATE_FAIL : SLUICE_TEMPLATE_MISSING;
		room += e ? value_room(t->kind, values[i]) : values[i].len;
	}
	if (t->n == 1 && (t->kind == TEMPLATE_FIELD || t->kind == TEMPLATE_TEXT)) {
		*out = values[0].data ? values[0] : STR("");
	} else {
		char *text = arena_alloc(x->arena, room);
		if (!text)
			return SLUICE_TEMPLATE_FAIL;
		*out = template_join(t, values, text);
	}
	/* a decoded value may contain any byte (RFC 9110 5.5) */
	if (template_is_body(t->kind) || str_is_field_value(*out))
		return SLUICE_TEMPLATE_OK;
	*out = STR_NONE;
	return SLUICE_TEMPLATE_MISSING;
}
