/*
 * Who asked. A client's word about that counts for nothing: what it says is replaced. A trusted proxy (trusted_proxies of the
 * listener) is believed about the client, in the one field that it is known to write (client_ip_from); that field goes on
 * with the proxy's own address added, and the other is written anew from what was believed, since a proxy that does not know
 * it lets through whatever the client put there.
 */
#include "http/forwarded.h"
#include "net/proxy_header.h"
#include "proxy/fields.h"

void who_identify(struct exchange *x)
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

sluice_str who_proxy_header(struct exchange *x, int version)
{
	const struct conn_info *conn = x->px.client->conn;
	struct addr source, target = *conn->local, own = { .len = sizeof(own) - offsetof(struct addr, sa) };
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

/* ---- the pieces --------------------------------------------------------------------------------------------------- */

/* The peer of the connection; empty when it has no address. */
static sluice_str who_peer(const struct exchange *x)
{
	const struct conn_info *conn = x->px.client->conn;
	sluice_str ip = str_n(conn->peer_ip, conn->peer_ip_len);
	return str_eq(ip, STR("unix")) ? STR("") : ip;
}

bool who_is_told(const struct exchange *x)
{
	return x->px.client_ip.data != x->px.client->conn->peer_ip;
}

static sluice_str who_asked(const struct exchange *x)
{
	/* what the client asked for, also where a plugin sends the request on to another host */
	return x->px.asked_authority.data ? x->px.asked_authority : x->px.request->authority;
}

/* The field that is believed, if any is. */
static enum token who_field(const struct exchange *x)
{
	const struct client_trust *trust = conn_trust(x->px.client->conn);
	return !trust ? TOKEN_OTHER : trust->from == CLIENT_IP_FORWARDED ? TOKEN_FORWARDED : TOKEN_X_FORWARDED_FOR;
}

/* A member of a list behind those that stand there. */
static void who_next(struct line_writer *w, const char *start)
{
	if (w->at != start)
		fields_put(w, STR(", "));
}

/* What the fields of that name say, as one list; they are dropped. */
static void who_take_over(struct exchange *x, struct line_writer *w, enum token name)
{
	struct fields *f = &x->px.request->fields;
	const char *start = w->at;
	for (uint32_t i = 0; i < f->n; i++) {
		if (f->v[i].token != name || (f->v[i].flags & FIELD_DROP) || f->v[i].value_len == 0)
			continue;
		who_next(w, start);
		fields_put(w, field_value(&f->v[i]));
		f->v[i].flags |= FIELD_DROP;
	}
}

/* RFC 7239 6: an IPv6 address stands in brackets and quotes; who has none is unknown */
static void who_node(struct line_writer *w, sluice_str ip)
{
	bool v6 = ip.len && memchr(ip.data, ':', ip.len);
	fields_put(w, v6 ? STR("for=\"[") : STR("for="));
	fields_put(w, ip.len ? ip : STR("unknown"));
	fields_put(w, v6 ? STR("]\"") : STR(""));
}

/* ---- the lines ---------------------------------------------------------------------------------------------------- */

static void who_write_list(struct exchange *x, struct line_writer *w)
{
	sluice_str peer = who_peer(x);
	fields_begin(w, TOKEN_X_FORWARDED_FOR, STR("X-Forwarded-For"));
	const char *start = w->at;
	if (who_field(x) == TOKEN_X_FORWARDED_FOR)
		who_take_over(x, w, TOKEN_X_FORWARDED_FOR);
	else if (who_is_told(x))
		fields_put(w, x->px.client_ip);
	if (peer.len || w->at == start) {
		who_next(w, start);
		fields_put(w, peer.len ? peer : STR("unknown"));
	}
	fields_end(w);
}

static void who_write_standard(struct exchange *x, struct line_writer *w)
{
	sluice_str asked = who_asked(x);
	fields_begin(w, TOKEN_FORWARDED, STR("Forwarded"));
	const char *start = w->at;
	if (who_field(x) == TOKEN_FORWARDED) {
		who_take_over(x, w, TOKEN_FORWARDED);
	} else if (who_is_told(x)) {
		who_node(w, x->px.client_ip);
		fields_put(w, STR(";proto="));
		fields_put(w, x->px.scheme);
	}
	who_next(w, start);
	who_node(w, who_peer(x));
	fields_put(w, x->px.client->conn->tls_version ? STR(";proto=https") : STR(";proto=http"));
	if (asked.len) {
		fields_put(w, STR(";host=\""));
		fields_put(w, asked);
		fields_put(w, STR("\""));
	}
	fields_end(w);
}

static void who_drop(struct fields *f, enum token name)
{
	for (uint32_t i = 0; i < f->n; i++) {
		if (f->v[i].token == name)
			f->v[i].flags |= FIELD_DROP;
	}
}

size_t who_size(const struct exchange *x)
{
	const struct fields *f = &x->px.request->fields;
	enum token believed = who_field(x);
	size_t n = 320 + 4 * ADDR_IP_TEXT + 2 * who_asked(x).len + x->told_host.len;
	for (uint32_t i = 0; i < f->n; i++) {
		if (f->v[i].token == believed && believed != TOKEN_OTHER)
			n += f->v[i].value_len + 2;
	}
	return n;
}

void who_write(struct exchange *x, struct line_writer *w)
{
	struct fields *f = &x->px.request->fields;
	enum token believed = who_field(x);
	sluice_str host = believed == TOKEN_FORWARDED && x->told_host.len ? x->told_host : who_asked(x);
	bool host_stays = believed == TOKEN_X_FORWARDED_FOR && fields_find(f, TOKEN_X_FORWARDED_HOST);

	who_drop(f, TOKEN_X_FORWARDED_PROTO);
	if (!host_stays)
		who_drop(f, TOKEN_X_FORWARDED_HOST);
	if (believed != TOKEN_X_FORWARDED_FOR)
		who_drop(f, TOKEN_X_FORWARDED_FOR);
	if (believed != TOKEN_FORWARDED)
		who_drop(f, TOKEN_FORWARDED);
	who_write_list(x, w);
	fields_line(w, TOKEN_X_FORWARDED_PROTO, STR("X-Forwarded-Proto"), x->px.scheme);
	if (!host_stays && host.len)
		fields_line(w, TOKEN_X_FORWARDED_HOST, STR("X-Forwarded-Host"), host);
	who_write_standard(x, w);
}
