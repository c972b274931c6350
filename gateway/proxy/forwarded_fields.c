/*
 * Who asked. A client's word about that counts for nothing: what it says is taken away before
 * anybody looks, and Sluice writes its own. A trusted proxy (trusted_proxies of the listener) is
 * believed about the client, in the one field that it is known to write (client_ip_from); that
 * field goes on with the proxy's own address added, and the other is written anew from what was
 * believed, since a proxy that does not know it lets through whatever the client put there. Fields
 * that the listener keeps (forwarded.keep) pass from anybody, and are believed by nobody here.
 */
#include "proxy/forwarded_fields.h"

#include "http/forwarded.h"
#include "net/proxy_header.h"

enum { PORT_MAX = 5 }; /* digits */

/* ---- the first look ------------------------------------------------------------------------ */

/* What Sluice writes of the family, and what else of it trusted proxies may say. */
static const uint64_t forwarded_written = TOKEN_BIT(TOKEN_FORWARDED) |
	TOKEN_BIT(TOKEN_X_FORWARDED_FOR) | TOKEN_BIT(TOKEN_X_FORWARDED_PROTO) |
	TOKEN_BIT(TOKEN_X_FORWARDED_HOST) | TOKEN_BIT(TOKEN_X_FORWARDED_PORT);
static const uint64_t forwarded_edge = TOKEN_BIT(TOKEN_SEEN_EDGE);
static const uint64_t forwarded_twin = TOKEN_BIT(TOKEN_SEEN_TWIN);

/* The fields of the family that this peer is not to say. */
static uint64_t forwarded_forbidden(const struct conn_info *conn)
{
	const struct client_trust *trust = conn_trust(conn);
	if (!trust)
		return forwarded_written | forwarded_edge;
	if (trust->from == CLIENT_IP_X_FORWARDED_FOR)
		return TOKEN_BIT(TOKEN_FORWARDED);
	return forwarded_written & ~TOKEN_BIT(TOKEN_FORWARDED);
}

static bool forwarded_keeps(const struct conn_listener *l, const struct field *f)
{
	for (size_t i = 0; i < l->kept.n; i++) {
		if (str_ieq(l->kept.v[i], field_name(f)))
			return true;
	}
	return false;
}

/* Whether nobody is to see the field. Connection takes away what it names, but not what proxies say
 * of its sender. */
static bool forwarded_hides(const struct field *f, uint64_t forbidden,
	const struct conn_listener *l)
{
	uint64_t family = f->flags & FIELD_EDGE ? forwarded_edge
						: TOKEN_BIT(f->token) & forwarded_written;
	if (f->flags & FIELD_TWIN)
		return true;
	if (!family)
		return (f->flags & FIELD_DROP) && !field_is_hop_by_hop(f);
	return (family & forbidden) && !forwarded_keeps(l, f);
}

void forwarded_clean(struct exchange *x)
{
	struct request_head *h = x->px.request;
	const struct conn_info *conn = x->px.client->conn;
	struct fields *f = &h->fields;
	uint64_t forbidden = forwarded_forbidden(conn), left = 0;
	bool named = (h->seen & tokens_hop_by_hop) && fields_drop_hop_by_hop(f);
	uint32_t n = 0;

	if (likely(!named && !(h->seen & (forbidden | forwarded_twin))))
		return;
	for (uint32_t i = 0; i < f->n; i++) {
		struct field *v = &f->v[i];
		if (forwarded_hides(v, forbidden, conn->listener))
			continue;
		if ((TOKEN_BIT(v->token) & forwarded_written) || (v->flags & FIELD_EDGE))
			v->flags &= (uint16_t)~FIELD_DROP;
		left |= TOKEN_BIT(v->token) | (v->flags & FIELD_EDGE ? forwarded_edge : 0);
		f->v[n++] = *v;
	}
	f->n = n;
	h->seen = left;
}

void forwarded_identify(struct exchange *x)
{
	const struct client_trust *trust = conn_trust(x->px.client->conn);
	char ip[ADDR_IP_TEXT];
	struct forwarded told;
	if (!trust)
		return;
	forwarded_read(&x->px.request->fields, trust, &told);
	if (told.scheme.len)
		x->px.scheme = told.scheme;
	x->told_host = told.host;
	if (!told.client.len)
		return;
	sluice_str text = arena_str(x->px.arena, str_n(ip, addr_ip_text(&told.client, ip)));
	if (!text.data)
		return; /* the budget is spent: the request will be refused */
	x->px.client_ip = text;
	x->px.client_port = addr_port(&told.client);
}

