/* Response heads for the library. Any thread. */
#include "http2/write.h"

#define BIT(t) (UINT64_C(1) << (t))

/* What does not exist here, and what the codec says itself. */
static const uint64_t not_sent = BIT(TOKEN_CONNECTION) | BIT(TOKEN_KEEP_ALIVE) |
	BIT(TOKEN_PROXY_CONNECTION) | BIT(TOKEN_TRANSFER_ENCODING) | BIT(TOKEN_UPGRADE) |
	BIT(TOKEN_TE) | BIT(TOKEN_HTTP2_SETTINGS) | BIT(TOKEN_CONTENT_LENGTH) |
	BIT(TOKEN_SEC_WEBSOCKET_ACCEPT);

enum { DIGITS_MAX = 20, STATUS_DIGITS = 3 };

static bool field_is_sent(const struct field *f)
{
	return !(f->flags & FIELD_DROP) && !(not_sent >> f->token & 1);
}

static nghttp2_nv pair(sluice_str name, sluice_str value)
{
	return (nghttp2_nv){
		.name = (uint8_t *)(uintptr_t)name.data,
		.value = (uint8_t *)(uintptr_t)value.data,
		.namelen = name.len,
		.valuelen = value.len,
		.flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE,
	};
}

static char *put_lower(char *at, sluice_str s)
{
	for (size_t i = 0; i < s.len; i++)
		at[i] = ascii_lower(s.data[i]);
	return at + s.len;
}

/* Bytes that copying these fields takes. */
static size_t fields_size(const struct fields *f)
{
	size_t n = 0;
	for (uint32_t i = 0; i < f->n; i++) {
		if (field_is_sent(&f->v[i]))
			n += f->v[i].value_len +
				(f->v[i].token == TOKEN_OTHER ? f->v[i].name_len : 0u);
	}
	return n;
}

/* at: room of fields_size() bytes. Returns how many pairs. */
static size_t put_fields(nghttp2_nv *v, const struct fields *f, char *at)
{
	size_t n = 0;
	for (uint32_t i = 0; i < f->n; i++) {
		const struct field *e = &f->v[i];
		if (!field_is_sent(e))
			continue;
		sluice_str name = token_name((enum token)e->token), value = str_n(at, e->value_len);
		if (e->value_len)
			memcpy(at, e->value, e->value_len);
		at += e->value_len;
		if (e->token == TOKEN_OTHER) {
			name = str_n(at, e->name_len);
			at = put_lower(at, field_name(e));
		}
		v[n] = pair(name, value);
		/* never said again: it would only push others out of the table */
		if (e->token == TOKEN_X_REQUEST_ID)
			v[n].flags |= NGHTTP2_NV_FLAG_NO_INDEX;
		n++;
	}
	return n;
}

static sluice_str put_u64(char *at, uint64_t v)
{
	char digits[DIGITS_MAX], *p = digits + sizeof(digits);
	do {
		*--p = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	size_t n = (size_t)(digits + sizeof(digits) - p);
	memcpy(at, p, n);
	return str_n(at, n);
}

enum body_kind write_framing(const struct response_head *h, enum method m)
{
	if (!response_may_have_body(m, h->status))
		return BODY_NONE;
	return h->body == BODY_LENGTH || h->body == BODY_NONE ? BODY_LENGTH : BODY_CHUNKED;
}

/* Whether content-length is said, and what (RFC 9110 8.6): never in 1xx, 204 and 2xx to CONNECT. */
static bool length_is_said(const struct response_head *h, enum method m, uint64_t *length)
{
	*length = h->body_length;
	switch (write_framing(h, m)) {
	case BODY_LENGTH:
		if (h->body == BODY_NONE)
			*length = 0;
		return h->body == BODY_LENGTH || h->has_length; /* END_STREAM says it as well */
	case BODY_NONE: {
		bool may = h->status == 304 ||
			(m == METHOD_HEAD && h->status >= 200 && h->status != 204);
		return may && (h->has_length || h->body == BODY_LENGTH);
	}
	default:
		return false;
	}
}

int write_response(nghttp2_nv *v, size_t *n, const struct response_head *h, enum method m,
	struct arena *a)
{
	uint64_t length;
	char *at = arena_alloc(a, fields_size(&h->fields) + STATUS_DIGITS + DIGITS_MAX);
	if (!at)
		return ERR_NO_MEMORY;
	v[0] = pair(STR(":status"), put_u64(at, h->status));
	*n = 1;
	at += STATUS_DIGITS;
	if (length_is_said(h, m, &length)) {
		v[(*n)++] = pair(token_name(TOKEN_CONTENT_LENGTH), put_u64(at, length));
		at += DIGITS_MAX;
	}
	*n += put_fields(v + *n, &h->fields, at);
	return 0;
}

int write_trailers(nghttp2_nv *v, size_t *n, const struct fields *f, struct arena *a)
{
	char *at = arena_alloc(a, fields_size(f));
	if (!at)
		return ERR_NO_MEMORY;
	*n = put_fields(v, f, at);
	return 0;
}

size_t write_frame_size(const struct buf *out, size_t max)
{
	size_t n = 0;
	for (const struct block *b = out->first; b; b = b->next) {
		size_t have = b->end - b->off;
		if (n + have > max)
			return n > max / 2 ? n : max;
		n += have;
	}
	return n;
}
