/*
 * The plugin interface of Sluice, ABI version 1: everything a loadable module may use, and nothing
 * else of the core.
 *
 * A plugin is one shared object that exports one record, `sluice_plugin`, written with
 * SLUICE_PLUGIN(). The record names the options (from which the gateway parses, checks, documents
 * and fills the plugin's own struct) and the hooks. Hooks run on a worker's event loop: they must
 * never block. What takes time (a store, an HTTP fetch, a timer) parks the exchange and calls back
 * with the answer; a callback has the shape of a hook, so what runs after a wait looks like what
 * ran before.
 *
 * A plugin includes this header alone. It includes sluice/types.h (strings, options, arguments),
 * sluice/exchange.h (what a hook may do with its exchange), sluice/identity.h (who calls),
 * sluice/objects.h (caches), sluice/conn.h (connections of clients), sluice/dependency.h (what an
 * instance needs from outside), sluice/follow.h (Redis from the main thread) and sluice/records.h
 * (log sinks).
 *
 * Rules that hold for every function of these unless it says otherwise:
 *  - Strings are (data, len) pairs, not NUL-terminated, borrowed: valid until the hook returns, or
 *    for as long as stated.
 *  - Memory for one request comes from sluice_alloc() and dies with the exchange; there is no
 *    free().
 *  - An exchange and all its hooks live on one worker thread. Configuration callbacks run on the
 *    main thread.
 *  - No service crashes for want of an argument, or on a thread that may not call it: such a call
 * does nothing, returns what the service returns on failure (0, false, NULL, SLUICE_FAIL), and has
 * a line in the log. The main thread's services are for the main thread, outside of hooks; those of
 * an exchange are for its thread, while the gateway calls the plugin for it.
 *  - If the client leaves while an exchange is parked, its callback is dropped, and on_complete
 *    still runs once.
 *  - Structs that carry `size` grow at the end only; the host reads no more than `size` bytes of
 *    them.
 */
#ifndef SLUICE_PLUGIN_H
#define SLUICE_PLUGIN_H

#include <stdarg.h>
#include <string.h>

#include <sluice/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_ABI 1u

/* ---- a plugin's record --------------------------------------------------------------------- */

/* A hook, and what a parked exchange resumes with. conf: the instance's bound struct, immutable
 * while in force. */
typedef sluice_verdict (*sluice_hook)(sluice_exchange *x, const void *conf);

/* A hook that works on a body; see sluice_body_mode. data: what has come and was not taken off yet,
 * in one piece, valid until the exchange goes on (over a wait, too); end: nothing comes behind it;
 * data may then be empty. */
typedef sluice_verdict (
	*sluice_body_hook)(sluice_exchange *x, const void *conf, sluice_str data, bool end);

typedef struct sluice_dependency sluice_dependency; /* sluice/dependency.h */
typedef struct sluice_follow sluice_follow;         /* sluice/follow.h, like the next */
typedef struct sluice_main_ask sluice_main_ask;
typedef struct sluice_conn sluice_conn; /* a connection of a client: sluice/conn.h */
/* A hook of a connection. */
typedef sluice_verdict (*sluice_conn_hook)(sluice_conn *c, const void *conf);

enum {
	SLUICE_CONN_STATE = 16384, /* bytes of an instance's state for one connection */
	SLUICE_CONN_CLEANUPS = 16  /* that an instance may register for one connection */
};

