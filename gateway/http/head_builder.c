/* Request heads and trailers from fields. See the header and docs/reference/http.md. Any thread. */
#include "http/head_builder.h"

#include "http/scan.h"
#include "http/upgrade.h"
#include "http/uri.h"

#define BIT TOKEN_BIT

/* Fields of HTTP/1.1 connections, which are malformed here (RFC 9113 8.2.2). */
static const uint64_t of_connection = BIT(TOKEN_CONNECTION) | BIT(TOKEN_PROXY_CONNECTION) |
	BIT(TOKEN_KEEP_ALIVE) | BIT(TOKEN_TRANSFER_ENCODING) | BIT(TOKEN_UPGRADE);

enum pseudo {
	PSEUDO_METHOD = 1,
	PSEUDO_SCHEME = 2,
	PSEUDO_AUTHORITY = 4,
	PSEUDO_PATH = 8,
	PSEUDO_PROTOCOL = 16,
	PSEUDO_OVER = 32, /* a regular field was seen */
};

enum { TEXT_FIRST = 1024, TEXT_MORE = 2048 };

static void builder_init(struct head_builder *b, struct request_head *h, struct fields *f,
	struct arena *a, const struct head_limits *limits)
{
	*b = (struct head_builder){ .h = h, .fields = f, .arena = a, .limits = limits };
	*f = (struct fields){ 0 };
}

void head_begin(struct head_builder *b, struct request_head *h, struct arena *a,
	const struct head_limits *limits)
{
	*h = (struct request_head){ .keep_alive = true, .path_rules = limits->path_rules };
	builder_init(b, h, &h->fields, a, limits);
}

void head_begin_trailers(struct head_builder *b, struct fields *trailers, struct arena *a,
	const struct head_limits *limits)
{
	builder_init(b, NULL, trailers, a, limits);
}

static void fail(struct head_builder *b, int err)
{
	if (!b->err)
		b->err = err;
}

static void malformed(struct head_builder *b, int err)
{
	if (!b->err)
		b->malformed = true;
	fail(b, err);
}

/* ---- copying ------------------------------------------------------------------------------- */

/* Memory for n bytes, behind the text so far if possible. NULL: the budget is spent. */
static char *text_room(struct head_builder *b, size_t n)
{
	if (likely(n <= (size_t)(b->text_end - b->text)))
		return b->text;
	size_t room = b->text ? TEXT_MORE : TEXT_FIRST;
	if (room < n)
		room = n;
	char *at = arena_alloc(b->arena, room);
	if (!at) {
		fail(b, ERR_NO_MEMORY);
		return NULL;
	}
	b->text = at;
	b->text_end = at + room;
	return at;
}

static sluice_str text_copy(struct head_builder *b, sluice_str s)
{
	char *at = text_room(b, s.len);
	if (!at)
		return STR_NONE;
	if (s.len)
		memcpy(at, s.data, s.len);
	b->text += s.len;
	return str_n(at, s.len);
}

/* code: of token_read() */
static void line_add(struct head_builder *b, unsigned code, sluice_str name, sluice_str value)
{
	size_t len = name.len + value.len + 4;
	if (fields_reserve(b->fields, b->arena) < 0) {
		fail(b, ERR_NO_MEMORY);
		return;
	}
	char *at = text_room(b, len);
	if (!at)
		return;
	struct field *f = &b->fields->v[b->fields->n++];
	*f = (struct field){ .name = at,
		.value = at + name.len + 2,
		.name_len = (uint32_t)name.len,
		.value_len = (uint32_t)value.len,
		.token = (uint16_t)(code & TOKEN_CODE),
		.flags = (uint16_t)(FIELD_LINE | (code & ~(unsigned)TOKEN_CODE)) };
	memcpy(at, name.data, name.len);
	memcpy(at + name.len, ": ", 2);
	if (value.len)
		memcpy(at + name.len + 2, value.data, value.len);
	memcpy(at + len - 2, "\r\n", 2);
	b->text = at + len;
}

/* ---- one field ----------------------------------------------------------------------------- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* RFC 9113 8.2.1, and what HTTP/1.1 would refuse. */
static bool value_is_valid(sluice_str v)
{
	if (v.len == 0)
		return true;
	const char *end = v.data + v.len;
	return !is_blank(v.data[0]) && !is_blank(end[-1]) && scan_value(v.data, end) == end;
}

/* Repair an invalid value as far as b->accept permits; control bytes are replaced in a copy. data
 * NULL: it stays invalid, or there is no memory. */
