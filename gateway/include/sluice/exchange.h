/*
 * What a plugin may do with an exchange: read and change it, answer, wait, and see its bodies. Part
 * of sluice/plugin.h. Call all of it on the worker thread of that exchange, except where a comment
 * says "any thread".
 */
#ifndef SLUICE_EXCHANGE_H
#define SLUICE_EXCHANGE_H

#include <sluice/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- an exchange, worker thread ------------------------------------------------------------ */

/* A fact of the exchange, in any hook, on_complete included. It is found out when it is asked for;
 * a fact that nobody asks for costs nothing. Lives as long as x. */
static inline sluice_str sluice_get(sluice_exchange *x, sluice_info what)
{
	return sluice_host_table->get(x, (int)what);
}
/* A number of the exchange, in any hook; SLUICE_UNKNOWN when it is not known, or not yet. */
static inline int64_t sluice_number(sluice_exchange *x, sluice_number_id what)
{
	return sluice_host_table->number(x, (int)what);
}
/* Value of the first field of that name (compared without case); data is NULL when there is none.
 * Lives as long as x. */
static inline sluice_str sluice_field(sluice_exchange *x, sluice_side side, sluice_str name)
{
	return sluice_host_table->field(x, (int)side, name);
}
/* Walk all fields: *iter starts at 0. */
static inline bool sluice_field_next(sluice_exchange *x, sluice_side side, size_t *iter,
	sluice_pair *out)
{
	return sluice_host_table->field_next(x, (int)side, iter, out);
}
/* Set replaces every field of that name; add appends one; remove takes all away. name and value are
 * copied. A response has Date, Server and Content-Type once: to add one sets it. In a request, set
 * and remove compare names by sluice_names_alike(), and apply to the trailers behind its body as
 * well. Fields that frame the message, belong to the connection or (in a request) are written by
 * the gateway are not changed; the log then has a warning. A value with control bytes is not
 * written either, with a warning; set still removes the old fields then, so that no old value is
 * taken for the new one. One exception: `te: trailers` may be set in a request, and asks the
 * upstream for trailers. */
static inline void sluice_field_set(sluice_exchange *x, sluice_side side, sluice_str name,
	sluice_str value)
{
	sluice_host_table->field_set(x, (int)side, name, value);
}
static inline void sluice_field_add(sluice_exchange *x, sluice_side side, sluice_str name,
	sluice_str value)
{
	sluice_host_table->field_add(x, (int)side, name, value);
}
static inline void sluice_field_remove(sluice_exchange *x, sluice_side side, sluice_str name)
{
	sluice_host_table->field_remove(x, (int)side, name);
}
/* Status code of the final response, 0 before there is one. */
static inline int sluice_response_status(sluice_exchange *x)
{
	return sluice_host_table->response_status(x);
}
/* Memory of the exchange, aligned for any type, not zeroed. NULL when the exchange's budget is
 * spent: return SLUICE_FAIL. */
static inline void *sluice_alloc(sluice_exchange *x, size_t n)
{
	return sluice_host_table->alloc(x, n);
}
/* Memory of the exchange for this plugin at its place in the list of the listener or route. The
 * first call returns it zeroed, and every later call, from any hook, returns the same memory. n
 * must be the same in each call. NULL as for sluice_alloc(). */
static inline void *sluice_state(sluice_exchange *x, size_t n)
{
	return sluice_host_table->state(x, n);
}
/* Call fn(arg) when the exchange ends, after on_complete. The function that was registered last is
 * called first. When the exchange's memory is spent, fn(arg) is called at once, before this
 * returns: what arg points to may then be gone. */
static inline void sluice_cleanup(sluice_exchange *x, void (*fn)(void *), void *arg)
{
	sluice_host_table->cleanup(x, fn, arg);
}
/* This worker's state of the running plugin instance. */
static inline void *sluice_worker_state(sluice_exchange *x)
{
	return sluice_host_table->worker_state(x);
}
/* The value last published for this instance, or NULL. Valid until the hook returns: after a wait,
 * ask again. */
static inline const void *sluice_published(sluice_exchange *x)
{
	return sluice_host_table->published(x);
}
/* Ask the main thread to run on_refresh(). */
static inline void sluice_refresh(sluice_exchange *x)
{
	sluice_host_table->refresh(x);
}
/* Value of a key expression; data is NULL when it has none (no such header, no such claim). Lives
 * as long as x. */
