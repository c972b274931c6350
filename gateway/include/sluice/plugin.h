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
 * Rules that hold for every function here unless it says otherwise:
 *  - Strings are (data, len) pairs, not NUL-terminated, borrowed: valid until the hook returns, or
 *    for as long as stated.
 *  - Memory for one request comes from sluice_alloc() and dies with the exchange; there is no
 *    free().
 *  - An exchange and all its hooks live on one worker thread. Configuration callbacks run on the
 *    main thread.
 *  - If the client leaves while an exchange is parked, its callback is dropped, and on_complete
 *    still runs once.
 *  - Structs that carry `size` grow at the end only; the host reads no more than `size` bytes of
 *    them.
 */
#ifndef SLUICE_PLUGIN_H
#define SLUICE_PLUGIN_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_ABI 1u

/* ---- basic types --------------------------------------------------------------------------- */

typedef struct sluice_str {
	const char *data;
	size_t len;
} sluice_str;

#define SLUICE_STR(literal) ((sluice_str){ (literal), sizeof(literal) - 1 })

/* a list of strings */
typedef struct sluice_strs {
	const sluice_str *v;
	size_t n;
} sluice_strs;

typedef struct sluice_pair {
	sluice_str name, value;
} sluice_pair;

/* a map of strings, in the order of the file */
typedef struct sluice_pairs {
	const sluice_pair *v;
	size_t n;
} sluice_pairs;

/* `100/min`: count events in period_ms milliseconds */
typedef struct sluice_rate {
	uint64_t count;
	uint64_t period_ms;
} sluice_rate;

/* a list or a map of blocks: n structs of the sub-table's size, one after another */
typedef struct sluice_blocks {
	void *v;
	size_t n;
} sluice_blocks;

typedef struct sluice_exchange sluice_exchange; /* one request and its response */
typedef struct sluice_instance sluice_instance; /* one configured use of a plugin */
typedef struct sluice_store sluice_store;       /* a store of the `stores` block */
typedef struct sluice_script sluice_script;     /* a script registered for Redis stores */
typedef struct sluice_expr sluice_expr;         /* a compiled key expression, e.g. claim:sub */
/* a compiled text with placeholders, e.g. "user {claim:sub}" */
typedef struct sluice_template sluice_template;

typedef struct sluice_exprs {
	const sluice_expr *const *v;
	size_t n;
} sluice_exprs;

typedef enum sluice_verdict {
	SLUICE_NEXT = 0, /* go on with the next plugin */
	/* an answer was set by sluice_refuse() or sluice_reply(); no further request hook runs */
	SLUICE_REPLY,
	/* parked: a callback will give the verdict. Return it only as a service returned it */
	SLUICE_WAIT,
	SLUICE_FAIL /* the plugin could not do its work: the exchange is answered with 500 */
} sluice_verdict;

/* ---- options ------------------------------------------------------------------------------- */

/* What a row binds to in the struct is given after each type. */
typedef enum sluice_opt_type {
	SLUICE_T_BOOL = 1, /* bool */
	SLUICE_T_STR,      /* sluice_str, also NUL-terminated */
	SLUICE_T_INT,      /* int64_t */
	SLUICE_T_UINT,     /* uint64_t */
	/* uint64_t, bytes; written 4096, 16KiB, 1MiB, 2GiB (also KB, MB, GB = powers of 1000) */
	SLUICE_T_SIZE,
	SLUICE_T_DURATION, /* uint64_t, milliseconds; written 250ms, 30s, 5m, 1h, 7d */
	SLUICE_T_RATE,     /* sluice_rate; written 100/s, 100/min, 5000/h, 1/d, 10/30s */
	SLUICE_T_ENUM,     /* int32_t, index into choices */
	SLUICE_T_FLAGS,    /* uint64_t, bit i set when choices[i] is in the list */
	SLUICE_T_STRS,     /* sluice_strs; a single scalar is a list of one */
	SLUICE_T_PAIRS,    /* sluice_pairs */
	SLUICE_T_EXPR,     /* const sluice_expr * */
	SLUICE_T_EXPRS,    /* sluice_exprs; a single scalar is a list of one */
	/* const sluice_store *, by name from the `stores` block; NULL when left out */
	SLUICE_T_STORE,
	SLUICE_T_BLOCK, /* the sub-table's struct, embedded */
	SLUICE_T_LIST,  /* sluice_blocks, from a list of blocks */
	/* sluice_blocks, from a map; the key binds to the sub-table's row flagged SLUICE_F_KEY */
	SLUICE_T_MAP,
	SLUICE_T_NODE /* core only: the untouched configuration node */
} sluice_opt_type;

