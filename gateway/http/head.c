/* Fields, methods, and what HTTP says of them whatever the version. Any thread. */
#include "http/head.h"

#include "base/hash.h"

enum { FIELDS_FIRST = 24 };

#define T(name, text, flags) | ((flags)&TOKEN_HOP ? TOKEN_BIT(TOKEN_##name) : 0)
const uint64_t tokens_hop_by_hop = UINT64_C(0)
#include "http/token.def"
	;
#undef T

struct field *fields_find(const struct fields *f, enum token t)
{
	for (uint32_t i = 0; i < f->n; i++) {
		if (f->v[i].token == t && !(f->v[i].flags & FIELD_DROP))
			return &f->v[i];
	}
	return NULL;
}

/* t: token of name */
static bool field_is(const struct field *f, enum token t, sluice_str name)
{
	return f->token == t && (t != TOKEN_OTHER || str_ieq(field_name(f), name));
}

struct field *fields_find_name(const struct fields *f, sluice_str name)
{
	enum token t = token_find(name.data, name.len);
	for (uint32_t i = 0; i < f->n; i++) {
		if (field_is(&f->v[i], t, name) && !(f->v[i].flags & FIELD_DROP))
			return &f->v[i];
	}
	return NULL;
}

int fields_grow(struct fields *f, struct arena *a)
{
	uint32_t cap = f->cap ? f->cap * 2 : FIELDS_FIRST;
	struct field *v = cap > f->cap ? arena_alloc(a, cap * sizeof(*v)) : NULL;
	if (!v)
		return ERR_NO_MEMORY;
	if (f->n)
		memcpy(v, f->v, f->n * sizeof(*v));
	f->v = v;
	f->cap = cap;
	return 0;
}

int fields_add(struct fields *f, struct arena *a, sluice_str name, sluice_str value)
{
	if (name.len > UINT32_MAX || value.len > UINT32_MAX)
		return ERR_NO_MEMORY;
	int rc = fields_reserve(f, a);
	if (rc)
		return rc;
	f->v[f->n++] = (struct field){
		.name = name.data,
		.name_len = (uint32_t)name.len,
		.value = value.data,
		.value_len = (uint32_t)value.len,
		.token = (uint16_t)token_find(name.data, name.len),
	};
	return 0;
}

int fields_copy(struct fields *to, const struct fields *from, struct arena *a)
{
	struct field *v = arena_alloc(a, ((size_t)from->n + 1) * sizeof(*v));
	if (!v)
		return ERR_NO_MEMORY;
	if (from->n)
		memcpy(v, from->v, from->n * sizeof(*v));
	*to = (struct fields){ .v = v, .n = from->n, .cap = from->n + 1 };
	return 0;
}

unsigned fields_drop(struct fields *f, sluice_str name)
{
	enum token t = token_find(name.data, name.len);
	unsigned dropped = 0;
	for (uint32_t i = 0; i < f->n; i++) {
		struct field *v = &f->v[i];
		if (field_is(v, t, name) && !(v->flags & FIELD_DROP)) {
			v->flags |= FIELD_DROP;
			dropped++;
		}
	}
	return dropped;
}

void fields_drop_alike(struct fields *f, sluice_str name)
{
	for (uint32_t i = 0; i < f->n; i++) {
		if (f->v[i].name_len == name.len && field_names_alike(field_name(&f->v[i]), name))
			f->v[i].flags |= FIELD_DROP;
	}
}

int fields_set(struct fields *f, struct arena *a, sluice_str name, sluice_str value)
{
	(void)fields_drop(f, name);
	return fields_add(f, a, name, value);
}

/* ---- hop-by-hop fields --------------------------------------------------------------------- */

enum { NAMED_MAX = 64, NAMED_SLOTS = 128 }; /* at most half full */

/* Names that Connection lists, to be looked for all at once. Nobody outside can make two of them
 * collide (base/hash.h). */
struct named {
	uint64_t tokens;              /* bit for each enum token */
	uint32_t n;                   /* in slot */
	sluice_str slot[NAMED_SLOTS]; /* others; linear probing, empty ones have no data */
};