typedef struct sluice_plugin {
	uint32_t abi; /* SLUICE_ABI */
	/* sizes of sluice_plugin, sluice_host (or SLUICE_HOST_NEEDED) and sluice_option that the
	 * module was built with; SLUICE_PLUGIN() sets them */
	uint32_t size;
	uint32_t host_size;
	uint32_t option_size;
	const char *name;             /* as in `use: NAME`; the file is NAME.so */
	const char *version;          /* of the plugin */
	const char *summary;          /* one line */
	const sluice_option *options; /* may be NULL: no options */
	size_t conf_size;

	/* Main thread, on `sluice check` too: cross-option rules and derived values, no network.
	 * Report what is wrong with sluice_conf_error() and return -1. */
	int (*check)(sluice_instance *inst, void *conf);
	/* Main thread, before the configuration is in force: timers, first fetch. Negative: the
	 * instance cannot start, and the configuration is refused as a whole. */
	int (*start)(sluice_instance *inst, void *conf);
	/* Main thread, after the last worker let go of the instance, also when check failed:
	 * release what check and start made. */
	void (*stop)(sluice_instance *inst, void *conf);

	/* Per-worker state: zeroed memory of worker_size bytes for each worker, reached by
	 * sluice_worker_state(). */
	size_t worker_size;
	/* negative: as from start() */
	int (*worker_start)(sluice_instance *inst, const void *conf, void *state);
	void (*worker_stop)(sluice_instance *inst, const void *conf, void *state);

	/* Worker. The request head is complete; may answer, wait, change the request that goes
	 * upstream. Plugins of the listener run first, before a route is chosen: also for a request
	 * that gets none (404, 405), and without a route's facts (SLUICE_I_ROUTE, `path:NAME`).
	 * Then a route is chosen by what they made of the request, and its plugins run. A request
	 * that is refused before it is routed meets no plugin: a malformed or too large head (400,
	 * 414, 431), a method or version that the gateway does not support (501, 505), a host that
	 * the connection is not for (421), overload (503). */
	sluice_hook on_request;
	/* Worker, in reverse order of on_request, the listener's plugins last, for every final
	 * response head: upstream's or Sluice's own. May change the head; may wait; SLUICE_REPLY
	 * replaces an upstream's response. */
	sluice_hook on_response;
	/* Worker, exactly once for each exchange whose on_request ran, however it ended. The
	 * verdict is ignored. */
	sluice_hook on_complete;
	/* Main thread, after workers called sluice_refresh(). All calls that come before it runs
	 * lead to one run. */
	void (*on_refresh)(sluice_instance *inst, const void *conf);

	/* Worker, for the bodies that the plugin asked for by sluice_body_want(), and for no
	 * others: request bodies in the order of on_request, response bodies in reverse. Hooks on
	 * a request's body run when all on_request hooks are through, those of the route included;
	 * so a plugin of a listener cannot decide by a body which route is taken. */
	sluice_body_hook on_request_body;
	sluice_body_hook on_response_body;

	/* The attributes that the plugin states, NULL-terminated: "tenant", or "geo:" for all of a
	 * namespace. NULL: none. A configuration that names any other fact is refused; one that
	 * uses a fact before a plugin states it is accepted with a warning. */
	const char *const *provides;

	/* Worker, in the order of on_request, each time that the request is about to be sent to a
	 * server: a connection to it is there, and nothing of the request was sent to it. What this
	 * does to the request's fields goes to that server, as a signature or the server's own
	 * credentials do. A further try, after a failure, calls it again, with the fields as the
	 * last call left them: set fields, do not add them. May not wait, answer or send the
	 * request elsewhere; any other verdict than SLUICE_NEXT is a failure of the plugin. Called
	 * for no request that the gateway answers itself. */
	sluice_hook on_attempt;

	/* The facts that on_request reads and cannot do without, NULL-terminated, as in `provides`:
	 * a configuration in which no plugin before this one states one of them is refused. With
	 * '?' in front, "?tenant": the plugin does without it, and a configuration in which a
	 * plugin behind this one states it is accepted with a warning. What an option names
	 * (SLUICE_T_EXPR, placeholders) need not be said: it is looked at in the same way, with a
	 * warning. */
	const char *const *needs;

	/* Worker, for the connections of a listener in whose `plugins` the instance is. A client
	 * has connected, and if its peer sends PROXY headers, that has come; nothing else was read,
	 * and a TLS handshake begins only after it. Not called for connections that exceed the
	 * bounds of the listener or of the gateway. */
	sluice_conn_hook on_connect;
	/* Worker. The TLS handshake is complete, and the client's certificate was verified where
	 * the listener asks for one; no request was read. Not called on a listener without TLS. */
	sluice_conn_hook on_secured;
	/* Worker, exactly once for each connection whose on_connect this instance had, or would
	 * have had if it had that hook, however the connection ended: a refusal by this or a later
	 * plugin included. All requests of the connection have had their on_complete. The verdict
	 * is ignored. */
	sluice_conn_hook on_disconnect;

	/* A thread of the instance's own, which may block: what the access log says of requests
	 * that ended, when `log.access.sinks` names the instance. See sluice/records.h. */
	void (*on_records)(sluice_instance *inst, const void *conf, sluice_log_batch *batch);

	/*
	 * Worker, for the upstreams whose option `balance.plugin` names the instance: each time
	 * that a server is chosen and there is one that may be. Returns its index among those of c,
	 * or SLUICE_CHOOSE_NONE or SLUICE_CHOOSE_FAIL. Any other number, and the index of a server
	 * for which sluice_may_choose() is false, is a failure of the plugin. A further try, after
	 * a failure, calls it again. It is not called while no server is up and has room, nor for a
	 * probe.
	 *
	 * x: the request, of which it may read everything that on_request may, and keep memory and
	 * facts; NULL for a fetch of a plugin over the upstream. Where the instance stands in the
	 * request's chain too, both share sluice_state(), and its on_response may set a cookie for
	 * the server that was chosen. It may not wait, answer, change fields, or send the request
	 * elsewhere: such a call is refused, with a line in the log.
	 *
	 * It runs for every request of the upstream, so it must not take time in proportion to many
	 * servers: what depends on the set alone belongs into c->state, until c->generation
	 * changes.
	 */
	int (*on_choose)(sluice_exchange *x, const void *conf, const sluice_choice *c);

	/*
	 * Main thread, after start(), for each upstream whose option `discovery` names the
	 * instance: begin to find its servers, and tell them by sluice_servers_set(), here or at
	 * any time later. Called before the configuration is in force, and again after a reload for
	 * upstreams that it adds; also for a name that it was called for before, if that
	 * configuration was refused. Requests come only when it has returned, so servers that it
	 * sets are there from the first request on. upstream: the name; lives as long as the call.
	 * Negative: as from start().
	 */
	int (*discover)(sluice_instance *inst, void *conf, sluice_str upstream);

	/*
	 * Main thread, after start(), in a command and never in a gateway that serves: how
	 * on_request would judge a credential, and why. Tells of each step by q->tell(), in the
	 * order in which on_request takes them, those behind the first that fails included, as far
	 * as they can be taken. It should run the code that on_request runs. Returns SLUICE_NEXT
	 * when on_request would admit the credential, SLUICE_REPLY when it would refuse it;
	 * SLUICE_WAIT, and has told nothing, while something that it needs is under way: it is
	 * asked again, and at the end with q->last; SLUICE_FAIL when it cannot judge.
	 */
	sluice_verdict (
		*explain)(sluice_instance *inst, const void *conf, const sluice_question *q);
} sluice_plugin;

