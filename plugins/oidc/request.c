/* The way of a request. See the header. */
#include "request.h"

#include "admit.h"
#include "callback.h"
#include "flow.h"
#include "keep.h"
#include "logout.h"
#include "refresh.h"
#include "refusal.h"
#include "target.h"
#include "text.h"

/* A person, or a script in the name of one, asks to log in: `login_path?return_to=/page`. */
static sluice_verdict begin_by_name(sluice_exchange *x, const struct oidc_conf *conf)
{
	sluice_str q = sluice_get(x, SLUICE_I_QUERY), to = SLUICE_STR_NONE;
	char *room = sluice_alloc(x, q.len + 1);
	if (!room)
		return SLUICE_FAIL;
	bool is_good = text_parameter(q, SLUICE_STR("return_to"), room, &to) == TEXT_ONE &&
		target_is_local(to);
	return login_begin(x, conf, is_good ? to : SLUICE_STR("/"));
}

/* How long a session may go without being written anew: an eighth of its idle time, so that not
 * every response has a cookie. */
static bool is_to_be_touched(const struct oidc_conf *conf, const struct session *s)
{
	return conf->session_idle && sluice_unix_ms() >= s->used_ms + conf->session_idle / 8;
}

/* Give the session to the browser, in a response that no cache of others keeps. */
static bool put(sluice_exchange *x, const struct oidc_conf *conf, struct session *s)
{
	sluice_field_add(x, SLUICE_RESPONSE, SLUICE_STR("Cache-Control"), SLUICE_STR("private"));
	return keep_put(x, conf, s);
}

static sluice_verdict with_session(sluice_exchange *x, const struct oidc_conf *conf,
	struct session *s)
{
	/* a refresh that is under way brings other tokens: these must not come after them */
	bool touches = is_to_be_touched(conf, s) && !refresh_is_due(conf, s);
	if (touches && (!session_touch(s, sluice_unix_ms()) || !put(x, conf, s)))
		return SLUICE_FAIL;
	return admit_session(x, conf, s);
}

static sluice_verdict without_session(sluice_exchange *x, const struct oidc_conf *conf)
{
	sluice_credentials_absent(x);
	if (target_is_navigation(x))
		return login_begin(x, conf, target_of(x));
	return refusal_answer(x, conf, REFUSAL_REQUIRED);
}

static sluice_verdict after_refresh(sluice_exchange *x, const struct oidc_conf *conf,
	enum refreshed how)
{
	struct session *s = &flow_of(x)->session;
	switch (how) {
	case REFRESHED_NOT:
		return with_session(x, conf, s);
	case REFRESHED_NEW:
		/* the old tokens are worth nothing any more: the browser must get the new ones */
		return put(x, conf, s) ? admit_session(x, conf, s)
				       : refusal_answer(x, conf, REFUSAL_TOO_LARGE);
	case REFRESHED_ENDED:
		keep_remove(x, conf);
		return without_session(x, conf);
	default:
		return refusal_answer(x, conf, REFUSAL_UNAVAILABLE);
	}
}

sluice_verdict request_run(sluice_exchange *x, const void *arg)
{
	const struct oidc_conf *conf = arg;
	struct flow *f = flow_of(x);
	sluice_str path = sluice_get(x, SLUICE_I_PATH);
	if (!f)
		return SLUICE_FAIL;
	admit_remove_forgeries(x, conf);
	if (sluice_str_eq(path, conf->callback_path))
		return callback_run(x, conf);
	if (conf->login_path.len && sluice_str_eq(path, conf->login_path))
		return begin_by_name(x, conf);
	bool has_session = keep_find(x, conf, &f->session);
	if (conf->logout_path.len && sluice_str_eq(path, conf->logout_path))
		return logout_run(x, conf, has_session ? &f->session : NULL);
	return has_session ? refresh_run(x, conf, after_refresh) : without_session(x, conf);
}
