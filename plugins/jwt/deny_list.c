/* The deny list of an instance. See the header. */
#include "deny_list.h"

#include "issuers.h"

static const char *const failures[] = { "deny", "allow", NULL };

#define OPT(type, field, ...) SLUICE_OPTION(SLUICE_T_##type, struct deny_conf, field, __VA_ARGS__)
/* clang-format off */
#define OPT_TERM(opt_type, field, ...)                                       \
	{ .name = #field, .offset = offsetof(struct deny_conf, terms.field), \
	  .type = SLUICE_T_##opt_type, __VA_ARGS__ }
/* clang-format on */

const sluice_option deny_list_options[] = {
	OPT(STORE, store, .flags = SLUICE_F_REQUIRED,
		.doc = "the Redis store of the list, of the stores block"),
	OPT(STR, key, .def = "sluice:deny", .min = "1", .max = "200",
		.doc = "the sorted set that has the list, and the channel on which changes are "
		       "told"),
	OPT(FLAGS, by, .def = "[jti, sub, sid]", .min = "1", .choices = deny_kind_names,
		.doc = "claims of a token that are looked for in the list"),
	OPT_TERM(DURATION, refresh, .def = "1m", .min = "1s", .max = "1d",
		.doc = "how often the whole list is read again, in case a message was lost"),
	OPT_TERM(DURATION, max_stale, .def = "5m", .max = "365d",
		.doc = "how long the list is relied on when Redis cannot be reached; 0: for ever"),
	OPT(ENUM, on_failure, .def = "deny", .choices = failures,
		.doc = "before the list was read, after max_stale, and when it has more than "
		       "max_entries: deny requests with 503, or allow those whose token is not "
		       "known to be on it"),
	OPT_TERM(UINT, max_entries, .def = "100000", .min = "1", .max = "10000000",
		.doc = "how many members the list may have, at some 75 bytes each, and 115 while "
		       "it is read"),
	OPT_TERM(DURATION, ready_wait, .def = "0", .max = "1h",
		.doc = "how long after its start the gateway is not ready (/readyz) while the "
		       "list was never read; 0: it does not wait for it"),
	SLUICE_OPTIONS_END,
};

static void on_changed(struct deny_sub *sub, bool has_news)
{
	issuers_changed(sub->inst, sub->owner, has_news);
}

int deny_list_check(sluice_instance *inst, struct jwt_conf *conf)
{
	struct deny_conf *d = &conf->deny;
	const char *why;
	if (!d->store)
		return 0;
	if (d->terms.max_stale && d->terms.max_stale < d->terms.refresh) {
		sluice_conf_error(inst, "deny.max_stale", "is shorter than deny.refresh");
		return -1;
	}
	d->terms.leeway = conf->leeway;
	d->sub = sluice_conf_alloc(inst, sizeof *d->sub);
	*d->sub = (struct deny_sub){ .inst = inst,
		.terms = &d->terms,
		.owner = conf,
		.changed = on_changed };
	if (deny_join(d->sub, d->store, d->key, &why))
		return 0;
	sluice_conf_error(inst, "deny.store", "%s", why);
	sluice_conf_hint(inst, "name a store with redis: URL");
	return -1;
}

void deny_list_start(struct jwt_conf *conf)
{
	if (conf->deny.sub)
		deny_start(conf->deny.sub);
}

void deny_list_stop(struct jwt_conf *conf)
{
	if (conf->deny.sub)
		deny_leave(conf->deny.sub);
}

enum reason deny_list_judge(const struct jwt_conf *conf, const struct deny_view *v,
	const struct deny_ids *ids)
{
	/* a member whose score is the token's `exp` matters for as long as that token is accepted
	 */
	if (v->table && deny_ids_are_on(ids, v->table, deny_over_at(conf->leeway)))
		return REASON_TOKEN_REVOKED;
	bool is_known = v->state == DENY_CURRENT || v->state == DENY_STALE;
	return is_known || conf->deny.on_failure == DENY_FAILURE_ALLOW
		? REASON_NONE
		: REASON_DENY_LIST_UNAVAILABLE;
}
