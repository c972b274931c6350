/*
 * redirect: answers requests with the URL where they belong. Which host that is, the operator says
 * and no client. Hooks run on the worker's thread.
 */
#include <sluice/plugin.h>

#include <stdio.h>

#include <sluice/str.h>

#include "../shared/path.h"
#include "../shared/uri_text.h"
#include "check.h"
#include "conf.h"

static const char *const scheme_choices[] = { "keep", "http", "https", NULL };
static const char *const query_choices[] = { "keep", "drop", NULL };

static const sluice_option redirect_options[] = {
	SLUICE_OPTION(SLUICE_T_ENUM, struct redirect, scheme, .def = "keep",
		.choices = scheme_choices, .doc = "scheme to lead to"),
	SLUICE_OPTION(SLUICE_T_STR, struct redirect, host,
		.doc = "host to lead to, without port, with facts: www.{host}; left out: the one "
		       "that the client asked for"),
	SLUICE_OPTION(SLUICE_T_STRS, struct redirect, hosts, .max = "256",
		.doc = "hosts that clients may be redirected to when they asked for them: "
		       "shop.example, *.shop.example, or \"*\" where match.host of the route says "
		       "it; others get 421; needed where host does not name the whole host"),
	SLUICE_OPTION(SLUICE_T_UINT, struct redirect, port, .min = "1", .max = "65535",
		.doc = "port to lead to; left out: the standard port of a scheme that changes, "
		       "else "
		       "the one that the client asked for"),
	SLUICE_OPTION(SLUICE_T_STR, struct redirect, path,
		.doc = "path to lead to, with facts: /people/{path:id}; left out: the request's"),
	SLUICE_OPTION(SLUICE_T_ENUM, struct redirect, query, .def = "keep",
		.choices = query_choices, .doc = "what becomes of the request's query"),
	SLUICE_OPTION(SLUICE_T_ENUM, struct redirect, status, .choices = redirect_statuses,
		.doc = "status code; left out: 308 where the scheme changes and host and path "
		       "stay, else 307"),
	SLUICE_OPTION(SLUICE_T_STRS, struct redirect, except, .max = "64",
		.doc = "paths that pass: /path, or /path/* for it and all below it"),
	SLUICE_OPTIONS_END,
};

/* ---- where it leads ------------------------------------------------------------------------ */

enum { PORT_HTTP = 80, PORT_HTTPS = 443, PORT_TEXT = 8 };

/* A URL. */
struct place {
	sluice_str host;
	uint64_t port; /* 0: not known */
	bool is_https;
};

static uint64_t standard_port(bool is_https)
{
	return is_https ? PORT_HTTPS : PORT_HTTP;
}

/* The port in the Host field; 0 when it is not known: HTTP/2 has no such field, and with an
 * absolute target another host may stand there. */
static uint64_t asked_port(sluice_exchange *x, const struct place *asked)
{
	sluice_str rest = sluice_field(x, SLUICE_REQUEST, SLUICE_STR("Host"));
	uint64_t port = 0;
	if (rest.len < asked->host.len || !rest.len ||
		!sluice_str_ieq(sluice_str_n(rest.data, asked->host.len), asked->host))
		return 0;
	rest = sluice_str_skip(rest, asked->host.len);
	if (rest.len && rest.data[0] == '.')
		rest = sluice_str_skip(rest, 1);
	if (rest.len < 2)
		return standard_port(asked->is_https);
	return rest.data[0] == ':' && sluice_str_u64(sluice_str_skip(rest, 1), &port) ? port : 0;
}

static struct place place_asked(sluice_exchange *x)
{
	struct place p = { .host = sluice_get(x, SLUICE_I_HOST),
		.is_https = sluice_str_is(sluice_get(x, SLUICE_I_SCHEME), "https") };
	p.port = asked_port(x, &p);
	return p;
}

static bool is_below(sluice_str host, sluice_str name)
{
	return host.len > name.len + 1 && host.data[host.len - name.len - 1] == '.' &&
		sluice_str_eq(sluice_str_skip(host, host.len - name.len), name);
}

