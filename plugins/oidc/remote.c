/* Sessions in Redis. See the header. */
#include "remote.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "../jose/strict.h"
#include "cookies.h"
#include "flow.h"

/* Read a session; it counts as used. To write each time would cost the store more than reading, so
 * the time is written when an eighth of it has passed. ARGV: below which rest, in ms; the time. */
static const char read_source[] = "local v = redis.call('GET', KEYS[1])\n"
				  "if v and redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then\n"
				  "  redis.call('PEXPIRE', KEYS[1], ARGV[2])\n"
				  "end\n"
				  "return v\n";

/* Add a session to an index, whose members are ordered by the time at which they have ended for
 * sure. Those that have are taken out. Of too many the oldest are returned, which stay until their
 * sessions are gone. ARGV: the digest; how long it lasts, in ms; how many there may be. */
static const char index_source[] =
	"local life, most = tonumber(ARGV[2]), tonumber(ARGV[3])\n"
	"local t = redis.call('TIME')\n"
	"local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"
	"redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)\n"
	"local surplus, over = {}, redis.call('ZCARD', KEYS[1]) - most\n"
	"if over >= 0 then\n"
	"  surplus = redis.call('ZRANGE', KEYS[1], 0, math.min(over, most))\n"
	"end\n"
	"redis.call('ZADD', KEYS[1], now + life, ARGV[1])\n"
	"redis.call('PEXPIRE', KEYS[1], math.max(life, redis.call('PTTL', KEYS[1])))\n"
	"return surplus\n";

/* ---- configuration ------------------------------------------------------------------------- */

static int wrong(sluice_instance *inst, const char *option, const char *what, const char *hint)
{
	sluice_conf_error(inst, option, "%s", what);
	if (hint)
		sluice_conf_hint(inst, "%s", hint);
	return -1;
}

static sluice_str number_text(sluice_instance *inst, uint64_t n)
{
	enum { ROOM = 24 };
	char *text = sluice_conf_alloc(inst, ROOM);
	int len = snprintf(text, ROOM, "%" PRIu64, n);
	return sluice_str_n(text, (size_t)len);
}

/* 0: a session lasts as long unused as it lasts at all. */
static uint64_t idle_of(const struct oidc_conf *conf)
{
	return conf->session_idle < conf->session_lifetime ? conf->session_idle : 0;
}

int remote_check(sluice_instance *inst, struct oidc_conf *conf)
{
	if (!conf->store && conf->backchannel_logout_path.len)
		return wrong(inst, "backchannel_logout_path",
			"is for sessions in a store, and there is no option store",
			"a session in cookies cannot be ended from outside: add a store of the "
			"kind redis");
	if (!conf->store && sluice_conf_given(inst, "store_timeout"))
		return wrong(inst, "store_timeout",
			"is for sessions in a store, and there is no option store", NULL);
	if (!conf->store)
		return 0;
	if (sluice_store_kind_of(conf->store) != SLUICE_STORE_REDIS)
		return wrong(inst, "store", "must be a Redis store",
			"without `store` sessions lie in the cookies of browsers");
	conf->read_script = sluice_script_register(inst, read_source);
	conf->index_script = sluice_script_register(inst, index_source);
	conf->touch_args[0] = number_text(inst, idle_of(conf) - idle_of(conf) / 8);
	conf->touch_args[1] = number_text(inst, idle_of(conf));
	conf->index_args[0] = number_text(inst, conf->session_lifetime);
	conf->index_args[1] = number_text(inst, REMOTE_INDEX_MAX);
	return 0;
}

/* ---- what lies there ----------------------------------------------------------------------- */

bool remote_is_current(const struct oidc_conf *conf, const struct session *s)
{
	uint64_t now = sluice_unix_ms();
	return now < s->begun_ms + conf->session_lifetime && s->begun_ms <= now + conf->leeway;
}

uint64_t remote_ttl(const struct oidc_conf *conf, const struct session *s)
{
	uint64_t now = sluice_unix_ms(), until = s->begun_ms + conf->session_lifetime,
		 idle = idle_of(conf), left = until > now ? until - now : 0;
	return idle && idle < left ? idle : left;
}

char *remote_seal(const struct oidc_conf *conf, const struct store_key *key,
	const struct session *s, size_t *len)
{
	char *text = session_text(s);
	size_t n = text ? strlen(text) : 0;
	char *out = text && n <= REMOTE_SESSION_MAX ? malloc(SEAL_ROOM(n)) : NULL;
	if (out)
		*len = seal_close(&conf->seal, names_text(key), sluice_str_n(text, n), out);
	session_free_text(text);
	if (out && *len)
		return out;
	free(out);
	return NULL;
}