enum sluice_opt_flags {
	SLUICE_F_REQUIRED = 1u << 0, /* leaving it out is an error */
	/* never shown; `file:PATH` reads the value from a file (trailing newline cut) */
	SLUICE_F_SECRET = 1u << 1,
	SLUICE_F_SCALAR = 1u << 2, /* a plain scalar in place of the block binds to this row */
	/* takes the key of a SLUICE_T_MAP entry; not an option of its own */
	SLUICE_F_KEY = 1u << 3,
	SLUICE_F_NEW = 1u << 4,     /* on reload: in force for new connections */
	SLUICE_F_RESTART = 1u << 5, /* on reload: a change needs a restart and is reported */
	/* SLUICE_T_BLOCK left out still binds the sub-table's defaults */
	SLUICE_F_SUBOBJECT = 1u << 6,
	/* SLUICE_T_PAIRS: a value may be a list; each of its members is a pair of that name */
	SLUICE_F_MULTI = 1u << 7,
};

/* One row declares an option once: parsing, checks, `sluice schema`, `sluice plugins NAME` and the
 * reference page come from it. A table ends with a row whose name is NULL. */
typedef struct sluice_option {
	const char *name; /* as written in the file: lower case, underscores */
	/* one sentence, starting in lower case, without a full stop */
	const char *doc;
	uint32_t type;         /* sluice_opt_type */
	uint32_t flags;        /* sluice_opt_flags */
	size_t offset;         /* offsetof in the bound struct */
	const char *def;       /* default as it would be written; NULL: zero, empty */
	const char *min, *max; /* inclusive bounds, so written; NULL: none. STR: of its bytes, lists
				* and maps: of their members */
	const char *const *choices;      /* ENUM, FLAGS: NULL-terminated */
	const struct sluice_option *sub; /* BLOCK, LIST, MAP: rows of the inner block */
	size_t sub_size;                 /* LIST, MAP: sizeof one bound struct */
} sluice_option;

