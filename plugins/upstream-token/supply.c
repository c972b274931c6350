/* The main thread's side. See the header. */
#include "supply.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#include "../oauth/discovery.h"
#include "../oauth/document.h"
#include "../shared/jitter.h"
#include "../shared/url.h"
#include "answer.h"
#include "question.h"

#define NS_OF_MS UINT64_C(1000000)
#define FIRST_PAUSE_MS UINT64_C(250) /* after a first failure */
#define LONGEST_PAUSE_MS UINT64_C(30000)
#define LEAST_PAUSE_MS UINT64_C(1000) /* between two tokens */
/* how long an endpoint that was discovered is not looked up again */
#define ENDPOINT_FOR_MS UINT64_C(3600000)

enum { WHY = 480, NAME_TOLD = 256 };

enum phase { PHASE_IDLE, PHASE_DISCOVERING, PHASE_ASKING };

struct supply {
	struct supply *next;   /* of all that there are */
	sluice_instance *inst; /* borrowed: outlives it */
	const struct token_conf *conf;
	char *documents[DISCOVERY_WAYS]; /* owned: URLs; NULL: the endpoint is known */
	enum discovery_way way;
	char *endpoint;    /* owned: from a document; NULL: none yet */
	uint64_t found_ns; /* when it was last found; 0: never */
	char *value;       /* owned: of the field; NULL: no token yet */
	uint64_t got_ns, until_ns, asked_ns;
	bool is_started, is_doubted, is_lost;
	unsigned failures;   /* in a row */
	uint64_t n_failures; /* all together */
	char why[WHY];       /* of the last round; empty: it did not fail */
	/* read by workers */
	_Atomic int phase;
	_Atomic uint64_t n_published;   /* values, the last one included */
	_Atomic uint64_t next_ns;       /* when the next round begins; UINT64_MAX: none does */
	_Atomic uint64_t doubt_from_ns; /* earlier than that nobody doubts the token */
	_Atomic bool wants_doubt;
	_Atomic uint64_t exchange_failures; /* all together */
	_Atomic bool exchange_fails;
};

/* Those of all instances. Main thread only. */
static struct supply *supplies;

static bool fetches_token(const struct supply *s)
{
	return s->conf->grant == GRANT_CLIENT_CREDENTIALS;
}

/* Whether it has anything to do at all. */
static bool has_rounds(const struct supply *s)
{
	return fetches_token(s) || s->conf->issuer.len;
}

static sluice_str endpoint_of(const struct supply *s)
{
	return s->endpoint ? sluice_str_of(s->endpoint) : s->conf->token_endpoint;
}

