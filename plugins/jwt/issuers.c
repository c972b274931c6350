/* The issuers of an instance. */
#include "issuers.h"

#include <stdlib.h>

#include "../jose/issuer_name.h"
#include "../jose/strict.h"
#include "../oauth/secret_place.h"
#include "../shared/url.h"
#include "issuer_tenant.h"

enum { NAME_TOLD = 256 }; /* bytes of an issuer's name, as a dependency */

/* the ways to discover an issuer of which nothing else is said */
#define WAYS_ALL (DISCOVERY_BIT(DISCOVERY_OPENID) | DISCOVERY_BIT(DISCOVERY_OAUTH))

static uint64_t ms_to_ns(uint64_t ms)
{
	return ms * 1000000;
}

/* ---- publishing ---------------------------------------------------------------------------- */

struct published {
	struct deny_view deny;
	size_t n;
	struct issuer_keys v[];
};

static void published_free(void *value)
{
	struct published *p = value;
	for (size_t i = 0; i < p->n; i++)
		keys_unref(p->v[i].keys);
	deny_view_drop(&p->deny);
	free(p);
}

const struct deny_view *issuers_deny(const void *published)
{
	static const struct deny_view none = { .state = DENY_AWAITED, .is_coming = false };
	return published ? &((const struct published *)published)->deny : &none;
}

const struct issuer_keys *issuers_keys(const void *published)
{
	return published ? ((const struct published *)published)->v : NULL;
}

/* Until when its keys are believed, if nobody can have them fetched anew. */
static uint64_t believed_until(const struct jwt_conf *conf, const struct issuer *i)
{
	return conf->keys.max_stale
		? source_current_at(i->sub.source) + ms_to_ns(conf->keys.max_stale)
		: UINT64_MAX;
}

static struct keyset *believed_keys(const struct jwt_conf *conf, struct issuer *i)
{
	struct keyset *keys = source_keys(i->sub.source);
	if (!keys || sluice_now_ns() < believed_until(conf, i)) {
		i->belief = keys ? BELIEF_HELD : BELIEF_NONE;
		return keys;
	}
	if (i->belief != BELIEF_LOST)
		sluice_log(i->sub.inst, SLUICE_LOG_ERROR,
			"the keys of %.*s could not be fetched anew for longer than max_stale: "
			"they are no longer believed",
			(int)i->name.len, i->name.data);
	i->belief = BELIEF_LOST;
	return NULL;
}

/* ---- what the operator is told -------------------------------------------------------------- */

static sluice_dependency_state state_of(const struct issuer *i, const struct source_view *v)
{
	if (i->belief == BELIEF_LOST)
		return SLUICE_DEPENDENCY_LOST;
	if (i->belief == BELIEF_NONE)
		return SLUICE_DEPENDENCY_AWAITED;
	return v->why[0] ? SLUICE_DEPENDENCY_FAILING : SLUICE_DEPENDENCY_OK;
}

/* Of an issuer whose beliefs are up to date. */
static void tell(sluice_instance *inst, const struct jwt_conf *conf, const struct issuer *i)
{
	const struct source *s = i->sub.source;
	const struct source_view v = source_view(s);
	sluice_str name = i->name;
	if (name.len > NAME_TOLD)
		name.len = NAME_TOLD;
	const sluice_dependency d = { .size = sizeof d,
		.name = name,
		.state = state_of(i, &v),
		.ready_wait_ms = conf->ready_wait,
		.source = v.url,
		.text = sluice_str_of(v.why),
		.entries = i->belief == BELIEF_HELD ? v.n_keys : 0,
		.current_ns = source_current_at(s),
		.next_ns = source_next_at(s),
		.failures = v.failures };
	sluice_dependency_set(inst, &d);
}

/* ---- publishing, again ---------------------------------------------------------------------- */

/* Also without new keys: it wakes those who wait, and what they see tells them to give up. */
static void publish(sluice_instance *inst, const struct jwt_conf *conf)
{
	struct published *p = malloc(sizeof *p + conf->n_trusted * sizeof p->v[0]);
	if (!p)
		return; /* those who wait have a deadline */
	p->n = conf->n_trusted;
	p->deny = (struct deny_view){ .table = NULL };
	if (conf->deny.sub)
		p->deny = deny_view(conf->deny.sub);
	for (size_t i = 0; i < p->n; i++) {
		struct keyset *keys = believed_keys(conf, &conf->trusted[i]);
		p->v[i].keys = keys ? keys_ref(keys) : NULL;
		p->v[i].current_ns = source_current_at(conf->trusted[i].sub.source);
		tell(inst, conf, &conf->trusted[i]);
	}
	sluice_publish(inst, p, published_free);
}