/* clang-format off */
#define SLUICE_OPTION(T, st, field, ...) \
	{ .name = #field, .type = (T), .offset = offsetof(st, field), __VA_ARGS__ }
#define SLUICE_OPTIONS_END { .name = NULL }
/* clang-format on */

/* ---- a plugin's record --------------------------------------------------------------------- */

/* A hook, and what a parked exchange resumes with. conf: the instance's bound struct, immutable
 * while in force. */
typedef sluice_verdict (*sluice_hook)(sluice_exchange *x, const void *conf);

/* A hook that works on a body, see "bodies" below. data: what has come and was not taken off yet,
 * in one piece, valid until the exchange goes on (over a wait, too); end: nothing comes behind it.
 * Both may be: no data, and the end. */
typedef sluice_verdict (
	*sluice_body_hook)(sluice_exchange *x, const void *conf, sluice_str data, bool end);

typedef struct sluice_plugin {
	uint32_t abi;                 /* SLUICE_ABI */
	uint32_t size;                /* sizeof(sluice_plugin) the module was built with */
	const char *name;             /* as in `use: NAME`; the file is NAME.so */
	const char *version;          /* of the plugin */
	const char *summary;          /* one line */
	const sluice_option *options; /* may be NULL: no options */
	size_t conf_size;

	/* Main thread, on `sluice check` too: cross-option rules and derived values, no network.
	 * Report what is wrong with sluice_conf_error() and return -1. */
	int (*check)(sluice_instance *inst, void *conf);
	/* Main thread, before the configuration is in force: timers, first fetch. Negative: it
	 * cannot, and none of it is taken. */
	int (*start)(sluice_instance *inst, void *conf);
	/* Main thread, after the last worker let go of the instance, also when check failed:
	 * release what check and start made. */
	void (*stop)(sluice_instance *inst, void *conf);

	/* Per-worker state: zeroed memory of worker_size bytes for each worker, reached by
	 * sluice_worker_state(). */
	size_t worker_size;
	/* negative: as of start() */
	int (*worker_start)(sluice_instance *inst, const void *conf, void *state);
	void (*worker_stop)(sluice_instance *inst, const void *conf, void *state);

	/* Worker. The request head is complete and routed; may answer, wait, change the request
	 * that goes upstream. */
	sluice_hook on_request;
	/* Worker, in reverse order of the route's list, for every final response head: upstream's
	 * or Sluice's own. May change the head; may wait; SLUICE_REPLY replaces an upstream's
	 * response. */
	sluice_hook on_response;
	/* Worker, exactly once for each exchange whose on_request ran, however it ended. The
	 * verdict is ignored. */
	sluice_hook on_complete;
	/* Main thread, after a worker called sluice_refresh(): coalesced, never more than one
	 * outstanding. */
	void (*on_refresh)(sluice_instance *inst, const void *conf);

	/* sizeof(sluice_host) the module was built with; SLUICE_PLUGIN() sets it */
	uint32_t host_size;

	/* Worker, for the bodies that the plugin asked for by sluice_body_want(), and for no
	 * others: request bodies in the order of the route's list, response bodies in reverse. */
	sluice_body_hook on_request_body;
	sluice_body_hook on_response_body;

	/* The attributes that the plugin states, NULL-terminated: "tenant", or "geo:" for all of a
	 * namespace. NULL: none. A configuration that names any other fact is refused; one that
	 * uses a fact before a plugin states it is warned. */
	const char *const *provides;
} sluice_plugin;

/* ---- services: arguments ------------------------------------------------------------------- */

typedef enum sluice_side {
	SLUICE_REQUEST = 0, /* what the client sent; changes apply to what goes upstream */
	/* before on_response: changes wait for whatever final response the exchange gets */
	SLUICE_RESPONSE = 1,
	/* Trailers, for the functions about fields: there only in a body hook of that side, when it
	 * is told the end. What is not allowed behind a body (RFC 9110 6.5.1) was left out, and is
	 * left alone. Who sent no `TE: trailers` by HTTP/1.1 gets none. */
	SLUICE_REQUEST_TRAILERS = 2,
	SLUICE_RESPONSE_TRAILERS = 3
} sluice_side;

typedef enum sluice_field_op {
	SLUICE_FIELD_SET = 0,
	SLUICE_FIELD_ADD,
	SLUICE_FIELD_REMOVE
} sluice_field_op;

/* facts of an exchange, by sluice_get() */
typedef enum sluice_info {
	SLUICE_I_METHOD = 0,
	/* http, https: as the client asked, also where a trusted proxy tells */
	SLUICE_I_SCHEME,
	SLUICE_I_HOST,   /* lower case, without port */
	SLUICE_I_PATH,   /* normalised: what was matched, and what is forwarded */
	SLUICE_I_QUERY,  /* without '?' */
	SLUICE_I_TARGET, /* path and query */
	/* of the client, also where a trusted proxy tells; "unix" at a unix socket */
	SLUICE_I_CLIENT_IP,
	SLUICE_I_ROUTE,    /* name of the route */
	SLUICE_I_UPSTREAM, /* name of the upstream, empty for built-in answers */
	SLUICE_I_REQUEST_ID
} sluice_info;

/*
 * Bodies. A body passes untouched, and at no cost, unless a plugin asks for it: for the request's
 * in on_request, for the response's in on_request (whatever response comes) or in on_response (this
 * one). Its body hook is then called with the bytes, at least once, the last time with `end`; also
 * for a message without a body, but not for a response that cannot have one (to HEAD, 204, 304),
 * nor for a tunnel.
 *
 * The hook takes bytes off the front of data, by sluice_body_pass() and sluice_body_drop(), and
 * puts others in their place by sluice_body_write(): what leaves, leaves in the order of these
 * calls. What it leaves is held, and shown to it again with what has come behind it; more than
 * `max` of that are a failure of the plugin. What is left at the end goes on as it is.
 *
 * The verdict: SLUICE_NEXT to go on. SLUICE_FAIL, or an answer (sluice_refuse(), sluice_reply()),
 * ends the message: the client gets that answer as long as it was sent no response head, and what
 * the upstream has of the request is given up; later the response is broken off, so that nobody
 * takes it for whole. SLUICE_WAIT in a BUFFER hook only: in a STREAM hook the services that wait
 * return SLUICE_FAIL.
 */
typedef enum sluice_body_mode {
	/* as it comes: the head goes first, and what has left cannot be taken back */
	SLUICE_BODY_STREAM = 0,
	/* whole, in one call: the head is held until the hook has decided, and may still be
	 * changed */
	SLUICE_BODY_BUFFER
} sluice_body_mode;

/* BUFFER: a body of more than max bytes */
typedef enum sluice_body_over {
	SLUICE_BODY_REFUSE = 0, /* 413 for a request; a response is replaced by 502 */
	/* goes on unseen: the hook is not called, and the request is noted `body-unseen` */
	SLUICE_BODY_PASS
} sluice_body_over;

typedef struct sluice_body_plan {
	size_t size; /* sizeof(sluice_body_plan) */
	sluice_body_mode mode;
	sluice_body_over over; /* BUFFER */
	uint64_t max;          /* bytes that may be held of one body at a time; 1 to 1 GiB */
	/* the hook only looks: all that it saw goes on by itself, and Content-Length stays */
	bool read_only;
} sluice_body_plan;

/* how a service call ended */
typedef enum sluice_status {
	SLUICE_OK = 0,
	SLUICE_TIMEOUT,     /* the deadline passed first */
	SLUICE_UNREACHABLE, /* no connection, or it was lost; or the queue to it is full */
	SLUICE_ERROR        /* the other side answered with an error, or not by the protocol */
} sluice_status;

typedef enum sluice_value_type {
	SLUICE_V_NIL = 0,
	SLUICE_V_INT,
	SLUICE_V_STR,
	SLUICE_V_LIST
} sluice_value_type;

typedef struct sluice_value {
	sluice_value_type type;
	int64_t i;
	sluice_str s;                 /* also the text of an error */
	const struct sluice_value *v; /* LIST */
	size_t n;
} sluice_value;

typedef sluice_verdict (*sluice_store_fn)(sluice_exchange *x, const void *conf, sluice_status st,
	const sluice_value *v);

/* what a request says of a fact, by sluice_expr_read() */
typedef enum sluice_reading {
	SLUICE_READ_NONE = 0, /* nothing */
	SLUICE_READ_ONE,      /* one value */
	/* several: a repeated header field, parameter or cookie. Services differ in which they
	 * take */
	SLUICE_READ_MANY,
	SLUICE_READ_FAIL /* the exchange's budget is spent: return SLUICE_FAIL */
} sluice_reading;

typedef enum sluice_template_result {
	SLUICE_TEMPLATE_OK = 0,
	/* a placeholder has no value in this request, or one that no field can have */
	SLUICE_TEMPLATE_MISSING,
	SLUICE_TEMPLATE_FAIL /* the exchange's budget is spent: return SLUICE_FAIL */
} sluice_template_result;

enum { SLUICE_IP_NETWORK = 64 }; /* bytes for sluice_ip_network() */

typedef enum sluice_store_kind { SLUICE_STORE_MEMORY = 0, SLUICE_STORE_REDIS } sluice_store_kind;

typedef struct sluice_fetch_request {
	size_t size;       /* sizeof(sluice_fetch_request) */
	sluice_str method; /* empty: GET */
	sluice_str url;    /* http:// or https:// ; the certificate is verified */
	sluice_pairs headers;
	sluice_str body;
	uint64_t timeout_ms; /* whole fetch; 0: 5 s */
	size_t max_body;     /* bytes; more is SLUICE_ERROR; 0: 1 MiB */
	/* PEM file of authorities, relative to the configuration file; empty: the system's */
	sluice_str ca_file;
	/* of sluice_main_fetch(): handed back with the response, tells one fetch from another */
	void *user;
} sluice_fetch_request;

typedef struct sluice_fetch_response {
	size_t size;
	sluice_status status; /* SLUICE_OK: a whole response arrived, of any HTTP status */
	int code;             /* HTTP status code */
	const sluice_pair *headers;
	size_t n_headers;
	sluice_str body;
	const char *error; /* a sentence, when status is not SLUICE_OK */
	void *user;        /* of the request; NULL for sluice_fetch() */
} sluice_fetch_response;

typedef sluice_verdict (
	*sluice_fetch_fn)(sluice_exchange *x, const void *conf, const sluice_fetch_response *r);
typedef void (
	*sluice_main_fetch_fn)(sluice_instance *inst, void *conf, const sluice_fetch_response *r);
typedef void (*sluice_main_timer_fn)(sluice_instance *inst, void *conf);
typedef sluice_str (*sluice_attr_fn)(sluice_exchange *x, void *ctx, sluice_str name);

typedef enum sluice_log_level {
	SLUICE_LOG_ERROR = 0,
	SLUICE_LOG_WARN,
	SLUICE_LOG_INFO,
	SLUICE_LOG_DEBUG
} sluice_log_level;

typedef enum sluice_secret_kind {
	SLUICE_SECRET_PARAMETER = 0, /* a parameter of the query */
	SLUICE_SECRET_FIELD          /* a header field */
} sluice_secret_kind;

/* A 64-bit cell of a memory store. */
typedef struct sluice_cell {
	void *slot;       /* NULL: there is none */
	uint64_t value;   /* as last read */
	uint64_t host[6]; /* the gateway's own */
} sluice_cell;

/* ---- services: the host's table ------------------------------------------------------------ */

/* Use the inline functions below; this is how they reach the gateway. Appended to, never
 * reordered. */
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
} sluice_host;

