/* Keys of verdicts. See the header. */
#include "key.h"

/*
 * Hash what was hashed before together with the hash of the next part. No part can be taken for
 * two, or two for one, as each is hashed by itself with its length. is_there: a part that is not
 * there differs from an empty one.
 */
static void mix(const uint64_t key[2], struct siphash *h, sluice_str part, bool is_there)
{
	struct {
		struct siphash before, part;
		uint64_t is_there;
	} both = { *h, siphash(key, part), is_there };
	*h = siphash(key, sluice_str_n((const char *)&both, sizeof(both)));
}

static void mix_names(const uint64_t key[2], struct siphash *h, sluice_strs names)
{
	for (size_t i = 0; i < names.n; i++)
		mix(key, h, names.v[i], true);
	mix(key, h, SLUICE_STR(""), false); /* the end of the list */
}

static enum key_result mix_facts(sluice_exchange *x, const struct ext_auth *c, struct siphash *h)
{
	sluice_str value;
	for (size_t i = 0; i < c->cache.key.n; i++) {
		switch (sluice_expr_read(x, c->cache.key.v[i], &value)) {
		case SLUICE_READ_NONE:
			mix(c->key, h, SLUICE_STR(""), false);
			break;
		case SLUICE_READ_ONE:
			mix(c->key, h, value, true);
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
static void mix_fields(const struct ext_auth *c, const struct question *q, struct siphash *h)
{
	for (size_t i = 0; i < q->n_fields; i++) {
		if (sluice_str_is(q->fields[i].name, "X-Request-ID"))
			continue;
		mix(c->key, h, q->fields[i].name, true);
		mix(c->key, h, q->fields[i].value, true);
	}
}

enum key_result key_make(sluice_exchange *x, const struct ext_auth *c, const struct question *q,
	struct siphash *out)
{
	enum key_result r = KEY_GOOD;
	*out = c->options;
	mix(c->key, out, q->url, true);
	mix(c->key, out, q->method, true);
	if (c->send_body)
		mix(c->key, out, q->body, true);
	if (c->cache.key.n)
		r = mix_facts(x, c, out);
	else
		mix_fields(c, q, out);
	return r;
}

void key_options(struct ext_auth *c)
{
	struct siphash h = { 0 };
	mix(c->key, &h, c->consumer, true);
	mix(c->key, &h, c->groups, true);
	mix_names(c->key, &h, c->facts);
	mix_names(c->key, &h, c->send_headers);
	mix_names(c->key, &h, c->request_headers);
	mix_names(c->key, &h, c->response_headers);
	mix_names(c->key, &h, c->refusal_headers);
	for (size_t i = 0; i < c->cache.key.n; i++)
		mix(c->key, &h, sluice_expr_text(c->cache.key.v[i]), true);
	mix_names(c->key, &h, (sluice_strs){ NULL, 0 });
	for (size_t i = 0; i < c->set_headers.n; i++) {
		mix(c->key, &h, c->set_headers.v[i].name, true);
		mix(c->key, &h, c->set_headers.v[i].value, true);
	}
	c->options = h;
}
