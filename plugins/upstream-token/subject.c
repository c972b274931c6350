/* Exchanging tokens. See the header. */
#include "subject.h"

#include <stdio.h>

#include "answer.h"
#include "digests.h"
#include "question.h"
#include "refusal.h"
#include "supply.h"

#define NS_OF_MS UINT64_C(1000000)

enum { TRIES_MAX = 4, CACHE_NAME = 64, REFUSED_PART = 8, SUBJECT_TOKEN_MAX = 65536 };

_Static_assert(SUBJECT_KEY == SUBJECT_IDENTITY + SHA256_DIGEST_LENGTH, "a key of a token");

/* of all workers */
struct subject_shared {
	struct flights flights;
	sluice_cache *tokens;
	sluice_cache *refused;    /* apart, so that made-up tokens push none of those out */
	_Atomic unsigned n_asked; /* exchanges under way */
};

/* ---- options ------------------------------------------------------------------------------- */

#define OPT(type, field, ...) \
	SLUICE_OPTION(SLUICE_T_##type, struct subject_conf, field, __VA_ARGS__)

const sluice_option subject_options[] = {
	OPT(STR, from, .def = "scheme:Bearer",
		.doc = "where a request has the token that is exchanged: scheme:Bearer (the field "
		       "Authorization), header:NAME or cookie:NAME"),
	OPT(STR, verified_by, .def = "consumer",
		.doc = "a fact that the plugin states which verified that token; a request without "
		       "it gets 401. none: the authorization server alone judges tokens"),
	OPT(STR, type, .def = "urn:ietf:params:oauth:token-type:access_token", .min = "1",
		.max = "256", .doc = "what the client's token is (subject_token_type)"),
	OPT(STR, requested_type, .max = "256",
		.doc = "what is asked for (requested_token_type); left out: an access token of any "
		       "form"),
	OPT(BOOL, optional, .def = "false",
		.doc = "whether requests without such a token go on, without a token for the "
		       "upstream"),
	OPT(BOOL, forward, .def = "false",
		.doc = "whether the upstream also gets the client's token, where it does not stand "
		       "in the field of the new one"),
	OPT(DURATION, negative_ttl, .def = "10s", .max = "1h",
		.doc = "how long it is remembered that a token was refused; 0s: not at all"),
	OPT(SIZE, size, .def = "16MiB", .min = "1MiB", .max = "4GiB",
		.doc = "memory for tokens, of all workers together; an eighth of it for refusals"),
	OPT(UINT, max_pending, .def = "256", .min = "1", .max = "65536",
		.doc = "exchanges under way at a time; beyond that requests with tokens that were "
		       "not exchanged yet get 503"),
	SLUICE_OPTIONS_END,
};

/* ---- configuration ------------------------------------------------------------------------- */

/* Whether the client's token stands in the field of the new one. */
static bool is_in_field(const struct place *p, sluice_str field)
{
	return p->kind == PLACE_SCHEME
		? sluice_names_alike(field, SLUICE_STR("authorization"))
		: p->kind == PLACE_HEADER && sluice_names_alike(p->name, field);
}

static int check_from(sluice_instance *inst, struct token_conf *conf)
{
	struct subject_conf *s = &conf->subject;
	const char *why = place_parse(inst, s->from, &s->place);
	bool is_there = !why && is_in_field(&s->place, conf->field);
	s->removes = !s->forward && !is_there;
	if (!why && s->place.kind == PLACE_QUERY)
		why = "is in the URL, by which responses are kept: have the client send it in a "
		      "field";
	if (is_there && conf->client_field == CLIENT_FIELD_REFUSE)
		why = "is in the field that client_field refuses";
	if (why)
		sluice_conf_error(inst, "token_exchange.from", "\"%.*s\" %s", (int)s->from.len,
			s->from.data, why);
	else if (is_there && s->forward)
		sluice_conf_error(inst, "token_exchange.forward",
			"the client's token stands in the field of the new one");
	return why || (is_there && s->forward) ? -1 : 0;
}

static int check_verified(sluice_instance *inst, struct subject_conf *s)
{
	const char *why = NULL;
	if (sluice_str_is(s->verified_by, "none"))
		return 0;
	s->verified = sluice_expr_compile(inst, s->verified_by, &why);
	if (s->verified)
		return 0;
	sluice_conf_error(inst, "token_exchange.verified_by", "%s", why);
	sluice_conf_hint(inst,
		"consumer is the fact of jwt and oidc; `none` leaves tokens to the authorization "
		"server");
	return -1;
}

static sluice_cache *open_cache(sluice_instance *inst, sluice_str name, uint64_t bytes)
{
	uint64_t most = 2 * ANSWER_TOKEN_MAX;
	return sluice_cache_open(inst,
		&(sluice_cache_desc){ .size = sizeof(sluice_cache_desc),
			.name = name,
			.max_bytes = bytes,
			.max_object = most < bytes ? most : bytes });
}

static int open_shared(sluice_instance *inst, struct subject_conf *s)
{
	static const char suffix[] = "-refused";
	struct subject_shared *shared = sluice_conf_alloc(inst, sizeof(*shared));
	sluice_str name = sluice_instance_name(inst);
	char *second = sluice_conf_alloc(inst, CACHE_NAME + 1);
	size_t kept = CACHE_NAME - (sizeof(suffix) - 1);
	flights_init(&shared->flights);
	s->shared = shared;
	(void)snprintf(second, CACHE_NAME + 1, "%.*s%s", (int)(name.len < kept ? name.len : kept),
		name.data, suffix);
	shared->tokens = open_cache(inst, SLUICE_STR_NONE, s->size - s->size / REFUSED_PART);
	shared->refused = open_cache(inst, sluice_str_of(second), s->size / REFUSED_PART);
	return shared->tokens && shared->refused ? 0 : -1;
}

int subject_check(sluice_instance *inst, struct token_conf *conf)
{
	struct subject_conf *s = &conf->subject;
	if (conf->grant != GRANT_TOKEN_EXCHANGE) {
		if (!sluice_conf_given(inst, "token_exchange"))
			return 0;
		sluice_conf_error(inst, "token_exchange", "needs grant: token_exchange");
		return -1;
	}
	if (check_from(inst, conf) < 0 || check_verified(inst, s) < 0)
		return -1;
	return open_shared(inst, s);
}

void subject_stop(struct token_conf *conf)
{
	if (conf->subject.shared)
		flights_fini(&conf->subject.shared->flights);
	conf->subject.shared = NULL;
}

/* ---- the state of a request ---------------------------------------------------------------- */

static struct subject *state_of(sluice_exchange *x)
{
	return sluice_state(x, sizeof(struct subject));
}

const struct subject *subject_of(sluice_exchange *x)
{
	return state_of(x);
}

static sluice_str key_of(const struct subject *s)
{
	return sluice_str_n(s->key, sizeof(s->key));
}

static void end_question(struct subject *s)
{
	if (s->pending)
		(void)atomic_fetch_sub(s->pending, 1);
	s->pending = NULL;
}

static void subject_drop(void *arg)
{
	struct subject *s = arg;
	s->state = SUBJECT_DROPPED;
	end_question(s);
	(void)flight_end(&s->flight, FLIGHT_LEFT);
	flight_leave(&s->waiter);
	sluice_object_release(s->object);
	s->object = NULL;
}

static bool subject_begin(sluice_exchange *x, const struct token_conf *conf, struct subject *s)
{
	if (s->state != SUBJECT_NONE)
		return s->state == SUBJECT_BEGUN;
	s->state = SUBJECT_BEGUN;
	memcpy(s->key, conf->identity, SUBJECT_IDENTITY);
	digests_find(sluice_worker_state(x), s->token, (uint8_t *)s->key + SUBJECT_IDENTITY);
	sluice_cleanup(x, subject_drop, s);
	return s->state == SUBJECT_BEGUN; /* without memory it was dropped at once */
}

/* ---- refusals ------------------------------------------------------------------------------ */

/* what a refusal of the server means for the client; stored as one byte */
enum blame {
	BLAME_NOBODY = '0', /* not the client's: the gateway may not exchange tokens */
	BLAME_TOKEN = '1',  /* its token is no longer good there */
	BLAME_CLIENT = '2', /* it may not have a token for this upstream */
};

enum { REFUSAL_LEN = 1 }; /* of what is remembered of one: whom it blames; no token is as short */

/* RFC 8693 2.2.2 has invalid_request for a token that is invalid "for any reason, or unacceptable
 * based on policy". The others are those of RFC 6749 5.2, RFC 6750 3.1 and RFC 8707 2. */
static enum blame blame_of(const char *word)
{
	static const struct {
		const char *word;
		enum blame blame;
	} words[] = { { "invalid_token", BLAME_TOKEN }, { "invalid_grant", BLAME_TOKEN },
		{ "invalid_request", BLAME_CLIENT }, { "invalid_target", BLAME_CLIENT },
		{ "invalid_scope", BLAME_CLIENT }, { "insufficient_scope", BLAME_CLIENT },
		{ "access_denied", BLAME_CLIENT } };
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(word, words[i].word) == 0)
			return words[i].blame;
	}
	return BLAME_NOBODY;
}