static inline sluice_str sluice_expr_value(sluice_exchange *x, const sluice_expr *e)
{
	return sluice_host_table->expr(x, e);
}
/* The same, and tells how many values the request has. Where it has several, *out is all of them,
 * joined, in an order that the client chose: a plugin that decides by the value should refuse such
 * a request. */
static inline sluice_reading sluice_expr_read(sluice_exchange *x, const sluice_expr *e,
	sluice_str *out)
{
	return sluice_host_table->expr_read(x, e, out);
}
/* Whether the request, as it is now, meets all parts of an option of type SLUICE_T_WHEN; a
 * condition that is NULL is met. The host is the one that the client asked for; path, query and
 * fields are those that plugins made of the request; a fact that the request does not have is not
 * met. In any hook. */
static inline sluice_truth sluice_holds(sluice_exchange *x, const sluice_condition *c)
{
	return c ? (sluice_truth)sluice_host_table->holds(x, c) : SLUICE_YES;
}
/* Write the template's text for this request to *out, which has no data unless the result is
 * SLUICE_TEMPLATE_OK. It lives as long as x. */
static inline sluice_template_result sluice_template_write(sluice_exchange *x,
	const sluice_template *t, sluice_str *out)
{
	return sluice_host_table->template_write(x, t, out);
}
/* The network that an address belongs to: "2001:db8:1:2::/64", or the address itself where the
 * prefix covers all its bits. A text that is no IP address is returned as it is. Prefixes in bits,
 * at most 32 and 128. Any thread. */
static inline sluice_str sluice_ip_network(sluice_str ip, unsigned v4_prefix, unsigned v6_prefix,
	char buf[SLUICE_IP_NETWORK])
{
	size_t n = sluice_host_table->ip_network(ip, v4_prefix, v6_prefix, buf);
	return n ? (sluice_str){ buf, n } : ip;
}
/* Attributes: facts that one plugin states, and other plugins and key expressions read
 * (`claim:sub`); the access log has `consumer`. Set one by its full name (copied), or provide a
 * namespace whose members are computed when asked for; the record's `provides` declares them. The
 * gateway itself states `path:NAME`: what the path has where the route's pattern has {NAME}. */
static inline void sluice_attr_set(sluice_exchange *x, sluice_str name, sluice_str value)
{
	sluice_host_table->attr_set(x, name, value);
}
static inline sluice_str sluice_attr(sluice_exchange *x, sluice_str name)
{
	return sluice_host_table->attr(x, name);
}
/* ns: string constant such as "claim"; fn is called with the part after the colon and returns the
 * value; ctx must live as long as x. */
static inline void sluice_attr_provide(sluice_exchange *x, const char *ns, sluice_attr_fn fn,
	void *ctx)
{
	sluice_host_table->attr_provide(x, ns, fn, ctx);
}
/* A short code (string constant of 1 to 64 bytes [a-z0-9-], e.g. "limit-store-down") for the access
 * log and the metrics. */
static inline void sluice_note(sluice_exchange *x, const char *code)
{
	sluice_host_table->note(x, code);
}
/*
 * Answers. Each of these functions returns what the hook must return: SLUICE_REPLY, or SLUICE_FAIL
 * with a line in the log when the answer is refused. They are legal as long as no head of a final
 * response has gone to the client: in on_request, on_response, the hooks on bodies, and the
 * callbacks of their waits; not in on_complete, clean-ups and providers of attributes. A hook may
 * call them again: the last answer counts. In on_response, and in a hook on the response's body,
 * the answer replaces the response, with its fields. It passes the response hooks of the plugins
 * before this one like any response, and changes to the response that were asked for before there
 * was one (sluice_field_set() in on_request) are made to it.
 *
 * When the plugin fails after that, none of its answer goes out, nor do the changes to the response
 * that this plugin asked for before there was one: the 500 has those of other plugins alone.
 */