/* False: it is no session of ours, or it has ended. */
static bool open_sealed(sluice_exchange *x, const struct oidc_conf *conf,
	const struct store_key *key, sluice_str sealed, struct session *out)
{
	struct session s;
	sluice_str plain;
	uint8_t *room = sealed.len <= SEAL_ROOM(REMOTE_SESSION_MAX)
		? sluice_alloc(x, SEAL_OPEN_ROOM(sealed.len))
		: NULL;
	if (!room || !seal_open(&conf->seal, names_text(key), sealed, room, &plain) ||
		!session_read(plain, &s))
		return false;
	if (remote_is_current(conf, &s)) {
		*out = s;
		return true;
	}
	session_fini(&s);
	return false;
}

/* ---- finding ------------------------------------------------------------------------------- */

/* The id that the browser brings; no data: none. */
static sluice_str id_of(sluice_exchange *x, const struct oidc_conf *conf)
{
	struct cookie_name name = cookies_session(x, conf);
	sluice_str id = cookies_value(x, &name);
	return names_is_id(id) ? id : SLUICE_STR_NONE;
}

static sluice_verdict on_session(sluice_exchange *x, const void *arg, sluice_status st,
	const sluice_value *v)
{
	const struct oidc_conf *conf = arg;
	struct flow *f = flow_of(x);
	const char *what = "failed";
	enum kept how = KEPT_DOWN;
	if (st == SLUICE_OK && v && v->type == SLUICE_V_NIL) {
		how = KEPT_NONE;
		what = "absent";
	} else if (st == SLUICE_OK && v && v->type == SLUICE_V_STR) {
		struct session s;
		bool is_good = open_sealed(x, conf, &f->key, v->s, &s);
		how = is_good ? KEPT_GOOD : KEPT_NONE;
		what = is_good ? "found" : "broken";
		if (is_good) {
			session_fini(&f->session);
			f->session = s;
		}
	}
	sluice_metric_add(conf->store_calls, sluice_str_of(what), 1);
	return f->kept(x, conf, how);
}

sluice_verdict remote_read_again(sluice_exchange *x, const struct oidc_conf *conf, kept_fn then)
{
	struct flow *f = flow_of(x);
	const sluice_str command[] = { SLUICE_STR("GET"), names_text(&f->key) };
	f->kept = then;
	if (!names_is_key(&f->key))
		return then(x, conf, KEPT_DOWN);
	return sluice_store_command(x, conf->store, command, 2, conf->store_timeout, on_session);
}

sluice_verdict remote_find(sluice_exchange *x, const struct oidc_conf *conf, kept_fn then)
{
	struct flow *f = flow_of(x);
	sluice_str id = id_of(x, conf);
	if (!id.data)
		return then(x, conf, KEPT_NONE);
	f->key = names_session(conf, id);
	if (!idle_of(conf))
		return remote_read_again(x, conf, then);
	f->kept = then;
	if (!names_is_key(&f->key))
		return then(x, conf, KEPT_DOWN);
	return sluice_store_eval(x, conf->store, conf->read_script, names_text(&f->key),
		conf->touch_args, 2, conf->store_timeout, on_session);
}

/* ---- beginning ----------------------------------------------------------------------------- */

static void add_index(sluice_exchange *x, const struct oidc_conf *conf, struct store_calls *c,
	const char *kind, const struct store_key *session)
{
	sluice_str value;
	if (!json_member_str(flow_of(x)->session.claims, kind, &value) || value.len == 0)
		return;
	struct store_key key = names_index(conf, kind, value);
	const struct store_call call = { .script = conf->index_script,
		.argv = { names_text(&key), names_digest(session), conf->index_args[0],
			conf->index_args[1] },
		.n = 4,
		.wants = CALL_SURPLUS };
	calls_add(x, c, &call);
}

/* A session that is deleted is none of the user's any more: else those that have ended would push
 * out those that are in use. */
static void drop_index(sluice_exchange *x, const struct oidc_conf *conf, struct store_calls *c,
	const char *kind, const struct store_key *session)
{
	const json_t *claims = flow_of(x)->session.claims;
	sluice_str value;
	if (!claims || !json_member_str(claims, kind, &value) || value.len == 0)
		return;
	struct store_key key = names_index(conf, kind, value);
	calls_unlist(x, c, names_text(&key), names_digest(session));
}

static sluice_verdict on_begun(sluice_exchange *x, const struct oidc_conf *conf, enum calls_end how)
{
	struct cookie_name name = cookies_session(x, conf);
	struct flow *f = flow_of(x);
	if (how == CALLS_DONE && !cookies_set(x, &name, sluice_str_n(f->id, ID_TEXT), 0))
		how = CALLS_DOWN;
	return f->kept(x, conf, how == CALLS_DONE ? KEPT_GOOD : KEPT_DOWN);
}

