/* The provider. See the header. */
#include "provider.h"

#include <stdio.h>
#include <stdlib.h>

#include "../jose/strict.h"
#include "../oauth/discovery.h"
#include "../shared/url.h"

#define FIRST_PAUSE_MS UINT64_C(250) /* after a first failure */
#define LONGEST_PAUSE_MS UINT64_C(30000)

static const char *const names[ENDPOINT_COUNT] = {
	[ENDPOINT_AUTHORIZATION] = "authorization_endpoint",
	[ENDPOINT_TOKEN] = "token_endpoint",
	[ENDPOINT_USERINFO] = "userinfo_endpoint",
	[ENDPOINT_END_SESSION] = "end_session_endpoint",
	[ENDPOINT_PUSHED_REQUEST] = "pushed_authorization_request_endpoint",
};

struct provider {
	struct provider *next; /* of all that there are */
	sluice_instance *inst; /* borrowed: outlives it */
	const struct oidc_conf *conf;
	char *document_url;      /* owned */
	struct subscription sub; /* to the keys */
	struct known found;      /* the endpoints; its keys are not used */
	unsigned failures;       /* of the document, in a row */
	bool is_started;
	/* read by workers */
	_Atomic bool is_fetching;
	_Atomic bool wants_keys;
	_Atomic uint64_t next_ns; /* when the document is fetched next */
};

/* Those of all instances. Main thread only. */
static struct provider *providers;

/* ---- the document -------------------------------------------------------------------------- */

void known_fini(struct known *k)
{
	for (size_t i = 0; i < ENDPOINT_COUNT; i++)
		free((char *)(uintptr_t)k->endpoints[i].data);
	keys_unref(k->keys.keys);
	*k = (struct known){ .has_document = false };
}

static bool copy(sluice_str s, sluice_str *out)
{
	char *text = s.data ? strndup(s.data, s.len) : NULL;
	*out = sluice_str_n(text, text ? s.len : 0);
	return text || !s.data;
}

/* NULL, or what is wrong. Two of them a login needs. */
static const char *read_endpoint(const json_t *root, size_t i, sluice_str *out)
{
	sluice_str url;
	bool is_needed = i == ENDPOINT_AUTHORIZATION || i == ENDPOINT_TOKEN;
	if (!json_member(root, names[i]))
		return is_needed ? "it has no authorization_endpoint or no token_endpoint" : NULL;
	if (discovery_endpoint(root, names[i], &url))
		return "an endpoint in it is no URL, or no https URL";
	if (memchr(url.data, '#', url.len))
		return "an endpoint in it has a fragment";
	return copy(url, out) ? NULL : "no memory";
}

const char *provider_read(sluice_str issuer, sluice_str document, struct known *out)
{
	struct known k = { .has_document = true };
	json_t *root = NULL;
	const char *wrong = discovery_read(document, issuer, &root);
	for (size_t i = 0; !wrong && i < ENDPOINT_COUNT; i++)
		wrong = read_endpoint(root, i, &k.endpoints[i]);
	k.names_issuer = json_is_true(
		json_object_get(root, "authorization_response_iss_parameter_supported"));
	json_decref(root);
	if (wrong)
		known_fini(&k);
	else
		*out = k;
	return wrong;
}

/* ---- publishing ---------------------------------------------------------------------------- */

static void known_free(void *value)
{
	known_fini(value);
	free(value);
}

static bool are_believed(const struct provider *p)
{
	const struct source *s = p->sub.source;
	uint64_t until = source_current_at(s) + p->conf->keys.max_stale * 1000000;
	return source_keys(s) && (!p->conf->keys.max_stale || sluice_now_ns() < until);
}

static void publish(const struct provider *p)
{
	struct known *k = calloc(1, sizeof *k);
	bool ok = k != NULL;
	for (size_t i = 0; ok && i < ENDPOINT_COUNT; i++)
		ok = copy(p->found.endpoints[i], &k->endpoints[i]);
	if (!ok) { /* those who wait have a deadline */
		if (k)
			known_free(k);
		return;
	}
	k->has_document = p->found.has_document;
	k->names_issuer = p->found.names_issuer;
	k->keys.current_ns = source_current_at(p->sub.source);
	if (are_believed(p))
		k->keys.keys = keys_ref(source_keys(p->sub.source));
	sluice_publish(p->inst, k, known_free);
}

