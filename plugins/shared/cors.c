/* CORS: origins, policies, and the fields of responses. See the header. */
#define _GNU_SOURCE
#include "cors.h"

#include <sluice/str.h>
#include <stdio.h>

#define RESPOND(name, value) sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR(name), (value))
#define ASKED(name) sluice_field(x, SLUICE_REQUEST, SLUICE_STR(name))

/* ---- origins ------------------------------------------------------------------------------- */

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c);
}

/* How many bytes at the front are of a scheme (RFC 3986 3.1). */
static size_t scheme_length(sluice_str s)
{
	size_t n = 0;
	while (n < s.len &&
		(is_lower(s.data[n]) ||
			(n && (sluice_is_digit(s.data[n]) || is_one_of(s.data[n], "+-.")))))
		n++;
	return n;
}

/* A name or an IPv4 address: labels, with one dot between two. Some browsers let names have '_'.
 * A name may end with a dot. */
static size_t name_length(sluice_str s)
{
	size_t n = 0;
	while (n < s.len &&
		(is_lower(s.data[n]) || sluice_is_digit(s.data[n]) || s.data[n] == '-' ||
			s.data[n] == '_' || (s.data[n] == '.' && n && s.data[n - 1] != '.')))
		n++;
	return n;
}

static size_t address_length(sluice_str s)
{
	size_t n = 1;
	while (n < s.len && (sluice_hex_value(s.data[n]) >= 0 || is_one_of(s.data[n], ":.")))
		n++;
	return n > 2 && n < s.len && s.data[n] == ']' ? n + 1 : 0;
}

static bool is_port(sluice_str s)
{
	uint64_t n;
	return s.len <= 5 && s.data[0] != '0' && sluice_str_u64(s, &n) && n <= UINT16_MAX;
}

bool cors_origin_read(sluice_str s, struct cors_origin *out)
{
	static const sluice_str slashes = SLUICE_STR("://");
	struct cors_origin o = { .scheme = { s.data, 0 } };
	if (!s.len || s.len > CORS_ORIGIN_MAX)
		return false;
	o.scheme.len = scheme_length(s);
	s = sluice_str_skip(s, o.scheme.len);
	if (!o.scheme.len || !sluice_str_starts(s, slashes))
		return false;
	s = sluice_str_skip(s, slashes.len);
	bool is_address = s.len && s.data[0] == '[';
	o.host = sluice_str_n(s.data, is_address ? address_length(s) : name_length(s));
	s = sluice_str_skip(s, o.host.len);
	for (size_t i = 0; is_address && i < o.host.len; i++) {
		if (o.host.data[i] >= 'A' && o.host.data[i] <= 'F')
			return false;
	}
	if (s.len && s.data[0] == ':')
		o.port = sluice_str_skip(s, 1);
	if (!o.host.len || (s.len && (s.data[0] != ':' || !o.port.len || !is_port(o.port))))
		return false;
	*out = o;
	return true;
}

static bool has_default_port(const struct cors_origin *o)
{
	return (sluice_str_is(o->scheme, "https") && sluice_str_is(o->port, "443")) ||
		(sluice_str_is(o->scheme, "http") && sluice_str_is(o->port, "80"));
}

/* ---- check() ------------------------------------------------------------------------------- */

void cors_policy_init(sluice_instance *inst, struct cors_policy *p, size_t n)
{
	p->patterns = sluice_conf_alloc(inst, n * sizeof(*p->patterns));
	p->n_patterns = 0;
}

/* What was probably meant: with a scheme, in lower case, without a path and a default port. Empty
 * when that is no origin either. */
