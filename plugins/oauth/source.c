/* Fetching key sets. */
#include "source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "../shared/url.h"
#include "../jose/strict.h"
#include "secret_place.h"

enum { MAX_DISCOVERY = 256 * 1024, DISCOVERY_DEPTH = 16 };

#define FIRST_PAUSE_MS UINT64_C(250)     /* after a first failure */
#define LONGEST_PAUSE_MS UINT64_C(30000) /* while a subscriber has no usable keys */

enum phase { PHASE_IDLE, PHASE_DISCOVERING, PHASE_FETCHING };

struct source {
	struct source_id id; /* its strings are owned */
	char *found_url; /* owned; the URL of the keys from the last discovery, NULL: none yet */
	struct keyset *keys; /* shared: ref; NULL while there are none */
	struct subscription *subs;
	struct subscription *fetcher; /* borrowed; the one whose instance fetches, NULL: none */
	/* Read by workers. */
	_Atomic int phase;
	_Atomic unsigned failures;   /* in a row */
	_Atomic uint64_t begun_ns;   /* when the last round began; 0: none did */
	_Atomic uint64_t next_ns;    /* when the next is planned */
	_Atomic uint64_t current_ns; /* when keys was last known to be current; 0: never */
	struct source *next;
};

/* All sources. Main thread only. */
static struct source *sources;

/* ---- small helpers ------------------------------------------------------------------------- */

static uint64_t ms_to_ns(uint64_t ms)
{
	return ms * 1000000;
}

/* A random time between percent and 100 % of ms, so that gateways that were started together do not
 * fetch at the same time. */
static uint64_t jittered(uint64_t ms, uint64_t percent)
{
	uint32_t r = 0;
	if (getrandom(&r, sizeof r, GRND_NONBLOCK) != (ssize_t)sizeof r)
		r = (uint32_t)sluice_now_ns();
	uint64_t low = ms * percent / 100;
	return low + (ms - low) * (r >> 8) / (UINT32_MAX >> 8);
}

static sluice_str str_copy(sluice_str s)
{
	char *copy = s.len ? strndup(s.data, s.len) : NULL;
	return (sluice_str){ copy, copy ? s.len : 0 };
}

static sluice_str str_of_z(const char *z)
{
	return (sluice_str){ z, strlen(z) };
}

/* ---- keys that are not fetched ------------------------------------------------------------- */

static bool is_local(const struct source_id *id)
{
	return id->kind == SOURCE_FILE || id->kind == SOURCE_SECRET;
}

static int read_local(sluice_instance *inst, const struct source_id *id, sluice_str *document)
{
	struct secret_place place;
	if (id->kind == SOURCE_FILE)
		return sluice_read_file(inst, id->where, KEYS_MAX_DOCUMENT, document);
	return secret_place_read(id->where, &place) ? secret_place_text(inst, &place, document)
						    : -EINVAL;
}

/* Only what the operator has called a secret can become one. */
static struct keyset *read_document(const struct source_id *id, sluice_str document, char *why,
	size_t why_size)
{
	struct secret_place place;
	if (id->kind == SOURCE_SECRET && secret_place_read(id->where, &place))
		return secret_read(place.form, document, why, why_size);
	return keys_read(document, why, why_size);
}

/* ---- one round: how it ends ---------------------------------------------------------------- */