/* ---- time ---------------------------------------------------------------------------------- */

static void on_timer(sluice_instance *inst, void *arg);

static void arm(const struct provider *p)
{
	uint64_t now = sluice_now_ns(), at = UINT64_MAX;
	if (!p->is_started)
		return;
	if (!atomic_load(&p->is_fetching))
		at = atomic_load(&p->next_ns);
	if (!source_is_busy(p->sub.source) && source_next_at(p->sub.source) < at)
		at = source_next_at(p->sub.source);
	if (at != UINT64_MAX)
		sluice_timer(p->inst, at > now ? (at - now + 999999) / 1000000 : 0, on_timer);
}

static void settle(struct provider *p, const char *wrong)
{
	uint64_t pause = FIRST_PAUSE_MS << (p->failures < 8 ? p->failures : 8);
	if (wrong) {
		p->failures++;
		pause = pause < LONGEST_PAUSE_MS ? pause : LONGEST_PAUSE_MS;
		sluice_log(p->inst, p->found.has_document ? SLUICE_LOG_WARN : SLUICE_LOG_ERROR,
			"discovery at %s: %s; %s, next try in %llu ms", p->document_url, wrong,
			p->found.has_document ? "what was found earlier stays in force"
					      : "nobody can log in",
			(unsigned long long)pause);
	} else {
		p->failures = 0;
		pause = p->conf->keys.refresh;
	}
	atomic_store(&p->next_ns, sluice_now_ns() + pause * 1000000);
	/* A worker that sees neither the document nor a fetch under way refuses: what was found
	 * comes before the end of the fetch. After a failure, those who are woken see that it has
	 * ended. */
	if (wrong)
		atomic_store(&p->is_fetching, false);
	publish(p);
	atomic_store(&p->is_fetching, false);
	arm(p);
}

static void on_document(sluice_instance *inst, void *arg, const sluice_fetch_response *r)
{
	(void)inst;
	struct provider *p = ((const struct oidc_conf *)arg)->provider;
	struct known k = { .has_document = false };
	char status[48];
	const char *wrong = NULL;
	if (r->status != SLUICE_OK) {
		wrong = r->error ? r->error : "the fetch failed";
	} else if (r->code != 200) {
		(void)snprintf(status, sizeof status, "it answered with status %d", r->code);
		wrong = status;
	} else {
		wrong = provider_read(p->conf->issuer, r->body, &k);
	}
	if (!wrong) {
		known_fini(&p->found);
		p->found = k;
	}
	settle(p, wrong);
}

static void fetch(struct provider *p)
{
	static const sluice_pair accept = { SLUICE_STR("accept"), SLUICE_STR("application/json") };
	sluice_fetch_request r = { .size = sizeof r,
		.url = sluice_str_of(p->document_url),
		.headers = { &accept, 1 },
		.timeout_ms = p->conf->keys.fetch_timeout,
		.max_body = DISCOVERY_MAX,
		.ca_file = p->conf->ca_file };
	atomic_store(&p->is_fetching, true);
	if (sluice_main_fetch(p->inst, &r, on_document) != 0)
		settle(p, "the fetch could not start");
}

static void on_timer(sluice_instance *inst, void *arg)
{
	(void)inst;
	struct provider *p = ((const struct oidc_conf *)arg)->provider;
	if (!atomic_load(&p->is_fetching) && atomic_load(&p->next_ns) <= sluice_now_ns())
		fetch(p);
	source_tick(&p->sub);
	arm(p);
}

static void on_keys(const struct subscription *sub)
{
	const struct provider *p = sub->owner;
	publish(p);
	arm(p);
}

/* ---- from the workers ---------------------------------------------------------------------- */

void provider_refresh(const struct oidc_conf *conf)
{
	struct provider *p = conf->provider;
	if (atomic_exchange(&p->wants_keys, false) &&
		source_may_begin(p->sub.source, conf->keys.min_refresh))
		source_begin(&p->sub);
	if (!source_is_busy(p->sub.source)) /* else the end of the round wakes those who wait */
		publish(p);
}

