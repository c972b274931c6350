/* Keys and cookies. See affinity.h. */
#include "proxy/affinity.h"

#include <stdio.h>

#include "http/cookie.h"
#include "policy/expr.h"
#include "upstream/balance.h"
#include "upstream/sticky.h"

/* ---- the cookie of the request ------------------------------------------------------------- */

/* A browser may send several of one name, for several paths: the first that is a token counts. */
static void cookie_read(struct exchange *x, sluice_str field, sluice_str name)
{
	struct cookie_pair p;
	struct sticky_token token, *kept;
	while (!x->call.stays && cookie_pair_next(&field, &p)) {
		if (!str_eq(p.name, name) || !sticky_read(p.value, &token))
			continue;
		kept = arena_new(x->px.arena, struct sticky_token);
		if (!kept)
			return;
		*kept = token;
		x->call.stays = kept;
	}
}

static must_use int cookies_take(struct exchange *x, sluice_str name)
{
	struct fields *f = &x->px.request->fields;
	for (uint32_t i = 0; i < f->n; i++) {
		if (f->v[i].token != TOKEN_COOKIE || (f->v[i].flags & FIELD_DROP) ||
			!cookie_has(field_value(&f->v[i]), name))
			continue;
		cookie_read(x, field_value(&f->v[i]), name);
		int err = cookie_take_out(x->px.arena, &f->v[i], name);
		if (err)
			return err;
	}
	return 0;
}

int affinity_request(struct exchange *x, const struct snapshot_upstream *u)
{
	if (u->hash_by) {
		sluice_str value = expr_value(&x->px, u->hash_by);
		/* an empty one, as of a header without a value, is none */
		x->call.key = value.len ? balance_hash(value) : 0;
	}
	if (!u->conf->sticky.cookie.len)
		return 0;
	x->sticks = true;
	return cookies_take(x, u->conf->sticky.cookie);
}

/* ---- the cookie of the response ------------------------------------------------------------ */

static sluice_str cookie_text(struct arena *a, const struct sticky_conf *c,
	const struct sticky_token *t)
{
	static const char *const same_site[] = { "Lax", "Strict", "None" };
	char value[STICKY_TEXT], age[40] = "";
	sticky_write(t, value);
	if (c->ttl)
		(void)snprintf(age, sizeof(age), "; Max-Age=%llu",
			(unsigned long long)(c->ttl + 999) / 1000);
	return arena_printf(a, "%.*s=%.*s; Path=%.*s%s%s%s; SameSite=%s", STR_ARG(c->cookie),
		STICKY_TEXT, value, STR_ARG(c->path), age, c->secure ? "; Secure" : "",
		c->http_only ? "; HttpOnly" : "", same_site[c->same_site]);
}

void affinity_response(struct exchange *x)
{
	const struct sticky_conf *c = &x->view->snap->upstreams[x->px.upstream].conf->sticky;
	struct arena *a = x->px.arena;
	struct sticky_token token;
	if (x->own_answer || !x->upstream_status || !x->call.endpoint ||
		upstream_has_stayed(&x->call, &token))
		return;
	sluice_str text = cookie_text(a, c, &token);
	if (!text.data || fields_add(&x->px.response->fields, a, STR("Set-Cookie"), text) < 0)
		a->failed = false;
}
