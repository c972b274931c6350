/* The check of the options of redirect. See the header. */
#include "check.h"

#include <stdio.h>

#include <sluice/str.h>

#include "../shared/path.h"
#include "../shared/uri_text.h"

const char *const redirect_statuses[] = { "301", "302", "303", "307", "308", NULL };
static const int codes[] = { 301, 302, 303, 307, 308 };
enum { BY_DEFAULT_SCHEME = 308, BY_DEFAULT = 307 };

/* ---- hosts --------------------------------------------------------------------------------- */

/* Whether a text can be the host of a URI: no port, no user. */
static bool is_host(sluice_str text)
{
	bool has_port = memchr(text.data, ':', text.len) != NULL;
	return text.len && (!has_port || (text.data[0] == '[' && text.data[text.len - 1] == ']')) &&
		!sluice_field_refused(SLUICE_REQUEST, SLUICE_FIELD_SET, SLUICE_STR("Host"), text);
}

static sluice_str lower(sluice_instance *inst, sluice_str text)
{
	char *copy = sluice_conf_alloc(inst, text.len + 1);
	for (size_t i = 0; i < text.len; i++)
		copy[i] = sluice_lower(text.data[i]);
	return sluice_str_n(copy, text.len);
}

static int check_pattern(sluice_instance *inst, struct redirect *r, size_t i)
{
	char option[64];
	sluice_str name = r->hosts.v[i];
	if (sluice_str_is(name, "*")) {
		r->is_any_host = true;
		return 0;
	}
	bool is_parent = sluice_str_starts(name, SLUICE_STR("*."));
	if (is_parent)
		name = sluice_str_skip(name, 2);
	if (!is_host(name)) {
		(void)snprintf(option, sizeof(option), "hosts[%zu]", i);
		sluice_conf_error(inst, option, "\"%.*s\" is no host", (int)r->hosts.v[i].len,
			r->hosts.v[i].data);
		sluice_conf_hint(inst,
			"write shop.example, *.shop.example for the hosts below it, or \"*\"; "
			"without scheme and port");
		return -1;
	}
	r->patterns[r->n_patterns++] =
		(struct host_pattern){ .name = lower(inst, name), .is_parent = is_parent };
	return 0;
}

static int check_hosts(sluice_instance *inst, struct redirect *r)
{
	int rc = 0;
	r->patterns = sluice_conf_alloc(inst, r->hosts.n * sizeof(*r->patterns));
	for (size_t i = 0; i < r->hosts.n; i++) {
		if (check_pattern(inst, r, i) < 0)
			rc = -1;
	}
	return rc;
}

/* The last place of what in text, or NULL. */
static const char *find_last(sluice_str text, const char *what)
{
	const char *found = NULL;
	size_t n = strlen(what);
	for (size_t i = 0; i + n <= text.len; i++) {
		if (memcmp(text.data + i, what, n) == 0)
			found = text.data + i;
	}
	return found;
}

/* Whether no value of a request can choose the domain that the host lies in: labels of its own, two
 * at least since ".com" is no domain of anybody, end the text ("{path:shop}.example.com"), or the
 * host that the client asked for does, which `hosts` bounds ("www.{host}"). */
static bool host_is_bound(sluice_str text)
{
	const char *close = find_last(text, "}"), *own = find_last(text, "{host}");
	if (!close)
		return true;
	sluice_str rest = sluice_str_skip(text, (size_t)(close + 1 - text.data));
	if (rest.len)
		return rest.len > 1 && rest.data[0] == '.' &&
			memchr(rest.data + 1, '.', rest.len - 1) != NULL;
	return own && own + strlen("{host}") == close + 1 && (own == text.data || own[-1] == '.');
}

static int check_host(sluice_instance *inst, struct redirect *r)
{
	sluice_str fixed;
	if (!r->host.len)
		return 0;
	r->host_text = uri_text_compile(inst, "host", r->host);
	if (!r->host_text)
		return -1;
	bool is_fixed = uri_text_is_fixed(r->host_text, &fixed);
	if (is_fixed ? is_host(fixed) : host_is_bound(r->host))
		return 0;
	if (is_fixed) {
		sluice_conf_error(inst, "host", "\"%.*s\" is no host", (int)fixed.len, fixed.data);
		sluice_conf_hint(inst,
			"write www.shop.example, without scheme and path; `port` has the port");
		return -1;
	}
	sluice_conf_error(inst, "host", "a value of the request would choose where \"%.*s\" leads",
		(int)r->host.len, r->host.data);
	sluice_conf_hint(inst,
		"end it with a domain of yours, \"{path:shop}.example.com\", or with .{host}, "
		"which "
		"`hosts` bounds");
	return -1;
}

