/* Heads towards upstream servers and back. See the header. Any thread. */
#include "http2/client_head.h"

#include <stdio.h>

#include "http/scan.h"
#include "http/upgrade.h"

#define BIT(t) (UINT64_C(1) << (t))

/* What does not exist in HTTP/2 (RFC 9113 8.2.2), and what is written from the head itself. */
static const uint64_t not_sent = BIT(TOKEN_CONNECTION) | BIT(TOKEN_KEEP_ALIVE) |
	BIT(TOKEN_PROXY_CONNECTION) | BIT(TOKEN_TRANSFER_ENCODING) | BIT(TOKEN_UPGRADE) |
	BIT(TOKEN_HTTP2_SETTINGS) | BIT(TOKEN_TE) | BIT(TOKEN_CONTENT_LENGTH) | BIT(TOKEN_HOST);

/* Never in the table of the compression, which all clients share that come by this connection:
 * secrets, whose guesses would show by their length (RFC 7541 7.1), and what differs from one
 * request to the next. */
static const uint64_t not_indexed = BIT(TOKEN_AUTHORIZATION) | BIT(TOKEN_COOKIE) |
	BIT(TOKEN_X_REQUEST_ID) | BIT(TOKEN_X_FORWARDED_FOR) | BIT(TOKEN_FORWARDED) |
	BIT(TOKEN_TRACEPARENT);

enum {
	PAIRS_OWN = 7, /* pseudo-fields, te, content-length */
	DIGITS_MAX = 20,
	STATUS_DIGITS = 3,
};

/* ---- requests ------------------------------------------------------------------------------ */

static nghttp2_nv pair(sluice_str name, sluice_str value)
{
	return (nghttp2_nv){
		.name = (uint8_t *)(uintptr_t)name.data,
		.value = (uint8_t *)(uintptr_t)value.data,
		.namelen = name.len,
		.valuelen = value.len,
	};
}

static bool field_is_sent(const struct field *f)
{
	return !(f->flags & FIELD_DROP) && !(not_sent >> f->token & 1);
}

/* but: bits of tokens that are left out as well. */
static size_t put_fields(nghttp2_nv *v, const struct fields *f, uint64_t but)
{
	size_t n = 0;
	for (uint32_t i = 0; i < f->n; i++) {
		const struct field *e = &f->v[i];
		if (!field_is_sent(e) || (but >> e->token & 1))
			continue;
		v[n] = pair(field_name(e), field_value(e));
		if (not_indexed >> e->token & 1)
			v[n].flags = NGHTTP2_NV_FLAG_NO_INDEX;
		n++;
	}
	return n;
}

/* They still stand side by side in the target, unless the path was normalised or changed. */
static sluice_str path_and_query(const struct request_head *h, struct arena *a)
{
	sluice_str path = unlikely(h->sent_path.len) ? h->sent_path : h->path;
	const char *end = path.data + path.len;
	if (!h->has_query)
		return path;
	if (h->query.data == end + 1 && *end == '?')
		return str_n(path.data, path.len + 1 + h->query.len);
	char *at = arena_alloc(a, path.len + 1 + h->query.len);
	if (!at)
		return STR_NONE;
	memcpy(at, path.data, path.len);
	at[path.len] = '?';
	if (h->query.len)
		memcpy(at + path.len + 1, h->query.data, h->query.len);
	return str_n(at, path.len + 1 + h->query.len);
}

