/* A peer that is a server. See the header. */
#include "peer_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

/* ---- requests ------------------------------------------------------------------------------ */

static void probe_note(struct probe *v)
{
	v->not_processed = v->o->not_processed;
	v->sent = v->o->sent;
	v->answered = v->o->answered;
}

void probe_release(struct probe *v)
{
	struct origin *o = v->o;
	probe_note(v);
	v->o = NULL;
	o->ops->release(o);
	arena_fini(&v->arena); /* nothing of it is looked at any more */
}

static void on_head(struct origin *o, struct response_head *h)
{
	struct probe *v = o->user;
	check(!v->ended && !v->failed && !v->status, "a head of %d after the end", h->status);
	v->heads++;
	if (h->status < 200 && h->status != 101) {
		v->interim++;
	} else {
		v->status = h->status;
		v->kind = h->body;
		v->length = h->body_length;
		v->has_length = h->has_length;
	}
	fields_text(v->fields, sizeof(v->fields), &h->fields);
	if (v->on_head)
		v->on_head(v);
}

static void on_body(struct origin *o, struct buf *data)
{
	struct probe *v = o->user;
	check(v->status && !v->ended && !v->failed, "a body of %zu bytes out of turn", data->len);
	if (!v->take_nothing)
		body_add(v->body, &v->body_len, data);
}

static void on_end(struct origin *o, const struct fields *trailers)
{
	struct probe *v = o->user;
	check(v->status && !v->ended && !v->failed, "an end of %d out of turn", v->status);
	v->ended++;
	fields_text(v->trailers, sizeof(v->trailers), trailers);
	if (!v->keep)
		probe_release(v);
}

static void on_drained(struct origin *o)
{
	struct probe *v = o->user;
	check((v->full || v->tunnel) && !v->failed, "drained is what was %s", "not full");
	v->full = false;
	v->drained++;
}

static void on_fail(struct origin *o, int err)
{
	struct probe *v = o->user;
	check(!v->failed, "failed twice: %d", err);
	v->failed++;
	v->err = err;
	probe_note(v);
	if (v->on_fail)
		v->on_fail(v);
	if (!v->keep && v->o)
		probe_release(v);
}

static const struct origin_events probe_events = {
	.on_head = on_head,
	.on_body = on_body,
	.on_end = on_end,
	.on_drained = on_drained,
	.on_fail = on_fail,
};

struct probe *probe_begin(struct peer *p)
{
	check(p->n_probes < PROBES_MAX, "more than %d requests", PROBES_MAX);
	struct probe *v = &p->probes[p->n_probes++];
	*v = (struct probe){ .peer = p, .body = calloc(1, PEER_TEXT + 1) };
	check(v->body, "no memory for %s", "a body");
	arena_init(&v->arena, 1 << 20);
	v->o = http2_conn_begin(p->conn, &probe_events, v, &v->arena);
	return v;
}

static struct probe *probe_send_list(struct peer *p, const char *method, const char *path,
	int64_t length, va_list ap)
{
	struct probe *v = probe_begin(p);
	const char *query = strchr(path, '?'), *name;
	struct request_head h = {
		.method_text = str_of(method),
		.method = (uint8_t)method_find(str_of(method)),
		.target = str_of(path),
		.path = query ? str_n(path, (size_t)(query - path)) : str_of(path),
		.query = query ? str_of(query + 1) : STR_NONE,
		.has_query = query != NULL,
		.authority = STR("example.com"),
		.host = STR("example.com"),
		.version = 11,
		.body = length == -1   ? BODY_NONE
			: length == -2 ? BODY_CHUNKED
				       : BODY_LENGTH,
		.body_length = length > 0 ? (uint64_t)length : 0,
	};
	while ((name = va_arg(ap, const char *)))
		check(fields_add(&h.fields, &v->arena, str_of(name),
			      str_of(va_arg(ap, const char *))) == 0,
			"no memory for %s", name);
	h.te_trailers = fields_find(&h.fields, TOKEN_TE) != NULL;
	const struct field *type = fields_find(&h.fields, TOKEN_CONTENT_TYPE);
	h.call = type && str_eq(field_value(type), STR("application/grpc"));
	v->o->ops->head(v->o, &h);
	return v;
}

struct probe *probe_send(struct peer *p, const char *method, const char *path, int64_t body_length,
	...)
{
	va_list ap;
	va_start(ap, body_length);
	struct probe *v = probe_send_list(p, method, path, body_length, ap);
	va_end(ap);
	return v;
}

