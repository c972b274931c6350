/*
 * One connection, from accept to the codec that serves it. The steps come in this order, and the
 * connection may end at each:
 *
 *   accepted --PROXY header, from balancers--> --TLS handshake--> --first bytes, where they tell
 * the protocol--> served
 *
 * The client is known before any work is done for it: from the start, or after the PROXY header.
 * The gate of the listener, where it has one, is asked then, and again after the handshake.
 */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "front/state.h"
#include "http1/server.h"
#include "http2/server.h"
#include "net/proxy_transport.h"
#include "tls/info.h"
#include "tls/server.h"
#include "tls/transport.h"

enum conn_state {
	CONN_OPENING,   /* a PROXY header or a TLS handshake goes on */
	CONN_UNDECIDED, /* the protocol is found out from the first bytes */
	CONN_SERVED,    /* the stream is the codec's */
	CONN_CLOSED,
};

enum { CODEC_HTTP1, CODEC_HTTP2 };
enum { PLAIN_REST = 16384 }; /* bytes of a request in clear text that are read and discarded */
static const struct codec *const codecs[] = {
	[CODEC_HTTP1] = &http1_codec,
	[CODEC_HTTP2] = &http2_codec,
};

/* One allocation, and small: most connections of an edge are idle. */
struct front_conn {
	union {
		struct list link; /* front.conns, as long as it lives */
		struct grave grave;
	};
	struct front_settings *settings; /* shared: ref */
	union codec_room room;           /* of the codec */
	struct stream s;
	struct conn_info info;
	uint8_t state; /* enum conn_state */
	uint8_t codec; /* index of codecs, once it is served */
	bool refused;  /* the refusal was counted and logged */
	/* Room for the peer's address, or for any address where a PROXY header will name it. With a
	 * gate, its room comes first, at the end of the struct, where it is aligned. */
	char rest[];
};

static void *conn_room(const struct front_conn *c)
{
	return (void *)(uintptr_t)(c + 1);
}

static char *conn_peer_text(struct front_conn *c)
{
	const struct conn_gate *g = c->settings->gate;
	return g ? (char *)conn_room(c) + g->room : c->rest;
}

struct front_conn *front_conn_of(struct list *link)
{
	return container_of(link, struct front_conn, link);
}

/* Whether a PROXY header named the local address, which the connection then owns. */
static bool conn_owns_local(const struct front_conn *c)
{
	return c->info.local != &c->settings->addr;
}

static void conn_set_state(struct front_conn *c, enum conn_state to)
{
	static const uint8_t ways[] = {
		[CONN_OPENING] = 1 << CONN_UNDECIDED | 1 << CONN_SERVED | 1 << CONN_CLOSED,
		[CONN_UNDECIDED] = 1 << CONN_SERVED | 1 << CONN_CLOSED,
		[CONN_SERVED] = 1 << CONN_CLOSED,
		[CONN_CLOSED] = 0,
	};
	check(ways[c->state] >> to & 1, "a connection goes from state %d to %d", c->state, to);
	c->state = (uint8_t)to;
}

/* ---- ending -------------------------------------------------------------------------------- */

static void conn_free(struct grave *g)
{
	struct front_conn *c = container_of(g, struct front_conn, grave);
	free((char *)(uintptr_t)c->info.host);
	if (conn_owns_local(c))
		free((struct addr *)(uintptr_t)c->info.local);
	front_settings_unref(&c->settings);
	free(c);
}

static void conn_close(struct front_conn *c)
{
	struct front *f = c->settings->front;
	struct conn_gate *g = c->settings->gate;
	conn_set_state(c, CONN_CLOSED);
	if (g)
		g->ops->on_close(conn_room(c));
	stream_close(&c->s);
	list_del(&c->link);
	counts_client_leave(c->info.client);
	f->n_conns--;
	if (f->counts) {
		counts_leave(f->counts);
		stat_dec(STAT_CONNECTIONS_ACTIVE);
	}
	conn_gate_unref(g);
	worker_bury(f->worker, &c->grave, conn_free);
	if (f->draining && f->n_conns == 0 && f->on_empty)
		f->on_empty(f->on_empty_ctx);
}

