/*
 * cors: lets pages of other origins call a service, by the CORS protocol of the Fetch standard.
 * Answers preflights, and says on every response which pages may read it. on_request looks at
 * Origin and decides; on_response writes the fields, also to what the gateway itself answers.
 * conf.c has the options, shared/cors.c what grpc-web needs too.
 */
#include <sluice/str.h>

#include "conf.h"

#define ASKED(name) sluice_field(x, SLUICE_REQUEST, SLUICE_STR(name))

/* What a worker has to match expressions with. */
struct worker {
	struct expression_scratch *work; /* owned; NULL when there are no expressions */
};

enum asked {
	ASKED_NOTHING = 0, /* no Origin */
	ASKED_CALL,
	ASKED_PREFLIGHT
};

/* What on_request found out. Kept, because a later plugin may change the request. */
struct seen {
	enum asked asked;
	sluice_str origin; /* permitted; else data is NULL */
};

/* ---- requests ------------------------------------------------------------------------------ */

static bool is_permitted(sluice_exchange *x, const struct cors *c, sluice_str origin)
{
	struct cors_origin o;
	if (cors_permits(&c->policy, origin))
		return true;
	if (!c->n_regexes || !cors_origin_read(origin, &o))
		return false;
	const struct worker *w = sluice_worker_state(x);
	for (size_t i = 0; i < c->n_regexes; i++) {
		if (expression_match(c->regexes[i], w->work, origin, NULL) == EXPRESSION_YES)
			return true;
	}
	return false;
}

/* The port in Host, as an origin has it: without the default one. */
static sluice_str port_of(sluice_str host, sluice_str scheme)
{
	if (host.len && host.data[0] == '[')
		(void)sluice_str_cut(&host, ']');
	(void)sluice_str_cut(&host, ':');
	if (sluice_str_is(host, sluice_str_is(scheme, "https") ? "443" : "80"))
		return SLUICE_STR("");
	return host;
}

/* Whether the request comes from a page of the service's own: browsers send Origin there too, with
 * methods other than GET and HEAD. */
static bool is_own(sluice_exchange *x, sluice_str origin)
{
	struct cors_origin o;
	sluice_str scheme = sluice_get(x, SLUICE_I_SCHEME);
	return cors_origin_read(origin, &o) && sluice_str_eq(o.scheme, scheme) &&
		sluice_str_eq(o.host, sluice_get(x, SLUICE_I_HOST)) &&
		sluice_str_eq(o.port, port_of(ASKED("host"), scheme));
}

/* Note what the browser will not find permitted in the answer. */
static void note_refused(sluice_exchange *x, const struct cors *c)
{
	sluice_str fields = ASKED("access-control-request-headers");
	sluice_str method = ASKED("access-control-request-method");
	static const sluice_str always[] = { { "GET", 3 }, { "HEAD", 4 }, { "POST", 4 } };
	if (!c->policy.any_method && sluice_str_find(method, always, 3) == 3 &&
		sluice_str_find(method, c->methods.v, c->methods.n) == c->methods.n)
		sluice_note(x, "cors-method");
	for (size_t n = 0; !c->policy.any_field && fields.len && n < CORS_NAMES_MAX; n++) {
		sluice_str name = sluice_str_trim(sluice_str_cut(&fields, ','));
		size_t i = 0;
		while (i < c->headers.n && !sluice_str_ieq(name, c->headers.v[i]))
			i++;
		if (name.len && i == c->headers.n) {
			sluice_note(x, "cors-headers");
			return;
		}
	}
}