struct probe *probe_get(struct peer *p, const char *path)
{
	struct probe *v = probe_send(p, "GET", path, -1, NULL);
	probe_end(v);
	return v;
}

static bool probe_push_buf(struct probe *v, struct buf *b)
{
	v->full = v->o->ops->body(v->o, b);
	check(b->len == 0, "%zu bytes of a body were not taken", b->len);
	return v->full;
}

bool probe_push(struct probe *v, size_t n)
{
	struct buf b;
	buf_init(&b);
	body_make(&b, &v->pushed, n);
	return probe_push_buf(v, &b);
}

bool probe_push_text(struct probe *v, const char *text)
{
	struct buf b;
	buf_init(&b);
	buf_append(&b, text, strlen(text));
	return probe_push_buf(v, &b);
}

void probe_end(struct probe *v)
{
	v->o->ops->end(v->o, NULL);
}

/* ---- the connection ------------------------------------------------------------------------ */

static void peer_on_open(struct http2_conn *c)
{
	((struct peer *)http2_conn_owner_data(c))->opened++;
}

static void peer_on_change(struct http2_conn *c)
{
	struct peer *p = http2_conn_owner_data(c);
	p->changes++;
	if (p->on_change)
		p->on_change(p);
}

static void peer_on_gone(struct http2_conn *c, int err)
{
	struct peer *p = http2_conn_owner_data(c);
	check(http2_conn_load(c) == 0, "gone with %u requests", (unsigned)http2_conn_load(c));
	p->gone++;
	p->gone_err = err;
	p->conn = NULL;
	(void)snprintf(p->why, sizeof(p->why), "%s", http2_conn_why(c));
}

static const struct http2_conn_owner peer_owner = {
	.on_open = peer_on_open,
	.on_change = peer_on_change,
	.on_gone = peer_on_gone,
};

static void fini(struct peer *p)
{
	for (unsigned i = 0; i < p->n_probes; i++) {
		if (p->probes[i].o)
			probe_release(&p->probes[i]);
		free(p->probes[i].body);
	}
	if (p->conn)
		http2_conn_close(p->conn);
	worker_turn(&p->w);
	if (p->listen_fd >= 0)
		(void)close(p->listen_fd);
}

struct peer *peer_server_new(void)
{
	struct peer *p = peer_new();
	log_set_level(LOG_ERROR);
	p->fini = fini;
	p->listen_fd = -1;
	p->preface_left = HTTP2_PREFACE_LEN;
	p->conn_conf = (struct http2_conn_conf){ .connect_ns = 2 * NS_PER_S,
		.response_ns = 2 * NS_PER_S,
		.ping_ns = 60 * NS_PER_S,
		.idle_ns = 2 * NS_PER_S,
		.max_head = 16 * 1024,
		.max_fields = 50,
		.max_requests = 100,
		.early = 16 };
	return p;
}

void peer_server_open(struct peer *p)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	struct addr to;
	char text[64];
	int err = 0;
	p->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	check(p->listen_fd >= 0 && bind(p->listen_fd, (struct sockaddr *)&a, len) == 0 &&
			listen(p->listen_fd, 4) == 0 &&
			getsockname(p->listen_fd, (struct sockaddr *)&a, &len) == 0,
		"listening: %d", errno);
	(void)snprintf(text, sizeof(text), "127.0.0.1:%u", ntohs(a.sin_port));
	check(addr_parse(str_of(text), &to), "no address: %s", text);
	p->conn = http2_conn_open(&p->w, &to, &transport_plain, NULL, &p->conn_conf, &peer_owner, p,
		&err);
	check(p->conn, "not opened: %d", err);
	p->fd = accept(p->listen_fd, NULL, NULL);
	check(p->fd >= 0 && fcntl(p->fd, F_SETFL, O_NONBLOCK) == 0 &&
			setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int)) == 0,
		"accept: %d", errno);
	check(peer_until(p, &p->opened, 1000), "it does not %s", "open");
	peer_run(p);
}

void peer_server_start(struct peer *p, uint32_t max_requests)
{
	peer_server_open(p);
	peer_settings(p, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, max_requests, 0);
	peer_run(p);
	assert_non_null(p->conn);
	assert_int_equal(p->n_settings, 1);
	assert_int_equal(p->n_settings_acks, 1);
}
