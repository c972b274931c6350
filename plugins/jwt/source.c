/* Fetching key sets. */
#include "source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "strict.h"

enum { MAX_URL = 2048, MAX_DISCOVERY = 256 * 1024, DISCOVERY_DEPTH = 16 };

#define FIRST_PAUSE_MS UINT64_C(250)     /* after a first failure */
#define LONGEST_PAUSE_MS UINT64_C(30000) /* while there are no keys */

enum source_kind { SOURCE_FILE, SOURCE_URL, SOURCE_DISCOVERY };

struct source {
	sluice_instance *inst;       /* borrowed: outlives it */
	const struct jwt_conf *conf; /* borrowed: outlives it */
	enum source_kind kind;
	sluice_str where;    /* path, URL of the keys, or URL of the discovery document */
	char *found_url;     /* owned; the keys' URL that discovery gave */
	struct keyset *keys; /* shared: ref; NULL while there are none */
	uint64_t fetched_ns; /* when keys was last known to be current */
	unsigned failures;   /* in a row */
	bool discovering;    /* the fetch under way is that of the discovery document */
	/* Read by workers. */
	_Atomic bool fetching;
	_Atomic uint64_t begun_ns;   /* when the last fetch began; 0: none did */
	_Atomic uint64_t next_ns;    /* when the next is planned */
	_Atomic uint64_t generation; /* of the keys last published, 0: none were */
	struct source *next;
};

/* What workers are given. */
struct published {
	struct keyset *keys; /* shared: ref; or NULL */
};

/*
 * All sources that are in force, for one purpose: after a reload, the new instance of the same source begins with the keys of
 * the old one. Main thread alone.
 */
static struct source *running;

/* ---- small helpers ---- */

static uint64_t ms_to_ns(uint64_t ms)
{
	return ms * 1000000;
}

/* ms, give or take: gateways that were started together must not ask together. Between percent and 100 of it. */
static uint64_t jittered(uint64_t ms, uint64_t percent)
{
	uint32_t r = 0;
	if (getrandom(&r, sizeof r, GRND_NONBLOCK) != (ssize_t)sizeof r)
		r = (uint32_t)sluice_now_ns();
	uint64_t low = ms * percent / 100;
	return low + (ms - low) * (r >> 8) / (UINT32_MAX >> 8);
}

static bool starts_with(sluice_str s, const char *prefix)
{
	size_t n = strlen(prefix);
	return s.len > n && memcmp(s.data, prefix, n) == 0;
}

static bool is_http_url(sluice_str s)
{
	if (s.len > MAX_URL || (!starts_with(s, "https://") && !starts_with(s, "http://")))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] <= ' ' || s.data[i] == 0x7f)
			return false;
	}
	return true;
}

/* ---- publishing ---- */

static void published_free(void *value)
{
	struct published *p = value;
	keys_unref(p->keys);
	free(p);
}

/* Also without new keys: it wakes those who wait, and what they see tells them to give up. */
static void publish(struct source *s)
{
	struct published *p = malloc(sizeof *p);
	if (!p)
		return; /* those who wait have a deadline */
	p->keys = s->keys ? keys_ref(s->keys) : NULL;
	atomic_store(&s->generation, s->keys ? s->keys->generation : 0);
	sluice_publish(s->inst, p, published_free);
}

const struct keyset *source_keys(const void *published)
{
	return published ? ((const struct published *)published)->keys : NULL;
}

/* ---- one round: begin, and how it ends ---- */

static void begin(struct source *s);

static void on_timer(sluice_instance *inst, void *conf)
{
	(void)inst;
	struct source *s = ((struct jwt_conf *)conf)->source;
	if (!source_fetching(s)) /* else a worker was quicker, and the end of that round plans the next */
		begin(s);
}

static void plan(struct source *s, uint64_t in_ms)
{
	atomic_store_explicit(&s->next_ns, sluice_now_ns() + ms_to_ns(in_ms), memory_order_relaxed);
	sluice_timer(s->inst, in_ms, on_timer);
}

/* In this order: a worker that sees the fetch over sees that there is something new, and nobody begins to wait for what has
 * been published already. */
static void end(struct source *s)
{
	atomic_store(&s->generation, s->keys ? s->keys->generation : 0);
	atomic_store(&s->fetching, false);
	publish(s);
}

