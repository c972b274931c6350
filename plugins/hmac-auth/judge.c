/*
 * The handling of a request: its signature is verified; then its body, where there is one, is held
 * until it is known to be the one that was signed; then the signature is noted as used; then the
 * request is admitted. Nothing is held for a request whose signature is wrong.
 */
#include "judge.h"

#include <openssl/sha.h>

#include "../httpsig/digest.h"
#include "check.h"

/* What is kept of a request while it waits for its body or for the store. */
struct waiting {
	sluice_str keyid; /* in the exchange's memory */
	struct content_digest digest;
	bool has_digest; /* that has to be the body's; else there may be no body */
	bool is_good_once;
	uint64_t ttl_ms;
	uint8_t id[SEEN_ID];
	uint8_t print[SIGNER_PRINT]; /* of the key that verified it */
};

/* ---- the end ------------------------------------------------------------------------------- */

/* While the request waited its key may have gone or expired, or its keyid may have become another
 * one's. */
static sluice_verdict admit(sluice_exchange *x, const struct hmac_auth *h, const struct waiting *w)
{
	const struct signers *signers = sluice_published(x);
	struct entry who;
	if (!signers)
		return SLUICE_FAIL;
	const struct key *key = signers_find(signers, w->keyid, &who);
	if (!key || memcmp(signers_print(signers, key), w->print, sizeof(w->print)) != 0)
		return answer_refuse(x, h, REASON_KEY, 0);
	return entry_is_expired(&who, sluice_unix_ms()) ? answer_refuse(x, h, REASON_KEY_EXPIRED, 0)
							: answer_admit(x, h, &who);
}

static sluice_verdict end(sluice_exchange *x, const struct hmac_auth *h, const struct waiting *w,
	enum seen seen)
{
	if (seen == SEEN_BEFORE)
		return answer_refuse(x, h, REASON_REPLAYED, 0);
	if (seen == SEEN_DOWN && h->on_store_failure != ON_FAILURE_ALLOW)
		return answer_refuse(x, h, REASON_STORE, 1);
	if (seen == SEEN_DOWN)
		sluice_note(x, "signature-store-down");
	return admit(x, h, w);
}

static sluice_verdict noted(sluice_exchange *x, const void *conf, sluice_status st,
	const sluice_value *v)
{
	const struct waiting *w = sluice_state(x, sizeof(*w));
	return w ? end(x, conf, w, seen_answer(st, v)) : SLUICE_FAIL;
}

static sluice_verdict note(sluice_exchange *x, const struct hmac_auth *h, const struct waiting *w)
{
	const struct seen_note how = { .ttl_ms = w->ttl_ms,
		.timeout_ms = h->store_timeout,
		.then = noted };
	sluice_verdict verdict = SLUICE_FAIL;
	if (!w->is_good_once)
		return admit(x, h, w);
	enum seen seen = seen_note(x, &h->seen, w->id, &how, &verdict);
	return seen == SEEN_LATER ? verdict : end(x, h, w, seen);
}

/* ---- the body ------------------------------------------------------------------------------ */

static sluice_verdict body_came(sluice_exchange *x, const void *conf, sluice_str data,
	bool is_whole)
{
	const struct hmac_auth *h = conf;
	const struct waiting *w = sluice_state(x, sizeof(*w));
	if (!w)
		return SLUICE_FAIL;
	if (!w->has_digest && (data.len || !is_whole))
		return answer_refuse(x, h, REASON_COVERS, 0);
	if (w->has_digest && !content_digest_is_of(&w->digest, data))
		return answer_refuse(x, h, REASON_DIGEST, 0);
	return note(x, h, w);
}

static sluice_verdict wait_for_body(sluice_exchange *x, const struct hmac_auth *h, bool has_digest)
{
	const sluice_body_plan plan = { .size = sizeof(plan),
		.mode = SLUICE_BODY_BUFFER,
		.over = has_digest ? SLUICE_BODY_REFUSE : SLUICE_BODY_PASS,
		.max = has_digest ? h->max_body : 1,
		.read_only = true };
	return sluice_body_wait(x, &plan, body_came);
}

