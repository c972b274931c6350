/* Options of the plugin security-headers: profiles, single fields, and what is refused. */
#include "conf.h"

#include <sluice/str.h>
#include <stdio.h>

#include "policy_text.h"

#define S struct security
#define COUNT(v) (sizeof(v) / sizeof((v)[0]))
#define YEAR_MS (UINT64_C(365) * 24 * 3600 * 1000)
#define OR_NOTHING "; false: none"

static const char *const profiles[] = { "pages", "api", "none", NULL };
static const char *const theirs_choices[] = { "keep", "replace", NULL };

static const sluice_option hsts_options[] = {
	SLUICE_OPTION(SLUICE_T_BOOL, struct hsts, enabled, .flags = SLUICE_F_SCALAR, .def = "true",
		.doc = "whether responses over TLS have the field"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct hsts, max_age, .def = "365d", .max = "3650d",
		.doc = "how long a browser uses nothing but https for this host; 0s: it forgets"),
	SLUICE_OPTION(SLUICE_T_BOOL, struct hsts, include_subdomains, .def = "false",
		.doc = "whether that holds for all names below the host: none of them can be "
		       "reached by http any more"),
	SLUICE_OPTION(SLUICE_T_BOOL, struct hsts, preload, .def = "false",
		.doc = "whether the domain may be put on the lists that come with browsers, which "
		       "is hard to undo; needs include_subdomains and a max_age of 365d"),
	SLUICE_OPTIONS_END,
};

const sluice_option security_options[] = {
	SLUICE_OPTION(SLUICE_T_ENUM, S, profile, .def = "pages", .choices = profiles,
		.doc = "which defaults the options below have: for pages that browsers show, for "
		       "an API that programs call, or none"),
	SLUICE_OPTION(SLUICE_T_ENUM, S, upstream_fields, .def = "keep", .choices = theirs_choices,
		.doc = "keep: of a field that the upstream sets, its value stays; replace: the "
		       "gateway's counts"),
	SLUICE_OPTION(SLUICE_T_BLOCK, S, strict_transport_security, .sub = hsts_options,
		.flags = SLUICE_F_SUBOBJECT,
		.doc = "Strict-Transport-Security: browsers use https alone; on responses to "
		       "requests that came by https" OR_NOTHING),
	SLUICE_OPTION(SLUICE_T_STR, S, x_content_type_options,
		.doc = "X-Content-Type-Options: nosniff, so that browsers trust Content-"
		       "Type" OR_NOTHING),
	SLUICE_OPTION(SLUICE_T_STRS, S, frame_ancestors, .max = "64",
		.doc = "who may show pages in a frame: none, self, or origins; goes into "
		       "Content-Security-Policy, and into X-Frame-Options as far as that can say "
		       "it" OR_NOTHING),
	SLUICE_OPTION(SLUICE_T_STR, S, x_frame_options,
		.doc = "X-Frame-Options: DENY or SAMEORIGIN; follows from frame_ancestors unless "
		       "given" OR_NOTHING),
	SLUICE_OPTION(SLUICE_T_STRS, S, content_security_policy, .max = "64",
		.doc = "Content-Security-Policy: what a page may load and do; directives in one "
		       "text or as a list" OR_NOTHING),
	SLUICE_OPTION(SLUICE_T_STRS, S, content_security_policy_report_only, .max = "64",
		.doc = "Content-Security-Policy-Report-Only: a policy to try, of which browsers "
		       "only report what it would forbid"),
	SLUICE_OPTION(SLUICE_T_STRS, S, referrer_policy, .max = "8",
		.doc = "Referrer-Policy: what other sites learn of the address of a page; of "
		       "several, browsers take the last that they know" OR_NOTHING),
	SLUICE_OPTION(SLUICE_T_STRS, S, permissions_policy, .max = "64",
		.doc = "Permissions-Policy: features that pages and their frames may use, such as "
		       "camera=(); in one text or as a list" OR_NOTHING),
	SLUICE_OPTION(SLUICE_T_STR, S, cross_origin_opener_policy,
		.doc = "Cross-Origin-Opener-Policy: whether windows of other origins keep a hold "
		       "on a page" OR_NOTHING),
	SLUICE_OPTION(SLUICE_T_STR, S, cross_origin_embedder_policy,
		.doc = "Cross-Origin-Embedder-Policy: whether a page loads only what agreed to be "
		       "loaded" OR_NOTHING),
	SLUICE_OPTION(SLUICE_T_STR, S, cross_origin_resource_policy,
		.doc = "Cross-Origin-Resource-Policy: which pages may load the response as an "
		       "image, script and the like" OR_NOTHING),
	SLUICE_OPTION(SLUICE_T_STRS, S, remove, .max = "64",
		.def = "[Server, X-Powered-By, X-AspNet-Version, X-AspNetMvc-Version, X-Generator, "
		       "X-Powered-CMS, X-Runtime, X-Redirect-By]",
		.doc = "fields to remove from responses, because they tell of the software; a list "
		       "takes the place of the default"),
	SLUICE_OPTIONS_END,
};

