/*
 * Tells how a token is judged: the steps of request.c, with the same functions, but to their end.
 * Nothing of a signature is told. Main thread; it may take its time.
 */
#include "explain.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../jose/claims.h"
#include "../jose/jwe.h"
#include "../jose/strict.h"
#include "../jose/verify.h"
#include "../shared/origin.h"
#include "deny_list.h"
#include "dpop.h"
#include "introspect.h"
#include "issuers.h"
#include "judge.h"
#include "rules.h"

enum { TEXT_BYTES = 2048, JWE_HEADER = 4096, JWE_DEPTH = 8 };

/* The end of the year 9999: what is later is no date that anybody means. */
#define LAST_SECOND 253402300799.0

/* A text that is cut where it is full. */
struct text {
	size_t n;
	char v[TEXT_BYTES];
};

struct explanation {
	const struct jwt_conf *conf;
	const sluice_question *q;
	const json_t *claims; /* borrowed; NULL: they were not read */
	enum reason first;    /* of the first step that failed */
	bool own_fault;       /* a failure of ours, not of the token */
	bool needs_proof;     /* the token is bound to a key, and no proof was given */
	struct text found, wanted;
	char keys_why[256]; /* why the keys that were given are none; empty: they are */
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(t->v + t->n, TEXT_BYTES - t->n, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->n = t->n + (size_t)n < TEXT_BYTES ? t->n + (size_t)n : TEXT_BYTES - 1;
}

static void tell(struct explanation *e, const char *rule, enum reason why, sluice_str which)
{
	sluice_finding f = { .size = sizeof(f),
		.rule = sluice_str_of(rule),
		.found = { e->found.v, e->found.n },
		.wanted = { e->wanted.v, e->wanted.n } };
	char detail[CLAIM_MAX_PATH + 64];
	if (why != REASON_NONE && why != REASON_NO_MEMORY) {
		const struct reason_info *info = reason_info(why);
		f.code = sluice_str_of(info->code);
		f.status = info->status;
		f.detail = sluice_str_of(info->sentence);
	}
	if (which.data) {
		(void)snprintf(detail, sizeof(detail),
			"the claim %.*s is missing or not as required",
			which.len < CLAIM_MAX_PATH ? (int)which.len : CLAIM_MAX_PATH, which.data);
		f.detail = sluice_str_of(detail);
	}
	e->first = e->first == REASON_NONE ? why : e->first;
	e->own_fault |= why == REASON_NO_MEMORY;
	e->q->tell(e->q->ctx, &f);
	e->found.n = e->wanted.n = 0;
}

static void tell_step(struct explanation *e, const char *rule, enum reason why)
{
	tell(e, rule, why, (sluice_str){ NULL, 0 });
}

/* ---- claims -------------------------------------------------------------------------------- */

static void add_date(struct text *t, uint64_t ms)
{
	char text[32];
	struct tm tm;
	time_t s = (time_t)(ms / 1000);
	if (gmtime_r(&s, &tm) && strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		add(t, "%s", text);
}

static bool is_date(sluice_str claim)
{
	static const char *const names[] = { "exp", "nbf", "iat", "auth_time" };
	bool is = false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		is |= sluice_str_is(claim, names[i]);
	return is;
}

static void add_claim(struct explanation *e, sluice_str name)
{
	const json_t *v = claim_find(e->claims, name);
	char *text = v ? json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII) : NULL;
	if (!text)
		return;
	add(&e->found, "%s%.*s %s", e->found.n ? ", " : "", (int)name.len, name.data, text);
	free(text);
	double s = json_is_number(v) ? json_number_value(v) : -1;
	if (is_date(name) && s >= 0 && s <= LAST_SECOND) {
		add(&e->found, " (");
		add_date(&e->found, (uint64_t)(s * 1000));
		add(&e->found, ")");
	}
}

static void add_found(struct explanation *e, const struct rules_finding *f)
{
	sluice_str names = f->claims ? sluice_str_of(f->claims) : (sluice_str){ NULL, 0 };
	while (names.len)
		add_claim(e, sluice_str_cut(&names, ' '));
	for (size_t i = 0; !f->claims && f->wanted && i < f->wanted->n; i++)
		add_claim(e, f->wanted->v[i]);
	for (size_t i = 0; f->pairs && i < f->pairs->n; i++) {
		sluice_str name = f->pairs->v[i].name;
		if (i == 0 || !sluice_str_eq(name, f->pairs->v[i - 1].name))
			add_claim(e, name);
	}
}

/* The values of one claim stand side by side. */
static void add_pairs(struct text *t, const sluice_pairs *pairs)
{
	for (size_t i = 0; i < pairs->n; i++) {
		sluice_str name = pairs->v[i].name, value = pairs->v[i].value;
		if (i && sluice_str_eq(name, pairs->v[i - 1].name))
			add(t, " or %.*s", (int)value.len, value.data);
		else
			add(t, "%s%.*s: %.*s", i ? ", " : "", (int)name.len, name.data,
				(int)value.len, value.data);
	}
}

static void add_wanted(struct explanation *e, const struct rules_finding *f)
{
	struct text *t = &e->wanted;
	if (f->kind)
		add(t, "%s%s", f->kind, f->wanted || f->pairs || f->duration_ms ? " " : "");
	for (size_t i = 0; f->wanted && i < f->wanted->n; i++)
		add(t, "%s%.*s", i ? ", " : "", (int)f->wanted->v[i].len, f->wanted->v[i].data);
	if (f->pairs)
		add_pairs(t, f->pairs);
	if (f->duration_ms)
		add(t, "%" PRIu64 " s ago", *f->duration_ms / 1000);
	if (f->duration_ms || (f->claims && is_date(sluice_str_of(f->claims)))) {
		add(t, "%snow it is ", t->n ? "; " : "");
		add_date(t, sluice_unix_ms());
		add(t, ", leeway %" PRIu64 " s", e->conf->leeway / 1000);
	}
}

static void on_finding(void *ctx, const struct rules_finding *f)
{
	struct explanation *e = ctx;
	add_found(e, f);
	if (strcmp(f->option, "issuer") == 0) {
		for (size_t i = 0; i < e->conf->n_trusted; i++)
			add(&e->wanted, "%s%.*s", i ? " or " : "",
				(int)e->conf->trusted[i].name.len, e->conf->trusted[i].name.data);
	} else {
		add_wanted(e, f);
	}
	tell(e, f->option, f->why, f->which);
}

static void tell_claims(struct explanation *e, size_t issuer)
{
	struct expression_scratch *scratch = expression_scratch_new();
	const struct rules_case judged = { .conf = e->conf,
		.issuer = e->conf->trusted[issuer].name,
		.claims = e->claims,
		.now_ms = sluice_unix_ms(),
		.scratch = scratch };
	if (scratch)
		(void)rules_explain(&judged, on_finding, e);
	else
		e->own_fault = true;
	expression_scratch_free(&scratch);
}

/* ---- the deny list -------------------------------------------------------------------------- */

static void tell_list(struct explanation *e)
{
	struct deny_view view = deny_peek(e->conf->deny.sub);
	struct deny_ids *ids = deny_ids_of(e->claims, (unsigned)e->conf->deny.by);
	for (int kind = 0; kind < DENY_KINDS; kind++) {
		if (e->conf->deny.by & DENY_BIT(kind))
			add_claim(e, sluice_str_of(deny_kind_names[kind]));
	}
	if (view.state == DENY_AWAITED)
		add(&e->wanted, "the list was not read");
	else
		add(&e->wanted, "none of %zu entries", view.table ? view.table->n : (size_t)0);
	tell_step(e, "deny", ids ? deny_list_judge(e->conf, &view, ids) : REASON_NO_MEMORY);
	free(ids);
	deny_view_drop(&view);
}

static bool list_may_come(const struct jwt_conf *conf)
{
	if (!conf->deny.sub)
		return false;
	struct deny_view view = deny_peek(conf->deny.sub);
	deny_view_drop(&view);
	return view.is_coming;
}

/* ---- proof of possession ------------------------------------------------------------------- */

/* NULL: the gateway that asks knows none. */
static const sluice_question *question_with_proof(const struct explanation *e)
{
	const sluice_question *q = e->q;
	return q->size >= sizeof(*q) && q->proof.data ? q : NULL;
}

static void add_member(struct text *t, const json_t *object, const char *name)
{
	const json_t *v = json_object_get(object, name);
	char *text = v ? json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII) : NULL;
	if (text)
		add(t, "%s%s %s", t->n ? ", " : "", name, text);
	free(text);
}