/* ---- services: the host's table ------------------------------------------------------------ */

/* How a command by sluice_work_command() ended. v is borrowed during the call, and never NULL. */
typedef void (*sluice_work_store_fn)(sluice_work *k, const void *conf, void *user, sluice_status st,
	const sluice_value *v);

/* How the inline functions below reach the gateway; plugins call those functions. Members are
 * appended, never reordered. */
typedef struct sluice_host {
	uint32_t abi;
	uint32_t size;
	const char *version;

	void (*conf_error)(sluice_instance *, const char *option, const char *fmt, va_list);
	void *(*conf_alloc)(sluice_instance *, size_t);
	bool (*conf_given)(sluice_instance *, const char *option);
	int (*read_file)(sluice_instance *, sluice_str path, size_t max, sluice_str *out);
	sluice_str (*instance_name)(sluice_instance *);
	void (*log)(sluice_instance *, sluice_exchange *, int level, const char *fmt, va_list);
	void (*timer)(sluice_instance *, uint64_t ms, sluice_main_timer_fn);
	int (*main_fetch)(sluice_instance *, const sluice_fetch_request *, sluice_main_fetch_fn);
	void (*publish)(sluice_instance *, void *value, void (*free_value)(void *));
	const sluice_script *(*script)(sluice_instance *, const char *source);
	sluice_store_kind (*store_kind)(const sluice_store *);

	sluice_str (*get)(sluice_exchange *, int info);
	sluice_str (*field)(sluice_exchange *, int side, sluice_str name);
	bool (*field_next)(sluice_exchange *, int side, size_t *iter, sluice_pair *out);
	void (*field_set)(sluice_exchange *, int side, sluice_str name, sluice_str value);
	void (*field_add)(sluice_exchange *, int side, sluice_str name, sluice_str value);
	void (*field_remove)(sluice_exchange *, int side, sluice_str name);
	int (*response_status)(sluice_exchange *);
	void *(*alloc)(sluice_exchange *, size_t);
	void (*cleanup)(sluice_exchange *, void (*fn)(void *), void *arg);
	void *(*worker_state)(sluice_exchange *);
	const void *(*published)(sluice_exchange *);
	void (*refresh)(sluice_exchange *);
	sluice_str (*expr)(sluice_exchange *, const sluice_expr *);
	void (*attr_set)(sluice_exchange *, sluice_str name, sluice_str value);
	sluice_str (*attr)(sluice_exchange *, sluice_str name);
	void (*attr_provide)(sluice_exchange *, const char *ns, sluice_attr_fn, void *ctx);
	void (*note)(sluice_exchange *, const char *code);
	sluice_verdict (
		*refuse)(sluice_exchange *, int status, const char *code, const char *detail);
	sluice_verdict (
		*reply)(sluice_exchange *, int status, sluice_str content_type, sluice_str body);
	sluice_verdict (*await_publish)(sluice_exchange *, uint64_t timeout_ms, sluice_hook);
	sluice_verdict (*sleep)(sluice_exchange *, uint64_t ms, sluice_hook);
	sluice_verdict (*fetch)(sluice_exchange *, const sluice_fetch_request *, sluice_fetch_fn);
	sluice_verdict (*store_eval)(sluice_exchange *, const sluice_store *, const sluice_script *,
		sluice_str key, const sluice_str *args, size_t nargs, uint64_t timeout_ms,
		sluice_store_fn);
	sluice_verdict (*store_command)(sluice_exchange *, const sluice_store *,
		const sluice_str *argv, size_t argc, uint64_t timeout_ms, sluice_store_fn);
	bool (*store_cell)(const sluice_store *, sluice_str key, uint64_t now_ns, sluice_cell *out);
	bool (*store_cell_swap)(sluice_cell *, uint64_t desired);
	const sluice_store *(*store_local)(sluice_instance *);
	uint64_t (*now_ns)(void);
	uint64_t (*unix_ms)(void);
	const sluice_expr *(*expr_compile)(sluice_instance *, sluice_str text, const char **why);
	const char *(*field_refused)(int side, int op, sluice_str name, sluice_str value);
	bool (*body_want)(sluice_exchange *, int side, const sluice_body_plan *);
	void (*body_pass)(sluice_exchange *, size_t n);
	void (*body_drop)(sluice_exchange *, size_t n);
	bool (*body_write)(sluice_exchange *, sluice_str bytes);
	void *(*state)(sluice_exchange *, size_t);
	sluice_reading (*expr_read)(sluice_exchange *, const sluice_expr *, sluice_str *out);
	sluice_str (*expr_text)(const sluice_expr *);
	const sluice_template *(*template_compile)(sluice_instance *, const char *option, int side,
		sluice_str field, sluice_str text);
	bool (*template_fixed)(const sluice_template *, sluice_str *text);
	sluice_template_result (
		*template_write)(sluice_exchange *, const sluice_template *, sluice_str *out);
	const sluice_store *(
		*store_table)(sluice_instance *, const sluice_store *, sluice_str name);
	size_t (*ip_network)(sluice_str ip, unsigned v4_prefix, unsigned v6_prefix, char *buf);
	void (*secret)(sluice_instance *, int kind, sluice_str name);
	bool (*names_alike)(sluice_str a, sluice_str b);
	void (*conf_hint)(sluice_instance *, const char *fmt, va_list);
	bool (*target_set)(sluice_exchange *, sluice_str path, sluice_str query);
	bool (*query_set)(sluice_exchange *, sluice_str name, sluice_str value);
	bool (*query_remove)(sluice_exchange *, sluice_str name);
	bool (*host_set)(sluice_exchange *, sluice_str host);
	bool (*upstream_set)(sluice_exchange *, const sluice_upstream *);
	sluice_verdict (
		*park)(sluice_exchange *, uint64_t timeout_ms, sluice_ticket *, sluice_park_fn);
	bool (*resume)(sluice_ticket);
	int (*background)(sluice_exchange *, const sluice_fetch_request *, sluice_work_fn);
	int (*work_fetch)(sluice_work *, const sluice_fetch_request *, sluice_work_fn);
	sluice_instance *(*work_instance)(const sluice_work *);
	void *(*work_state)(const sluice_work *);
	const void *(*work_published)(const sluice_work *);
	int64_t (*number)(sluice_exchange *, int number);
	/* conf_error, conf_hint and log for languages that cannot call functions with a va_list:
	 * the text as it is */
	void (*conf_error_text)(sluice_instance *, const char *option, sluice_str text);
	void (*conf_hint_text)(sluice_instance *, sluice_str text);
	void (*log_text)(sluice_instance *, sluice_exchange *, int level, sluice_str text);
	const sluice_metric *(*metric_declare)(sluice_instance *, const sluice_metric_desc *);
	void (*metric_add)(const sluice_metric *, sluice_str value, int64_t n);
	void (*metric_set)(const sluice_metric *, sluice_str value, int64_t n);
	void (*metric_observe)(const sluice_metric *, sluice_str value, uint64_t v);
	void (*log_for)(sluice_exchange *, int level, const char *fmt, va_list);
	sluice_verdict (*answer_with)(sluice_exchange *, const sluice_answer *);
	sluice_verdict (*body_wait)(sluice_exchange *, const sluice_body_plan *, sluice_body_hook);
	sluice_cache *(*cache_open)(sluice_instance *, const sluice_cache_desc *);
	bool (*object_put)(sluice_cache *, sluice_str key, const sluice_object_new *,
		uint64_t now_ns);
	sluice_object *(*object_get)(sluice_cache *, sluice_str key, uint64_t now_ns);
	void (*object_release)(sluice_object *);
	sluice_str (*object_data)(const sluice_object *);
	sluice_str (*object_meta)(const sluice_object *);
	uint64_t (*object_age)(const sluice_object *, uint64_t now_ns);
	uint64_t (*object_fresh_for)(const sluice_object *, uint64_t now_ns);
	bool (*object_remove)(sluice_cache *, sluice_str key);
	bool (*object_remove_tag)(sluice_cache *, sluice_str tag);
	sluice_object_writer *(*object_begin)(sluice_cache *, sluice_str key,
		const sluice_object_new *, uint64_t expected);
	bool (*object_append)(sluice_object_writer *, sluice_str bytes);
	bool (*object_commit)(sluice_object_writer *, uint64_t now_ns);
	void (*object_abort)(sluice_object_writer *);
	sluice_str (*conn_get)(sluice_conn *, int info);
	int64_t (*conn_number)(sluice_conn *, int number);
	sluice_verdict (*conn_refuse)(sluice_conn *, const char *code);
	void *(*conn_state)(sluice_conn *, size_t);
	bool (*conn_cleanup)(sluice_conn *, void (*fn)(void *), void *arg);
	void *(*conn_worker_state)(sluice_conn *);
	const void *(*conn_published)(sluice_conn *);
	sluice_conn *(*conn_of)(sluice_exchange *);
	void (*conn_log)(sluice_conn *, int level, const char *fmt, va_list);
	/* conn_log for languages that cannot call functions with a va_list */
	void (*conn_log_text)(sluice_conn *, int level, sluice_str text);
	const sluice_log_record *(*log_next)(sluice_log_batch *);
	sluice_str (*log_line)(sluice_log_batch *, int format);
	uint64_t (*log_dropped)(const sluice_log_batch *);
	const void *(*log_published)(const sluice_log_batch *);
	/* entry_size: sizeof(sluice_server_entry) of the module */
	int (*servers_set)(sluice_instance *, sluice_str upstream, const sluice_server_entry *,
		size_t n, size_t entry_size);
	sluice_verdict (*answer_begin)(sluice_exchange *, const sluice_answer_stream *);
	bool (*answer_write)(sluice_exchange *, sluice_str bytes);
	bool (*answer_end)(sluice_exchange *, const sluice_pairs *trailers);
	int (*holds)(sluice_exchange *, const sluice_condition *);
	bool (*identify)(sluice_exchange *, const sluice_identity *);
	void (*credentials_absent)(sluice_exchange *);
	void (*own)(sluice_instance *, int kind, sluice_str name);
	void (*dependency_set)(sluice_instance *, const sluice_dependency *);
	void (*serve)(sluice_instance *, sluice_str path, const sluice_answer *);
	void (*credentials_used)(sluice_exchange *, int kind, sluice_str name);
	sluice_status (*work_command)(sluice_work *, const sluice_store *, const sluice_str *argv,
		size_t argc, uint64_t timeout_ms, void *user, sluice_work_store_fn);
	int (*store_follow)(sluice_instance *, const sluice_follow *);
	int (*main_command)(sluice_instance *, const sluice_main_ask *);
} sluice_host;