static void forget_text(char **text)
{
	if (*text)
		OPENSSL_cleanse(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

/* ---- publishing ---------------------------------------------------------------------------- */

static void supplied_free(void *value)
{
	struct supplied *p = value;
	char *text = (char *)(uintptr_t)p->value.data;
	free((char *)(uintptr_t)p->endpoint.data);
	forget_text(&text);
	free(p);
}

static bool copy(sluice_str s, sluice_str *out)
{
	char *text = s.data ? strndup(s.data, s.len) : NULL;
	*out = sluice_str_n(text, text ? s.len : 0);
	return text || !s.data;
}

/* Also when nothing is new: it wakes those who wait, and what they see tells them to give up. */
static void publish(struct supply *s)
{
	struct supplied *p = calloc(1, sizeof(*p));
	if (!p)
		return; /* those who wait have a deadline */
	if (!copy(endpoint_of(s), &p->endpoint) || !copy(sluice_str_of(s->value), &p->value)) {
		supplied_free(p);
		return;
	}
	p->until_ns = s->until_ns;
	p->is_doubted = s->is_doubted;
	p->n = atomic_fetch_add(&s->n_published, 1) + 1;
	sluice_publish(s->inst, p, supplied_free);
}

/* ---- what the operator is told ------------------------------------------------------------- */

static bool has_it(const struct supply *s)
{
	return fetches_token(s) ? s->value && sluice_now_ns() < s->until_ns
				: endpoint_of(s).len > 0;
}

static sluice_dependency_state state_of(const struct supply *s)
{
	if (!has_it(s))
		return s->value ? SLUICE_DEPENDENCY_LOST : SLUICE_DEPENDENCY_AWAITED;
	return s->why[0] || atomic_load(&s->exchange_fails) ? SLUICE_DEPENDENCY_FAILING
							    : SLUICE_DEPENDENCY_OK;
}

static void tell(struct supply *s)
{
	sluice_str name = s->conf->issuer.len ? s->conf->issuer : s->conf->token_endpoint;
	uint64_t next = atomic_load(&s->next_ns);
	bool exchange_fails = atomic_load(&s->exchange_fails);
	if (name.len > NAME_TOLD)
		name.len = NAME_TOLD;
	const sluice_dependency d = { .size = sizeof(d),
		.name = name,
		.state = state_of(s),
		.ready_wait_ms = s->conf->ready_wait,
		.source = endpoint_of(s),
		.text = s->why[0] ? sluice_str_of(s->why)
			: exchange_fails
			? SLUICE_STR("tokens cannot be exchanged: the error log says why")
			: SLUICE_STR_NONE,
		.entries = has_it(s),
		.current_ns = fetches_token(s) ? s->got_ns : s->found_ns,
		.next_ns = next == UINT64_MAX ? 0 : next,
		.failures = s->n_failures + atomic_load(&s->exchange_failures) };
	sluice_dependency_set(s->inst, &d);
}

/* ---- time ---------------------------------------------------------------------------------- */

static void on_timer(sluice_instance *inst, void *arg);

/* One timer: for the next round, or for the end of a token that could not be renewed. */
static void arm(const struct supply *s)
{
	uint64_t now = sluice_now_ns(), at = UINT64_MAX;
	if (!s->is_started)
		return;
	if (atomic_load(&s->phase) == PHASE_IDLE)
		at = atomic_load(&s->next_ns);
	if (s->value && !s->is_lost && s->until_ns < at)
		at = s->until_ns;
	if (at != UINT64_MAX)
		sluice_timer(s->inst, at > now ? (at - now + NS_OF_MS - 1) / NS_OF_MS : 0,
			on_timer);
}

static void plan(struct supply *s, uint64_t in_ms)
{
	atomic_store(&s->next_ns, sluice_now_ns() + in_ms * NS_OF_MS);
}

/* ---- how a round ends ---------------------------------------------------------------------- */

/* The phase changes when the result is published, which takes a moment to reach a worker: until
 * then the worker sees that something is coming (supply_is_coming()). */
static void end(struct supply *s)
{
	s->is_lost = s->value && sluice_now_ns() >= s->until_ns;
	publish(s);
	atomic_store(&s->phase, PHASE_IDLE);
	tell(s);
	arm(s);
}

static void count(const struct supply *s, const char *result)
{
	sluice_metric_add(s->conf->fetches, sluice_str_of(result), 1);
}

/* s->why is noted. A token that was doubted is used again: whether it is good is for the upstream
 * to say, and there is no other. */
static void fail(struct supply *s)
{
	uint64_t pause = FIRST_PAUSE_MS << (s->failures < 8 ? s->failures : 8);
	pause = jittered(pause < LONGEST_PAUSE_MS ? pause : LONGEST_PAUSE_MS, 50);
	s->failures++;
	s->n_failures++;
	s->is_doubted = false;
	sluice_log(s->inst, has_it(s) ? SLUICE_LOG_WARN : SLUICE_LOG_ERROR,
		"%s; %s, next try in %llu ms", s->why,
		has_it(s) ? "what is there is still used" : "there is no token for the upstream",
		(unsigned long long)pause);
	plan(s, pause);
	end(s);
}

static void failed(struct supply *s, const char *what, sluice_str where, const char *why)
{
	(void)snprintf(s->why, sizeof(s->why), "%s %.*s: %s", what, (int)where.len, where.data,
		why);
	fail(s);
}

static void succeeded(struct supply *s, uint64_t next_ms)
{
	if (s->failures)
		sluice_log(s->inst, SLUICE_LOG_INFO, "%.*s answers again", (int)endpoint_of(s).len,
			endpoint_of(s).data);
	s->failures = 0;
	s->why[0] = '\0';
	s->is_doubted = false;
	plan(s, next_ms);
	end(s);
}

/* ---- the token ----------------------------------------------------------------------------- */

/* When a token is fetched anew that is good for so long: refresh_ahead before its end, or after
 * half of its life where that is later; up to half of that earlier, by chance. */
static uint64_t renewal(const struct token_conf *conf, uint64_t use_ms)
{
	uint64_t ahead = conf->refresh_ahead < use_ms / 2 ? conf->refresh_ahead : use_ms / 2;
	uint64_t in = use_ms - ahead - (ahead / 2 - jittered(ahead / 2, 0));
	return in > LEAST_PAUSE_MS ? in : LEAST_PAUSE_MS;
}

static void take_token(struct supply *s, struct answer *a)
{
	forget_text(&s->value);
	s->value = a->value;
	a->value = NULL;
	s->got_ns = sluice_now_ns();
	s->until_ns = s->got_ns + a->use_ms * NS_OF_MS;
	atomic_store(&s->doubt_from_ns, s->got_ns + s->conf->min_refresh * NS_OF_MS);
	sluice_log(s->inst, SLUICE_LOG_DEBUG, "a token from %.*s, good for %llu s",
		(int)endpoint_of(s).len, endpoint_of(s).data,
		(unsigned long long)(a->use_ms / 1000));
	succeeded(s, renewal(s->conf, a->use_ms));
}

static void on_token(sluice_instance *inst, void *arg, const sluice_fetch_response *r)
{
	struct supply *s = ((const struct token_conf *)arg)->supply;
	struct answer a;
	(void)inst;
	enum answer_kind kind = answer_read(s->conf, r, s->asked_ns, &a);
	count(s, kind == ANSWER_TOKEN ? "granted" : kind == ANSWER_REFUSED ? "refused" : "failed");
	if (kind == ANSWER_TOKEN)
		take_token(s, &a);
	else
		failed(s, "no token from", endpoint_of(s), a.why);
	answer_free(&a);
}

static void ask(struct supply *s)
{
	struct question q;
	sluice_fetch_request r;
	atomic_store(&s->phase, PHASE_ASKING);
	s->asked_ns = sluice_now_ns();
	bool ok = question_make(&q, s->conf, endpoint_of(s), SLUICE_STR_NONE, &r) &&
		sluice_main_fetch(s->inst, &r, on_token) == 0;
	question_free(&q);
	if (!ok)
		failed(s, "no token from", endpoint_of(s), "the request could not be sent");
}

/* ---- the endpoint -------------------------------------------------------------------------- */

static void after_discovery(struct supply *s)
{
	if (fetches_token(s))
		ask(s);
	else
		succeeded(s, jittered(ENDPOINT_FOR_MS, 80));
}

/* NULL, or what is wrong. */
static const char *take_document(struct supply *s, sluice_str text, char why[static DOCUMENT_WHY])
{
	json_t *root = NULL;
	sluice_str url;
	const char *wrong = discovery_read(text, s->conf->issuer, &root);
	if (wrong)
		return wrong;
	wrong = discovery_endpoint(root, "token_endpoint", &url);
	char *found = wrong ? NULL : strndup(url.data, url.len);
	json_decref(root);
	if (wrong) {
		(void)snprintf(why, DOCUMENT_WHY, "its token_endpoint %s", wrong);
		return why;
	}
	if (!found)
		return "no memory";
	free(s->endpoint);
	s->endpoint = found;
	s->found_ns = sluice_now_ns();
	return NULL;
}

static void discover(struct supply *s, enum discovery_way way);

static void on_document(sluice_instance *inst, void *arg, const sluice_fetch_response *r)
{
	struct supply *s = ((const struct token_conf *)arg)->supply;
	char text[DOCUMENT_WHY];
	(void)inst;
	const char *wrong = document_refused(r, text);
	if (!wrong)
		wrong = take_document(s, r->body, text);
	if (!wrong) {
		after_discovery(s);
	} else if (r->status == SLUICE_OK && s->way == DISCOVERY_OPENID) {
		discover(s, DISCOVERY_OAUTH); /* it answers: the document may be there */
	} else if (s->endpoint && fetches_token(s)) {
		sluice_log(s->inst, SLUICE_LOG_WARN,
			"discovery at %s: %s; the endpoint that was found earlier is asked",
			s->documents[s->way], wrong);
		after_discovery(s);
	} else {
		failed(s, "discovery at", sluice_str_of(s->documents[s->way]), wrong);
	}
}

static void discover(struct supply *s, enum discovery_way way)
{
	static const sluice_pair fields[] = { { SLUICE_STR("accept"),
						      SLUICE_STR("application/json") },
		{ SLUICE_STR("accept-encoding"), SLUICE_STR("identity") } };
	s->way = way;
	atomic_store(&s->phase, PHASE_DISCOVERING);
	sluice_fetch_request r = { .size = sizeof(r),
		.url = sluice_str_of(s->documents[way]),
		.headers = { fields, sizeof(fields) / sizeof(fields[0]) },
		.timeout_ms = s->conf->timeout,
		.max_body = DISCOVERY_MAX,
		.ca_file = s->conf->ca_file,
		.proxy = s->conf->fetch_proxy.url,
		.proxy_credentials = s->conf->fetch_proxy.credentials };
	if (sluice_main_fetch(s->inst, &r, on_document) != 0)
		failed(s, "discovery at", r.url, "the fetch could not start");
}

/* An endpoint at which tokens could not be had may have moved. */
static bool wants_discovery(const struct supply *s)
{
	return s->conf->issuer.len &&
		(!fetches_token(s) || !s->endpoint || s->failures > 0 ||
			sluice_now_ns() >= s->found_ns + ENDPOINT_FOR_MS * NS_OF_MS);
}

/* ---- how a round begins -------------------------------------------------------------------- */

static void begin(struct supply *s)
{
	if (wants_discovery(s))
		discover(s, DISCOVERY_OPENID);
	else
		ask(s);
}

static void on_timer(sluice_instance *inst, void *arg)
{
	struct supply *s = ((const struct token_conf *)arg)->supply;
	(void)inst;
	if (s->value && !s->is_lost && sluice_now_ns() >= s->until_ns) {
		s->is_lost = true;
		publish(s);
		tell(s);
	}
	if (atomic_load(&s->phase) == PHASE_IDLE && atomic_load(&s->next_ns) <= sluice_now_ns())
		begin(s);
	else
		arm(s);
}

/* The token is not sent while a new one is on its way, which requests wait for. */
static void doubt(struct supply *s)
{
	uint64_t now = sluice_now_ns();
	if (!s->value || atomic_load(&s->phase) != PHASE_IDLE ||
		now < atomic_load(&s->doubt_from_ns))
		return;
	sluice_log(s->inst, SLUICE_LOG_INFO,
		"the upstream has answered 401 to the token: a new one is fetched");
	atomic_store(&s->doubt_from_ns, now + s->conf->min_refresh * NS_OF_MS);
	s->is_doubted = true;
	publish(s);
	begin(s);
}

void supply_refresh(const struct token_conf *conf)
{
	struct supply *s = conf->supply;
	if (atomic_exchange(&s->wants_doubt, false))
		doubt(s);
	if (conf->grant == GRANT_TOKEN_EXCHANGE)
		tell(s);
}

/* ---- from the workers ---------------------------------------------------------------------- */

bool supply_is_coming(const struct token_conf *conf, const struct supplied *seen,
	uint64_t within_ms)
{
	const struct supply *s = conf->supply;
	return atomic_load(&s->phase) != PHASE_IDLE || !seen ||
		seen->n != atomic_load(&s->n_published) ||
		atomic_load(&s->next_ns) <= sluice_now_ns() + within_ms * NS_OF_MS;
}

void supply_doubt(sluice_exchange *x, const struct token_conf *conf)
{
	struct supply *s = conf->supply;
	if (sluice_now_ns() >= atomic_load(&s->doubt_from_ns) &&
		!atomic_exchange(&s->wants_doubt, true))
		sluice_refresh(x);
}

bool supply_note_exchange(sluice_exchange *x, const struct token_conf *conf, const char *wrong)
{
	struct supply *s = conf->supply;
	if (wrong)
		(void)atomic_fetch_add(&s->exchange_failures, 1);
	if (atomic_exchange(&s->exchange_fails, wrong != NULL) == (wrong != NULL))
		return false;
	sluice_refresh(x);
	return true;
}

/* ---- life ---------------------------------------------------------------------------------- */

/* What another instance has that asks for the same, as after a reload that changes an option: no
 * token is fetched then that is there already. */
static void take_over(struct supply *s)
{
	uint64_t now = sluice_now_ns();
	for (const struct supply *o = supplies; o; o = o->next) {
		bool is_same = memcmp(o->conf->identity, s->conf->identity, IDENTITY) == 0;
		if (!is_same || (s->value && o->until_ns <= s->until_ns))
			continue;
		if (o->endpoint && !s->endpoint) {
			s->endpoint = strdup(o->endpoint);
			s->found_ns = o->found_ns;
		}
		if (!o->value || o->is_doubted || o->until_ns <= now)
			continue;
		char *value = strdup(o->value);
		if (!value)
			continue;
		forget_text(&s->value);
		s->value = value;
		s->got_ns = o->got_ns;
		s->until_ns = o->until_ns;
		atomic_store(&s->doubt_from_ns, atomic_load(&o->doubt_from_ns));
		uint64_t left = (s->until_ns - now) / NS_OF_MS;
		plan(s, renewal(s->conf, left));
	}
}

static int make_documents(struct supply *s)
{
	const struct token_conf *conf = s->conf;
	if (!conf->issuer.len)
		return 0;
	if (!discovery_is_possible(conf->issuer)) {
		sluice_conf_error(s->inst, "issuer",
			"expected an http:// or https:// URL without query, from which the token "
			"endpoint is discovered");
		return -1;
	}
	for (unsigned way = 0; way < DISCOVERY_WAYS; way++) {
		s->documents[way] = discovery_url(conf->issuer, (enum discovery_way)way);
		if (s->documents[way])
			continue;
		sluice_conf_error(s->inst, "issuer", "no memory");
		return -1;
	}
	return 0;
}

int supply_check(sluice_instance *inst, struct token_conf *conf)
{
	struct supply *s = conf->supply = sluice_conf_alloc(inst, sizeof(*s));
	s->inst = inst;
	s->conf = conf;
	s->next = supplies;
	supplies = s;
	atomic_store(&s->next_ns, has_rounds(s) ? 0 : UINT64_MAX);
	if (make_documents(s) < 0)
		return -1;
	supplies = s->next; /* it does not take over from itself */
	take_over(s);
	supplies = s;
	publish(s);
	tell(s);
	return 0;
}

static void warn_of_plain(const struct supply *s)
{
	sluice_str url = s->conf->issuer.len ? s->conf->issuer : s->conf->token_endpoint;
	if (!url_is_https(url))
		sluice_log(s->inst, SLUICE_LOG_WARN,
			"the gateway's credentials are sent without TLS to %.*s: whoever listens "
			"there can use them",
			(int)url.len, url.data);
}

void supply_start(const struct token_conf *conf)
{
	struct supply *s = conf->supply;
	s->is_started = true;
	warn_of_plain(s);
	if (atomic_load(&s->next_ns) <= sluice_now_ns())
		begin(s);
	else
		arm(s);
}

void supply_stop(struct token_conf *conf)
{
	struct supply *s = conf->supply;
	if (!s)
		return;
	for (struct supply **at = &supplies; *at; at = &(*at)->next) {
		if (*at == s) {
			*at = s->next;
			break;
		}
	}
	for (unsigned way = 0; way < DISCOVERY_WAYS; way++)
		free(s->documents[way]);
	free(s->endpoint);
	forget_text(&s->value);
	conf->supply = NULL;
}
