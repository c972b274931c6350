/* What checks do. See the header. */
#include "upstream/check_plan.h"

#include <stdlib.h>

#include "base/mem.h"
#include "route/regex.h"
#include "tls/client.h"

static void plan_copy_texts(struct check_plan *p)
{
	struct upstream_check *c = &p->conf;
	sluice_pair *headers = arena_alloc(&p->arena, c->headers.n * sizeof(*headers) + 1);
	for (size_t i = 0; i < c->headers.n; i++)
		headers[i] = (sluice_pair){ arena_str(&p->arena, c->headers.v[i].name),
			arena_str(&p->arena, c->headers.v[i].value) };
	c->headers.v = headers;
	c->path = arena_str(&p->arena, c->path);
	c->host = arena_str(&p->arena, c->host);
	c->method = arena_str(&p->arena, c->method);
	c->service = arena_str(&p->arena, c->service);
	c->body = arena_str(&p->arena, c->body);
	c->expect = (sluice_strs){ 0 };
}

struct check_plan *check_plan_new(const struct upstream_conf *conf, struct tls_client *tls,
	unsigned workers)
{
	const struct upstream_check *c = &conf->health.check;
	struct regex_error why;
	if (!c->is_on)
		return NULL;
	struct check_plan *p = mem_new(struct check_plan);
	p->refs = 1;
	p->workers = workers;
	p->conf = *c;
	arena_init(&p->arena, 0);
	for (size_t i = 0; i < c->expect.n; i++)
		(void)status_set_add(&p->expect, c->expect.v[i]);
	plan_copy_texts(p);
	if (str_starts(p->conf.body, STR("regex:")))
		p->regex = regex_new(str_n(p->conf.body.data + 6, p->conf.body.len - 6), &why);
	p->tls = tls_client_ref(tls);
	p->proxy_header = upstream_proxy_header(conf);
	p->protocol = conf->protocol;
	p->lenient = conf->parsing == PARSING_LENIENT;
	return p;
}

void check_plan_unref(struct check_plan **at)
{
	struct check_plan *p = *at;
	*at = NULL;
	if (!p || --p->refs)
		return;
	regex_free(&p->regex);
	tls_client_free(&p->tls);
	arena_fini(&p->arena);
	free(p);
}
