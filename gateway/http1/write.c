/* HTTP/1 heads to bytes. Any thread. */
#include "http1/write.h"

#define BIT(t) (UINT64_C(1) << (t))

/* Fields that the writer itself writes, where they apply. */
static const uint64_t response_own = BIT(TOKEN_CONNECTION) | BIT(TOKEN_KEEP_ALIVE) |
	BIT(TOKEN_CONTENT_LENGTH) | BIT(TOKEN_TRANSFER_ENCODING) | BIT(TOKEN_UPGRADE);
static const uint64_t request_own = BIT(TOKEN_CONNECTION) | BIT(TOKEN_KEEP_ALIVE) |
	BIT(TOKEN_CONTENT_LENGTH) | BIT(TOKEN_TRANSFER_ENCODING) | BIT(TOKEN_UPGRADE) |
	BIT(TOKEN_HOST) | BIT(TOKEN_TE);

/* Room for the start line's fixed parts, framing, TE, Connection and the empty line. */
enum { FIXED_MAX = 256, DIGITS_MAX = 20 };

/* ---- pieces -------------------------------------------------------------------------------- */

static inline char *put(char *at, const char *p, size_t n)
{
	return (char *)memcpy(at, p, n) + n;
}

static inline char *put_str(char *at, sluice_str s)
{
	return s.len ? put(at, s.data, s.len) : at;
}

#define put_text(at, literal) put((at), (literal), sizeof(literal) - 1)

