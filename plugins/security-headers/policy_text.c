/* Texts of policies. See the header. */
#include "policy_text.h"

#include <sluice/str.h>
#include <stdio.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Copy s with one blank in the place of several, and none in front. Returns the end. */
static char *put_line(char *out, sluice_str s)
{
	char *at = out;
	for (size_t i = 0; i < s.len; i++) {
		if (!is_blank(s.data[i]))
			*at++ = s.data[i];
		else if (at > out && at[-1] != ' ')
			*at++ = ' ';
	}
	return at;
}

sluice_str policy_text_join(sluice_instance *inst, sluice_strs parts, const char *joint)
{
	sluice_str between = sluice_str_of(joint);
	size_t room = 1;
	for (size_t i = 0; i < parts.n; i++)
		room += parts.v[i].len + between.len;
	char *out = sluice_conf_alloc(inst, room), *at = out;
	for (size_t i = 0; i < parts.n; i++) {
		char *start = at == out ? at : sluice_str_put(at, between);
		char *end = put_line(start, parts.v[i]);
		while (end > start && (end[-1] == ' ' || end[-1] == joint[0]))
			end--;
		at = end > start ? end : at; /* an empty part leaves no joint */
	}
	return sluice_str_n(out, (size_t)(at - out));
}

/* ---- Content-Security-Policy --------------------------------------------------------------- */

/* Directives of CSP 3 and of what extends it. Browsers ignore others. */
static const char *const directives[] = { "base-uri", "block-all-mixed-content", "child-src",
	"connect-src", "default-src", "fenced-frame-src", "font-src", "form-action",
	"frame-ancestors", "frame-src", "img-src", "manifest-src", "media-src", "object-src",
	"prefetch-src", "report-to", "report-uri", "require-trusted-types-for", "sandbox",
	"script-src", "script-src-attr", "script-src-elem", "style-src", "style-src-attr",
	"style-src-elem", "trusted-types", "upgrade-insecure-requests", "webrtc", "worker-src" };

/* Keywords that stand in single quotes. */
static const char *const keywords[] = { "self", "none", "unsafe-inline", "unsafe-eval",
	"unsafe-hashes", "strict-dynamic", "report-sample", "wasm-unsafe-eval" };

#define COUNT(v) (sizeof(v) / sizeof((v)[0]))

static bool is_one_of(sluice_str s, const char *const *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (sluice_str_ieq(s, sluice_str_of(v[i])))
			return true;
	}
	return false;
}

sluice_str policy_text_directive(sluice_str csp, const char *name)
{
	while (csp.data) {
		sluice_str value = sluice_str_trim(sluice_str_cut(&csp, ';'));
		sluice_str found = sluice_str_cut(&value, ' ');
		if (sluice_str_ieq(found, sluice_str_of(name)))
			return value.data ? sluice_str_trim(value) : SLUICE_STR("");
	}
	return SLUICE_STR_NONE;
}

static int check_source(sluice_instance *inst, const char *option, sluice_str source)
{
	if (is_one_of(source, keywords, COUNT(keywords))) {
		sluice_conf_error(inst, option,
			"without quotes, browsers take %.*s for the name of a host",
			(int)source.len, source.data);
		sluice_conf_hint(inst, "write '%.*s' in single quotes", (int)source.len,
			source.data);
		return -1;
	}
	if (!sluice_str_starts(source, SLUICE_STR("'nonce-")))
		return 0;
	sluice_conf_error(inst, option,
		"a nonce that is the same in each response permits every script that knows it");
	sluice_conf_hint(inst,
		"let the service send a policy with nonces, or permit scripts by their hashes");
	return -1;
}

static int check_directive(sluice_instance *inst, const char *option, sluice_str all,
	sluice_str text)
{
	sluice_str values = text, name = sluice_str_cut(&values, ' ');
	if (!is_one_of(name, directives, COUNT(directives))) {
		sluice_conf_error(inst, option,
			"\"%.*s\" is no directive of a Content-Security-Policy, and browsers would "
			"ignore it",
			(int)name.len, name.data);
		sluice_conf_hint(inst,
			"directives stand between semicolons: default-src 'self'; img-src *");
		return -1;
	}
	/* browsers ignore a directive that comes a second time */
	sluice_str rest = sluice_str_skip(all, (size_t)(text.data - all.data) + text.len);
	char known[32];
	(void)snprintf(known, sizeof(known), "%.*s", (int)name.len, name.data);
	if (policy_text_directive(rest, known).data) {
		sluice_conf_error(inst, option, "%s stands there twice", known);
		return -1;
	}
	while (values.len) {
		if (check_source(inst, option, sluice_str_cut(&values, ' ')) < 0)
			return -1;
	}
	return 0;
}

