/* The hooks. See the header. */
#include "request.h"

#include "refusal.h"
#include "subject.h"
#include "supply.h"

#define NS_OF_MS UINT64_C(1000000)

/* of a request that waits for the token of client credentials */
struct waiting {
	uint64_t since_ns;
};

/* ---- on_request ---------------------------------------------------------------------------- */

/* Programs that cannot tell '_' from '-' would take such a field for ours. */
static bool client_sends_field(sluice_exchange *x, sluice_str name)
{
	sluice_pair f;
	for (size_t at = 0; sluice_field_next(x, SLUICE_REQUEST, &at, &f);) {
		if (sluice_names_alike(f.name, name))
			return true;
	}
	return false;
}

static sluice_verdict await_token(sluice_exchange *x, const void *arg);

static sluice_verdict await_more(sluice_exchange *x, const struct token_conf *conf)
{
	struct waiting *w = sluice_state(x, sizeof(*w));
	if (!w)
		return SLUICE_FAIL;
	if (!w->since_ns)
		w->since_ns = sluice_now_ns();
	uint64_t waited = (sluice_now_ns() - w->since_ns) / NS_OF_MS;
	uint64_t left = waited < conf->wait ? conf->wait - waited : 0;
	if (left && supply_is_coming(conf, sluice_published(x), left))
		return sluice_await_publish(x, left, await_token);
	return refusal_unavailable(x, conf);
}

static sluice_verdict await_token(sluice_exchange *x, const void *arg)
{
	return supplied_is_good(sluice_published(x)) ? SLUICE_NEXT : await_more(x, arg);
}

sluice_verdict request_run(sluice_exchange *x, const void *arg)
{
	const struct token_conf *conf = arg;
	if (conf->client_field == CLIENT_FIELD_REFUSE && client_sends_field(x, conf->field))
		return refusal_answer(x, conf, REFUSAL_FIELD);
	return conf->grant == GRANT_TOKEN_EXCHANGE ? subject_run(x, conf) : await_token(x, conf);
}

/* ---- on_attempt ---------------------------------------------------------------------------- */

/* A token that a request was let through with is sent, also if it has been doubted or has come to
 * its end since: the upstream judges it. */
static sluice_str supplied_value(sluice_exchange *x, const struct token_conf *conf)
{
	const struct supplied *s = sluice_published(x);
	if (!s || (conf->on_failure == FAILURE_PASS && !supplied_is_good(s)))
		return SLUICE_STR_NONE;
	return s->value;
}

sluice_verdict request_send(sluice_exchange *x, const void *arg)
{
	const struct token_conf *conf = arg;
	sluice_str value;
	if (conf->grant == GRANT_TOKEN_EXCHANGE) {
		const struct subject *s = subject_of(x);
		if (!s)
			return SLUICE_FAIL;
		subject_remove(x, conf);
		value = s->value;
	} else {
		value = supplied_value(x, conf);
	}
	if (value.data)
		sluice_field_set(x, SLUICE_REQUEST, conf->field, value);
	else
		sluice_field_remove(x, SLUICE_REQUEST, conf->field);
	return SLUICE_NEXT;
}

/* ---- on_response --------------------------------------------------------------------------- */

sluice_verdict request_look(sluice_exchange *x, const void *arg)
{
	const struct token_conf *conf = arg;
	if (sluice_number(x, SLUICE_N_UPSTREAM_STATUS) != 401)
		return SLUICE_NEXT;
	if (conf->grant == GRANT_TOKEN_EXCHANGE)
		subject_doubt(x, conf);
	else
		supply_doubt(x, conf);
	return SLUICE_NEXT;
}
