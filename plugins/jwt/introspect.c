/* Asking what a token is. */
#include "introspect.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdlib.h>

#include "../shared/url.h"
#include "accept.h"
#include "answer.h"
#include "introspect_memory.h"
#include "introspect_response.h"
#include "introspect_shared.h"
#include "state.h"

enum { TRIES_MAX = 4 };

_Static_assert(INTROSPECT_KEY == IDENTITY + SHA256_DIGEST_LENGTH, "a key of an answer");

/* ---- which tokens -------------------------------------------------------------------------- */

/* The compact form of a JWS or a JWE (RFC 7515 3.1, RFC 7516 3.1): three or five parts, of which
 * the first is a JSON object in base64url, so that it begins with `{` and a quote or a blank. */
static bool looks_like_jwt(const struct jwt_conf *conf, sluice_str s)
{
	size_t dots = 0;
	if (s.len < 2 || s.data[0] != 'e' || (s.data[1] != 'y' && s.data[1] != 'w'))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.data[i];
		dots += c == '.';
		if (c != '.' && !sluice_is_alnum(c) && c != '-' && c != '_')
			return false;
	}
	/* one that is encrypted is ours to read only with a key for it */
	return dots == 2 || (dots == 4 && conf->decryption);
}

/* RFC 6750 2.1, b64token: the server is not asked about anything else. */
static bool is_token(sluice_str s)
{
	static const char others[] = "-._~+/";
	size_t n = 0;
	while (n < s.len &&
		(sluice_is_alnum(s.data[n]) || memchr(others, s.data[n], sizeof(others) - 1)))
		n++;
	size_t named = n;
	while (n < s.len && s.data[n] == '=')
		n++;
	return named > 0 && n == s.len;
}

bool introspect_wants(const struct jwt_conf *conf, sluice_str token)
{
	const struct introspection *in = &conf->introspection;
	return in->shared &&
		(in->tokens == INTROSPECT_ALL || conf->n_trusted == 0 ||
			!looks_like_jwt(conf, token));
}

/* ---- a request that needs an answer ---------------------------------------------------------- */

static void end_question(struct inquiry *q)
{
	if (q->pending)
		(void)atomic_fetch_sub(q->pending, 1);
	q->pending = NULL;
}

static void inquiry_drop(void *arg)
{
	struct inquiry *q = arg;
	q->state = INQUIRY_DROPPED;
	end_question(q);
	(void)flight_end(&q->flight, FLIGHT_LEFT);
	flight_leave(&q->waiter);
}

static bool inquiry_begin(sluice_exchange *x, const struct introspect_shared *s, struct inquiry *q)
{
	if (q->state != INQUIRY_NONE)
		return q->state == INQUIRY_BEGUN;
	q->state = INQUIRY_BEGUN;
	memcpy(q->key, s->identity, IDENTITY);
	SHA256((const unsigned char *)q->token.data, q->token.len,
		(unsigned char *)q->key + IDENTITY);
	sluice_cleanup(x, inquiry_drop, q);
	return q->state == INQUIRY_BEGUN; /* without memory it was dropped at once */
}

static sluice_str key_of(const struct inquiry *q)
{
	return sluice_str_n(q->key, sizeof(q->key));
}

/* ---- the verdict --------------------------------------------------------------------------- */

static sluice_verdict judge(sluice_exchange *x, const struct jwt_conf *conf,
	const struct inquiry *q, json_t *claims, uint64_t for_ms)
{
	const struct vouched v = { .token = q->token,
		.hash = q->hash,
		.issuer = CACHE_INTROSPECTED,
		.for_ms = for_ms };
	return accept_claims(x, conf, &v, claims);
}

static sluice_verdict refuse(sluice_exchange *x, const struct jwt_conf *conf, enum reason why)
{
	return answer_refuse(x, conf, why, SLUICE_STR_NONE);
}

static void count(const struct introspection *in, const char *result)
{
	sluice_metric_add(in->shared->asked, sluice_str_of(result), 1);
}

/* Judge by an answer that is remembered, for so many ms, and give the object back. */
static sluice_verdict judge_object(sluice_exchange *x, const struct jwt_conf *conf,
	const struct inquiry *q, sluice_object *o, uint64_t for_ms)
{
	json_t *claims = introspect_claims(&conf->introspection, o);
	sluice_object_release(o);
	count(&conf->introspection, for_ms ? "remembered" : "stale");
	return claims ? judge(x, conf, q, claims, for_ms) : SLUICE_FAIL;
}

/* Whether what is remembered decides: *verdict is then the request's. */
static bool recall(sluice_exchange *x, const struct jwt_conf *conf, const struct inquiry *q,
	sluice_verdict *verdict)
{
	sluice_object *o;
	uint64_t for_ms;
	switch (introspect_recall(&conf->introspection, key_of(q), &o, &for_ms)) {
	case REMEMBERED_ACTIVE:
		*verdict = judge_object(x, conf, q, o, for_ms);
		return true;
	case REMEMBERED_INACTIVE:
		count(&conf->introspection, "remembered");
		*verdict = refuse(x, conf, REASON_TOKEN_INACTIVE);
		return true;
	default:
		return false;
	}
}

