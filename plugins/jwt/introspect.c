/* Asking what a token is. */
#include "introspect.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

#include "../jose/claims.h"
#include "../jose/token.h"
#include "../shared/url.h"
#include "accept.h"
#include "answer.h"
#include "introspect_answer.h"
#include "issuers.h"
#include "state.h"
#include "worker.h"

enum { IDENTITY = 8, TRIES_MAX = 4, CACHE_NAME = 64, INACTIVE_PART = 8 };

_Static_assert(INTROSPECT_KEY == IDENTITY + SHA256_DIGEST_LENGTH, "a key of an answer");

/* of all workers */
struct introspect_shared {
	struct flights flights;
	sluice_cache *answers;    /* of tokens that are active */
	sluice_cache *inactive;   /* apart, so that made-up tokens push none of those out */
	_Atomic unsigned n_asked; /* questions under way */
	const sluice_metric *asked;
	_Atomic bool fails;      /* the last question got no answer */
	char identity[IDENTITY]; /* answers to another client, or of another server, are not used */
};

/* ---- options ------------------------------------------------------------------------------- */

static const char *const tokens_choices[] = { "opaque", "all", NULL };
static const char *const format_choices[] = { "json", "jwt", NULL };
static const char *const failure_choices[] = { "deny", "stale", NULL };

