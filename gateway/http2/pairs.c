/* Heads and trailers as pairs for the library. See the header. Any thread. */
#include "http2/pairs.h"

#include "http/upgrade.h"

#define BIT TOKEN_BIT

/* What does not exist in HTTP/2 (RFC 9113 8.2.2), and what is written from the head itself. */
#define LEFT_OUT                                                                       \
	(BIT(TOKEN_CONNECTION) | BIT(TOKEN_KEEP_ALIVE) | BIT(TOKEN_PROXY_CONNECTION) | \
		BIT(TOKEN_TRANSFER_ENCODING) | BIT(TOKEN_UPGRADE) | BIT(TOKEN_TE) |    \
		BIT(TOKEN_HTTP2_SETTINGS) | BIT(TOKEN_CONTENT_LENGTH))

/* How the fields of one direction are written. */
struct rule {
	uint64_t left_out;    /* bits of tokens */
	uint64_t not_indexed; /* bits of tokens that do not enter the table of the compression */
	bool copied;          /* the text is copied into the arena */
	/* the text stays until the frame is sent, so that the library need not copy it */
	bool kept;
};

/* All clients share the connection to an upstream server, and the table of its compression. These
 * fields never enter it: secrets, because an attacker could check guesses by the compressed length
 * (RFC 7541 7.1), and values that differ from one request to the next. */
#define REQUEST_NOT_INDEXED                                                       \
	(BIT(TOKEN_AUTHORIZATION) | BIT(TOKEN_COOKIE) | BIT(TOKEN_X_REQUEST_ID) | \
		BIT(TOKEN_X_FORWARDED_FOR) | BIT(TOKEN_FORWARDED) | BIT(TOKEN_TRACEPARENT))

static const struct rule request_rule = { .left_out = LEFT_OUT | BIT(TOKEN_HOST),
	.not_indexed = REQUEST_NOT_INDEXED };
/* RFC 8441 5: an extended CONNECT has no key */
static const struct rule connect_rule = { .left_out = LEFT_OUT | BIT(TOKEN_HOST) |
		BIT(TOKEN_SEC_WEBSOCKET_KEY),
	.not_indexed = REQUEST_NOT_INDEXED };
static const struct rule request_trailer_rule = { .left_out = LEFT_OUT | BIT(TOKEN_HOST),
	.not_indexed = REQUEST_NOT_INDEXED,
	.copied = true };
/* A request id is never repeated, and would only push others out of the table. */
static const struct rule response_rule = { .left_out = LEFT_OUT | BIT(TOKEN_SEC_WEBSOCKET_ACCEPT),
	.not_indexed = BIT(TOKEN_X_REQUEST_ID),
	.copied = true,
	.kept = true };

enum {
	REQUEST_OWN = 7, /* pseudo-fields, te, content-length */
	RESPONSE_OWN = 2,
	DIGITS_MAX = 20,
	STATUS_DIGITS = 3,
};

/* ---- one pair ------------------------------------------------------------------------------ */

/* name: constant, in lower case */
static void put(struct pairs *p, sluice_str name, sluice_str value, uint8_t flags)
{
	p->v[p->n++] = (nghttp2_nv){
		.name = (uint8_t *)(uintptr_t)name.data,
		.value = (uint8_t *)(uintptr_t)value.data,
		.namelen = name.len,
		.valuelen = value.len,
		.flags = (uint8_t)(NGHTTP2_NV_FLAG_NO_COPY_NAME | flags),
	};
}

/* at: room of DIGITS_MAX bytes */
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

/* at: room of STATUS_DIGITS bytes */
static sluice_str put_status(char *at, unsigned status)
{
	at[0] = (char)('0' + status / 100);
	at[1] = (char)('0' + status / 10 % 10);
	at[2] = (char)('0' + status % 10);
	return str_n(at, STATUS_DIGITS);
}

static char *put_text(char *at, sluice_str s)
{
	if (s.len)
		memcpy(at, s.data, s.len);
	return at + s.len;
}

static char *put_lower(char *at, sluice_str s)
{
	for (size_t i = 0; i < s.len; i++)
		at[i] = ascii_lower(s.data[i]);
	return at + s.len;
}

static bool pairs_have_room(struct pairs *p, size_t n, struct arena *a)
{
	if (n > p->room) {
		p->v = arena_alloc(a, n * sizeof(*p->v));
		p->room = p->v ? n : 0;
	}
	p->n = 0;
	return n == 0 || p->v;
}

/* ---- fields -------------------------------------------------------------------------------- */

static bool field_is_sent(const struct field *f, const struct rule *rule)
{
	return !(f->flags & FIELD_DROP) && !(rule->left_out >> f->token & 1);
}

/* Bytes for a copy of the text. */
static size_t fields_size(const struct fields *f, const struct rule *rule)
{
	size_t n = 0;
	if (!rule->copied)
		return 0;
	for (uint32_t i = 0; i < f->n; i++) {
		if (field_is_sent(&f->v[i], rule))
			n += f->v[i].value_len +
				(f->v[i].token == TOKEN_OTHER ? f->v[i].name_len : 0u);
	}
	return n;
}

