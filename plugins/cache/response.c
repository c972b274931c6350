/* Responses. See the header. */
#include "response.h"

#include "keep.h"
#include "serve.h"
#include "validator.h"

/* ---- what has come ------------------------------------------------------------------------- */

static bool read_reply(sluice_exchange *x, const struct page *p, struct reply *r)
{
	*r = (struct reply){ .status = sluice_response_status(x),
		.head_ns = sluice_now_ns(),
		.head_ms = sluice_unix_ms() };
	r->delay_ms = (r->head_ns - p->asked_ns) / NS_OF_MS;
	return page_fields(x, SLUICE_RESPONSE, &r->v, &r->n);
}

/* A response that the upstream gave, and not a refusal of the gateway, or the answer of a route or
 * of a plugin, which may have taken the place of the upstream's. */
static bool is_of_upstream(sluice_exchange *x)
{
	return !sluice_get(x, SLUICE_I_REASON).data &&
		sluice_number(x, SLUICE_N_UPSTREAM_STATUS) == sluice_response_status(x);
}

/* RFC 5861 4; a refusal by a plugin is no error of the upstream. */
static bool is_error(sluice_exchange *x, int status)
{
	sluice_str reason = sluice_get(x, SLUICE_I_REASON);
	static const char *const others[] = { "no-server", "not-resolved", "connect-failed",
		"connect-timeout", "connect-forbidden", "no-descriptors", "no-local-port" };
	if (status != 500 && status != 502 && status != 503 && status != 504)
		return false;
	if (!reason.data)
		return is_of_upstream(x);
	if (sluice_str_starts(reason, SLUICE_STR("upstream-")))
		return true;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (sluice_str_is(reason, others[i]))
			return true;
	}
	return false;
}

/* Who was identified by other means than Authorization has given credentials as well. */
static void read_credentials(sluice_exchange *x, struct asked *a)
{
	a->credentials |= sluice_attr(x, SLUICE_STR("consumer")).data != NULL ||
		sluice_get(x, SLUICE_I_CLIENT_CERT_SUBJECT).data != NULL;
}

/* What tags need, which a request that is served does not. */
static bool complete(sluice_exchange *x, const struct cache *c, struct asked *a)
{
	char uri[KEY_URI];
	if (!key_uri(c, sluice_get(x, SLUICE_I_SCHEME), sluice_get(x, SLUICE_I_AUTHORITY),
		    sluice_get(x, SLUICE_I_TARGET), uri))
		return false;
	a->uri = page_keep(x, sluice_str_n(uri, sizeof(uri)));
	a->path = sluice_get(x, SLUICE_I_PATH);
	return a->uri.data != NULL;
}

/* The stored response is not what others would get now, as far as this response tells. */
static void forget(const struct cache *c, const struct page *p, int status)
{
	if (rule_speaks_for_others(&p->asked, status))
		(void)sluice_object_remove(c->store, p->variant);
}

/* ---- validation ---------------------------------------------------------------------------- */

/* Whether the condition is still the one that this cache wrote: another plugin may have changed it,
 * and under `mode: report` it was not written. */
static bool is_ours(sluice_exchange *x, const struct page *p)
{
	sluice_str etag = entry_field(&p->entry, "etag");
	sluice_str sent = sluice_field(x, SLUICE_REQUEST, SLUICE_STR("if-none-match"));
	if (etag_is(etag))
		return sluice_str_eq(sent, etag);
	if (sent.data)
		return false;
	sent = sluice_field(x, SLUICE_REQUEST, SLUICE_STR("if-modified-since"));
	return sent.data && sluice_str_eq(sent, entry_field(&p->entry, "last-modified"));
}

static sluice_object *take_object(struct page *p)
{
	sluice_object *o = p->object;
	p->object = NULL;
	return o;
}

/* A 304 about another response than the stored one: its fields do not belong to the stored body.
 * The client gets what is stored, as it is, and nobody gets it again. */
static sluice_verdict serve_unmerged(sluice_exchange *x, const struct cache *c, struct page *p)
{
	forget(c, p, 304);
	(void)flight_end(&p->flight, FLIGHT_UNSTORED);
	page_count(c, "stale");
	return serve_object(x, c, p, take_object(p), &p->entry);
}