static sluice_verdict refuse(sluice_exchange *x, const struct token_conf *conf, enum blame blame)
{
	return refusal_answer(x, conf, blame == BLAME_TOKEN ? REFUSAL_INVALID : REFUSAL_REFUSED);
}

static void remember_refusal(const struct token_conf *conf, const struct subject *s,
	enum blame blame)
{
	const char byte = (char)blame;
	if (conf->subject.negative_ttl)
		(void)sluice_object_put(conf->subject.shared->refused, key_of(s),
			&(sluice_object_new){ .size = sizeof(sluice_object_new),
				.data = sluice_str_n(&byte, REFUSAL_LEN),
				.ttl_ms = conf->subject.negative_ttl });
}

/* ---- what is remembered -------------------------------------------------------------------- */

static bool recall_refusal(sluice_exchange *x, const struct token_conf *conf,
	const struct subject *s, sluice_verdict *verdict)
{
	sluice_object *o = sluice_object_get(conf->subject.shared->refused, key_of(s));
	if (!o)
		return false;
	/* its cache may be the one of tokens of an instance with such a name */
	bool counts = sluice_object_data(o).len == REFUSAL_LEN && sluice_object_fresh_for(o) > 0 &&
		sluice_object_age(o) < conf->subject.negative_ttl;
	enum blame blame = (enum blame)sluice_object_data(o).data[0];
	sluice_object_release(o);
	if (counts)
		*verdict = refuse(x, conf, blame);
	return counts;
}