/* Answer with fields and a body of the plugin's own: see sluice_answer. */
static inline sluice_verdict sluice_answer_with(sluice_exchange *x, const sluice_answer *a)
{
	return sluice_host_table->answer_with(x, a);
}
/*
 * Answer with a body that the plugin writes piece by piece, at its own pace: see
 * sluice_answer_stream. Returns at once; the hook that calls it returns its verdict, and the head
 * goes to the client when the response hooks and body hooks of other plugins let it, as that of an
 * upstream's response does.
 *
 * Then s->write is called, and again whenever there is room for more, until the answer has ended.
 * Each call does one of four things: it writes by sluice_answer_write() and returns SLUICE_NEXT, to
 * be called again; it waits (sluice_park(), sluice_fetch(), sluice_sleep() and the others), and the
 * callback goes on in its place, with the same rights; it calls sluice_answer_end() and returns
 * SLUICE_NEXT; or it returns SLUICE_FAIL, which breaks the answer off so that the client does not
 * take it for complete. A call that does nothing of this is a failure of the plugin, because it
 * would be called for ever. No other answer can be given from there.
 *
 * A client that reads slowly holds the plugin: write is not called, and no deadline of the plugin
 * passes. When the client leaves, or another plugin answers in the place of this one, write is not
 * called any more and a wait is dropped; whatever the plugin holds is given back by
 * sluice_cleanup(). Memory of the exchange (sluice_alloc(), fetches) is not freed before it ends:
 * keep what a long answer needs in sluice_state().
 *
 * Once the head has gone, a failure cannot become an answer, so `on_error: skip` does not apply to
 * this hook. Before that (a body hook of another plugin holds the head) the client gets a 500.
 */
static inline sluice_verdict sluice_answer_begin(sluice_exchange *x, const sluice_answer_stream *s)
{
	return sluice_host_table->answer_begin(x, s);
}
/* In the write hook and the callbacks of its waits: the next bytes of the body, copied. They leave
 * when the hook has returned. True: there is room for more. False: they were taken, but write no
 * more and return SLUICE_NEXT, to be called when there is room again. 64 KiB may wait; beyond that
 * a plugin may write 1 MiB more, so that a piece need not be cut. Bytes beyond that limit, or
 * beyond the answer's length, are not taken: the log says so, and the plugin has failed. */
static inline bool sluice_answer_write(sluice_exchange *x, sluice_str bytes)
{
	return sluice_host_table->answer_write(x, bytes);
}
/* There too: the body is complete. It has to be called also when the answer's length is reached.
 * trailers: copied; NULL: none. Those that cannot stand behind a body are left out, with a line in
 * the log; a client that takes no trailers gets none. An answer with fewer bytes than its length is
 * broken off, and the plugin has failed. False: the answer has been ended before, or this is
 * another hook (a line in the log). */
static inline bool sluice_answer_end(sluice_exchange *x, const sluice_pairs *trailers)
{
	return sluice_host_table->answer_end(x, trailers);
}
/* Answer with an RFC 9457 problem document. status 400..599, else SLUICE_FAIL; code: string
 * constant of 1 to 64 bytes [a-z0-9-], stable: it becomes part of the document's type, the log's
 * reason and a metric's label; in place of another code stands "refused"; detail: a sentence for
 * the client, copied. */
static inline sluice_verdict sluice_refuse(sluice_exchange *x, int status, const char *code,
	const char *detail)
{
	return sluice_host_table->refuse(x, status, code, detail);
}
/* sluice_answer_with() of these alone. The body is copied into the exchange's memory. status
 * 200..599; else, or with a content type that no field can have, SLUICE_FAIL. */
static inline sluice_verdict sluice_reply(sluice_exchange *x, int status, sluice_str content_type,
	sluice_str body)
{
	return sluice_host_table->reply(x, status, content_type, body);
}

/*
 * Sending a request elsewhere. These functions change what is forwarded, and what later hooks, key
 * expressions and placeholders see of the request. A plugin of a route does not route it anew: the
 * route, its plugins, the `path:NAME` of its pattern, and its options stay. A plugin of a listener
 * runs before a route is chosen, so that the path and query which it sets are those that are
 * routed. The host by which a route is chosen is always the one that the client asked for. The
 * access log shows what the client asked for, and beside it what a plugin made of that.
 * X-Forwarded-Host and the other forwarding fields say what the client asked for.
 *
 * Legal in on_request, in a BUFFER hook on the request's body the first time that it is called, and
 * in the callbacks of their waits, that is, while nothing of the request has been forwarded.
 * Strings are copied. The functions return false when they changed nothing: they were called at
 * another time or with a value that no request can have (a line in the log then names the plugin
 * and the instance), or the exchange's memory is spent. A plugin that must not let the request go
 * to its former destination returns SLUICE_FAIL then.
 */

/* Replace path and query. The path begins with '/' and is in the normal form of the request's own
 * (SLUICE_I_PATH): no empty and no dot segments, no escape of an unreserved character, escapes in
 * upper case, nothing that a path cannot have. A path in another form is refused and not corrected,
 * because a plugin has to check a path that it builds from parts of a request. The query is without
 * '?', visible ASCII without '#'; data NULL: the target has no query. The path replaces a target
 * `*` too. */
