/* What is stored, and how long it is fresh. See the header. */
#include "rule.h"

#include "../shared/date.h"
#include "validator.h"

#define MS_OF_S UINT64_C(1000)

sluice_str rule_field(const sluice_pair *v, size_t n, const char *name)
{
	sluice_str wanted = sluice_str_of(name);
	for (size_t i = 0; i < n; i++) {
		if (sluice_str_ieq(v[i].name, wanted))
			return v[i].value;
	}
	return SLUICE_STR_NONE;
}

static bool is_one_of(int status, const short *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (v[i] == status)
			return true;
	}
	return false;
}

/* RFC 9110 15.1 */
static bool is_heuristic(int status)
{
	static const short v[] = { 200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501 };
	return is_one_of(status, v, sizeof(v) / sizeof(v[0]));
}

/* The statuses of which this cache knows what they ask of caches (RFC 9111 5.2.2.3). */
static bool is_understood(int status)
{
	static const short v[] = { 200, 201, 202, 203, 204, 205, 300, 301, 302, 303, 307, 308, 400,
		401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 417, 421,
		422, 426, 500, 501, 502, 503, 504, 505 };
	return is_one_of(status, v, sizeof(v) / sizeof(v[0]));
}

/* ---- directives ---------------------------------------------------------------------------- */

static bool read_lines(const struct reply *r, sluice_str name, struct directives *d)
{
	directives_init(d);
	for (size_t i = 0; i < r->n; i++) {
		if (sluice_str_ieq(r->v[i].name, name))
			directives_read(d, r->v[i].value);
	}
	return d->any;
}

/* The first targeted field that is well formed counts, in the place of Cache-Control and Expires
 * (RFC 9213 2.2). */
static bool read_directives(const struct cache *c, const struct reply *r, struct directives *d)
{
	for (size_t i = 0; i < c->targets.n; i++) {
		if (read_lines(r, c->targets.v[i], d) && !d->malformed)
			return true;
	}
	(void)read_lines(r, SLUICE_STR("cache-control"), d);
	return false;
}

/* ---- age and lifetime ---------------------------------------------------------------------- */

/* RFC 9111 5.1: the first member of a list; what is no number is ignored. */
static uint64_t age_value(const struct reply *r)
{
	sluice_str rest = rule_field(r->v, r->n, "age");
	sluice_str first = sluice_str_trim(sluice_str_cut(&rest, ','));
	uint64_t n = 0;
	for (size_t i = 0; i < first.len; i++) {
		if (!sluice_is_digit(first.data[i]))
			return 0;
		n = n * 10 + (uint64_t)(first.data[i] - '0');
		n = n > SECONDS_MAX ? SECONDS_MAX : n;
	}
	return n;
}

/* RFC 9111 4.2.3: the age when the response came. */
static uint64_t initial_age_ms(const struct reply *r, const struct keeping *k)
{
	uint64_t date_ms = (uint64_t)(k->date_s > 0 ? k->date_s : 0) * MS_OF_S;
	uint64_t apparent = r->head_ms > date_ms ? r->head_ms - date_ms : 0;
	uint64_t corrected = age_value(r) * MS_OF_S + r->delay_ms;
	/* a date has whole seconds: the part of the second that is gone is no age */
	apparent = apparent < MS_OF_S ? 0 : apparent;
	return apparent > corrected ? apparent : corrected;
}

static void read_dates(const struct reply *r, struct keeping *k)
{
	int64_t now = (int64_t)(r->head_ms / MS_OF_S);
	k->has_date = date_read(rule_field(r->v, r->n, "date"), now, &k->date_s);
	if (!k->has_date)
		k->date_s = now;
	if (!date_read(rule_field(r->v, r->n, "last-modified"), now, &k->modified_s))
		k->modified_s = -1;
}

/* False: there is no Expires. Several that differ, and what is no date, are in the past. */
static bool expires_ms(const struct reply *r, const struct keeping *k, uint64_t *out)
{
	sluice_str text = SLUICE_STR_NONE;
	int64_t at = 0;
	bool good = true;
	for (size_t i = 0; i < r->n; i++) {
		if (!sluice_str_ieq(r->v[i].name, SLUICE_STR("expires")))
			continue;
		good = !text.data || sluice_str_eq(text, r->v[i].value);
		text = r->v[i].value;
	}
	if (!text.data)
		return false;
	good = good && date_read(text, (int64_t)(r->head_ms / MS_OF_S), &at) && at > k->date_s;
	*out = good ? (uint64_t)(at - k->date_s) * MS_OF_S : 0;
	return true;
}

/* What the options say where the response says nothing. */
static bool default_ms(const struct cache *c, const struct reply *r, const struct keeping *k,
	uint64_t *out)
{
	const struct status_ttl *v = c->ttl_by_status.v;
	for (size_t i = 0; i < c->ttl_by_status.n; i++) {
		if (v[i].code == r->status) {
			*out = v[i].ttl;
			return true;
		}
	}
	if (!is_heuristic(r->status) && !k->cc.is_public)
		return false;
	/* RFC 9111 4.2.2 */
	if (c->heuristic && k->modified_s >= 0 && k->date_s > k->modified_s) {
		*out = (uint64_t)(k->date_s - k->modified_s) * MS_OF_S * c->heuristic / 100;
		*out = *out < c->heuristic_max ? *out : c->heuristic_max;
		return true;
	}
	*out = c->ttl;
	return c->ttl > 0;
}