/* Set by the loader before anything of the plugin runs; one for each module, shared by its source
 * files. */
extern __attribute__((visibility("hidden"))) const sluice_host *sluice_host_table;

/*
 * How the interface grows. Within an ABI, members are only added at the end of a struct that says
 * its size (sluice_plugin, sluice_option, sluice_host, and arguments with `size`), and values at
 * the end of an enum. sluice_str, sluice_strs, sluice_pair, sluice_pairs, sluice_rate,
 * sluice_blocks, sluice_exprs, sluice_value, sluice_ticket, sluice_cell and sluice_log_field never
 * change, because they are passed by value or in arrays.
 *
 * A module that was built with an older header runs in a newer gateway as it is. One that was built
 * with a newer header runs in an older gateway if it uses nothing that is newer: members of its
 * record and rows that the gateway does not know are zero, and it says which services it cannot do
 * without, by defining SLUICE_HOST_NEEDED as SLUICE_UP_TO(service) before it includes this header,
 * where service is the last such member of sluice_host. It calls a service behind that one only
 * where SLUICE_HAS(service). Without the definition it needs all services of its header, and an
 * older gateway refuses it.
 */
#define SLUICE_UP_TO(service) (offsetof(sluice_host, service) + sizeof(((sluice_host *)0)->service))
#ifndef SLUICE_HOST_NEEDED
#define SLUICE_HOST_NEEDED sizeof(sluice_host)
#endif
/* Whether the gateway that loaded the module has the service, a member of sluice_host. Any thread.
 */