static sluice_verdict cors_on_request(sluice_exchange *x, const void *conf)
{
	const sluice_answer none = { .size = sizeof(none), .status = 204 };
	const struct cors *c = conf;
	sluice_str origin = ASKED("origin");
	if (!origin.data)
		return SLUICE_NEXT;
	struct seen *s = sluice_state(x, sizeof(*s));
	if (!s)
		return SLUICE_FAIL;
	s->asked = cors_is_preflight(x) ? ASKED_PREFLIGHT : ASKED_CALL;
	if (is_permitted(x, c, origin))
		s->origin = origin;
	if (s->asked == ASKED_PREFLIGHT && c->preflights == PREFLIGHTS_ANSWER) {
		if (!s->origin.data)
			return cors_refuse(x);
		note_refused(x, c);
		return sluice_answer_with(x, &none);
	}
	if (!s->origin.data && c->other_origins == OTHERS_REFUSE && !is_own(x, origin))
		return cors_refuse(x);
	return SLUICE_NEXT;
}

/* ---- responses ----------------------------------------------------------------------------- */

/* Whether a page may read the field without being told so (Fetch 2.2.2), or never. */
static bool is_settled(sluice_str name)
{
	static const sluice_str v[] = { { "cache-control", 13 }, { "content-language", 16 },
		{ "content-length", 14 }, { "content-type", 12 }, { "expires", 7 },
		{ "last-modified", 13 }, { "pragma", 6 }, { "set-cookie", 10 } };
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		if (sluice_str_ieq(name, v[i]))
			return true;
	}
	return cors_is_field(name);
}

/* With credentials "*" means nothing: name the fields that the response has. */
static bool expose_all(sluice_exchange *x)
{
	sluice_pair f;
	size_t room = 0;
	for (size_t i = 0; sluice_field_next(x, SLUICE_RESPONSE, &i, &f);)
		room += f.name.len + 2;
	char *out = sluice_alloc(x, room + 1), *at = out;
	if (!out)
		return false;
	for (size_t i = 0; sluice_field_next(x, SLUICE_RESPONSE, &i, &f);) {
		if (is_settled(f.name))
			continue;
		at = at == out ? at : sluice_str_put(at, SLUICE_STR(", "));
		at = sluice_str_put(at, f.name);
	}
	if (at != out)
		sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("access-control-expose-headers"),
			sluice_str_n(out, (size_t)(at - out)));
	return true;
}

static sluice_verdict cors_on_response(sluice_exchange *x, const void *conf)
{
	const struct cors *c = conf;
	const struct seen *s = sluice_state(x, sizeof(*s));
	struct cors_found theirs;
	if (!s)
		return SLUICE_FAIL;
	cors_look(x, &theirs);
	cors_vary(x, &c->policy, &theirs);
	if (c->upstream_fields == THEIRS_KEEP && theirs.allow_origin)
		return SLUICE_NEXT;
	if (theirs.any)
		cors_remove(x);
	if (!s->origin.data && !c->policy.any)
		return SLUICE_NEXT;
	if (s->asked == ASKED_PREFLIGHT)
		cors_allow_preflight(x, &c->policy, s->origin);
	else
		cors_allow(x, &c->policy, s->origin);
	return !c->expose_all || expose_all(x) ? SLUICE_NEXT : SLUICE_FAIL;
}

/* ---- workers ------------------------------------------------------------------------------- */

static int cors_worker_start(sluice_instance *inst, const void *conf, void *state)
{
	struct worker *w = state;
	if (((const struct cors *)conf)->n_regexes == 0)
		return 0;
	w->work = expression_scratch_new();
	if (w->work)
		return 0;
	sluice_log(inst, SLUICE_LOG_ERROR, "no memory to match regular expressions");
	return -1;
}

static void cors_worker_stop(sluice_instance *inst, const void *conf, void *state)
{
	(void)inst;
	(void)conf;
	expression_scratch_free(&((struct worker *)state)->work);
}

SLUICE_PLUGIN("cors", .version = "1.0",
	.summary = "lets pages of other origins call, by the CORS protocol",
	.options = cors_options, .conf_size = sizeof(struct cors), .check = cors_check,
	.stop = cors_stop, .worker_size = sizeof(struct worker), .worker_start = cors_worker_start,
	.worker_stop = cors_worker_stop, .on_request = cors_on_request,
	.on_response = cors_on_response);