bool provider_seeks_keys(sluice_exchange *x, const struct oidc_conf *conf,
	const struct issuer_keys *seen, uint64_t since_ns, uint64_t within_ms)
{
	struct provider *p = conf->provider;
	const struct source *s = p->sub.source;
	if (source_is_busy(s) || source_current_at(s) != seen->current_ns)
		return true;
	if (seen->current_ns > since_ns)
		return false;
	if (source_may_begin(s, conf->keys.min_refresh)) {
		atomic_store(&p->wants_keys, true);
		sluice_refresh(x);
		return true;
	}
	return source_is_failing(s) && source_next_at(s) <= sluice_now_ns() + within_ms * 1000000;
}

bool provider_is_coming(const struct oidc_conf *conf, uint64_t within_ms)
{
	const struct provider *p = conf->provider;
	uint64_t until = sluice_now_ns() + within_ms * 1000000;
	return atomic_load(&p->is_fetching) || atomic_load(&p->next_ns) <= until ||
		source_is_busy(p->sub.source) || source_next_at(p->sub.source) <= until;
}

/* ---- life ---------------------------------------------------------------------------------- */

/* What another instance has found, as after a reload: nobody waits for the provider then. */
static void take_over(struct provider *p)
{
	for (const struct provider *o = providers; o && !p->found.has_document; o = o->next) {
		struct known k = { .has_document = true, .names_issuer = o->found.names_issuer };
		bool ok = o->found.has_document &&
			sluice_str_eq(o->conf->issuer, p->conf->issuer) &&
			sluice_str_eq(o->conf->ca_file, p->conf->ca_file);
		for (size_t i = 0; ok && i < ENDPOINT_COUNT; i++)
			ok = copy(o->found.endpoints[i], &k.endpoints[i]);
		if (ok)
			p->found = k;
		else
			known_fini(&k);
	}
}

int provider_check(sluice_instance *inst, struct oidc_conf *conf)
{
	char why[SOURCE_WHY + 80];
	if (!discovery_is_possible(conf->issuer)) {
		sluice_conf_error(inst, "issuer",
			"expected an http:// or https:// URL without query, from which the "
			"provider is discovered");
		return -1;
	}
	struct provider *p = conf->provider = sluice_conf_alloc(inst, sizeof *p);
	p->inst = inst;
	p->conf = conf;
	p->document_url = discovery_url(conf->issuer, DISCOVERY_OPENID);
	if (!p->document_url) {
		sluice_conf_error(inst, "issuer", "no memory");
		return -1;
	}
	p->sub = (struct subscription){ .inst = inst,
		.terms = &conf->keys,
		.owner = p,
		.changed = on_keys };
	const struct source_id id = { .kind = SOURCE_DISCOVERY,
		.where = conf->issuer,
		.issuer = conf->issuer,
		.ways = DISCOVERY_BIT(DISCOVERY_OPENID),
		.ca_file = conf->ca_file };
	if (source_join(&p->sub, &id, why, sizeof why) < 0) {
		sluice_conf_error(inst, "issuer", "%s", why);
		return -1;
	}
	take_over(p);
	p->next = providers;
	providers = p;
	publish(p);
	return 0;
}

void provider_start(const struct oidc_conf *conf)
{
	struct provider *p = conf->provider;
	p->is_started = true;
	if (!url_is_https(conf->issuer))
		sluice_log(p->inst, SLUICE_LOG_WARN,
			"the provider %.*s is spoken to without TLS: whoever can change that can "
			"log "
			"in as anybody",
			(int)conf->issuer.len, conf->issuer.data);
	source_start(&p->sub);
	fetch(p);
}

void provider_stop(struct oidc_conf *conf)
{
	struct provider *p = conf->provider;
	if (!p)
		return;
	for (struct provider **at = &providers; *at; at = &(*at)->next) {
		if (*at == p) {
			*at = p->next;
			break;
		}
	}
	source_leave(&p->sub);
	known_fini(&p->found);
	free(p->document_url);
	p->document_url = NULL;
}
