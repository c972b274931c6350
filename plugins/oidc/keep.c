/* Keeping sessions. See the header. Those in cookies are dealt with here. */
#include "keep.h"

#include "cookies.h"
#include "flow.h"
#include "remote.h"

static bool is_current(const struct oidc_conf *conf, const struct session *s)
{
	uint64_t now = sluice_unix_ms();
	return now < session_until(s, conf->session_lifetime, conf->session_idle) &&
		s->begun_ms <= now + conf->leeway;
}

static bool find_in_cookies(sluice_exchange *x, const struct oidc_conf *conf, struct session *out)
{
	struct cookie_name name = cookies_session(x, conf);
	struct session s;
	sluice_str sealed = cookies_value(x, &name), plain;
	uint8_t *text = sealed.data ? sluice_alloc(x, SEAL_OPEN_ROOM(sealed.len)) : NULL;
	if (!text || !seal_open(&conf->seal, conf->for_session, sealed, text, &plain) ||
		!session_read(plain, &s))
		return false;
	if (is_current(conf, &s)) {
		*out = s;
		return true;
	}
	session_fini(&s);
	return false;
}

/* The sealed text in memory of the exchange; no data: no memory. */
static sluice_str seal(sluice_exchange *x, const struct oidc_conf *conf, const struct session *s)
{
	char *text = session_text(s), *out;
	sluice_str plain = sluice_str_of(text);
	size_t n = 0;
	out = text ? sluice_alloc(x, SEAL_ROOM(plain.len)) : NULL;
	if (out)
		n = seal_close(&conf->seal, conf->for_session, plain, out);
	session_free_text(text);
	return n ? sluice_str_n(out, n) : SLUICE_STR_NONE;
}

static bool put_into_cookies(sluice_exchange *x, const struct oidc_conf *conf, struct session *s)
{
	struct cookie_name name = cookies_session(x, conf);
	sluice_str sealed = seal(x, conf, s);
	/* The ID token only makes a logout smoother: it is the first to go. */
	if (sealed.len > COOKIE_MAX && s->id_token.data && session_forget_id_token(s))
		sealed = seal(x, conf, s);
	if (!sealed.data || sealed.len > COOKIE_MAX) {
		sluice_log_for(x, SLUICE_LOG_WARN,
			"a session has %zu bytes, and cookies keep %d: have the provider put less "
			"into its tokens",
			sealed.len, COOKIE_MAX);
		return false;
	}
	return cookies_set(x, &name, sealed, 0);
}

static void remove_cookies(sluice_exchange *x, const struct oidc_conf *conf)
{
	struct cookie_name name = cookies_session(x, conf);
	cookies_remove(x, &name);
}

/* ---- wherever they are --------------------------------------------------------------------- */

sluice_verdict keep_find(sluice_exchange *x, const struct oidc_conf *conf, kept_fn then)
{
	if (conf->store)
		return remote_find(x, conf, then);
	bool has_one = find_in_cookies(x, conf, &flow_of(x)->session);
	return then(x, conf, has_one ? KEPT_GOOD : KEPT_NONE);
}

sluice_verdict keep_begin(sluice_exchange *x, const struct oidc_conf *conf, kept_fn then)
{
	if (conf->store)
		return remote_begin(x, conf, then);
	bool fits = put_into_cookies(x, conf, &flow_of(x)->session);
	return then(x, conf, fits ? KEPT_GOOD : KEPT_TOO_LARGE);
}

static sluice_verdict on_ended(sluice_exchange *x, const struct oidc_conf *conf, enum kept how)
{
	struct flow *f = flow_of(x);
	if (how == KEPT_GOOD)
		remove_cookies(x, conf);
	return f->ended(x, conf, how);
}

sluice_verdict keep_end(sluice_exchange *x, const struct oidc_conf *conf, kept_fn then)
{
	flow_of(x)->ended = then;
	return conf->store ? remote_end(x, conf, on_ended) : on_ended(x, conf, KEPT_GOOD);
}

bool keep_changed(sluice_exchange *x, const struct oidc_conf *conf, struct session *s)
{
	if (conf->store)
		return true;
	sluice_field_add(x, SLUICE_RESPONSE, SLUICE_STR("Cache-Control"), SLUICE_STR("private"));
	return put_into_cookies(x, conf, s);
}
