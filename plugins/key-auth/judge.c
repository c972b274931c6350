/*
 * The handling of a request: find its key, hash it, look it up among the keys of the options and
 * the file and then in the store, and admit the request, without its key, or refuse it.
 */
#include "judge.h"

#include <openssl/evp.h>
#include <stdio.h>

#include "limit.h"
#include "remote.h"

/* The key of a request, kept while the store is asked. */
struct found_key {
	unsigned char digest[KEY_DIGEST];
	sluice_str text; /* borrowed: as long as the exchange */
	size_t source;   /* index of where it was */
	bool is_charged; /* a wrong key has been taken from the client's budget */
};

/* ---- answers ------------------------------------------------------------------------------- */

static void count(const struct key_auth *k, const char *result)
{
	sluice_metric_add(k->checks, sluice_str_of(result), 1);
}

static void retry_after(sluice_exchange *x, uint64_t seconds)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%llu", (unsigned long long)seconds);
	sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("Retry-After"),
		sluice_str_n(text, (size_t)n));
}

/* What goes with a 401 (RFC 9110 15.5.2). */
static void challenge(sluice_exchange *x, const struct key_auth *k, const char *result)
{
	count(k, result);
	sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("WWW-Authenticate"), k->challenge);
}

static sluice_verdict wrong(sluice_exchange *x, const struct key_auth *k)
{
	challenge(x, k, "wrong");
	return sluice_refuse(x, 401, "key-wrong", "The API key is wrong.");
}

static sluice_verdict limited(sluice_exchange *x, const struct key_auth *k, uint64_t retry_s)
{
	count(k, "limited");
	retry_after(x, retry_s);
	return sluice_refuse(x, 429, "key-limited", "Too many wrong API keys. Try again later.");
}

static sluice_verdict store_down(sluice_exchange *x, const struct key_auth *k)
{
	count(k, "store_down");
	retry_after(x, 1);
	return sluice_refuse(x, 503, "key-store-down",
		"The API key could not be verified. Try again.");
}

/* Take keys off the request, all but the one that was used where it is to be forwarded: a service
 * that reads another place must not find another key there. Not before the key was found right: in
 * any-of another plugin may know it. */
static bool take_off(sluice_exchange *x, const struct key_auth *k, const struct found_key *f)
{
	for (size_t i = 0; i < k->n_sources; i++) {
		const struct place *s = &k->sources[i];
		bool is_kept = k->forward_key && i == f->source;
		if (!is_kept && !place_remove(x, s))
			return false;
		/* fields whose names a service cannot tell apart from it go, too */
		if (is_kept && s->kind == PLACE_HEADER)
			sluice_field_set(x, SLUICE_REQUEST, s->name, f->text);
	}
	return true;
}

/* The key is right. */
static sluice_verdict admit(sluice_exchange *x, const struct key_auth *k, const struct entry *e,
	const struct found_key *f)
{
	limit_set_known(x, k, f->digest);
	if (entry_is_expired(e, sluice_unix_ms())) {
		challenge(x, k, "expired");
		return sluice_refuse(x, 401, "key-expired", "The API key has expired.");
	}
	if (k->groups.n && !entry_is_in(e, &k->groups)) {
		count(k, "forbidden");
		return sluice_refuse(x, 403, "key-group",
			"This API key is in none of the groups that are admitted.");
	}
	place_used(x, &k->sources[f->source]);
	if (!entry_identify(e, x) || !take_off(x, k, f))
		return SLUICE_FAIL;
	count(k, "admitted");
	return SLUICE_NEXT;
}

/* ---- looking up ---------------------------------------------------------------------------- */

/* The key is right, and was found without the store. */
static sluice_verdict found(sluice_exchange *x, const struct key_auth *k, const struct entry *e,
	const struct found_key *f)
{
	uint64_t retry_s;
	if (!limit_admits(x, k, &retry_s) && !limit_is_known(x, k, f->digest))
		return limited(x, k, retry_s);
	return admit(x, k, e, f);
}