void front_conn_on_closed(struct conn_info *info)
{
	conn_close(container_of(info, struct front_conn, info));
}

const struct front_place *front_conn_place(const struct front_conn *c)
{
	return c->settings->place;
}

const struct stream *front_conn_stream(const struct conn_info *info)
{
	const struct front_conn *c = container_of(info, struct front_conn, info);
	return &c->s;
}

struct sluice_conn *front_conn_plugged(const struct conn_info *info)
{
	return conn_room(container_of(info, struct front_conn, info));
}

/* The listener, or the gateway, was told to drain before the connection had its protocol. */
static void conn_drain_late(struct front_conn *c)
{
	if (c->settings->front->draining)
		front_conn_drain(c, c->settings->front->drain_idle_ns);
	else if (front_place_is_removed(c->settings->place))
		front_conn_drain(c, c->settings->place->drain_idle_ns);
}

void front_conn_drain(struct front_conn *c, uint64_t idle_ns)
{
	if (c->state == CONN_SERVED)
		codecs[c->codec]->drain(&c->room, idle_ns);
	else if (c->state == CONN_UNDECIDED && c->s.in.len == 0)
		/* otherwise the deadline of its first bytes stays */
		stream_deadline(&c->s, idle_ns);
}

void front_conn_abort(struct front_conn *c)
{
	if (c->state == CONN_SERVED)
		codecs[c->codec]->abort(&c->room);
	else
		conn_close(c);
}

/* ---- the protocol -------------------------------------------------------------------------- */

/* The protocol is known: from here on the stream belongs to its codec. */
static void conn_serve(struct front_conn *c, unsigned codec)
{
	conn_set_state(c, CONN_SERVED);
	c->codec = (uint8_t)codec;
	codecs[codec]->start(&c->room, &c->s, &c->info, &c->settings->codec);
	if (c->s.in.len)
		stream_resume(&c->s);
	conn_drain_late(c);
}

/* Plain, with a choice of protocols: the first bytes tell (RFC 9113 3.3). */
static void conn_on_first_bytes(struct stream *s)
{
	struct front_conn *c = s->data;
	bool first = s->in.len == 0;
	enum io io = stream_fill(s);
	if (io == IO_AGAIN)
		return;
	if (io != IO_OK) {
		conn_close(c);
		return;
	}
	sluice_str bytes =
		buf_pullup(&s->in, s->in.len < HTTP2_PREFACE_LEN ? s->in.len : HTTP2_PREFACE_LEN);
	enum http2_preface is = http2_preface(bytes.data, bytes.len);
	if (is != HTTP2_PREFACE_MORE) {
		conn_serve(c, is == HTTP2_PREFACE_YES ? CODEC_HTTP2 : CODEC_HTTP1);
		return;
	}
	if (first)
		stream_deadline(s, c->settings->codec.head_ns);
	if (stream_may_read(s))
		/* the end of the stream may have come together with these bytes */
		stream_resume(s);
}

static void conn_on_silence(struct stream *s)
{
	stat_inc(s->in.len ? STAT_TIMEOUT_HEAD : STAT_TIMEOUT_IDLE);
	conn_close(s->data);
}

static void conn_on_loss(struct stream *s, int error)
{
	(void)error;
	conn_close(s->data);
}

/* Events that are ignored until the protocol is known. */
static void conn_on_nothing(struct stream *s)
{
	(void)s;
}

static const struct stream_user conn_undecided = {
	.on_readable = conn_on_first_bytes,
	.on_drained = conn_on_nothing,
	.on_fail = conn_on_loss,
	.on_timeout = conn_on_silence,
};