/* ---- time ---------------------------------------------------------------------------------- */

static void on_timer(sluice_instance *inst, void *arg);

/* One timer serves all issuers of the instance and its deny list: it rings for what is next. */
static void arm(sluice_instance *inst, const struct jwt_conf *conf)
{
	uint64_t at = conf->deny.sub ? deny_next_at(conf->deny.sub) : UINT64_MAX,
		 now = sluice_now_ns();
	for (size_t i = 0; i < conf->n_trusted; i++) {
		const struct issuer *issuer = &conf->trusted[i];
		uint64_t next = source_next_at(issuer->sub.source),
			 lost = believed_until(conf, issuer);
		if (issuer->sub.state != SUBSCRIPTION_IN_FORCE)
			return;
		if (!source_is_busy(issuer->sub.source) && next < at)
			at = next; /* else the end of the round arms it again */
		if (issuer->belief == BELIEF_HELD && lost < at)
			at = lost;
	}
	if (at != UINT64_MAX)
		sluice_timer(inst, at > now ? (at - now + 999999) / 1000000 : 0, on_timer);
}

static void on_timer(sluice_instance *inst, void *arg)
{
	const struct jwt_conf *conf = arg;
	bool lost = false;
	for (size_t i = 0; i < conf->n_trusted; i++) {
		struct issuer *issuer = &conf->trusted[i];
		source_tick(&issuer->sub);
		lost |= issuer->belief == BELIEF_HELD &&
			sluice_now_ns() >= believed_until(conf, issuer);
	}
	if (lost)
		publish(inst, conf);
	if (conf->deny.sub)
		deny_tick(conf->deny.sub);
	arm(inst, conf);
}

void issuers_changed(sluice_instance *inst, const struct jwt_conf *conf, bool has_news)
{
	if (has_news)
		publish(inst, conf);
	arm(inst, conf);
}

static void on_changed(const struct subscription *sub)
{
	publish(sub->inst, sub->owner);
	arm(sub->inst, sub->owner);
}

void issuers_refresh(sluice_instance *inst, const struct jwt_conf *conf)
{
	bool busy = false;
	for (size_t i = 0; i < conf->n_trusted; i++) {
		struct issuer *issuer = &conf->trusted[i];
		if (!atomic_exchange(&issuer->wanted, false))
			continue;
		if (source_may_begin(issuer->sub.source, conf->keys.min_refresh))
			source_begin(&issuer->sub);
		busy |= source_is_busy(issuer->sub.source);
	}
	if (!busy) /* else the end of the round wakes those who wait */
		publish(inst, conf);
}

/* ---- from the workers ---------------------------------------------------------------------- */

size_t issuers_find(const struct jwt_conf *conf, const json_t *claims)
{
	size_t found = conf->n_trusted;
	for (size_t i = 0; i < conf->n_trusted; i++) {
		if (!issuer_name_fits(conf->trusted[i].name, claims))
			continue;
		found = i;
		if (!issuer_name_is_pattern(conf->trusted[i].name))
			break; /* the name itself comes before a pattern that it fits */
	}
	return found;
}

static bool is_on_its_way(const struct source *s, const struct issuer_keys *seen)
{
	return source_is_busy(s) || source_current_at(s) != seen->current_ns;
}

bool issuer_expects_keys(const struct issuer *i, const struct issuer_keys *seen, uint64_t within_ms)
{
	const struct source *s = i->sub.source;
	return is_on_its_way(s, seen) || source_next_at(s) <= sluice_now_ns() + ms_to_ns(within_ms);
}

bool issuer_seeks_keys(sluice_exchange *x, const struct jwt_conf *conf, struct issuer *i,
	const struct issuer_keys *seen, uint64_t since_ns, uint64_t within_ms)
{
	const struct source *s = i->sub.source;
	if (is_on_its_way(s, seen))
		return true;
	if (seen->current_ns > since_ns)
		return false;
	if (source_may_begin(s, conf->keys.min_refresh)) {
		atomic_store(&i->wanted, true);
		sluice_refresh(x);
		return true;
	}
	return source_is_failing(s) && source_next_at(s) <= sluice_now_ns() + ms_to_ns(within_ms);
}