static inline bool sluice_target_set(sluice_exchange *x, sluice_str path, sluice_str query)
{
	return sluice_host_table->target_set(x, path, query);
}
/* Give the query exactly one parameter of that name. It takes the place of the first one of that
 * name, or stands behind all others; other parameters stay as they are. name and value are plain,
 * of any bytes; they are escaped. Names in the query are compared decoded. Refused: an empty name,
 * and a target `*`. */
static inline bool sluice_query_set(sluice_exchange *x, sluice_str name, sluice_str value)
{
	return sluice_host_table->query_set(x, name, value);
}
/* Take all parameters of that (plain) name away. True also when there was none. */
static inline bool sluice_query_remove(sluice_exchange *x, sluice_str name)
{
	return sluice_host_table->query_remove(x, name);
}
/* Set the host, with its port if it has one, that the upstream is asked for: Host, or :authority in
 * HTTP/2. sluice_field_set() of `Host` does the same; the last call counts. Without such a call the
 * upstream is asked for the host that the client asked for. No option of an upstream sets it, and
 * TLS to a server uses the name of the server. SLUICE_I_HOST stays what the client asked for. */
static inline bool sluice_host_set(sluice_exchange *x, sluice_str host)
{
	return sluice_host_table->host_set(x, host);
}
/* Forward this request to another upstream, whose options then hold for it: servers, balancing,
 * protocol, TLS, timeouts, retries. What the route says of methods, upgrades, trailers and gRPC
 * stays in force. A route that answers by itself (`respond`) forwards the request instead. The last
 * call counts. Called by a plugin of a listener, before there is a route, it is kept: the route
 * that is chosen then forwards to u, unless a plugin of the route sets another; a request without a
 * route gets its 404 all the same. u is bound to an option of type SLUICE_T_UPSTREAM of the
 * instance that runs; NULL and another instance's are refused. The access log and the metrics of
 * upstreams count the upstream that was set. */
static inline bool sluice_upstream_set(sluice_exchange *x, const sluice_upstream *u)
{
	return sluice_host_table->upstream_set(x, u);
}

/* Bodies are explained at sluice_body_mode. */

/* Ask for the request's or the response's body. Asking again replaces the plan. False when it is
 * too late, the plan or the record lacks something, or the exchange's memory is spent: return
 * SLUICE_FAIL. */
static inline bool sluice_body_want(sluice_exchange *x, sluice_side side,
	const sluice_body_plan *plan)
{
	return sluice_host_table->body_want(x, (int)side, plan);
}
/*
 * In on_request: wait until the whole body of the request is here, and decide before the plugins
 * behind this one run. `then` is called once with the body and end = true, also when there is none,
 * and may do what on_request may: read and change the head, answer, send the request elsewhere,
 * wait; and what a BUFFER hook may: pass, drop and write. What it makes of the body is what later
 * plugins see and what is forwarded. Earlier plugins' hooks on the body, those that they asked for
 * by sluice_body_want(), run first. What it returns is the verdict of on_request.
 *
 * plan: mode BUFFER. A body of more than max bytes: with SLUICE_BODY_REFUSE the client gets 413,
 * and `then` is not called; with SLUICE_BODY_PASS it is called as soon as that is known, with data
 * NULL and end = false, to decide without the body, which goes on unchanged.
 *
 * Returns SLUICE_WAIT; SLUICE_FAIL, with a line in the log, outside of on_request (and the
 * callbacks of its waits), within `then`, a second time in one exchange, with a plan that cannot be
 * or without `then`, and when the exchange's memory is spent. How long the body may take is bounded
 * by the listener's `timeouts.body`. A plugin that waits has no on_request_body for this request.
 */
static inline sluice_verdict sluice_body_wait(sluice_exchange *x, const sluice_body_plan *plan,
	sluice_body_hook then)
{
	return sluice_host_table->body_wait(x, plan, then);
}
/* In a body hook, or in the callback of its wait: let the next n bytes of data go on (without a
 * copy where possible), or drop them. An n beyond what is there means all of it. data itself stays
 * valid. */
static inline void sluice_body_pass(sluice_exchange *x, size_t n)
{
	sluice_host_table->body_pass(x, n);
}
static inline void sluice_body_drop(sluice_exchange *x, size_t n)
{
	sluice_host_table->body_drop(x, n);
}
/* In the same places: send other bytes on; they are copied. False: these bytes were taken, but the
 * receiver is slow and the hook should write no more in this call. Leave the rest of data where it
 * is and return SLUICE_NEXT: the hook is called with the rest, if there is one, when there is room
 * again. A call of the hook that writes more than the plan's max and 1 MiB on top is a failure of
 * the plugin. */
