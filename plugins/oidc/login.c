/* Logins. See the header. */
#include "login.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

#include "../jose/sign.h"
#include "../jose/strict.h"
#include "client.h"
#include "cookies.h"
#include "flow.h"
#include "provider.h"
#include "refusal.h"
#include "target.h"
#include "text.h"

enum { ENDPOINT_WAIT_MS = 3000 };

/* ---- as text ------------------------------------------------------------------------------- */

enum { PARTS = 6 };

size_t login_room(const struct login *l)
{
	return l->state.len + l->nonce.len + l->verifier.len + l->redirect_uri.len +
		l->return_to.len + PARTS + 20;
}

sluice_str login_text(const struct login *l, char *out)
{
	char begun[24];
	int n = snprintf(begun, sizeof begun, "%llu", (unsigned long long)l->begun_ms);
	const sluice_str parts[PARTS] = { l->state, l->nonce, l->verifier,
		sluice_str_n(begun, (size_t)n), l->redirect_uri, l->return_to };
	char *at = out;
	for (size_t i = 0; i < PARTS; i++) {
		at = sluice_str_put(at, parts[i]);
		*at++ = '\n';
	}
	return sluice_str_n(out, (size_t)(at - out));
}

bool login_read(sluice_str text, struct login *out)
{
	sluice_str parts[PARTS];
	for (size_t i = 0; i < PARTS; i++) {
		if (!text.data)
			return false;
		parts[i] = sluice_str_cut(&text, '\n');
	}
	struct login l = { parts[0], parts[1], parts[2], parts[4], parts[5], 0 };
	if (!text.data || text.len || l.state.len != LOGIN_SECRET || l.nonce.len != LOGIN_SECRET ||
		l.verifier.len != LOGIN_SECRET || !sluice_str_u64(parts[3], &l.begun_ms) ||
		!target_is_local(l.return_to))
		return false;
	*out = l;
	return true;
}

/* ---- those that the browser has begun ------------------------------------------------------ */

/* The login in a cookie of that name; strings live as long as x. */
static bool read_cookie(sluice_exchange *x, const struct oidc_conf *conf,
	const struct cookie_name *name, struct login *out)
{
	sluice_str sealed = cookies_value(x, name), plain;
	uint8_t *text = sealed.data ? sluice_alloc(x, SEAL_OPEN_ROOM(sealed.len)) : NULL;
	return text && seal_open(&conf->seal, conf->for_login, sealed, text, &plain) &&
		login_read(plain, out);
}

/* Too many: end the oldest, and those that cannot be read. A browser that keeps cookies of logins
 * that nobody finished would send them for as long as they last. */
static void bound_logins(sluice_exchange *x, const struct oidc_conf *conf)
{
	struct cookie_name all = cookies_login(x, conf, SLUICE_STR("")), oldest = all;
	sluice_str rest = SLUICE_STR_NONE;
	uint64_t oldest_ms = UINT64_MAX;
	sluice_pair c;
	size_t n = 0;
	for (size_t iter = 0, seen = 0; seen < LOGINS_SEEN && cookies_next(x, &iter, &rest, &c);) {
		struct login l;
		if (!sluice_str_starts(c.name, sluice_str_n(all.text, all.len)) ||
			c.name.len != all.len + LOGIN_WORD)
			continue;
		seen++;
		struct cookie_name name = cookies_login(x, conf, sluice_str_skip(c.name, all.len));
		if (!read_cookie(x, conf, &name, &l)) {
			cookies_remove(x, &name);
			continue;
		}
		n++;
		if (l.begun_ms < oldest_ms) {
			oldest_ms = l.begun_ms;
			oldest = name;
		}
	}
	if (n >= LOGINS_MAX)
		cookies_remove(x, &oldest);
}

bool login_take(sluice_exchange *x, const struct oidc_conf *conf, sluice_str state,
	struct login *out)
{
	struct login l;
	if (state.len != LOGIN_SECRET)
		return false;
	struct cookie_name name = cookies_login(x, conf, sluice_str_n(state.data, LOGIN_WORD));
	if (!read_cookie(x, conf, &name, &l) || !text_same(l.state, state))
		return false;
	cookies_remove(x, &name);
	if (sluice_unix_ms() >= l.begun_ms + conf->login_timeout)
		return false;
	*out = l;
	return true;
}

static bool keep(sluice_exchange *x, const struct oidc_conf *conf, const struct login *l)
{
	char *plain = sluice_alloc(x, login_room(l));
	if (!plain)
		return false;
	sluice_str text = login_text(l, plain);
	char *sealed = sluice_alloc(x, SEAL_ROOM(text.len));
	size_t n = sealed ? seal_close(&conf->seal, conf->for_login, text, sealed) : 0;
	struct cookie_name name = cookies_login(x, conf, sluice_str_n(l->state.data, LOGIN_WORD));
	bound_logins(x, conf);
	return n && cookies_set(x, &name, sluice_str_n(sealed, n), conf->login_timeout / 1000);
}

/* ---- to the provider ----------------------------------------------------------------------- */

