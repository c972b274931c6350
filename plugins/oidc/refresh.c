/* Refreshing. See the header. */
#include "refresh.h"

#include <openssl/sha.h>
#include <stdlib.h>

#include <inttypes.h>
#include <stdio.h>

#include "../oauth/document.h"
#include "client.h"
#include "provider.h"
#include "remote.h"
#include "worker.h"

enum {
	LOOK_EVERY_MS = 20,    /* whether the answer is there */
	LOOKS_OF_STORE = 5,    /* so many looks here to one into the store */
	KEPT_MS = 60000,       /* the answer, for requests with the old session */
	FAILED_MS = 5000,      /* how long nobody asks again after a failure */
	WRITE_TRIES = 3,       /* of new tokens, which are lost if they cannot be stored */
	CACHE_BYTES = 16 << 20 /* of all answers that are kept */
};

/* A fetch under way. It outlives its exchange. */
struct refresh_job {
	struct refresh_job *next, **at; /* among those of the worker */
	sluice_cache *renewed;          /* borrowed: the instance outlives it */
	uint8_t key[SHA256_DIGEST_LENGTH];
	char *session; /* owned: the old one, as text */
	/* of a session in a store */
	struct store_key stored, lock; /* its key, and that of the claim */
	char *fresh;                   /* owned: the new one, as text; and sealed, for the store */
	char *sealed;                  /* owned */
	size_t sealed_len;
	unsigned tries;
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
	session_free_text(j->fresh);
	free(j->sealed);
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

/* Nobody asks any more: the next one may. */
static void give_claim_back(const struct oidc_conf *conf,
	const uint8_t key[static SHA256_DIGEST_LENGTH])
{
	uint64_t now = sluice_now_ns();
	sluice_cell c;
	if (!sluice_store_cell(conf->claims, key_str(key), now, &c))
		return;
	while (c.slot && c.value > now && !sluice_store_cell_swap(&c, now)) {
	}
}

static void on_claim_gone(sluice_work *k, const void *conf, void *user, sluice_status st,
	const sluice_value *v)
{
	(void)k, (void)conf, (void)user, (void)st, (void)v; /* else it ends by itself */
}

/* There are no new tokens. Others may ask again after FAILED_MS; other gateways at once. */
static void job_fail(sluice_work *k, const struct oidc_conf *conf, struct refresh_job *j)
{
	const sluice_str command[] = { SLUICE_STR("DEL"), names_text(&j->lock) };
	sluice_metric_add(conf->refreshes, SLUICE_STR("failed"), 1);
	put(j, has_failed, SLUICE_STR(""), FAILED_MS);
	give_claim_back(conf, j->key);
	if (conf->store)
		(void)sluice_work_command(k, conf->store, command, 2, conf->store_timeout, NULL,
			on_claim_gone);
	job_free(j);
}

static void job_end(const struct oidc_conf *conf, struct refresh_job *j, sluice_str what)
{
	bool is_new = sluice_str_eq(what, new_session);
	sluice_metric_add(conf->refreshes, is_new ? SLUICE_STR("done") : SLUICE_STR("refused"), 1);
	put(j, what, is_new ? sluice_str_of(j->fresh) : SLUICE_STR(""), KEPT_MS);
	job_free(j);
}

static void write_session(sluice_work *k, const struct oidc_conf *conf, struct refresh_job *j);

/* NIL: it was ended meanwhile, and must not come back. */
static void on_written(sluice_work *k, const void *arg, void *user, sluice_status st,
	const sluice_value *v)
{
	const struct oidc_conf *conf = arg;
	struct refresh_job *j = user;
	if (st == SLUICE_OK)
		job_end(conf, j, v->type == SLUICE_V_NIL ? session_ended : new_session);
	else
		write_session(k, conf, j);
}

static void write_session(sluice_work *k, const struct oidc_conf *conf, struct refresh_job *j)
{
	char ttl[24];
	struct session s;
	uint64_t left = 0;
	if (session_read(sluice_str_of(j->fresh), &s)) {
		left = remote_ttl(conf, &s);
		session_fini(&s);
	}
	int n = snprintf(ttl, sizeof ttl, "%" PRIu64, left ? left : 1);
	const sluice_str command[] = { SLUICE_STR("SET"), names_text(&j->stored),
		sluice_str_n(j->sealed, j->sealed_len), SLUICE_STR("XX"), SLUICE_STR("PX"),
		sluice_str_n(ttl, (size_t)n) };
	while (j->tries++ < WRITE_TRIES) {
		if (sluice_work_command(k, conf->store, command, 6, conf->store_timeout, j,
			    on_written) == SLUICE_OK)
			return;
	}
	sluice_log(sluice_work_instance(k), SLUICE_LOG_WARN,
		"new tokens of a session could not be stored");
	job_fail(k, conf, j);
}

/* The old session with the new tokens. An ID token that comes with them is not looked at: claims
 * stay those of the login (Core 12.2 permits that there is none). False: no memory, or it is too
 * large. */
static bool renew(const struct oidc_conf *conf, struct refresh_job *j, const struct token_answer *a)
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
		.ahead_ms = conf->refresh_ahead };
	bool ok = session_make(&parts, &s);
	j->fresh = ok ? session_text(&s) : NULL;
	if (j->fresh && conf->store)
		j->sealed = remote_seal(conf, &j->stored, &s, &j->sealed_len);
	if (ok)
		session_fini(&s);
	session_fini(&old);
	return j->fresh && (!conf->store || j->sealed);
}