/* The shortest refresh of all subscribers. */
static uint64_t refresh_of(const struct source *s)
{
	uint64_t ms = UINT64_MAX;
	for (const struct subscription *sub = s->subs; sub; sub = sub->next)
		ms = sub->terms->refresh < ms ? sub->terms->refresh : ms;
	return ms;
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

static void plan(struct source *s, uint64_t in_ms)
{
	atomic_store(&s->next_ns, sluice_now_ns() + ms_to_ns(in_ms));
}

/* End a round. The phase changes last, so that a worker that sees the end also sees the result. */
static void end(struct source *s)
{
	s->fetcher = NULL;
	atomic_store(&s->phase, PHASE_IDLE);
	for (const struct subscription *sub = s->subs; sub; sub = sub->next)
		sub->changed(sub);
}

static void failed(struct source *s, const char *what, sluice_str where, const char *why)
{
	unsigned failures = atomic_fetch_add(&s->failures, 1);
	uint64_t longest = somebody_is_without(s) ? LONGEST_PAUSE_MS : refresh_of(s);
	uint64_t pause = FIRST_PAUSE_MS << (failures < 16 ? failures : 16);
	pause = jittered(pause < longest ? pause : longest, 50);
	sluice_log(s->fetcher->inst, s->keys ? SLUICE_LOG_WARN : SLUICE_LOG_ERROR,
		"%s %.*s: %s; %s, next try in %llu ms", what, (int)where.len, where.data, why,
		s->keys ? "the old keys stay in force" : "there are no keys yet",
		(unsigned long long)pause);
	plan(s, pause);
	end(s);
}

static void succeeded(struct source *s, struct keyset *keys)
{
	if (s->keys != keys) {
		keys_unref(s->keys);
		s->keys = keys;
	}
	atomic_store(&s->failures, 0);
	atomic_store(&s->current_ns, sluice_now_ns());
	plan(s, jittered(refresh_of(s), 80));
	end(s);
}

static void take_document(struct source *s, sluice_str where, sluice_str document)
{
	char why[320] = "";
	if (s->keys && keys_same(s->keys, document)) {
		succeeded(s, s->keys); /* the generation stays, and with it the cached tokens */
		return;
	}
	struct keyset *keys = read_document(&s->id, document, why, sizeof why);
	if (!keys) {
		failed(s, "keys from", where, why);
		return;
	}
	sluice_log(s->fetcher->inst, keys->n ? SLUICE_LOG_INFO : SLUICE_LOG_WARN,
		"%zu keys from %.*s%s%s%s", keys->n, (int)where.len, where.data,
		keys->n ? "" : ": no token can be verified", why[0] ? "; " : "", why);
	succeeded(s, keys);
}

/* ---- by HTTP ------------------------------------------------------------------------------- */

static void on_fetched(sluice_instance *inst, void *conf, const sluice_fetch_response *r);

static void fetch(struct source *s, enum phase phase, sluice_str url)
{
	static const sluice_pair accept = { SLUICE_STR("accept"),
		SLUICE_STR("application/jwk-set+json, application/json") };
	sluice_fetch_request r = { .size = sizeof r,
		.url = url,
		.headers = { &accept, 1 },
		.timeout_ms = s->fetcher->terms->fetch_timeout,
		.max_body = phase == PHASE_DISCOVERING ? MAX_DISCOVERY : KEYS_MAX_DOCUMENT,
		.ca_file = s->id.ca_file,
		.user = s->fetcher };
	atomic_store(&s->phase, phase);
	if (sluice_main_fetch(s->fetcher->inst, &r, on_fetched) != 0)
		failed(s, "keys from", url, "the fetch could not start");
}

/* Read the document. It must name the issuer that it was fetched for (OpenID Connect Discovery 1.0
 * section 4.3). */
static const char *read_discovery(struct source *s, sluice_str document)
{
	sluice_str issuer, uri;
	char *url = NULL;
	const char *wrong = NULL;
	json_t *root = json_read_object(document.data, document.len, DISCOVERY_DEPTH);
	if (!root || !json_member_str(root, "issuer", &issuer) ||
		!json_member_str(root, "jwks_uri", &uri))
		wrong = "it is not a discovery document";
	else if (!issuer.data || !sluice_str_eq(issuer, s->id.issuer))
		wrong = "it names another issuer";
	else if (!url_is_http(uri))
		wrong = "its jwks_uri is missing or not a URL";
	else if (url_is_https(s->id.where) && !url_is_https(uri))
		wrong = "its jwks_uri is not https";
	else if (!(url = strndup(uri.data, uri.len)))
		wrong = "no memory";
	json_decref(root);
	if (url) {
		free(s->found_url);
		s->found_url = url;
	}
	return wrong;
}

/* Discovery is over. When it failed, the URL of an earlier discovery is still used. */
static void discovered(struct source *s, const char *wrong)
{
	if (wrong && !s->found_url) {
		failed(s, "discovery at", s->id.where, wrong);
		return;
	}
	if (wrong)
		sluice_log(s->fetcher->inst, SLUICE_LOG_WARN,
			"discovery at %.*s: %s; the keys are fetched from the URL that was found "
			"earlier",
			(int)s->id.where.len, s->id.where.data, wrong);
	fetch(s, PHASE_FETCHING, str_of_z(s->found_url));
}

static void on_fetched(sluice_instance *inst, void *conf, const sluice_fetch_response *r)
{
	(void)inst, (void)conf;
	struct subscription *sub = r->user;
	struct source *s = sub->source;
	char status[48];
	const char *wrong = NULL;
	if (r->status != SLUICE_OK) {
		wrong = r->error ? r->error : "the fetch failed";
	} else if (r->code != 200) {
		(void)snprintf(status, sizeof status, "it answered with status %d", r->code);
		wrong = status;
	}
	if (atomic_load(&s->phase) == PHASE_DISCOVERING) {
		discovered(s, wrong ? wrong : read_discovery(s, r->body));
		return;
	}
	sluice_str url = s->found_url ? str_of_z(s->found_url) : s->id.where;
	if (wrong)
		failed(s, "keys from", url, wrong);
	else
		take_document(s, url, r->body);
}

/* ---- a round begins ------------------------------------------------------------------------ */

static void read_key_file(struct source *s)
{
	sluice_str document;
	int rc = read_local(s->fetcher->inst, &s->id, &document);
	if (rc < 0)
		failed(s, "key file", s->id.where, strerror(-rc));
	else
		take_document(s, s->id.where, document);
}

void source_begin(struct subscription *sub)
{
	struct source *s = sub->source;
	if (source_is_busy(s) || sub->state != SUBSCRIPTION_IN_FORCE)
		return;
	s->fetcher = sub;
	atomic_store(&s->begun_ns, sluice_now_ns());
	if (is_local(&s->id))
		read_key_file(s);
	else
		fetch(s, s->id.kind == SOURCE_DISCOVERY ? PHASE_DISCOVERING : PHASE_FETCHING,
			s->id.where);
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

/* ---- life ---------------------------------------------------------------------------------- */

/* Whether two ids are of the same source. Files never are: see source_join(). */
static bool is_same(const struct source_id *a, const struct source_id *b)
{
	return a->kind == b->kind && !is_local(a) && sluice_str_eq(a->where, b->where) &&
		sluice_str_eq(a->issuer, b->issuer) && sluice_str_eq(a->ca_file, b->ca_file);
}

static void source_free(struct source *s);

static struct source *source_new(const struct source_id *id)
{
	struct source *s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	s->id = (struct source_id){ id->kind, str_copy(id->where), str_copy(id->issuer),
		str_copy(id->ca_file) };
	s->next = sources;
	sources = s;
	if (s->id.where.len == id->where.len && s->id.issuer.len == id->issuer.len &&
		s->id.ca_file.len == id->ca_file.len)
		return s;
	source_free(s); /* no memory for a text: a missing ca_file would mean other authorities */
	return NULL;
}

static void source_free(struct source *s)
{
	for (struct source **at = &sources; *at; at = &(*at)->next) {
		if (*at == s) {
			*at = s->next;
			break;
		}
	}
	keys_unref(s->keys);
	free(s->found_url);
	free((char *)(uintptr_t)s->id.where.data);
	free((char *)(uintptr_t)s->id.issuer.data);
	free((char *)(uintptr_t)s->id.ca_file.data);
	free(s);
}

/* Read a file for the first time: a bad file, or one without a usable key, is a mistake of the
 * configuration. */
static int read_first(struct subscription *sub, char *why, size_t why_size)
{
	struct source *s = sub->source;
	sluice_str document;
	int rc = read_local(sub->inst, &s->id, &document);
	if (rc < 0) {
		(void)snprintf(why, why_size, "cannot read %.*s: %s", (int)s->id.where.len,
			s->id.where.data,
			rc == -ENODEV ? "it is not a regular file" : strerror(-rc));
		return -1;
	}
	char wrong[320];
	s->keys = read_document(&s->id, document, wrong, sizeof wrong);
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
	plan(s, jittered(sub->terms->refresh, 80));
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
	return is_local(id) ? read_first(sub, why, why_size) : 0;
}

void source_start(struct subscription *sub)
{
	struct source *s = sub->source;
	uint64_t age = (sluice_now_ns() - source_current_at(s)) / 1000000,
		 refresh = sub->terms->refresh;
	sub->state = SUBSCRIPTION_IN_FORCE;
	if (!is_local(&s->id) && !url_is_https(s->id.where))
		sluice_log(sub->inst, SLUICE_LOG_WARN,
			"keys are fetched without TLS from %.*s: whoever can change them in "
			"transit can sign tokens",
			(int)s->id.where.len, s->id.where.data);
	if (source_is_busy(s))
		return;
	/* this subscriber has a shorter refresh: move the next round forward */
	if (s->keys && source_next_at(s) > source_current_at(s) + ms_to_ns(refresh))
		plan(s, age < refresh ? jittered(refresh - age, 80) : 0);
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
	plan(s, 0);
	atomic_store(&s->phase, PHASE_IDLE);
	struct subscription *other = s->subs;
	while (other && other->state != SUBSCRIPTION_IN_FORCE)
		other = other->next;
	if (other)
		source_begin(other);
}