/* The sealed text of the flow's session. The ID token is the first to go where it is too large. */
static char *seal_fitting(const struct oidc_conf *conf, struct flow *f, size_t *len)
{
	char *sealed = remote_seal(conf, &f->key, &f->session, len);
	if (!sealed && f->session.id_token.data && session_forget_id_token(&f->session))
		sealed = remote_seal(conf, &f->key, &f->session, len);
	return sealed;
}

/* The indexes come first: no session is there that they do not lead to. */
sluice_verdict remote_begin(sluice_exchange *x, const struct oidc_conf *conf, kept_fn then)
{
	struct flow *f = flow_of(x);
	struct store_calls c = { .n = 0 };
	char ttl[24];
	size_t len = 0;
	sluice_str old = id_of(x, conf);
	if (!names_make_id(f->id))
		return SLUICE_FAIL;
	f->key = names_session(conf, sluice_str_n(f->id, ID_TEXT));
	f->kept = then;
	char *sealed = seal_fitting(conf, f, &len);
	if (!sealed)
		return then(x, conf, KEPT_TOO_LARGE);
	if (old.data) {
		const struct store_key key = names_session(conf, old);
		calls_delete(x, &c, &key);
		if (conf->backchannel_logout_path.len)
			drop_index(x, conf, &c, "sub", &key);
	}
	if (conf->backchannel_logout_path.len) {
		add_index(x, conf, &c, "sub", &f->key);
		add_index(x, conf, &c, "sid", &f->key);
	}
	int n = snprintf(ttl, sizeof ttl, "%" PRIu64, remote_ttl(conf, &f->session));
	const struct store_call set = { .argv = { SLUICE_STR("SET"), names_text(&f->key),
						sluice_str_n(sealed, len), SLUICE_STR("PX"),
						sluice_str_n(ttl, (size_t)n) },
		.n = 5,
		.wants = CALL_OK };
	calls_add(x, &c, &set);
	free(sealed);
	return calls_run(x, conf, &c, on_begun);
}

/* ---- ending -------------------------------------------------------------------------------- */

static sluice_verdict on_ended(sluice_exchange *x, const struct oidc_conf *conf, enum calls_end how)
{
	return flow_of(x)->kept(x, conf, how == CALLS_DONE ? KEPT_GOOD : KEPT_DOWN);
}

sluice_verdict remote_end(sluice_exchange *x, const struct oidc_conf *conf, kept_fn then)
{
	struct store_calls c = { .n = 0 };
	sluice_str id = id_of(x, conf);
	flow_of(x)->kept = then;
	if (!id.data)
		return then(x, conf, KEPT_GOOD);
	const struct store_key key = names_session(conf, id);
	calls_delete(x, &c, &key);
	if (conf->backchannel_logout_path.len) {
		drop_index(x, conf, &c, "sub", &key);
		drop_index(x, conf, &c, "sid", &key);
	}
	return calls_run(x, conf, &c, on_ended);
}

/* ---- by the provider ----------------------------------------------------------------------- */

/* The sessions are gone: forget the index, and remember the token, so that it ends no later
 * ones. It is remembered last, as a provider may send it again when something failed. */
static sluice_verdict on_all_ended(sluice_exchange *x, const struct oidc_conf *conf,
	enum calls_end how)
{
	struct flow *f = flow_of(x);
	struct store_calls c = { .n = 0 };
	char ttl[24];
	if (how != CALLS_DONE)
		return f->all_ended(x, conf, how);
	int n = snprintf(ttl, sizeof ttl, "%" PRIu64, f->jti_ms);
	const struct store_call note = { .argv = { SLUICE_STR("SET"), names_text(&f->jti),
						 SLUICE_STR("1"), SLUICE_STR("PX"),
						 sluice_str_n(ttl, (size_t)n) },
		.n = 5,
		.wants = CALL_OK };
	calls_delete(x, &c, &f->index);
	calls_add(x, &c, &note);
	return calls_run(x, conf, &c, f->all_ended);
}

sluice_verdict remote_end_all(sluice_exchange *x, const struct oidc_conf *conf,
	const struct store_key *index, const struct store_key *jti, uint64_t jti_ms, calls_fn then)
{
	struct flow *f = flow_of(x);
	struct store_calls c = { .n = 0 };
	f->index = *index;
	f->jti = *jti;
	f->jti_ms = jti_ms;
	f->all_ended = then;
	const struct store_call seen = { .argv = { SLUICE_STR("EXISTS"), names_text(jti) },
		.n = 2,
		.wants = CALL_NOTHING };
	const struct store_call all = { .argv = { SLUICE_STR("ZRANGE"), names_text(index),
						SLUICE_STR("0"), SLUICE_STR("-1") },
		.n = 4,
		.wants = CALL_DIGESTS };
	calls_add(x, &c, &seen);
	calls_add(x, &c, &all);
	return calls_run(x, conf, &c, on_all_ended);
}