/* RFC 9111 4.3.3, 4.3.4: the stored response is good again, with the fields of the 304. */
static sluice_verdict freshen(sluice_exchange *x, const struct cache *c, struct page *p,
	const struct reply *r)
{
	struct keeping k;
	struct entry_head head = p->entry.head;
	struct reply updated = *r;
	size_t room = head.n_fields + r->n + SERVE_ROOM;
	sluice_pair *v = sluice_alloc(x, room * sizeof(*v));
	bool stored = false;
	if (!v)
		return SLUICE_FAIL;
	updated.status = (int)head.status;
	updated.v = v;
	updated.n = keep_merge(&p->entry, r, v);
	if (complete(x, c, &p->asked) && rule_may_store(c, &p->asked, &updated, &k))
		stored = keep_put(c, &p->asked, &updated, &k, sluice_object_data(p->object));
	if (stored) {
		head.head_ns = updated.head_ns;
		head.age_ms = k.age_ms;
		head.lifetime_ms = k.lifetime_ms;
		head.modified_s = k.modified_s;
		head.date_s = k.date_s;
	} else {
		forget(c, p, r->status);
	}
	(void)flight_end(&p->flight, stored ? FLIGHT_STORED : FLIGHT_UNSTORED);
	page_count(c, "revalidated");
	head.hides = true; /* the 304 may have brought one */
	/* fields of the connection and the like do not come from the 304 */
	size_t n = 0;
	for (size_t i = 0; i < updated.n; i++) {
		if (!sluice_field_refused(SLUICE_RESPONSE, SLUICE_FIELD_ADD, v[i].name,
			    v[i].value) &&
			!sluice_str_ieq(v[i].name, SLUICE_STR("age")))
			v[n++] = v[i];
	}
	const struct served s = { .object = take_object(p),
		.head = &head,
		.v = v,
		.n = n,
		.how = SERVE_VALIDATED };
	return serve(x, c, p, &s);
}

/* The upstream has failed: the stored response may stand in. */
static bool may_stand_in(sluice_exchange *x, const struct page *p, int status)
{
	if (!p->object || !is_error(x, status) || p->entry.head.no_stale || p->asked.cc.no_cache)
		return false;
	uint64_t age_ms = entry_age_ms(&p->entry, sluice_now_ns());
	uint64_t over_ms = age_ms > p->entry.head.lifetime_ms ? age_ms - p->entry.head.lifetime_ms
							      : 0;
	uint64_t asked = p->asked.cc.stale_if_error;
	uint64_t may_ms = p->entry.head.if_error_ms;
	if (asked != DIRECTIVE_NONE && asked * 1000 < may_ms)
		may_ms = asked * 1000;
	return may_ms > 0 && over_ms <= may_ms;
}

static sluice_verdict stand_in(sluice_exchange *x, const struct cache *c, struct page *p)
{
	(void)flight_end(&p->flight, FLIGHT_ERROR);
	page_count(c, "stale");
	return serve_object(x, c, p, take_object(p), &p->entry);
}

/* ---- storing ------------------------------------------------------------------------------- */

static bool has_body(int status)
{
	return status != 204 && status != 205;
}

/* Whether it is stored, or will be when its body has come. SLUICE_FAIL: there is no memory. */
static sluice_verdict begin(sluice_exchange *x, const struct cache *c, struct page *p,
	const struct reply *r, bool *stored)
{
	const sluice_body_plan plan = { .size = sizeof(plan), .max = 1, .read_only = true };
	struct keeping k;
	*stored = false;
	if (p->is_head || p->has_content || !complete(x, c, &p->asked) ||
		!rule_may_store(c, &p->asked, r, &k))
		return SLUICE_NEXT;
	if (!has_body(r->status)) {
		*stored = keep_put(c, &p->asked, r, &k, SLUICE_STR(""));
		return SLUICE_NEXT;
	}
	p->writer = keep_begin(c, &p->asked, r, &k);
	*stored = p->writer != NULL;
	if (p->writer && !sluice_body_want(x, SLUICE_RESPONSE, &plan))
		return SLUICE_FAIL;
	return SLUICE_NEXT;
}

/* A response that is not stored: who waits goes on, and the next ones do not wait for each other.
 * What was stored before is not what the upstream says now. */
static void not_stored(sluice_exchange *x, const struct cache *c, struct page *p, int status)
{
	bool failed = is_error(x, status);
	unsigned waited = flight_end(&p->flight, failed ? FLIGHT_ERROR : FLIGHT_UNSTORED);
	if (p->validates && status < 500 && status != 304 && is_of_upstream(x))
		forget(c, p, status);
	else if (waited && !failed && !p->object && p->why == WHY_MISS)
		keep_pass(c, p->asked.key);
}

/* What a HEAD tells of the response that a GET would get now: one that differs from what is stored
 * makes that invalid (RFC 9111 4.3.5). */
static void compare_head(const struct cache *c, const struct page *p, const struct reply *r)
{
	static const char *const names[] = { "etag", "last-modified" };
	uint64_t length = 0;
	bool differs = sluice_str_u64(rule_field(r->v, r->n, "content-length"), &length) &&
		length != sluice_object_data(p->object).len;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		sluice_str theirs = rule_field(r->v, r->n, names[i]);
		differs |= theirs.data && !sluice_str_eq(theirs, entry_field(&p->entry, names[i]));
	}
	if (differs)
		forget(c, p, r->status);
}