#define SLUICE_HAS(service) \
	(sluice_host_table->size >= SLUICE_UP_TO(service) && sluice_host_table->service != NULL)

#define SLUICE_EXPORT __attribute__((visibility("default")))

/* The one definition a module needs: SLUICE_PLUGIN("quota", .summary = "...", ...); in one of its
 * source files. C++ wants the members in the order of their declaration, here and in
 * SLUICE_OPTION(). */
#define SLUICE_PLUGIN(plugin_name, ...)                                             \
	__attribute__((visibility("hidden"))) const sluice_host *sluice_host_table; \
	SLUICE_EXPORT extern const sluice_host **const sluice_plugin_host;          \
	const sluice_host **const sluice_plugin_host = &sluice_host_table;          \
	SLUICE_EXPORT extern const sluice_plugin sluice_plugin_record;              \
	const sluice_plugin sluice_plugin_record = { .abi = SLUICE_ABI,             \
		.size = sizeof(sluice_plugin),                                      \
		.host_size = SLUICE_HOST_NEEDED,                                    \
		.option_size = sizeof(sluice_option),                               \
		.name = (plugin_name),                                              \
		__VA_ARGS__ }

/* ---- configuration time, main thread ------------------------------------------------------- */

/* Report a mistake in the named option (NULL: the instance as a whole), shown with FILE:LINE:COL.
 * The name may be a path into blocks, maps and lists: "request.set.X-User",
 * "servers[2].address". */
