/* See text.h. */
#include "text.h"

#include <stdio.h>
#include <time.h>

enum { NUMBER_MAX = 24, DATE_MAX = 32, ESCAPED_MAX = 6, PLACEHOLDER_MAX = 32 };

/* ---- placeholders -------------------------------------------------------------------------- */

typedef sluice_str (*value_fn)(sluice_exchange *x);

static sluice_str value_status(sluice_exchange *x)
{
	char *at = sluice_alloc(x, NUMBER_MAX);
	int n = at ? snprintf(at, NUMBER_MAX, "%d", sluice_response_status(x)) : 0;
	return sluice_str_n(at, (size_t)n);
}

static sluice_str value_title(sluice_exchange *x)
{
	return text_title(sluice_response_status(x));
}

/* An upstream's own error has no code. */
static sluice_str value_code(sluice_exchange *x)
{
	sluice_str code = sluice_get(x, SLUICE_I_REASON);
	return code.data ? code : SLUICE_STR("");
}

static sluice_str value_request_id(sluice_exchange *x)
{
	return sluice_get(x, SLUICE_I_REQUEST_ID);
}

static sluice_str value_host(sluice_exchange *x)
{
	return sluice_get(x, SLUICE_I_HOST);
}

static sluice_str value_path(sluice_exchange *x)
{
	return sluice_get(x, SLUICE_I_PATH);
}

static sluice_str value_method(sluice_exchange *x)
{
	return sluice_get(x, SLUICE_I_METHOD);
}

static sluice_str value_retry_after(sluice_exchange *x)
{
	sluice_str field = sluice_field(x, SLUICE_RESPONSE, SLUICE_STR("Retry-After"));
	return field.data ? field : SLUICE_STR("");
}

static sluice_str value_time(sluice_exchange *x)
{
	time_t now = (time_t)(sluice_unix_ms() / 1000);
	struct tm utc;
	char *at = sluice_alloc(x, DATE_MAX);
	size_t n = at && gmtime_r(&now, &utc) ? strftime(at, DATE_MAX, "%Y-%m-%dT%H:%M:%SZ", &utc)
					      : 0;
	return sluice_str_n(at, n);
}

static const struct placeholder {
	sluice_str name;
	value_fn value;
} placeholders[] = { { { "status", 6 }, value_status }, { { "title", 5 }, value_title },
	{ { "code", 4 }, value_code }, { { "request_id", 10 }, value_request_id },
	{ { "host", 4 }, value_host }, { { "path", 4 }, value_path },
	{ { "method", 6 }, value_method }, { { "retry_after", 11 }, value_retry_after },
	{ { "time", 4 }, value_time } };

static const struct placeholder *placeholder_find(sluice_str name)
{
	for (size_t i = 0; i < sizeof(placeholders) / sizeof(placeholders[0]); i++) {
		if (sluice_str_eq(name, placeholders[i].name))
			return &placeholders[i];
	}
	return NULL;
}

/* ---- compiling ----------------------------------------------------------------------------- */

/* Text, and what follows it. */
struct part {
	sluice_str text;
	const struct placeholder *then; /* NULL: nothing */
};

struct text {
	enum text_escape escape;
	size_t n;
	struct part v[];
};

/* Where the next placeholder begins in s, or s.len. Of three braces the first is text. */
static size_t next_open(sluice_str s)
{
	for (size_t i = 0; i + 1 < s.len; i++) {
		bool is_open = s.data[i] == '{' && s.data[i + 1] == '{';
		if (is_open && (i + 2 == s.len || s.data[i + 2] != '{'))
			return i;
	}
	return s.len;
}

/* Read the next part off *rest. False: it has a placeholder that does not exist. */
static bool part_read(sluice_instance *inst, const char *option, sluice_str *rest, struct part *out)
{
	size_t n = next_open(*rest);
	out->text = sluice_str_n(rest->data, n);
	out->then = NULL;
	*rest = sluice_str_skip(*rest, n);
	if (rest->len == 0)
		return true;
	*rest = sluice_str_skip(*rest, 2);
	sluice_str after = *rest, name = sluice_str_cut(&after, '}');
	bool is_closed = after.len && after.data[0] == '}';
	out->then = is_closed ? placeholder_find(sluice_str_trim(name)) : NULL;
	if (!out->then) {
		sluice_conf_error(inst, option, "has no such placeholder: {{%.*s%s",
			(int)(name.len < PLACEHOLDER_MAX ? name.len : PLACEHOLDER_MAX), name.data,
			is_closed ? "}}" : "");
		sluice_conf_hint(inst,
			"{{status}}, {{title}}, {{code}}, {{request_id}}, {{host}}, {{path}}, "
			"{{method}}, {{retry_after}}, {{time}}");
		return false;
	}
	*rest = sluice_str_skip(after, 1);
	return true;
}

const struct text *text_compile(sluice_instance *inst, const char *option, sluice_str text,
	enum text_escape escape)
{
	size_t n = 1;
	for (sluice_str s = text; (s = sluice_str_skip(s, next_open(s))).len;
		s = sluice_str_skip(s, 2))
		n++;
	struct text *t = sluice_conf_alloc(inst, sizeof(*t) + n * sizeof(t->v[0]));
	t->escape = escape;
	while (text.len) {
		if (!part_read(inst, option, &text, &t->v[t->n]))
			return NULL;
		t->n++;
	}
	return t;
}