static sluice_str suggestion(sluice_str text, char *out, size_t room)
{
	struct cors_origin o;
	bool has_scheme = text.len && memmem(text.data, text.len, "://", 3);
	int n = snprintf(out, room, "%s%.*s", has_scheme ? "" : "https://", (int)text.len,
		text.data);
	if (n < 0 || (size_t)n >= room)
		return SLUICE_STR("");
	char *host = strstr(out, "://") + 3, *path = strchr(host, '/');
	if (path)
		*path = '\0';
	for (char *at = out; *at; at++)
		*at = sluice_lower(*at);
	sluice_str s = sluice_str_of(out);
	if (!cors_origin_read(s, &o))
		return SLUICE_STR("");
	return has_default_port(&o) ? sluice_str_n(out, s.len - o.port.len - 1) : s;
}

static const char *why_no_origin(sluice_str text)
{
	bool has_scheme = text.len && memmem(text.data, text.len, "://", 3), upper = false;
	for (size_t i = 0; i < text.len; i++) {
		upper |= text.data[i] >= 'A' && text.data[i] <= 'Z';
		if ((unsigned char)text.data[i] > 0x7f)
			return "browsers write names in ASCII, as xn--...";
	}
	if (memchr(text.data, '*', text.len))
		return "this is no place for a star";
	if (!has_scheme)
		return "it has no scheme";
	if (upper)
		return "browsers write it in lower case";
	return "it consists of a scheme, a host, and a port that is not the default one";
}

static int refuse_origin(sluice_instance *inst, const char *option, sluice_str text, bool stars)
{
	char room[CORS_ORIGIN_MAX + 1];
	sluice_str meant = suggestion(text, room, sizeof(room));
	sluice_conf_error(inst, option, "\"%.*s\" is not an origin: %s", (int)text.len, text.data,
		why_no_origin(text));
	if (meant.len)
		sluice_conf_hint(inst, "write \"%.*s\"", (int)meant.len, meant.data);
	else if (stars)
		sluice_conf_hint(inst,
			"write https://app.example.com, https://*.example.com for all names below "
			"it, http://localhost:* for all ports, or \"*\" for every origin");
	else
		sluice_conf_hint(inst,
			"write scheme://host in lower case, as in https://app.example.com, or "
			"\"*\" for every origin");
	return -1;
}

/* The text without its stars: "*." in front of the host, ":*" at the end. */
static sluice_str take_stars(sluice_instance *inst, sluice_str text, struct cors_pattern *p)
{
	static const sluice_str star = SLUICE_STR("://*."), ports = SLUICE_STR(":*");
	const char *at = text.len ? memmem(text.data, text.len, star.data, star.len) : NULL;
	char *out = sluice_conf_alloc(inst, text.len + 1), *end = out;
	if (at) {
		p->subdomains = true;
		end = sluice_str_put(end, sluice_str_n(text.data, (size_t)(at - text.data) + 3));
		text = sluice_str_skip(text, (size_t)(at - text.data) + star.len);
	}
	if (text.len > ports.len &&
		sluice_str_eq(sluice_str_skip(text, text.len - ports.len), ports)) {
		p->any_port = true;
		text.len -= ports.len;
	}
	end = sluice_str_put(end, text);
	p->has_star = p->subdomains || p->any_port;
	return sluice_str_n(out, (size_t)(end - out));
}

int cors_policy_add(sluice_instance *inst, const char *option, sluice_str text, bool stars,
	struct cors_policy *p)
{
	struct cors_pattern *q = &p->patterns[p->n_patterns];
	if (sluice_str_is(text, "*")) {
		p->any = true;
		return 0;
	}
	*q = (struct cors_pattern){ .text = text };
	sluice_str bare = stars ? take_stars(inst, text, q) : text;
	if (!sluice_str_is(text, "null") &&
		(!cors_origin_read(bare, &q->parts) || has_default_port(&q->parts) ||
			(q->any_port && q->parts.port.data)))
		return refuse_origin(inst, option, text, stars);
	p->n_patterns++;
	return 0;
}