static sluice_str value_accept(struct head_builder *b, sluice_str v)
{
	if (b->accept & HEAD_BLANKS)
		v = str_trim(v);
	if (!(b->accept & HEAD_CONTROLS) || value_is_valid(v))
		return value_is_valid(v) ? v : STR_NONE;
	char *at = arena_alloc(b->arena, v.len);
	for (size_t i = 0; at && i < v.len; i++) {
		if (v.data[i] == 0 || v.data[i] == '\r' || v.data[i] == '\n')
			return STR_NONE;
		at[i] = scan_is(v.data[i], SCAN_VALUE) ? v.data[i] : ' ';
	}
	return at ? str_trim(str_n(at, v.len)) : STR_NONE;
}

static bool name_is_valid(sluice_str n, enum token t)
{
	if (t != TOKEN_OTHER)
		return str_eq(n, token_name(t)); /* as it is, in lower case */
	for (size_t i = 0; i < n.len; i++) {
		if (!scan_is(n.data[i], SCAN_TOKEN) || (n.data[i] >= 'A' && n.data[i] <= 'Z'))
			return false;
	}
	return n.len > 0;
}

static void method_set(struct head_builder *b, sluice_str value)
{
	if (!str_is_token(value)) {
		malformed(b, ERR_BAD_REQUEST_LINE);
		return;
	}
	b->h->method = (uint8_t)method_find(value);
	b->h->method_text = b->h->method == METHOD_OTHER ? text_copy(b, value)
							 : method_name((enum method)b->h->method);
}

static void path_set(struct head_builder *b, sluice_str value)
{
	if (value.len > b->limits->max_target) {
		/* for the log */
		b->h->target = text_copy(b, str_n(value.data, b->limits->max_target));
		fail(b, ERR_TARGET_TOO_LONG);
	} else {
		b->h->target = text_copy(b, value);
	}
}

static void protocol_set(struct head_builder *b, sluice_str value)
{
	if (str_is_token(value))
		b->protocol = text_copy(b, value);
	else
		malformed(b, ERR_BAD_FIELD);
}

/* RFC 9113 8.3.1: each once, before all other fields, and no others. */
static void pseudo_field(struct head_builder *b, sluice_str name, sluice_str value)
{
	enum pseudo p = 0;
	if (b->h && !(b->pseudo & PSEUDO_OVER)) {
		if (str_eq(name, STR(":method")))
			p = PSEUDO_METHOD;
		else if (str_eq(name, STR(":scheme")))
			p = PSEUDO_SCHEME;
		else if (str_eq(name, STR(":authority")))
			p = PSEUDO_AUTHORITY;
		else if (str_eq(name, STR(":path")))
			p = PSEUDO_PATH;
		else if (str_eq(name, STR(":protocol")))
			p = PSEUDO_PROTOCOL;
	}
	if (!p || (b->pseudo & p)) {
		malformed(b, p == PSEUDO_AUTHORITY ? ERR_BAD_HOST : ERR_BAD_FIELD);
		return;
	}
	b->pseudo |= (uint8_t)p;
	if (p == PSEUDO_METHOD)
		method_set(b, value);
	else if (p == PSEUDO_PATH)
		path_set(b, value);
	else if (p == PSEUDO_SCHEME)
		b->known_scheme = str_ieq(value, STR("https")) || str_ieq(value, STR("http"));
	else if (p == PSEUDO_AUTHORITY)
		b->h->authority = text_copy(b, value);
	else
		protocol_set(b, value);
}

/* The first regular field: put the authority before it as a Host field. */
static void pseudo_over(struct head_builder *b)
{
	b->pseudo |= PSEUDO_OVER;
	if (b->h && b->h->authority.len)
		line_add(b, TOKEN_HOST, STR("host"), b->h->authority);
}

/* RFC 9113 8.3.1: a Host field must agree with :authority, or replaces it in a request that was
 * translated from HTTP/1.1. */
static void host_field(struct head_builder *b, sluice_str value)
{
	if (b->once & BIT(TOKEN_HOST))
		malformed(b, ERR_BAD_HOST);
	else if (!(b->pseudo & PSEUDO_AUTHORITY)) {
		b->h->authority = text_copy(b, value);
		line_add(b, TOKEN_HOST, STR("host"), value);
	} else if (!str_ieq(value, b->h->authority))
		malformed(b, ERR_BAD_HOST);
}

