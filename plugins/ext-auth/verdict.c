/* Verdicts. See the header. */
#include "verdict.h"

#include "lifetime.h"

enum verdict_kind verdict_kind_of(int status)
{
	if (status >= 200 && status <= 299)
		return VERDICT_ALLOWED;
	return status >= 300 && status <= 499 && status != 304 ? VERDICT_REFUSED : VERDICT_NONE;
}

/* ---- of an answer -------------------------------------------------------------------------- */

/* The gateway frames the answer to the client itself, and says who it is. */
static bool is_relayed(const sluice_pair *f)
{
	return !sluice_str_ieq(f->name, SLUICE_STR("x-request-id")) &&
		!sluice_field_refused(SLUICE_RESPONSE, SLUICE_FIELD_ADD, f->name, f->value);
}

static bool is_used(const struct ext_auth *c, enum verdict_kind kind, const sluice_pair *f)
{
	if (kind == VERDICT_ALLOWED)
		return names_have(c->kept, f->name);
	return (c->relays_all || names_have(c->refusal_headers, f->name)) && is_relayed(f);
}

bool verdict_take(sluice_exchange *x, const struct ext_auth *c, const sluice_fetch_response *r,
	struct verdict *out)
{
	enum verdict_kind kind = verdict_kind_of(r->code);
	sluice_pair *fields = sluice_alloc(x, (r->n_headers + 1) * sizeof(*fields));
	size_t n = 0;
	if (!fields)
		return false;
	for (size_t i = 0; i < r->n_headers; i++) {
		if (is_used(c, kind, &r->headers[i]))
			fields[n++] = r->headers[i];
	}
	bool has_body = kind == VERDICT_REFUSED && c->refusal == REFUSAL_RELAY;
	*out = (struct verdict){ r->code, fields, n, has_body ? r->body : SLUICE_STR("") };
	return true;
}

sluice_str verdict_field(const struct verdict *v, sluice_str name, size_t *count)
{
	sluice_str first = SLUICE_STR_NONE;
	size_t n = 0;
	for (size_t i = 0; i < v->n_fields; i++) {
		if (!sluice_str_ieq(v->fields[i].name, name))
			continue;
		if (n++ == 0)
			first = v->fields[i].value;
	}
	if (count)
		*count = n;
	return first;
}

/* The others are about one request, about the moment, or about how the request is written. */
static bool is_about_who_asks(int status)
{
	return status == 401 || status == 403 || status == 404;
}

uint64_t verdict_lifetime(const struct ext_auth *c, const sluice_fetch_response *r)
{
	bool is_allowed = verdict_kind_of(r->code) == VERDICT_ALLOWED;
	uint64_t ttl = is_allowed ? c->cache.ttl : c->cache.negative_ttl;
	if (!c->remembered || (!is_allowed && !is_about_who_asks(r->code)))
		return 0;
	for (size_t i = 0; i < r->n_headers; i++) {
		if (sluice_str_ieq(r->headers[i].name, SLUICE_STR("set-cookie")))
			return 0;
	}
	uint64_t life = lifetime_of(r->headers, r->n_headers);
	return life < ttl / 1000 + 1 && life * 1000 < ttl ? life * 1000 : ttl;
}

/* ---- as bytes ------------------------------------------------------------------------------ */

/* Before the bytes of the fields, each name behind its value's length; the body is what is left. */
struct head {
	uint16_t status, n_fields;
};

struct lengths {
	uint32_t name, value;
};

size_t verdict_size(const struct verdict *v)
{
	size_t n = sizeof(struct head) + v->body.len;
	for (size_t i = 0; i < v->n_fields; i++)
		n += sizeof(struct lengths) + v->fields[i].name.len + v->fields[i].value.len;
	return n;
}

static char *put(char *at, const void *bytes, size_t n)
{
	memcpy(at, bytes, n);
	return at + n;
}

void verdict_write(const struct verdict *v, char *at)
{
	struct head h = { (uint16_t)v->status, (uint16_t)v->n_fields };
	at = put(at, &h, sizeof(h));
	for (size_t i = 0; i < v->n_fields; i++) {
		sluice_str name = v->fields[i].name, value = v->fields[i].value;
		struct lengths l = { (uint32_t)name.len, (uint32_t)value.len };
		at = put(at, &l, sizeof(l));
		at = sluice_str_put(sluice_str_put(at, name), value);
	}
	(void)sluice_str_put(at, v->body);
}

/* Take n bytes off the front. */
static bool get(sluice_str *from, void *to, size_t n)
{
	if (from->len < n)
		return false;
	memcpy(to, from->data, n);
	*from = sluice_str_skip(*from, n);
	return true;
}

static bool get_text(sluice_str *from, size_t n, sluice_str *out)
{
	if (from->len < n)
		return false;
	*out = sluice_str_n(from->data, n);
	*from = sluice_str_skip(*from, n);
	return true;
}

size_t verdict_count(sluice_str bytes)
{
	struct head h;
	return get(&bytes, &h, sizeof(h)) ? h.n_fields : 0;
}

bool verdict_read(sluice_str bytes, sluice_pair *room, struct verdict *out)
{
	struct head h;
	if (!get(&bytes, &h, sizeof(h)) || verdict_kind_of(h.status) == VERDICT_NONE)
		return false;
	for (size_t i = 0; i < h.n_fields; i++) {
		struct lengths l;
		if (!get(&bytes, &l, sizeof(l)) || !get_text(&bytes, l.name, &room[i].name) ||
			!get_text(&bytes, l.value, &room[i].value))
			return false;
	}
	*out = (struct verdict){ h.status, room, h.n_fields, bytes };
	return true;
}
