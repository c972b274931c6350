/* Requests. See the header. */
#include "request.h"

#include "refresh.h"
#include "serve.h"
#include "validator.h"

/* ---- reading the request ------------------------------------------------------------------- */

/* RFC 9110 9.2.1, and the safe ones of the registry that are in use */
static bool is_safe(sluice_str method)
{
	static const char *const safe[] = { "GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "REPORT",
		"SEARCH", "QUERY" };
	for (size_t i = 0; i < sizeof(safe) / sizeof(safe[0]); i++) {
		if (sluice_str_is(method, safe[i]))
			return true;
	}
	return false;
}

/* What the fields of a request say to a cache. */
struct reading {
	bool must_pass; /* a condition that is for the origin alone, or a tunnel */
	bool pragma;
};

static bool is_named(sluice_str name, const char *lower, size_t len)
{
	return name.len == len && sluice_str_ieq(name, sluice_str_n(lower, len));
}
#define NAMED(text) is_named(f->name, text, sizeof(text) - 1)

static void read_condition(const sluice_pair *f, struct page *p, struct reading *r)
{
	if (NAMED("if-none-match")) {
		p->if_none_match = p->if_none_match.data ? p->if_none_match : f->value;
		p->is_conditional = true;
	} else if (NAMED("if-modified-since")) {
		p->if_modified_since = f->value;
		p->is_conditional = true;
	} else if (NAMED("if-range")) {
		p->if_range = f->value;
	} else if (NAMED("if-match") || NAMED("if-unmodified-since")) {
		r->must_pass = true;
	}
}

static void read_told(const sluice_pair *f, struct page *p)
{
	enum told told = told_by(f->name);
	p->told = told > p->told ? told : p->told;
}

/* Most fields differ by their first letter from all that matter. */
static void read_field(const struct cache *c, const sluice_pair *f, struct page *p,
	struct reading *r)
{
	switch (f->name.len ? f->name.data[0] | 0x20 : 0) {
	case 'i':
		read_condition(f, p, r);
		break;
	case 'r':
		if (NAMED("range")) {
			p->range = f->value;
			p->is_partial = p->asked.has_range = true;
		}
		break;
	case 'a':
		p->asked.credentials |= NAMED("authorization");
		break;
	case 'f':
	case 'x':
		read_told(f, p);
		break;
	case 's': /* the fields of the connection, Upgrade among them, are not shown to plugins */
		r->must_pass |= NAMED("sec-websocket-key");
		read_told(f, p);
		break;
	case 'c':
		if (c->client_directives && NAMED("cache-control"))
			directives_read(&p->asked.cc, f->value);
		break;
	case 'p':
		read_told(f, p);
		r->pragma |= NAMED("pragma") && sluice_str_ieq(f->value, SLUICE_STR("no-cache"));
		break;
	default:
		break;
	}
}

/* False: the request goes by the cache. */
static bool read_request(sluice_exchange *x, const struct cache *c, struct page *p)
{
	struct reading r = { .must_pass = false };
	sluice_pair f;
	directives_init(&p->asked.cc);
	for (size_t at = 0; sluice_field_next(x, SLUICE_REQUEST, &at, &f);)
		read_field(c, &f, p, &r);
	/* RFC 9111 5.4 */
	if (r.pragma && c->client_directives && !p->asked.cc.any)
		p->asked.cc.no_cache = true;
	return !r.must_pass;
}

/* ---- finding ------------------------------------------------------------------------------- */

/* What is stored for the request, with a reference; NULL: nothing. */
static sluice_object *find(sluice_exchange *x, const struct cache *c, sluice_str key,
	struct page *p, struct entry *e, struct key *variant)
{
	sluice_object *o = sluice_object_get(c->store, key);
	p->why = p->is_collapsed ? p->why : WHY_MISS;
	p->does_pass = false;
	variant->len = 0;
	if (!o || !entry_read(sluice_object_meta(o), e)) {
		sluice_object_release(o);
		return NULL;
	}
	if (e->head.kind == ENTRY_RESPONSE)
		return o;
	p->does_pass = e->head.kind == ENTRY_PASS;
	if (e->head.kind == ENTRY_VARY) {
		p->why = p->is_collapsed ? p->why : WHY_VARY;
		if (!p->asked.v && !page_fields(x, SLUICE_REQUEST, &p->asked.v, &p->asked.n))
			variant->len = 0;
		else
			(void)key_variant(key, sluice_object_data(o), p->asked.v, p->asked.n,
				variant);
	}
	sluice_object_release(o);
	if (!variant->len)
		return NULL;
	o = sluice_object_get(c->store, key_text(variant));
	if (o && entry_read(sluice_object_meta(o), e) && e->head.kind == ENTRY_RESPONSE)
		return o;
	sluice_object_release(o);
	return NULL;
}

/* ---- may it be used? ----------------------------------------------------------------------- */

enum use { USE_NOT = 0, USE_IT, USE_AND_REFRESH };

static bool is_within(uint64_t ms, uint64_t seconds)
{
	return seconds != DIRECTIVE_NONE && ms <= seconds * 1000;
}

