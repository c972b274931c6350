/* Answers from the cache. See the header. */
#include "serve.h"

#include <stdio.h>

#include "../shared/date.h"
#include "decimal.h"
#include "range.h"
#include "validator.h"

enum { SERVE_TEXT = 320 }; /* Age, Cache-Status and Content-Range */

/* ---- Cache-Status -------------------------------------------------------------------------- */

static const char *const whys[] = {
	[WHY_MISS] = "uri-miss",
	[WHY_VARY] = "vary-miss",
	[WHY_STALE] = "stale",
	[WHY_REQUEST] = "request",
	[WHY_METHOD] = "method",
	[WHY_BYPASS] = "bypass",
};

void serve_say_forwarded(sluice_exchange *x, const struct cache *c, const struct page *p,
	bool stored)
{
	char text[SERVE_TEXT];
	if (!c->status_name.len)
		return;
	int n = snprintf(text, sizeof(text), "%.*s; fwd=%s%s", (int)c->status_name.len,
		c->status_name.data, whys[p->why], stored ? "; stored" : "");
	sluice_field_add(x, SLUICE_RESPONSE, SLUICE_STR("Cache-Status"),
		sluice_str_n(text, (size_t)n));
}

/* Returns the end of what was written. ttl is the time for which it stays fresh; negative, when it
 * is stale (RFC 9211 2.4). */
static char *say_served(char *to, const struct cache *c, const struct page *p,
	const struct served *s, uint64_t age_ms)
{
	uint64_t lifetime_ms = s->head->lifetime_ms;
	bool is_stale = age_ms >= lifetime_ms + 1000;
	uint64_t ttl = (is_stale                              ? age_ms - lifetime_ms
				       : age_ms < lifetime_ms ? lifetime_ms - age_ms
							      : 0) /
		1000;
	sluice_str what = SLUICE_STR("; hit; ttl=");
	if (s->how == SERVE_VALIDATED)
		what = SLUICE_STR("; fwd=stale; fwd-status=304; ttl=");
	else if (p->is_collapsed && p->why == WHY_STALE)
		what = SLUICE_STR("; fwd=stale; collapsed; ttl=");
	else if (p->is_collapsed)
		what = SLUICE_STR("; fwd=uri-miss; collapsed; ttl=");
	to = sluice_str_put(to, c->status_name);
	to = sluice_str_put(to, what);
	if (is_stale)
		*to++ = '-';
	return decimal_put(to, ttl);
}

/* ---- conditions ---------------------------------------------------------------------------- */

static sluice_str served_field(const struct served *s, const char *name)
{
	return rule_field(s->v, s->n, name);
}

/* Any line of the field. */
static bool matches_etag(sluice_exchange *x, sluice_str etag)
{
	sluice_pair f;
	for (size_t at = 0; sluice_field_next(x, SLUICE_REQUEST, &at, &f);) {
		if (sluice_str_ieq(f.name, SLUICE_STR("if-none-match")) &&
			etag_in_list(f.value, etag))
			return true;
	}
	return false;
}

/* Whether the client's copy is as good (RFC 9110 13.2.2, RFC 9111 4.3.2). The conditions of this
 * cache itself took the place of the client's in the request, so that these were kept. */
static bool is_not_modified(sluice_exchange *x, const struct page *p, const struct served *s)
{
	int64_t since, now = (int64_t)(sluice_unix_ms() / 1000);
	if (s->head->status != 200)
		return false;
	if (p->if_none_match.data) {
		sluice_str etag = served_field(s, "etag");
		return p->validates ? etag_in_list(p->if_none_match, etag) : matches_etag(x, etag);
	}
	if (!p->if_modified_since.data || !date_read(p->if_modified_since, now, &since))
		return false;
	int64_t modified = s->head->modified_s >= 0 ? s->head->modified_s : s->head->date_s;
	return modified <= since;
}

/* RFC 9110 13.1.5: a date is a strong validator if the response was made a second later at least
 * (8.8.2.2). */
static bool has_if_range(const struct page *p, const struct served *s)
{
	int64_t date;
	if (!p->if_range.data)
		return true;
	if (p->if_range.len && (p->if_range.data[0] == '"' || p->if_range.data[0] == 'W'))
		return etag_equal_strong(p->if_range, served_field(s, "etag"));
	return date_read(p->if_range, (int64_t)(sluice_unix_ms() / 1000), &date) &&
		date == s->head->modified_s && s->head->date_s > date;
}

/* ---- the answer ---------------------------------------------------------------------------- */