/* Whether what is remembered decides: *verdict is then the request's. */
static bool recall(sluice_exchange *x, const struct token_conf *conf, struct subject *s,
	sluice_verdict *verdict)
{
	sluice_object *o = sluice_object_get(conf->subject.shared->tokens, key_of(s));
	if (o && sluice_object_data(o).len > REFUSAL_LEN && sluice_object_fresh_for(o) > 0) {
		sluice_object_release(s->object);
		s->object = o;
		s->value = sluice_object_data(o);
		*verdict = SLUICE_NEXT;
		return true;
	}
	sluice_object_release(o);
	return recall_refusal(x, conf, s, verdict);
}

/* ---- the answer ---------------------------------------------------------------------------- */

/* One line when exchanges begin to fail, and one when they work again. */
static void note(sluice_exchange *x, const struct token_conf *conf, const char *wrong)
{
	if (!supply_note_exchange(x, conf, wrong))
		return;
	if (wrong)
		sluice_log_for(x, SLUICE_LOG_ERROR, "tokens cannot be exchanged: %s", wrong);
	else
		sluice_log_for(x, SLUICE_LOG_INFO, "tokens are exchanged again");
}

static void count(const struct token_conf *conf, const char *result)
{
	sluice_metric_add(conf->fetches, sluice_str_of(result), 1);
}

static sluice_verdict unavailable(sluice_exchange *x, const struct token_conf *conf,
	struct subject *s, const char *wrong)
{
	note(x, conf, wrong);
	(void)flight_end(&s->flight, FLIGHT_ERROR);
	return refusal_unavailable(x, conf);
}

