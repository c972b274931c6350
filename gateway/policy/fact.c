/* Facts of a request. Worker's thread, but for the table. */
#include "policy/fact.h"

#include "http/cookie.h"
#include "http/query.h"
#include "http/version.h"
#include "policy/attr.h"

static enum sluice_reading fact_one(sluice_str value, sluice_str *out)
{
	*out = value;
	return value.data ? SLUICE_READ_ONE : SLUICE_READ_NONE;
}

/* ---- plain facts --------------------------------------------------------------------------- */

#define PLAIN(NAME, value)                                                                    \
	static enum sluice_reading fact_read_##NAME(sluice_exchange *x, const sluice_expr *e, \
		sluice_str *out)                                                              \
	{                                                                                     \
		(void)e;                                                                      \
		return fact_one(value, out);                                                  \
	}

PLAIN(IP, x->client_ip)
PLAIN(METHOD, x->request->method_text)
PLAIN(SCHEME, x->scheme)
PLAIN(HOST, x->request->host)
PLAIN(PATH, x->request->path)
PLAIN(SENT_PATH, x->request->sent_path.len ? x->request->sent_path : x->request->path)
PLAIN(QUERY, x->request->query)
PLAIN(REQUEST_ID, x->request_id)
PLAIN(ROUTE, x->route_name)
PLAIN(AUTHORITY, x->request->authority)
PLAIN(ASKED_AUTHORITY, x->asked_authority.data ? x->asked_authority : x->request->authority)
PLAIN(UPSTREAM, x->upstream_name.len ? x->upstream_name : STR_NONE)

static sluice_str fact_target(sluice_exchange *x)
{
	const struct request_head *h = x->request;
	if (!h->has_query)
		return h->path;
	return arena_printf(x->arena, "%.*s?%.*s", STR_ARG(h->path), STR_ARG(h->query));
}
PLAIN(TARGET, fact_target(x))

static sluice_str skip(sluice_str s, size_t n)
{
	return str_n(s.data + n, s.len - n);
}

/* RFC 9112 3.2: of the origin form, or of the absolute form, whose path may be missing. */
static sluice_str fact_asked_path(const sluice_exchange *x)
{
	sluice_str rest = x->request->target, path = str_cut(&rest, '?');
	if (path.len && path.data[0] == '/')
		return path;
	const char *colon = path.len ? memchr(path.data, ':', path.len) : NULL;
	path = colon ? skip(path, (size_t)(colon - path.data)) : STR_NONE;
	if (!str_starts(path, STR("://")))
		return STR_NONE;
	path = skip(path, 3);
	const char *slash = path.len ? memchr(path.data, '/', path.len) : NULL;
	return slash ? skip(path, (size_t)(slash - path.data)) : STR("/");
}
PLAIN(ASKED_PATH, fact_asked_path(x))

static sluice_str fact_protocol(const sluice_exchange *x)
{
	sluice_str name = http_version_of(x->request->version)->name;
	return name.len ? name : STR_NONE;
}

PLAIN(PROTOCOL, fact_protocol(x))

/* An attribute, by its whole name. */
static enum sluice_reading fact_read_ATTR(sluice_exchange *x, const sluice_expr *e, sluice_str *out)
{
	return fact_one(attr_find(x, e->text), out);
}
#define fact_read_CONSUMER fact_read_ATTR
#define fact_read_CLAIM fact_read_ATTR

