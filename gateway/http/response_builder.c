/* Heads from upstream servers. See the header. Any thread. */
#include "http/response_builder.h"

#include <stdio.h>

#include "http/scan.h"
#include "http/upgrade.h"

enum { DIGITS_MAX = 20, STATUS_DIGITS = 3 };

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
	*h = (struct response_head){ .keep_alive = true };
	r->h = h;
	builder_begin(r, &h->fields, a, limits, lenient);
}

void response_begin_trailers(struct response_builder *r, struct fields *f, struct arena *a,
	const struct head_limits *limits, bool lenient)
{
	r->h = NULL;
	builder_begin(r, f, a, limits, lenient);
}

/* Write why the last field is refused. Values may be secret, so only the forbidden byte is
 * shown. */
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
		(void)snprintf(r->fault, n,
			"the pseudo-field %.*s is unknown, out of place or "
			"has a bad value",
			shown, name.data);
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
			"field %.*s: upper case, or only for HTTP/1.1 connections", shown,
			name.data);
}

const char *response_fault(const struct response_builder *r, int err)
{
	if (r->fault[0])
		return r->fault;
	if (err == ERR_UPSTREAM_BAD_FRAMING)
		return "Content-Length is not a number, or differs from the length of the body";
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
	/* no length is added here, since gRPC would take it for metadata */
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