static bool field_counts(struct head_builder *b, enum token t)
{
	uint32_t *n = t == TOKEN_COOKIE ? &b->n_cookies : &b->n_fields;
	if (++*n <= b->limits->max_fields)
		return true;
	fail(b, ERR_TOO_MANY_FIELDS);
	return false;
}

static void plain_field(struct head_builder *b, sluice_str name, sluice_str value)
{
	unsigned code = name.len ? token_read(name.data, name.len) : TOKEN_OTHER;
	enum token t = (enum token)(code & TOKEN_CODE);
	if (!(b->pseudo & PSEUDO_OVER))
		pseudo_over(b);
	if (unlikely(b->accept) && !value_is_valid(value)) {
		value = value_accept(b, value);
		if (!value.data) {
			malformed(b, ERR_BAD_FIELD);
			return;
		}
	}
	if (!name_is_valid(name, t) || !value_is_valid(value) || (of_connection >> t & 1) ||
		(t == TOKEN_TE && !str_ieq(value, STR("trailers")))) {
		malformed(b, t == TOKEN_TRANSFER_ENCODING ? ERR_BAD_FRAMING : ERR_BAD_FIELD);
		return;
	}
	if (!field_counts(b, t))
		return;
	if (t == TOKEN_HOST && b->h)
		host_field(b, value);
	else
		line_add(b, code, name, value);
	b->twice |= b->once & BIT(t);
	b->once |= BIT(t);
	b->once |= code & TOKEN_IS_EDGE ? BIT(TOKEN_SEEN_EDGE) : 0;
	b->once |= code & TOKEN_IS_TWIN ? BIT(TOKEN_SEEN_TWIN) : 0;
}

void head_field(struct head_builder *b, sluice_str name, sluice_str value)
{
	if (unlikely(b->err))
		return;
	if (name.len + value.len + 4 > b->limits->max_head - b->size) {
		fail(b, ERR_HEAD_TOO_LARGE);
		return;
	}
	b->size += (uint32_t)(name.len + value.len + 4);
	if (name.len && name.data[0] == ':')
		pseudo_field(b, name, value);
	else
		plain_field(b, name, value);
}

/* ---- the whole ----------------------------------------------------------------------------- */

static bool seen_is(const struct head_builder *b, enum token t)
{
	return (b->once & BIT(t)) != 0;
}

/* Join the pieces of a cookie. Clients may split it for better compression (RFC 9113 8.2.3); the
 * rest of the gateway sees one field. */
static int cookie_join(struct head_builder *b)
{
	struct fields *f = b->fields;
	struct field *first = NULL;
	size_t len = 0;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < f->n; i++)
		len += f->v[i].token == TOKEN_COOKIE ? f->v[i].value_len + 2 : 0;
	char *at = text_room(b, len + 8);
	if (!at)
		return ERR_NO_MEMORY;
	b->text += len + 8;
	memcpy(at, "cookie: ", 8);
	at += 8;
	const char *value = at;
	for (uint32_t i = 0; i < f->n; i++) {
		struct field *v = &f->v[i];
		if (v->token != TOKEN_COOKIE) {
			f->v[kept++] = *v;
			continue;
		}
		if (v->value_len)
			memcpy(at, v->value, v->value_len);
		memcpy(at + v->value_len, "; ", 2);
		at += v->value_len + 2;
		if (!first) {
			first = &f->v[kept++];
			*first = *v;
		}
	}
	memcpy(at - 2, "\r\n", 2);
	f->n = kept;
	first->name = value - 8;
	first->value = value;
	first->value_len = (uint32_t)(at - 2 - value);
	return 0;
}

/* The length of the body, by content-length or END_STREAM, which must agree when both are there
 * (RFC 9113 8.1.1). */
static int framing(struct head_builder *b, bool end)
{
	struct request_head *h = b->h;
	if (!seen_is(b, TOKEN_CONTENT_LENGTH)) {
		h->body = end ? BODY_NONE : BODY_CHUNKED;
		return 0;
	}
	sluice_str v = field_value(fields_find(&h->fields, TOKEN_CONTENT_LENGTH));
	uint64_t n;
	/* as in HTTP/1.1: once, digits alone, at most 2^63 - 1 */
	if ((b->twice & BIT(TOKEN_CONTENT_LENGTH)) || v.len > 19 || !str_u64(v, &n) ||
		n > INT64_MAX || (end && n > 0))
		return ERR_BAD_FRAMING;
	h->body = BODY_LENGTH;
	h->body_length = n;
	return 0;
}