/* RFC 9111 4.2.4, 5.2.1; RFC 5861 4 */
static enum use judge_stale(const struct page *p, const struct entry *e, uint64_t over_ms)
{
	const struct directives *cc = &p->asked.cc;
	if (e->head.validate || e->head.no_stale)
		return USE_NOT;
	if (p->finds_error && over_ms <= e->head.if_error_ms)
		return USE_IT;
	if (cc->max_stale_any || is_within(over_ms, cc->max_stale))
		return USE_IT;
	/* a request in the background cannot say what the gateway reads of Forwarded */
	if (cc->min_fresh == DIRECTIVE_NONE && over_ms < e->head.while_revalidate_ms &&
		p->told != TOLD_FORWARDED)
		return USE_AND_REFRESH;
	return USE_NOT;
}

static enum use judge(const struct page *p, const struct entry *e, uint64_t age_ms)
{
	const struct directives *cc = &p->asked.cc;
	bool is_too_old = cc->max_age != DIRECTIVE_NONE && age_ms > cc->max_age * 1000;
	if (cc->no_cache || is_too_old)
		return USE_NOT;
	if (age_ms >= e->head.lifetime_ms)
		return judge_stale(p, e, age_ms - e->head.lifetime_ms);
	if (e->head.validate)
		return USE_NOT;
	bool stays = cc->min_fresh == DIRECTIVE_NONE ||
		e->head.lifetime_ms - age_ms >= cc->min_fresh * 1000;
	return stays ? USE_IT : USE_NOT;
}

/* ---- forwarding ---------------------------------------------------------------------------- */

/* Ask whether the stored response is still good (RFC 9111 4.3.1). What the client asks is answered
 * by what comes of that. */
static bool put_conditions(sluice_exchange *x, struct page *p)
{
	sluice_str etag = entry_field(&p->entry, "etag");
	sluice_str modified = entry_field(&p->entry, "last-modified");
	bool has_etag = etag_is(etag), has_date = p->entry.head.modified_s >= 0;
	if (p->is_head || (!has_etag && !has_date))
		return false;
	static const char *const theirs[] = { "if-none-match", "if-modified-since", "if-range",
		"range" };
	for (size_t i = 0; i < sizeof(theirs) / sizeof(theirs[0]); i++)
		sluice_field_remove(x, SLUICE_REQUEST, sluice_str_of(theirs[i]));
	if (has_etag)
		sluice_field_set(x, SLUICE_REQUEST, SLUICE_STR("If-None-Match"), etag);
	if (has_date)
		sluice_field_set(x, SLUICE_REQUEST, SLUICE_STR("If-Modified-Since"), modified);
	return true;
}

static sluice_verdict forward(sluice_exchange *x, struct page *p)
{
	const sluice_body_plan plan = { .size = sizeof(plan), .max = 1, .read_only = true };
	/* before this cache writes fields of its own */
	if (!p->asked.v && !page_fields(x, SLUICE_REQUEST, &p->asked.v, &p->asked.n))
		return SLUICE_FAIL;
	p->phase = PAGE_FORWARDS;
	p->is_collapsed = false;
	p->asked_ns = sluice_now_ns();
	p->validates = p->object && put_conditions(x, p);
	if (p->validates)
		p->asked.has_range = false;
	return p->is_head || sluice_body_want(x, SLUICE_REQUEST, &plan) ? SLUICE_NEXT : SLUICE_FAIL;
}

/* ---- waiting for others -------------------------------------------------------------------- */

static sluice_verdict look(sluice_exchange *x, const struct cache *c, struct page *p);

/* What the one that it waited for has brought is found by looking again. */
static sluice_verdict on_resumed(sluice_exchange *x, const void *conf, sluice_status st)
{
	struct page *p = page_of(x);
	if (!p)
		return SLUICE_FAIL;
	flight_leave(&p->waiter);
	enum flight_result result = p->waiter.result;
	p->is_collapsed = result == FLIGHT_STORED;
	p->finds_error = result == FLIGHT_ERROR;
	p->is_hot = st != SLUICE_OK || result == FLIGHT_UNSTORED || result == FLIGHT_ERROR;
	p->phase = PAGE_LOOKS;
	return look(x, conf, p);
}

/* Whether the answer that the request gets could serve others too. */
static bool may_share(const struct cache *c, const struct page *p)
{
	const struct directives *cc = &p->asked.cc;
	if (!c->coalesce || p->is_head || p->is_hot || p->does_pass || cc->no_store || cc->no_cache)
		return false;
	if (!p->object)
		return !p->is_partial && !p->is_conditional;
	/* what has to be validated for each request is of no use to those who wait */
	return !p->is_collapsed && !p->entry.head.validate && p->entry.head.lifetime_ms > 0;
}