static sluice_verdict forwarded(sluice_exchange *x, const struct cache *c, struct page *p)
{
	struct reply r;
	bool stored = false;
	if (!read_reply(x, p, &r))
		return SLUICE_FAIL;
	read_credentials(x, &p->asked);
	if (r.status == 101) {
		(void)flight_end(&p->flight, FLIGHT_UNSTORED);
		return SLUICE_NEXT;
	}
	if (r.status == 304 && p->validates && is_of_upstream(x) && is_ours(x, p))
		return keep_is_selected(&p->entry, &r) ? freshen(x, c, p, &r)
						       : serve_unmerged(x, c, p);
	if (may_stand_in(x, p, r.status))
		return stand_in(x, c, p);
	if (p->is_head && p->object && r.status == 200 && is_of_upstream(x))
		compare_head(c, p, &r);
	sluice_verdict v = is_of_upstream(x) ? begin(x, c, p, &r, &stored) : SLUICE_NEXT;
	if (!stored)
		not_stored(x, c, p, r.status);
	else if (!p->writer)
		(void)flight_end(&p->flight, FLIGHT_STORED);
	sluice_object_release(take_object(p));
	page_count(c, stored ? "miss" : "unstored");
	serve_say_forwarded(x, c, p, stored);
	for (size_t i = 0; !c->forward_tags && i < c->tag_fields.n; i++)
		sluice_field_remove(x, SLUICE_RESPONSE, c->tag_fields.v[i]);
	return v;
}

sluice_verdict response_on_body(sluice_exchange *x, const void *conf, sluice_str data, bool end)
{
	struct page *p = page_of(x);
	(void)conf;
	if (!p)
		return SLUICE_FAIL;
	if (!p->writer)
		return SLUICE_NEXT;
	if (!sluice_object_append(p->writer, data)) {
		/* it is too large, or there is no room; it still goes to the client */
		sluice_object_abort(p->writer);
		p->writer = NULL;
		(void)flight_end(&p->flight, FLIGHT_UNSTORED);
	} else if (end) {
		bool kept = sluice_object_commit(p->writer);
		p->writer = NULL;
		(void)flight_end(&p->flight, kept ? FLIGHT_STORED : FLIGHT_UNSTORED);
	}
	return SLUICE_NEXT;
}

/* ---- invalidation -------------------------------------------------------------------------- */

static void invalidate(const struct cache *c, sluice_str scheme, sluice_str authority,
	sluice_str target)
{
	char uri[KEY_URI];
	if (key_uri(c, scheme, authority, target, uri))
		(void)sluice_object_remove_tag(c->store, sluice_str_n(uri, sizeof(uri)));
}

/* Location and Content-Location, where they are of the same origin (RFC 9111 4.4): a path, or a
 * whole URI. */
static void invalidate_reference(const struct cache *c, sluice_str scheme, sluice_str authority,
	sluice_str reference)
{
	sluice_str rest = reference, target = sluice_str_cut(&rest, '#');
	size_t before = scheme.len + 3 + authority.len;
	if (target.len > before && sluice_str_ieq(sluice_str_n(target.data, scheme.len), scheme) &&
		memcmp(target.data + scheme.len, "://", 3) == 0 &&
		sluice_str_ieq(sluice_str_n(target.data + scheme.len + 3, authority.len),
			authority))
		target = sluice_str_skip(target, before);
	bool is_path = target.len && target.data[0] == '/' &&
		!sluice_str_starts(target, SLUICE_STR("//"));
	if (is_path)
		invalidate(c, scheme, authority, target);
}

static void invalidate_all(sluice_exchange *x, const struct cache *c)
{
	sluice_str scheme = sluice_get(x, SLUICE_I_SCHEME),
		   authority = sluice_get(x, SLUICE_I_AUTHORITY);
	invalidate(c, scheme, authority, sluice_get(x, SLUICE_I_TARGET));
	invalidate_reference(c, scheme, authority,
		sluice_field(x, SLUICE_RESPONSE, SLUICE_STR("location")));
	invalidate_reference(c, scheme, authority,
		sluice_field(x, SLUICE_RESPONSE, SLUICE_STR("content-location")));
}

sluice_verdict response_on(sluice_exchange *x, const void *conf)
{
	const struct cache *c = conf;
	struct page *p = page_of(x);
	/* also where a plugin answers in its place: the service has done it */
	int64_t status = sluice_number(x, SLUICE_N_UPSTREAM_STATUS);
	if (!p)
		return SLUICE_FAIL;
	if (p->phase == PAGE_UNSAFE && status >= 200 && status < 400)
		invalidate_all(x, c);
	return p->phase == PAGE_FORWARDS ? forwarded(x, c, p) : SLUICE_NEXT;
}
