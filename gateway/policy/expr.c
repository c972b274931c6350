/* Key expressions. */
#include "policy/expr.h"

#include "policy/run.h"

static const struct {
	sluice_str text;
	enum expr_kind kind;
	bool prefix;
} words[] = {
	{ STR("ip"), EXPR_IP, false },
	{ STR("route"), EXPR_ROUTE, false },
	{ STR("host"), EXPR_HOST, false },
	{ STR("path"), EXPR_PATH, false },
	{ STR("method"), EXPR_METHOD, false },
	{ STR("scheme"), EXPR_SCHEME, false },
	{ STR("upstream"), EXPR_UPSTREAM, false },
	{ STR("request_id"), EXPR_REQUEST_ID, false },
	{ STR("header:"), EXPR_HEADER, true },
	{ STR("query:"), EXPR_QUERY, true },
	{ STR("cookie:"), EXPR_COOKIE, true },
};

/* consumer, claim:sub, claim:realm.roles */
static bool expr_is_attr(sluice_str s)
{
	if (s.len == 0 || s.len > 128 || s.data[0] == ':' || s.data[s.len - 1] == ':')
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.data[i];
		if (c <= ' ' || c >= 0x7f || c == '"' || c == ',')
			return false;
	}
	return true;
}

const sluice_expr *expr_compile(struct arena *a, sluice_str text, const char **why)
{
	struct sluice_expr *e = arena_new(a, struct sluice_expr);
	e->kind = EXPR_ATTR;
	e->text = e->name = arena_str(a, text);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (words[i].prefix ? !str_starts(text, words[i].text) : !str_eq(text, words[i].text))
			continue;
		e->kind = (uint8_t)words[i].kind;
		e->name = str_n(e->text.data + words[i].text.len, text.len - words[i].text.len);
		if (words[i].prefix && e->name.len == 0) {
			*why = "a name must follow the colon";
			return NULL;
		}
		if (e->kind == EXPR_HEADER && !str_is_token(e->name)) {
			*why = "that is no header name";
			return NULL;
		}
		if (e->kind == EXPR_HEADER)
			e->token = token_find(e->name.data, e->name.len);
		return e;
	}
	if (!expr_is_attr(text)) {
		*why = "expected ip, route, host, path, method, scheme, upstream, request_id, header:NAME, query:NAME, "
		       "cookie:NAME, path:NAME or an attribute such as claim:sub";
		return NULL;
	}
	return e;
}

static sluice_str expr_query(sluice_str query, sluice_str name)
{
	while (query.len) {
		sluice_str pair = str_cut(&query, '&');
		sluice_str value = pair, key = str_cut(&value, '=');
		if (str_eq(key, name))
			return value.data ? value : STR("");
	}
	return STR_NONE;
}

static sluice_str expr_cookie(const struct fields *f, sluice_str name)
{
	for (uint32_t i = 0; i < f->n; i++) {
		if (f->v[i].token != TOKEN_COOKIE || (f->v[i].flags & FIELD_DROP))
			continue;
		sluice_str rest = field_value(&f->v[i]);
		while (rest.len) {
			sluice_str value = str_trim(str_cut(&rest, ';')), key = str_cut(&value, '=');
			if (str_eq(key, name))
				return value.data ? value : STR("");
		}
	}
	return STR_NONE;
}

sluice_str expr_value(sluice_exchange *x, const sluice_expr *e)
{
	struct field *f;
	switch ((enum expr_kind)e->kind) {
	case EXPR_IP:
		return x->client_ip;
	case EXPR_ROUTE:
		return x->route_name;
	case EXPR_HOST:
		return x->request->host;
	case EXPR_PATH:
		return x->request->path;
	case EXPR_METHOD:
		return x->request->method_text;
	case EXPR_SCHEME:
		return x->client->conn->tls_version ? STR("https") : STR("http");
	case EXPR_UPSTREAM:
		return x->upstream_name.len ? x->upstream_name : STR_NONE;
	case EXPR_REQUEST_ID:
		return x->request_id;
	case EXPR_HEADER:
		f = e->token ? fields_find(&x->request->fields, e->token) : fields_find_name(&x->request->fields, e->name);
		return f ? field_value(f) : STR_NONE;
	case EXPR_QUERY:
		return expr_query(x->request->query, e->name);
	case EXPR_COOKIE:
		return expr_cookie(&x->request->fields, e->name);
	case EXPR_ATTR:
		return run_attr(x, e->name);
	}
	return STR_NONE;
}
