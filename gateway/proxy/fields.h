/* What is written into heads on their way through. */
#ifndef PROXY_FIELDS_H
#define PROXY_FIELDS_H

#include "proxy/exchange.h"

/* Lines "name: value\r\n" behind one another in one piece of memory, each a field. The room is the
 * caller's to size, for the bytes and for the fields. */
struct line_writer {
	struct fields *fields;
	char *at;
};

static inline void fields_put(struct line_writer *w, sluice_str s)
{
	if (s.len)
		w->at = mempcpy(w->at, s.data, s.len);
}

static inline void fields_begin(struct line_writer *w, enum token t, sluice_str name)
{
	struct field *f = &w->fields->v[w->fields->n];
	f->name = w->at;
	f->name_len = (uint32_t)name.len;
	f->token = (uint16_t)t;
	f->flags = FIELD_LINE;
	fields_put(w, name);
	fields_put(w, STR(": "));
	f->value = w->at;
}

static inline void fields_end(struct line_writer *w)
{
	struct field *f = &w->fields->v[w->fields->n++];
	f->value_len = (uint32_t)(w->at - f->value);
	fields_put(w, STR("\r\n"));
}

static inline void fields_line(struct line_writer *w, enum token t, sluice_str name,
	sluice_str value)
{
	fields_begin(w, t, name);
	fields_put(w, value);
	fields_end(w);
}

/* A line that is a constant, "name: value\r\n": it costs no copy here. The whole text's length is
 * len. */
static inline void fields_constant(struct line_writer *w, enum token t, const char *line,
	size_t name_len, size_t len)
{
	w->fields->v[w->fields->n++] = (struct field){ .name = line,
		.value = line + name_len + 2,
		.name_len = (uint32_t)name_len,
		.value_len = (uint32_t)(len - name_len - 4),
		.token = (uint16_t)t,
		.flags = FIELD_LINE };
}

/* Of the trailers of the request those that the upstream gets: a gRPC call's, or what the route
 * lets through; never what a plugin set or removed in the head, nor what only proxies may say.
 * Others are marked as dropped. NULL: none is left. */
const struct fields *fields_request_trailers(const struct exchange *x,
	const struct fields *trailers);
must_use int fields_for_upstream(struct exchange *x);
must_use int fields_for_client(struct exchange *x, struct response_head *h);
/* The client's X-Request-Id if it is one, else a new one. */
sluice_str fields_request_id(struct proxy *p, struct client *c);

/* Of now, as IMF-fixdate (RFC 9110 5.6.7): made once a second, valid until the next call on this
 * thread. */
sluice_str fields_date(void);

#endif