/* Where a name is, or would be put. */
static sluice_str *named_find(struct named *s, sluice_str name)
{
	size_t at = hash_str_ci(name) % NAMED_SLOTS;
	while (s->slot[at].data && !str_ieq(s->slot[at], name))
		at = (at + 1) % NAMED_SLOTS;
	return &s->slot[at];
}

static void named_add(struct named *s, sluice_str name)
{
	enum token t = token_find(name.data, name.len);
	if (t != TOKEN_OTHER) {
		s->tokens |= UINT64_C(1) << t;
		return;
	}
	if (s->n == 0)
		memset(s->slot, 0, sizeof(s->slot));
	sluice_str *at = named_find(s, name);
	s->n += at->data == NULL;
	*at = name;
}

/* One look at each field, however many names there are; the set is empty afterwards. */
static void named_drop(struct named *s, struct fields *f)
{
	for (uint32_t i = 0; i < f->n; i++) {
		struct field *v = &f->v[i];
		bool is_named = v->token == TOKEN_OTHER ? s->n && named_find(s, field_name(v))->data
							: (s->tokens >> v->token & 1) != 0;
		if (is_named)
			v->flags |= FIELD_DROP;
	}
	s->tokens = 0;
	s->n = 0;
}

/* Only where Connection says more than what concerns itself: the fields it names go as well. */
static void fields_drop_named(struct fields *f)
{
	struct named s; /* its slots are cleared with the first name */
	s.tokens = 0;
	s.n = 0;
	for (uint32_t i = 0; i < f->n; i++) {
		sluice_str rest = f->v[i].token == TOKEN_CONNECTION ? field_value(&f->v[i])
								    : STR_NONE,
			   item;
		while (str_list_next(&rest, &item)) {
			named_add(&s, item);
			if (s.n == NAMED_MAX)
				named_drop(&s, f);
		}
	}
	named_drop(&s, f);
}

bool field_is_hop_by_hop(const struct field *f)
{
	return (tokens_hop_by_hop >> f->token & 1) != 0;
}

bool fields_drop_hop_by_hop(struct fields *f)
{
	bool names = false;
	for (uint32_t i = 0; i < f->n; i++) {
		struct field *v = &f->v[i];
		if (!(tokens_hop_by_hop >> v->token & 1))
			continue;
		v->flags |= FIELD_DROP;
		/* what nearly all say names no field */
		names |= v->token == TOKEN_CONNECTION &&
			!str_ieq(field_value(v), STR("keep-alive")) &&
			!str_ieq(field_value(v), STR("close"));
	}
	if (unlikely(names))
		fields_drop_named(f);
	return names;
}

struct field *fields_join_lengths(struct fields *f)
{
	sluice_str length = STR_NONE;
	struct field *first = NULL;
	for (uint32_t i = 0; i < f->n; i++) {
		sluice_str rest = field_value(&f->v[i]);
		if (f->v[i].token != TOKEN_CONTENT_LENGTH)
			continue;
		do {
			sluice_str item = str_trim(str_cut(&rest, ','));
			if (item.len == 0 || (length.data && !str_eq(item, length)))
				return NULL;
			length = item;
		} while (rest.data);
		if (!first)
			first = &f->v[i];
		else
			f->v[i].flags |= FIELD_DROP;
	}
	if (!first)
		return NULL;
	first->value = length.data;
	first->value_len = (uint32_t)length.len;
	first->flags &= (uint16_t)~FIELD_LINE;
	return first;
}

/* ---- repeated fields ----------------------------------------------------------------------- */

enum repeat { REPEAT_REFUSED = 1, REPEAT_EQUAL, REPEAT_NEITHER };

#define R(name, rule, why) | TOKEN_BIT(TOKEN_##name)
const uint64_t tokens_once = UINT64_C(0)
#include "http/repeat.def"
	;
#undef R

#define R(name, rule, why) [TOKEN_##name] = REPEAT_##rule,
static const uint8_t repeats[TOKEN_COUNT] = {
#include "http/repeat.def"
};
#undef R