/* Fields that tell of the representation; a 304 does not repeat them (RFC 9110 15.4.5). */
static bool is_of_content(sluice_str name, bool has_etag)
{
	static const char *const names[] = { "content-type", "content-encoding", "content-language",
		"content-range", "content-digest", "content-md5", "repr-digest", "digest",
		"accept-ranges" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (sluice_str_ieq(name, sluice_str_of(names[i])))
			return true;
	}
	return has_etag && sluice_str_ieq(name, SLUICE_STR("last-modified"));
}

static void drop_content_fields(struct served *s)
{
	bool has_etag = served_field(s, "etag").data != NULL;
	size_t n = 0;
	for (size_t i = 0; i < s->n; i++) {
		if (!is_of_content(s->v[i].name, has_etag))
			s->v[n++] = s->v[i];
	}
	s->n = n;
}

static void drop_hidden_fields(const struct cache *c, struct served *s)
{
	size_t n = 0;
	for (size_t i = 0; i < s->n; i++) {
		if (!rule_hides_field(c, s->v[i].name))
			s->v[n++] = s->v[i];
	}
	s->n = n;
}

static void put_range(struct served *s, sluice_answer *a, char *text, size_t room,
	const struct page *p)
{
	uint64_t first = 0, last = 0, length = a->body.len;
	int n;
	if (p->is_head || a->status != 200 || !p->range.data || !has_if_range(p, s))
		return;
	switch (range_read(p->range, length, &first, &last)) {
	case RANGE_ONE:
		a->status = 206;
		a->body = sluice_str_n(a->body.data + first, (size_t)(last - first + 1));
		n = snprintf(text, room, "bytes %llu-%llu/%llu", (unsigned long long)first,
			(unsigned long long)last, (unsigned long long)length);
		break;
	case RANGE_NOT_SATISFIED:
		a->status = 416;
		a->body.len = 0;
		n = snprintf(text, room, "bytes */%llu", (unsigned long long)length);
		drop_content_fields(s);
		break;
	case RANGE_NONE:
	default:
		return;
	}
	s->v[s->n++] = (sluice_pair){ SLUICE_STR("Content-Range"), sluice_str_n(text, (size_t)n) };
}

static bool has_body(int status)
{
	return status != 204 && status != 205 && status != 304;
}

sluice_verdict serve(sluice_exchange *x, const struct cache *c, struct page *p,
	const struct served *given)
{
	struct served s = *given;
	uint64_t age_ms = s.head->age_ms + (sluice_now_ns() - s.head->head_ns) / NS_OF_MS;
	char *text = sluice_alloc(x, SERVE_TEXT);
	sluice_answer a = { .size = sizeof(a),
		.status = (int)s.head->status,
		.body = sluice_object_data(s.object),
		.release = sluice_object_release,
		.arg = s.object };
	p->phase = PAGE_SERVED;
	if (!text) {
		sluice_object_release(s.object);
		return SLUICE_FAIL;
	}
	sluice_str age = sluice_str_n(text, (size_t)(decimal_put(text, age_ms / 1000) - text));
	if (s.head->hides)
		drop_hidden_fields(c, &s);
	if (is_not_modified(x, p, &s)) {
		a.status = 304;
		drop_content_fields(&s);
	} else {
		put_range(&s, &a, text + 24, 72, p);
	}
	s.v[s.n++] = (sluice_pair){ SLUICE_STR("Age"), age };
	if (c->status_name.len) {
		char *said = text + 96, *end = say_served(said, c, p, &s, age_ms);
		s.v[s.n++] = (sluice_pair){ SLUICE_STR("Cache-Status"),
			sluice_str_n(said, (size_t)(end - said)) };
	}
	a.headers = (sluice_pairs){ s.v, s.n };
	if (has_body(a.status))
		return sluice_answer_with(x, &a);
	/* a body that is not sent is given back before the fields, which lie beside it, are
	 * copied */
	a.body = SLUICE_STR_NONE;
	a.release = NULL;
	sluice_verdict v = sluice_answer_with(x, &a);
	sluice_object_release(s.object);
	return v;
}

sluice_verdict serve_object(sluice_exchange *x, const struct cache *c, struct page *p,
	sluice_object *object, const struct entry *e)
{
	struct served s = { .object = object, .head = &e->head, .how = SERVE_HIT };
	s.v = sluice_alloc(x, (e->head.n_fields + SERVE_ROOM) * sizeof(*s.v));
	if (!s.v) {
		sluice_object_release(object);
		return SLUICE_FAIL;
	}
	for (sluice_str rest = e->fields; entry_next(&rest, &s.v[s.n]);)
		s.n++;
	return serve(x, c, p, &s);
}