/* ---- configuration ------------------------------------------------------------------------- */

/* Fill id for an issuer that is to be discovered. */
static int read_ways(sluice_instance *inst, const char *option, sluice_str name, unsigned ways,
	struct source_id *id)
{
	if (!discovery_is_possible(name)) {
		sluice_conf_error(inst, option,
			"is needed: the issuer %.*s is no URL to discover it from", (int)name.len,
			name.data);
		return -1;
	}
	id->kind = SOURCE_DISCOVERY;
	/* the document of all tenants names the issuer with the mark in it */
	id->where = issuer_name_with(inst, name, SLUICE_STR("common"));
	id->issuer = name;
	id->ways = ways;
	return 0;
}

/* The words of `issuers` that stand for a discovery. 0: it is none of them. */
static unsigned ways_named(sluice_str where)
{
	static const struct {
		const char *word;
		unsigned ways;
	} words[] = { { "discover", WAYS_ALL }, { "openid", DISCOVERY_BIT(DISCOVERY_OPENID) },
		{ "oauth", DISCOVERY_BIT(DISCOVERY_OAUTH) } };
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (sluice_str_is(where, words[i].word))
			return words[i].ways;
	}
	return 0;
}

/* Fill id for keys at a place of their own. */
static int read_place(sluice_instance *inst, const char *option, sluice_str where,
	struct source_id *id)
{
	if (url_begins(where, SLUICE_STR("file:"))) {
		id->kind = SOURCE_FILE;
		id->where = sluice_str_skip(where, 5);
		return 0;
	}
	if (url_begins(where, SLUICE_STR("secret:"))) {
		struct secret_place place;
		id->kind = SOURCE_SECRET;
		id->where = sluice_str_skip(where, 7);
		if (secret_place_read(id->where, &place))
			return 0;
		sluice_conf_error(inst, option, "names no place of a secret");
		sluice_conf_hint(inst,
			"write secret:env:NAME or secret:file:PATH, with base64url: or jwks: "
			"before env: or file: where it is not the secret itself");
		return -1;
	}
	id->kind = SOURCE_URL;
	id->where = where;
	if (url_is_http(where))
		return 0;
	sluice_conf_error(inst, option,
		"expected an http:// or https:// URL, file:PATH, or secret:PLACE");
	sluice_conf_hint(inst,
		"leave `jwks` out, or write `discover` in `issuers`, to have the issuer say where "
		"its keys are");
	return -1;
}

/* where: as configured. */
static int read_source(sluice_instance *inst, const struct jwt_conf *conf, sluice_str name,
	sluice_str where, struct source_id *id)
{
	const char *option = conf->issuers.n ? "issuers" : "jwks";
	unsigned ways = conf->issuers.n ? ways_named(where) : where.len ? 0 : WAYS_ALL;
	id->ca_file = conf->ca_file;
	id->proxy = conf->fetch_proxy.url;
	id->proxy_credentials = conf->fetch_proxy.credentials;
	return ways ? read_ways(inst, option, name, ways, id) : read_place(inst, option, where, id);
}

static bool is_named(const struct jwt_conf *conf, sluice_str name)
{
	size_t i = 0;
	while (i < conf->n_trusted && !sluice_str_eq(conf->trusted[i].name, name))
		i++;
	return i < conf->n_trusted;
}

/* option: to complain of the name. */
static int add(sluice_instance *inst, struct jwt_conf *conf, const char *option, sluice_str name,
	sluice_str where)
{
	char why[SOURCE_WHY + 80];
	struct source_id id = { .kind = SOURCE_URL };
	if (is_named(conf, name)) {
		sluice_conf_error(inst, option, "%.*s stands twice", (int)name.len, name.data);
		return -1;
	}
	if (name.len == 0) {
		sluice_conf_error(inst, option, "must not be empty");
		return -1;
	}
	if (read_source(inst, conf, name, where, &id) < 0)
		return -1;
	struct issuer *issuer = &conf->trusted[conf->n_trusted];
	issuer->name = name;
	issuer->sub = (struct subscription){ .inst = inst,
		.terms = &conf->keys,
		.owner = conf,
		.changed = on_changed };
	if (source_join(&issuer->sub, &id, why, sizeof why) < 0) {
		source_leave(&issuer->sub);
		sluice_conf_error(inst, conf->issuers.n ? "issuers" : "jwks", "%s", why);
		return -1;
	}
	conf->n_trusted++;
	return 0;
}