/* The stream is open. */
static void conn_choose(struct front_conn *c, sluice_str agreed)
{
	uint64_t p = c->settings->protocols;
	if (str_eq(agreed, STR("h2")) || p == FRONT_H2) {
		conn_serve(c, CODEC_HTTP2);
	} else if (!(p & FRONT_H2) || c->info.tls_version) {
		conn_serve(c, CODEC_HTTP1); /* over TLS, HTTP/2 must be agreed on (RFC 9113 3.2) */
	} else {
		conn_set_state(c, CONN_UNDECIDED);
		stream_hand_over(&c->s, &conn_undecided, c);
		stream_deadline(&c->s, c->settings->codec.idle_ns);
		conn_drain_late(c);
	}
}

/* ---- who it is ----------------------------------------------------------------------------- */

static void conn_set_peer(struct front_conn *c, const struct addr *peer)
{
	char *text = conn_peer_text(c);
	c->info.peer_port = addr_port(peer);
	c->info.peer_ip = text;
	c->info.peer_ip_len = (uint8_t)addr_ip_text(peer, text);
	c->info.peer_is_trusted = cidr_set_has(c->settings->shared.trust.proxies, peer);
}

static void conn_refuse(struct front_conn *c, enum refusal why, const char *detail)
{
	refusal_tell(&c->settings->front->refusals, why, worker_now(c->settings->front->worker),
		c->info.listener->name, str_n(c->info.peer_ip, c->info.peer_ip_len), detail);
	c->refused = true;
}

/* Count the connection for its client: among those of this listener, or of all listeners that say
 * auto. False, and refused, when there are too many. A trusted proxy is not counted, because it has
 * many clients, nor is a peer at a unix socket, which has no address. */
static bool conn_admit(struct front_conn *c, const struct addr *peer)
{
	const struct front_settings *s = c->settings;
	unsigned most = s->max_per_client;
	char key[sizeof(s->name) + ADDR_NETWORK];
	size_t n = s->counts_alone ? strlen(s->name) + 1 : 1, client;

	if (!s->front->counts || (!most && s->shared.max_client_requests == UINT32_MAX) ||
		c->info.peer_is_trusted)
		return true;
	memcpy(key, s->counts_alone ? s->name : "", n);
	client = addr_client(peer, (uint8_t *)key + n);
	if (client == 0)
		return true;
	if (counts_client_enter(s->front->counts, str_n(key, n + client), most ? most : COUNT_MOST,
		    &c->info.client) ||
		!most)
		return true;
	conn_refuse(c, REFUSAL_MAX_PER_CLIENT, "");
	return false;
}

/* Whether the gate lets the connection in. */
static bool conn_ask_gate(struct front_conn *c)
{
	struct conn_gate *g = c->settings->gate;
	char why[GATE_WHY];
	if (likely(!g) || g->ops->on_connect(g, conn_room(c), &c->info, why))
		return true;
	conn_refuse(c, REFUSAL_GATE, why);
	return false;
}

/* The same after the TLS handshake. */
static bool conn_ask_gate_again(struct front_conn *c)
{
	const struct conn_gate *g = c->settings->gate;
	char why[GATE_WHY];
	if (likely(!g) || g->ops->on_secured(conn_room(c), why))
		return true;
	conn_refuse(c, REFUSAL_GATE, why);
	return false;
}

static bool conn_on_proxy_header(struct stream *s, const struct proxy_header *h)
{
	struct front_conn *c = s->data;
	stat_inc(STAT_PROXY_HEADERS);
	stream_deadline(s, c->settings->codec.head_ns); /* for the TLS handshake, if there is one */
	if (!h->is_named) /* the balancer itself is the client, as for a health check */
		return conn_ask_gate(c);
	struct addr *local = mem_new(struct addr);
	*local = h->target;
	c->info.local = local;
	c->info.fd = -1;
	conn_set_peer(c, &h->source);
	return conn_admit(c, &h->source) && conn_ask_gate(c);
}

/* ---- for which host ------------------------------------------------------------------------ */