/* Set by the loader before anything of the plugin runs; one for each module, shared by its source
 * files. */
extern __attribute__((visibility("hidden"))) const sluice_host *sluice_host_table;

#define SLUICE_EXPORT __attribute__((visibility("default")))

/* The one definition a module needs: SLUICE_PLUGIN("quota", .summary = "...", ...); in one of its
 * source files. */
#define SLUICE_PLUGIN(plugin_name, ...)                                                  \
	__attribute__((visibility("hidden"))) const sluice_host *sluice_host_table;      \
	SLUICE_EXPORT extern const sluice_host **const sluice_plugin_host;               \
	SLUICE_EXPORT const sluice_host **const sluice_plugin_host = &sluice_host_table; \
	SLUICE_EXPORT extern const sluice_plugin sluice_plugin_record;                   \
	SLUICE_EXPORT const sluice_plugin sluice_plugin_record = { .abi = SLUICE_ABI,    \
		.size = sizeof(sluice_plugin),                                           \
		.name = (plugin_name),                                                   \
		.host_size = sizeof(sluice_host),                                        \
		__VA_ARGS__ }

/* ---- configuration time, main thread ------------------------------------------------------- */

/* Report a mistake in the named option (NULL: the instance as a whole), shown with FILE:LINE:COL.
 * The name may lead on into blocks, maps and lists: "request.set.X-User", "servers[2].address". */