static sluice_str digits(uint64_t v, struct arena *a)
{
	char *end = arena_alloc(a, DIGITS_MAX), *at = end ? end + DIGITS_MAX : NULL;
	if (!end)
		return STR_NONE;
	end = at;
	do {
		*--at = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	return str_n(at, (size_t)(end - at));
}

static bool length_is_said(const struct request_head *h)
{
	if (h->body == BODY_LENGTH)
		return true;
	/* RFC 9110 8.6: these have a meaning for a body, so its absence is said */
	return h->body == BODY_NONE &&
		(h->method == METHOD_POST || h->method == METHOD_PUT || h->method == METHOD_PATCH);
}

int request_pairs(nghttp2_nv **out, size_t *n, const struct request_head *h, bool https,
	struct arena *a)
{
	nghttp2_nv *v = arena_alloc(a, ((size_t)h->fields.n + PAIRS_OWN) * sizeof(*v));
	sluice_str path = path_and_query(h, a);
	if (!v || !path.len)
		return ERR_NO_MEMORY;
	*out = v;
	*v++ = pair(STR(":method"), h->upgrade ? method_name(METHOD_CONNECT) : h->method_text);
	if (h->upgrade)
		*v++ = pair(STR(":protocol"), upgrade_protocol(&h->fields));
	*v++ = pair(STR(":scheme"), https ? STR("https") : STR("http"));
	if (h->authority.len)
		*v++ = pair(STR(":authority"), h->authority);
	*v++ = pair(STR(":path"), path);
	/* RFC 8441 5 */
	v += put_fields(v, &h->fields, h->upgrade ? BIT(TOKEN_SEC_WEBSOCKET_KEY) : 0);
	if (h->te_trailers)
		*v++ = pair(STR("te"), STR("trailers"));
	if (length_is_said(h)) {
		sluice_str length = h->body == BODY_LENGTH ? digits(h->body_length, a) : STR("0");
		if (!length.len)
			return ERR_NO_MEMORY;
		*v++ = pair(STR("content-length"), length);
	}
	*n = (size_t)(v - *out);
	return 0;
}

int request_trailer_pairs(nghttp2_nv **out, size_t *n, const struct fields *f, struct arena *a)
{
	nghttp2_nv *v = arena_alloc(a, (size_t)f->n * sizeof(*v));
	if (!v)
		return ERR_NO_MEMORY;
	*out = v;
	*n = put_fields(v, f, 0);
	for (size_t i = 0; i < *n; i++) {
		sluice_str name = arena_str(a, str_n((const char *)v[i].name, v[i].namelen));
		sluice_str value = arena_str(a, str_n((const char *)v[i].value, v[i].valuelen));
		if (!name.data || !value.data)
			return ERR_NO_MEMORY;
		v[i].name = (uint8_t *)(uintptr_t)name.data;
		v[i].value = (uint8_t *)(uintptr_t)value.data;
	}
	return 0;
}

/* ---- responses ----------------------------------------------------------------------------- */

static void builder_begin(struct response_builder *r, struct fields *f, struct arena *a,
	const struct head_limits *limits, bool lenient)
{
	r->has_status = false;
	r->lenient = lenient;
	r->fault[0] = 0;
	head_begin_trailers(&r->b, f, a, limits);
	r->b.accept = lenient ? HEAD_BLANKS | HEAD_CONTROLS : HEAD_BLANKS;
}

void response_begin(struct response_builder *r, struct response_head *h, struct arena *a,
	const struct head_limits *limits, bool lenient)
{
	*h = (struct response_head){ .version = 20, .keep_alive = true };
	r->h = h;
	builder_begin(r, &h->fields, a, limits, lenient);
}

void response_begin_trailers(struct response_builder *r, struct fields *f, struct arena *a,
	const struct head_limits *limits, bool lenient)
{
	r->h = NULL;
	builder_begin(r, f, a, limits, lenient);
}

/* Why the field that was just looked at is refused. Field values may be secrets: only what they
 * must not contain is told. */
static void response_explain(struct response_builder *r, sluice_str name, sluice_str value)
{
	const char *end = name.data + name.len,
		   *bad = name.len ? scan_while_scalar(name.data, end, SCAN_TOKEN) : end;
	int shown = (int)(name.len < 48 ? name.len : 48);
	size_t n = sizeof(r->fault);

	if (r->b.err == ERR_HEAD_TOO_LARGE)
		(void)snprintf(r->fault, n, "more than %u bytes (max_head)",
			(unsigned)r->b.limits->max_head);
	else if (r->b.err == ERR_TOO_MANY_FIELDS)
		(void)snprintf(r->fault, n, "more than %u fields (max_fields)",
			(unsigned)r->b.limits->max_fields);
	else if (name.len == 0)
		(void)snprintf(r->fault, n, "a field without a name");
	else if (name.data[0] == ':' && str_is_token(str_n(name.data + 1, name.len - 1)))
		(void)snprintf(r->fault, n, "the pseudo-field %.*s, here or with this value", shown,
			name.data);
	else if (bad != end)
		(void)snprintf(r->fault, n, "byte 0x%02x in the name of a field",
			(unsigned char)*bad);
	else if ((bad = scan_value(value.data, value.data + value.len)) != value.data + value.len)
		(void)snprintf(r->fault, n, "field %.*s: byte 0x%02x at %zu%s", shown, name.data,
			(unsigned char)*bad, (size_t)(bad - value.data) + 1,
			*bad && *bad != '\r' && *bad != '\n' ? " (`parsing: lenient` takes it)"
							     : "");
	else
		(void)snprintf(r->fault, n,
			"field %.*s: upper case, or of HTTP/1.1 connections alone", shown,
			name.data);
}

const char *response_fault(const struct response_builder *r, int err)
{
	if (r->fault[0])
		return r->fault;
	if (err == ERR_UPSTREAM_BAD_FRAMING)
		return "Content-Length is no number, or differs from what was sent";
	return r->h && !r->has_status ? "there is no :status" : "";
}

/* RFC 9113 8.3.2: :status, once, before everything else. The first digit is a class that there is
 * (RFC 9110 15). */
static bool status_parse(const struct response_builder *r, sluice_str value, uint16_t *status)
{
	unsigned s = 0;
	if (r->has_status || r->b.n_fields || r->b.n_cookies || value.len != STATUS_DIGITS)
		return false;
	for (size_t i = 0; i < STATUS_DIGITS; i++) {
		if (value.data[i] < '0' || value.data[i] > '9')
			return false;
		s = s * 10 + (unsigned)(value.data[i] - '0');
	}
	*status = (uint16_t)s;
	return s >= 100 && (s <= 599 || r->lenient);
}

void response_field(struct response_builder *r, sluice_str name, sluice_str value)
{
	if (unlikely(r->b.err))
		return;
	if (!r->h || !str_eq(name, STR(":status"))) {
		head_field(&r->b, name, value);
	} else {
		if (!status_parse(r, value, &r->h->status))
			r->b.err = ERR_UPSTREAM_BAD_HEAD;
		r->has_status = true;
	}
	if (unlikely(r->b.err))
		response_explain(r, name, value);
}

static int response_error(int err)
{
	switch (err) {
	case 0:
	case ERR_NO_MEMORY:
		return err;
	case ERR_HEAD_TOO_LARGE:
	case ERR_TOO_MANY_FIELDS:
		return ERR_UPSTREAM_HEAD_TOO_LARGE;
	case ERR_BAD_FRAMING:
		return ERR_UPSTREAM_BAD_FRAMING;
	default:
		return ERR_UPSTREAM_BAD_HEAD;
	}
}

/* Content-Length: one value, digits alone, as in HTTP/1.1. */
static int response_length(const struct response_builder *r, bool *said)
{
	*said = r->b.once >> TOKEN_CONTENT_LENGTH & 1;
	if (!*said)
		return 0;
	const struct field *f = fields_find(&r->h->fields, TOKEN_CONTENT_LENGTH);
	if (unlikely((r->b.twice >> TOKEN_CONTENT_LENGTH & 1) ||
		    (f->value_len && memchr(f->value, ',', f->value_len)))) {
		f = fields_join_lengths(&r->h->fields);
		if (!f)
			return ERR_UPSTREAM_BAD_FRAMING;
	}
	sluice_str v = field_value(f);
	bool good = v.len <= DIGITS_MAX - 1 && str_u64(v, &r->h->body_length) &&
		r->h->body_length <= INT64_MAX;
	return good ? 0 : ERR_UPSTREAM_BAD_FRAMING;
}

/* How the body ends: by its length, by END_STREAM, or there is none (RFC 9113 8.1.1). */
static int response_framing(struct response_builder *r, enum method m, bool end)
{
	struct response_head *h = r->h;
	bool said;
	int err = response_length(r, &said);
	if (err)
		return err;
	if (!response_may_have_body(m, h->status)) {
		h->body = BODY_NONE;
		h->has_length = said;
		return 0;
	}
	if (end && said && h->body_length)
		return ERR_UPSTREAM_BAD_FRAMING;
	/* what was not said is not added: gRPC would take a length for metadata */
	h->body = said ? BODY_LENGTH : end ? BODY_NONE : BODY_CHUNKED;
	return 0;
}

int response_end(struct response_builder *r, enum method m, bool end)
{
	if (r->b.err)
		return response_error(r->b.err);
	/* 101 does not exist (RFC 9113 8.6), and an interim response is never the end (8.1) */
	if (!r->has_status || r->h->status == 101 || (r->h->status < 200 && end))
		return ERR_UPSTREAM_BAD_HEAD;
	return response_framing(r, m, end);
}

int response_to_connect(struct response_head *h, const struct request_head *asked, struct arena *a)
{
	sluice_str key = upgrade_key(&asked->fields), protocol = upgrade_protocol(&asked->fields);
	if (h->status >= 300)
		return 0;
	h->status = 101;
	(void)fields_drop(&h->fields, token_name(TOKEN_SEC_WEBSOCKET_ACCEPT));
	int err = fields_add(&h->fields, a, STR("Upgrade"), protocol);
	if (err || !key.len || !upgrade_is_websocket(protocol))
		return err;
	char *accept = arena_alloc(a, UPGRADE_ACCEPT_LEN);
	if (!accept)
		return ERR_NO_MEMORY;
	upgrade_make_accept(key, accept);
	return fields_add(&h->fields, a, STR("Sec-WebSocket-Accept"),
		str_n(accept, UPGRADE_ACCEPT_LEN));
}

int response_end_trailers(struct response_builder *r, bool metadata)
{
	return response_error(metadata ? r->b.err : head_end_trailers(&r->b));
}
