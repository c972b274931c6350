/* Asking again in the background. See the header. */
#include "refresh.h"

#include <stdio.h>
#include <stdlib.h>

#include "keep.h"
#include "validator.h"

enum {
	REFRESH_MS = 30000,  /* how long an answer may take */
	REFRESH_FIELDS = 60, /* of a request; with more it is not asked again */
	REFRESH_OWN = 5,     /* fields that are added */
	MERGED_ROOM = 4
};

struct refresh {
	struct refresh *next, **at; /* in the worker's */
	const struct cache *conf;   /* borrowed: the fetch holds the instance */
	struct flight flight;
	struct asked asked; /* copied into the memory behind it */
	sluice_str variant;
	sluice_object *object; /* a reference; NULL: it has no entry of this plugin */
	struct entry entry;
	uint64_t asked_ns;
	char text[];
};

static void refresh_free(struct refresh *r, enum flight_result result)
{
	*r->at = r->next;
	if (r->next)
		r->next->at = r->at;
	(void)flight_end(&r->flight, result);
	sluice_object_release(r->object);
	free(r);
}

void refresh_stop(struct refreshes *all)
{
	while (all->first)
		refresh_free(all->first, FLIGHT_LEFT);
}

/* ---- the answer ---------------------------------------------------------------------------- */

static bool store(const struct refresh *r, const struct reply *reply, sluice_str data)
{
	struct keeping k;
	if (rule_may_store(r->conf, &r->asked, reply, &k) &&
		keep_put(r->conf, &r->asked, reply, &k, data))
		return true;
	if (rule_speaks_for_others(&r->asked, reply->status))
		(void)sluice_object_remove(r->conf->store, r->variant);
	return false;
}

static bool store_updated(const struct refresh *r, const struct reply *got)
{
	struct reply reply = *got;
	size_t room = r->entry.head.n_fields + got->n;
	sluice_pair *v = calloc(room + 1, sizeof(*v));
	if (!v)
		return false;
	reply.status = (int)r->entry.head.status;
	reply.v = v;
	reply.n = keep_merge(&r->entry, got, v);
	bool stored = store(r, &reply, sluice_object_data(r->object));
	free(v);
	return stored;
}

/* An upstream that fails leaves the stale response as it is. So does another status: this request
 * lacks what plugins and the gateway write for a client's, and may be refused or redirected for it.
 */
static void refresh_done(sluice_work *k, const void *conf, const sluice_fetch_response *got)
{
	struct refresh *r = got->user;
	const struct reply reply = { .status = got->code,
		.v = got->headers,
		.n = got->n_headers,
		.head_ns = sluice_now_ns(),
		.head_ms = sluice_unix_ms(),
		.delay_ms = (sluice_now_ns() - r->asked_ns) / NS_OF_MS };
	bool stored = false;
	(void)k, (void)conf;
	if (got->status == SLUICE_OK && got->code == 304 && keep_is_selected(&r->entry, &reply))
		stored = store_updated(r, &reply);
	else if (got->status == SLUICE_OK && (uint32_t)got->code == r->entry.head.status)
		stored = store(r, &reply, got->body);
	sluice_metric_add(r->conf->requests,
		stored ? SLUICE_STR("refreshed") : SLUICE_STR("refresh-failed"), 1);
	refresh_free(r, stored ? FLIGHT_STORED : FLIGHT_UNSTORED);
}

/* ---- the question -------------------------------------------------------------------------- */

static sluice_str copy(char **at, sluice_str s)
{
	char *begin = *at;
	*at = sluice_str_put(begin, s);
	return sluice_str_n(begin, s.len);
}

/* Fields of the client's that are not sent: those of the connection, those that the gateway or this
 * cache writes, and what asks for something else than the whole. */
static bool is_sent(sluice_str name)
{
	static const char *const not [] = { "host", "connection", "keep-alive", "proxy-connection",
		"proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade",
		"content-length", "expect", "range", "if-range", "if-none-match",
		"if-modified-since", "cache-control", "pragma", "x-forwarded-proto" };
	for (size_t i = 0; i < sizeof(not ) / sizeof(not [0]); i++) {
		if (sluice_str_ieq(name, sluice_str_of(not [i])))
			return false;
	}
	return true;
}

static struct refresh *refresh_new(const struct cache *c, const struct page *p, sluice_str key,
	sluice_str variant, sluice_str uri, sluice_str path)
{
	size_t room = key.len + variant.len + uri.len + path.len, n = 0;
	for (size_t i = 0; i < p->asked.n; i++)
		room += p->asked.v[i].name.len + p->asked.v[i].value.len;
	struct refresh *r = calloc(1, sizeof(*r) + p->asked.n * sizeof(sluice_pair) + room);
	if (!r)
		return NULL;
	sluice_pair *v = (sluice_pair *)(void *)r->text;
	char *at = r->text + p->asked.n * sizeof(*v);
	r->conf = c;
	r->asked = p->asked;
	r->asked.has_range = false;
	r->asked.key = copy(&at, key);
	r->asked.uri = copy(&at, uri);
	r->asked.path = copy(&at, path);
	r->variant = copy(&at, variant);
	for (size_t i = 0; i < p->asked.n; i++) {
		sluice_str name = copy(&at, p->asked.v[i].name);
		v[n++] = (sluice_pair){ name, copy(&at, p->asked.v[i].value) };
	}
	r->asked.v = v;
	r->asked.n = n;
	return r;
}