/* RFC 9111 4.2.1, for a shared cache. False: neither the response nor the options say how long. */
static bool lifetime_ms(const struct cache *c, const struct reply *r, bool targeted,
	struct keeping *k)
{
	bool known = true;
	if (k->cc.s_maxage != DIRECTIVE_NONE)
		k->lifetime_ms = k->cc.s_maxage * MS_OF_S;
	else if (k->cc.max_age != DIRECTIVE_NONE)
		k->lifetime_ms = k->cc.max_age * MS_OF_S;
	else if (targeted || !expires_ms(r, k, &k->lifetime_ms))
		known = default_ms(c, r, k, &k->lifetime_ms);
	if (c->max_ttl && known && k->lifetime_ms > c->max_ttl)
		k->lifetime_ms = c->max_ttl;
	return known;
}

/* RFC 9111 4.2.4, RFC 5861 */
static void stale_ms(const struct cache *c, const struct reply *r, struct keeping *k)
{
	const struct directives *cc = &k->cc;
	bool has_etag = etag_is(rule_field(r->v, r->n, "etag"));
	k->validate = cc->no_cache;
	k->no_stale = cc->must_revalidate || cc->proxy_revalidate || cc->no_cache ||
		cc->s_maxage != DIRECTIVE_NONE;
	if (!k->no_stale) {
		k->while_revalidate_ms = cc->stale_while_revalidate != DIRECTIVE_NONE
			? cc->stale_while_revalidate * MS_OF_S
			: c->stale_while_revalidate;
		k->if_error_ms = cc->stale_if_error != DIRECTIVE_NONE ? cc->stale_if_error * MS_OF_S
								      : c->stale_if_error;
	}
	k->keep_ms = has_etag || k->modified_s >= 0 ? c->keep : 0;
	k->keep_ms = k->keep_ms > k->while_revalidate_ms ? k->keep_ms : k->while_revalidate_ms;
	k->keep_ms = k->keep_ms > k->if_error_ms ? k->keep_ms : k->if_error_ms;
}

/* ---- what is stored ------------------------------------------------------------------------ */

/* RFC 9111 3 */
static bool is_permitted(const struct cache *c, const struct asked *a, const struct reply *r,
	const struct directives *cc)
{
	bool is_partial = r->status == 206 || r->status == 304 || r->status == 416;
	if (r->status < 200 || is_partial || (a->has_range && r->status != 200))
		return false;
	if (cc->must_understand ? !is_understood(r->status) : cc->no_store)
		return false;
	if (a->cc.no_store || cc->is_private)
		return false;
	/* RFC 9111 3.5; what lies under the key of one user is not shared */
	if (a->credentials && !a->has_user && !cc->is_public && !cc->must_revalidate &&
		cc->s_maxage == DIRECTIVE_NONE)
		return false;
	return c->set_cookie != SET_COOKIE_PASS || !rule_field(r->v, r->n, "set-cookie").data;
}

bool rule_may_store(const struct cache *c, const struct asked *a, const struct reply *r,
	struct keeping *out)
{
	*out = (struct keeping){ .modified_s = -1 };
	bool targeted = read_directives(c, r, &out->cc);
	if (!is_permitted(c, a, r, &out->cc))
		return false;
	read_dates(r, out);
	if (!lifetime_ms(c, r, targeted, out)) {
		/* no-cache needs no lifetime: it is validated each time */
		if (!out->cc.no_cache || !(is_heuristic(r->status) || out->cc.is_public))
			return false;
		out->lifetime_ms = 0;
	}
	out->age_ms = initial_age_ms(r, out);
	stale_ms(c, r, out);
	if (out->validate)
		return out->keep_ms > 0;
	return out->lifetime_ms > out->age_ms || out->keep_ms > 0;
}

bool rule_speaks_for_others(const struct asked *a, int status)
{
	bool is_refused = status == 401 || status == 403;
	return !a->cc.no_store && !(a->credentials && (!a->has_user || is_refused));
}

bool rule_hides_field(const struct cache *c, sluice_str name)
{
	for (size_t i = 0; !c->forward_tags && i < c->tag_fields.n; i++) {
		if (sluice_str_ieq(name, c->tag_fields.v[i]))
			return true;
	}
	return false;
}

/* RFC 9111 3.1, and what this cache writes itself. */
bool rule_stores_field(const struct cache *c, const struct keeping *k, const struct reply *r,
	sluice_str name)
{
	static const char *const never[] = { "connection", "keep-alive", "proxy-connection",
		"proxy-authenticate", "proxy-authentication-info", "proxy-authorization", "te",
		"trailer", "transfer-encoding", "upgrade", "content-length", "age",
		"cache-status" };
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		if (sluice_str_ieq(name, sluice_str_of(never[i])))
			return false;
	}
	if (sluice_str_ieq(name, SLUICE_STR("set-cookie")) && c->set_cookie != SET_COOKIE_STORE)
		return false;
	for (size_t i = 0; i < r->n; i++) {
		sluice_str list = r->v[i].value;
		if (!sluice_str_ieq(r->v[i].name, SLUICE_STR("connection")))
			continue;
		while (list.len) {
			if (sluice_str_ieq(sluice_str_trim(sluice_str_cut(&list, ',')), name))
				return false;
		}
	}
	return !directives_name_field(&k->cc, name);
}
