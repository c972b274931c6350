/* HTTP/1 heads from bytes. See the header and docs/reference/http.md. Any thread. */
#include "http1/parse.h"

#include "http/scan.h"
#include "http/uri.h"

#define BIT TOKEN_BIT

int http1_skip_empty_lines(const char *buf, size_t len, unsigned *lines, size_t *skip)
{
	size_t at = 0;
	for (; len - at >= 2 && buf[at] == '\r' && buf[at + 1] == '\n'; at += 2) {
		if (++*lines > HTTP1_EMPTY_LINES)
			return ERR_BAD_REQUEST_LINE;
	}
	*skip = at;
	return 0;
}

bool http1_find_head_end(const char *buf, size_t len, size_t from, size_t *head_len)
{
	/* the last two bytes seen may be the beginning of what ends the head */
	const char *p = scan_empty_line(buf + (from > 2 ? from - 2 : 0), buf + len);
	if (!p)
		return false;
	*head_len = (size_t)(p - buf) + (p[1] == '\n' ? 2 : 3);
	return true;
}

/* ---- fields -------------------------------------------------------------------------------- */

/* Which known fields a head has, and where. */
struct seen {
	uint64_t once, twice;     /* bit for each enum token */
	uint32_t at[TOKEN_COUNT]; /* index of the last one, valid where `once` has the bit */
};

static bool seen_is(const struct seen *s, enum token t)
{
	return (s->once & BIT(t)) != 0;
}

static sluice_str seen_value(const struct seen *s, const struct fields *f, enum token t)
{
	return field_value(&f->v[s->at[t]]);
}