/* Whether the redirect may lead to, or be made of, the host that the client asked for. */
static bool host_is_ours(const struct redirect *r, sluice_str host)
{
	for (size_t i = 0; i < r->n_patterns; i++) {
		const struct host_pattern *p = &r->patterns[i];
		if (p->is_parent ? is_below(host, p->name) : sluice_str_eq(host, p->name))
			return true;
	}
	return r->is_any_host;
}

static bool is_open(const struct redirect *r, sluice_str path)
{
	for (size_t i = 0; i < r->except.n; i++) {
		const struct open_path *o = &r->open[i];
		if (o->has_below ? path_is_under(path, o->path) : sluice_str_eq(path, o->path))
			return true;
	}
	return false;
}

/* ---- requests ------------------------------------------------------------------------------ */

/* What comes of a text for this request. */
enum outcome {
	OUTCOME_OK = 0,
	OUTCOME_MISSING,   /* a fact in it has no value */
	OUTCOME_MALFORMED, /* it would be no host, or no path */
	OUTCOME_NO_HOST,   /* the client named none */
	OUTCOME_NOT_OURS,  /* the client named another one */
	OUTCOME_NO_MEMORY
};

static enum outcome outcome_of(sluice_template_result r)
{
	if (r == SLUICE_TEMPLATE_OK)
		return OUTCOME_OK;
	return r == SLUICE_TEMPLATE_MISSING ? OUTCOME_MISSING : OUTCOME_NO_MEMORY;
}

static sluice_verdict refuse(sluice_exchange *x, enum outcome o)
{
	switch (o) {
	case OUTCOME_MISSING:
		return sluice_refuse(x, 400, "redirect-missing",
			"The request lacks a value that the redirect is made of.");
	case OUTCOME_MALFORMED:
		return sluice_refuse(x, 400, "redirect-malformed",
			"The request would be redirected to a malformed URL.");
	case OUTCOME_NO_HOST:
		return sluice_refuse(x, 400, "redirect-no-host",
			"The request names no host, and can only be redirected with one.");
	case OUTCOME_NOT_OURS:
		return sluice_refuse(x, 421, "redirect-host", "This host is not served here.");
	case OUTCOME_OK:
	case OUTCOME_NO_MEMORY:
		break;
	}
	return SLUICE_FAIL;
}

/* The host that the redirect leads to. */
static enum outcome compute_host(sluice_exchange *x, const struct redirect *r, sluice_str asked,
	sluice_str *out)
{
	*out = asked;
	if (r->uses_asked && !asked.len)
		return OUTCOME_NO_HOST;
	if (!r->host_text || uri_text_is_fixed(r->host_text, out))
		return OUTCOME_OK;
	enum outcome o = outcome_of(uri_text_write(x, r->host_text, out));
	if (o == OUTCOME_OK &&
		(memchr(out->data, ':', out->len) ||
			sluice_field_refused(SLUICE_REQUEST, SLUICE_FIELD_SET, SLUICE_STR("Host"),
				*out)))
		return OUTCOME_MALFORMED;
	return o;
}

/* Whether a path or a query has no byte that is to be escaped in a URI (RFC 3986 2). */
static bool is_uri_text(sluice_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		switch (s.data[i]) {
		case '"':
		case '<':
		case '>':
		case '\\':
		case '^':
		case '`':
		case '{':
		case '|':
		case '}':
			return false;
		default:
			break;
		}
	}
	return true;
}

/* Most paths and queries of clients are taken as they are, which costs little. */
static enum outcome write_part(sluice_exchange *x, const sluice_template *t, bool is_asked,
	sluice_str asked, sluice_str *out)
{
	*out = asked;
	if (is_asked && is_uri_text(asked))
		return OUTCOME_OK;
	return outcome_of(uri_text_write(x, t, out));
}

static enum outcome compute_target(sluice_exchange *x, const struct redirect *r, sluice_str asked,
	sluice_str *path, sluice_str *query)
{
	enum outcome o = write_part(x, r->path_text, !r->has_own_path, asked, path);
	sluice_str asked_query = sluice_get(x, SLUICE_I_QUERY);
	*query = SLUICE_STR_NONE;
	if (o != OUTCOME_OK)
		return o;
	/* OPTIONS * has no path; that of another request is normal */
	if (r->has_own_path ? !path_is_normal(*path) : !asked.len || asked.data[0] != '/')
		return OUTCOME_MALFORMED;
	if (!asked_query.data || !r->query_text)
		return OUTCOME_OK;
	return write_part(x, r->query_text, true, asked_query, query);
}