static void failed(struct source *s, const char *what, const char *why)
{
	uint64_t longest = s->keys ? s->conf->refresh : LONGEST_PAUSE_MS;
	uint64_t pause = FIRST_PAUSE_MS << (s->failures < 16 ? s->failures : 16);
	s->failures++;
	if (s->kind == SOURCE_DISCOVERY) { /* perhaps the keys have moved */
		free(s->found_url);
		s->found_url = NULL;
	}
	pause = jittered(pause < longest ? pause : longest, 50);
	sluice_log(s->inst, s->keys ? SLUICE_LOG_WARN : SLUICE_LOG_ERROR,
		   "%s %.*s: %s; %s, next try in %llu ms", what, (int)s->where.len, s->where.data, why,
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
	s->failures = 0;
	s->fetched_ns = sluice_now_ns();
	plan(s, jittered(s->conf->refresh, 80));
	end(s);
}

static void take_document(struct source *s, sluice_str document)
{
	char why[320] = "";
	if (s->keys && keys_same(s->keys, document)) {
		succeeded(s, s->keys); /* the same generation: verified tokens stay verified */
		return;
	}
	struct keyset *keys = keys_read(document, why, sizeof why);
	if (!keys) {
		failed(s, "keys from", why);
		return;
	}
	sluice_log(s->inst, SLUICE_LOG_INFO, "%zu keys from %.*s%s%s", keys->n, (int)s->where.len,
		   s->where.data, why[0] ? "; " : "", why);
	succeeded(s, keys);
}

/* ---- by HTTP ---- */

static void on_fetched(sluice_instance *inst, void *conf, const sluice_fetch_response *r);

static void fetch(struct source *s, sluice_str url, size_t max_body)
{
	static const sluice_pair accept = { SLUICE_STR("accept"),
					    SLUICE_STR("application/jwk-set+json, application/json") };
	sluice_fetch_request r = { .size = sizeof r,
				   .url = url,
				   .headers = { &accept, 1 },
				   .timeout_ms = s->conf->fetch_timeout,
				   .max_body = max_body,
				   .ca_file = s->conf->ca_file };
	if (sluice_main_fetch(s->inst, &r, on_fetched) != 0)
		failed(s, "keys from", "the URL is malformed");
}

/* OpenID Connect Discovery 1.0 section 4.3: the document must name the issuer it was asked of. */
static const char *read_discovery(struct source *s, sluice_str document)
{
	sluice_str issuer, uri;
	const char *wrong = NULL;
	json_t *root = json_read_object(document.data, document.len, DISCOVERY_DEPTH);
	if (!root || !json_member_str(root, "issuer", &issuer) || !json_member_str(root, "jwks_uri", &uri))
		wrong = "it is no discovery document";
	else if (!issuer.data || !str_same(issuer, s->conf->issuer))
		wrong = "it names another issuer";
	else if (!is_http_url(uri))
		wrong = "its jwks_uri is missing or no URL";
	else if (starts_with(s->where, "https://") && !starts_with(uri, "https://"))
		wrong = "its jwks_uri is not https";
	else if (!(s->found_url = strdup(uri.data)))
		wrong = "no memory";
	json_decref(root);
	return wrong;
}

static void on_fetched(sluice_instance *inst, void *conf, const sluice_fetch_response *r)
{
	(void)inst;
	struct source *s = ((struct jwt_conf *)conf)->source;
	bool discovering = s->discovering;
	const char *what = discovering ? "discovery at" : "keys from";
	char status[48];
	s->discovering = false;
	if (r->status != SLUICE_OK) {
		failed(s, what, r->error ? r->error : "the fetch failed");
		return;
	}
	if (r->code != 200) {
		(void)snprintf(status, sizeof status, "it answered with status %d", r->code);
		failed(s, what, status);
		return;
	}
	if (!discovering) {
		take_document(s, r->body);
		return;
	}
	const char *wrong = read_discovery(s, r->body);
	if (wrong)
		failed(s, what, wrong);
	else
		fetch(s, (sluice_str){ s->found_url, strlen(s->found_url) }, KEYS_MAX_DOCUMENT);
}

/* ---- a round begins ---- */

static void read_key_file(struct source *s)
{
	sluice_str document;
	int rc = sluice_read_file(s->inst, s->where, KEYS_MAX_DOCUMENT, &document);
	if (rc < 0)
		failed(s, "key file", strerror(-rc));
	else
		take_document(s, document);
}

static void begin(struct source *s)
{
	atomic_store_explicit(&s->begun_ns, sluice_now_ns(), memory_order_relaxed);
	if (s->kind == SOURCE_FILE) {
		read_key_file(s);
		return;
	}
	atomic_store_explicit(&s->fetching, true, memory_order_relaxed);
	s->discovering = s->kind == SOURCE_DISCOVERY && !s->found_url;
	if (s->discovering)
		fetch(s, s->where, MAX_DISCOVERY);
	else
		fetch(s, s->found_url ? (sluice_str){ s->found_url, strlen(s->found_url) } : s->where,
		      KEYS_MAX_DOCUMENT);
}

void source_refresh(struct source *s)
{
	if (source_fetching(s))
		return; /* its end wakes everybody */
	if (source_may_refresh(s))
		begin(s);
	else
		publish(s);
}

/* ---- from the workers ---- */

bool source_fetching(const struct source *s)
{
	return atomic_load(&s->fetching);
}

bool source_is_ahead(const struct source *s, const struct keyset *seen)
{
	return atomic_load(&s->generation) != (seen ? seen->generation : 0);
}

bool source_expects(const struct source *s, uint64_t within_ms)
{
	return source_fetching(s) || atomic_load_explicit(&s->next_ns, memory_order_relaxed) <=
					     sluice_now_ns() + ms_to_ns(within_ms);
}

bool source_may_refresh(const struct source *s)
{
	uint64_t begun = atomic_load_explicit(&s->begun_ns, memory_order_relaxed);
	return begun == 0 || sluice_now_ns() >= begun + ms_to_ns(s->conf->min_refresh);
}

/* ---- life ---- */

static sluice_str discovery_url(sluice_instance *inst, sluice_str issuer)
{
	static const char suffix[] = "/.well-known/openid-configuration";
	size_t n = issuer.len - (issuer.data[issuer.len - 1] == '/');
	char *url = sluice_conf_alloc(inst, n + sizeof suffix);
	memcpy(url, issuer.data, n);
	memcpy(url + n, suffix, sizeof suffix);
	return (sluice_str){ url, n + sizeof suffix - 1 };
}

static int choose_kind(sluice_instance *inst, struct jwt_conf *conf, struct source *s)
{
	if (starts_with(conf->jwks, "file:")) {
		s->kind = SOURCE_FILE;
		s->where = (sluice_str){ conf->jwks.data + 5, conf->jwks.len - 5 };
		return 0;
	}
	if (conf->jwks.len > 0) {
		s->kind = SOURCE_URL;
		s->where = conf->jwks;
		if (is_http_url(conf->jwks))
			return 0;
		sluice_conf_error(inst, "jwks", "expected an http:// or https:// URL, or file:PATH");
		return -1;
	}
	if (!is_http_url(conf->issuer) || memchr(conf->issuer.data, '?', conf->issuer.len) ||
	    memchr(conf->issuer.data, '#', conf->issuer.len)) {
		sluice_conf_error(inst, "jwks", "is needed: the issuer is no URL to discover it from");
		return -1;
	}
	s->kind = SOURCE_DISCOVERY;
	s->where = discovery_url(inst, conf->issuer);
	return 0;
}

/* Not by the timer's path: on the first reading, a bad file is the configuration's mistake. */
static int check_file(struct source *s)
{
	sluice_str document;
	char why[320];
	int rc = sluice_read_file(s->inst, s->where, KEYS_MAX_DOCUMENT, &document);
	if (rc < 0) {
		sluice_conf_error(s->inst, "jwks", "cannot read %.*s: %s", (int)s->where.len, s->where.data,
				  strerror(-rc));
		return -1;
	}
	s->keys = keys_read(document, why, sizeof why);
	if (!s->keys) {
		sluice_conf_error(s->inst, "jwks", "%.*s: %s", (int)s->where.len, s->where.data, why);
		return -1;
	}
	if (why[0])
		sluice_log(s->inst, SLUICE_LOG_WARN, "%.*s: %s", (int)s->where.len, s->where.data, why);
	s->fetched_ns = sluice_now_ns();
	return 0;
}

static void inherit(struct source *s)
{
	for (const struct source *old = running; old; old = old->next) {
		if (!old->keys || old->kind != s->kind || !str_same(old->where, s->where) ||
		    !str_same(old->conf->ca_file, s->conf->ca_file) ||
		    (s->keys && old->fetched_ns <= s->fetched_ns))
			continue;
		keys_unref(s->keys);
		free(s->found_url);
		s->keys = keys_ref(old->keys);
		s->fetched_ns = old->fetched_ns;
		atomic_store_explicit(&s->begun_ns,
				      atomic_load_explicit(&old->begun_ns, memory_order_relaxed),
				      memory_order_relaxed);
		s->found_url = old->found_url ? strdup(old->found_url) : NULL;
	}
}

int source_check(sluice_instance *inst, struct jwt_conf *conf)
{
	struct source *s = sluice_conf_alloc(inst, sizeof *s);
	s->inst = inst;
	s->conf = conf;
	conf->source = s;
	if (choose_kind(inst, conf, s) < 0)
		return -1;
	if (s->kind == SOURCE_FILE && check_file(s) < 0)
		return -1;
	if (s->kind != SOURCE_FILE)
		inherit(s);
	if (s->keys)
		publish(s);
	return 0;
}

void source_start(struct source *s)
{
	uint64_t refresh = ms_to_ns(s->conf->refresh), age = sluice_now_ns() - s->fetched_ns;
	s->next = running;
	running = s;
	if (s->kind != SOURCE_FILE && !starts_with(s->where, "https://"))
		sluice_log(s->inst, SLUICE_LOG_WARN,
			   "keys are fetched without TLS from %.*s: whoever can change them on the way "
			   "can sign tokens",
			   (int)s->where.len, s->where.data);
	if (s->keys && age < refresh)
		plan(s, jittered((refresh - age) / 1000000, 80));
	else
		begin(s);
}

void source_stop(struct source *s)
{
	if (!s)
		return; /* check() failed before */
	for (struct source **at = &running; *at; at = &(*at)->next) {
		if (*at == s) {
			*at = s->next;
			break;
		}
	}
	keys_unref(s->keys);
	free(s->found_url);
}