__attribute__((format(printf, 3, 4))) static inline void sluice_conf_error(sluice_instance *inst,
	const char *option, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	sluice_host_table->conf_error(inst, option, fmt, ap);
	va_end(ap);
}
/* Say how to correct the mistake that sluice_conf_error() reported last: one more line below it. */
__attribute__((format(printf, 2, 3))) static inline void sluice_conf_hint(sluice_instance *inst,
	const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	sluice_host_table->conf_hint(inst, fmt, ap);
	va_end(ap);
}
/* Zeroed memory that lives as long as the instance. Never NULL. */
static inline void *sluice_conf_alloc(sluice_instance *inst, size_t n)
{
	return sluice_host_table->conf_alloc(inst, n);
}
/* Whether the file gives the option, so that its value is not the default. It is named as for
 * sluice_conf_error(). */
static inline bool sluice_conf_given(sluice_instance *inst, const char *option)
{
	return sluice_host_table->conf_given(inst, option);
}
/* Read a file of at most max bytes, relative to the configuration file; out is NUL-terminated. It
 * lives as long as the instance when read in check() or start(). Also legal in a main-thread timer,
 * fetch callback or on_refresh(), where it lives until that returns, so that repeated reads do not
 * pile up. 0, or a negative errno. */
static inline int sluice_read_file(sluice_instance *inst, sluice_str path, size_t max,
	sluice_str *out)
{
	return sluice_host_table->read_file(inst, path, max, out);
}
/* In check(): compile a key expression that is part of an option's text. NULL, and a sentence in
 * *why, when text is not a key expression. Lives as long as the instance. An option that is an
 * expression as a whole is a row of type SLUICE_T_EXPR instead. */