static char *put_u64(char *at, uint64_t v)
{
	char buf[DIGITS_MAX], *p = buf + sizeof(buf);
	do {
		*--p = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	return put(at, p, (size_t)(buf + sizeof(buf) - p));
}

static char *put_length(char *at, uint64_t n)
{
	at = put_text(at, "Content-Length: ");
	at = put_u64(at, n);
	return put_text(at, "\r\n");
}

static char *put_field(char *at, const struct field *f)
{
	at = put(at, f->name, f->name_len);
	at = put_text(at, ": ");
	at = put_str(at, field_value(f));
	return put_text(at, "\r\n");
}

/* Write all fields that are not dropped and whose token is not in `own`. Fields whose lines still
 * lie one behind the other are copied together. */
static char *put_fields(char *at, const struct fields *f, uint64_t own)
{
	const char *run = NULL, *run_end = NULL;
	for (uint32_t i = 0; i < f->n; i++) {
		const struct field *v = &f->v[i];
		if ((v->flags & FIELD_DROP) || (own >> v->token & 1))
			continue;
		if (v->flags & FIELD_LINE) {
			if (v->name != run_end) {
				if (run)
					at = put(at, run, (size_t)(run_end - run));
				run = v->name;
			}
			run_end = v->value + v->value_len + 2;
			continue;
		}
		if (run)
			at = put(at, run, (size_t)(run_end - run));
		run = run_end = NULL;
		at = put_field(at, v);
	}
	return run ? put(at, run, (size_t)(run_end - run)) : at;
}

/* Fields of one name, dropped or not. */
static char *put_fields_of(char *at, const struct fields *f, enum token t)
{
	for (uint32_t i = 0; i < f->n; i++) {
		if (f->v[i].token == t)
			at = put_field(at, &f->v[i]);
	}
	return at;
}

size_t http1_fields_size(const struct fields *f)
{
	size_t n = 0;
	for (uint32_t i = 0; i < f->n; i++)
		n += (size_t)f->v[i].name_len + f->v[i].value_len + 4;
	return n;
}

char *http1_write_fields(char *at, const struct fields *f)
{
	return put_fields(at, f, 0);
}

/* ---- requests ------------------------------------------------------------------------------ */

size_t http1_request_head_size(const struct request_head *h)
{
	return FIXED_MAX + h->method_text.len + h->path.len + h->sent_path.len + h->query.len +
		2 * h->authority.len + http1_fields_size(&h->fields);
}

static char *put_target(char *at, const struct request_head *h)
{
	if (h->form == TARGET_AUTHORITY)
		return put_str(at, h->authority);
	at = put_str(at, unlikely(h->sent_path.len) ? h->sent_path : h->path);
	if (h->has_query) {
		*at++ = '?';
		at = put_str(at, h->query);
	}
	return at;
}

static char *put_request_framing(char *at, const struct request_head *h)
{
	switch (h->body) {
	case BODY_LENGTH:
		return put_length(at, h->body_length);
	case BODY_NONE:
		if (h->method == METHOD_POST || h->method == METHOD_PUT ||
			h->method == METHOD_PATCH)
			return put_length(at, 0);
		return at;
	default:
		return put_text(at, "Transfer-Encoding: chunked\r\n");
	}
}

/* Write TE, Upgrade, and Connection with the names that it has to list. */
static char *put_request_connection(char *at, const struct request_head *h, bool keep_alive)
{
	if (h->te_trailers)
		at = put_text(at, "TE: trailers\r\n");
	if (h->upgrade)
		at = put_fields_of(at, &h->fields, TOKEN_UPGRADE);
	at = put_text(at, "Connection: ");
	if (h->te_trailers)
		at = put_text(at, "TE, ");
	if (h->upgrade)
		at = put_text(at, "upgrade, ");
	if (!keep_alive)
		at = put_text(at, "close, ");
	return put_text(at - 2, "\r\n");
}

char *http1_write_request_head(char *at, const struct request_head *h, bool keep_alive)
{
	at = put_str(at, h->method_text);
	*at++ = ' ';
	at = put_target(at, h);
	at = put_text(at, " HTTP/1.1\r\nHost: ");
	at = put_str(at, h->authority);
	at = put_text(at, "\r\n");
	at = put_fields(at, &h->fields, request_own);
	at = put_request_framing(at, h);
	if (unlikely(!keep_alive || h->te_trailers || h->upgrade))
		at = put_request_connection(at, h, keep_alive);
	return put_text(at, "\r\n");
}

/* ---- responses ----------------------------------------------------------------------------- */

enum body_kind http1_response_framing(const struct response_head *h, enum method m,
	unsigned client_version)
{
	if (!response_may_have_body(m, h->status))
		return BODY_NONE;
	if (h->body == BODY_LENGTH || h->body == BODY_NONE)
		return BODY_LENGTH;
	return client_version >= 11 ? BODY_CHUNKED : BODY_CLOSE;
}

size_t http1_response_head_size(const struct response_head *h)
{
	return FIXED_MAX + h->reason.len + http1_fields_size(&h->fields);
}

static char *put_status_line(char *at, const struct response_head *h)
{
	unsigned s = h->status;
	sluice_str reason = h->reason.len ? h->reason : http1_reason(h->status);
	at = put_text(at, "HTTP/1.1 ");
	*at++ = (char)('0' + s / 100 % 10);
	*at++ = (char)('0' + s / 10 % 10);
	*at++ = (char)('0' + s % 10);
	*at++ = ' ';
	at = put_str(at, reason);
	return put_text(at, "\r\n");
}

static char *put_response_framing(char *at, const struct response_head *h, enum method m,
	enum body_kind framing)
{
	switch (framing) {
	case BODY_LENGTH:
		return put_length(at, h->body == BODY_LENGTH ? h->body_length : 0);
	case BODY_CHUNKED:
		return put_text(at, "Transfer-Encoding: chunked\r\n");
	case BODY_CLOSE:
		return at;
	case BODY_NONE:
		break;
	}
	/* RFC 9110 8.6: the length that would have been, but never in 1xx, 204 and 2xx to
	 * CONNECT */
	bool may_say = h->status == 304 ||
		(m == METHOD_HEAD && h->status >= 200 && h->status != 204);
	if (may_say && (h->has_length || h->body == BODY_LENGTH))
		return put_length(at, h->body_length);
	return at;
}

char *http1_write_response_head(char *at, const struct response_head *h, enum method m,
	unsigned client_version, bool keep_alive)
{
	at = put_status_line(at, h);
	at = put_fields(at, &h->fields, response_own);
	if (unlikely(h->status < 200)) {
		if (h->status == 101) {
			at = put_fields_of(at, &h->fields, TOKEN_UPGRADE);
			at = put_text(at, "Connection: upgrade\r\n");
		}
		return put_text(at, "\r\n");
	}
	enum body_kind framing = http1_response_framing(h, m, client_version);
	at = put_response_framing(at, h, m, framing);
	if (!keep_alive || framing == BODY_CLOSE)
		at = put_text(at, "Connection: close\r\n");
	else if (client_version < 11)
		at = put_text(at, "Connection: keep-alive\r\n");
	return put_text(at, "\r\n");
}

/* ---- reason phrases ------------------------------------------------------------------------ */

#define R(status, text) [(status) % 100] = { text, sizeof(text) - 1 }
static const sluice_str reasons_1xx[] = {
	R(100, "Continue"),
	R(101, "Switching Protocols"),
	R(103, "Early Hints"),
};
static const sluice_str reasons_2xx[] = {
	R(200, "OK"),
	R(201, "Created"),
	R(202, "Accepted"),
	R(203, "Non-Authoritative Information"),
	R(204, "No Content"),
	R(205, "Reset Content"),
	R(206, "Partial Content"),
};
static const sluice_str reasons_3xx[] = {
	R(300, "Multiple Choices"),
	R(301, "Moved Permanently"),
	R(302, "Found"),
	R(303, "See Other"),
	R(304, "Not Modified"),
	R(305, "Use Proxy"),
	R(307, "Temporary Redirect"),
	R(308, "Permanent Redirect"),
};
static const sluice_str reasons_4xx[] = {
	R(400, "Bad Request"),
	R(401, "Unauthorized"),
	R(402, "Payment Required"),
	R(403, "Forbidden"),
	R(404, "Not Found"),
	R(405, "Method Not Allowed"),
	R(406, "Not Acceptable"),
	R(407, "Proxy Authentication Required"),
	R(408, "Request Timeout"),
	R(409, "Conflict"),
	R(410, "Gone"),
	R(411, "Length Required"),
	R(412, "Precondition Failed"),
	R(413, "Content Too Large"),
	R(414, "URI Too Long"),
	R(415, "Unsupported Media Type"),
	R(416, "Range Not Satisfiable"),
	R(417, "Expectation Failed"),
	R(421, "Misdirected Request"),
	R(422, "Unprocessable Content"),
	R(425, "Too Early"),
	R(426, "Upgrade Required"),
	R(428, "Precondition Required"),
	R(429, "Too Many Requests"),
	R(431, "Request Header Fields Too Large"),
	R(451, "Unavailable For Legal Reasons"),
};
static const sluice_str reasons_5xx[] = {
	R(500, "Internal Server Error"),
	R(501, "Not Implemented"),
	R(502, "Bad Gateway"),
	R(503, "Service Unavailable"),
	R(504, "Gateway Timeout"),
	R(505, "HTTP Version Not Supported"),
	R(507, "Insufficient Storage"),
	R(508, "Loop Detected"),
	R(511, "Network Authentication Required"),
};
#undef R

#define CLASS(a)                                \
	{                                       \
		(a), sizeof(a) / sizeof((a)[0]) \
	}
static const sluice_strs reasons[] = { CLASS(reasons_1xx), CLASS(reasons_2xx), CLASS(reasons_3xx),
	CLASS(reasons_4xx), CLASS(reasons_5xx) };
#undef CLASS

sluice_str http1_reason(int status)
{
	if (status < 100 || status > 599)
		return STR_NONE;
	const sluice_strs *class = &reasons[status / 100 - 1];
	size_t i = (size_t)status % 100;
	return i < class->n ? class->v[i] : STR_NONE;
}
