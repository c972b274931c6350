/*
 * One round of a source: the discovery document where there is one, then the keys. It ends by new
 * keys, by the news that the old ones are current, or by a failure, and plans the next round.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "../shared/jitter.h"
#include "../shared/url.h"
#include "document.h"
#include "source_impl.h"
#include "source_local.h"

#define FIRST_PAUSE_MS UINT64_C(250)     /* after a first failure */
#define LONGEST_PAUSE_MS UINT64_C(30000) /* while a subscriber has no usable keys */

/* ---- when the next one is ------------------------------------------------------------------ */

uint64_t source_jittered(uint64_t ms, unsigned percent)
{
	return jittered(ms, percent);
}

void source_plan(struct source *s, uint64_t in_ms)
{
	atomic_store(&s->next_ns, sluice_now_ns() + ms_to_ns(in_ms));
}

/* The shortest refresh of all subscribers. */
static uint64_t refresh_of(const struct source *s)
{
	uint64_t ms = UINT64_MAX;
	for (const struct subscription *sub = s->subs; sub; sub = sub->next)
		ms = sub->terms->refresh < ms ? sub->terms->refresh : ms;
	return ms;
}

/* In how many milliseconds keys are fetched again that are current for so long. */
static uint64_t next_in(const struct source *s, uint64_t lifetime)
{
	uint64_t ms = refresh_of(s), least = 0;
	for (const struct subscription *sub = s->subs; sub; sub = sub->next)
		least = sub->terms->min_refresh > least ? sub->terms->min_refresh : least;
	if (lifetime < ms)
		ms = lifetime > least || ms < least ? lifetime : least;
	return source_jittered(ms, 80);
}

/* Whether a subscriber has no keys, or only keys that are too old for it. */
static bool somebody_is_without(const struct source *s)
{
	uint64_t age = sluice_now_ns() - atomic_load(&s->current_ns);
	for (const struct subscription *sub = s->subs; sub; sub = sub->next) {
		if (sub->terms->max_stale && age >= ms_to_ns(sub->terms->max_stale))
			return true;
	}
	return !s->keys;
}

/* ---- how it ends --------------------------------------------------------------------------- */

/* End a round. The phase changes last, so that a worker that sees the end also sees the result. */
static void end(struct source *s)
{
	s->fetcher = NULL;
	atomic_store(&s->phase, PHASE_IDLE);
	for (const struct subscription *sub = s->subs; sub; sub = sub->next)
		sub->changed(sub);
}

/* Add to why the round fails. */
static void note(struct source *s, const char *what, sluice_str where, const char *why)
{
	size_t n = strlen(s->why);
	where = url_shown(where);
	(void)snprintf(s->why + n, sizeof s->why - n, "%s%s %.*s: %s", n ? "; " : "", what,
		(int)where.len, where.data, why);
}

/* s->why is noted. */
static void fail(struct source *s)
{
	unsigned failures = atomic_fetch_add(&s->failures, 1);
	uint64_t longest = somebody_is_without(s) ? LONGEST_PAUSE_MS : refresh_of(s);
	uint64_t pause = FIRST_PAUSE_MS << (failures < 16 ? failures : 16);
	pause = source_jittered(pause < longest ? pause : longest, 50);
	s->n_failures++;
	sluice_log(s->fetcher->inst, s->keys ? SLUICE_LOG_WARN : SLUICE_LOG_ERROR,
		"%s; %s, next try in %llu ms", s->why,
		s->keys ? "the old keys stay in force" : "there are no keys yet",
		(unsigned long long)pause);
	source_plan(s, pause);
	end(s);
}

static void failed(struct source *s, const char *what, sluice_str where, const char *why)
{
	note(s, what, where, why);
	fail(s);
}

static void succeeded(struct source *s, struct keyset *keys, uint64_t lifetime)
{
	if (s->keys != keys) {
		keys_unref(s->keys);
		s->keys = keys;
	}
	s->why[0] = '\0';
	atomic_store(&s->failures, 0);
	atomic_store(&s->current_ns, sluice_now_ns());
	source_plan(s, next_in(s, lifetime));
	end(s);
}

static void take_document(struct source *s, sluice_str where, sluice_str document,
	uint64_t lifetime)
{
	char why[SOURCE_WHY] = "";
	if (s->keys && keys_same(s->keys, document)) {
		/* the generation stays, and with it the cached tokens */
		succeeded(s, s->keys, lifetime);
		return;
	}
	struct keyset *keys = source_read_keys(&s->id, document, why, sizeof why);
	if (!keys) {
		failed(s, "keys from", where, why);
		return;
	}
	sluice_log(s->fetcher->inst, keys->n ? SLUICE_LOG_INFO : SLUICE_LOG_WARN,
		"%zu keys from %.*s%s%s%s", keys->n, (int)url_shown(where).len, where.data,
		keys->n ? "" : ": no token can be verified", why[0] ? "; " : "", why);
	succeeded(s, keys, lifetime);
}

/* ---- by HTTP ------------------------------------------------------------------------------- */

static void on_fetched(sluice_instance *inst, void *conf, const sluice_fetch_response *r);

static void fetch(struct source *s, enum phase phase, sluice_str url)
{
	static const sluice_pair fields[] = { { SLUICE_STR("accept"),
						      SLUICE_STR("application/jwk-set+json, "
								 "application/json") },
		{ SLUICE_STR("accept-encoding"), SLUICE_STR("identity") } };
	sluice_fetch_request r = { .size = sizeof r,
		.url = url,
		.headers = { fields, sizeof fields / sizeof fields[0] },
		.timeout_ms = s->fetcher->terms->fetch_timeout,
		.max_body = phase == PHASE_DISCOVERING ? DISCOVERY_MAX : KEYS_MAX_DOCUMENT,
		.ca_file = s->id.ca_file,
		.user = s->fetcher,
		.proxy = s->id.proxy,
		.proxy_credentials = s->id.proxy_credentials };
	atomic_store(&s->phase, phase);
	if (sluice_main_fetch(s->fetcher->inst, &r, on_fetched) != 0)
		failed(s, phase == PHASE_DISCOVERING ? "discovery at" : "keys from", url,
			"the fetch could not start");
}