/* Whether the host is the address that the client connected to, as clients without a name for the
 * gateway send it, such as health checks. */
static bool conn_is_at(const struct front_conn *c, sluice_str host)
{
	struct addr own = { .len = sizeof(own) - offsetof(struct addr, sa) };
	char ip[ADDR_IP_TEXT];
	if (host.data[0] == '[')
		host = str_n(host.data + 1, host.len - 2);
	if (c->info.fd < 0 || getsockname(c->info.fd, &own.sa, &own.len) < 0)
		return false;
	struct addr asked;
	if (!addr_from_ip(host, 0, &asked))
		return false;
	size_t n = addr_ip_text(&asked, ip);
	char own_ip[ADDR_IP_TEXT];
	return addr_ip_text(&own, own_ip) == n && memcmp(ip, own_ip, n) == 0;
}

static bool sni_is(sluice_str sni, sluice_str host)
{
	if (sni.len && sni.data[sni.len - 1] == '.')
		sni.len--;
	return sni.len && str_ieq(sni, host);
}

/* Whether the request's host fits the name that the client sent by SNI, or the certificate that it
 * was shown (RFC 9110 4.3.4, RFC 9113 9.1.1). */
static bool conn_is_for(struct conn_info *info, sluice_str host)
{
	struct front_conn *c = container_of(info, struct front_conn, info);
	sluice_str sni = str_of(tls_sni(&c->s));
	if (!sni_is(sni, host) && !tls_certificate_covers(&c->s, host) &&
		(sni.len || !conn_is_at(c, host)))
		return false;
	char *copy = malloc(host.len);
	if (copy) { /* without a copy the check is made again for the next request */
		memcpy(copy, host.data, host.len);
		free((char *)(uintptr_t)info->host);
		info->host = copy;
		info->host_len = host.len;
	}
	return true;
}

/* ---- opening ------------------------------------------------------------------------------- */

static void conn_on_open(struct stream *s)
{
	struct front_conn *c = s->data;
	if (s->transport != &transport_tls) {
		conn_choose(c, STR_NONE);
		return;
	}
	c->info.tls_version = tls_version_name(s);
	if (c->settings->match_host && !c->info.peer_is_trusted)
		c->info.is_for = conn_is_for;
	stat_inc(STAT_TLS_HANDSHAKES);
	if (tls_was_resumed(s))
		stat_inc(STAT_TLS_RESUMED);
	if (conn_ask_gate_again(c))
		conn_choose(c, tls_alpn(s));
	else
		conn_close(c);
}

/* The client speaks plain HTTP to a TLS port. Its request cannot be read any more, but an answer
 * can be sent. Best effort: the socket of a new connection has room for the answer. */