/* Whether it has come before, only a gateway knows; and what nonces it gave. */
static void tell_proof(struct explanation *e, const sluice_question *q, struct dpop_binding *b)
{
	struct verifier v = { .n = 0 };
	struct dpop_proof proof = { .claims = NULL };
	struct dpop_ask ask = { .method = q->method, .binding = b };
	uint64_t now = sluice_unix_ms();
	enum reason why = REASON_NO_MEMORY;
	add(&e->wanted, "%.*s %.*s, made not long before ", (int)q->method.len, q->method.data,
		(int)q->url.len, q->url.data);
	add_date(&e->wanted, now);
	if (e->conf->dpop.nonce)
		add(&e->wanted, "; a nonce, which is not judged here");
	if (!origin_split(q->url, &ask.target.scheme, &ask.target.authority, &ask.target.path))
		ask.target = (struct dpop_target){ .path = SLUICE_STR_NONE };
	else if (!ask.target.path.data || ask.target.path.len == 0)
		ask.target.path = SLUICE_STR("/");
	dpop_ask_of(&ask, e->conf, now);
	if (verifier_init(&v) == 0)
		why = dpop_proof_check(&v, &ask, q->proof, &proof);
	if (why == REASON_NONE && e->conf->dpop.nonce && !proof.nonce.data)
		why = REASON_DPOP_NONCE;
	static const char *const shown[] = { "htm", "htu", "iat" };
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		add_member(&e->found, proof.claims, shown[i]);
	tell_step(e, "proof", why);
	dpop_proof_fini(&proof);
	verifier_fini(&v);
}