/* Take the token's fields out, but for the first `keep` of them. */
static void repeat_remove(struct fields *f, enum token t, uint32_t keep)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < f->n; i++) {
		if (f->v[i].token == t) {
			if (keep == 0)
				continue;
			keep--;
		}
		f->v[kept++] = f->v[i];
	}
	f->n = kept;
}

static int repeat_settle(struct fields *f, enum token t)
{
	const struct field *first = NULL;
	bool differ = false;
	for (uint32_t i = 0; i < f->n; i++) {
		if (f->v[i].token != t)
			continue;
		if (!first)
			first = &f->v[i];
		differ |= !str_eq(field_value(first), field_value(&f->v[i]));
	}
	if (repeats[t] == REPEAT_REFUSED || (differ && repeats[t] == REPEAT_EQUAL))
		return ERR_BAD_FIELD;
	repeat_remove(f, t, differ ? 0 : 1);
	return 0;
}

int fields_settle_repeats(struct fields *f, uint64_t twice)
{
	int rc = 0;
	for (uint64_t left = twice & tokens_once; left && !rc; left &= left - 1)
		rc = repeat_settle(f, (enum token)__builtin_ctzll(left));
	return rc;
}

/* ---- trailers ------------------------------------------------------------------------------ */

/* What the gateway knows by token is of that kind, but for the validators. */
bool field_is_no_trailer(const struct field *f)
{
	static const sluice_str names[] = { { "age", 3 }, { "expires", 7 }, { "pragma", 6 },
		{ "max-forwards", 12 }, { "cookie2", 7 }, { "set-cookie2", 11 }, { "warning", 7 },
		{ "accept-charset", 14 } };
	sluice_str name = field_name(f);
	if (f->token != TOKEN_OTHER)
		return f->token != TOKEN_ETAG && f->token != TOKEN_LAST_MODIFIED;
	if ((name.len > 8 && str_ieq(str_n(name.data, 8), STR("content-"))) ||
		(name.len > 3 && str_ieq(str_n(name.data, 3), STR("if-"))) ||
		(name.len > 6 && str_ieq(str_n(name.data, 6), STR("proxy-"))))
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (str_ieq(name, names[i]))
			return true;
	}
	return false;
}

static const sluice_str methods[METHOD_COUNT] = {
	[METHOD_OTHER] = { "", 0 },
	[METHOD_GET] = { "GET", 3 },
	[METHOD_HEAD] = { "HEAD", 4 },
	[METHOD_POST] = { "POST", 4 },
	[METHOD_PUT] = { "PUT", 3 },
	[METHOD_DELETE] = { "DELETE", 6 },
	[METHOD_PATCH] = { "PATCH", 5 },
	[METHOD_OPTIONS] = { "OPTIONS", 7 },
	[METHOD_CONNECT] = { "CONNECT", 7 },
	[METHOD_TRACE] = { "TRACE", 5 },
};

enum method method_find(sluice_str s)
{
	for (unsigned m = METHOD_GET; m < METHOD_COUNT; m++) {
		if (methods[m].len == s.len && methods[m].data[0] == s.data[0] &&
			memcmp(methods[m].data, s.data, s.len) == 0)
			return (enum method)m;
	}
	return METHOD_OTHER;
}

sluice_str method_name(enum method m)
{
	return methods[m];
}

bool method_is_idempotent(enum method m)
{
	switch (m) {
	case METHOD_GET:
	case METHOD_HEAD:
	case METHOD_OPTIONS:
	case METHOD_TRACE: /* safe methods are idempotent, RFC 9110 9.2.1 */
	case METHOD_PUT:
	case METHOD_DELETE:
		return true;
	default:
		return false;
	}
}

bool response_may_have_body(enum method m, int status)
{
	if (m == METHOD_HEAD || status < 200 || status == 204 || status == 304)
		return false;
	return !(m == METHOD_CONNECT && status < 300); /* the tunnel begins: RFC 9112 6.3 */
}
