/* Refreshing. See the header. */
#include "refresh.h"

#include <openssl/sha.h>
#include <stdlib.h>

#include "../oauth/document.h"
#include "client.h"
#include "provider.h"
#include "worker.h"

enum {
	LOOK_EVERY_MS = 20,    /* whether the answer is there */
	KEPT_MS = 60000,       /* the answer, for requests with the old session */
	FAILED_MS = 5000,      /* how long nobody asks again after a failure */
	CACHE_BYTES = 16 << 20 /* of all answers that are kept */
};

/* A fetch under way. It outlives its exchange. */
struct refresh_job {
	struct refresh_job *next, **at; /* among those of the worker */
	sluice_cache *renewed;          /* borrowed: the instance outlives it */
	uint8_t key[SHA256_DIGEST_LENGTH];
	uint64_t ahead_ms;
	char *session; /* owned: the old one, as text */
};

static const sluice_str new_session = { "new", 3 }, session_ended = { "ended", 5 },
			has_failed = { "failed", 6 };

static sluice_str key_str(const uint8_t key[static SHA256_DIGEST_LENGTH])
{
	return sluice_str_n((const char *)key, SHA256_DIGEST_LENGTH);
}

int refresh_check(sluice_instance *inst, struct oidc_conf *conf)
{
	const sluice_cache_desc d = { .size = sizeof d, .max_bytes = CACHE_BYTES };
	if (!conf->forward_access_token)
		return 0; /* nobody needs tokens */
	conf->claims = sluice_store_local(inst);
	conf->renewed = sluice_cache_open(inst, &d);
	return conf->renewed ? 0 : -1;
}

/* ---- the answer ---------------------------------------------------------------------------- */

static void job_free(struct refresh_job *j)
{
	*j->at = j->next;
	if (j->next)
		j->next->at = j->at;
	session_free_text(j->session);
	free(j);
}

void refresh_worker_stop(struct refresh_job **jobs)
{
	while (*jobs)
		job_free(*jobs);
}

static void put(const struct refresh_job *j, sluice_str what, sluice_str data, uint64_t ttl_ms)
{
	const sluice_object_new n = { .size = sizeof n,
		.data = data,
		.meta = what,
		.ttl_ms = ttl_ms };
	(void)sluice_object_put(j->renewed, key_str(j->key), &n);
}

/* The old session with the new tokens. An ID token that comes with them is not looked at: claims
 * stay those of the login (Core 12.2 permits that there is none). */
static bool renew(const struct refresh_job *j, const struct token_answer *a)
{
	struct session old, s;
	uint64_t now = sluice_unix_ms();
	if (!session_read(sluice_str_of(j->session), &old))
		return false;
	const struct session_parts parts = { .claims = json_incref(old.claims),
		.access_token = a->access_token,
		/* RFC 6749 6: without a new one the old one stays */
		.refresh_token = a->refresh_token.data ? a->refresh_token : old.refresh_token,
		.id_token = old.id_token,
		.begun_ms = old.begun_ms,
		.used_ms = now,
		.access_for_ms = a->expires_in_ms,
		.ahead_ms = j->ahead_ms };
	bool ok = session_make(&parts, &s);
	char *text = ok ? session_text(&s) : NULL;
	if (text)
		put(j, new_session, sluice_str_of(text), KEPT_MS);
	session_free_text(text);
	if (ok)
		session_fini(&s);
	session_fini(&old);
	return text != NULL;
}

static void on_answer(sluice_work *k, const void *arg, const sluice_fetch_response *r)
{
	(void)arg;
	struct refresh_job *j = r->user;
	struct token_answer a = { .root = NULL };
	char text[DOCUMENT_WHY];
	/* a refusal is known by its status and its error, of whatever type it is */
	const char *wrong = r->code == 200 || r->status != SLUICE_OK ? document_refused(r, text)
								     : NULL;
	enum token_answer_kind kind = wrong ? TOKEN_ANSWER_BAD
					    : token_answer_read(r->code, r->body, &a);
	if (kind == TOKEN_ANSWER_REFUSED) {
		sluice_log(sluice_work_instance(k), SLUICE_LOG_INFO,
			"the provider refused to refresh a session: %s", a.error);
		put(j, session_ended, SLUICE_STR(""), KEPT_MS);
	} else if (kind != TOKEN_ANSWER_GOOD || !renew(j, &a)) {
		sluice_log(sluice_work_instance(k), SLUICE_LOG_WARN,
			"a session could not be refreshed: %s, status %d",
			wrong ? wrong : "the token endpoint gave no usable answer", r->code);
		put(j, has_failed, SLUICE_STR(""), FAILED_MS);
	}
	token_answer_fini(&a);
	job_free(j);
}

/* ---- the question -------------------------------------------------------------------------- */