static inline const sluice_expr *sluice_expr_compile(sluice_instance *inst, sluice_str text,
	const char **why)
{
	return sluice_host_table->expr_compile(inst, text, why);
}
/* A key expression as it was written. Any thread; lives as long as e. */
static inline sluice_str sluice_expr_text(const sluice_expr *e)
{
	return sluice_host_table->expr_text(e);
}
/* In check(): compile the value of a header field that may have placeholders: "user {claim:sub}
 * from {ip}"; a literal brace is written twice. field: the field's name; values that go into
 * Location are escaped and cannot by themselves lead to another host. side: the message that the
 * field is for. NULL when the text is wrong; the mistake has then been reported at the option,
 * which is named as for sluice_conf_error(). Lives as long as the instance. */
static inline const sluice_template *sluice_template_compile(sluice_instance *inst,
	const char *option, sluice_side side, sluice_str field, sluice_str text)
{
	return sluice_host_table->template_compile(inst, option, (int)side, field, text);
}
/* In check(): declare a metric, which /metrics of the admin address shows for as long as the
 * process runs. Its name there is sluice_plugin_PLUGIN_NAME, with '_' for '-', and its samples have
 * the label `instance`. Instances of a plugin share a metric: all have to describe it alike, and go
 * on doing so after a reload. A metric that was declared before is found again, and its counts go
 * on. NULL after a mistake, which was reported; the configuration is then refused. The handle is
 * valid for as long as the process runs. */
static inline const sluice_metric *sluice_metric_declare(sluice_instance *inst,
	const sluice_metric_desc *d)
{
	return sluice_host_table->metric_declare(inst, d);
}
/* Whether the template has no placeholder: *text is then its only value. Any thread. */
static inline bool sluice_template_fixed(const sluice_template *t, sluice_str *text)
{
	return sluice_host_table->template_fixed(t, text);
}
/* In check(): the table of that name in a memory store, as a store of its own: only keys of this
 * table take its places. It is made when it is named first, and keeps its cells as long as an
 * instance names it, over reloads too. The tables of a store share its memory. A store of another
 * kind is returned as it is. Never NULL. */
static inline const sluice_store *sluice_store_table(sluice_instance *inst, const sluice_store *s,
	sluice_str name)
{
	return sluice_host_table->store_table(inst, s, name);
}
/* Why sluice_field_set(), _add() or _remove() would not take this name or this value: the rest of a
 * sentence ("is no name of a header field"). NULL: they would take it. Any thread. */
static inline const char *sluice_field_refused(sluice_side side, sluice_field_op op,
	sluice_str name, sluice_str value)
{
	return sluice_host_table->field_refused((int)side, (int)op, name, value);
}
static inline sluice_str sluice_instance_name(sluice_instance *inst)
{
	return sluice_host_table->instance_name(inst);
}
/* Write a line to the error log. Any thread that holds inst. Never log secrets. */
__attribute__((format(printf, 3, 4))) static inline void sluice_log(sluice_instance *inst,
	sluice_log_level level, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	sluice_host_table->log(inst, NULL, (int)level, fmt, ap);
	va_end(ap);
}
/* In check(): declare that values under this name in requests are secret. The access log shows
 * "***" in their place, whatever becomes of the request. Names are compared decoded, by their
 * letters and digits alone, without regard to case. Common names (access_token, X-Amz-Signature,
 * sig ...) need not be declared. A name without letters or digits, or of more than 128 bytes, is
 * reported as a mistake of the configuration. */