static bool name_is_token(const char *p, const char *end)
{
	return scan_while_scalar(p, end, SCAN_TOKEN) == end;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* One line (RFC 9112 5): name ":" OWS value OWS CRLF. Returns what follows it, or NULL. A line that
 * starts with a blank (obs-fold) or has one before the colon has no name here; a bare CR or LF ends
 * a value too early. */
static inline const char *field_parse(struct field *f, const char *p, const char *end)
{
	const char *colon = scan_name(p, end);
	if (unlikely(colon == p || colon == end || *colon != ':'))
		return NULL;
	unsigned t = token_read(p, (size_t)(colon - p));
	if ((t & TOKEN_CODE) == TOKEN_OTHER && unlikely(!name_is_token(p, colon)))
		return NULL;

	const char *value = colon + 1;
	while (value < end && is_blank(*value))
		value++;
	const char *stop = scan_value(value, end);
	if (unlikely(end - stop < 2 || stop[0] != '\r' || stop[1] != '\n'))
		return NULL;
	const char *last = stop;
	while (last > value && is_blank(last[-1]))
		last--;
	if (unlikely(stop - p > UINT32_MAX))
		return NULL;
	bool plain = last == stop && value == colon + 2 && colon[1] == ' ';
	*f = (struct field){
		.name = p,
		.value = value,
		.name_len = (uint32_t)(colon - p),
		.value_len = (uint32_t)(last - value),
		.token = (uint16_t)(t & TOKEN_CODE),
		.flags = (uint16_t)((t & ~(unsigned)TOKEN_CODE) | (plain ? FIELD_LINE : 0)),
	};
	return stop + 2;
}

static inline int fields_parse(struct fields *f, struct seen *seen, const char *p, const char *end,
	struct arena *a, uint32_t max_fields)
{
	uint64_t once = 0, twice = 0;
	unsigned odd = 0;
	while (p < end) {
		if (unlikely(f->n >= max_fields))
			return ERR_TOO_MANY_FIELDS;
		if (unlikely(f->n == f->cap)) {
			int rc = fields_reserve(f, a);
			if (rc)
				return rc;
		}
		struct field *v = &f->v[f->n];
		p = field_parse(v, p, end);
		if (unlikely(!p))
			return ERR_BAD_FIELD;
		twice |= once & BIT(v->token);
		once |= BIT(v->token);
		odd |= v->flags;
		seen->at[v->token] = f->n++;
	}
	once |= odd & FIELD_EDGE ? BIT(TOKEN_SEEN_EDGE) : 0;
	once |= odd & FIELD_TWIN ? BIT(TOKEN_SEEN_TWIN) : 0;
	seen->once = once;
	seen->twice = twice;
	return 0;
}

int http1_parse_fields(struct fields *f, const char *p, const char *end, struct arena *a,
	uint32_t max_fields)
{
	struct seen seen;
	return fields_parse(f, &seen, p, end, a, max_fields);
}

/* Whether any field of this name has the list member. */
static bool fields_list_has(const struct fields *f, enum token t, sluice_str member)
{
	for (uint32_t i = 0; i < f->n; i++) {
		if (f->v[i].token == t && str_list_has(field_value(&f->v[i]), member))
			return true;
	}
	return false;
}

struct connection {
	bool close, keep_alive, upgrade;
};

static void connection_option(struct connection *c, sluice_str option)
{
	c->close |= str_ieq(option, STR("close"));
	c->keep_alive |= str_ieq(option, STR("keep-alive"));
	c->upgrade |= str_ieq(option, STR("upgrade"));
}

/* Read all Connection fields together. ERR_BAD_FIELD when they list more names than the bound. */
static __attribute__((noinline)) int connection_read(struct connection *c, const struct fields *f)
{
	unsigned options = 0;
	for (uint32_t i = 0; i < f->n; i++) {
		sluice_str rest = f->v[i].token == TOKEN_CONNECTION ? field_value(&f->v[i])
								    : STR_NONE,
			   option;
		while (str_list_next(&rest, &option)) {
			if (++options > HTTP1_CONNECTION_OPTIONS || option.len > HTTP1_OPTION_MAX)
				return ERR_BAD_FIELD;
			connection_option(c, option);
		}
	}
	return 0;
}

static inline int connection_parse(struct connection *c, const struct seen *seen,
	const struct fields *f)
{
	*c = (struct connection){ 0 };
	if (!seen_is(seen, TOKEN_CONNECTION))
		return 0;
	if (!(seen->twice & BIT(TOKEN_CONNECTION))) { /* the most common case: one field */
		sluice_str v = seen_value(seen, f, TOKEN_CONNECTION);
		c->keep_alive = str_ieq(v, STR("keep-alive"));
		c->close = str_ieq(v, STR("close"));
		if (c->keep_alive || c->close)
			return 0;
	}
	return connection_read(c, f);
}

/* RFC 9112 9.3 */
static bool connection_lives(const struct connection *c, unsigned version)
{
	return !c->close && (version >= 11 || c->keep_alive);
}

/*
 * How the fields frame the body (RFC 9112 6), strictly: one Transfer-Encoding that is `chunked`, or
 * one Content-Length of digits, not both, and no Transfer-Encoding in HTTP/1.0, where it cannot be
 * relied upon. BODY_CLOSE: neither.
 */
static inline int framing_parse(const struct seen *seen, const struct fields *f, unsigned version,
	enum body_kind *body, uint64_t *length)
{
	const uint64_t both = BIT(TOKEN_TRANSFER_ENCODING) | BIT(TOKEN_CONTENT_LENGTH);
	*body = BODY_CLOSE;
	if (!(seen->once & both))
		return 0;
	if ((seen->twice & both) || (seen->once & both) == both)
		return ERR_BAD_FRAMING;
	if (seen_is(seen, TOKEN_CONTENT_LENGTH)) {
		sluice_str v = seen_value(seen, f, TOKEN_CONTENT_LENGTH);
		uint64_t n;
		/* at most 2^63 - 1, so that it fits a signed number everywhere */
		if (v.len > 19 || !str_u64(v, &n) || n > INT64_MAX)
			return ERR_BAD_FRAMING;
		*length = n;
		*body = BODY_LENGTH;
		return 0;
	}
	if (version < 11 || !str_ieq(seen_value(seen, f, TOKEN_TRANSFER_ENCODING), STR("chunked")))
		return ERR_BAD_FRAMING;
	*body = BODY_CHUNKED;
	return 0;
}

/* ---- versions ------------------------------------------------------------------------------ */

/* HTTP-version at p: 10, 11, ERR_BAD_VERSION for others that are well-formed, or 0. */
static int version_parse(const char *p, const char *end)
{
	if (end - p < 8 || memcmp(p, "HTTP/", 5) != 0 || p[6] != '.')
		return 0;
	if (p[5] == '1' && (p[7] == '1' || p[7] == '0'))
		return p[7] == '1' ? 11 : 10;
	bool digits = p[5] >= '0' && p[5] <= '9' && p[7] >= '0' && p[7] <= '9';
	return digits ? ERR_BAD_VERSION : 0;
}

/* Callers pass a whole head, whose last line is empty. Returns where that line begins, or NULL. */
static const char *head_body_end(const char *head, size_t len)
{
	const char *end = head + len;
	return len >= 4 && memcmp(end - 4, "\r\n\r\n", 4) == 0 ? end - 2 : NULL;
}

/* ---- requests ------------------------------------------------------------------------------ */

/* The text before the next blank or end of line, for the log, even if it is not valid. */
static sluice_str line_word(const char *p, const char *end)
{
	const char *at = p;
	while (at < end && *at != ' ' && *at != '\r' && *at != '\n')
		at++;
	return str_n(p, (size_t)(at - p));
}

/* RFC 9112 3: method SP request-target SP HTTP-version CRLF. */
static int request_line_parse(struct request_head *h, const char **at, const char *end,
	uint32_t max_target)
{
	const char *p = *at;
	const char *method_end = scan_while_scalar(p, end, SCAN_TOKEN);
	if (method_end == p || method_end == end || *method_end != ' ')
		return ERR_BAD_REQUEST_LINE;
	const char *target = method_end + 1;
	const char *target_end = scan_visible(target, end);
	h->method_text = str_n(p, (size_t)(method_end - p));
	h->method = (uint8_t)method_find(h->method_text);
	if (target_end - target > max_target) {
		h->target = str_n(target, max_target);
		return ERR_TARGET_TOO_LONG;
	}
	if (target_end == end || *target_end != ' ' || target_end == target) {
		/* an invalid byte in the target gets an error of its own; CR, LF and SP are errors
		 * of the line */
		bool stray = target_end < end && (unsigned char)*target_end > 0x20;
		h->target = line_word(target, end);
		return stray ? ERR_BAD_TARGET : ERR_BAD_REQUEST_LINE;
	}
	h->target = str_n(target, (size_t)(target_end - target));

	int version = version_parse(target_end + 1, end);
	if (version <= 0)
		return version < 0 ? version : ERR_BAD_REQUEST_LINE;
	p = target_end + 9;
	if (end - p < 2 || p[0] != '\r' || p[1] != '\n')
		return ERR_BAD_REQUEST_LINE;
	h->version = (uint8_t)version;
	*at = p + 2;
	return 0;
}

/* RFC 9112 3.2: one Host in HTTP/1.1; more than one is an error in any version. */
static int request_host(struct request_head *h, const struct seen *seen)
{
	if (seen->twice & BIT(TOKEN_HOST))
		return ERR_BAD_HOST;
	if (!seen_is(seen, TOKEN_HOST))
		return h->version >= 11 ? ERR_BAD_HOST : 0;
	h->authority = seen_value(seen, &h->fields, TOKEN_HOST);
	return 0;
}

/* RFC 9110 10.1.1. In HTTP/1.0 it means nothing; without a body there is nothing to wait for. */
static int request_expect(struct request_head *h, const struct seen *seen)
{
	if (!seen_is(seen, TOKEN_EXPECT))
		return 0;
	if ((seen->twice & BIT(TOKEN_EXPECT)) ||
		!str_ieq(seen_value(seen, &h->fields, TOKEN_EXPECT), STR("100-continue")))
		return ERR_BAD_EXPECTATION;
	h->expect_continue = h->version >= 11 &&
		(h->body == BODY_CHUNKED || (h->body == BODY_LENGTH && h->body_length > 0));
	return 0;
}

static int request_meaning(struct request_head *h, const struct seen *seen)
{
	struct connection c;
	enum body_kind body;

	int rc = framing_parse(seen, &h->fields, h->version, &body, &h->body_length);
	if (rc)
		return rc;
	h->body = body == BODY_CLOSE ? BODY_NONE : (uint8_t)body; /* RFC 9112 6.3, rule 7 */
	rc = request_host(h, seen);
	if (rc)
		return rc;
	rc = connection_parse(&c, seen, &h->fields);
	if (rc)
		return rc;
	h->keep_alive = connection_lives(&c, h->version);
	if (h->version >= 11) {
		h->upgrade = c.upgrade && seen_is(seen, TOKEN_UPGRADE); /* RFC 9110 7.8 */
		h->te_trailers = seen_is(seen, TOKEN_TE) &&
			fields_list_has(&h->fields, TOKEN_TE, STR("trailers"));
	}
	rc = request_expect(h, seen);
	if (rc)
		return rc;
	h->seen = seen->once;
	return unlikely(seen->twice & tokens_once) ? fields_settle_repeats(&h->fields, seen->twice)
						   : 0;
}

int http1_parse_request(struct request_head *h, const char *head, size_t len, struct arena *a,
	const struct http1_limits *lim)
{
	struct seen seen;
	const char *p = head, *end = head_body_end(head, len);

	*h = (struct request_head){ .path_rules = lim->path_rules };
	if (!end) {
		/* it ends with a bare LF; read on, for the log */
		int rc = request_line_parse(h, &p, head + len, lim->max_target);
		return rc ? rc : ERR_BAD_FIELD;
	}
	int rc = request_line_parse(h, &p, end, lim->max_target);
	if (rc)
		return rc;
	rc = fields_parse(&h->fields, &seen, p, end, a, lim->max_fields);
	if (rc)
		return rc;
	rc = request_meaning(h, &seen);
	if (rc)
		return rc;
	return uri_parse_target(h, a);
}

/* ---- responses ----------------------------------------------------------------------------- */

/* RFC 9112 4: HTTP-version SP status-code SP [reason] CRLF; the second SP is often forgotten. */
static bool status_line_parse(struct response_head *h, const char **at, const char *end,
	const struct http1_limits *lim)
{
	const char *p = *at;
	int version = version_parse(p, end);
	if (version <= 0 || end - p < 14 || p[8] != ' ')
		return false;
	unsigned status = 0;
	for (p += 9; p < *at + 12; p++) {
		if (*p < '0' || *p > '9')
			return false;
		status = status * 10 + (unsigned)(*p - '0');
	}
	if (status < 100 || (status > 599 && !lim->lenient))
		return false;
	if (*p == ' ') {
		const char *stop = scan_value(++p, end);
		h->reason = str_n(p, (size_t)(stop - p));
		p = stop;
	}
	if (end - p < 2 || p[0] != '\r' || p[1] != '\n')
		return false;
	h->version = (uint8_t)version;
	h->status = (uint16_t)status;
	*at = p + 2;
	return true;
}

bool http1_status_line_is_valid(const char *p, const char *end, const struct http1_limits *lim)
{
	struct response_head h;
	return status_line_parse(&h, &p, end, lim) && p == end;
}

/* RFC 9110 8.6: one length said several times is that length. */
static bool lengths_are_one(struct seen *seen, struct fields *f)
{
	const struct field *length = fields_join_lengths(f);
	if (!length)
		return false;
	seen->at[TOKEN_CONTENT_LENGTH] = (uint32_t)(length - f->v);
	seen->twice &= ~BIT(TOKEN_CONTENT_LENGTH);
	return true;
}

/* RFC 9112 6.3 */
static int response_meaning(struct response_head *h, struct seen *seen, enum method m)
{
	struct connection c;
	enum body_kind body;

	if (unlikely(framing_parse(seen, &h->fields, h->version, &body, &h->body_length)) &&
		(!lengths_are_one(seen, &h->fields) ||
			framing_parse(seen, &h->fields, h->version, &body, &h->body_length)))
		return ERR_UPSTREAM_BAD_FRAMING;
	if (connection_parse(&c, seen, &h->fields))
		return ERR_UPSTREAM_BAD_HEAD;
	h->keep_alive = connection_lives(&c, h->version);
	if (response_may_have_body(m, h->status)) {
		h->body = (uint8_t)body;
		h->keep_alive = h->keep_alive && body != BODY_CLOSE;
		return 0;
	}
	h->body = BODY_NONE;
	h->has_length = body == BODY_LENGTH;
	/* 1xx and 204 must not be framed (RFC 9112 6.1, RFC 9110 8.6): a server that does so may
	 * send a body, too */
	bool never = h->status < 200 || h->status == 204;
	if (never && (body == BODY_CHUNKED || (body == BODY_LENGTH && h->body_length > 0)))
		h->keep_alive = false;
	return 0;
}

int http1_parse_response(struct response_head *h, const char *head, size_t len, struct arena *a,
	enum method m, const struct http1_limits *lim)
{
	struct seen seen;
	const char *p = head, *end = head_body_end(head, len);

	*h = (struct response_head){ 0 };
	if (!end || !status_line_parse(h, &p, end, lim))
		return ERR_UPSTREAM_BAD_HEAD;
	int rc = fields_parse(&h->fields, &seen, p, end, a, lim->max_fields);
	if (rc == ERR_TOO_MANY_FIELDS)
		return ERR_UPSTREAM_HEAD_TOO_LARGE;
	if (rc == ERR_BAD_FIELD)
		return ERR_UPSTREAM_BAD_HEAD;
	return rc ? rc : response_meaning(h, &seen, m);
}