/* Keep it for all, or, where it cannot be kept, for this request alone. */
static sluice_verdict granted(sluice_exchange *x, const struct token_conf *conf, struct subject *s,
	const struct answer *a)
{
	sluice_str value = sluice_str_n(a->value, a->len);
	bool kept = sluice_object_put(conf->subject.shared->tokens, key_of(s),
		&(sluice_object_new){ .size = sizeof(sluice_object_new),
			.data = value,
			.ttl_ms = a->use_ms });
	char *own = sluice_alloc(x, a->len + 1);
	(void)flight_end(&s->flight, kept ? FLIGHT_STORED : FLIGHT_UNSTORED);
	if (!own)
		return SLUICE_FAIL;
	s->value = sluice_str_n(own, (size_t)(sluice_str_put(own, value) - own));
	return SLUICE_NEXT;
}

static sluice_verdict refused(sluice_exchange *x, const struct token_conf *conf, struct subject *s,
	const struct answer *a)
{
	enum blame blame = blame_of(a->error);
	if (blame == BLAME_NOBODY)
		return unavailable(x, conf, s, a->why);
	sluice_log_for(x, SLUICE_LOG_INFO, "a token was not exchanged: %s", a->why);
	note(x, conf, NULL);
	remember_refusal(conf, s, blame);
	(void)flight_end(&s->flight, conf->subject.negative_ttl ? FLIGHT_STORED : FLIGHT_UNSTORED);
	return refuse(x, conf, blame);
}

static sluice_verdict judge(sluice_exchange *x, const struct token_conf *conf, struct subject *s,
	const sluice_fetch_response *r)
{
	struct answer a;
	sluice_verdict verdict;
	switch (answer_read(conf, r, s->asked_ns, &a)) {
	case ANSWER_TOKEN:
		count(conf, "granted");
		note(x, conf, NULL);
		verdict = granted(x, conf, s, &a);
		break;
	case ANSWER_REFUSED:
		count(conf, "refused");
		verdict = refused(x, conf, s, &a);
		break;
	case ANSWER_FAILED:
	default:
		count(conf, "failed");
		verdict = unavailable(x, conf, s, a.why);
		break;
	}
	answer_free(&a);
	return verdict;
}

/* ---- the question -------------------------------------------------------------------------- */

static sluice_verdict ask(sluice_exchange *x, const struct token_conf *conf, struct subject *s);

static sluice_verdict on_answer(sluice_exchange *x, const void *arg, const sluice_fetch_response *r)
{
	const struct token_conf *conf = arg;
	struct subject *s = state_of(x);
	end_question(s);
	/* the server may have closed a kept connection at this moment; asking twice does no harm */
	if (r->status == SLUICE_UNREACHABLE && !s->repeats) {
		s->repeats = true;
		return ask(x, conf, s);
	}
	return judge(x, conf, s, r);
}

/* It counts among those under way until its answer is there, or its request is gone. */
static bool begin_question(const struct subject_conf *c, struct subject *s)
{
	if (atomic_fetch_add(&c->shared->n_asked, 1) >= c->max_pending) {
		(void)atomic_fetch_sub(&c->shared->n_asked, 1);
		return false;
	}
	s->pending = &c->shared->n_asked;
	return true;
}

static sluice_verdict ask(sluice_exchange *x, const struct token_conf *conf, struct subject *s)
{
	const struct supplied *there = sluice_published(x);
	struct question q;
	sluice_fetch_request r;
	if (!there || !there->endpoint.len)
		return unavailable(x, conf, s, "the token endpoint is not known");
	if (!begin_question(&conf->subject, s))
		return unavailable(x, conf, s, "more than max_pending are under way");
	s->asked_ns = sluice_now_ns();
	sluice_verdict verdict = question_make(&q, conf, there->endpoint, s->token, &r)
		? sluice_fetch(x, &r, on_answer)
		: SLUICE_FAIL;
	question_free(&q);
	if (verdict == SLUICE_FAIL) {
		end_question(s);
		(void)flight_end(&s->flight, FLIGHT_ERROR);
	}
	return verdict;
}

static sluice_verdict look(sluice_exchange *x, const struct token_conf *conf, struct subject *s);