static void conn_answer_plain(const struct front_conn *c)
{
	char rest[PLAIN_REST];
	static const char answer[] =
		"HTTP/1.1 400 Bad Request\r\nContent-Type: "
		"application/problem+json\r\nContent-Length: 144\r\n"
		"Connection: close\r\n\r\n"
		"{\"type\":\"urn:sluice:problem:plain-http\",\"title\":\"Plain HTTP on a TLS "
		"port\",\"status\":400,"
		"\"detail\":\"This port speaks TLS: use https:// instead.\"}\n";
	_Static_assert(sizeof(answer) > 144, "the body");
	(void)send(c->s.fd, answer, sizeof(answer) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	/* read what has come: closing a socket with unread bytes sends a reset, and some clients
	 * then discard the answer */
	(void)recv(c->s.fd, rest, sizeof(rest), MSG_DONTWAIT);
}

static void conn_tls_failed(struct front_conn *c)
{
	char why[160];
	stat_inc(STAT_TLS_FAILURES);
	if (tls_is_plain_http(&c->s)) {
		conn_answer_plain(c);
		conn_refuse(c, REFUSAL_PLAIN_HTTP, "");
		return;
	}
	(void)tls_error_text(&c->s, why, sizeof(why));
	conn_refuse(c, REFUSAL_TLS, *why ? why : "the client left during the handshake");
}

static void conn_on_fail(struct stream *s, int error)
{
	struct front_conn *c = s->data;
	(void)error;
	if (s->transport == &transport_tls)
		conn_tls_failed(c);
	else if (!c->refused)
		conn_refuse(c, REFUSAL_PROXY_HEADER, proxy_reader_why(s));
	conn_close(c);
}

static void conn_on_timeout(struct stream *s)
{
	stat_inc(s->transport == &transport_tls ? STAT_TIMEOUT_TLS : STAT_TIMEOUT_PROXY_HEADER);
	conn_close(s->data);
}

static const struct stream_user conn_user = {
	.on_open = conn_on_open,
	.on_readable = conn_on_nothing,
	.on_drained = conn_on_nothing,
	.on_fail = conn_on_fail,
	.on_timeout = conn_on_timeout,
};

/* Count the connection among all. */
static bool front_enter(struct front *f, const struct front_listener *l, const struct addr *peer)
{
	char ip[ADDR_IP_TEXT];
	uint64_t most = f->bounds.connections;
	if (f->counts ? counts_enter(f->counts, most) : !most || f->n_conns < most)
		return true;
	if (f->counts)
		refusal_tell(&f->refusals, REFUSAL_MAX_CONNECTIONS, worker_now(f->worker),
			str_of(l->settings->name), str_n(ip, addr_ip_text(peer, ip)), "");
	return false;
}

/* The connection is counted from here on. */
static struct front_conn *conn_new(struct front_listener *l, int fd, const struct addr *peer,
	bool header)
{
	char ip[ADDR_IP_TEXT];
	struct conn_gate *g = l->settings->gate;
	size_t size =
		(g ? sizeof(struct front_conn) + g->room : offsetof(struct front_conn, rest)) +
		(header ? ADDR_IP_TEXT : addr_ip_text(peer, ip) + 1);
	struct front_conn *c =
		mem_zeroed(1, size < sizeof(*c) ? sizeof(*c) : size, "struct front_conn");
	struct front *f = l->front;
	c->settings = front_settings_ref(l->settings);
	(void)conn_gate_ref(g);
	c->info.local = &c->settings->addr;
	c->info.fd = fd;
	c->info.listener = &c->settings->shared;
	c->info.id = (uint64_t)f->worker->id << 48 | ++f->next_id;
	conn_set_peer(c, peer);
	list_push(&f->conns, &c->link);
	f->n_conns++;
	if (f->counts) {
		stat_inc(STAT_CONNECTIONS_ACCEPTED);
		series_add(c->settings->accepted, 1);
		stat_inc(STAT_CONNECTIONS_ACTIVE);
	}
	return c;
}

void front_conn_on_accept(struct acceptor *a, int fd, const struct addr *peer)
{
	struct front_listener *l = a->data;
	struct front *f = l->front;
	const struct transport *t = &transport_plain;
	void *state = NULL;

	if (!front_enter(f, l, peer)) {
		(void)close(fd);
		return;
	}
	bool header = cidr_set_has(l->settings->balancers, peer);
	struct front_conn *c = conn_new(l, fd, peer, header);
	if (!header && !(conn_admit(c, peer) && conn_ask_gate(c))) {
		stream_init_closed(&c->s);
		(void)close(fd);
		conn_close(c);
		return;
	}
	if (l->tls) {
		t = &transport_tls;
		state = tls_server_start(l->tls, f->worker->id);
	}
	if (header) {
		state = proxy_reader_new(t, state, conn_on_proxy_header);
		t = &transport_proxy_reader;
	}
	if (stream_init(&c->s, f->worker, fd, t, state, &conn_user, c) < 0)
		conn_close(c);
	else if (t == &transport_plain)
		conn_choose(c, STR_NONE);
	else
		stream_deadline(&c->s,
			header ? c->settings->proxy_header_ns : c->settings->codec.head_ns);
}