static sluice_verdict without_store(sluice_exchange *x, const struct key_auth *k,
	const struct found_key *f)
{
	struct entry e;
	if (k->on_store_failure != ON_FAILURE_STALE ||
		remote_recall(x, k, f->digest, &e) == REMOTE_NONE)
		return store_down(x, k);
	sluice_note(x, "key-store-down");
	return admit(x, k, &e, f);
}

static sluice_verdict answered(sluice_exchange *x, const void *conf, sluice_status st,
	const sluice_value *v)
{
	const struct key_auth *k = conf;
	const struct found_key *f = sluice_state(x, sizeof(*f));
	struct entry e;
	if (!f)
		return SLUICE_FAIL;
	enum remote_result r = remote_answer(x, k, f->digest, st, v, &e);
	bool is_wrong = r == REMOTE_ABSENT || r == REMOTE_BROKEN;
	if (f->is_charged && !is_wrong)
		limit_give(x, k);
	if (is_wrong) {
		limit_set_wrong(k, f->digest);
		return wrong(x, k);
	}
	return r == REMOTE_FOUND ? admit(x, k, &e, f) : without_store(x, k, f);
}

/* A key that nobody knows yet costs one of the budget before the store is asked, so that guesses
 * that are under way are bounded, too. */
static sluice_verdict ask_store(sluice_exchange *x, const struct key_auth *k,
	const struct found_key *f)
{
	struct found_key *kept = sluice_state(x, sizeof(*kept));
	uint64_t retry_s;
	if (!kept)
		return SLUICE_FAIL;
	*kept = *f;
	kept->is_charged = !limit_is_known(x, k, f->digest);
	if (kept->is_charged && !limit_take(x, k, &retry_s))
		return limited(x, k, retry_s);
	return remote_ask(x, k, f->digest, answered);
}

static sluice_verdict look_up(sluice_exchange *x, const struct key_auth *k,
	const struct found_key *f)
{
	const struct keys *keys = sluice_published(x);
	struct entry e;
	uint64_t retry_s;
	if (!keys)
		return SLUICE_FAIL;
	if (keys_find(keys, f->digest, &e))
		return found(x, k, &e, f);
	if (k->store && remote_recall(x, k, f->digest, &e) == REMOTE_FRESH)
		return found(x, k, &e, f);
	if (limit_is_wrong(k, f->digest))
		return wrong(x, k);
	if (k->store)
		return ask_store(x, k, f);
	if (!limit_take(x, k, &retry_s))
		return limited(x, k, retry_s);
	limit_set_wrong(k, f->digest);
	return wrong(x, k);
}

/* ---- requests ------------------------------------------------------------------------------ */

static bool make_digest(sluice_exchange *x, sluice_str key, unsigned char out[KEY_DIGEST])
{
	const struct key_auth_worker *w = sluice_worker_state(x);
	unsigned n = KEY_DIGEST;
	return EVP_DigestInit_ex2(w->digest, NULL, NULL) == 1 &&
		EVP_DigestUpdate(w->digest, key.data, key.len) == 1 &&
		EVP_DigestFinal_ex(w->digest, out, &n) == 1 && n == KEY_DIGEST;
}

sluice_verdict judge_on_request(sluice_exchange *x, const void *conf)
{
	const struct key_auth *k = conf;
	struct found_key f = { .is_charged = false };
	switch (source_find(x, k->sources, k->n_sources, &f.text, &f.source)) {
	case SOURCE_KEY:
		return make_digest(x, f.text, f.digest) ? look_up(x, k, &f) : SLUICE_FAIL;
	case SOURCE_NONE:
		sluice_credentials_absent(x);
		challenge(x, k, "missing");
		return sluice_refuse(x, 401, "key-missing", k->missing);
	case SOURCE_MALFORMED:
		challenge(x, k, "malformed");
		return sluice_refuse(x, 401, "key-malformed",
			"The API key is malformed, or there are several.");
	case SOURCE_FAIL:
	default:
		return SLUICE_FAIL;
	}
}