static int check_one_way(sluice_instance *inst, const struct jwt_conf *conf)
{
	if (conf->issuer.n > 0 && conf->issuers.n > 0)
		sluice_conf_error(inst, "issuers", "stands beside issuer: give one of them");
	else if (conf->issuer.n == 0 && conf->issuers.n == 0 && !conf->introspection.url.len)
		sluice_conf_error(inst, NULL, "issuer or introspection is required");
	else if (conf->issuers.n > 0 && conf->jwks.len > 0)
		sluice_conf_error(inst, "jwks",
			"stands beside issuers, which says where the keys of each are");
	else
		return 0;
	return -1;
}

/* Secrets need an algorithm with HMAC, and such an algorithm needs a secret. A key that fits none
 * of the algorithms is a mistake only of a secret: a public key may come later. */
static int check_algorithms(sluice_instance *inst, const struct jwt_conf *conf)
{
	bool has_secret = false;
	for (size_t i = 0; i < conf->n_trusted; i++) {
		const struct keyset *keys = source_keys(conf->trusted[i].sub.source);
		uint32_t algs = 0;
		for (size_t k = 0; keys && k < keys->n; k++)
			algs |= keys->v[k].type == KEY_SECRET ? keys->v[k].algs : 0;
		has_secret |= algs != 0;
		if (!algs || (algs & conf->algorithms))
			continue;
		sluice_conf_error(inst, "algorithms",
			"has none that the shared secret of %.*s goes with",
			(int)conf->trusted[i].name.len, conf->trusted[i].name.data);
		sluice_conf_hint(inst,
			"HS256 takes a secret of 32 bytes or more, HS384 of 48, HS512 of 64");
		return -1;
	}
	if (has_secret || !(conf->algorithms & ALG_SECRET))
		return 0;
	sluice_conf_error(inst, "algorithms",
		"has an algorithm with a shared secret (HS), and no issuer has one");
	sluice_conf_hint(inst, "a shared secret is written jwks: secret:file:PATH");
	return -1;
}

int issuers_check(sluice_instance *inst, struct jwt_conf *conf)
{
	int rc = check_one_way(inst, conf);
	if (rc < 0)
		return rc;
	if (!sluice_conf_given(inst, "max_stale") && conf->keys.max_stale < 2 * conf->keys.refresh)
		conf->keys.max_stale = 2 * conf->keys.refresh;
	if (conf->keys.max_stale && conf->keys.max_stale < conf->keys.refresh) {
		sluice_conf_error(inst, "max_stale", "is shorter than refresh");
		rc = -1;
	}
	conf->trusted =
		sluice_conf_alloc(inst, (conf->issuer.n + conf->issuers.n) * sizeof *conf->trusted);
	for (size_t i = 0; i < conf->issuer.n; i++) {
		if (add(inst, conf, "issuer", conf->issuer.v[i], conf->jwks) < 0)
			return -1;
	}
	for (size_t i = 0; i < conf->issuers.n; i++) {
		const sluice_pair *p = &conf->issuers.v[i];
		if (add(inst, conf, "issuers", p->name, p->value) < 0)
			return -1;
	}
	publish(inst, conf);
	return check_algorithms(inst, conf) < 0 ? -1 : rc;
}

void issuers_start(const struct jwt_conf *conf)
{
	for (size_t i = 0; i < conf->n_trusted; i++)
		conf->trusted[i].sub.state = SUBSCRIPTION_IN_FORCE;
	for (size_t i = 0; i < conf->n_trusted; i++)
		source_start(&conf->trusted[i].sub);
	if (conf->n_trusted > 0)
		on_changed(&conf->trusted[0].sub);
}

void issuers_stop(const struct jwt_conf *conf)
{
	for (size_t i = 0; i < conf->n_trusted; i++)
		/* none of them goes on for another */
		conf->trusted[i].sub.state = SUBSCRIPTION_NONE;
	for (size_t i = 0; i < conf->n_trusted; i++)
		source_leave(&conf->trusted[i].sub);
}
