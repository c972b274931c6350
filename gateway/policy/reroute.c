/* Sending a request elsewhere. See reroute.h. */
#include "policy/reroute.h"

#include "http/query.h"
#include "http/uri.h"
#include "policy/blame.h"
#include "policy/edit.h"
#include "policy/guard.h"
#include "policy/stage.h"

/* ---- when ---------------------------------------------------------------------------------- */

/* Whether f is the first call of a BUFFER hook. A hook that left a part of the body may be called
 * again after the head was sent. */
static bool reroute_is_early_body(const sluice_exchange *x, const struct frame *f)
{
	return f->call == RUN_REQUEST_BODY && f->stage->mode == SLUICE_BODY_BUFFER &&
		!f->stage->left && !x->response;
}

static bool reroute_is_in_time(const sluice_exchange *x)
{
	const struct frame *f = x->frame;
	return f->call == RUN_REQUEST || reroute_is_early_body(x, f);
}

/* Log why the change is refused, and return false. what: the part of the request. */
static bool reroute_refuse(const char *what, const char *why)
{
	blame_caller(BLAME_CHANGE, "the %s of the request stays as it is: %s", what, why);
	return false;
}

/* Whether the running hook may change where the request goes. */
static bool reroute_may(const sluice_exchange *x, const char *what)
{
	if (!guard_hook(x, "a change of where the request goes"))
		return false;
	return reroute_is_in_time(x) ||
		reroute_refuse(what,
			"only on_request and a BUFFER hook on the request's body may change it");
}

/* ---- target -------------------------------------------------------------------------------- */

/* All is in x's memory; the query's data is NULL where there is none. sent: see request_head. */
static bool reroute_set(sluice_exchange *x, sluice_str path, sluice_str sent, sluice_str query)
{
	struct request_head *h = x->request;
	if (!x->asked) {
		struct run_asked *asked = arena_new(x->arena, struct run_asked);
		if (!asked)
			return false; /* the arena remembers the failure: the request is refused */
		*asked = (struct run_asked){ .path = h->path, .query = h->query };
		x->asked = asked;
	}
	h->form = TARGET_ORIGIN;
	h->path = path;
	h->sent_path = sent;
	h->query = query;
	h->has_query = query.data != NULL;
	return true;
}

/* Why path cannot be the path of a request; NULL: it can. */
static const char *reroute_path_refused(sluice_exchange *x, sluice_str path)
{
	sluice_str normal;
	if (!path.len || path.data[0] != '/')
		return "the path does not begin with /";
	if (uri_normalise_path(path, x->arena, &normal) < 0)
		return "the path is malformed";
	return str_eq(path, normal) ? NULL : "the path is not in its normal form";
}

bool reroute_target(sluice_exchange *x, sluice_str path, sluice_str query)
{
	if (!reroute_may(x, "target"))
		return false;
	const char *why = reroute_path_refused(x, path);
	if (!why && query.data && !uri_is_query(query))
		why = "the query has a byte that no query has";
	if (why)
		return reroute_refuse("target", why);
	path = arena_str(x->arena, path);
	query = query.data ? arena_str(x->arena, query) : STR_NONE;
	if (x->arena->failed)
		return false;
	return frame_reports(x, "target") || reroute_set(x, path, STR_NONE, query);
}

/* ---- query --------------------------------------------------------------------------------- */

/* Whether parameters of that name can be changed. */
static bool reroute_may_query(const sluice_exchange *x, sluice_str name)
{
	if (!reroute_may(x, "query"))
		return false;
	if (!name.len)
		return reroute_refuse("query", "the name of a parameter is empty");
	return x->request->form != TARGET_ASTERISK ||
		reroute_refuse("query", "the target * has none");
}

/* Set the parameter, or with value NULL remove it; in the gateway's own name. */
static bool reroute_query_anyhow(sluice_exchange *x, sluice_str name, const sluice_str *value)
{
	struct request_head *h = x->request;
	size_t room = QUERY_ROOM(h->query, name, value ? *value : STR_NONE);
	char *at = arena_alloc(x->arena, room);
	if (!at)
		return false;
	size_t n = query_replace(h->query, name, value, at);
	return reroute_set(x, h->path, h->sent_path, n ? str_n(at, n) : STR_NONE);
}

static bool reroute_query(sluice_exchange *x, sluice_str name, const sluice_str *value)
{
	return frame_reports(x, "target") || reroute_query_anyhow(x, name, value);
}

bool reroute_query_set(sluice_exchange *x, sluice_str name, sluice_str value)
{
	return reroute_may_query(x, name) && reroute_query(x, name, &value);
}

bool reroute_query_remove(sluice_exchange *x, sluice_str name)
{
	if (!reroute_may_query(x, name))
		return false;
	sluice_str rest = x->request->query, value;
	return !query_find(&rest, name, &value) || reroute_query(x, name, NULL);
}

void reroute_take_parameter(sluice_exchange *x, sluice_str name)
{
	sluice_str rest = x->request->query, value;
	if (x->request->form != TARGET_ASTERISK && query_find(&rest, name, &value))
		(void)reroute_query_anyhow(x, name, NULL); /* the arena remembers a failure */
}

/* ---- host ---------------------------------------------------------------------------------- */

bool reroute_host(sluice_exchange *x, sluice_str host)
{
	if (!reroute_may(x, "host"))
		return false;
	const char *why = edit_host_refused(host);
	if (why)
		return reroute_refuse("host", why);
	if (frame_reports(x, "host"))
		return true;
	host = arena_str(x->arena, host);
	if (!host.data)
		return false;
	edit_host(x, host);
	return true;
}

/* ---- upstream ------------------------------------------------------------------------------ */

bool reroute_upstream(sluice_exchange *x, const sluice_upstream *u)
{
	if (!reroute_may(x, "upstream"))
		return false;
	const struct chain_item *item = run_item(x);
	if (!u)
		return reroute_refuse("upstream", "none is named");
	if (u->inst != item->inst)
		return reroute_refuse("upstream", "it was named by another instance");
	if (frame_reports(x, "upstream"))
		return true;
	x->upstream = (int32_t)item->upstreams[u->at];
	x->upstream_name = u->name;
	timeline_add(x->timeline, "goes to upstream", u->name, 0);
	return true;
}