int cors_policy_close(sluice_instance *inst, struct cors_policy *p)
{
	if (p->credentials && p->any) {
		sluice_conf_error(inst, "credentials",
			"cookies cannot be permitted for the origin \"*\": every page of the world "
			"could act for its visitor");
		sluice_conf_hint(inst, "name the origins");
		return -1;
	}
	if (p->credentials && cors_permits(p, SLUICE_STR("null"))) {
		sluice_conf_error(inst, "credentials",
			"cookies cannot be permitted for the origin \"null\": every page can take "
			"it, by a frame in a sandbox");
		sluice_conf_hint(inst, "take \"null\" out of the origins");
		return -1;
	}
	return 0;
}

int cors_check_fields(sluice_instance *inst, const char *option, sluice_strs names)
{
	char at[64];
	for (size_t i = 0; i < names.n; i++) {
		const char *wrong = sluice_field_refused(SLUICE_RESPONSE, SLUICE_FIELD_REMOVE,
			names.v[i], SLUICE_STR(""));
		if (!wrong)
			continue;
		(void)snprintf(at, sizeof(at), "%s[%zu]", option, i);
		sluice_conf_error(inst, at, "\"%.*s\" is not a field that pages can send or read",
			(int)names.v[i].len, names.v[i].data);
		return -1;
	}
	return 0;
}

sluice_str cors_join(sluice_instance *inst, sluice_str first, sluice_strs names)
{
	size_t room = first.len + 1;
	for (size_t i = 0; i < names.n; i++)
		room += names.v[i].len + 2;
	char *out = sluice_conf_alloc(inst, room), *at = sluice_str_put(out, first);
	for (size_t i = 0; i < names.n; i++) {
		at = at == out ? at : sluice_str_put(at, SLUICE_STR(", "));
		at = sluice_str_put(at, names.v[i]);
	}
	return sluice_str_n(out, (size_t)(at - out));
}

sluice_str cors_seconds(sluice_instance *inst, uint64_t ms)
{
	char *out = sluice_conf_alloc(inst, 24);
	(void)snprintf(out, 24, "%llu", (unsigned long long)(ms / 1000));
	return sluice_str_of(out);
}

/* ---- requests ------------------------------------------------------------------------------ */

static bool pattern_is(const struct cors_pattern *p, const struct cors_origin *o)
{
	sluice_str base = p->parts.host;
	size_t below = p->subdomains ? o->host.len - base.len : 0; /* bytes in front of base */
	if (o->host.len < base.len + (p->subdomains ? 2 : 0) ||
		!sluice_str_eq(sluice_str_skip(o->host, below), base) ||
		(p->subdomains && o->host.data[below - 1] != '.'))
		return false;
	return sluice_str_eq(o->scheme, p->parts.scheme) &&
		(p->any_port || sluice_str_eq(o->port, p->parts.port));
}

bool cors_permits(const struct cors_policy *p, sluice_str origin)
{
	struct cors_origin o;
	bool stars = false;
	for (size_t i = 0; i < p->n_patterns; i++) {
		stars |= p->patterns[i].has_star;
		if (!p->patterns[i].has_star && sluice_str_eq(p->patterns[i].text, origin))
			return true;
	}
	if (p->any || !stars || !cors_origin_read(origin, &o))
		return p->any;
	for (size_t i = 0; i < p->n_patterns; i++) {
		if (p->patterns[i].has_star && pattern_is(&p->patterns[i], &o))
			return true;
	}
	return false;
}

bool cors_is_preflight(sluice_exchange *x)
{
	return sluice_str_is(sluice_get(x, SLUICE_I_METHOD), "OPTIONS") && ASKED("origin").data &&
		ASKED("access-control-request-method").data;
}

/* Whether a Vary says already that the response depends on Origin. */
static bool names_origin(sluice_str vary)
{
	while (vary.len) {
		sluice_str name = sluice_str_trim(sluice_str_cut(&vary, ','));
		if (sluice_str_is(name, "*") || sluice_str_ieq(name, SLUICE_STR("origin")))
			return true;
	}
	return false;
}