/* clang-format off */
const sluice_str security_names[FIELD_COUNT] = {
	[FIELD_HSTS] = { "Strict-Transport-Security", 25 },
	[FIELD_TYPE] = { "X-Content-Type-Options", 22 },
	[FIELD_FRAME] = { "X-Frame-Options", 15 },
	[FIELD_CSP] = { "Content-Security-Policy", 23 },
	[FIELD_CSP_REPORT] = { "Content-Security-Policy-Report-Only", 35 },
	[FIELD_REFERRER] = { "Referrer-Policy", 15 },
	[FIELD_PERMISSIONS] = { "Permissions-Policy", 18 },
	[FIELD_OPENER] = { "Cross-Origin-Opener-Policy", 26 },
	[FIELD_EMBEDDER] = { "Cross-Origin-Embedder-Policy", 28 },
	[FIELD_RESOURCE] = { "Cross-Origin-Resource-Policy", 28 },
};

/* What the profiles say, by enum profile. */
static const char *const defaults[FIELD_COUNT][3] = {
	[FIELD_TYPE] = { "nosniff", "nosniff", "" },
	[FIELD_CSP] = { "base-uri 'self'; object-src 'none'",
		"default-src 'none'; base-uri 'none'; form-action 'none'", "" },
	[FIELD_REFERRER] = { "strict-origin-when-cross-origin", "no-referrer", "" },
	[FIELD_PERMISSIONS] = { "browsing-topics=(), camera=(), geolocation=(), microphone=(), "
		"payment=(), usb=()", "", "" },
	[FIELD_OPENER] = { "same-origin-allow-popups", "", "" },
	[FIELD_RESOURCE] = { "same-site", "same-origin", "" },
};
static const char *const frame_defaults[] = { "'self'", "'none'", "" };

static const char *const types[] = { "nosniff" };
static const char *const frames[] = { "DENY", "SAMEORIGIN" };
static const char *const referrers[] = { "no-referrer", "no-referrer-when-downgrade", "origin",
	"origin-when-cross-origin", "same-origin", "strict-origin",
	"strict-origin-when-cross-origin", "unsafe-url" };
static const char *const openers[] = { "unsafe-none", "same-origin-allow-popups", "same-origin",
	"noopener-allow-popups" };
static const char *const embedders[] = { "unsafe-none", "require-corp", "credentialless" };
static const char *const resources[] = { "same-site", "same-origin", "cross-origin" };
/* clang-format on */

/* ---- single fields ------------------------------------------------------------------------- */

static bool says_nothing(sluice_str s)
{
	return !s.len || sluice_str_is(s, "false");
}

/* What the option says, or the profile where the file does not give it. */
static sluice_str chosen(sluice_instance *inst, const struct security *s, enum which w,
	const char *option, sluice_str given)
{
	if (!sluice_conf_given(inst, option))
		return sluice_str_of(defaults[w][s->profile] ? defaults[w][s->profile] : "");
	return says_nothing(given) ? SLUICE_STR("") : given;
}