static int check_bounds(sluice_instance *inst, const struct redirect *r)
{
	if (!r->uses_asked || r->hosts.n)
		return 0;
	sluice_conf_error(inst, NULL,
		"hosts is missing: whoever sends a Host would choose where the redirect leads");
	sluice_conf_hint(inst,
		"name the hosts that you serve, hosts: [shop.example, \"*.shop.example\"]; or "
		"write "
		"hosts: \"*\" where match.host of the route names them");
	return -1;
}

/* ---- paths --------------------------------------------------------------------------------- */

static int check_open(sluice_instance *inst, size_t i, sluice_str text, struct open_path *out)
{
	char option[64];
	size_t n = text.len;
	out->has_below = n >= 2 && text.data[n - 1] == '*' && text.data[n - 2] == '/';
	out->path = sluice_str_n(text.data, out->has_below ? n - 2 : n);
	bool is_pattern = memchr(out->path.data, '*', out->path.len) ||
		memchr(out->path.data, '{', out->path.len);
	if (!is_pattern && ((out->has_below && !out->path.len) || path_is_normal(out->path)))
		return 0;
	(void)snprintf(option, sizeof(option), "except[%zu]", i);
	if (!is_pattern) {
		uri_text_refuse_path(inst, option, text);
		return -1;
	}
	sluice_conf_error(inst, option, "\"%.*s\" is no path and no prefix", (int)text.len,
		text.data);
	sluice_conf_hint(inst, "write /path, or /path/* for it and all below it");
	return -1;
}

static int check_except(sluice_instance *inst, struct redirect *r)
{
	int rc = 0;
	r->open = sluice_conf_alloc(inst, r->except.n * sizeof(*r->open));
	for (size_t i = 0; i < r->except.n; i++) {
		if (check_open(inst, i, r->except.v[i], &r->open[i]) < 0)
			rc = -1;
	}
	return rc;
}

static int check_target(sluice_instance *inst, struct redirect *r)
{
	r->has_own_path = r->path.len > 0;
	r->path_text = r->has_own_path ? uri_text_compile_path(inst, "path", r->path)
				       : uri_text_compile(inst, NULL, SLUICE_STR("{path}"));
	if (r->query == QUERY_KEEP)
		r->query_text = uri_text_compile(inst, NULL, SLUICE_STR("{query}"));
	return r->path_text ? 0 : -1;
}

/* ---- all of it ----------------------------------------------------------------------------- */

/* What moves another scheme of the same URLs is permanent; of other redirects nobody knows that,
 * and a browser would keep a mistake for ever. Neither changes the method (RFC 9110 15.4). */
static int default_code(const struct redirect *r)
{
	return r->scheme != SCHEME_KEEP && !r->host.len && !r->path.len ? BY_DEFAULT_SCHEME
									: BY_DEFAULT;
}

int redirect_check(sluice_instance *inst, void *conf)
{
	struct redirect *r = conf;
	int rc = 0;
	r->is_absolute = r->scheme != SCHEME_KEEP || r->host.len || r->port;
	r->uses_asked = r->is_absolute && (!r->host.len || find_last(r->host, "{host}"));
	r->code = sluice_conf_given(inst, "status") ? codes[r->status] : default_code(r);
	if (!r->is_absolute && !r->path.len) {
		sluice_conf_error(inst, NULL, "it leads nowhere");
		sluice_conf_hint(inst, "give one of scheme, host, port, path");
		rc = -1;
	}
	if (check_hosts(inst, r) < 0 || check_bounds(inst, r) < 0)
		rc = -1;
	if (check_host(inst, r) < 0)
		rc = -1;
	if (check_except(inst, r) < 0)
		rc = -1;
	return check_target(inst, r) < 0 ? -1 : rc;
}