static bool ask(sluice_exchange *x, const struct oidc_conf *conf, const struct session *s,
	const uint8_t key[static SHA256_DIGEST_LENGTH])
{
	struct worker *w = sluice_worker_state(x);
	const struct known *known = sluice_published(x);
	struct client_form f = { .n = 0 };
	sluice_fetch_request r;
	struct refresh_job *j = calloc(1, sizeof *j);
	if (!j || !known || !known->has_document) {
		free(j);
		return false;
	}
	*j = (struct refresh_job){ .next = w->jobs,
		.at = &w->jobs,
		.renewed = conf->renewed,
		.ahead_ms = conf->refresh_ahead,
		.session = session_text(s) };
	memcpy(j->key, key, sizeof j->key);
	if (j->next)
		j->next->at = &j->next;
	w->jobs = j;
	client_add(&f, SLUICE_STR("grant_type"), SLUICE_STR("refresh_token"));
	client_add(&f, SLUICE_STR("refresh_token"), s->refresh_token);
	bool ok = j->session && client_request(x, conf, known->endpoints[ENDPOINT_TOKEN], &f, &r);
	r.user = j;
	if (ok && sluice_background(x, &r, on_answer) == 0)
		return true;
	job_free(j);
	return false;
}

/* Whether this request is the one that asks: no other one of the process does. */
static bool take_claim(const struct oidc_conf *conf, const uint8_t key[static SHA256_DIGEST_LENGTH])
{
	uint64_t now = sluice_now_ns(), until = now + (conf->keys.fetch_timeout + 1000) * 1000000;
	sluice_cell c;
	if (!sluice_store_cell(conf->claims, key_str(key), now, &c))
		return true; /* there is no memory for claims */
	while (c.slot && !c.value) {
		if (sluice_store_cell_swap(&c, until))
			return true;
	}
	return !c.slot;
}

/* ---- a request ----------------------------------------------------------------------------- */

static bool has_expired(const struct session *s)
{
	return s->access_until_ms && sluice_unix_ms() >= s->access_until_ms;
}

bool refresh_is_due(const struct oidc_conf *conf, const struct session *s)
{
	return conf->renewed && s->renew_ms && s->refresh_token.data &&
		sluice_unix_ms() >= s->renew_ms;
}

/* What names a refresh: both tokens, as a refresh token may stay the same. */
static void make_key(const struct session *s, uint8_t key[static SHA256_DIGEST_LENGTH])
{
	uint8_t both[2 * SHA256_DIGEST_LENGTH];
	(void)SHA256((const uint8_t *)s->refresh_token.data, s->refresh_token.len, both);
	(void)SHA256((const uint8_t *)s->access_token.data, s->access_token.len,
		both + SHA256_DIGEST_LENGTH);
	(void)SHA256(both, sizeof both, key);
}

/* There is no new token: the old one is good for a while, or is not. */
static enum refreshed without_new(const struct session *s)
{
	return has_expired(s) ? REFRESHED_FAILED : REFRESHED_NOT;
}

/* The answer that others find. False: there is none yet. */
static bool look(const struct oidc_conf *conf, const uint8_t key[static SHA256_DIGEST_LENGTH],
	struct session *s, enum refreshed *how)
{
	struct session fresh;
	sluice_object *o = sluice_object_get(conf->renewed, key_str(key));
	if (!o)
		return false;
	sluice_str what = sluice_object_meta(o);
	if (sluice_str_eq(what, session_ended)) {
		*how = REFRESHED_ENDED;
	} else if (sluice_str_eq(what, new_session) &&
		session_read(sluice_object_data(o), &fresh)) {
		session_fini(s);
		*s = fresh;
		*how = REFRESHED_NEW;
	} else {
		*how = without_new(s);
	}
	sluice_object_release(o);
	return true;
}

static sluice_verdict wait(sluice_exchange *x, const void *arg)
{
	const struct oidc_conf *conf = arg;
	struct flow *f = flow_of(x);
	uint8_t key[SHA256_DIGEST_LENGTH];
	enum refreshed how;
	uint64_t waited = (sluice_now_ns() - f->since_ns) / 1000000;
	make_key(&f->session, key);
	if (look(conf, key, &f->session, &how))
		return f->then(x, conf, how);
	if (waited < conf->keys.fetch_timeout + 1000)
		return sluice_sleep(x, LOOK_EVERY_MS, wait);
	return f->then(x, conf, without_new(&f->session));
}

sluice_verdict refresh_run(sluice_exchange *x, const struct oidc_conf *conf,
	sluice_verdict (*then)(sluice_exchange *, const struct oidc_conf *, enum refreshed))
{
	struct flow *f = flow_of(x);
	struct session *s = &f->session;
	uint8_t key[SHA256_DIGEST_LENGTH];
	enum refreshed how;
	if (!refresh_is_due(conf, s))
		return then(x, conf,
			conf->renewed && has_expired(s) ? REFRESHED_ENDED : REFRESHED_NOT);
	make_key(s, key);
	if (look(conf, key, s, &how))
		return then(x, conf, how);
	f->then = then;
	f->since_ns = sluice_now_ns();
	if (take_claim(conf, key))
		return ask(x, conf, s, key) ? wait(x, conf) : then(x, conf, without_new(s));
	/* Another request asks. This one waits only if it cannot do without the answer. */
	return has_expired(s) ? wait(x, conf) : then(x, conf, REFRESHED_NOT);
}