/* A field of one or several words. */
static int check_words(sluice_instance *inst, struct security *s, enum which w, const char *option,
	sluice_strs given, const char *const *words, size_t n)
{
	sluice_str text = chosen(inst, s, w, option, policy_text_join(inst, given, ", "));
	s->values[w] = text;
	return text.len ? policy_text_check_words(inst, option, text, words, n) : 0;
}

static int check_word(sluice_instance *inst, struct security *s, enum which w, const char *option,
	sluice_str given, const char *const *words, size_t n)
{
	if (given.len && memchr(given.data, ',', given.len)) {
		sluice_conf_error(inst, option, "takes one value");
		return -1;
	}
	return check_words(inst, s, w, option, (sluice_strs){ &given, 1 }, words, n);
}

static int check_hsts(sluice_instance *inst, struct security *s)
{
	const struct hsts *h = &s->strict_transport_security;
	char *out = sluice_conf_alloc(inst, 80);
	if (!h->enabled ||
		(s->profile == PROFILE_NONE &&
			!sluice_conf_given(inst, "strict_transport_security")))
		return 0;
	if (h->preload && (!h->include_subdomains || h->max_age < YEAR_MS)) {
		sluice_conf_error(inst, "strict_transport_security.preload",
			"the lists of browsers take no domain without include_subdomains and a "
			"max_age of at least 365d");
		sluice_conf_hint(inst, "give both, or take preload out");
		return -1;
	}
	(void)snprintf(out, 80, "max-age=%llu%s%s", (unsigned long long)(h->max_age / 1000),
		h->include_subdomains ? "; includeSubDomains" : "", h->preload ? "; preload" : "");
	s->values[FIELD_HSTS] = sluice_str_of(out);
	return 0;
}

/* ---- frames and the policy ----------------------------------------------------------------- */

static sluice_str both(sluice_instance *inst, sluice_str csp, sluice_str ancestors)
{
	sluice_str directive = SLUICE_STR("frame-ancestors ");
	if (!ancestors.len)
		return csp;
	char *out = sluice_conf_alloc(inst, csp.len + directive.len + ancestors.len + 2);
	char *at = csp.len ? sluice_str_put(sluice_str_put(out, csp), SLUICE_STR("; ")) : out;
	at = sluice_str_put(sluice_str_put(at, directive), ancestors);
	return sluice_str_n(out, (size_t)(at - out));
}

/* The sources of the option or of the profile. data is NULL after a mistake. */
static sluice_str ancestors_of(sluice_instance *inst, const struct security *s)
{
	const sluice_strs *v = &s->frame_ancestors;
	if (!sluice_conf_given(inst, "frame_ancestors"))
		return sluice_str_of(frame_defaults[s->profile]);
	if (v->n == 0 || (v->n == 1 && says_nothing(v->v[0])))
		return SLUICE_STR("");
	return policy_text_ancestors(inst, "frame_ancestors", *v);
}

/* What X-Frame-Options can say of it. Browsers that know frame-ancestors ignore that field. */
static sluice_str frame_options_of(sluice_str ancestors)
{
	if (sluice_str_is(ancestors, "'none'"))
		return SLUICE_STR("DENY");
	return sluice_str_is(ancestors, "'self'") ? SLUICE_STR("SAMEORIGIN") : SLUICE_STR("");
}

static int check_frames(sluice_instance *inst, struct security *s)
{
	const char *option = "content_security_policy";
	sluice_str csp = chosen(inst, s, FIELD_CSP, option,
		policy_text_join(inst, s->content_security_policy, "; "));
	sluice_str own = policy_text_directive(csp, "frame-ancestors");
	sluice_str ancestors = ancestors_of(inst, s);
	bool given = sluice_conf_given(inst, "frame_ancestors");
	if (!ancestors.data || policy_text_check_csp(inst, option, csp) < 0)
		return -1;
	if (own.data && given) {
		sluice_conf_error(inst, "frame_ancestors",
			"content_security_policy has a frame-ancestors of its own");
		sluice_conf_hint(inst, "take one of them out");
		return -1;
	}
	s->csp_without_frames = csp;
	/* who wants no policy gets none but what frame_ancestors asks for */
	bool adds = !own.data && (csp.len || given);
	s->values[FIELD_CSP] = adds ? both(inst, csp, ancestors) : csp;
	s->values[FIELD_FRAME] = frame_options_of(own.data ? own : ancestors);
	if (!sluice_conf_given(inst, "x_frame_options"))
		return 0;
	return check_word(inst, s, FIELD_FRAME, "x_frame_options", s->x_frame_options, frames,
		COUNT(frames));
}