sluice_str forwarded_proxy_header(struct exchange *x, int version)
{
	const struct conn_info *conn = x->px.client->conn;
	struct addr source, target = *conn->local,
			    own = { .len = sizeof(own) - offsetof(struct addr, sa) };
	char *buf = arena_alloc(x->px.arena, PROXY_HEADER_WRITTEN);
	if (!buf)
		return STR_NONE;
	if (!addr_from_ip(x->px.client_ip, x->px.client_port, &source))
		source = (struct addr){ 0 }; /* it has none: it came by a unix socket */
	/* a listener may be at all addresses of the machine: which of them was it? */
	if (conn->fd >= 0 && getsockname(conn->fd, &own.sa, &own.len) == 0)
		target = own;
	return str_n(buf, proxy_header_write(version, &source, &target, buf));
}

/* ---- the pieces ---------------------------------------------------------------------------- */

/* The peer of the connection; empty when it has no address. */
static sluice_str forwarded_peer(const struct exchange *x)
{
	const struct conn_info *conn = x->px.client->conn;
	sluice_str ip = str_n(conn->peer_ip, conn->peer_ip_len);
	return str_eq(ip, STR("unix")) ? STR("") : ip;
}

bool forwarded_is_told(const struct exchange *x)
{
	return x->px.client_ip.data != x->px.client->conn->peer_ip;
}

static sluice_str forwarded_asked(const struct exchange *x)
{
	/* what the client asked for, also where a plugin sends the request on to another host */
	return x->px.asked_authority.data ? x->px.asked_authority : x->px.request->authority;
}

/* The field that is believed, if any is. */
static enum token forwarded_field(const struct exchange *x)
{
	const struct client_trust *trust = conn_trust(x->px.client->conn);
	return !trust                                ? TOKEN_OTHER
		: trust->from == CLIENT_IP_FORWARDED ? TOKEN_FORWARDED
						     : TOKEN_X_FORWARDED_FOR;
}

/* A member of a list behind those that stand there. */
static void forwarded_next(struct line_writer *w, const char *start)
{
	if (w->at != start)
		fields_put(w, STR(", "));
}

/* Whether the request has such fields: what nobody may say is gone by now. */
static bool forwarded_has(const struct exchange *x, enum token t)
{
	return (x->px.request->seen & TOKEN_BIT(t)) != 0;
}

/* What the fields of that name say, as one list; they are dropped. */
static void forwarded_take_over(struct exchange *x, struct line_writer *w, enum token name)
{
	struct fields *f = &x->px.request->fields;
	const char *start = w->at;
	for (uint32_t i = 0; i < f->n; i++) {
		if (f->v[i].token != name || (f->v[i].flags & FIELD_DROP) || f->v[i].value_len == 0)
			continue;
		forwarded_next(w, start);
		fields_put(w, field_value(&f->v[i]));
		f->v[i].flags |= FIELD_DROP;
	}
}

/* RFC 7239 6: an IPv6 address stands in brackets and quotes; who has none is unknown */
static void forwarded_node(struct line_writer *w, sluice_str ip)
{
	bool v6 = ip.len && memchr(ip.data, ':', ip.len);
	fields_put(w, v6 ? STR("for=\"[") : STR("for="));
	fields_put(w, ip.len ? ip : STR("unknown"));
	fields_put(w, v6 ? STR("]\"") : STR(""));
}

/* ---- the lines ----------------------------------------------------------------------------- */

static void forwarded_write_list(struct exchange *x, struct line_writer *w)
{
	sluice_str peer = forwarded_peer(x);
	fields_begin(w, TOKEN_X_FORWARDED_FOR, STR("X-Forwarded-For"));
	const char *start = w->at;
	if (forwarded_has(x, TOKEN_X_FORWARDED_FOR))
		forwarded_take_over(x, w, TOKEN_X_FORWARDED_FOR);
	else if (forwarded_is_told(x))
		fields_put(w, x->px.client_ip);
	if (peer.len || w->at == start) {
		forwarded_next(w, start);
		fields_put(w, peer.len ? peer : STR("unknown"));
	}
	fields_end(w);
}

static void forwarded_write_standard(struct exchange *x, struct line_writer *w)
{
	sluice_str asked = forwarded_asked(x);
	fields_begin(w, TOKEN_FORWARDED, STR("Forwarded"));
	const char *start = w->at;
	if (forwarded_has(x, TOKEN_FORWARDED)) {
		forwarded_take_over(x, w, TOKEN_FORWARDED);
	} else if (forwarded_is_told(x)) {
		forwarded_node(w, x->px.client_ip);
		fields_put(w, STR(";proto="));
		fields_put(w, x->px.scheme);
	}
	forwarded_next(w, start);
	forwarded_node(w, forwarded_peer(x));
	fields_put(w, x->px.client->conn->tls_version ? STR(";proto=https") : STR(";proto=http"));
	if (asked.len) {
		fields_put(w, STR(";host=\""));
		fields_put(w, asked);
		fields_put(w, STR("\""));
	}
	fields_end(w);
}