/* RFC 9449 6.1. Nothing is told where neither the token nor the instance knows of proofs. */
static void tell_binding(struct explanation *e)
{
	const struct dpop_conf *d = &e->conf->dpop;
	const sluice_question *q = question_with_proof(e);
	struct dpop_binding *b = NULL;
	bool is_sound = dpop_binding_of(e->claims, e->q->credential, &b);
	if (b)
		add_member(&e->found, json_object_get(e->claims, "cnf"), "jkt");
	if (d->mode == DPOP_OFF) {
		if (b) {
			add(&e->wanted,
				"nothing: dpop is off, so that whoever has the token may "
				"use it");
			tell_step(e, "dpop", REASON_NONE);
		}
	} else if (!is_sound) {
		tell(e, "dpop", REASON_TOKEN_CLAIM, SLUICE_STR("cnf"));
	} else if (!b) {
		add(&e->wanted, "%s",
			d->mode == DPOP_REQUIRE ? "a token that is bound to a key (cnf.jkt)" : "");
		tell_step(e, "dpop",
			q || d->mode == DPOP_REQUIRE ? REASON_DPOP_UNBOUND : REASON_NONE);
	} else {
		add(&e->wanted, "%s",
			q ? "a proof by this key"
			  : "a proof by this key with each request, in the field DPoP: none was "
			    "given to be judged");
		tell_step(e, "dpop", REASON_NONE);
		e->needs_proof = !q;
	}
	if (b && q && d->mode != DPOP_OFF)
		tell_proof(e, q, b);
	dpop_binding_free(&b);
}

/* ---- header and signature ------------------------------------------------------------------ */