#define OPT(type, field, ...) \
	SLUICE_OPTION(SLUICE_T_##type, struct introspection, field, __VA_ARGS__)

const sluice_option introspect_options[] = {
	OPT(STR, url, .flags = SLUICE_F_REQUIRED, .max = "2048",
		.doc = "the introspection endpoint of the authorization server"),
	CLIENT_AUTH_OPTIONS(struct introspection, client),
	OPT(ENUM, tokens, .def = "opaque", .choices = tokens_choices,
		.doc = "which tokens the server is asked about: those that are no JWT, or all, so "
		       "that one that was revoked is refused"),
	OPT(ENUM, format, .def = "json", .choices = format_choices,
		.doc = "form of its answers; jwt: signed by an issuer of the instance (RFC 9701)"),
	OPT(DURATION, ttl, .def = "60s", .max = "1d",
		.doc = "how long an answer is used at most, and so how late a revoked token is "
		       "refused; 0s: the server is asked for each request"),
	OPT(DURATION, negative_ttl, .def = "10s", .max = "1d",
		.doc = "how long a token is remembered as not active; 0s: not at all"),
	OPT(ENUM, on_failure, .def = "deny", .choices = failure_choices,
		.doc = "when the server does not answer: refuse the request with 503, or use an "
		       "answer that is older than ttl"),
	OPT(DURATION, stale_for, .def = "5m", .max = "7d",
		.doc = "with on_failure: stale, how much longer than ttl an answer is used"),
	OPT(DURATION, timeout, .def = "2s", .min = "10ms", .max = "1m",
		.doc = "how long the server may take"),
	OPT(SIZE, size, .def = "8MiB", .min = "512KiB", .max = "1GiB",
		.doc = "memory for answers, of all workers together; an eighth of it for tokens "
		       "that are not active"),
	OPT(UINT, max_pending, .def = "256", .min = "1", .max = "65536",
		.doc = "questions under way at a time; beyond that requests with tokens that "
		       "nobody has asked about get 503"),
	SLUICE_OPTIONS_END,
};

/* ---- configuration ------------------------------------------------------------------------- */

/* What a URL may have (RFC 3986), and no user or fragment: nothing that the fetch or an assertion
 * would refuse later. */
static bool is_url(sluice_str s)
{
	static const char others[] = "-._~:/?[]!$&'()*+,;=%";
	size_t i = 0;
	while (i < s.len &&
		(sluice_is_alnum(s.data[i]) || memchr(others, s.data[i], sizeof(others) - 1)))
		i++;
	return url_is_http(s) && i == s.len;
}

static int check_options(sluice_instance *inst, const struct jwt_conf *conf)
{
	const struct introspection *in = &conf->introspection;
	int rc = 0;
	if (!is_url(in->url)) {
		sluice_conf_error(inst, "introspection.url", "expected an http:// or https:// URL");
		rc = -1;
	}
	if (in->format == INTROSPECT_JWT && conf->issuer.n + conf->issuers.n == 0) {
		sluice_conf_error(inst, "introspection.format",
			"jwt needs an issuer, whose keys verify the answers");
		rc = -1;
	}
	if (sluice_conf_given(inst, "introspection.stale_for") &&
		in->on_failure != INTROSPECT_STALE) {
		sluice_conf_error(inst, "introspection.stale_for", "needs on_failure: stale");
		rc = -1;
	}
	return rc;
}

static void make_identity(const struct introspection *in, char out[IDENTITY])
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	if (!md || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1 ||
		EVP_DigestUpdate(md, in->url.data, in->url.len) != 1 ||
		EVP_DigestUpdate(md, in->format == INTROSPECT_JWT ? "\1" : "\0", 1) != 1 ||
		EVP_DigestUpdate(md, in->client.client_id.data, in->client.client_id.len) != 1 ||
		EVP_DigestFinal_ex(md, digest, NULL) != 1)
		memset(digest, 0, sizeof(digest));
	EVP_MD_CTX_free(md);
	memcpy(out, digest, IDENTITY);
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static sluice_cache *open_cache(sluice_instance *inst, sluice_str name, uint64_t bytes)
{
	return sluice_cache_open(inst,
		&(sluice_cache_desc){ .size = sizeof(sluice_cache_desc),
			.name = name,
			.max_bytes = bytes,
			.max_object = least(INTROSPECT_MAX, bytes) });
}

static int open_shared(sluice_instance *inst, struct introspection *in)
{
	struct introspect_shared *s = sluice_conf_alloc(inst, sizeof(*s));
	flights_init(&s->flights);
	in->shared = s;
	make_identity(in, s->identity);
	s->asked = sluice_metric_declare(inst,
		&(sluice_metric_desc){ .size = sizeof(sluice_metric_desc),
			.name = "introspections",
			.help = "Requests whose token a server was or had been asked about, by "
				"what it said.",
			.label = "result" });
	sluice_str name = sluice_instance_name(inst);
	const char *suffix = "-inactive";
	char *second = sluice_conf_alloc(inst, CACHE_NAME + 1);
	(void)snprintf(second, CACHE_NAME + 1, "%.*s%s",
		(int)least(name.len, CACHE_NAME - strlen(suffix)), name.data, suffix);
	s->answers = open_cache(inst, SLUICE_STR_NONE, in->size - in->size / INACTIVE_PART);
	s->inactive = open_cache(inst, sluice_str_of(second), in->size / INACTIVE_PART);
	return s->answers && s->inactive && s->asked ? 0 : -1;
}

int introspect_check(sluice_instance *inst, struct jwt_conf *conf)
{
	struct introspection *in = &conf->introspection;
	if (in->url.len == 0)
		return 0;
	int rc = check_options(inst, conf);
	if (client_auth_check(inst, &in->client, "introspection.") < 0)
		rc = -1;
	if (!url_is_https(in->url))
		sluice_log(inst, SLUICE_LOG_WARN,
			"tokens are sent without TLS to %.*s: whoever listens there can use them",
			(int)in->url.len, in->url.data);
	return open_shared(inst, in) < 0 ? -1 : rc;
}

void introspect_stop(struct jwt_conf *conf)
{
	client_auth_free(&conf->introspection.client);
	if (conf->introspection.shared)
		flights_fini(&conf->introspection.shared->flights);
}

/* ---- what is remembered -------------------------------------------------------------------- */

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

/* The whole seconds that the claim exp leaves, in ms; UINT64_MAX: it is not there. What is no date
 * is left to the rules. */
static uint64_t lifetime(const json_t *claims)
{
	const json_t *exp = json_object_get(claims, "exp");
	uint64_t now = sluice_unix_ms();
	if (!json_is_integer(exp))
		return UINT64_MAX;
	json_int_t s = json_integer_value(exp);
	if (s <= 0 || (uint64_t)s <= now / 1000)
		return 0;
	return (uint64_t)s > UINT64_MAX / 2000 ? UINT64_MAX : (uint64_t)s * 1000 - now;
}

static void remember_inactive(const struct introspection *in, const struct inquiry *q)
{
	(void)sluice_object_remove(in->shared->answers, key_of(q));
	if (in->negative_ttl)
		(void)sluice_object_put(in->shared->inactive, key_of(q),
			&(sluice_object_new){ .size = sizeof(sluice_object_new),
				.ttl_ms = in->negative_ttl });
}

/* For how many ms everybody may use the answer; 0: others do not find it. An older answer is never
 * left in its place. */
static uint64_t remember_active(const struct introspection *in, const struct inquiry *q,
	const json_t *claims)
{
	uint64_t left = lifetime(claims), ttl = least(in->ttl, left);
	uint64_t keep = in->on_failure == INTROSPECT_STALE ? least(in->stale_for, left - ttl) : 0;
	char *text = ttl || keep ? json_dumps(claims, JSON_COMPACT) : NULL;
	bool kept = text &&
		sluice_object_put(in->shared->answers, key_of(q),
			&(sluice_object_new){ .size = sizeof(sluice_object_new),
				.data = sluice_str_of(text),
				.ttl_ms = ttl,
				.keep_ms = keep });
	free(text);
	if (!kept)
		(void)sluice_object_remove(in->shared->answers, key_of(q));
	(void)sluice_object_remove(in->shared->inactive, key_of(q));
	return kept ? ttl : 0;
}

/* How much longer an object is good, in ms, by the options of today: those of the configuration
 * that stored it may have been others. */
static uint64_t left_of(const sluice_object *o, uint64_t span)
{
	uint64_t age = sluice_object_age(o);
	return age < span ? span - age : 0;
}

/* ---- the verdict --------------------------------------------------------------------------- */

static sluice_verdict judge(sluice_exchange *x, const struct jwt_conf *conf,
	const struct inquiry *q, json_t *claims, uint64_t for_ms)
{
	const struct vouched v = { .token = q->token,
		.hash = q->hash,
		.issuer = CACHE_INTROSPECTED,
		.until_ms = sluice_unix_ms() + for_ms };
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
	sluice_str data = sluice_object_data(o);
	json_t *claims = json_loadb(data.data, data.len, 0, NULL);
	sluice_object_release(o);
	count(&conf->introspection, for_ms ? "remembered" : "stale");
	return claims ? judge(x, conf, q, claims, for_ms) : SLUICE_FAIL;
}

/* Whether what is remembered decides: *verdict is then the request's. */
static bool recall(sluice_exchange *x, const struct jwt_conf *conf, const struct inquiry *q,
	sluice_verdict *verdict)
{
	const struct introspection *in = &conf->introspection;
	sluice_object *o = sluice_object_get(in->shared->answers, key_of(q));
	uint64_t left = o ? least(left_of(o, in->ttl), sluice_object_fresh_for(o)) : 0;
	if (left) {
		*verdict = judge_object(x, conf, q, o, left);
		return true;
	}
	sluice_object_release(o);
	o = sluice_object_get(in->shared->inactive, key_of(q));
	left = o ? left_of(o, in->negative_ttl) : 0;
	sluice_object_release(o);
	if (!left)
		return false;
	count(in, "remembered");
	*verdict = refuse(x, conf, REASON_TOKEN_INACTIVE);
	return true;
}

/* The server did not answer. */
static sluice_verdict judge_without(sluice_exchange *x, const struct jwt_conf *conf,
	const struct inquiry *q)
{
	const struct introspection *in = &conf->introspection;
	sluice_object *o = in->on_failure == INTROSPECT_STALE
		? sluice_object_get(in->shared->answers, key_of(q))
		: NULL;
	if (o && left_of(o, in->ttl + in->stale_for))
		return judge_object(x, conf, q, o, 0);
	sluice_object_release(o);
	count(in, "failed");
	return refuse(x, conf, REASON_INTROSPECTION_UNAVAILABLE);
}

/* ---- the answer ---------------------------------------------------------------------------- */

/* One line when the server begins to fail, and one when it answers again. */
static void tell(sluice_exchange *x, const struct introspection *in, const char *wrong)
{
	bool failed_before = atomic_exchange(&in->shared->fails, wrong != NULL);
	if (wrong && !failed_before)
		sluice_log_for(x, SLUICE_LOG_ERROR, "introspection at %.*s fails: %s",
			(int)in->url.len, in->url.data, wrong);
	else if (!wrong && failed_before)
		sluice_log_for(x, SLUICE_LOG_INFO, "introspection at %.*s answers again",
			(int)in->url.len, in->url.data);
}

static sluice_str field_of(const sluice_fetch_response *r, sluice_str name)
{
	for (size_t i = 0; i < r->n_headers; i++) {
		if (sluice_str_ieq(r->headers[i].name, name))
			return r->headers[i].value;
	}
	return SLUICE_STR_NONE;
}

/* The media type without its parameters. */
static bool has_type(const sluice_fetch_response *r, sluice_str want)
{
	sluice_str type = field_of(r, SLUICE_STR("content-type"));
	return sluice_str_ieq(sluice_str_trim(sluice_str_cut(&type, ';')), want);
}

/* RFC 9701 5: the claims of the answer itself are checked before those that it has of the token. */
static const char *check_envelope(const struct jwt_conf *conf, size_t issuer, const json_t *answer)
{
	const json_t *iat = json_object_get(answer, "iat");
	if (issuer == conf->n_trusted)
		return "its answer names an issuer that is not configured";
	if (!claim_says(json_object_get(answer, "aud"), conf->introspection.client.client_id))
		return "its answer is for another client";
	if (!json_is_number(iat) ||
		json_number_value(iat) * 1000 > (double)(sluice_unix_ms() + conf->leeway))
		return "its answer has no iat, or one in the future";
	return NULL;
}

static const char *read_jwt(sluice_exchange *x, const struct jwt_conf *conf, sluice_str body,
	enum introspect_result *result, json_t **claims)
{
	const struct worker *w = sluice_worker_state(x);
	const struct issuer_keys *keys = issuers_keys(sluice_published(x));
	struct token t;
	json_t *answer = NULL;
	const char *wrong = NULL;
	if (token_open(&t, body) != JOSE_OK ||
		!token_has_type(&t, SLUICE_STR("token-introspection+jwt")) ||
		token_read_claims(&t, &answer) != JOSE_OK)
		return "its answer is no token of the type token-introspection+jwt";
	size_t issuer = issuers_find(conf, answer);
	wrong = check_envelope(conf, issuer, answer);
	if (!wrong &&
		(!keys || !keys[issuer].keys || !w->verifiers ||
			verifier_check(&w->verifiers[issuer], keys[issuer].keys, &t,
				conf->algorithms) != JOSE_OK)) {
		if (keys)
			(void)issuer_seeks_keys(x, conf, &conf->trusted[issuer], &keys[issuer],
				sluice_now_ns(), 0);
		wrong = "no key of the issuer verifies its answer";
	}
	if (!wrong) {
		*result =
			introspect_take(json_incref(json_object_get(answer, "token_introspection")),
				claims);
		wrong = *result == INTROSPECT_BROKEN ? "its answer has no token_introspection"
						     : NULL;
	}
	json_decref(answer);
	return wrong;
}

/* NULL, or why it is no answer. */
static const char *read_answer(sluice_exchange *x, const struct jwt_conf *conf,
	const sluice_fetch_response *r, enum introspect_result *result, json_t **claims)
{
	*claims = NULL;
	if (r->status != SLUICE_OK)
		return r->error ? r->error : "the fetch failed";
	if (r->code == 400 || r->code == 401 || r->code == 403)
		return "it refuses the gateway's own credentials or its question";
	if (r->code != 200)
		return "it answers with a status other than 200";
	if (field_of(r, SLUICE_STR("content-encoding")).len)
		return "its answer is encoded, which nobody asked for";
	if (conf->introspection.format == INTROSPECT_JWT)
		return has_type(r, SLUICE_STR("application/token-introspection+jwt"))
			? read_jwt(x, conf, r->body, result, claims)
			: "its answer is no application/token-introspection+jwt";
	if (!has_type(r, SLUICE_STR("application/json")))
		return "its answer is no application/json";
	*result = introspect_read(r->body, claims);
	return *result == INTROSPECT_BROKEN ? "its answer is no JSON object with active" : NULL;
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

static sluice_verdict on_answer(sluice_exchange *x, const void *arg, const sluice_fetch_response *r)
{
	const struct jwt_conf *conf = arg;
	const struct introspection *in = &conf->introspection;
	struct inquiry *q = &request_state(x)->inquiry;
	enum introspect_result result = INTROSPECT_BROKEN;
	json_t *claims;
	uint64_t for_ms = 0;
	end_question(q);
	/* the server may have closed a kept connection at this moment; asking twice does no harm */
	if (r->status == SLUICE_UNREACHABLE && !q->repeats) {
		q->repeats = true;
		return ask(x, conf, q);
	}
	const char *wrong = read_answer(x, conf, r, &result, &claims);
	tell(x, in, wrong);
	if (wrong) {
		(void)flight_end(&q->flight, FLIGHT_ERROR);
		return judge_without(x, conf, q);
	}
	if (result == INTROSPECT_INACTIVE)
		remember_inactive(in, q);
	else
		for_ms = remember_active(in, q, claims);
	bool kept = result == INTROSPECT_INACTIVE ? in->negative_ttl > 0 : for_ms > 0;
	(void)flight_end(&q->flight, kept ? FLIGHT_STORED : FLIGHT_UNSTORED);
	count(in, result == INTROSPECT_ACTIVE ? "active" : "inactive");
	if (result == INTROSPECT_INACTIVE)
		return refuse(x, conf, REASON_TOKEN_INACTIVE);
	return judge(x, conf, q, claims, for_ms);
}

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
	/* the fetch has ended by then, so nobody waits for one that began earlier */
	uint64_t now = sluice_now_ns(), span = 2 * in->timeout * 1000000;
	const struct flight_ask wait = { .x = x,
		.key = key_of(q),
		.since_ns = now > span ? now - span : 0,
		.timeout_ms = 2 * in->timeout,
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
