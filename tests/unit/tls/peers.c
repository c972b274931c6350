#include "peers.h"

#include <stdio.h>
#include <sys/socket.h>

#include "../unit.h"
#include "certs.h"

/* Lingering that is bounded by time alone. The second of two calls does not change the first. */
static const struct lingering *linger_for(uint64_t ns)
{
	static struct lingering v[8];
	static unsigned n;
	struct lingering *l = &v[n++ % 8];
	*l = (struct lingering){ .silence_ns = ns, .total_ns = ns, .bytes = UINT64_MAX / 2 };
	return l;
}

enum { PAIR_SECONDS = 20, CHUNK = 40000 };

/* ---- sides --------------------------------------------------------------------------------- */

void hear(void *ctx, bool is_warning, int index, const char *option, const char *text)
{
	struct complaints_heard *h = ctx;
	if (!h && is_warning)
		return;
	if (!h)
		fail_msg("unexpected complaint about %s[%d]: %s", option, index, text);
	if (is_warning) {
		h->warnings++;
		(void)snprintf(h->warning, sizeof(h->warning), "%s", text);
		return;
	}
	h->errors++;
	h->index = index;
	(void)snprintf(h->option, sizeof(h->option), "%s", option);
	(void)snprintf(h->text, sizeof(h->text), "%s", text);
}

struct tls_server *server_with(const struct tls_server_conf *conf, struct tls_tickets *tickets,
	unsigned workers, const char *const *protocols, struct complaints_heard *heard)
{
	struct tls_server_args a = { .conf = conf,
		.dir = certs_dir(),
		.protocols = protocols,
		.workers = workers,
		.tickets = tickets,
		.report = hear,
		.report_ctx = heard };
	return tls_server_new(&a);
}

struct tls_server *server_of(const char *stem, struct tls_tickets *tickets,
	const char *const *protocols)
{
	char crt[64], key[64];
	(void)snprintf(crt, sizeof(crt), "%s.crt", stem);
	(void)snprintf(key, sizeof(key), "%s.key", stem);
	struct tls_certificate_conf cert = { str_of(crt), str_of(key) };
	struct tls_server_conf conf = { .certificates = { &cert, 1 },
		.max_version = TLS_1_3,
		.session_tickets = true,
		.session_timeout = 3600000 };
	struct tls_server *srv = server_with(&conf, tickets, 1, protocols, NULL);
	assert_non_null(srv);
	return srv;
}

struct tls_client *client_of(const char *trusted, const char *const *protocols)
{
	char ca[64];
	(void)snprintf(ca, sizeof(ca), "%s.crt", trusted ? trusted : "");
	struct tls_client_conf conf = { .verify = trusted != NULL,
		.ca = trusted ? str_of(ca) : STR_NONE };
	struct tls_client_args a = { .conf = &conf,
		.dir = certs_dir(),
		.protocols = protocols,
		.workers = 1,
		.report = hear };
	struct tls_client *c = tls_client_new(&a);
	assert_non_null(c);
	return c;
}

/* ---- what peers do ------------------------------------------------------------------------- */

static char pattern(uint64_t at)
{
	return (char)(at * 2654435761u >> 13);
}

static bool peer_ended(const struct peer *p)
{
	return p->failed || (p->pair->until_eof ? p->saw_eof : p->is_done);
}

static void peer_check(struct peer *p)
{
	p->is_done = p->is_open && p->sent == p->to_send && p->got == p->to_get &&
		p->s.out.len == 0;
	struct pair *pair = p->pair;
	if (peer_ended(&pair->server) && peer_ended(&pair->client))
		worker_stop(pair->w);
}

static void peer_push(struct peer *p)
{
	char chunk[CHUNK];
	bool full = stream_is_full(&p->s);
	while (p->sent < p->to_send && !full) {
		/* all lengths: short runs next to long ones */
		uint64_t n = p->sent % 3 ? CHUNK : 1 + p->sent % 977;
		if (n > p->to_send - p->sent)
			n = p->to_send - p->sent;
		for (uint64_t i = 0; i < n; i++)
			chunk[i] = pattern(p->sent + i);
		buf_append(&p->s.out, chunk, n);
		p->sent += n;
		full = stream_wrote(&p->s);
	}
	if (p->sent == p->to_send && p->close_when_sent)
		stream_linger(&p->s, linger_for(PAIR_SECONDS * NS_PER_S));
	else if (p->s.out.len)
		stream_tell_empty(&p->s);
}