/* Wait for a request that is under way; or lead, and go on. */
static sluice_verdict join(sluice_exchange *x, const struct cache *c, struct page *p)
{
	uint64_t now = sluice_now_ns();
	sluice_verdict v = SLUICE_NEXT;
	if (!p->until_ns)
		p->until_ns = now + c->coalesce * NS_OF_MS;
	if (!may_share(c, p) || now >= p->until_ns)
		return forward(x, p);
	uint64_t most_ns = c->coalesce * NS_OF_MS;
	const struct flight_ask ask = { .x = x,
		.key = p->variant,
		.since_ns = now > most_ns ? now - most_ns : 0,
		.timeout_ms = (p->until_ns - now) / NS_OF_MS + 1,
		.then = on_resumed };
	if (!flight_wait(c->flights, &ask, &p->flight, &p->waiter, &v))
		return forward(x, p);
	/* the reference would keep memory of the cache; it is found again */
	sluice_object_release(p->object);
	p->object = NULL;
	return v;
}

/* ---- looking ------------------------------------------------------------------------------- */

/* Nothing that is stored can be used as it is. What the request has to keep is copied. */
static sluice_verdict miss(sluice_exchange *x, const struct cache *c, struct page *p,
	sluice_str key, const struct key *variant)
{
	if (p->asked.cc.only_if_cached) {
		p->phase = PAGE_SERVED;
		page_count(c, "refused");
		return sluice_refuse(x, 504, "cache-only",
			"The response is not stored, and the request asks for a stored one only.");
	}
	if (!p->asked.key.data)
		p->asked.key = page_keep(x, key);
	p->variant = variant->len ? page_keep(x, key_text(variant)) : p->asked.key;
	if (!p->asked.key.data || !p->variant.data)
		return SLUICE_FAIL;
	return join(x, c, p);
}

static sluice_verdict found(sluice_exchange *x, const struct cache *c, struct page *p,
	sluice_object *o, const struct entry *e, sluice_str key, const struct key *variant)
{
	uint64_t age_ms = entry_age_ms(e, sluice_now_ns());
	enum use use = judge(p, e, age_ms);
	if (use == USE_NOT) {
		p->object = o;
		p->entry = *e;
		p->why = age_ms >= e->head.lifetime_ms || e->head.validate ? WHY_STALE
									   : WHY_REQUEST;
		return miss(x, c, p, key, variant);
	}
	if (use == USE_AND_REFRESH)
		refresh_begin(x, c, p, o, e, key, variant->len ? key_text(variant) : key);
	page_count(c, age_ms >= e->head.lifetime_ms ? "stale" : "hit");
	return serve_object(x, c, p, o, e);
}

static sluice_verdict look_for(sluice_exchange *x, const struct cache *c, struct page *p,
	sluice_str key)
{
	struct key variant;
	struct entry e;
	sluice_object_release(p->object);
	p->object = NULL;
	sluice_object *o = find(x, c, key, p, &e, &variant);
	return o ? found(x, c, p, o, &e, key, &variant) : miss(x, c, p, key, &variant);
}

static sluice_verdict look(sluice_exchange *x, const struct cache *c, struct page *p)
{
	struct key key;
	if (p->asked.key.data)
		return look_for(x, c, p, p->asked.key);
	if (key_make(x, c, p->told != TOLD_NOTHING, &key)) {
		p->asked.has_user = key.has_user;
		return look_for(x, c, p, key_text(&key));
	}
	p->phase = PAGE_NONE;
	page_count(c, "bypass");
	return SLUICE_NEXT;
}

sluice_verdict request_on(sluice_exchange *x, const void *conf)
{
	const struct cache *c = conf;
	sluice_str method = sluice_get(x, SLUICE_I_METHOD);
	bool is_get = sluice_str_is(method, "GET"), is_head = sluice_str_is(method, "HEAD");
	struct page *p;
	/* without a route, the plugins of the route have not been asked whether it may be seen */
	if ((!is_get && !is_head && is_safe(method)) || !sluice_get(x, SLUICE_I_ROUTE).data)
		return SLUICE_NEXT;
	p = page_of(x);
	if (!p)
		return SLUICE_FAIL;
	if (!is_get && !is_head) {
		p->phase = PAGE_UNSAFE;
		return SLUICE_NEXT;
	}
	if ((c->unless && sluice_holds(x, c->unless) != SLUICE_NO) || !read_request(x, c, p)) {
		page_count(c, "bypass");
		return SLUICE_NEXT;
	}
	if (!page_hold(x, p))
		return SLUICE_FAIL;
	p->is_head = is_head;
	p->phase = PAGE_LOOKS;
	return look(x, c, p);
}

/* A service may look at the content of a GET, though it has no meaning (RFC 9110 9.3.1): what it
 * answers then is not for others. */
sluice_verdict request_on_body(sluice_exchange *x, const void *conf, sluice_str data, bool end)
{
	struct page *p = page_of(x);
	(void)conf, (void)end;
	if (!p)
		return SLUICE_FAIL;
	if (data.len && !p->has_content) {
		p->has_content = true;
		sluice_object_abort(p->writer);
		p->writer = NULL;
		(void)flight_end(&p->flight, FLIGHT_UNSTORED);
	}
	return SLUICE_NEXT;
}
