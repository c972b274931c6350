/* Keys of verdicts. See the header. */
#include "key.h"

enum { PIECE = 1024, NO_PART = -1 };

/* What is hashed: parts, each behind its length, so that no two lists of parts are alike. A piece
 * that is full is hashed, and its hash begins the next one. */
struct mixer {
	const uint64_t *key;
	size_t n;
	char piece[PIECE];
};

static void mixer_fold(struct mixer *m)
{
	struct siphash h = siphash(m->key, sluice_str_n(m->piece, m->n));
	memcpy(m->piece, &h, sizeof(h));
	m->n = sizeof(h);
}

static void put_bytes(struct mixer *m, const void *bytes, size_t n)
{
	const char *at = bytes;
	while (n) {
		size_t now = n < PIECE - m->n ? n : PIECE - m->n;
		memcpy(m->piece + m->n, at, now);
		m->n += now;
		at += now;
		n -= now;
		if (m->n == PIECE)
			mixer_fold(m);
	}
}

static void put_part(struct mixer *m, sluice_str part)
{
	int64_t len = (int64_t)part.len;
	put_bytes(m, &len, sizeof(len));
	put_bytes(m, part.data, part.len);
}

/* A part that is not there differs from an empty one. */
static void put_none(struct mixer *m)
{
	int64_t len = NO_PART;
	put_bytes(m, &len, sizeof(len));
}

static void put_names(struct mixer *m, sluice_strs names)
{
	for (size_t i = 0; i < names.n; i++)
		put_part(m, names.v[i]);
	put_none(m); /* the end of the list */
}

static void mixer_end(struct mixer *m, struct siphash *out)
{
	*out = siphash(m->key, sluice_str_n(m->piece, m->n));
	explicit_bzero(m->piece, m->n); /* there were credentials in it */
}

/* ---- of a request -------------------------------------------------------------------------- */

static enum key_result put_facts(sluice_exchange *x, const struct ext_auth *c, struct mixer *m)
{
	sluice_str value;
	for (size_t i = 0; i < c->cache.key.n; i++) {
		switch (sluice_expr_read(x, c->cache.key.v[i], &value)) {
		case SLUICE_READ_NONE:
			put_none(m);
			break;
		case SLUICE_READ_ONE:
			put_part(m, value);
			break;
		case SLUICE_READ_MANY:
			return KEY_NONE;
		case SLUICE_READ_FAIL:
			return KEY_FAIL;
		}
	}
	return KEY_GOOD;
}

/* All but the id of the request, which no other request has. */
static void put_fields(const struct question *q, struct mixer *m)
{
	for (size_t i = 0; i < q->n_fields; i++) {
		if (sluice_str_is(q->fields[i].name, "X-Request-ID"))
			continue;
		put_part(m, q->fields[i].name);
		put_part(m, q->fields[i].value);
	}
}

enum key_result key_make(sluice_exchange *x, const struct ext_auth *c, const struct question *q,
	struct siphash *out)
{
	struct mixer m;
	enum key_result r = KEY_GOOD;
	m.key = c->key;
	m.n = 0;
	put_bytes(&m, &c->options, sizeof(c->options));
	put_part(&m, q->url);
	put_part(&m, q->method);
	if (c->send_body)
		put_part(&m, q->body);
	if (c->cache.key.n)
		r = put_facts(x, c, &m);
	else
		put_fields(q, &m);
	mixer_end(&m, out);
	return r;
}

/* ---- of the options ------------------------------------------------------------------------ */

void key_options(struct ext_auth *c)
{
	struct mixer m;
	m.key = c->key;
	m.n = 0;
	put_bytes(&m, &c->refusal, sizeof(c->refusal));
	put_part(&m, c->consumer);
	put_part(&m, c->groups);
	put_names(&m, c->facts);
	put_names(&m, c->send_headers);
	put_names(&m, c->request_headers);
	put_names(&m, c->response_headers);
	put_names(&m, c->refusal_headers);
	for (size_t i = 0; i < c->cache.key.n; i++)
		put_part(&m, sluice_expr_text(c->cache.key.v[i]));
	put_none(&m);
	for (size_t i = 0; i < c->set_headers.n; i++) {
		put_part(&m, c->set_headers.v[i].name);
		put_part(&m, c->set_headers.v[i].value);
	}
	mixer_end(&m, &c->options);
}
