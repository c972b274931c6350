/*
 * What is written into heads on their way through. Towards the upstream: who asked, by which scheme
 * and host (forwarded_fields.c), which request this is, and that Sluice handed it on.
 */
#include "proxy/fields.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif
#include <stdio.h>

#include "base/hash.h"
#include "http/uri.h"
#include "http/version.h"
#include "policy/edit.h"
#include "proxy/forwarded_fields.h"
#include "proxy/handshake.h"

enum { REQUEST_ID_MAX = 128 };

/* ---- request ids --------------------------------------------------------------------------- */

static bool fields_is_request_id(sluice_str s)
{
	if (s.len == 0 || s.len > REQUEST_ID_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.data[i];
		bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
			(c >= 'A' && c <= 'Z');
		if (!alnum && (c == 0 || !strchr("-._~+/=:", c)))
			return false;
	}
	return true;
}

/* 16 bytes as 32 digits. */
static void fields_hex(char *at, const uint64_t block[2])
{
#ifdef __SSE2__
	const __m128i low = _mm_set1_epi8(0x0f), nine = _mm_set1_epi8(9), zero = _mm_set1_epi8('0');
	const __m128i letter = _mm_set1_epi8('a' - '0' - 10);
	__m128i b = _mm_loadu_si128((const __m128i *)(const void *)block);
	__m128i second = _mm_and_si128(b, low), first = _mm_and_si128(_mm_srli_epi16(b, 4), low);
	__m128i half[2] = { _mm_unpacklo_epi8(first, second), _mm_unpackhi_epi8(first, second) };
	for (int i = 0; i < 2; i++) {
		__m128i more = _mm_and_si128(_mm_cmpgt_epi8(half[i], nine), letter);
		_mm_storeu_si128((__m128i *)(void *)(at + 16 * i),
			_mm_add_epi8(_mm_add_epi8(half[i], zero), more));
	}
#else
	static const char digits[] = "0123456789abcdef";
	unsigned char b[16];
	memcpy(b, block, sizeof(b));
	for (int i = 0; i < 16; i++) {
		at[2 * i] = digits[b[i] >> 4];
		at[2 * i + 1] = digits[b[i] & 15];
	}
#endif
}

sluice_str fields_request_id(struct proxy *p, struct client *c)
{
	const struct request_head *h = c->head;
	const struct field *f = h->seen & TOKEN_BIT(TOKEN_X_REQUEST_ID)
		? fields_find(&h->fields, TOKEN_X_REQUEST_ID)
		: NULL;
	if (f && fields_is_request_id(field_value(f)))
		return field_value(f);
	char *at = arena_alloc(&c->arena, 32);
	if (!at)
		return STR("");
	/* whoever sees one cannot tell the next, and so not look for what belongs to others */
	uint64_t block[2] = { p->id_next++, p->worker->id };
	permute(&p->ids, block);
	fields_hex(at, block);
	return str_n(at, 32);
}

/* ---- towards the upstream ------------------------------------------------------------------ */

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
	if (likely(!(x->px.request->seen &
		    (TOKEN_BIT(TOKEN_X_REQUEST_ID) | TOKEN_BIT(TOKEN_EXPECT)))))
		return false;
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

static void fields_via(struct line_writer *w, uint8_t version)
{
	const struct http_version *v = http_version_of(version);
	fields_constant(w, TOKEN_VIA, v->via.data, 3, v->via.len);
}

int fields_for_upstream(struct exchange *x)
{
	struct request_head *h = x->px.request;
	const sluice_str id = x->px.request_id;

	/* what the route does not let through is not asked for either (RFC 9110 7.8) */
	if (unlikely(h->upgrade) && !handshake_is_allowed(x)) {
		h->upgrade = false;
		handshake_tell_refused(x);
	}
	bool id_stays = fields_drop_ours(x, &h->fields);
	size_t size = 64 + id.len + forwarded_size(x);
	char *room = arena_alloc(x->px.arena, size);
	if (!room || fields_room(&h->fields, x->px.arena, FORWARDED_LINES + 2) < 0)
		return ERR_NO_MEMORY;

	struct line_writer w = { &h->fields, room };
	forwarded_write(x, &w);
	if (!id_stays)
		fields_line(&w, TOKEN_X_REQUEST_ID, STR("X-Request-ID"), id);
	if (likely(x->px.client->conn->listener->via != VIA_SILENT))
		fields_via(&w, h->version);
	/* HTTP/1.0 may name no host, and an empty one (RFC 9112 3.2) is refused by many servers */
	sluice_str host;
	if (!h->authority.len && uri_parse_authority(x->px.upstream_name, x->px.arena, &host) == 0)
		h->authority = x->px.upstream_name;
	check((size_t)(w.at - room) <= size, "forwarding fields of %zu bytes in a room of %zu",
		(size_t)(w.at - room), size);
	return 0;
}

/* ---- trailers ------------------------------------------------------------------------------ */

static bool trailer_is_listed(sluice_strs names, sluice_str name)
{
	for (size_t i = 0; i < names.n; i++) {
		if (str_ieq(names.v[i], name))
			return true;
	}
	return false;
}

static bool trailer_passes(const struct exchange *x, const struct field *f)
{
	if ((f->flags & (FIELD_DROP | FIELD_EDGE | FIELD_TWIN)) || edit_has(&x->px, field_name(f)))
		return false;
	/* without a route they are kept until there is one */
	return x->is_call || !x->route ||
		trailer_is_listed(x->route->conf->request_trailers, field_name(f));
}

const struct fields *fields_request_trailers(const struct exchange *x,
	const struct fields *trailers)
{
	bool left = false;
	for (uint32_t i = 0; trailers && i < trailers->n; i++) {
		if (trailer_passes(x, &trailers->v[i]))
			left = true;
		else
			trailers->v[i].flags |= FIELD_DROP;
	}
	return left ? trailers : NULL;
}

/* ---- towards the client -------------------------------------------------------------------- */

sluice_str fields_date(void)
{
	static const char days[] = "SunMonTueWedThuFriSat",
			  months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	static __thread char text[32];
	static __thread time_t made;
	struct timespec now;
	struct tm tm;
	(void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
	if (now.tv_sec != made) {
		made = now.tv_sec;
		(void)gmtime_r(&made, &tm);
		(void)snprintf(text, sizeof(text), "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT",
			days + 3 * tm.tm_wday, (unsigned)tm.tm_mday % 100, months + 3 * tm.tm_mon,
			(unsigned)(tm.tm_year + 1900) % 10000, (unsigned)tm.tm_hour % 100,
			(unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
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
		/* RFC 9110 6.6.1 */
		return fields_find(&h->fields, TOKEN_DATE) ? 0 : fields_add_date(&h->fields, a);
	}
	/* a plugin's answer may have them */
	int err = fields_find(&h->fields, TOKEN_DATE) ? 0 : fields_add_date(&h->fields, a);
	if (!err && !fields_find(&h->fields, TOKEN_SERVER))
		err = fields_add(&h->fields, a, STR("Server"), STR("sluice"));
	if (!err && x->px.request_id.len && !fields_find(&h->fields, TOKEN_X_REQUEST_ID))
		err = fields_add(&h->fields, a, STR("X-Request-ID"), x->px.request_id);
	return err;
}