static void tell_type(struct explanation *e, const struct token *t)
{
	const sluice_strs *types = &e->conf->rules.types;
	if (t->header.has_typ)
		add(&e->found, "typ \"%.*s\"", (int)t->header.typ_len, t->header.typ);
	for (size_t i = 0; i < types->n; i++)
		add(&e->wanted, "%s%.*s", i ? ", " : "one of ", (int)types->v[i].len,
			types->v[i].data);
	tell_step(e, "types", rules_accept_type(e->conf, t) ? REASON_NONE : REASON_TOKEN_TYPE);
}

static enum reason verify(const struct jwt_conf *conf, const struct token *t,
	const struct keyset *keys, json_t **claims)
{
	struct verifier v = { .n = 0 };
	enum reason why = verifier_init(&v) < 0
		? REASON_NO_MEMORY
		: reason_of_jose(verifier_read(&v, keys, t, conf->algorithms, claims));
	verifier_fini(&v);
	return why;
}

/* keys NULL: there are none */
static void tell_signature(struct explanation *e, const struct token *t, const struct keyset *keys)
{
	add(&e->found, "alg %s", alg_names[t->header.alg]);
	if (t->header.has_kid)
		add(&e->found, ", kid \"%.*s\"", (int)t->header.kid_len, t->header.kid);
	if (e->keys_why[0])
		add(&e->wanted, "the keys that were given cannot be used: %s", e->keys_why);
	if (keys) {
		add(&e->wanted, "one of %zu key%s", keys->n, keys->n == 1 ? "" : "s");
		for (size_t i = 0; i < keys->n; i++) {
			if (keys->v[i].kid)
				add(&e->wanted, "%s%.*s", i ? ", " : ": ", (int)keys->v[i].kid_len,
					keys->v[i].kid);
		}
	}
	json_t *claims = NULL;
	tell_step(e, "signature",
		keys ? verify(e->conf, t, keys, &claims) : REASON_JWKS_UNAVAILABLE);
	json_decref(claims);
}

/* ---- all of it ----------------------------------------------------------------------------- */

/* The keys that verify tokens of the issuer, with a reference; NULL: there are none yet. */
static struct keyset *keys_of(struct explanation *e, size_t issuer)
{
	if (e->q->keys.data) {
		struct keyset *given = keys_read(e->q->keys, e->keys_why, sizeof(e->keys_why));
		e->own_fault |= !given;
		if (given)
			e->keys_why[0] = '\0'; /* only of a key that was skipped */
		return given;
	}
	struct keyset *keys = source_keys(e->conf->trusted[issuer].sub.source);
	return keys ? keys_ref(keys) : NULL;
}

/* The first round is not over. */
static bool keys_may_come(const struct issuer *i)
{
	return source_is_busy(i->sub.source) || !source_is_failing(i->sub.source);
}

static sluice_verdict verdict_of(const struct explanation *e)
{
	if (e->own_fault || (e->needs_proof && e->first == REASON_NONE))
		return SLUICE_FAIL;
	return e->first == REASON_NONE ? SLUICE_NEXT : SLUICE_REPLY;
}

/* The header could be read. issuer: whose token it is; n_trusted: nobody's. */
static void tell_token(struct explanation *e, const struct token *t, size_t issuer,
	const struct keyset *keys)
{
	json_t *claims;
	bool is_trusted = issuer < e->conf->n_trusted;
	tell_type(e, t);
	if (is_trusted)
		tell_signature(e, t, keys);
	enum reason why = reason_of_jose(token_read_claims(t, &claims));
	if (why != REASON_NONE) {
		tell_step(e, "claims", why);
		return;
	}
	e->claims = claims;
	tell_claims(e, is_trusted ? issuer : 0);
	if (e->conf->deny.sub)
		tell_list(e);
	tell_binding(e);
	json_decref(claims);
}

/* ---- encryption ---------------------------------------------------------------------------- */

/* What is inside of an encrypted token, on the heap; *text is the token itself where it is not
 * encrypted, or the instance has no keys, as in encrypted_open(). */