static void on_answer(sluice_work *k, const void *arg, const sluice_fetch_response *r)
{
	const struct oidc_conf *conf = arg;
	struct refresh_job *j = r->user;
	struct token_answer a = { .root = NULL };
	char text[DOCUMENT_WHY];
	/* a refusal is known by its status and its error, of whatever type it is */
	const char *wrong = r->code == 200 || r->status != SLUICE_OK ? document_refused(r, text)
								     : NULL;
	enum token_answer_kind kind = wrong ? TOKEN_ANSWER_BAD
					    : token_answer_read(r->code, r->body, &a);
	bool is_good = kind == TOKEN_ANSWER_GOOD && renew(conf, j, &a);
	if (kind == TOKEN_ANSWER_REFUSED) {
		sluice_log(sluice_work_instance(k), SLUICE_LOG_INFO,
			"the provider refused to refresh a session: %s", a.error);
		job_end(conf, j, session_ended);
	} else if (!is_good) {
		sluice_log(sluice_work_instance(k), SLUICE_LOG_WARN,
			"a session could not be refreshed: %s, status %d",
			wrong ? wrong : "the token endpoint gave no usable answer", r->code);
		job_fail(k, conf, j);
	} else if (conf->store) {
		write_session(k, conf, j);
	} else {
		job_end(conf, j, new_session);
	}
	token_answer_fini(&a);
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
		.session = session_text(s),
		.stored = flow_of(x)->key,
		.lock = names_claim(key) };
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

/* How long one asks at most: the provider, and then the store. */
static uint64_t asking_ms(const struct oidc_conf *conf)
{
	uint64_t storing = conf->store ? (WRITE_TRIES + 1) * conf->store_timeout : 0;
	return conf->keys.fetch_timeout + storing + 1000;
}

