/* Where a request has credentials: see place.h. */
#include "place.h"

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

static bool kind_read(sluice_str text, enum place_kind *out)
{
	for (size_t i = 0; kinds[i]; i++) {
		*out = (enum place_kind)i;
		if (sluice_str_is(text, kinds[i]))
			return true;
	}
	return false;
}

/* Nothing of it reaches a log, and by any-of none that nobody has verified an upstream. The gateway
 * never logs Authorization and cookies. */
static void declare(sluice_instance *inst, const struct place *p)
{
	switch (p->kind) {
	case PLACE_HEADER:
		sluice_secret(inst, SLUICE_SECRET_FIELD, p->name);
		sluice_own(inst, SLUICE_OWN_CREDENTIAL_FIELD, p->name);
		break;
	case PLACE_QUERY:
		sluice_secret(inst, SLUICE_SECRET_PARAMETER, p->name);
		sluice_own(inst, SLUICE_OWN_CREDENTIAL_PARAMETER, p->name);
		break;
	case PLACE_SCHEME:
		sluice_own(inst, SLUICE_OWN_CREDENTIAL_FIELD, SLUICE_STR("authorization"));
		break;
	case PLACE_COOKIE:
	default:
		sluice_own(inst, SLUICE_OWN_CREDENTIAL_COOKIE, p->name);
		break;
	}
}

const char *place_parse(sluice_instance *inst, sluice_str text, struct place *out)
{
	sluice_str name = text, kind = sluice_str_cut(&name, ':');
	const char *why = NULL;
	if (!kind_read(kind, &out->kind) || !name.len)
		return "is none of header:NAME, query:NAME, cookie:NAME and scheme:NAME";
	if (out->kind == PLACE_HEADER)
		why = refuse_field(name);
	if (out->kind == PLACE_SCHEME && !sluice_str_is_token(name))
		why = "has no name of a scheme";
	if (out->kind == PLACE_COOKIE && !sluice_str_is_token(name))
		why = "has no name of a cookie";
	out->name = name;
	out->expr = NULL;
	if (!why && out->kind != PLACE_SCHEME) {
		out->expr = sluice_expr_compile(inst, text, &why);
		why = out->expr ? NULL : why;
	}
	if (!why)
		declare(inst, out);
	return why;
}

char *place_describe(const struct place *p, char *at)
{
	return sluice_str_put(sluice_str_put(at, sluice_str_of(words[p->kind])), p->name);
}

/* ---- reading ------------------------------------------------------------------------------- */

/* A field Authorization with the scheme. Two of them are malformed, whatever their schemes: another
 * reader might choose the other one. */
static sluice_reading read_scheme(sluice_exchange *x, const struct place *p, sluice_str *out)
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
	if (!sluice_str_ieq(sluice_str_cut(&value, ' '), p->name))
		return SLUICE_READ_NONE;
	*out = value.data ? sluice_str_trim(value) : SLUICE_STR("");
	return SLUICE_READ_ONE;
}

sluice_reading place_read(sluice_exchange *x, const struct place *p, sluice_str *out)
{
	return p->expr ? sluice_expr_read(x, p->expr, out) : read_scheme(x, p, out);
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

bool place_remove(sluice_exchange *x, const struct place *p)
{
	sluice_str ignored;
	switch (p->kind) {
	case PLACE_HEADER:
		sluice_field_remove(x, SLUICE_REQUEST, p->name);
		return true;
	case PLACE_QUERY:
		return !sluice_get(x, SLUICE_I_QUERY).len || sluice_query_remove(x, p->name);
	case PLACE_COOKIE:
		return remove_cookie(x, p->name);
	case PLACE_SCHEME:
	default:
		if (read_scheme(x, p, &ignored) != SLUICE_READ_NONE)
			sluice_field_remove(x, SLUICE_REQUEST, SLUICE_STR("authorization"));
		return true;
	}
}

void place_used(sluice_exchange *x, const struct place *p)
{
	static const sluice_own_kind kinds_of[] = { [PLACE_HEADER] = SLUICE_OWN_CREDENTIAL_FIELD,
		[PLACE_QUERY] = SLUICE_OWN_CREDENTIAL_PARAMETER,
		[PLACE_COOKIE] = SLUICE_OWN_CREDENTIAL_COOKIE,
		[PLACE_SCHEME] = SLUICE_OWN_CREDENTIAL_FIELD };
	sluice_credentials_used(x, kinds_of[p->kind],
		p->kind == PLACE_SCHEME ? SLUICE_STR("authorization") : p->name);
}