static bool make(sluice_exchange *x, const struct oidc_conf *conf, sluice_str return_to,
	struct login *out)
{
	char *texts = sluice_alloc(x, 3 * LOGIN_SECRET);
	for (size_t i = 0; texts && i < 3; i++) {
		if (!text_random(texts + i * LOGIN_SECRET, 32))
			return false;
	}
	if (!texts)
		return false;
	*out = (struct login){ .state = { texts, LOGIN_SECRET },
		.nonce = { texts + LOGIN_SECRET, LOGIN_SECRET },
		.verifier = { texts + (size_t)2 * LOGIN_SECRET, LOGIN_SECRET },
		.redirect_uri = target_absolute(x, conf->redirect_uri),
		.return_to = return_to,
		.begun_ms = sluice_unix_ms() };
	return out->redirect_uri.data != NULL;
}

/* RFC 7636 4.2: S256. */
static sluice_str challenge_of(sluice_exchange *x, sluice_str verifier)
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	char *text = sluice_alloc(x, B64URL_LEN(sizeof digest));
	if (!text || !SHA256((const uint8_t *)verifier.data, verifier.len, digest))
		return SLUICE_STR_NONE;
	return sluice_str_n(text, (size_t)(b64url_encode(text, digest, sizeof digest) - text));
}

static void fill(sluice_exchange *x, const struct oidc_conf *conf, const struct login *l,
	struct client_form *f)
{
	client_add(f, SLUICE_STR("client_id"), conf->client.client_id);
	client_add(f, SLUICE_STR("response_type"), SLUICE_STR("code"));
	client_add(f, SLUICE_STR("redirect_uri"), l->redirect_uri);
	client_add(f, SLUICE_STR("scope"), conf->scope);
	client_add(f, SLUICE_STR("state"), l->state);
	client_add(f, SLUICE_STR("nonce"), l->nonce);
	client_add(f, SLUICE_STR("code_challenge"), challenge_of(x, l->verifier));
	client_add(f, SLUICE_STR("code_challenge_method"), SLUICE_STR("S256"));
	client_add(f, SLUICE_STR("acr_values"), conf->acr_list);
	client_add(f, SLUICE_STR("claims"), conf->acr_claims);
	client_add(f, SLUICE_STR("max_age"), conf->max_age_text);
	for (size_t i = 0; i < conf->authorization_params.n; i++)
		client_add(f, conf->authorization_params.v[i].name,
			conf->authorization_params.v[i].value);
}

static sluice_verdict send(sluice_exchange *x, const struct known *known, struct client_form *f)
{
	sluice_str location = client_form_url(x, known->endpoints[ENDPOINT_AUTHORIZATION], f);
	return location.data ? redirect_answer(x, 302, location) : SLUICE_FAIL;
}

static sluice_verdict pushed(sluice_exchange *x, const void *arg, const sluice_fetch_response *r)
{
	const struct oidc_conf *conf = arg;
	const struct known *known = sluice_published(x);
	enum { MAX_ANSWER = 4096, MAX_DEPTH = 4 };
	sluice_str uri = SLUICE_STR_NONE;
	json_t *root = r->status == SLUICE_OK && (r->code == 201 || r->code == 200) &&
			r->body.len <= MAX_ANSWER
		? json_read_object(r->body.data, r->body.len, MAX_DEPTH)
		: NULL;
	sluice_verdict v;
	if (root && json_member_str(root, "request_uri", &uri) && uri.len && known) {
		struct client_form f = { .n = 0 };
		client_add(&f, SLUICE_STR("client_id"), conf->client.client_id);
		client_add(&f, SLUICE_STR("request_uri"), uri);
		v = send(x, known, &f);
	} else {
		sluice_log_for(x, SLUICE_LOG_WARN,
			"the provider did not take the pushed authorization request: %s, status %d",
			r->error ? r->error : "it answered", r->code);
		v = refusal_of_login(x, conf, REFUSAL_PROVIDER);
	}
	json_decref(root);
	return v;
}

static uint64_t time_left(const struct flow *f)
{
	uint64_t waited = (sluice_now_ns() - f->since_ns) / 1000000;
	return waited < ENDPOINT_WAIT_MS ? ENDPOINT_WAIT_MS - waited : 0;
}

/* Without the provider's document, wait for it a while. After a wait it runs again. */
static sluice_verdict go_on(sluice_exchange *x, const void *arg)
{
	const struct oidc_conf *conf = arg;
	const struct known *known = sluice_published(x);
	const struct flow *flow = flow_of(x);
	struct client_form f = { .n = 0 };
	struct login l;
	if (!flow)
		return SLUICE_FAIL;
	if (!known || !known->has_document) {
		uint64_t left = time_left(flow);
		return left > 0 && provider_is_coming(conf, left)
			? sluice_await_publish(x, left, go_on)
			: refusal_of_login(x, conf, REFUSAL_UNAVAILABLE);
	}
	if (!make(x, conf, flow->return_to, &l) || !keep(x, conf, &l))
		return SLUICE_FAIL;
	sluice_metric_add(conf->logins, SLUICE_STR("begun"), 1);
	fill(x, conf, &l, &f);
	sluice_str push = known->endpoints[ENDPOINT_PUSHED_REQUEST];
	if (push.data && conf->pushed_requests == PUSHED_AUTO)
		return client_post(x, conf, push, &f, pushed);
	return send(x, known, &f);
}

sluice_verdict login_begin(sluice_exchange *x, const struct oidc_conf *conf, sluice_str return_to)
{
	struct flow *f = flow_of(x);
	if (!f)
		return SLUICE_FAIL;
	f->return_to = return_to;
	f->since_ns = sluice_now_ns();
	return go_on(x, conf);
}