static void discover(struct source *s)
{
	s->tried |= DISCOVERY_BIT(s->way);
	fetch(s, PHASE_DISCOVERING, sluice_str_of(s->documents[s->way]));
}

static const char *read_discovery(struct source *s, sluice_str text, char why[static DOCUMENT_WHY])
{
	static const char member[] = "jwks_uri";
	json_t *document;
	sluice_str uri;
	const char *wrong = discovery_read(text, s->id.issuer, &document);
	if (wrong)
		return wrong;
	wrong = discovery_endpoint(document, member, &uri);
	if (wrong) {
		(void)snprintf(why, DOCUMENT_WHY, "its %s %s", member, wrong);
		json_decref(document);
		return why;
	}
	char *url = strndup(uri.data, uri.len);
	json_decref(document);
	if (!url)
		return "no memory";
	free(s->found_url);
	s->found_url = url;
	return NULL;
}

/* Whether the document may be at the place of the other way: the server answers, and has none here.
 * One that is out of order now is asked again at the same place, where that has worked before. */
static bool is_elsewhere(const struct source *s, const sluice_fetch_response *r)
{
	return r->status == SLUICE_OK && (!s->found_url || r->code < 500);
}

/* Go on to a way that was not tried in this round. */
static bool turn_to_other_way(struct source *s)
{
	for (unsigned way = 0; way < DISCOVERY_WAYS; way++) {
		if (!s->documents[way] || (s->tried & DISCOVERY_BIT(way)))
			continue;
		s->way = (enum discovery_way)way;
		return true;
	}
	return false;
}

/* No way led to a document: the URL of an earlier discovery is still used, where there is one. */
static void discovery_failed(struct source *s)
{
	if (!s->found_url) {
		fail(s);
		return;
	}
	sluice_log(s->fetcher->inst, SLUICE_LOG_WARN,
		"%s; the keys are fetched from the URL that was found earlier", s->why);
	fetch(s, PHASE_FETCHING, sluice_str_of(s->found_url));
}

static void on_discovery(struct source *s, const sluice_fetch_response *r)
{
	char text[DOCUMENT_WHY];
	const char *wrong = document_refused(r, text);
	if (!wrong)
		wrong = read_discovery(s, r->body, text);
	if (!wrong) {
		s->worked = s->way;
		s->why[0] = '\0';
		fetch(s, PHASE_FETCHING, sluice_str_of(s->found_url));
		return;
	}
	note(s, "discovery at", sluice_str_of(s->documents[s->way]), wrong);
	if (is_elsewhere(s, r) && turn_to_other_way(s))
		discover(s);
	else
		discovery_failed(s);
}

static void on_keys(struct source *s, const sluice_fetch_response *r)
{
	char text[DOCUMENT_WHY];
	sluice_str url = s->found_url ? sluice_str_of(s->found_url) : s->id.where;
	const char *wrong = document_refused(r, text);
	if (wrong)
		failed(s, "keys from", url, wrong);
	else
		take_document(s, url, r->body, document_lifetime(r, sluice_unix_ms()));
}

static void on_fetched(sluice_instance *inst, void *conf, const sluice_fetch_response *r)
{
	(void)inst, (void)conf;
	struct subscription *sub = r->user;
	struct source *s = sub->source;
	if (atomic_load(&s->phase) == PHASE_DISCOVERING)
		on_discovery(s, r);
	else
		on_keys(s, r);
}

/* ---- how it begins ------------------------------------------------------------------------- */

static void read_key_file(struct source *s)
{
	sluice_str document;
	int rc = source_read_local(s->fetcher->inst, &s->id, &document);
	if (rc < 0)
		failed(s, "key file", s->id.where, strerror(-rc));
	else
		take_document(s, s->id.where, document, DOCUMENT_UNTOLD);
}

void source_begin(struct subscription *sub)
{
	struct source *s = sub->source;
	if (source_is_busy(s) || sub->state != SUBSCRIPTION_IN_FORCE)
		return;
	s->fetcher = sub;
	s->tried = 0;
	s->way = s->worked;
	s->why[0] = '\0';
	atomic_store(&s->begun_ns, sluice_now_ns());
	if (source_is_local(&s->id))
		read_key_file(s);
	else if (s->id.kind == SOURCE_DISCOVERY)
		discover(s);
	else
		fetch(s, PHASE_FETCHING, s->id.where);
}

void source_tick(struct subscription *sub)
{
	if (source_next_at(sub->source) <= sluice_now_ns())
		source_begin(sub);
}

/* ---- what others may ask ------------------------------------------------------------------- */

struct keyset *source_keys(const struct source *s)
{
	return s->keys;
}

bool source_is_busy(const struct source *s)
{
	return atomic_load(&s->phase) != PHASE_IDLE;
}

uint64_t source_current_at(const struct source *s)
{
	return atomic_load(&s->current_ns);
}

uint64_t source_next_at(const struct source *s)
{
	return atomic_load(&s->next_ns);
}

bool source_is_failing(const struct source *s)
{
	return atomic_load(&s->failures) > 0;
}

bool source_may_begin(const struct source *s, uint64_t min_refresh_ms)
{
	uint64_t begun = atomic_load(&s->begun_ns);
	return begun == 0 || sluice_now_ns() >= begun + ms_to_ns(min_refresh_ms);
}