/* What the owner of the exchange knows. */
static enum sluice_reading fact_read_ABOUT(sluice_exchange *x, const sluice_expr *e,
	sluice_str *out)
{
	*out = STR_NONE;
	const struct run_about *about = x->keeper->about;
	return about ? about->read(x, e->fact, out) : SLUICE_READ_NONE;
}
#define fact_read_LISTENER fact_read_ABOUT
#define fact_read_PEER fact_read_ABOUT
#define fact_read_PEER_PORT fact_read_ABOUT
#define fact_read_TLS_VERSION fact_read_ABOUT
#define fact_read_TLS_CIPHER fact_read_ABOUT
#define fact_read_TLS_SNI fact_read_ABOUT
#define fact_read_TLS_ALPN fact_read_ABOUT
#define fact_read_CERT_SUBJECT fact_read_ABOUT
#define fact_read_CERT_ISSUER fact_read_ABOUT
#define fact_read_CERT_DNS fact_read_ABOUT
#define fact_read_CERT_URI fact_read_ABOUT
#define fact_read_CERT_EMAIL fact_read_ABOUT
#define fact_read_CERT_SERIAL fact_read_ABOUT
#define fact_read_CERT_SHA256 fact_read_ABOUT
#define fact_read_CERT_PEM fact_read_ABOUT
#define fact_read_CERT_DER fact_read_ABOUT
#define fact_read_SERVER fact_read_ABOUT
#define fact_read_UPSTREAM_PROTOCOL fact_read_ABOUT
#define fact_read_REASON fact_read_ABOUT

/* ---- several of one name ------------------------------------------------------------------- */

/* Several values joined into one. */
struct fact_join {
	char *data; /* NULL: one value so far, which stays where it is */
	sluice_str value;
	size_t n;
};

/* Add a value; room: the most bytes that all values and joints can take. */
static bool join_add(sluice_exchange *x, struct fact_join *j, sluice_str value, sluice_str joint,
	size_t room)
{
	if (j->n++ == 0) {
		j->value = value;
		return true;
	}
	if (!j->data) {
		j->data = arena_alloc(x->arena, room);
		if (!j->data)
			return false;
		if (j->value.len)
			memcpy(j->data, j->value.data, j->value.len);
		j->value.data = j->data;
	}
	memcpy(j->data + j->value.len, joint.data, joint.len);
	if (value.len)
		memcpy(j->data + j->value.len + joint.len, value.data, value.len);
	j->value.len += joint.len + value.len;
	return true;
}

static enum sluice_reading join_end(const struct fact_join *j, sluice_str *out)
{
	*out = j->n ? j->value : STR_NONE;
	return j->n == 0 ? SLUICE_READ_NONE : j->n == 1 ? SLUICE_READ_ONE : SLUICE_READ_MANY;
}

static enum sluice_reading fact_fail(sluice_str *out)
{
	*out = STR_NONE; /* the budget is spent */
	return SLUICE_READ_FAIL;
}

/* ---- header fields ------------------------------------------------------------------------- */

static bool header_is(const struct field *f, enum token t, sluice_str name)
{
	return f->token == t && !(f->flags & FIELD_DROP) &&
		(t != TOKEN_OTHER || (f->name_len == name.len && str_ieq(field_name(f), name)));
}

/* Join all lines of that name; f->v[at] is the first of them. */
static enum sluice_reading header_join(sluice_exchange *x, enum token t, sluice_str name,
	uint32_t at, sluice_str *out)
{
	const struct fields *f = &x->request->fields;
	sluice_str joint = t == TOKEN_COOKIE ? STR("; ") : STR(", ");
	struct fact_join j = { .n = 0 };
	size_t room = 0;
	for (uint32_t i = at; i < f->n; i++)
		room += header_is(&f->v[i], t, name) ? f->v[i].value_len + joint.len : 0;
	for (uint32_t i = at; i < f->n; i++) {
		if (header_is(&f->v[i], t, name) &&
			!join_add(x, &j, field_value(&f->v[i]), joint, room))
			return fact_fail(out);
	}
	enum sluice_reading r = join_end(&j, out);
	return t == TOKEN_COOKIE ? SLUICE_READ_ONE : r;
}

static enum sluice_reading fact_read_HEADER(sluice_exchange *x, const sluice_expr *e,
	sluice_str *out)
{
	const struct fields *f = &x->request->fields;
	enum token t = e->token;
	sluice_str name = e->name;
	uint32_t first = UINT32_MAX;
	*out = STR_NONE;
	for (uint32_t i = 0; i < f->n; i++) {
		if (!header_is(&f->v[i], t, name))
			continue;
		if (first != UINT32_MAX)
			return header_join(x, t, name, first, out);
		first = i;
		*out = field_value(&f->v[i]);
	}
	return first == UINT32_MAX ? SLUICE_READ_NONE : SLUICE_READ_ONE;
}