static void peer_on_open(struct stream *s)
{
	struct peer *p = s->data;
	p->is_open = true;
	peer_push(p);
	peer_check(p);
}

static void peer_on_readable(struct stream *s)
{
	struct peer *p = s->data;
	enum io io;
	while ((io = stream_fill(s)) == IO_OK) {
		while (s->in.len) {
			sluice_str run = buf_peek(&s->in);
			for (size_t i = 0; i < run.len; i++)
				p->is_wrong = p->is_wrong || run.data[i] != pattern(p->got + i);
			p->got += run.len;
			buf_drain(&s->in, run.len);
		}
	}
	if (io == IO_EOF) {
		p->saw_eof = true;
		p->was_truncated = tls_was_truncated(s);
		if (p->close_on_eof)
			stream_close(s);
	}
	if (io == IO_FAIL) {
		p->failed = true;
		(void)tls_error_text(s, p->text, sizeof(p->text));
	}
	peer_check(p);
}

static void peer_on_drained(struct stream *s)
{
	peer_push(s->data);
	peer_check(s->data);
}

static void peer_on_fail(struct stream *s, int error)
{
	struct peer *p = s->data;
	p->failed = true;
	p->error = error;
	(void)tls_error_text(s, p->text, sizeof(p->text));
	if (s->flags & STREAM_LINGER)
		p->saw_eof = true;
	/* as an owner does: who fails lets go */
	stream_close(s);
	peer_check(p);
}

static void peer_on_timeout(struct stream *s)
{
	struct peer *p = s->data;
	p->pair->timed_out = true;
	worker_stop(p->pair->w);
}

static const struct stream_user user = { peer_on_open, peer_on_readable, peer_on_drained,
	peer_on_fail, peer_on_timeout };

/* ---- pairs --------------------------------------------------------------------------------- */

static void peer_start(struct peer *p, struct worker *w, int fd, void *tls)
{
	assert_int_equal(stream_init(&p->s, w, fd, tls ? &transport_tls : &transport_plain, tls,
				 &user, p),
		0);
	stream_deadline(&p->s, PAIR_SECONDS * NS_PER_S);
	p->is_open = !tls;
}

void pair_start(struct pair *p, struct worker *w, struct tls_server *srv, struct tls_client *c,
	const char *host, struct tls_session_slot *slot)
{
	int fds[2];
	*p = (struct pair){ .w = w, .server.pair = p, .client.pair = p };
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
		0);
	peer_start(&p->server, w, fds[0], srv ? tls_server_start(srv, w->id) : NULL);
	peer_start(&p->client, w, fds[1], c ? tls_client_start(c, w->id, host, slot) : NULL);
}

void pair_tighten(struct pair *p, int bytes)
{
	struct peer *both[] = { &p->server, &p->client };
	for (int i = 0; i < 2; i++) {
		assert_int_equal(setsockopt(both[i]->s.fd, SOL_SOCKET, SO_SNDBUF, &bytes,
					 sizeof(bytes)),
			0);
		assert_int_equal(setsockopt(both[i]->s.fd, SOL_SOCKET, SO_RCVBUF, &bytes,
					 sizeof(bytes)),
			0);
	}
}

bool pair_run(struct pair *p)
{
	atomic_store(&p->w->stop, false);
	worker_run(p->w);
	return !p->timed_out;
}

bool pair_greet(struct pair *p, struct worker *w, struct tls_server *srv, struct tls_client *c,
	const char *host, struct tls_session_slot *slot)
{
	pair_start(p, w, srv, c, host, slot);
	p->server.to_send = p->client.to_get = 100;
	p->client.to_send = p->server.to_get = 50;
	bool good = pair_run(p) && !p->server.failed && !p->client.failed && !p->server.is_wrong &&
		!p->client.is_wrong;
	return good;
}

void pair_end(struct pair *p)
{
	stream_close(&p->client.s);
	stream_close(&p->server.s);
}
