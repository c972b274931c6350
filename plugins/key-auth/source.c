/* Where a request has its key: see source.h. */
#include "source.h"

#include "cookies.h"

static const char *const kinds[] = { "header", "query", "cookie", "scheme", NULL };
static const char *const words[] = { "the header field ", "the parameter ", "the cookie ",
	"the header field Authorization with the scheme " };

/* ---- configuration ------------------------------------------------------------------------- */

static const char *refuse_field(sluice_str name)
{
	if (sluice_str_ieq(name, SLUICE_STR("authorization")))
		return "has a scheme before the key in Authorization: write scheme:Bearer, or "
		       "another one";
	if (sluice_str_ieq(name, SLUICE_STR("cookie")))
		return "has many values in Cookie: write cookie:NAME";
	return sluice_field_refused(SLUICE_REQUEST, SLUICE_FIELD_REMOVE, name, SLUICE_STR_NONE);
}

static bool kind_read(sluice_str text, enum source_kind *out)
{
	for (size_t i = 0; kinds[i]; i++) {
		*out = (enum source_kind)i;
		if (sluice_str_is(text, kinds[i]))
			return true;
	}
	return false;
}

/* Nothing of it reaches a log, and in any-of none that nobody has verified an upstream. The gateway
 * never logs Authorization and cookies. */
static void declare(sluice_instance *inst, const struct source *s)
{
	switch (s->kind) {
	case SOURCE_HEADER:
		sluice_secret(inst, SLUICE_SECRET_FIELD, s->name);
		sluice_own(inst, SLUICE_OWN_CREDENTIAL_FIELD, s->name);
		break;
	case SOURCE_QUERY:
		sluice_secret(inst, SLUICE_SECRET_PARAMETER, s->name);
		sluice_own(inst, SLUICE_OWN_CREDENTIAL_PARAMETER, s->name);
		break;
	case SOURCE_SCHEME:
		sluice_own(inst, SLUICE_OWN_CREDENTIAL_FIELD, SLUICE_STR("authorization"));
		break;
	case SOURCE_COOKIE:
	default:
		break;
	}
}

const char *source_read(sluice_instance *inst, sluice_str text, struct source *out)
{
	sluice_str name = text, kind = sluice_str_cut(&name, ':');
	const char *why = NULL;
	if (!kind_read(kind, &out->kind) || !name.len)
		return "is none of header:NAME, query:NAME, cookie:NAME and scheme:NAME";
	if (out->kind == SOURCE_HEADER)
		why = refuse_field(name);
	if (out->kind == SOURCE_SCHEME && !sluice_str_is_token(name))
		why = "has no name of a scheme";
	if (out->kind == SOURCE_COOKIE && !sluice_str_is_token(name))
		why = "has no name of a cookie";
	out->name = name;
	out->expr = NULL;
	if (!why && out->kind != SOURCE_SCHEME) {
		out->expr = sluice_expr_compile(inst, text, &why);
		why = out->expr ? NULL : why;
	}
	if (!why)
		declare(inst, out);
	return why;
}

char *source_describe(const struct source *s, char *at)
{
	return sluice_str_put(sluice_str_put(at, sluice_str_of(words[s->kind])), s->name);
}

/* ---- reading ------------------------------------------------------------------------------- */

/* A field Authorization with the scheme. Two of them are malformed, whatever their schemes: another
 * reader might choose the other one. */
static sluice_reading read_scheme(sluice_exchange *x, const struct source *s, sluice_str *out)
{
	sluice_pair f;
	sluice_str value = SLUICE_STR_NONE;
	size_t n = 0;
	for (size_t at = 0; sluice_field_next(x, SLUICE_REQUEST, &at, &f);) {
		if (sluice_str_ieq(f.name, SLUICE_STR("authorization"))) {
			value = f.value;
			n++;
		}
	}
	if (n > 1)
		return SLUICE_READ_MANY;
	if (!sluice_str_ieq(sluice_str_cut(&value, ' '), s->name))
		return SLUICE_READ_NONE;
	*out = value.data ? sluice_str_trim(value) : SLUICE_STR("");
	return SLUICE_READ_ONE;
}

/* Visible ASCII: what every source can carry as it is. */
static bool is_key(sluice_str text)
{
	if (text.len == 0 || text.len > KEY_MAX)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];
		if (c <= 0x20 || c >= 0x7f)
			return false;
	}
	return true;
}

enum source_found source_find(sluice_exchange *x, const struct source *v, size_t n, sluice_str *key,
	size_t *used)
{
	for (*used = 0; *used < n; ++*used) {
		const struct source *s = &v[*used];
		switch (s->expr ? sluice_expr_read(x, s->expr, key) : read_scheme(x, s, key)) {
		case SLUICE_READ_NONE:
			continue;
		case SLUICE_READ_ONE:
			return is_key(*key) ? SOURCE_KEY : SOURCE_MALFORMED;
		case SLUICE_READ_MANY:
			return SOURCE_MALFORMED;
		case SLUICE_READ_FAIL:
		default:
			return SOURCE_FAIL;
		}
	}
	return SOURCE_NONE;
}

/* ---- taking it off ------------------------------------------------------------------------- */

static bool remove_cookie(sluice_exchange *x, sluice_str name)
{
	const sluice_str field = SLUICE_STR("cookie");
	sluice_pair f;
	size_t room = 0;
	bool found = false;
	for (size_t at = 0; sluice_field_next(x, SLUICE_REQUEST, &at, &f);)
		room += sluice_str_ieq(f.name, field) ? 2 * f.value.len + 2 : 0;
	if (!room)
		return true;
	char *start = sluice_alloc(x, room), *end = start;
	if (!start)
		return false;
	for (size_t at = 0; sluice_field_next(x, SLUICE_REQUEST, &at, &f);) {
		if (sluice_str_ieq(f.name, field))
			end = cookies_keep(f.value, name, start, end, &found);
	}
	if (found && end > start)
		sluice_field_set(x, SLUICE_REQUEST, field,
			sluice_str_n(start, (size_t)(end - start)));
	else if (found)
		sluice_field_remove(x, SLUICE_REQUEST, field);
	return true;
}

bool source_remove(sluice_exchange *x, const struct source *s)
{
	sluice_str ignored;
	switch (s->kind) {
	case SOURCE_HEADER:
		sluice_field_remove(x, SLUICE_REQUEST, s->name);
		return true;
	case SOURCE_QUERY:
		return !sluice_get(x, SLUICE_I_QUERY).len || sluice_query_remove(x, s->name);
	case SOURCE_COOKIE:
		return remove_cookie(x, s->name);
	case SOURCE_SCHEME:
	default:
		if (read_scheme(x, s, &ignored) != SLUICE_READ_NONE)
			sluice_field_remove(x, SLUICE_REQUEST, SLUICE_STR("authorization"));
		return true;
	}
}