static inline bool sluice_body_write(sluice_exchange *x, sluice_str bytes)
{
	return sluice_host_table->body_write(x, bytes);
}

/* The waiting services. Each returns what the hook must return: SLUICE_WAIT when parked, or the
 * callback's own verdict when the answer was there at once (the callback then has already run).
 * Every wait has a deadline. */

/* Wait until the instance publishes a value or timeout_ms have passed; sluice_published() tells
 * which. */
static inline sluice_verdict sluice_await_publish(sluice_exchange *x, uint64_t timeout_ms,
	sluice_hook then)
{
	return sluice_host_table->await_publish(x, timeout_ms, then);
}
static inline sluice_verdict sluice_sleep(sluice_exchange *x, uint64_t ms, sluice_hook then)
{
	return sluice_host_table->sleep(x, ms, then);
}
static inline sluice_verdict sluice_fetch(sluice_exchange *x, const sluice_fetch_request *r,
	sluice_fetch_fn then)
{
	return sluice_host_table->fetch(x, r, then);
}
/* Run a script that touches one key on a Redis store. args need not live longer than the call. The
 * value that the callback gets is borrowed. */
static inline sluice_verdict sluice_store_eval(sluice_exchange *x, const sluice_store *s,
	const sluice_script *script, sluice_str key, const sluice_str *args, size_t nargs,
	uint64_t timeout_ms, sluice_store_fn then)
{
	return sluice_host_table->store_eval(x, s, script, key, args, nargs, timeout_ms, then);
}
/* Any single command on a Redis store. */
static inline sluice_verdict sluice_store_command(sluice_exchange *x, const sluice_store *s,
	const sluice_str *argv, size_t argc, uint64_t timeout_ms, sluice_store_fn then)
{
	return sluice_host_table->store_command(x, s, argv, argc, timeout_ms, then);
}
/* Wait for anything: a thread of the plugin's own, another exchange, what sluice_background()
 * brings. then runs on the exchange's worker, after sluice_resume(*ticket) or when timeout_ms have
 * passed, and its status says which. *ticket is written before this returns; the plugin
 * synchronises it with other threads as any other data. timeout_ms: 1 to 600000 (10 minutes); a
 * greater value counts as 600000. Returns SLUICE_FAIL, with a line in the log, when the hook cannot
 * wait (on_complete, a STREAM body hook, a provider of attributes) or waits already, timeout_ms is
 * 0, ticket or then is NULL, the thread is not the exchange's worker, or no hook of the exchange
 * runs. */
static inline sluice_verdict sluice_park(sluice_exchange *x, uint64_t timeout_ms,
	sluice_ticket *ticket, sluice_park_fn then)
{
	return sluice_host_table->park(x, timeout_ms, ticket, then);
}
/* Let the exchange of that ticket go on. Any thread, at any time, any number of times, also before
 * the hook that parked it has returned. The callback never runs within this call; it runs soon
 * after, from the event loop of the exchange's worker. True: this call wakes the exchange, and its
 * callback gets SLUICE_OK, unless the exchange ends first (its client leaves, its worker stops): a
 * sluice_cleanup() must then release what was handed over to it. False, and nothing happens: the
 * exchange was woken before, its time was up, it has ended, or its worker has. A ticket that
 * sluice_park() never gave is reported in the log. Takes a short lock. */
static inline bool sluice_resume(sluice_ticket ticket)
{
	return sluice_host_table->resume(ticket);
}

/* Begin a fetch on this worker that may outlive the exchange. fn runs later on this worker, exactly
 * once unless the worker stops first, whatever becomes of the exchange; the instance stays as it is
 * until then, over reloads too. Any hook may call it, on_complete included. r is copied. An
 * instance may have 64 such fetches under way on each worker. Returns 0, or -1 without calling fn:
 * when there are too many, r is malformed, r or fn is NULL, the thread is not the exchange's
 * worker, or no hook of the exchange runs. The log says why; it says once that there are too many,
 * until there are fewer. */
static inline int sluice_background(sluice_exchange *x, const sluice_fetch_request *r,
	sluice_work_fn fn)
{
	return sluice_host_table->background(x, r, fn);
}