/* ---- cookies ------------------------------------------------------------------------------- */

static enum sluice_reading fact_read_COOKIE(sluice_exchange *x, const sluice_expr *e,
	sluice_str *out)
{
	struct cookie_walk w = { .fields = &x->request->fields, .name = e->name };
	struct fact_join j = { .n = 0 };
	size_t room = cookie_room(w.fields);
	sluice_str value;
	while (room && cookie_next(&w, &value)) {
		if (!join_add(x, &j, value, STR(", "), room))
			return fact_fail(out);
	}
	return join_end(&j, out);
}

/* ---- query and path ------------------------------------------------------------------------ */

static bool fact_decode(sluice_exchange *x, enum query_plus plus, sluice_str *s)
{
	if (!query_is_encoded(*s, plus))
		return true;
	char *text = arena_alloc(x->arena, s->len);
	if (text)
		*s = str_n(text, query_decode(*s, plus, text));
	return text != NULL;
}

static enum sluice_reading fact_read_PARAMETER(sluice_exchange *x, const sluice_expr *e,
	sluice_str *out)
{
	sluice_str query = x->request->query, rest = query, value;
	struct fact_join j = { .n = 0 };
	while (query_find(&rest, e->name, &value)) {
		/* a value takes no more than its text in the query, and a joint no more than the
		 * name, "=" and "&" of a value or two bytes: twice the query has room for all */
		if (!fact_decode(x, QUERY_PLUS_IS_SPACE, &value) ||
			!join_add(x, &j, value, STR(", "), 2 * query.len + 2))
			return fact_fail(out);
	}
	return join_end(&j, out);
}

sluice_str fact_capture_raw(const sluice_exchange *x, sluice_str name)
{
	for (unsigned i = 0; x->captures && i < x->captures->n; i++) {
		if (str_eq(x->captures->v[i].name, name))
			return x->captures->v[i].value;
	}
	return STR_NONE;
}

static enum sluice_reading fact_read_CAPTURE(sluice_exchange *x, const sluice_expr *e,
	sluice_str *out)
{
	*out = fact_capture_raw(x, e->name);
	return fact_decode(x, QUERY_PLUS_IS_PLUS, out) ? fact_one(*out, out) : fact_fail(out);
}

/* ---- the table ----------------------------------------------------------------------------- */

const struct fact_info fact_table[FACT_COUNT + 1] = {
#define F(name, text, named, how, help) \
	{ { text, sizeof(text) - 1 }, FACT_##named, FACT_##how, help, fact_read_##name },
#include "policy/fact.def"
	{ .named = FACT_PLAIN, .how = FACT_STATED, .read = fact_read_ATTR },
};

enum fact fact_find(sluice_str text, sluice_str *name)
{
	*name = STR_NONE;
	for (unsigned f = 0; f < FACT_COUNT; f++) {
		sluice_str t = fact_table[f].text;
		if (fact_table[f].named == FACT_PLAIN ? !str_eq(text, t) : !str_starts(text, t))
			continue;
		*name = str_n(text.data + t.len, text.len - t.len);
		return (enum fact)f;
	}
	return FACT_ATTR;
}

enum fact fact_of_info(int info)
{
	static const uint8_t facts[] = {
#define F(name, text, named, how, help)
#define G(name, info, text, how, help) [SLUICE_I_##info] = FACT_##name,
#include "policy/fact.def"
	};
	return info >= 0 && (size_t)info < sizeof(facts) ? (enum fact)facts[info] : FACT_COUNT;
}

sluice_str fact_value(sluice_exchange *x, enum fact f)
{
	const sluice_expr e = { .fact = (uint8_t)f, .text = fact_table[f].text };
	sluice_str value;
	(void)fact_table[f].read(x, &e, &value);
	return value;
}