static int check_policies(sluice_instance *inst, struct security *s)
{
	const char *report = "content_security_policy_report_only", *may = "permissions_policy";
	s->values[FIELD_CSP_REPORT] = chosen(inst, s, FIELD_CSP_REPORT, report,
		policy_text_join(inst, s->content_security_policy_report_only, "; "));
	s->values[FIELD_PERMISSIONS] = chosen(inst, s, FIELD_PERMISSIONS, may,
		policy_text_join(inst, s->permissions_policy, ", "));
	int rc = check_frames(inst, s);
	if (policy_text_check_csp(inst, report, s->values[FIELD_CSP_REPORT]) < 0)
		rc = -1;
	if (s->values[FIELD_PERMISSIONS].len &&
		policy_text_check_permissions(inst, may, s->values[FIELD_PERMISSIONS]) < 0)
		rc = -1;
	return rc;
}

/* ---- the whole ----------------------------------------------------------------------------- */

static int check_removed(sluice_instance *inst, const struct security *s)
{
	char at[32];
	for (size_t i = 0; i < s->remove.n; i++) {
		sluice_str name = s->remove.v[i];
		const char *wrong = sluice_field_refused(SLUICE_RESPONSE, SLUICE_FIELD_REMOVE, name,
			SLUICE_STR(""));
		size_t w = 0;
		while (w < FIELD_COUNT && !sluice_str_ieq(name, security_names[w]))
			w++;
		if (!wrong && w == FIELD_COUNT)
			continue;
		(void)snprintf(at, sizeof(at), "remove[%zu]", i);
		sluice_conf_error(inst, at, "field \"%.*s\" %s", (int)name.len, name.data,
			wrong ? wrong : "has an option of its own");
		return -1;
	}
	return 0;
}

/* A value that no field can have. */
static int check_values(sluice_instance *inst, const struct security *s)
{
	for (size_t w = 0; w < FIELD_COUNT; w++) {
		const char *wrong = sluice_field_refused(SLUICE_RESPONSE, SLUICE_FIELD_SET,
			security_names[w], s->values[w]);
		if (!wrong && s->values[w].len > POLICY_TEXT_MAX)
			wrong = "has a value that is longer than 8 KiB";
		if (!wrong)
			continue;
		sluice_conf_error(inst, NULL, "field %s %s", security_names[w].data, wrong);
		return -1;
	}
	return 0;
}

int security_check(sluice_instance *inst, void *conf)
{
	struct security *s = conf;
	int wrong = check_hsts(inst, s);
	wrong |= check_word(inst, s, FIELD_TYPE, "x_content_type_options",
		s->x_content_type_options, types, COUNT(types));
	wrong |= check_words(inst, s, FIELD_REFERRER, "referrer_policy", s->referrer_policy,
		referrers, COUNT(referrers));
	wrong |= check_word(inst, s, FIELD_OPENER, "cross_origin_opener_policy",
		s->cross_origin_opener_policy, openers, COUNT(openers));
	wrong |= check_word(inst, s, FIELD_EMBEDDER, "cross_origin_embedder_policy",
		s->cross_origin_embedder_policy, embedders, COUNT(embedders));
	wrong |= check_word(inst, s, FIELD_RESOURCE, "cross_origin_resource_policy",
		s->cross_origin_resource_policy, resources, COUNT(resources));
	wrong |= check_policies(inst, s);
	wrong |= check_removed(inst, s);
	return wrong || check_values(inst, s) < 0 ? -1 : 0;
}
