/*
 * What is written into heads on their way through. Towards the upstream: who asked, by which scheme and host, which request
 * this is, and that Sluice handed it on. What a client claims about that is replaced: it may be anybody's invention.
 */
#include "proxy/exchange.h"

#include <stdio.h>

#include "base/hash.h"

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

struct line_writer {
	struct fields *fields;
	char *at;
};

/* Write "name: value\r\n", value in three parts, and add it as a field; all lines stand behind one another. */
static void fields_line(struct line_writer *w, enum token t, sluice_str name, sluice_str a, sluice_str b, sluice_str c)
{
	struct field *f = &w->fields->v[w->fields->n++];
	f->name = w->at;
	f->name_len = (uint32_t)name.len;
	f->token = (uint16_t)t;
	f->flags = FIELD_LINE;
	w->at = mempcpy(mempcpy(w->at, name.data, name.len), ": ", 2);
	f->value = w->at;
	w->at = mempcpy(w->at, a.data, a.len);
	w->at = b.len ? mempcpy(w->at, b.data, b.len) : w->at;
	w->at = c.len ? mempcpy(w->at, c.data, c.len) : w->at;
	f->value_len = (uint32_t)(w->at - f->value);
	w->at = mempcpy(w->at, "\r\n", 2);
}

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
		case TOKEN_FORWARDED:
		case TOKEN_X_FORWARDED_FOR:
		case TOKEN_X_FORWARDED_PROTO:
		case TOKEN_X_FORWARDED_HOST:
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
	const struct conn_info *conn = x->px.client->conn;
	const sluice_str ip = str_n(conn->peer_ip, conn->peer_ip_len);
	const sluice_str scheme = conn->tls_version ? STR("https") : STR("http"), none = STR("");
	const sluice_str id = x->px.request_id;
	/* what the client asked for, also where a plugin sends the request on to another host */
	const sluice_str asked = x->px.asked_authority.data ? x->px.asked_authority : h->authority;
	bool v6 = memchr(ip.data, ':', ip.len) != NULL;

	/* what the route does not let through is not asked for either (RFC 9110 7.8) */
	h->upgrade = x->upgrade = tunnel_is_allowed(x);
	bool id_stays = fields_drop_ours(x, &h->fields);
	size_t size = 256 + 2 * ip.len + 2 * asked.len + id.len;
	char *room = arena_alloc(x->px.arena, size);
	if (!room || fields_room(&h->fields, x->px.arena, 6) < 0)
		return ERR_NO_MEMORY;

	struct line_writer w = { &h->fields, room };
	fields_line(&w, TOKEN_X_FORWARDED_FOR, STR("X-Forwarded-For"), ip, none, none);
	fields_line(&w, TOKEN_X_FORWARDED_PROTO, STR("X-Forwarded-Proto"), scheme, none, none);
	if (asked.len)
		fields_line(&w, TOKEN_X_FORWARDED_HOST, STR("X-Forwarded-Host"), asked, none, none);
	/* RFC 7239 4: an IPv6 address stands in brackets and quotes */
	fields_line(&w, TOKEN_FORWARDED, STR("Forwarded"), v6 ? STR("for=\"[") : STR("for="), ip, v6 ? STR("]\"") : none);
	w.at -= 2;
	struct field *forwarded = &h->fields.v[h->fields.n - 1];
	w.at = mempcpy(mempcpy(w.at, ";proto=", 7), scheme.data, scheme.len);
	if (asked.len)
		w.at = mempcpy(mempcpy(mempcpy(w.at, ";host=\"", 7), asked.data, asked.len), "\"", 1);
	forwarded->value_len = (uint32_t)(w.at - forwarded->value);
	w.at = mempcpy(w.at, "\r\n", 2);
	fields_line(&w, TOKEN_VIA, STR("Via"), h->version == 20 ? STR("2") : h->version == 10 ? STR("1.0") : STR("1.1"),
	            STR(" sluice"), none);
	if (!id_stays)
		fields_line(&w, TOKEN_X_REQUEST_ID, STR("X-Request-ID"), id, none, none);
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
