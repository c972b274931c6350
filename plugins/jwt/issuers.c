/* The issuers of an instance. */
#include "issuers.h"

#include <stdlib.h>

#include "../jose/strict.h"
#include "../oauth/secret_place.h"
#include "../shared/url.h"

static uint64_t ms_to_ns(uint64_t ms)
{
	return ms * 1000000;
}

/* ---- publishing ---------------------------------------------------------------------------- */

struct published {
	size_t n;
	struct issuer_keys v[];
};

static void published_free(void *value)
{
	struct published *p = value;
	for (size_t i = 0; i < p->n; i++)
		keys_unref(p->v[i].keys);
	free(p);
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

/* Also without new keys: it wakes those who wait, and what they see tells them to give up. */
static void publish(sluice_instance *inst, const struct jwt_conf *conf)
{
	struct published *p = malloc(sizeof *p + conf->n_trusted * sizeof p->v[0]);
	if (!p)
		return; /* those who wait have a deadline */
	p->n = conf->n_trusted;
	for (size_t i = 0; i < p->n; i++) {
		struct keyset *keys = believed_keys(conf, &conf->trusted[i]);
		p->v[i].keys = keys ? keys_ref(keys) : NULL;
		p->v[i].current_ns = source_current_at(conf->trusted[i].sub.source);
	}
	sluice_publish(inst, p, published_free);
}

/* ---- time ---------------------------------------------------------------------------------- */

static void on_timer(sluice_instance *inst, void *arg);

/* One timer serves all issuers of the instance: it rings for what is next. */
static void arm(sluice_instance *inst, const struct jwt_conf *conf)
{
	uint64_t at = UINT64_MAX, now = sluice_now_ns();
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
		if (source_may_begin(issuer->sub.source, conf->min_refresh))
			source_begin(&issuer->sub);
		busy |= source_is_busy(issuer->sub.source);
	}
	if (!busy) /* else the end of the round wakes those who wait */
		publish(inst, conf);
}

/* ---- from the workers ---------------------------------------------------------------------- */

size_t issuers_find(const struct jwt_conf *conf, const json_t *claims)
{
	sluice_str iss;
	size_t i = 0;
	if (!json_member_str(claims, "iss", &iss) || !iss.data)
		return conf->n_trusted;
	while (i < conf->n_trusted && !sluice_str_eq(conf->trusted[i].name, iss))
		i++;
	return i;
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
	if (source_may_begin(s, conf->min_refresh)) {
		atomic_store(&i->wanted, true);
		sluice_refresh(x);
		return true;
	}
	return source_is_failing(s) && source_next_at(s) <= sluice_now_ns() + ms_to_ns(within_ms);
}

/* ---- configuration ------------------------------------------------------------------------- */

static sluice_str discovery_url(sluice_instance *inst, sluice_str issuer)
{
	static const char suffix[] = "/.well-known/openid-configuration";
	size_t n = issuer.len - (issuer.data[issuer.len - 1] == '/');
	char *url = sluice_conf_alloc(inst, n + sizeof suffix);
	memcpy(url, issuer.data, n);
	memcpy(url + n, suffix, sizeof suffix);
	return (sluice_str){ url, n + sizeof suffix - 1 };
}

/* option: to complain of. where: as configured; empty: discovery. */
static int read_where(sluice_instance *inst, const char *option, sluice_str name, sluice_str where,
	struct source_id *id)
{
	id->where = where;
	if (url_begins(where, SLUICE_STR("file:"))) {
		id->kind = SOURCE_FILE;
		id->where = (sluice_str){ where.data + 5, where.len - 5 };
		return 0;
	}
	if (url_begins(where, SLUICE_STR("secret:"))) {
		struct secret_place place;
		id->kind = SOURCE_SECRET;
		id->where = (sluice_str){ where.data + 7, where.len - 7 };
		if (secret_place_read(id->where, &place))
			return 0;
		sluice_conf_error(inst, option, "names no place of a secret");
		sluice_conf_hint(inst,
			"write secret:env:NAME or secret:file:PATH, with base64url: or jwks: "
			"before env: or file: where it is not the secret itself");
		return -1;
	}
	if (where.len > 0) {
		id->kind = SOURCE_URL;
		if (url_is_http(where))
			return 0;
		sluice_conf_error(inst, option,
			"expected an http:// or https:// URL, file:PATH, or secret:PLACE");
		return -1;
	}
	if (!url_is_http(name) || memchr(name.data, '?', name.len) ||
		memchr(name.data, '#', name.len)) {
		sluice_conf_error(inst, option,
			"is needed: the issuer %.*s is no URL to discover it from", (int)name.len,
			name.data);
		return -1;
	}
	id->kind = SOURCE_DISCOVERY;
	id->where = discovery_url(inst, name);
	id->issuer = name;
	return 0;
}

static int add(sluice_instance *inst, struct jwt_conf *conf, const char *option, sluice_str name,
	sluice_str where)
{
	char why[400];
	struct source_id id = { .ca_file = conf->ca_file };
	const char *of_keys = conf->issuers.n ? "issuers" : "jwks";
	for (size_t i = 0; i < conf->n_trusted; i++) {
		if (!sluice_str_eq(conf->trusted[i].name, name))
			continue;
		sluice_conf_error(inst, option, "%.*s stands twice", (int)name.len, name.data);
		return -1;
	}
	if (name.len == 0) {
		sluice_conf_error(inst, option, "must not be empty");
		return -1;
	}
	if (read_where(inst, of_keys, name, where, &id) < 0)
		return -1;
	struct issuer *issuer = &conf->trusted[conf->n_trusted];
	issuer->name = name;
	issuer->sub = (struct subscription){ .inst = inst,
		.terms = &conf->keys,
		.owner = conf,
		.changed = on_changed };
	if (source_join(&issuer->sub, &id, why, sizeof why) < 0) {
		source_leave(&issuer->sub);
		sluice_conf_error(inst, of_keys, "%s", why);
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
		sluice_str where = conf->issuers.v[i].value;
		if (sluice_str_is(where, "discover"))
			where = (sluice_str){ NULL, 0 };
		else if (where.len == 0)
			where = SLUICE_STR(" "); /* an error: it must be said */
		if (add(inst, conf, "issuers", conf->issuers.v[i].name, where) < 0)
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
