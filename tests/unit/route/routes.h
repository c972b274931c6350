/* Routers for tests, from rows of strings. */
#ifndef ROUTES_H
#define ROUTES_H

#include <stdio.h>

#include "route/router.h"

#include "unit.h"

/* rows end after the last thing they ask for */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

/* Lists: host, path, methods, listener and client "GET POST", headers, query, cookies and facts
 * "name=value name=value", without blanks inside. Of a fact with several values each is a pair. */
struct row {
	const char *name, *host, *path, *methods, *headers, *query, *listener, *facts, *cookies,
		*client;
};

static inline sluice_str *rows_words(struct arena *a, const char *text, size_t *n)
{
	sluice_str rest = str_of(text), *v = arena_zalloc(a, (rest.len + 1) * sizeof(*v));
	*n = 0;
	while (rest.len)
		v[(*n)++] = str_cut(&rest, ' ');
	return v;
}

static inline sluice_pairs rows_pairs(struct arena *a, const char *text)
{
	size_t n;
	sluice_str *words = rows_words(a, text, &n);
	sluice_pair *v = arena_zalloc(a, (n + 1) * sizeof(*v));
	for (size_t i = 0; i < n; i++) {
		v[i].value = words[i];
		v[i].name = str_cut(&v[i].value, '=');
	}
	return (sluice_pairs){ v, n };
}

/* The key of a fact is its name. */
static inline void rows_facts(struct arena *a, const char *text, struct route_spec *s)
{
	s->facts = rows_pairs(a, text ? text : "");
	const void **keys = arena_zalloc(a, (s->facts.n + 1) * sizeof(*keys));
	for (size_t i = 0; i < s->facts.n; i++)
		keys[i] = &s->facts.v[i].name;
	s->fact_keys = keys;
}

static inline struct route_spec *rows_specs(struct arena *a, const struct row *rows, size_t n)
{
	struct route_spec *specs = arena_zalloc(a, (n + 1) * sizeof(*specs));
	for (size_t i = 0; i < n; i++) {
		struct route_spec *s = &specs[i];
		s->name = str_of(rows[i].name);
		s->mark = &rows[i];
		s->hosts.v = rows_words(a, rows[i].host, &s->hosts.n);
		s->paths.v = rows_words(a, rows[i].path, &s->paths.n);
		s->methods.v = rows_words(a, rows[i].methods, &s->methods.n);
		s->clients.v = rows_words(a, rows[i].client, &s->clients.n);
		s->headers = rows_pairs(a, rows[i].headers);
		s->query = rows_pairs(a, rows[i].query);
		s->cookies = rows_pairs(a, rows[i].cookies ? rows[i].cookies : "");
		s->listeners.v = rows_words(a, rows[i].listener, &s->listeners.n);
		rows_facts(a, rows[i].facts, s);
	}
	return specs;
}

/* The mistakes of a router, one line each. */
struct mistakes {
	unsigned n;
	char text[4096];
	struct route_error last;
};

static inline void mistakes_add(void *ctx, const struct route_error *e)
{
	struct mistakes *m = ctx;
	size_t at = strlen(m->text);
	(void)snprintf(m->text + at, sizeof(m->text) - at, "%.*s: %s\n", STR_ARG(e->spec->name),
		e->text);
	m->last = *e;
	m->n++;
}

/* A request from "METHOD host/path?query" and fields "name=value name=value". */
static inline struct request_head request_of(struct arena *a, const char *line, const char *fields)
{
	struct request_head h = { .version = 11 };
	sluice_str rest = str_of(line);
	h.method_text = str_cut(&rest, ' ');
	h.method = (uint8_t)method_find(h.method_text);
	const char *slash = memchr(rest.data, '/', rest.len);
	h.host = slash ? str_n(rest.data, (size_t)(slash - rest.data)) : STR("");
	h.query = str_n(rest.data + h.host.len, rest.len - h.host.len);
	h.path = str_cut(&h.query, '?');
	h.has_query = h.query.data != NULL;
	sluice_pairs p = rows_pairs(a, fields);
	h.fields.v = arena_zalloc(a, (p.n + 1) * sizeof(*h.fields.v));
	for (size_t i = 0; i < p.n; i++) {
		struct field *f = &h.fields.v[h.fields.n++];
		f->name = p.v[i].name.data;
		f->name_len = (uint32_t)p.v[i].name.len;
		f->token = (uint16_t)(token_read(f->name, f->name_len) & TOKEN_CODE);
		f->value = p.v[i].value.data ? p.v[i].value.data : "";
		f->value_len = (uint32_t)p.v[i].value.len;
	}
	return h;
}

/* route_find() of a request whose client is not known. */
static inline const struct route_rule *routes_find(const struct router *r,
	const struct request_head *h, sluice_str listener, void *request, struct route_result *res)
{
	const struct route_asked asked = { h, listener, STR_NONE, request };
	return route_find(r, &asked, res);
}

#endif