/* The server did not answer. */
static sluice_verdict judge_without(sluice_exchange *x, const struct jwt_conf *conf,
	const struct inquiry *q)
{
	const struct introspection *in = &conf->introspection;
	sluice_object *o = introspect_recall_stale(in, key_of(q));
	if (o)
		return judge_object(x, conf, q, o, 0);
	count(in, "failed");
	return refuse(x, conf, REASON_INTROSPECTION_UNAVAILABLE);
}

/* One line when the server begins to fail, and one when it answers again. */
static void tell(sluice_exchange *x, const struct introspection *in, const char *wrong)
{
	bool failed_before = atomic_exchange(&in->shared->fails, wrong != NULL);
	sluice_str url = url_shown(in->url);
	if (wrong && !failed_before)
		sluice_log_for(x, SLUICE_LOG_ERROR, "introspection at %.*s fails: %s", (int)url.len,
			url.data, wrong);
	else if (!wrong && failed_before)
		sluice_log_for(x, SLUICE_LOG_INFO, "introspection at %.*s answers again",
			(int)url.len, url.data);
}

/* ---- the question -------------------------------------------------------------------------- */

static sluice_verdict on_answer(sluice_exchange *x, const void *arg,
	const sluice_fetch_response *r);

static sluice_verdict send_question(sluice_exchange *x, const struct jwt_conf *conf,
	struct inquiry *q)
{
	const struct introspection *in = &conf->introspection;
	struct form form = { .text = NULL };
	char *authorization = NULL;
	form_add(&form, SLUICE_STR("token"), q->token);
	form_add(&form, SLUICE_STR("token_type_hint"), SLUICE_STR("access_token"));
	bool good = client_auth_apply(&in->client, in->url, &form, &authorization);
	const sluice_pair fields[] = {
		{ SLUICE_STR("accept"),
			in->format == INTROSPECT_JWT
				? SLUICE_STR("application/token-introspection+jwt")
				: SLUICE_STR("application/json") },
		{ SLUICE_STR("content-type"), SLUICE_STR("application/x-www-form-urlencoded") },
		{ SLUICE_STR("authorization"), sluice_str_of(authorization) }
	};
	const sluice_fetch_request r = { .size = sizeof(r),
		.method = SLUICE_STR("POST"),
		.url = in->url,
		.headers = { fields, authorization ? 3 : 2 },
		.body = { form.text, form.len },
		.timeout_ms = in->timeout,
		.max_body = INTROSPECT_MAX,
		.ca_file = conf->ca_file,
		.proxy = conf->fetch_proxy.url,
		.proxy_credentials = conf->fetch_proxy.credentials };
	sluice_verdict verdict = good && !form.has_failed ? sluice_fetch(x, &r, on_answer)
							  : SLUICE_FAIL;
	if (authorization)
		OPENSSL_cleanse(authorization, strlen(authorization));
	free(authorization);
	form_free(&form);
	return verdict;
}

/* It counts among those under way until its answer is there, or its request is gone. */
static bool begin_question(const struct introspection *in, struct inquiry *q)
{
	if (atomic_fetch_add(&in->shared->n_asked, 1) >= in->max_pending) {
		(void)atomic_fetch_sub(&in->shared->n_asked, 1);
		return false;
	}
	q->pending = &in->shared->n_asked;
	return true;
}

static sluice_verdict ask(sluice_exchange *x, const struct jwt_conf *conf, struct inquiry *q)
{
	const struct introspection *in = &conf->introspection;
	if (!begin_question(in, q)) {
		tell(x, in, "more than max_pending questions are under way");
		(void)flight_end(&q->flight, FLIGHT_ERROR);
		return judge_without(x, conf, q);
	}
	sluice_verdict verdict = send_question(x, conf, q);
	if (verdict == SLUICE_FAIL) {
		end_question(q);
		(void)flight_end(&q->flight, FLIGHT_ERROR);
	}
	return verdict;
}

/* ---- the answer ---------------------------------------------------------------------------- */