__attribute__((format(printf, 3, 4))) static inline void sluice_conf_error(sluice_instance *inst,
	const char *option, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	sluice_host_table->conf_error(inst, option, fmt, ap);
	va_end(ap);
}
/* How to put right what sluice_conf_error() reported last: one more line below it. */
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
/* Whether the file gave the option, rather than its default. Takes the same names. */
static inline bool sluice_conf_given(sluice_instance *inst, const char *option)
{
	return sluice_host_table->conf_given(inst, option);
}
/* Read a file of at most max bytes, relative to the configuration file; out is NUL-terminated. It
 * lives as long as the instance when read in check() or start(). Also legal in a main-thread timer,
 * fetch callback or on_refresh(), where it lives until that returns: what is read again and again
 * must not pile up. 0, or a negative errno. */
static inline int sluice_read_file(sluice_instance *inst, sluice_str path, size_t max,
	sluice_str *out)
{
	return sluice_host_table->read_file(inst, path, max, out);
}
/* In check(): compile a key expression that is part of an option's text. NULL, and a sentence in
 * *why, when it is none. Lives as long as the instance. An option that is an expression as a whole
 * is a row of type SLUICE_T_EXPR instead. */
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
 * from {ip}"; a brace that is meant is written twice. field: its name: values that go into Location
 * are escaped, and cannot lead to another host by themselves. side: in which message it will stand.
 * NULL when it is wrong: that was reported at the option, which is named as for
 * sluice_conf_error(). Lives as long as the instance. */