static inline void sluice_secret(sluice_instance *inst, sluice_secret_kind kind, sluice_str name)
{
	sluice_host_table->secret(inst, (int)kind, name);
}
/* In check(): a document about the instance that everybody may read (RFC 8615). The gateway answers
 * GET, HEAD and OPTIONS of the path with it, on the hosts and listeners of every route that has the
 * instance in its list, as if the file had a route for it without plugins; a route of the file for
 * that very path comes first. The path begins with "/.well-known/" and has letters, digits and
 * -._~/ alone. Of the answer the status, the fields, the content type and the body count; all is
 * copied. */
static inline void sluice_serve(sluice_instance *inst, sluice_str path, const sluice_answer *a)
{
	sluice_host_table->serve(inst, path, a);
}
/* Whether programs that cannot tell '_' from '-' (CGI, WSGI and others) take two field names for
 * the same: they are equal but for these two characters and for case. Any thread. */
static inline bool sluice_names_alike(sluice_str a, sluice_str b)
{
	return sluice_host_table->names_alike(a, b);
}
/* Main thread: call fn once after ms milliseconds. Replaces the instance's timer; dropped when the
 * instance stops. */
static inline void sluice_timer(sluice_instance *inst, uint64_t ms, sluice_main_timer_fn fn)
{
	sluice_host_table->timer(inst, ms, fn);
}
/* Main thread: fetch over HTTP; fn runs later on the main thread, exactly once unless the instance
 * stops first. An instance may have 16 under way. 0, or -1 when the request is malformed or there
 * are too many (fn is not called). */
static inline int sluice_main_fetch(sluice_instance *inst, const sluice_fetch_request *r,
	sluice_main_fetch_fn fn)
{
	return sluice_host_table->main_fetch(inst, r, fn);
}
/* Main thread, from discover() on: these n servers are those of the upstream, in the place of all
 * that it had. At most 10000, each once; all is copied. Servers that stay keep their connections
 * and their health; those that go finish the requests that they have. 0 servers: requests get 503
 * `no-server`. The set stays over reloads, until the instance sets another one. Returns 0; or -1
 * with a line in the log when nothing was changed, because an entry cannot be a server or is there
 * twice, or there are too many; or SLUICE_SERVERS_GONE when the upstream's `discovery` does not
 * name the instance (any more): forget the upstream, until discover() names it again. */
enum { SLUICE_SERVERS_GONE = -2 };
static inline int sluice_servers_set(sluice_instance *inst, sluice_str upstream,
	const sluice_server_entry *servers, size_t n)
{
	return sluice_host_table->servers_set(inst, upstream, servers, n,
		sizeof(sluice_server_entry));
}
/* Main thread: hand an immutable value to all workers. The one it replaces is freed when no hook
 * can still see it. Wakes every exchange parked by sluice_await_publish(). Legal in check() too
 * (then it is there from the first request). */
static inline void sluice_publish(sluice_instance *inst, void *value, void (*free_value)(void *))
{
	sluice_host_table->publish(inst, value, free_value);
}
/* Main thread, in check(): register a Redis script. Lives as long as the instance. source is
 * borrowed for as long. */
static inline const sluice_script *sluice_script_register(sluice_instance *inst, const char *source)
{
	return sluice_host_table->script(inst, source);
}
static inline sluice_store_kind sluice_store_kind_of(const sluice_store *s)
{
	return sluice_host_table->store_kind(s);
}
/* The memory store of the process that exists without configuration. */
static inline const sluice_store *sluice_store_local(sluice_instance *inst)
{
	return sluice_host_table->store_local(inst);
}

#ifdef __cplusplus
}
#endif

#include <sluice/conn.h>
#include <sluice/dependency.h>
#include <sluice/exchange.h>
#include <sluice/follow.h>
#include <sluice/identity.h>
#include <sluice/objects.h>
#include <sluice/records.h>

#endif