/* wrong: why it is no answer; NULL: it is one. */
static sluice_verdict take_answer(sluice_exchange *x, const struct jwt_conf *conf,
	struct inquiry *q, const char *wrong, const struct introspect_reading *a)
{
	const struct introspection *in = &conf->introspection;
	uint64_t for_ms = 0;
	end_question(q);
	tell(x, in, wrong);
	if (wrong) {
		(void)flight_end(&q->flight, FLIGHT_ERROR);
		return judge_without(x, conf, q);
	}
	if (a->result == INTROSPECT_INACTIVE)
		introspect_remember_inactive(in, key_of(q));
	else
		for_ms = introspect_remember_active(in, key_of(q), a->claims, a->text);
	bool kept = a->result == INTROSPECT_INACTIVE ? in->negative_ttl > 0 : for_ms > 0;
	(void)flight_end(&q->flight, kept ? FLIGHT_STORED : FLIGHT_UNSTORED);
	count(in, a->result == INTROSPECT_ACTIVE ? "active" : "inactive");
	if (a->result == INTROSPECT_INACTIVE)
		return refuse(x, conf, REASON_TOKEN_INACTIVE);
	return judge(x, conf, q, a->claims, for_ms);
}

/* The body is kept while its request waits for the keys that verify it. */
static bool keep_body(sluice_exchange *x, struct inquiry *q, sluice_str body)
{
	if (q->body.data)
		return true;
	char *copy = sluice_alloc(x, body.len);
	if (!copy)
		return false;
	memcpy(copy, body.data, body.len);
	q->body = sluice_str_n(copy, body.len);
	return true;
}

static sluice_verdict on_keys(sluice_exchange *x, const void *arg);

/* A signed answer waits for the keys of its issuer, as tokens do. */
static sluice_verdict read_body(sluice_exchange *x, const struct jwt_conf *conf, struct inquiry *q,
	sluice_str body)
{
	struct introspect_reading a;
	const char *wrong = introspect_response_read(x, conf, body, &a);
	uint64_t left = a.lack.issuer ? key_wait_left(x, conf, &request_state(x)->keys, &a.lack)
				      : 0;
	if (left && keep_body(x, q, body))
		return sluice_await_publish(x, left, on_keys);
	return take_answer(x, conf, q, wrong, &a);
}

static sluice_verdict on_keys(sluice_exchange *x, const void *arg)
{
	struct inquiry *q = &request_state(x)->inquiry;
	return read_body(x, arg, q, q->body);
}

static sluice_verdict on_answer(sluice_exchange *x, const void *arg, const sluice_fetch_response *r)
{
	const struct jwt_conf *conf = arg;
	struct inquiry *q = &request_state(x)->inquiry;
	/* the server may have closed a kept connection at this moment; asking twice does no harm */
	if (r->status == SLUICE_UNREACHABLE && !q->repeats) {
		q->repeats = true;
		end_question(q);
		return ask(x, conf, q);
	}
	const char *wrong = introspect_response_refused(conf, r);
	return wrong ? take_answer(x, conf, q, wrong, NULL) : read_body(x, conf, q, r->body);
}

/* ---- waiting for another one's question ---------------------------------------------------- */

static sluice_verdict look(sluice_exchange *x, const struct jwt_conf *conf, struct inquiry *q);

/* The one that asked is done, or is gone, or the time is up. */
static sluice_verdict on_landed(sluice_exchange *x, const void *arg, sluice_status st)
{
	const struct jwt_conf *conf = arg;
	struct inquiry *q = &request_state(x)->inquiry;
	sluice_verdict verdict;
	flight_leave(&q->waiter);
	if (st != SLUICE_OK || q->waiter.result == FLIGHT_ERROR)
		return judge_without(x, conf, q);
	if (q->waiter.result == FLIGHT_STORED && recall(x, conf, q, &verdict))
		return verdict;
	if (q->waiter.result == FLIGHT_LEFT && q->tries < TRIES_MAX)
		return look(x, conf, q);
	return ask(x, conf, q); /* for itself alone */
}

static sluice_verdict look(sluice_exchange *x, const struct jwt_conf *conf, struct inquiry *q)
{
	const struct introspection *in = &conf->introspection;
	sluice_verdict verdict;
	q->tries++;
	if (recall(x, conf, q, &verdict))
		return verdict;
	if (in->ttl == 0) /* whoever waited would have to ask all the same */
		return ask(x, conf, q);
	/* the fetch and the wait for keys have ended by then, so nobody waits for one that began
	 * earlier */
	uint64_t longest = 2 * in->timeout + (in->format == INTROSPECT_JWT ? conf->key_wait : 0);
	uint64_t now = sluice_now_ns(), span = longest * 1000000;
	const struct flight_ask wait = { .x = x,
		.key = key_of(q),
		.since_ns = now > span ? now - span : 0,
		.timeout_ms = longest,
		.then = on_landed };
	if (flight_wait(&in->shared->flights, &wait, &q->flight, &q->waiter, &verdict))
		return verdict;
	return ask(x, conf, q);
}

sluice_verdict introspect_judge(sluice_exchange *x, const struct jwt_conf *conf, struct inquiry *q)
{
	if (!is_token(q->token))
		return refuse(x, conf, REASON_TOKEN_MALFORMED);
	return inquiry_begin(x, conf->introspection.shared, q) ? look(x, conf, q) : SLUICE_FAIL;
}