static void forwarded_drop(struct fields *f, enum token name)
{
	for (uint32_t i = 0; i < f->n; i++) {
		if (f->v[i].token == name)
			f->v[i].flags |= FIELD_DROP;
	}
}

size_t forwarded_size(const struct exchange *x)
{
	const struct fields *f = &x->px.request->fields;
	/* names, punctuation, schemes and a port: 155 bytes in the longest five lines; the rest are
	 * addresses and hosts */
	size_t n = 240 + 4 * ADDR_IP_TEXT + 2 * forwarded_asked(x).len + x->told_host.len;
	if (likely(!forwarded_has(x, TOKEN_X_FORWARDED_FOR) && !forwarded_has(x, TOKEN_FORWARDED)))
		return n;
	for (uint32_t i = 0; i < f->n; i++) {
		if (f->v[i].token == TOKEN_X_FORWARDED_FOR || f->v[i].token == TOKEN_FORWARDED)
			n += f->v[i].value_len + 2;
	}
	return n;
}

/* The port of an authority; empty: it has none, or what stands there is none. What a proxy told may
 * be any text. */
static sluice_str forwarded_port(sluice_str authority)
{
	size_t n = 0;
	while (n < authority.len && authority.data[authority.len - 1 - n] >= '0' &&
		authority.data[authority.len - 1 - n] <= '9')
		n++;
	if (n && n <= PORT_MAX && n < authority.len && authority.data[authority.len - 1 - n] == ':')
		return str_n(authority.data + authority.len - n, n);
	return STR_NONE;
}

/* Scheme and port, where the port is the scheme's: nearly always. */
static void forwarded_write_usual(struct line_writer *w, bool https)
{
	static const char plain[] = "X-Forwarded-Proto: http\r\nX-Forwarded-Port: 80\r\n";
	static const char tls[] = "X-Forwarded-Proto: https\r\nX-Forwarded-Port: 443\r\n";
	enum {
		NAME = sizeof("X-Forwarded-Proto") - 1,
		PLAIN = sizeof("X-Forwarded-Proto: http\r\n") - 1
	};
	const char *text = https ? tls : plain;
	size_t first = PLAIN + https, all = https ? sizeof(tls) - 1 : sizeof(plain) - 1;
	fields_constant(w, TOKEN_X_FORWARDED_PROTO, text, NAME, first);
	fields_constant(w, TOKEN_X_FORWARDED_PORT, text + first, NAME - 1, all - first);
}

static void forwarded_write_scheme(struct exchange *x, struct line_writer *w, sluice_str host)
{
	bool proxies_say = forwarded_field(x) == TOKEN_X_FORWARDED_FOR,
	     https = x->px.scheme.len == 5;
	/* else it is known better: forwarded_identify() */
	bool proto_stays = forwarded_has(x, TOKEN_X_FORWARDED_PROTO) && !proxies_say;
	bool port_stays = forwarded_has(x, TOKEN_X_FORWARDED_PORT);
	sluice_str port = port_stays ? STR_NONE : forwarded_port(host);

	if (forwarded_has(x, TOKEN_X_FORWARDED_PROTO) && !proto_stays)
		forwarded_drop(&x->px.request->fields, TOKEN_X_FORWARDED_PROTO);
	if (likely(!proto_stays && !port_stays && !port.len)) {
		forwarded_write_usual(w, https);
		return;
	}
	if (!proto_stays)
		fields_line(w, TOKEN_X_FORWARDED_PROTO, STR("X-Forwarded-Proto"), x->px.scheme);
	if (!port_stays)
		fields_line(w, TOKEN_X_FORWARDED_PORT, STR("X-Forwarded-Port"),
			port.len        ? port
				: https ? STR("443")
					: STR("80"));
}

void forwarded_write(struct exchange *x, struct line_writer *w)
{
	sluice_str host = x->told_host.len ? x->told_host : forwarded_asked(x);

	forwarded_write_list(x, w);
	if (!forwarded_has(x, TOKEN_X_FORWARDED_HOST) && host.len)
		fields_line(w, TOKEN_X_FORWARDED_HOST, STR("X-Forwarded-Host"), host);
	forwarded_write_standard(x, w);
	forwarded_write_scheme(x, w, host);
}