/* Whether this request is the one that asks: no other one of the process does. */
static bool take_claim(const struct oidc_conf *conf, const uint8_t key[static SHA256_DIGEST_LENGTH])
{
	uint64_t now = sluice_now_ns(), until = now + asking_ms(conf) * 1000000;
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

static sluice_verdict wait(sluice_exchange *x, const void *arg);

static sluice_verdict wait_on(sluice_exchange *x, const struct oidc_conf *conf)
{
	struct flow *f = flow_of(x);
	uint64_t waited = (sluice_now_ns() - f->since_ns) / 1000000;
	if (waited < asking_ms(conf))
		return sluice_sleep(x, LOOK_EVERY_MS, wait);
	return f->then(x, conf, without_new(&f->session));
}

/* The session as the store has it: another gateway may have renewed it, or somebody ended it. */
static sluice_verdict on_read_again(sluice_exchange *x, const struct oidc_conf *conf, enum kept how)
{
	struct flow *f = flow_of(x);
	if (how == KEPT_NONE)
		return f->then(x, conf, REFRESHED_ENDED);
	if (how == KEPT_GOOD && !has_expired(&f->session))
		return f->then(x, conf, REFRESHED_NEW);
	return wait_on(x, conf);
}

static sluice_verdict wait(sluice_exchange *x, const void *arg)
{
	const struct oidc_conf *conf = arg;
	struct flow *f = flow_of(x);
	uint8_t key[SHA256_DIGEST_LENGTH];
	enum refreshed how;
	make_key(&f->session, key);
	if (look(conf, key, &f->session, &how))
		return f->then(x, conf, how);
	if (conf->store && ++f->looks % LOOKS_OF_STORE == 0)
		return remote_read_again(x, conf, on_read_again);
	return wait_on(x, conf);
}

/* Another request asks. This one waits only if it cannot do without the answer. */
static sluice_verdict leave_it(sluice_exchange *x, const struct oidc_conf *conf)
{
	struct flow *f = flow_of(x);
	return has_expired(&f->session) ? wait(x, conf) : f->then(x, conf, REFRESHED_NOT);
}

static sluice_verdict on_lock_gone(sluice_exchange *x, const void *arg, sluice_status st,
	const sluice_value *v)
{
	struct flow *f = flow_of(x);
	(void)st, (void)v; /* else it ends by itself */
	return f->then(x, arg, without_new(&f->session));
}

/* This one does: it waits for the answer. */
static sluice_verdict ask_and_wait(sluice_exchange *x, const struct oidc_conf *conf)
{
	struct flow *f = flow_of(x);
	uint8_t key[SHA256_DIGEST_LENGTH];
	make_key(&f->session, key);
	if (ask(x, conf, &f->session, key))
		return wait(x, conf);
	give_claim_back(conf, key);
	if (!conf->store)
		return f->then(x, conf, without_new(&f->session));
	const struct store_key lock = names_claim(key);
	const sluice_str command[] = { SLUICE_STR("DEL"), names_text(&lock) };
	return sluice_store_command(x, conf->store, command, 2, conf->store_timeout, on_lock_gone);
}

/* SET with NX answers with nothing where the key is there: another gateway asks, or has asked. */
static sluice_verdict on_lock(sluice_exchange *x, const void *arg, sluice_status st,
	const sluice_value *v)
{
	const struct oidc_conf *conf = arg;
	struct flow *f = flow_of(x);
	uint8_t key[SHA256_DIGEST_LENGTH];
	if (st == SLUICE_OK && v && v->type == SLUICE_V_STR)
		return ask_and_wait(x, conf);
	make_key(&f->session, key);
	give_claim_back(conf, key);
	if (st == SLUICE_OK && v && v->type == SLUICE_V_NIL)
		return leave_it(x, conf);
	/* Without the claim two might ask, and a refresh token may be good once. */
	return f->then(x, conf, has_expired(&f->session) ? REFRESHED_DOWN : REFRESHED_NOT);
}

/* It stays for longer than the answer takes, so that a gateway that has read the old session just
 * before finds it. */
static sluice_verdict take_lock(sluice_exchange *x, const struct oidc_conf *conf,
	const uint8_t key[static SHA256_DIGEST_LENGTH])
{
	const struct store_key lock = names_claim(key);
	char ttl[24];
	int n = snprintf(ttl, sizeof ttl, "%" PRIu64, asking_ms(conf) + 2 * conf->store_timeout);
	const sluice_str command[] = { SLUICE_STR("SET"), names_text(&lock), SLUICE_STR("1"),
		SLUICE_STR("NX"), SLUICE_STR("PX"), sluice_str_n(ttl, (size_t)n) };
	return sluice_store_command(x, conf->store, command, 6, conf->store_timeout, on_lock);
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
	if (!take_claim(conf, key))
		return leave_it(x, conf);
	return conf->store ? take_lock(x, conf, key) : ask_and_wait(x, conf);
}