static struct place compute_place(const struct redirect *r, const struct place *asked,
	sluice_str host)
{
	struct place to = { .host = host, .is_https = asked->is_https, .port = r->port };
	if (r->scheme != SCHEME_KEEP)
		to.is_https = r->scheme == SCHEME_HTTPS;
	if (!to.port && to.is_https == asked->is_https)
		to.port = asked->port;
	return to;
}

/* Whether the client is where the redirect leads. A port that is not known is taken for the right
 * one, so that no client is led in a circle. */
static bool is_there(const struct place *asked, const struct place *to)
{
	bool same_port = !to->port || !asked->port || to->port == asked->port;
	return to->is_https == asked->is_https && same_port &&
		sluice_str_ieq(to->host, asked->host);
}

static sluice_verdict answer(sluice_exchange *x, const struct redirect *r, const struct place *to,
	sluice_str path, sluice_str query)
{
	char port[PORT_TEXT] = "";
	sluice_str parts[] = { SLUICE_STR(""), SLUICE_STR(""), SLUICE_STR(""), path,
		query.data ? SLUICE_STR("?") : SLUICE_STR(""), query };
	if (r->is_absolute) {
		parts[0] = to->is_https ? SLUICE_STR("https://") : SLUICE_STR("http://");
		parts[1] = to->host;
		if (to->port && to->port != standard_port(to->is_https))
			(void)snprintf(port, sizeof(port), ":%u", (unsigned)to->port);
		parts[2] = sluice_str_of(port);
	}
	size_t room = 0, n = sizeof(parts) / sizeof(parts[0]);
	for (size_t i = 0; i < n; i++)
		room += parts[i].len;
	char *start = sluice_alloc(x, room), *at = start;
	if (!start)
		return SLUICE_FAIL;
	for (size_t i = 0; i < n; i++)
		at = sluice_str_put(at, parts[i]);
	const sluice_pair location = { SLUICE_STR("Location"), sluice_str_n(start, room) };
	return sluice_answer_with(x,
		&(sluice_answer){ .size = sizeof(sluice_answer),
			.status = r->code,
			.headers = { &location, 1 } });
}

/* Whether `hosts` has to say whether the client's host is one of ours: always where it is given. */
static enum outcome judge_host(const struct redirect *r, sluice_str asked)
{
	if (!r->hosts.n || host_is_ours(r, asked))
		return OUTCOME_OK;
	return asked.len ? OUTCOME_NOT_OURS : OUTCOME_NO_HOST;
}

static sluice_verdict redirect_on_request(sluice_exchange *x, const void *conf)
{
	const struct redirect *r = conf;
	sluice_str path = sluice_get(x, SLUICE_I_PATH), target, query, host = SLUICE_STR("");
	enum outcome o = OUTCOME_OK;
	if (is_open(r, path))
		return SLUICE_NEXT;
	struct place asked = place_asked(x);
	if (r->is_absolute)
		o = compute_host(x, r, asked.host, &host);
	if (o != OUTCOME_OK)
		return refuse(x, o);
	struct place to = compute_place(r, &asked, host);
	bool same = !r->is_absolute || is_there(&asked, &to);
	if (same && !r->has_own_path)
		return SLUICE_NEXT;
	o = compute_target(x, r, path, &target, &query);
	if (o == OUTCOME_OK && same && sluice_str_eq(target, path))
		return SLUICE_NEXT;
	if (o == OUTCOME_OK)
		o = judge_host(r, asked.host);
	return o == OUTCOME_OK ? answer(x, r, &to, target, query) : refuse(x, o);
}

SLUICE_PLUGIN("redirect", .version = "1.0",
	.summary = "answers requests with the URL where they belong", .options = redirect_options,
	.conf_size = sizeof(struct redirect), .check = redirect_check,
	.on_request = redirect_on_request);
