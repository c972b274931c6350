/*
 * Balancing by a plugin. Beside the candidates, the servers lie in an array as the plugin sees
 * them: it is written when something of them changes, so that a choice costs nothing for each
 * server. The algorithm, whose memory is `own`, is told of everything as well, and chooses where
 * the plugin does not.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "upstream/balance_ops.h"

enum { CAP_MIN = 8 };
#define FNV_FIRST 0xcbf29ce484222325ull

struct asked {
	const struct balance_ops *algorithm;
	const struct balance_chooser *chooser; /* borrowed */
	sluice_server *servers;                /* owned, of size cap: by candidate.place */
	uint32_t cap;
	sluice_choice choice; /* of the next request, but for what is its own */
};

/* ---- keys ---------------------------------------------------------------------------------- */

/* FNV-1a, with a zero byte behind the text. */
static uint64_t key_add(uint64_t hash, sluice_str s)
{
	for (size_t i = 0; i <= s.len; i++)
		hash = (hash ^ (i < s.len ? (unsigned char)s.data[i] : 0u)) * 0x100000001b3ull;
	return hash;
}

/* The last step of MurmurHash3: all bits depend on all bytes. */
static uint64_t key_mix(uint64_t h)
{
	h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdull;
	h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53ull;
	return h ^ (h >> 33);
}

uint64_t balance_server_key(sluice_str address, sluice_str host)
{
	uint64_t h = key_add(FNV_FIRST, address);
	return key_mix(host.len ? key_add(h, host) : h);
}

uint64_t balance_hash(sluice_str text)
{
	/* the lowest bit is not looked at: a ring has places for the highest 32 */
	return key_mix(key_add(FNV_FIRST, text)) | 1;
}

/* ---- servers ------------------------------------------------------------------------------- */

/* The set of servers is another one. */
static void asked_renew(struct asked *a, struct candidate *c)
{
	a->choice.generation = ++c->endpoint->part->last_generation;
}

static void asked_add(struct balance *b, struct candidate *c)
{
	struct asked *a = b->asked;
	a->algorithm->add(b, c);
	if (b->n > a->cap) {
		a->cap = a->cap ? 2 * a->cap : CAP_MIN;
		a->servers = mem_resize(a->servers, a->cap, sizeof(*a->servers), "servers");
	}
	const struct endpoint *e = c->endpoint;
	a->servers[c->place] =
		(sluice_server){ .key = balance_server_key(endpoint_address(e), e->key.host),
			.address = endpoint_address(e),
			.weight = c->weight };
	asked_renew(a, c);
}

/* The last candidate takes its place, as in balance_remove(). */
static void asked_remove(struct balance *b, struct candidate *c)
{
	struct asked *a = b->asked;
	a->algorithm->remove(b, c);
	a->servers[c->place] = a->servers[b->n];
	asked_renew(a, c);
}

static void asked_update(struct balance *b, struct candidate *c, bool was_ready)
{
	struct asked *a = b->asked;
	sluice_server *s = &a->servers[c->place];
	s->in_flight = endpoint_load(c->endpoint);
	s->ready = c->ready;
	if (unlikely(s->weight != c->weight)) {
		s->weight = c->weight;
		asked_renew(a, c);
	}
	a->algorithm->update(b, c, was_ready);
}

/* ---- choices ------------------------------------------------------------------------------- */

/* Keys of the servers that were tried and are still there; returns how many. */
static uint32_t asked_tried(const struct balance *b, const struct balance_ask *ask,
	uint64_t keys[UPSTREAM_TRIES_MAX])
{
	const struct asked *a = b->asked;
	uint32_t n = 0;
	for (unsigned k = 0; k < ask->n_tried; k++) {
		uint32_t i = 0;
		while (i < b->n && b->all[i]->endpoint->id != ask->tried[k])
			i++;
		if (i < b->n)
			keys[n++] = a->servers[i].key;
	}
	return n;
}

/* Whether there is a server that may be chosen. */
static bool asked_has_choice(const struct balance *b, const struct balance_ask *ask)
{
	if (b->n_ready == 0 || b->n_ready > ask->n_tried)
		return b->n_ready > 0;
	for (uint32_t i = 0; i < b->n; i++) {
		const struct candidate *c = b->all[i];
		if (c->ready && !candidate_was_tried(c, ask->tried, ask->n_tried))
			return true;
	}
	return false;
}

static enum balance_result asked_choose(struct balance *b, const struct balance_ask *ask,
	struct candidate **out)
{
	const struct asked *a = b->asked;
	const struct balance_chooser *chooser = a->chooser;
	uint64_t tried[UPSTREAM_TRIES_MAX];
	sluice_choice choice = a->choice;

	if (!asked_has_choice(b, ask))
		return BALANCE_NONE;
	choice.servers = a->servers;
	choice.n_servers = b->n;
	choice.tried = tried;
	choice.n_tried = ask->n_tried ? asked_tried(b, ask, tried) : 0;
	int i = chooser->choose(chooser, ask->exchange, &choice);
	if (i == BALANCE_NO_CHOOSER)
		return BALANCE_FAILED;
	if (i >= 0 && !chooser->on_other) {
		*out = b->all[i];
		return BALANCE_CHOSEN;
	}
	enum balance_result r = a->algorithm->choose(b, ask, out);
	if (i >= 0 && r == BALANCE_CHOSEN && (*out)->place != (uint32_t)i)
		chooser->on_other(chooser, ask->exchange, &a->servers[i]);
	return r;
}

static void asked_fini(struct balance *b)
{
	struct asked *a = b->asked;
	a->algorithm->fini(b);
	free(a->servers);
	free(a);
}

static const struct balance_ops balance_plugin = {
	.by_load = true,
	.fini = asked_fini,
	.add = asked_add,
	.remove = asked_remove,
	.update = asked_update,
	.choose = asked_choose,
};

void balance_ask_plugin(struct balance *b, sluice_str upstream,
	const struct balance_chooser *chooser)
{
	struct asked *a = mem_new(struct asked);
	check(b->n == 0, "a plugin comes to %u servers", (unsigned)b->n);
	a->algorithm = b->ops;
	a->chooser = chooser;
	a->choice = (sluice_choice){ .size = sizeof(sluice_choice),
		.upstream = upstream,
		.server_size = sizeof(sluice_server) };
	b->asked = a;
	b->ops = &balance_plugin;
	b->by_load = true;
}
