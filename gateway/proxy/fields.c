/*
 * What is written into heads on their way through. Towards the upstream: who asked, by which scheme and host (who.c), which
 * request this is, and that Sluice handed it on.
 */
#include "proxy/fields.h"

#include <stdio.h>

#include "base/hash.h"
#include "http/uri.h"

enum { REQUEST_ID_MAX = 128 };

/* ---- request ids -------------------------------------------------------------------------------------------------- */

static bool fields_is_request_id(sluice_str s)
{
	if (s.len == 0 || s.len > REQUEST_ID_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.data[i];
		bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (!alnum && (c == 0 || !strchr("-._~+/=:", c)))
			return false;
	}
	return true;
}

static void fields_hex(char *at, uint64_t v)
{
	static const char digits[] = "0123456789abcdef";
	for (int i = 15; i >= 0; i--, v >>= 4)
		at[i] = digits[v & 15];
}

sluice_str fields_request_id(struct proxy *p, struct client *c)
{
	const struct field *f = fields_find(&c->head->fields, TOKEN_X_REQUEST_ID);
	if (f && fields_is_request_id(field_value(f)))
		return field_value(f);
	char *at = arena_alloc(&c->arena, 32);
	if (!at)
		return STR("");
	/* a prefix nobody can guess, and a multiplier that spreads the count over all digits */
	fields_hex(at, p->id_prefix);
	fields_hex(at + 16, (p->id_next++ * 0x9e3779b97f4a7c15ull) ^ p->id_prefix);
	return str_n(at, 32);
}

/* ---- towards the upstream ----------------------------------------------------------------------------------------- */

/* Make room for n more fields at once. */
static int fields_room(struct fields *f, struct arena *a, uint32_t n)
{
	if (f->cap - f->n >= n)
		return 0;
	struct field *v = arena_alloc(a, (f->n + n) * sizeof(*v));
	if (!v)
		return ERR_NO_MEMORY;
	if (f->n)
		memcpy(v, f->v, f->n * sizeof(*v));
	f->v = v;
	f->cap = f->n + n;
	return 0;
}

/* Whether the client's own request id is the one in force: then its field stays. */
static bool fields_drop_ours(struct exchange *x, struct fields *f)
{
	bool kept = false;
	for (uint32_t i = 0; i < f->n; i++) {
		struct field *at = &f->v[i];
		switch (at->token) {
		case TOKEN_X_REQUEST_ID:
			if (!kept && at->value == x->px.request_id.data) {
				kept = true;
				break;
			}
			at->flags |= FIELD_DROP;
			break;
		case TOKEN_EXPECT: /* the codec has met the expectation */
			at->flags |= FIELD_DROP;
			break;
		default:
			break;
		}
	}
	return kept;
}

int fields_for_upstream(struct exchange *x)
{
	struct request_head *h = x->px.request;
	const sluice_str id = x->px.request_id;

	/* what the route does not let through is not asked for either (RFC 9110 7.8) */
	h->upgrade = x->upgrade = tunnel_is_allowed(x);
	bool id_stays = fields_drop_ours(x, &h->fields);
	size_t size = 64 + id.len + who_size(x);
	char *room = arena_alloc(x->px.arena, size);
	if (!room || fields_room(&h->fields, x->px.arena, WHO_LINES + 2) < 0)
		return ERR_NO_MEMORY;

	struct line_writer w = { &h->fields, room };
	who_write(x, &w);
	fields_line(&w, TOKEN_VIA, STR("Via"),
	            h->version == 20 ? STR("2 sluice") : h->version == 10 ? STR("1.0 sluice") : STR("1.1 sluice"));
	if (!id_stays)
		fields_line(&w, TOKEN_X_REQUEST_ID, STR("X-Request-ID"), id);
	/* HTTP/1.0 may name no host, and an empty one (RFC 9112 3.2) is refused by many servers */
	sluice_str host;
	if (!h->authority.len && uri_parse_authority(x->px.upstream_name, x->px.arena, &host) == 0)
		h->authority = x->px.upstream_name;
	check((size_t)(w.at - room) <= size, "forwarding fields of %zu bytes in a room of %zu", (size_t)(w.at - room), size);
	return 0;
}

/* ---- towards the client ------------------------------------------------------------------------------------------- */

/* IMF-fixdate (RFC 9110 5.6.7), made once a second. */
static sluice_str fields_date(void)
{
	static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	static __thread char text[32];
	static __thread time_t made;
	struct timespec now;
	struct tm tm;
	(void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
	if (now.tv_sec != made) {
		made = now.tv_sec;
		(void)gmtime_r(&made, &tm);
		(void)snprintf(text, sizeof(text), "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT", days + 3 * tm.tm_wday,
		               (unsigned)tm.tm_mday % 100, months + 3 * tm.tm_mon, (unsigned)(tm.tm_year + 1900) % 10000,
		               (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
	}
	return str_n(text, 29);
}

static int fields_add_date(struct fields *f, struct arena *a)
{
	sluice_str date = arena_str(a, fields_date());
	return date.data ? fields_add(f, a, STR("Date"), date) : ERR_NO_MEMORY;
}

int fields_for_client(struct exchange *x, struct response_head *h)
{
	struct arena *a = x->px.arena;
	if (x->origin) {
		fields_drop_hop_by_hop(&h->fields);
		return fields_find(&h->fields, TOKEN_DATE) ? 0 : fields_add_date(&h->fields, a); /* RFC 9110 6.6.1 */
	}
	int err = fields_add_date(&h->fields, a);
	if (!err)
		err = fields_add(&h->fields, a, STR("Server"), STR("sluice"));
	if (!err && x->px.request_id.len)
		err = fields_add(&h->fields, a, STR("X-Request-ID"), x->px.request_id);
	return err;
}
