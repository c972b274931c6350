/* The way of a request. See the header. */
#include "request.h"

#include "admit.h"
#include "backchannel.h"
#include "callback.h"
#include "flow.h"
#include "frontchannel.h"
#include "keep.h"
#include "logout.h"
#include "refresh.h"
#include "refusal.h"
#include "target.h"
#include "text.h"

static bool is_path(sluice_str path, sluice_str option)
{
	return option.len && sluice_str_eq(path, option);
}

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

static sluice_verdict with_session(sluice_exchange *x, const struct oidc_conf *conf,
	struct session *s)
{
	/* a refresh that is under way brings other tokens: these must not come after them */
	bool touches = !conf->store && is_to_be_touched(conf, s) && !refresh_is_due(conf, s);
	if (touches && (!session_touch(s, sluice_unix_ms()) || !keep_changed(x, conf, s)))
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

static sluice_verdict after_end(sluice_exchange *x, const struct oidc_conf *conf, enum kept how)
{
	return how == KEPT_DOWN ? refusal_answer(x, conf, REFUSAL_STORE) : without_session(x, conf);
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
		return keep_changed(x, conf, s) ? admit_session(x, conf, s)
						: refusal_answer(x, conf, REFUSAL_TOO_LARGE);
	case REFRESHED_ENDED:
		return keep_end(x, conf, after_end);
	case REFRESHED_DOWN:
		return refusal_answer(x, conf, REFUSAL_STORE);
	default:
		return refusal_answer(x, conf, REFUSAL_UNAVAILABLE);
	}
}

/* A store that does not say whether there is a session: no login is begun, since it could not be
 * kept, and the browser would go round in circles. */
static sluice_verdict after_find(sluice_exchange *x, const struct oidc_conf *conf, enum kept how)
{
	sluice_str path = sluice_get(x, SLUICE_I_PATH);
	if (is_path(path, conf->logout_path))
		return logout_run(x, conf, how);
	if (is_path(path, conf->frontchannel_logout_path))
		return frontchannel_run(x, conf, how);
	if (how == KEPT_DOWN)
		return refusal_answer(x, conf, REFUSAL_STORE);
	return how == KEPT_GOOD ? refresh_run(x, conf, after_refresh) : without_session(x, conf);
}

sluice_verdict request_run(sluice_exchange *x, const void *arg)
{
	const struct oidc_conf *conf = arg;
	sluice_str path = sluice_get(x, SLUICE_I_PATH);
	if (!flow_of(x))
		return SLUICE_FAIL;
	admit_remove_forgeries(x, conf);
	if (sluice_str_eq(path, conf->callback_path))
		return callback_run(x, conf);
	if (is_path(path, conf->login_path))
		return begin_by_name(x, conf);
	if (is_path(path, conf->backchannel_logout_path))
		return backchannel_run(x, conf);
	return keep_find(x, conf, after_find);
}