/* Content-Digest is signed, so it is what the client sent. Two lines of it are one dictionary. */
static bool read_digest(sluice_exchange *x, struct content_digest *out)
{
	struct hmac_worker *worker = sluice_worker_state(x);
	struct text t = { .data = worker->scratch, .room = sizeof(worker->scratch) };
	struct sig_message m;
	size_t n;
	message_of(&m, x, SLUICE_STR_NONE, SLUICE_STR_NONE);
	sluice_str value = message_field(&t, &m, SLUICE_STR("content-digest"), &n);
	return !t.is_full && content_digest_read(value, out);
}

/* ---- a right signature --------------------------------------------------------------------- */

static bool keep(sluice_exchange *x, const struct checked *c, struct waiting *w)
{
	char *keyid = sluice_alloc(x, c->keyid.len);
	if (!keyid)
		return false;
	w->keyid = sluice_str_n(keyid, c->keyid.len);
	(void)sluice_str_put(keyid, c->keyid);
	w->is_good_once = c->is_good_once;
	w->ttl_ms = c->ttl_ms;
	memcpy(w->id, c->id, sizeof(w->id));
	memcpy(w->print, c->print, sizeof(w->print));
	return true;
}

static sluice_verdict right(sluice_exchange *x, const struct hmac_auth *h, const struct checked *c)
{
	bool looks = h->content_digest == BODY_DIGEST_REQUIRED;
	enum message_body body = looks && !c->covers_digest ? message_body(x) : MESSAGE_NO_BODY;
	if (body == MESSAGE_BODY)
		return answer_refuse(x, h, REASON_COVERS, 0);
	looks = looks && (c->covers_digest || body == MESSAGE_UNTOLD);
	if (!looks && !c->is_good_once)
		return answer_admit(x, h, &c->who);
	struct waiting *w = sluice_state(x, sizeof(*w));
	if (!w || !keep(x, c, w))
		return SLUICE_FAIL;
	if (!looks)
		return note(x, h, w);
	w->has_digest = c->covers_digest;
	if (w->has_digest && !read_digest(x, &w->digest))
		return answer_refuse(x, h, REASON_DIGEST, 0);
	return wait_for_body(x, h, w->has_digest);
}

/* ---- budgets ------------------------------------------------------------------------------- */

static sluice_str client(sluice_exchange *x)
{
	return sluice_get(x, SLUICE_I_CLIENT_IP);
}

/* A keyid as it is remembered for an address. */
static sluice_str digest_of(sluice_str keyid, uint8_t out[SHA256_DIGEST_LENGTH])
{
	(void)SHA256((const uint8_t *)keyid.data, keyid.len, out);
	return sluice_str_n((const char *)out, SHA256_DIGEST_LENGTH);
}

sluice_verdict judge_on_request(sluice_exchange *x, const void *conf)
{
	const struct hmac_auth *h = conf;
	uint8_t digest[SHA256_DIGEST_LENGTH];
	struct checked c = { .keyid = SLUICE_STR("") };
	uint64_t retry_s;
	enum reason why = check_request(x, h, &c);
	if (why != REASON_NONE && c.has_guessed && !guess_take(&h->guess, client(x), &retry_s))
		return answer_refuse(x, h, REASON_LIMITED, retry_s);
	if (why != REASON_NONE)
		return answer_refuse(x, h, why, 0);
	if (guess_is_at_work(&h->guess) && !guess_may(&h->guess, client(x), &retry_s) &&
		!guess_is_known(&h->guess, client(x), digest_of(c.keyid, digest)))
		return answer_refuse(x, h, REASON_LIMITED, retry_s);
	guess_set_known(&h->guess, client(x), digest_of(c.keyid, digest));
	return right(x, h, &c);
}