static inline const sluice_template *sluice_template_compile(sluice_instance *inst,
	const char *option, sluice_side side, sluice_str field, sluice_str text)
{
	return sluice_host_table->template_compile(inst, option, (int)side, field, text);
}
/* Whether it has no placeholder: then *text is what it always is. Any thread. */
static inline bool sluice_template_fixed(const sluice_template *t, sluice_str *text)
{
	return sluice_host_table->template_fixed(t, text);
}
/* In check(): the table of that name in a memory store, as a store of its own: only keys of this
 * table take places in it. It is made at its first mention, and is there with what it holds as long
 * as some instance names it, over reloads too. The tables of a store share its memory. Another kind
 * of store is given back as it is. Never NULL. */
static inline const sluice_store *sluice_store_table(sluice_instance *inst, const sluice_store *s,
	sluice_str name)
{
	return sluice_host_table->store_table(inst, s, name);
}
/* Why sluice_field_set(), _add() or _remove() would leave a field of that name alone, or one of
 * that value: the rest of a sentence ("is no name of a header field"). NULL: they would not. Any
 * thread. */
static inline const char *sluice_field_refused(sluice_side side, sluice_field_op op,
	sluice_str name, sluice_str value)
{
	return sluice_host_table->field_refused((int)side, (int)op, name, value);
}
static inline sluice_str sluice_instance_name(sluice_instance *inst)
{
	return sluice_host_table->instance_name(inst);
}
/* Any thread that holds inst. Never give it secrets: it goes to the operator's log. */
__attribute__((format(printf, 3, 4))) static inline void sluice_log(sluice_instance *inst,
	sluice_log_level level, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	sluice_host_table->log(inst, NULL, (int)level, fmt, ap);
	va_end(ap);
}
/* In check(): what requests carry under this name is a secret, and the access log shows "***" in
 * its place, whatever becomes of the request. Names are compared decoded, without case, and without
 * what is no letter or digit. Common names (access_token, X-Amz-Signature, sig ...) need not be
 * declared. A name without letters or digits, or of more than 128 bytes, is reported as a mistake
 * of the configuration. */
static inline void sluice_secret(sluice_instance *inst, sluice_secret_kind kind, sluice_str name)
{
	sluice_host_table->secret(inst, (int)kind, name);
}
/* Whether two names of fields are one to programs that cannot tell '_' from '-' (CGI, WSGI and
 * their kin): equal but for these and for case. Any thread. */
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
/* The process-wide memory store that is there without configuration. */
static inline const sluice_store *sluice_store_local(sluice_instance *inst)
{
	return sluice_host_table->store_local(inst);
}

/* ---- an exchange, worker thread ------------------------------------------------------------ */