/* In the callback of such a fetch, for its instance on its worker: begin one more fetch, as by
 * sluice_background(); the instance, for sluice_log(); the worker's state; and the value published
 * last, or NULL, which is valid until the callback returns. */
static inline int sluice_work_fetch(sluice_work *k, const sluice_fetch_request *r,
	sluice_work_fn fn)
{
	return sluice_host_table->work_fetch(k, r, fn);
}
/* In the same places: any single command on a Redis store, whose answer goes to fn, on this worker,
 * exactly once unless the worker stops first. It counts among the fetches of sluice_background().
 * argv is copied; user is given to fn. SLUICE_OK: fn runs later. Otherwise fn does not run:
 * SLUICE_UNREACHABLE where the store is known not to answer; SLUICE_ERROR where there are too many,
 * an argument is missing, or the thread is not that worker. */
static inline sluice_status sluice_work_command(sluice_work *k, const sluice_store *s,
	const sluice_str *argv, size_t argc, uint64_t timeout_ms, void *user,
	sluice_work_store_fn fn)
{
	return sluice_host_table->work_command(k, s, argv, argc, timeout_ms, user, fn);
}
static inline sluice_instance *sluice_work_instance(const sluice_work *k)
{
	return sluice_host_table->work_instance(k);
}
static inline void *sluice_work_state(const sluice_work *k)
{
	return sluice_host_table->work_state(k);
}
static inline const void *sluice_work_published(const sluice_work *k)
{
	return sluice_host_table->work_published(k);
}

/* Memory stores hold 64-bit cells, one for each key, shared by all workers without a lock. A cell's
 * value is the time, in sluice_now_ns() terms, until which it matters: a cell whose value is not
 * after now reads as 0 and may be given to another key. In a store that is full of cells that
 * matter, the one whose time ends soonest is given away: it reads as 0 when its key comes again.
 * Find or make the key's cell and read it; false when the store holds no cells. */
static inline bool sluice_store_cell(const sluice_store *s, sluice_str key, uint64_t now_ns,
	sluice_cell *out)
{
	return sluice_host_table->store_cell(s, key, now_ns, out);
}
/* Write desired if the cell still holds c->value. False: it holds another value, which now stands
 * in c->value (0 if the cell was lost meanwhile); decide again. c->slot is NULL then if
 * sluice_store_cell() would return false. */
static inline bool sluice_store_cell_swap(sluice_cell *c, uint64_t desired)
{
	return sluice_host_table->store_cell_swap(c, desired);
}
/* Count, on any thread: in a hook, a callback, work in the background, the main thread's callbacks
 * and threads of the plugin's own. A worker counts in memory of its own, without a lock; only a
 * value of the label that is new takes one. value: of the metric's label; ignored where it has
 * none. Values that clients choose are safe: any bytes may be in it, 128 count, and there are at
 * most SLUICE_METRIC_VALUES of them, beside `other`. Do not give facts of single persons, which the
 * page would show.
 *
 * Add n to a counter or a gauge; n may be negative for a gauge. */
static inline void sluice_metric_add(const sluice_metric *m, sluice_str value, int64_t n)
{
	sluice_host_table->metric_add(m, value, n);
}
/* Set this thread's part of a gauge. What each worker has (entries of its cache) is set by each,
 * and the page shows the sum; what there is once is set on the main thread alone. */
static inline void sluice_metric_set(const sluice_metric *m, sluice_str value, int64_t n)
{
	sluice_host_table->metric_set(m, value, n);
}
/* Note a value in a histogram. */
static inline void sluice_metric_observe(const sluice_metric *m, sluice_str value, uint64_t v)
{
	sluice_host_table->metric_observe(m, value, v);
}
/* Log a line about the exchange, with its request id and its route, tagged as by sluice_log(). In
 * any hook. A client may cause the same line with every request, so an instance has one line a
 * second for each level but debug; the next line then says how many were left out. */
__attribute__((format(printf, 3, 4))) static inline void sluice_log_for(sluice_exchange *x,
	sluice_log_level level, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	sluice_host_table->log_for(x, (int)level, fmt, ap);
	va_end(ap);
}

/* Monotonic clock, nanoseconds; wall clock, milliseconds since 1970. Both are cheap. */
static inline uint64_t sluice_now_ns(void)
{
	return sluice_host_table->now_ns();
}
static inline uint64_t sluice_unix_ms(void)
{
	return sluice_host_table->unix_ms();
}

#ifdef __cplusplus
}
#endif
#endif