bool cors_is_field(sluice_str name)
{
	static const sluice_str prefix = SLUICE_STR("access-control-");
	return name.len > prefix.len && sluice_lower(name.data[0]) == 'a' &&
		sluice_str_ieq(sluice_str_n(name.data, prefix.len), prefix);
}

void cors_look(sluice_exchange *x, struct cors_found *out)
{
	static const sluice_str vary = SLUICE_STR("vary"),
				allow = SLUICE_STR("access-control-allow-origin");
	sluice_pair f;
	*out = (struct cors_found){ 0 };
	for (size_t i = 0; sluice_field_next(x, SLUICE_RESPONSE, &i, &f);) {
		if (f.name.len == vary.len && sluice_str_ieq(f.name, vary))
			out->vary |= names_origin(f.value);
		if (!cors_is_field(f.name))
			continue;
		out->any = true;
		out->allow_origin |= sluice_str_ieq(f.name, allow);
	}
}

void cors_remove(sluice_exchange *x)
{
	sluice_pair f;
	for (size_t i = 0; sluice_field_next(x, SLUICE_RESPONSE, &i, &f);) {
		if (cors_is_field(f.name))
			sluice_field_remove(x, SLUICE_RESPONSE, f.name);
	}
}

void cors_vary(sluice_exchange *x, const struct cors_policy *p, const struct cors_found *f)
{
	static const char asked[] = "Origin, Access-Control-Request-Method, "
				    "Access-Control-Request-Headers, "
				    "Access-Control-Request-Private-Network";
	sluice_str names = SLUICE_STR(asked);
	if (!p->private_network)
		names.len -= sizeof(", Access-Control-Request-Private-Network") - 1;
	if (sluice_str_is(sluice_get(x, SLUICE_I_METHOD), "OPTIONS"))
		sluice_field_add(x, SLUICE_RESPONSE, SLUICE_STR("vary"), names);
	else if (!p->any && !f->vary)
		sluice_field_add(x, SLUICE_RESPONSE, SLUICE_STR("vary"), SLUICE_STR("Origin"));
}

void cors_allow(sluice_exchange *x, const struct cors_policy *p, sluice_str origin)
{
	RESPOND("access-control-allow-origin", p->any ? SLUICE_STR("*") : origin);
	if (p->credentials)
		RESPOND("access-control-allow-credentials", SLUICE_STR("true"));
	if (p->expose.len)
		RESPOND("access-control-expose-headers", p->expose);
}

/* What the preflight asks for, if it can stand in a list of names; else empty. */
static sluice_str repeated(sluice_str asked)
{
	if (asked.len > CORS_ASKED_MAX)
		return SLUICE_STR("");
	for (size_t i = 0; i < asked.len; i++) {
		if (!sluice_is_token_char(asked.data[i]) && !is_one_of(asked.data[i], ", \t"))
			return SLUICE_STR("");
	}
	return asked;
}

void cors_allow_preflight(sluice_exchange *x, const struct cors_policy *p, sluice_str origin)
{
	sluice_str methods = p->methods, fields = p->fields;
	cors_allow(x, p, origin);
	if (p->credentials && p->any_method)
		methods = repeated(ASKED("access-control-request-method"));
	if (p->credentials && p->any_field)
		fields = repeated(ASKED("access-control-request-headers"));
	if (methods.len)
		RESPOND("access-control-allow-methods", methods);
	if (fields.len)
		RESPOND("access-control-allow-headers", fields);
	if (p->max_age.len)
		RESPOND("access-control-max-age", p->max_age);
	if (p->private_network &&
		sluice_str_is(ASKED("access-control-request-private-network"), "true"))
		RESPOND("access-control-allow-private-network", SLUICE_STR("true"));
}

sluice_verdict cors_refuse(sluice_exchange *x)
{
	return sluice_refuse(x, 403, "origin-refused",
		"Pages of this origin may not call this service.");
}