static enum reason open_encrypted(const struct explanation *e, char **plain, sluice_str *text)
{
	const struct jwe_keys *keys = e->conf->decryption;
	size_t n;
	*plain = NULL;
	*text = e->q->credential;
	if (!keys || !jwe_is_one(*text))
		return REASON_NONE;
	*plain = malloc(text->len);
	if (!*plain)
		return REASON_NO_MEMORY;
	enum reason why = reason_of_jose(jwe_open(keys, *text, *plain, &n));
	*text = why == REASON_NONE ? sluice_str_n(*plain, n) : SLUICE_STR_NONE;
	return why;
}

static void tell_encryption(struct explanation *e, enum reason why)
{
	static const char *const shown[] = { "alg", "enc", "kid" };
	uint8_t buf[B64URL_MAX(JWE_HEADER)];
	size_t n, n_keys = e->conf->decryption ? e->conf->decryption->n : 0;
	sluice_str rest = e->q->credential, part = sluice_str_cut(&rest, '.');
	json_t *header = part.len <= JWE_HEADER && b64url_decode(part, buf, &n)
		? json_read_object((const char *)buf, n, JWE_DEPTH)
		: NULL;
	add(&e->found, "encrypted");
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		add_member(&e->found, header, shown[i]);
	json_decref(header);
	if (n_keys)
		add(&e->wanted, "one of %zu private key%s", n_keys, n_keys == 1 ? "" : "s");
	else
		add(&e->wanted, "a signed token: this instance has no keys to decrypt one");
	tell_step(e, n_keys ? "decryption_keys" : "form", why);
}

/* The header could not be read, where opened says so. */
static void judge(struct explanation *e, const struct token *t, size_t issuer,
	const struct keyset *keys, enum reason opened)
{
	bool is_encrypted = jwe_is_one(e->q->credential);
	add(&e->found, "%zu bytes", e->q->credential.len);
	add(&e->wanted, "at most %" PRIu64, e->conf->max_size);
	tell_step(e, "max_size",
		e->q->credential.len > e->conf->max_size ? REASON_TOKEN_TOO_LARGE : REASON_NONE);
	if (is_encrypted && (!e->conf->decryption || opened == REASON_TOKEN_DECRYPTION)) {
		tell_encryption(e, opened);
		return;
	}
	if (is_encrypted)
		tell_encryption(e, REASON_NONE);
	bool is_open = opened == REASON_NONE || opened == REASON_TOKEN_TYPE;
	tell_step(e, "form", is_open ? REASON_NONE : opened);
	if (is_open)
		tell_token(e, t, issuer, keys);
}

sluice_verdict explain_token(const struct jwt_conf *conf, const sluice_question *q)
{
	struct explanation e = { .conf = conf, .q = q };
	struct token t;
	struct keyset *keys = NULL;
	json_t *claims = NULL;
	char *plain;
	sluice_str text;
	size_t issuer = conf->n_trusted;
	if (conf->n_trusted == 0 || introspect_wants(conf, q->credential)) {
		add(&e.wanted,
			"a server is asked about it (introspection), which is not done here");
		tell_step(&e, "introspection", REASON_NONE);
		return SLUICE_FAIL;
	}
	enum reason opened = open_encrypted(&e, &plain, &text);
	if (opened == REASON_NONE)
		opened = judge_open(conf, NULL, &t, text);
	if (opened == REASON_NONE || opened == REASON_TOKEN_TYPE) {
		if (judge_issuer(conf, &t, &issuer, &claims) != REASON_NONE)
			issuer = conf->n_trusted; /* the rules say what is wrong */
		json_decref(claims);
		keys = issuer < conf->n_trusted ? keys_of(&e, issuer) : NULL;
		if (issuer < conf->n_trusted && !keys && !q->keys.data && !q->last &&
			keys_may_come(&conf->trusted[issuer])) {
			free(plain);
			return SLUICE_WAIT;
		}
		if (!q->keys.data && !q->last && list_may_come(conf)) {
			free(plain);
			if (keys)
				keys_unref(keys);
			return SLUICE_WAIT;
		}
	}
	judge(&e, &t, issuer, keys, opened);
	free(plain);
	if (keys)
		keys_unref(keys);
	return verdict_of(&e);
}