/* Whether all that is sent has room: without a part of it the answer would be another one. */
static bool is_askable(const struct asked *a)
{
	size_t n = 0;
	for (size_t i = 0; i < a->n; i++)
		n += is_sent(a->v[i].name);
	return n <= REFRESH_FIELDS;
}

static void add(sluice_pair *v, size_t *n, const char *name, sluice_str value)
{
	if (value.len)
		v[(*n)++] = (sluice_pair){ sluice_str_of(name), value };
}

/* What links of the service are made of, as the gateway writes it for a client's request. */
static void add_forwarded(sluice_exchange *x, const struct asked *a, sluice_pair *v, size_t *n)
{
	sluice_str scheme = sluice_get(x, SLUICE_I_SCHEME),
		   host = sluice_get(x, SLUICE_I_ASKED_AUTHORITY), port = host;
	bool is_https = sluice_str_is(scheme, "https");
	while (port.len && sluice_is_digit(port.data[port.len - 1]))
		port.len--;
	bool has_port = port.len && port.len < host.len && port.data[port.len - 1] == ':';
	port = has_port    ? sluice_str_skip(host, port.len)
		: is_https ? SLUICE_STR("443")
			   : SLUICE_STR("80");
	add(v, n, "X-Forwarded-Proto", scheme);
	/* what a trusted proxy says stays */
	if (!rule_field(a->v, a->n, "x-forwarded-host").data)
		add(v, n, "X-Forwarded-Host", host);
	if (!rule_field(a->v, a->n, "x-forwarded-port").data)
		add(v, n, "X-Forwarded-Port", port);
}

static size_t question(sluice_exchange *x, const struct refresh *r, sluice_pair *v)
{
	sluice_str etag = entry_field(&r->entry, "etag");
	sluice_str modified = entry_field(&r->entry, "last-modified");
	size_t n = 0;
	for (size_t i = 0; i < r->asked.n; i++) {
		if (is_sent(r->asked.v[i].name))
			v[n++] = r->asked.v[i];
	}
	add_forwarded(x, &r->asked, v, &n);
	if (etag_is(etag))
		add(v, &n, "If-None-Match", etag);
	if (r->entry.head.modified_s >= 0)
		add(v, &n, "If-Modified-Since", modified);
	return n;
}

/* False: it could not begin. */
static bool ask(sluice_exchange *x, struct refresh *r)
{
	sluice_pair v[REFRESH_FIELDS + REFRESH_OWN];
	sluice_str authority = sluice_get(x, SLUICE_I_AUTHORITY),
		   target = sluice_get(x, SLUICE_I_TARGET);
	char *url = sluice_alloc(x, authority.len + target.len + sizeof("http://")), *at = url;
	if (!url)
		return false;
	at = sluice_str_put(at, SLUICE_STR("http://"));
	at = sluice_str_put(at, authority);
	at = sluice_str_put(at, target);
	const sluice_fetch_request q = { .size = sizeof(q),
		.url = { url, (size_t)(at - url) },
		.headers = { v, question(x, r, v) },
		.timeout_ms = REFRESH_MS,
		.max_body = r->conf->max_object,
		.of_exchange = true,
		.user = r };
	r->asked_ns = sluice_now_ns();
	return sluice_background(x, &q, refresh_done) == 0;
}

void refresh_begin(sluice_exchange *x, const struct cache *c, struct page *p, sluice_object *o,
	const struct entry *e, sluice_str key, sluice_str variant)
{
	struct refreshes *all = sluice_worker_state(x);
	char uri[KEY_URI];
	if ((!p->asked.v && !page_fields(x, SLUICE_REQUEST, &p->asked.v, &p->asked.n)) ||
		!key_uri(c, sluice_get(x, SLUICE_I_SCHEME), sluice_get(x, SLUICE_I_AUTHORITY),
			sluice_get(x, SLUICE_I_TARGET), uri) ||
		!is_askable(&p->asked))
		return;
	p->asked.credentials |= sluice_attr(x, SLUICE_STR("consumer")).data != NULL ||
		sluice_get(x, SLUICE_I_CLIENT_CERT_SUBJECT).data != NULL;
	struct refresh *r = refresh_new(c, p, key, variant, sluice_str_n(uri, sizeof(uri)),
		sluice_get(x, SLUICE_I_PATH));
	if (!r)
		return;
	if (!flight_lead(c->flights, &r->flight, r->variant)) {
		free(r);
		return;
	}
	r->next = all->first;
	r->at = &all->first;
	if (r->next)
		r->next->at = &r->next;
	all->first = r;
	/* the reference of the exchange goes with its answer */
	r->object = sluice_object_get(c->store, variant);
	(void)o;
	bool is_there = r->object && entry_read(sluice_object_meta(r->object), &r->entry) &&
		r->entry.head.kind == ENTRY_RESPONSE && e->head.kind == ENTRY_RESPONSE;
	if (!is_there || !ask(x, r))
		refresh_free(r, FLIGHT_LEFT);
}
