/* A route's own answer: its fields and its body, with placeholders or from a file. Main thread. */
#include "proxy/build.h"

#include <errno.h>

#include "policy/template.h"

enum { BODY_FILE_MAX = 1 << 20 }; /* bytes; as much as the option takes in place */

static void respond_wrong(struct build *b, const struct node *at, const struct expr_wrong *wrong,
	sluice_str what)
{
	(void)diag_error_node(b->diag, at, "%.*s %s", STR_ARG(what), wrong->why);
	if (wrong->hint.len)
		diag_hint(b->diag, "did you mean {%.*s}?", STR_ARG(wrong->hint));
}

static const struct sluice_template *respond_template(struct build *b, const struct route *r,
	const struct node *at, enum template_kind kind, sluice_str text, sluice_str what)
{
	struct expr_wrong wrong = { .why = NULL };
	const struct sluice_template *t =
		template_read(&b->snap->arena, kind, text, &b->names, &wrong);
	if (!t)
		respond_wrong(b, at, &wrong, what);
	for (size_t i = 0; t && i < t->n; i++) {
		if (t->v[i].expr)
			build_check_answer_fact(b, r, at, t->v[i].expr);
	}
	return t;
}

static void respond_headers(struct build *b, struct route *r)
{
	const struct respond_conf *c = &r->conf->respond;
	const struct node *map = bind_option(&b->bind, c, "headers");
	r->answer.headers = arena_zalloc(&b->snap->arena,
		(c->headers.n + 1) * sizeof(struct sluice_template *));
	for (size_t i = 0; i < c->headers.n; i++) {
		const sluice_pair *p = &c->headers.v[i];
		const struct node *at = node_find(map, p->name);
		unsigned flags = token_flags(token_find(p->name.data, p->name.len));
		sluice_str what =
			arena_printf(&b->bind.records, "field \"%.*s\"", STR_ARG(p->name));
		if (!str_is_token(p->name) || (flags & (TOKEN_FRAMING | TOKEN_HOP)))
			(void)bind_error(&b->bind, c, "headers",
				"\"%.*s\" is no field a response can be given", STR_ARG(p->name));
		else
			r->answer.headers[i] = respond_template(b, r, at ? at : map,
				template_kind_of_field(p->name), p->value, what);
	}
}

static void respond_body(struct build *b, struct route *r)
{
	const struct respond_conf *c = &r->conf->respond;
	const struct node *at = bind_option(&b->bind, c, "body");
	if (str_starts(c->body, STR("file:"))) {
		sluice_str path = str_n(c->body.data + 5, c->body.len - 5);
		int err =
			config_read_file(&b->config, at, path, BODY_FILE_MAX, &r->answer.body_text);
		if (err < 0)
			(void)bind_error(&b->bind, c, "body", "cannot read %.*s: %s", STR_ARG(path),
				err == -EFBIG ? "it is longer than 1 MiB" : strerror(-err));
		return;
	}
	r->answer.body = respond_template(b, r, at, template_kind_of_body(c->content_type), c->body,
		STR("the body"));
	if (r->answer.body && template_is_fixed(r->answer.body, &r->answer.body_text))
		r->answer.body = NULL;
}

void build_respond(struct build *b, struct route *r)
{
	const struct respond_conf *c = &r->conf->respond;
	if (!str_is_field_value(c->content_type))
		(void)bind_error(&b->bind, c, "content_type", "has control bytes");
	respond_headers(b, r);
	if (c->body.len)
		respond_body(b, r);
}
