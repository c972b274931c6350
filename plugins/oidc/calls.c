/* Calls to the store. See the header. */
#include "calls.h"

#include "flow.h"

enum { FIRST_ROOM = 8, CALLS_MAX = 256, WORD = 80 };

static bool grow(sluice_exchange *x, struct store_calls *c)
{
	size_t room = c->room ? 2 * c->room : FIRST_ROOM;
	struct store_call *v = room <= CALLS_MAX ? sluice_alloc(x, room * sizeof *v) : NULL;
	if (!v)
		return false;
	if (c->n)
		memcpy(v, c->v, c->n * sizeof *v);
	c->v = v;
	c->room = room;
	return true;
}

void calls_add(sluice_exchange *x, struct store_calls *c, const struct store_call *call)
{
	if (c->n == c->room && !grow(x, c)) {
		c->has_failed = true;
		return;
	}
	struct store_call *own = &c->v[c->n++];
	*own = *call;
	for (size_t i = 0; i < own->n; i++) {
		char *text = sluice_alloc(x, call->argv[i].len + 1);
		c->has_failed = c->has_failed || !text || call->argv[i].len == 0;
		if (text)
			(void)sluice_str_put(text, call->argv[i]);
		own->argv[i].data = text;
	}
}

void calls_delete(sluice_exchange *x, struct store_calls *c, const struct store_key *key)
{
	const struct store_call call = { .argv = { SLUICE_STR("DEL"), names_text(key) }, .n = 2 };
	calls_add(x, c, &call);
}

void calls_unlist(sluice_exchange *x, struct store_calls *c, sluice_str index, sluice_str digest)
{
	const struct store_call call = { .argv = { SLUICE_STR("ZREM"), index, digest }, .n = 3 };
	calls_add(x, c, &call);
}

/* Sessions that are to go; and then from the index, where there is one: as long as a session may
 * be there, the index leads to it. */
static void add_sessions(sluice_exchange *x, struct store_calls *c, sluice_str index,
	const sluice_value *v)
{
	for (size_t i = 0; i < v->n; i++) {
		if (v->v[i].type != SLUICE_V_STR || !names_is_id(v->v[i].s))
			continue;
		const struct store_key key = names_session_of(v->v[i].s);
		calls_delete(x, c, &key);
		if (index.data)
			calls_unlist(x, c, index, v->v[i].s);
	}
}

/* The log has Redis' word, which says what an operator can mend: NOPERM, OOM, READONLY. */
static void log_failure(sluice_exchange *x, sluice_status st, const sluice_value *v)
{
	sluice_str said = v && v->type == SLUICE_V_STR ? v->s : SLUICE_STR_NONE;
	if (st == SLUICE_ERROR)
		sluice_log_for(x, SLUICE_LOG_WARN, "the store of sessions refused a command: %.*s",
			(int)(said.len < WORD ? said.len : WORD), said.len ? said.data : "");
}

static bool is_wanted(enum call_wants wants, const sluice_value *v)
{
	if (wants == CALL_OK)
		return v->type == SLUICE_V_STR && sluice_str_is(v->s, "OK");
	if (wants == CALL_NOTHING)
		return v->type == SLUICE_V_INT;
	return wants == CALL_ANY || v->type == SLUICE_V_LIST;
}

static sluice_verdict go_on(sluice_exchange *x, const struct oidc_conf *conf);

static sluice_verdict end(sluice_exchange *x, const struct oidc_conf *conf, enum calls_end how)
{
	struct store_calls *c = &flow_of(x)->calls;
	calls_fn then = c->then;
	sluice_metric_add(conf->store_calls,
		how == CALLS_DOWN ? SLUICE_STR("failed") : SLUICE_STR("done"), 1);
	*c = (struct store_calls){ .n = 0 };
	return then(x, conf, how);
}

static sluice_verdict on_answer(sluice_exchange *x, const void *arg, sluice_status st,
	const sluice_value *v)
{
	const struct oidc_conf *conf = arg;
	struct store_calls *c = &flow_of(x)->calls;
	const struct store_call *call = &c->v[c->at++];
	enum call_wants wants = call->wants;
	sluice_str index = wants == CALL_SURPLUS ? call->argv[0] : SLUICE_STR_NONE;
	if (st != SLUICE_OK || !v || !is_wanted(wants, v)) {
		log_failure(x, st, v);
		return end(x, conf, CALLS_DOWN);
	}
	if (wants == CALL_NOTHING && v->i != 0)
		return end(x, conf, CALLS_SEEN);
	if (wants == CALL_DIGESTS || wants == CALL_SURPLUS)
		add_sessions(x, c, index, v);
	return go_on(x, conf);
}

static sluice_verdict go_on(sluice_exchange *x, const struct oidc_conf *conf)
{
	const struct store_calls *c = &flow_of(x)->calls;
	if (c->has_failed)
		return end(x, conf, CALLS_DOWN);
	if (c->at == c->n)
		return end(x, conf, CALLS_DONE);
	const struct store_call *call = &c->v[c->at];
	if (!call->script)
		return sluice_store_command(x, conf->store, call->argv, call->n,
			conf->store_timeout, on_answer);
	return sluice_store_eval(x, conf->store, call->script, call->argv[0], call->argv + 1,
		call->n - 1, conf->store_timeout, on_answer);
}

sluice_verdict calls_run(sluice_exchange *x, const struct oidc_conf *conf, struct store_calls *c,
	calls_fn then)
{
	struct flow *f = flow_of(x);
	f->calls = *c;
	f->calls.then = then;
	f->calls.at = 0;
	return go_on(x, conf);
}