static inline sluice_str sluice_get(sluice_exchange *x, sluice_info what)
{
	return sluice_host_table->get(x, (int)what);
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
 * copied. In a request, set and remove go by sluice_names_alike(), and hold for the trailers that
 * come behind its body as well. Fields that frame the message, belong to the connection or (in a
 * request) are written by the gateway are left alone, with a warning in the log. So is a value with
 * control bytes, except that set then removes: no old value may pass for the new. One exception:
 * `te: trailers` may be set in a request, and asks the upstream for trailers. */
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
/* Memory of the exchange that is this plugin's, at its place in the route's list: zeroed at the
 * first call, the same at each one after it, whatever hook asks. n is the same each time. NULL as
 * for sluice_alloc(). */
static inline void *sluice_state(sluice_exchange *x, size_t n)
{
	return sluice_host_table->state(x, n);
}
/* Call fn(arg) when the exchange ends, after on_complete; last registered, first called. */
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
/* The same, telling whether the request says it once. Of something repeated *out is all values,
 * joined, in an order that the client chose: who decides by it should refuse the request. */
static inline sluice_reading sluice_expr_read(sluice_exchange *x, const sluice_expr *e,
	sluice_str *out)
{
	return sluice_host_table->expr_read(x, e, out);
}
/* Put a text together; it lives as long as x. */
static inline sluice_template_result sluice_template_write(sluice_exchange *x,
	const sluice_template *t, sluice_str *out)
{
	return sluice_host_table->template_write(x, t, out);
}
/* The network that an address belongs to: "2001:db8:1:2::/64", or the address itself where the
 * prefix is all of it; what is no IP address stays as it is. Prefixes in bits, at most 32 and 128.
 * Any thread. */
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
/* ns: string constant such as "claim"; fn is asked for the part after the colon; ctx must live as
 * long as x. */
static inline void sluice_attr_provide(sluice_exchange *x, const char *ns, sluice_attr_fn fn,
	void *ctx)
{
	sluice_host_table->attr_provide(x, ns, fn, ctx);
}
/* A short code (string constant, e.g. "limit-store-down") for the access log and the metrics. */
static inline void sluice_note(sluice_exchange *x, const char *code)
{
	sluice_host_table->note(x, code);
}
/* Answer with an RFC 9457 problem document. status 400..599; code: string constant of [a-z0-9-],
 * stable: it becomes part of the document's type, the log's reason and a metric's label; detail: a
 * sentence for the client, copied. */
static inline sluice_verdict sluice_refuse(sluice_exchange *x, int status, const char *code,
	const char *detail)
{
	return sluice_host_table->refuse(x, status, code, detail);
}
/* Answer with a body of one's own (copied). */
static inline sluice_verdict sluice_reply(sluice_exchange *x, int status, sluice_str content_type,
	sluice_str body)
{
	return sluice_host_table->reply(x, status, content_type, body);
}

/* Bodies: see sluice_body_mode. */

/* Ask for the request's or the response's body. Asking again replaces the plan. False when it is
 * too late, the plan or the record lacks something, or the exchange's memory is spent: return
 * SLUICE_FAIL. */
static inline bool sluice_body_want(sluice_exchange *x, sluice_side side,
	const sluice_body_plan *plan)
{
	return sluice_host_table->body_want(x, (int)side, plan);
}
/* In a body hook, or in the callback of its wait: the next n bytes of data go on, uncopied where
 * they can; or go nowhere. More than there are means all of them. data itself stays valid. */
static inline void sluice_body_pass(sluice_exchange *x, size_t n)
{
	sluice_host_table->body_pass(x, n);
}
static inline void sluice_body_drop(sluice_exchange *x, size_t n)
{
	sluice_host_table->body_drop(x, n);
}
/* There: other bytes go on, copied. False: they did, and it is enough, as the receiver is slow.
 * Leave the rest of data where it is and return SLUICE_NEXT: if there is a rest, the hook is called
 * with it again when there is room. A call that writes more than 1 MiB and the plan's max is a
 * failure of the plugin. */
static inline bool sluice_body_write(sluice_exchange *x, sluice_str bytes)
{
	return sluice_host_table->body_write(x, bytes);
}

/* The waiting services. Each returns what the hook must return: SLUICE_WAIT when parked, or the
 * callback's own verdict when the answer was there at once (the callback then has already run).
 * Every wait has a deadline. */

/* Resume when the instance publishes next, or when the time is up; tell them apart by
 * sluice_published(). */
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
/* Run a script that touches one key on a Redis store. args are formatted before the call returns. v
 * is borrowed. */
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
/* Write desired if the cell still holds c->value; else false, with c->value read anew, 0 if the
 * cell was lost meanwhile: decide again. c->slot is NULL then when sluice_store_cell() would say
 * false. */
static inline bool sluice_store_cell_swap(sluice_cell *c, uint64_t desired)
{
	return sluice_host_table->store_cell_swap(c, desired);
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
