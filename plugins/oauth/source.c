/*
 * Sources and their subscriptions: how they are found, made, and let go of. source_round.c fetches.
 */
#include "source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "../shared/url.h"
#include "source_impl.h"
#include "source_local.h"

/* All sources. Main thread only. */
static struct source *sources;

/* ---- life ---------------------------------------------------------------------------------- */

enum { ID_TEXTS = 5 };

/* The texts of an id. */
static void texts_of(struct source_id *id, sluice_str *out[static ID_TEXTS])
{
	out[0] = &id->where;
	out[1] = &id->ca_file;
	out[2] = &id->proxy;
	out[3] = &id->proxy_credentials;
	out[4] = &id->issuer;
}

/* Whether two ids are of the same source. Files never are: see source_join(). */
static bool is_same(const struct source_id *a, const struct source_id *b)
{
	return a->kind == b->kind && !source_is_local(a) && a->ways == b->ways &&
		sluice_str_eq(a->where, b->where) && sluice_str_eq(a->issuer, b->issuer) &&
		sluice_str_eq(a->ca_file, b->ca_file) && sluice_str_eq(a->proxy, b->proxy) &&
		sluice_str_eq(a->proxy_credentials, b->proxy_credentials);
}

static void source_free(struct source *s)
{
	sluice_str *texts[ID_TEXTS];
	for (struct source **at = &sources; *at; at = &(*at)->next) {
		if (*at == s) {
			*at = s->next;
			break;
		}
	}
	keys_unref(s->keys);
	free(s->found_url);
	for (int way = 0; way < DISCOVERY_WAYS; way++)
		free(s->documents[way]);
	texts_of(&s->id, texts);
	for (int i = 0; i < ID_TEXTS; i++)
		free((char *)(uintptr_t)texts[i]->data);
	free(s);
}

/* False: no memory. A text that is missing must not be taken for none: no ca_file would mean other
 * authorities. */
static bool copy_texts(struct source_id *id)
{
	sluice_str *texts[ID_TEXTS];
	bool all = true;
	texts_of(id, texts);
	for (int i = 0; i < ID_TEXTS; i++) {
		char *copy = texts[i]->len ? strndup(texts[i]->data, texts[i]->len) : NULL;
		all = all && (copy || !texts[i]->len);
		*texts[i] = (sluice_str){ copy, copy ? texts[i]->len : 0 };
	}
	return all;
}

static bool make_documents(struct source *s)
{
	bool all = true;
	for (unsigned way = DISCOVERY_WAYS; way-- > 0;) {
		if (s->id.kind != SOURCE_DISCOVERY || !(s->id.ways & DISCOVERY_BIT(way)))
			continue;
		s->documents[way] = discovery_url(s->id.where, (enum discovery_way)way);
		s->way = s->worked = (enum discovery_way)way;
		all = all && s->documents[way];
	}
	return all;
}

static struct source *source_new(const struct source_id *id)
{
	struct source *s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	s->next = sources;
	sources = s;
	s->id = *id;
	if (copy_texts(&s->id) && make_documents(s))
		return s;
	source_free(s);
	return NULL;
}

struct source_view source_view(const struct source *s)
{
	struct source_view v = { .url = s->id.where,
		.why = s->why,
		.n_keys = s->keys ? s->keys->n : 0,
		.failures = s->n_failures };
	if (s->found_url)
		v.url = sluice_str_of(s->found_url);
	else if (s->id.kind == SOURCE_DISCOVERY)
		v.url = sluice_str_of(s->documents[s->worked]);
	v.url = url_shown(v.url);
	return v;
}

/* Read a file for the first time: a bad file, or one without a usable key, is a mistake of the
 * configuration. */
static int read_first(struct subscription *sub, char *why, size_t why_size)
{
	struct source *s = sub->source;
	sluice_str document;
	int rc = source_read_local(sub->inst, &s->id, &document);
	if (rc < 0) {
		(void)snprintf(why, why_size, "cannot read %.*s: %s", (int)s->id.where.len,
			s->id.where.data,
			rc == -ENODEV ? "it is not a regular file" : strerror(-rc));
		return -1;
	}
	char wrong[SOURCE_WHY];
	s->keys = source_read_keys(&s->id, document, wrong, sizeof wrong);
	if (!s->keys || s->keys->n == 0) {
		(void)snprintf(why, why_size, "%.*s: %s%s%s", (int)s->id.where.len,
			s->id.where.data,
			s->keys ? "the key set has no key that verifies signatures" : wrong,
			s->keys && wrong[0] ? ": " : "", s->keys ? wrong : "");
		return -1;
	}
	if (wrong[0])
		sluice_log(sub->inst, SLUICE_LOG_WARN, "%.*s: %s", (int)s->id.where.len,
			s->id.where.data, wrong);
	atomic_store(&s->current_ns, sluice_now_ns());
	source_plan(s, source_jittered(sub->terms->refresh, 80));
	return 0;
}

int source_join(struct subscription *sub, const struct source_id *id, char *why, size_t why_size)
{
	struct source *s = sources;
	while (s && !is_same(&s->id, id))
		s = s->next;
	if (!s)
		s = source_new(id);
	if (!s) {
		(void)snprintf(why, why_size, "no memory");
		return -1;
	}
	sub->source = s;
	sub->state = SUBSCRIPTION_MADE;
	sub->next = s->subs;
	s->subs = sub;
	return source_is_local(id) ? read_first(sub, why, why_size) : 0;
}

void source_start(struct subscription *sub)
{
	struct source *s = sub->source;
	uint64_t age = (sluice_now_ns() - source_current_at(s)) / 1000000,
		 refresh = sub->terms->refresh;
	sub->state = SUBSCRIPTION_IN_FORCE;
	if (!source_is_local(&s->id) && !url_is_https(s->id.where))
		sluice_log(sub->inst, SLUICE_LOG_WARN,
			"keys are fetched without TLS from %.*s: whoever can change them in "
			"transit can sign tokens",
			(int)url_shown(s->id.where).len, s->id.where.data);
	if (source_is_busy(s))
		return;
	/* this subscriber has a shorter refresh: move the next round forward */
	if (s->keys && source_next_at(s) > source_current_at(s) + ms_to_ns(refresh))
		source_plan(s, age < refresh ? source_jittered(refresh - age, 80) : 0);
	source_tick(sub);
}

void source_leave(struct subscription *sub)
{
	struct source *s = sub->source;
	if (!s)
		return;
	for (struct subscription **at = &s->subs; *at; at = &(*at)->next) {
		if (*at == sub) {
			*at = sub->next;
			break;
		}
	}
	sub->source = NULL;
	sub->state = SUBSCRIPTION_NONE;
	if (!s->subs) {
		source_free(s);
		return;
	}
	if (s->fetcher != sub)
		return;
	s->fetcher = NULL; /* its fetch is cancelled with its instance */
	source_plan(s, 0);
	atomic_store(&s->phase, PHASE_IDLE);
	struct subscription *other = s->subs;
	while (other && other->state != SUBSCRIPTION_IN_FORCE)
		other = other->next;
	if (other)
		source_begin(other);
}