int policy_text_check_csp(sluice_instance *inst, const char *option, sluice_str csp)
{
	sluice_str rest = csp;
	if (csp.len && memchr(csp.data, ',', csp.len)) {
		sluice_conf_error(inst, option,
			"a comma begins another policy, and browsers enforce both");
		sluice_conf_hint(inst, "put semicolons between directives");
		return -1;
	}
	while (rest.data) {
		sluice_str text = sluice_str_trim(sluice_str_cut(&rest, ';'));
		if (text.len && check_directive(inst, option, csp, text) < 0)
			return -1;
	}
	return 0;
}

sluice_str policy_text_ancestors(sluice_instance *inst, const char *option, sluice_strs sources)
{
	size_t room = 1;
	for (size_t i = 0; i < sources.n; i++)
		room += sources.v[i].len + 3;
	char *out = sluice_conf_alloc(inst, room), *at = out;
	for (size_t i = 0; i < sources.n; i++) {
		sluice_str s = sources.v[i];
		bool quoted = s.len > 2 && s.data[0] == '\'' && s.data[s.len - 1] == '\'';
		sluice_str word = quoted ? sluice_str_n(s.data + 1, s.len - 2) : s;
		bool key = sluice_str_is(word, "self") || sluice_str_is(word, "none");
		bool bad = !s.len || (quoted && !key) ||
			(sluice_str_is(word, "none") && sources.n > 1);
		for (size_t k = 0; k < word.len; k++)
			bad |= word.data[k] <= ' ' || word.data[k] >= 0x7f ||
				(bool)strchr(";,'\"", word.data[k]);
		if (bad) {
			sluice_conf_error(inst, option,
				"\"%.*s\" cannot stand here: a source is self, an origin such as "
				"https://app.example.com, or none alone",
				(int)s.len, s.data);
			return SLUICE_STR_NONE;
		}
		at = at == out ? at : sluice_str_put(at, SLUICE_STR(" "));
		at = key ? sluice_str_put(at, SLUICE_STR("'")) : at;
		at = sluice_str_put(at, word);
		at = key ? sluice_str_put(at, SLUICE_STR("'")) : at;
	}
	return sluice_str_n(out, (size_t)(at - out));
}

/* ---- Permissions-Policy -------------------------------------------------------------------- */

/* An entry of a list: self, src, * or "https://origin". */
static bool is_allowed_origin(sluice_str s)
{
	return sluice_str_is(s, "self") || sluice_str_is(s, "src") || sluice_str_is(s, "*") ||
		(s.len > 2 && s.data[0] == '"' && s.data[s.len - 1] == '"' &&
			memmem(s.data, s.len, "://", 3));
}

static bool is_allow_list(sluice_str s)
{
	if (s.len < 2 || s.data[0] != '(' || s.data[s.len - 1] != ')')
		return sluice_str_is(s, "*") || sluice_str_is(s, "self");
	s = sluice_str_trim(sluice_str_n(s.data + 1, s.len - 2));
	while (s.len) {
		sluice_str entry = sluice_str_cut(&s, ' ');
		if (entry.len && !is_allowed_origin(entry))
			return false;
	}
	return true;
}

static bool is_feature(sluice_str s)
{
	size_t i = 0;
	while (i < s.len &&
		((s.data[i] >= 'a' && s.data[i] <= 'z') || sluice_is_digit(s.data[i]) ||
			s.data[i] == '-'))
		i++;
	return s.len && i == s.len;
}

int policy_text_check_permissions(sluice_instance *inst, const char *option, sluice_str s)
{
	while (s.data) {
		sluice_str member = sluice_str_trim(sluice_str_cut(&s, ','));
		sluice_str list = member, feature = sluice_str_cut(&list, '=');
		if (is_feature(feature) && list.data && is_allow_list(list))
			continue;
		sluice_conf_error(inst, option,
			"\"%.*s\" is not a permission, and browsers would ignore the whole field",
			(int)member.len, member.data);
		sluice_conf_hint(inst,
			"write camera=() for nobody, geolocation=(self "
			"\"https://maps.example.com\") "
			"for some, with commas in between");
		return -1;
	}
	return 0;
}

int policy_text_check_words(sluice_instance *inst, const char *option, sluice_str s,
	const char *const *words, size_t n)
{
	char known[256];
	size_t used = 0;
	for (size_t i = 0; i < n && used < sizeof(known); i++)
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", i ? ", " : "",
			words[i]);
	while (s.data) {
		sluice_str word = sluice_str_trim(sluice_str_cut(&s, ','));
		if (is_one_of(word, words, n))
			continue;
		sluice_conf_error(inst, option, "\"%.*s\" means nothing here", (int)word.len,
			word.data);
		sluice_conf_hint(inst, "one of %s; or false to leave the field out", known);
		return -1;
	}
	return 0;
}