/* ---- escaping ------------------------------------------------------------------------------ */

enum text_escape text_escape_of(sluice_str media)
{
	sluice_str json = SLUICE_STR("json");
	if (sluice_str_ieq(media, SLUICE_STR("text/plain")))
		return ESCAPE_NONE;
	return media.len > json.len &&
			sluice_str_ieq(sluice_str_skip(media, media.len - json.len), json)
		? ESCAPE_JSON
		: ESCAPE_MARKUP;
}

static char *put_hex(char *at, const char *before, unsigned char c)
{
	return sluice_hex_put(sluice_str_put(at, sluice_str_of(before)), c);
}

static char *put_markup(char *at, char c)
{
	switch (c) {
	case '&':
		return sluice_str_put(at, SLUICE_STR("&amp;"));
	case '<':
		return sluice_str_put(at, SLUICE_STR("&lt;"));
	case '>':
		return sluice_str_put(at, SLUICE_STR("&gt;"));
	case '"':
		return sluice_str_put(at, SLUICE_STR("&#34;"));
	case '\'':
		return sluice_str_put(at, SLUICE_STR("&#39;"));
	default:
		*at = c;
		return at + 1;
	}
}

static char *put_json(char *at, char c)
{
	/* < and > too, so that a document may stand in a script */
	if (c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' || (unsigned char)c < 0x20)
		return put_hex(at, "\\u00", (unsigned char)c);
	*at = c;
	return at + 1;
}

/* What is no visible character: a value has none, or it stands in no page. */
static char visible(char c)
{
	unsigned char u = (unsigned char)c;
	return u < ' ' || u >= 0x7f ? '?' : c;
}

char *text_put(char *at, sluice_str value, enum text_escape escape)
{
	for (size_t i = 0; i < value.len; i++) {
		char c = visible(value.data[i]);
		if (escape == ESCAPE_NONE)
			*at++ = c;
		else
			at = escape == ESCAPE_JSON ? put_json(at, c) : put_markup(at, c);
	}
	return at;
}

size_t text_escaped(sluice_str value, enum text_escape escape)
{
	char c[ESCAPED_MAX];
	size_t n = 0;
	for (size_t i = 0; i < value.len; i++)
		n += (size_t)(text_put(c, sluice_str_n(value.data + i, 1), escape) - c);
	return n;
}

/* ---- writing ------------------------------------------------------------------------------- */

static bool value_write(sluice_exchange *x, sluice_str value, enum text_escape escape)
{
	size_t n = text_escaped(value, escape);
	if (n == 0)
		return true;
	char *at = sluice_alloc(x, n);
	if (!at)
		return false;
	(void)text_put(at, value, escape);
	/* the page is bounded: it is written whole, whether there is room or not */
	(void)sluice_body_write(x, sluice_str_n(at, n));
	return true;
}

bool text_write(sluice_exchange *x, const struct text *t)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct part *p = &t->v[i];
		if (p->text.len)
			(void)sluice_body_write(x, p->text);
		if (p->then && !value_write(x, p->then->value(x), t->escape))
			return false;
	}
	return true;
}

/* ---- titles -------------------------------------------------------------------------------- */

sluice_str text_title(int status)
{
	static const struct {
		int status;
		const char *title;
	} titles[] = { { 400, "Bad Request" }, { 401, "Unauthorized" }, { 402, "Payment Required" },
		{ 403, "Forbidden" }, { 404, "Not Found" }, { 405, "Method Not Allowed" },
		{ 406, "Not Acceptable" }, { 407, "Proxy Authentication Required" },
		{ 408, "Request Timeout" }, { 409, "Conflict" }, { 410, "Gone" },
		{ 411, "Length Required" }, { 412, "Precondition Failed" },
		{ 413, "Content Too Large" }, { 414, "URI Too Long" },
		{ 415, "Unsupported Media Type" }, { 416, "Range Not Satisfiable" },
		{ 417, "Expectation Failed" }, { 421, "Misdirected Request" },
		{ 422, "Unprocessable Content" }, { 423, "Locked" }, { 424, "Failed Dependency" },
		{ 425, "Too Early" }, { 426, "Upgrade Required" }, { 428, "Precondition Required" },
		{ 429, "Too Many Requests" }, { 431, "Request Header Fields Too Large" },
		{ 451, "Unavailable For Legal Reasons" }, { 500, "Internal Server Error" },
		{ 501, "Not Implemented" }, { 502, "Bad Gateway" }, { 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" }, { 505, "HTTP Version Not Supported" },
		{ 507, "Insufficient Storage" }, { 508, "Loop Detected" },
		{ 511, "Network Authentication Required" } };
	for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++) {
		if (titles[i].status == status)
			return sluice_str_of(titles[i].title);
	}
	return status < 500 ? SLUICE_STR("Request Refused") : SLUICE_STR("Server Error");
}