static int expectation(struct head_builder *b)
{
	struct request_head *h = b->h;
	if (!seen_is(b, TOKEN_EXPECT))
		return 0;
	if ((b->twice & BIT(TOKEN_EXPECT)) ||
		!str_ieq(field_value(fields_find(&h->fields, TOKEN_EXPECT)), STR("100-continue")))
		return ERR_BAD_EXPECTATION;
	h->expect_continue = h->body == BODY_CHUNKED ||
		(h->body == BODY_LENGTH && h->body_length > 0);
	return 0;
}

/* RFC 9113 8.3.1 and 8.5; RFC 8441 4. */
static int pseudo_check(struct head_builder *b)
{
	const unsigned both = PSEUDO_SCHEME | PSEUDO_PATH;
	const struct request_head *h = b->h;
	unsigned has = b->pseudo;
	if (!(has & PSEUDO_METHOD))
		return ERR_BAD_REQUEST_LINE;
	if ((has & PSEUDO_PROTOCOL) && (h->method != METHOD_CONNECT || (has & both) != both))
		return ERR_BAD_FIELD;
	if (h->method == METHOD_CONNECT && !(has & PSEUDO_AUTHORITY))
		return ERR_BAD_HOST;
	if (h->method == METHOD_CONNECT && !(has & PSEUDO_PROTOCOL))
		return has & both ? ERR_BAD_TARGET : 0;
	if ((has & both) != both)
		return ERR_BAD_TARGET;
	/* origin form or "*": other forms would name a host a second time */
	return h->target.len && (h->target.data[0] == '/' || str_eq(h->target, STR("*")))
		? 0
		: ERR_BAD_TARGET;
}

/* Turn an extended CONNECT into a request with Upgrade, as in HTTP/1.1. The bytes after the head
 * belong to the tunnel. */
static int extended_connect(struct head_builder *b)
{
	struct request_head *h = b->h;
	char key[UPGRADE_KEY_LEN];
	if (seen_is(b, TOKEN_CONTENT_LENGTH))
		return ERR_BAD_FRAMING;
	h->method = METHOD_GET;
	h->method_text = method_name(METHOD_GET);
	h->body = BODY_NONE;
	h->upgrade = h->upgrade_only = true;
	b->once |= BIT(TOKEN_UPGRADE);
	line_add(b, TOKEN_UPGRADE, STR("upgrade"), b->protocol);
	/* without meaning in HTTP/2 (RFC 8441 5) */
	(void)fields_drop(&h->fields, token_name(TOKEN_SEC_WEBSOCKET_KEY));
	if (upgrade_is_websocket(b->protocol)) {
		upgrade_make_key(key);
		line_add(b, TOKEN_SEC_WEBSOCKET_KEY, STR("sec-websocket-key"),
			str_n(key, sizeof(key)));
	}
	return b->err;
}

static int builder_malformed(struct head_builder *b, int err)
{
	if (err)
		malformed(b, err);
	return err;
}

int head_end(struct head_builder *b, bool end)
{
	struct request_head *h = b->h;

	if (!b->err && !(b->pseudo & PSEUDO_OVER))
		pseudo_over(b);
	if (b->err || builder_malformed(b, pseudo_check(b)) ||
		builder_malformed(b, framing(b, end)))
		return b->err;
	if ((b->pseudo & PSEUDO_PROTOCOL) && builder_malformed(b, extended_connect(b)))
		return b->err;
	if (!b->known_scheme && h->method != METHOD_CONNECT)
		return ERR_BAD_TARGET;
	h->te_trailers = seen_is(b, TOKEN_TE);
	h->seen = b->once;
	if (b->twice & BIT(TOKEN_COOKIE)) {
		int rc = cookie_join(b);
		if (rc)
			return rc;
	}
	if (h->method == METHOD_CONNECT)
		h->target = h->authority;
	int rc = uri_parse_target(h, b->arena);
	if (!rc)
		rc = expectation(b);
	if (!rc && unlikely(b->twice & tokens_once))
		rc = builder_malformed(b, fields_settle_repeats(&h->fields, b->twice));
	return rc;
}

int head_end_trailers(struct head_builder *b)
{
	for (uint32_t i = 0; i < b->fields->n; i++) {
		if (field_is_no_trailer(&b->fields->v[i]))
			b->fields->v[i].flags |= FIELD_DROP;
	}
	return b->err;
}