/* The one that asked is done, or is gone, or the time is up. */
static sluice_verdict on_landed(sluice_exchange *x, const void *arg, sluice_status st)
{
	const struct token_conf *conf = arg;
	struct subject *s = state_of(x);
	sluice_verdict verdict;
	flight_leave(&s->waiter);
	if (st != SLUICE_OK || s->waiter.result == FLIGHT_ERROR)
		return refusal_unavailable(x, conf);
	if (s->waiter.result == FLIGHT_STORED && recall(x, conf, s, &verdict))
		return verdict;
	if (s->waiter.result == FLIGHT_LEFT && s->tries < TRIES_MAX)
		return look(x, conf, s);
	return ask(x, conf, s); /* for itself alone */
}

static sluice_verdict look(sluice_exchange *x, const struct token_conf *conf, struct subject *s)
{
	sluice_verdict verdict;
	s->tries++;
	if (recall(x, conf, s, &verdict))
		return verdict;
	/* the fetch has ended by then, so nobody waits for one that began earlier */
	uint64_t now = sluice_now_ns(), span = 2 * conf->timeout * NS_OF_MS;
	const struct flight_ask wait = { .x = x,
		.key = key_of(s),
		.since_ns = now > span ? now - span : 0,
		.timeout_ms = 2 * conf->timeout,
		.then = on_landed };
	if (flight_wait(&conf->subject.shared->flights, &wait, &s->flight, &s->waiter, &verdict))
		return verdict;
	return ask(x, conf, s);
}

/* ---- a request ----------------------------------------------------------------------------- */

/* The endpoint is not known yet. After the wait the hook runs again from its start. */
static sluice_verdict await_endpoint(sluice_exchange *x, const struct token_conf *conf,
	struct subject *s)
{
	if (!s->since_ns)
		s->since_ns = sluice_now_ns();
	uint64_t waited = (sluice_now_ns() - s->since_ns) / NS_OF_MS;
	uint64_t left = waited < conf->wait ? conf->wait - waited : 0;
	if (left && supply_is_coming(conf, sluice_published(x), left))
		return sluice_await_publish(x, left, subject_run);
	return refusal_unavailable(x, conf);
}

static sluice_verdict missing(sluice_exchange *x, const struct token_conf *conf)
{
	return conf->subject.optional ? SLUICE_NEXT : refusal_answer(x, conf, REFUSAL_MISSING);
}

sluice_verdict subject_run(sluice_exchange *x, const void *arg)
{
	const struct token_conf *conf = arg;
	const struct subject_conf *c = &conf->subject;
	const struct supplied *there = sluice_published(x);
	struct subject *s = state_of(x);
	if (!s)
		return SLUICE_FAIL;
	switch (place_read(x, &c->place, &s->token)) {
	case SLUICE_READ_ONE:
		break;
	case SLUICE_READ_NONE:
		return missing(x, conf);
	case SLUICE_READ_FAIL:
		return SLUICE_FAIL;
	case SLUICE_READ_MANY:
	default:
		return refusal_answer(x, conf, REFUSAL_AMBIGUOUS);
	}
	if (s->token.len == 0)
		return missing(x, conf);
	if (s->token.len > SUBJECT_TOKEN_MAX)
		return refusal_answer(x, conf, REFUSAL_AMBIGUOUS);
	if (c->verified && !sluice_expr_value(x, c->verified).len)
		return refusal_answer(x, conf, REFUSAL_UNVERIFIED);
	if (!there || !there->endpoint.len)
		return await_endpoint(x, conf, s);
	return subject_begin(x, conf, s) ? look(x, conf, s) : SLUICE_FAIL;
}

void subject_remove(sluice_exchange *x, const struct token_conf *conf)
{
	if (conf->subject.removes)
		(void)place_remove(x, &conf->subject.place);
}

void subject_doubt(sluice_exchange *x, const struct token_conf *conf)
{
	const struct subject *s = state_of(x);
	if (!s || !s->value.data)
		return;
	sluice_object *o = sluice_object_get(conf->subject.shared->tokens, key_of(s));
	bool is_old = o && sluice_object_age(o) >= conf->min_refresh;
	sluice_object_release(o);
	if (is_old)
		(void)sluice_object_remove(conf->subject.shared->tokens, key_of(s));
}