/* at: room of fields_size() bytes. Made for each rule, which is a constant. */
static inline __attribute__((always_inline)) void put_fields(struct pairs *p,
	const struct fields *f, const struct rule *rule, char *at)
{
	const uint8_t kept = rule->kept ? NGHTTP2_NV_FLAG_NO_COPY_VALUE : 0;
	for (uint32_t i = 0; i < f->n; i++) {
		const struct field *e = &f->v[i];
		if (!field_is_sent(e, rule))
			continue;
		bool known = e->token != TOKEN_OTHER;
		sluice_str name = known ? token_name((enum token)e->token) : field_name(e);
		sluice_str value = field_value(e);
		if (rule->copied) {
			value.data = at;
			at = put_text(at, field_value(e));
		}
		if (rule->copied && !known) {
			name.data = at;
			at = put_lower(at, field_name(e));
		}
		put(p, name, value,
			kept | (rule->not_indexed >> e->token & 1 ? NGHTTP2_NV_FLAG_NO_INDEX : 0));
		if (!known && !rule->kept) /* the library copies it, and makes it lower case */
			p->v[p->n - 1].flags &= (uint8_t)~NGHTTP2_NV_FLAG_NO_COPY_NAME;
	}
}

static int put_trailers(struct pairs *p, const struct fields *f, const struct rule *rule,
	struct arena *a)
{
	char *at = arena_alloc(a, fields_size(f, rule));
	if (!at || !pairs_have_room(p, f->n, a))
		return ERR_NO_MEMORY;
	put_fields(p, f, rule, at);
	return 0;
}

/* ---- requests ------------------------------------------------------------------------------ */

/* Path and query stand side by side in the target, unless the path was normalised or changed. */
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
	(void)put_text(at + path.len + 1, h->query);
	return str_n(at, path.len + 1 + h->query.len);
}

/* Whether content-length is written. RFC 9110 8.6: for methods whose body has a meaning, 0 is
 * written when there is none. */
static bool request_says_length(const struct request_head *h)
{
	return h->body == BODY_LENGTH ||
		(h->body == BODY_NONE &&
			(h->method == METHOD_POST || h->method == METHOD_PUT ||
				h->method == METHOD_PATCH));
}

int pairs_of_request(struct pairs *p, const struct request_head *h, bool https, struct arena *a)
{
	bool says_length = request_says_length(h);
	sluice_str path = path_and_query(h, a);
	char *digits = says_length ? arena_alloc(a, DIGITS_MAX) : NULL;
	if (!path.len || (says_length && !digits) ||
		!pairs_have_room(p, (size_t)h->fields.n + REQUEST_OWN, a))
		return ERR_NO_MEMORY;
	put(p, STR(":method"), h->upgrade ? method_name(METHOD_CONNECT) : h->method_text, 0);
	if (h->upgrade)
		put(p, STR(":protocol"), upgrade_protocol(&h->fields), 0);
	put(p, STR(":scheme"), https ? STR("https") : STR("http"), 0);
	if (h->authority.len)
		put(p, STR(":authority"), h->authority, 0);
	put(p, STR(":path"), path, 0);
	if (unlikely(h->upgrade))
		put_fields(p, &h->fields, &connect_rule, NULL);
	else
		put_fields(p, &h->fields, &request_rule, NULL);
	if (h->te_trailers)
		put(p, STR("te"), STR("trailers"), 0);
	if (says_length)
		put(p, token_name(TOKEN_CONTENT_LENGTH),
			put_u64(digits, h->body == BODY_LENGTH ? h->body_length : 0), 0);
	return 0;
}

int pairs_of_request_trailers(struct pairs *p, const struct fields *f, struct arena *a)
{
	return put_trailers(p, f, &request_trailer_rule, a);
}

/* ---- responses ----------------------------------------------------------------------------- */

enum body_kind response_body_kind(const struct response_head *h, enum method m)
{
	if (!response_may_have_body(m, h->status))
		return BODY_NONE;
	return h->body == BODY_LENGTH || h->body == BODY_NONE ? BODY_LENGTH : BODY_CHUNKED;
}

/* Whether content-length is written, and what (RFC 9110 8.6): never in 1xx, 204 and 2xx to
 * CONNECT. */
static bool response_says_length(const struct response_head *h, enum method m, uint64_t *length)
{
	*length = h->body_length;
	switch (response_body_kind(h, m)) {
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

int pairs_of_response(struct pairs *p, const struct response_head *h, enum method m,
	struct arena *a)
{
	const uint8_t kept = NGHTTP2_NV_FLAG_NO_COPY_VALUE;
	uint64_t length;
	char *at = arena_alloc(a,
		fields_size(&h->fields, &response_rule) + STATUS_DIGITS + DIGITS_MAX);
	if (!at || !pairs_have_room(p, (size_t)h->fields.n + RESPONSE_OWN, a))
		return ERR_NO_MEMORY;
	put(p, STR(":status"), put_status(at, h->status), kept);
	at += STATUS_DIGITS;
	if (response_says_length(h, m, &length)) {
		put(p, token_name(TOKEN_CONTENT_LENGTH), put_u64(at, length), kept);
		at += DIGITS_MAX;
	}
	put_fields(p, &h->fields, &response_rule, at);
	return 0;
}

int pairs_of_response_trailers(struct pairs *p, const struct fields *f, struct arena *a)
{
	return put_trailers(p, f, &response_rule, a);
}
