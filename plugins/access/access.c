/*
 * access: decides by rules over facts who may make which request. It does not find out who the
 * client is: plugins before it state that.
 */
#include <sluice/str.h>

#include <stdio.h>

#include "rule.h"

static const char *const action_choices[] = { "allow", "deny", NULL };
static const char *const decide_choices[] = { "first", "all", NULL };
static const char *const zone_choices[] = { "utc", "local", NULL };
static const char *const day_choices[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun", NULL };

static const sluice_option rule_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct rule, name, .flags = SLUICE_F_REQUIRED, .min = "1",
		.max = "64", .doc = "name of the rule in the log"),
	SLUICE_OPTION(SLUICE_T_STR, struct rule, code, .def = "access-denied", .min = "1",
		.max = "64",
		.doc = "reason of a refusal by this rule, in the log, the metrics and the problem "
		       "document"),
	SLUICE_OPTION(SLUICE_T_STR, struct rule, detail, .def = "This request is not permitted.",
		.min = "1", .max = "256", .doc = "sentence for a client that this rule refuses"),
	SLUICE_OPTION(SLUICE_T_ENUM, struct rule, action, .flags = SLUICE_F_REQUIRED,
		.choices = action_choices,
		.doc = "what becomes of a request to which the rule applies"),
	SLUICE_OPTION(SLUICE_T_WHEN, struct rule, when,
		.doc = "requests to which the rule applies: conditions of the form of a route's "
		       "`match`; left out: all"),
	SLUICE_OPTION(SLUICE_T_PAIRS, struct rule, has_all, .min = "1", .max = "32",
		.flags = SLUICE_F_MULTI,
		.doc = "facts that are lists of words (claim:scope), and words that must all be in "
		       "them"),
	SLUICE_OPTION(SLUICE_T_PAIRS, struct rule, has_any, .min = "1", .max = "32",
		.flags = SLUICE_F_MULTI,
		.doc = "the same, where one of the words must be in the list"),
	SLUICE_OPTION(SLUICE_T_STRS, struct rule, from, .min = "1", .max = "64",
		.doc = "networks and addresses of clients to which the rule applies: 10.0.0.0/8; "
		       "left out: all"),
	SLUICE_OPTION(SLUICE_T_STRS, struct rule, hours, .min = "1", .max = "16",
		.doc = "spans of the day in which the rule applies: 08:00-18:00, or over midnight "
		       "22:00-06:00; left out: all day"),
	SLUICE_OPTION(SLUICE_T_FLAGS, struct rule, days,
		.def = "[mon, tue, wed, thu, fri, sat, sun]", .choices = day_choices, .min = "1",
		.doc = "days of the week on which these spans begin"),
	SLUICE_OPTIONS_END,
};

static const sluice_option access_options[] = {
	SLUICE_OPTION(SLUICE_T_LIST, struct access, rules, .sub = rule_options,
		.sub_size = sizeof(struct rule), .flags = SLUICE_F_REQUIRED, .min = "1",
		.max = "256", .doc = "rules, in the order in which they are asked"),
	SLUICE_OPTION(SLUICE_T_ENUM, struct access, decide, .def = "first",
		.choices = decide_choices,
		.doc = "first: the first rule that applies decides; all: a request is refused when "
		       "any rule that applies denies it, and allowed when one allows it"),
	SLUICE_OPTION(SLUICE_T_ENUM, struct access, otherwise, .def = "deny",
		.choices = action_choices, .doc = "what becomes of a request that no rule decides"),
	SLUICE_OPTION(SLUICE_T_ENUM, struct access, zone, .def = "utc", .choices = zone_choices,
		.doc = "zone of `hours` and `days`; local: that of the gateway's process (TZ)"),
	SLUICE_OPTION(SLUICE_T_STR, struct access, challenge, .max = "256",
		.doc = "a request that is refused and has no `consumer` gets 401 and this in "
		       "WWW-Authenticate: Bearer realm=\"api\"; left out: it gets 403"),
	SLUICE_OPTIONS_END,
};

/* ---- configuration ------------------------------------------------------------------------- */

static int access_check(sluice_instance *inst, void *conf)
{
	struct access *a = conf;
	struct rule *v = a->rules.v;
	int rc = 0;
	a->inst = inst;
	for (size_t i = 0; i < a->rules.n; i++) {
		if (rule_check(inst, &v[i], i) < 0)
			rc = -1;
		a->has_time |= v[i].has_time;
		a->has_allow |= v[i].action == ACTION_ALLOW;
	}
	if (!a->has_allow && a->otherwise == ACTION_DENY) {
		sluice_conf_error(inst, "rules", "no rule allows anything");
		sluice_conf_hint(inst, "to allow what no rule denies, add otherwise: allow");
		rc = -1;
	}
	const char *wrong = a->challenge.len
		? sluice_field_refused(SLUICE_RESPONSE, SLUICE_FIELD_SET,
			  SLUICE_STR("WWW-Authenticate"), a->challenge)
		: NULL;
	if (wrong) {
		sluice_conf_error(inst, "challenge", "%s", wrong);
		rc = -1;
	}
	return rc;
}

/* ---- requests ------------------------------------------------------------------------------ */

/* The status of a refusal. RFC 9110 15.5.2: a client that has not said who it is may do so, by what
 * the challenge asks for; one that has is refused. */
static int challenge(sluice_exchange *x, const struct access *a)
{
	if (sluice_attr(x, SLUICE_STR("consumer")).len)
		return 403;
	sluice_credentials_absent(x);
	if (a->challenge.len == 0)
		return 403;
	sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("WWW-Authenticate"), a->challenge);
	return 401;
}

static sluice_verdict refuse_by(sluice_exchange *x, const struct access *a, const struct rule *r)
{
	sluice_log_for(x, SLUICE_LOG_DEBUG, "rule %.*s denies it", (int)r->name.len, r->name.data);
	/* texts of options end in a NUL */
	return sluice_refuse(x, challenge(x, a), r->code.data, r->detail.data);
}

static sluice_verdict access_on_request(sluice_exchange *x, const void *conf)
{
	const struct access *a = conf;
	const struct rule *v = a->rules.v;
	bool allowed = a->otherwise == ACTION_ALLOW;
	struct moment now = { 0, 0 };
	if (a->has_time)
		now = moment_of(sluice_unix_ms(), (enum zone)a->zone);
	for (size_t i = 0; i < a->rules.n; i++) {
		sluice_truth holds = rule_holds(x, &v[i], now);
		if (holds == SLUICE_UNDECIDED)
			return SLUICE_FAIL;
		if (holds == SLUICE_NO)
			continue;
		if (v[i].action == ACTION_DENY)
			return refuse_by(x, a, &v[i]);
		if (a->decide == DECIDE_FIRST)
			return SLUICE_NEXT;
		allowed = true;
	}
	if (allowed)
		return SLUICE_NEXT;
	int status = challenge(x, a);
	return sluice_refuse(x, status, "access-no-rule", "This request is not permitted.");
}

static const char *const access_needs[] = { "?consumer", NULL };

SLUICE_PLUGIN("access", .version = "1.0",
	.summary = "decides by rules over facts which requests are permitted",
	.options = access_options, .conf_size = sizeof(struct access), .check = access_check,
	.on_request = access_on_request, .needs = access_needs);
