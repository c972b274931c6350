/*
 * The types of the plugin interface: strings, verdicts, options, and what services take and give.
 * Part of sluice/plugin.h, which gives the rules that hold for all of it.
 */
#ifndef SLUICE_TYPES_H
#define SLUICE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

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
typedef struct sluice_upstream sluice_upstream; /* an upstream of the `upstreams` block */
typedef struct sluice_script sluice_script;     /* a script registered for Redis stores */
typedef struct sluice_expr sluice_expr;         /* a compiled key expression, e.g. claim:sub */
/* a compiled text with placeholders, e.g. "user {claim:sub}" */
typedef struct sluice_template sluice_template;
typedef struct sluice_condition sluice_condition; /* what requests must meet: SLUICE_T_WHEN */

typedef struct sluice_exprs {
	const sluice_expr *const *v;
	size_t n;
} sluice_exprs;

typedef enum sluice_verdict {
	SLUICE_NEXT = 0, /* go on with the next plugin */
	/* an answer was given by sluice_answer_with(), sluice_answer_begin(), sluice_reply() or
	 * sluice_refuse(); no further request hook runs */
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
	SLUICE_T_NODE, /* core only: the untouched configuration node */
	/* const sluice_upstream *, by name from the `upstreams` block; NULL when left out. It
	 * belongs to the instance and lives as long; a reload may change which upstream it stands
	 * for */
	SLUICE_T_UPSTREAM,
	/* const sluice_condition *, from a block like a route's `match` (without `listener`), all
	 * of whose parts must be met: see sluice_holds(). NULL when the option is left out */
	SLUICE_T_WHEN,
	/* uint64_t, hundredths of a percent; written 50% or 12.5% */
	SLUICE_T_PERCENT
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
	size_t offset;    /* offsetof in the bound struct */
	uint32_t type;    /* sluice_opt_type */
	uint32_t flags;   /* sluice_opt_flags */
	const char *def;  /* default as it would be written; NULL: zero, empty */
	/* inclusive bounds, written as in the file; NULL: none. STR: number of bytes; lists and
	 * maps: number of members */
	const char *min, *max;
	const char *const *choices;      /* ENUM, FLAGS: NULL-terminated */
	const struct sluice_option *sub; /* BLOCK, LIST, MAP: rows of the inner block */
	size_t sub_size;                 /* LIST, MAP: sizeof one bound struct */
	/* one sentence, starting in lower case, without a full stop */
	const char *doc;
} sluice_option;

/* clang-format off */
#define SLUICE_OPTION(T, st, field, ...) \
	{ .name = #field, .offset = offsetof(st, field), .type = (T), __VA_ARGS__ }
#define SLUICE_OPTIONS_END { .name = NULL }
/* clang-format on */

/* ---- services: arguments ------------------------------------------------------------------- */

typedef enum sluice_side {
	SLUICE_REQUEST = 0, /* what the client sent; changes apply to what goes upstream */
	/* before on_response: changes wait for whatever final response the exchange gets */
	SLUICE_RESPONSE = 1,
	/* Trailers, for the functions about fields. They exist only in a body hook of that side
	 * that is called with `end`. Fields that are not allowed behind a body (RFC 9110 6.5.1)
	 * were left out and cannot be set. HTTP/1.1 clients without `TE: trailers` get none. */
	SLUICE_REQUEST_TRAILERS = 2,
	SLUICE_RESPONSE_TRAILERS = 3
} sluice_side;

typedef enum sluice_field_op {
	SLUICE_FIELD_SET = 0,
	SLUICE_FIELD_ADD,
	SLUICE_FIELD_REMOVE
} sluice_field_op;

/* Facts of an exchange, by sluice_get(). data is NULL where the exchange has no such fact, or does
 * not have it yet. */
typedef enum sluice_info {
	SLUICE_I_METHOD = 0,
	/* http or https: what the client used, or what a trusted proxy says it used */
	SLUICE_I_SCHEME,
	SLUICE_I_HOST, /* the host that the client asked for: lower case, without port */
	/* normalised: the path that was matched and is forwarded, or that a plugin has set */
	SLUICE_I_PATH,
	SLUICE_I_QUERY,  /* without '?', or as a plugin set it; data is NULL when there is none */
	SLUICE_I_TARGET, /* path and query */
	/* of the client, or what a trusted proxy says it is; "unix" at a unix socket */
	SLUICE_I_CLIENT_IP,
	/* name of the route; data is NULL while there is none: in request hooks of a listener's
	 * plugins, and for a request that no route takes */
	SLUICE_I_ROUTE,
	/* name of the upstream, or of the one that sluice_upstream_set() set; data is NULL for
	 * built-in answers, and while there is no route */
	SLUICE_I_UPSTREAM,
	SLUICE_I_REQUEST_ID,
	/* "HTTP/1.1", "HTTP/2": as the client asked */
	SLUICE_I_PROTOCOL,
	SLUICE_I_LISTENER, /* name of the listener */
	/* the other end of the client's connection: a proxy or load balancer where there is one, or
	 * the address in its PROXY header; "unix" at a unix socket. Its port is missing there */
	SLUICE_I_PEER,
	SLUICE_I_PEER_PORT,
	/* Of the client's connection, where it is of TLS: "TLSv1.3", the cipher suite by OpenSSL's
	 * name, the name that the client asked for, the protocol that was agreed on ("h2"). */
	SLUICE_I_TLS_VERSION,
	SLUICE_I_TLS_CIPHER,
	SLUICE_I_TLS_SNI,
	SLUICE_I_TLS_ALPN,
	/* The certificate that the client showed, where the listener verifies clients (its option
	 * tls.client_ca): subject and issuer as in RFC 4514, the names of each kind in its
	 * subjectAltName, joined by ", " in its order, serial number in upper case and SHA-256 in
	 * lower case hexadecimal digits, and itself as PEM and as DER in Base64 on one line. */
	SLUICE_I_CLIENT_CERT_SUBJECT,
	SLUICE_I_CLIENT_CERT_ISSUER,
	SLUICE_I_CLIENT_CERT_DNS,
	SLUICE_I_CLIENT_CERT_URI,
	SLUICE_I_CLIENT_CERT_EMAIL,
	SLUICE_I_CLIENT_CERT_SERIAL,
	SLUICE_I_CLIENT_CERT_SHA256,
	SLUICE_I_CLIENT_CERT_PEM,
	SLUICE_I_CLIENT_CERT_DER,
	/* Known in on_response and later. The code of the refusal or failure that the exchange ends
	 * with; the address of the server asked last; the protocol in which it answered. */
	SLUICE_I_REASON,
	SLUICE_I_SERVER,
	SLUICE_I_UPSTREAM_PROTOCOL,
	/* Host or :authority, as it is forwarded: with the port, as the client wrote it, unless a
	 * plugin set another */
	SLUICE_I_AUTHORITY,
	/* SLUICE_I_PATH, with the empty segments that upstreams get where the listener's
	 * merge_slashes is false */
	SLUICE_I_SENT_PATH,
	/* Host or :authority, as the client wrote it: SLUICE_I_AUTHORITY before plugins */
	SLUICE_I_ASKED_AUTHORITY,
	SLUICE_I_ASKED_PATH /* path as the client wrote it: not normalised, before plugins */
} sluice_info;

/* what sluice_number() returns for a number that is not known, or not yet */
#define SLUICE_UNKNOWN (-1)

/* Numbers of an exchange, by sluice_number(). Counts and durations are those so far; in on_complete
 * they are final, and those of the access log. */
typedef enum sluice_number_id {
	/* Of the response: in on_response the one to be sent; in on_complete the one that was, or,
	 * where none was sent, of the reason (499: the client left). Unknown before. */
	SLUICE_N_STATUS = 0,
	SLUICE_N_UPSTREAM_STATUS, /* unknown until the head of an upstream's response came */
	SLUICE_N_TRIES,           /* how often a server was asked, the one in progress included */
	/* received from and sent to the client for this request: heads and bodies, before TLS */
	SLUICE_N_BYTES_IN,
	SLUICE_N_BYTES_OUT,
	/* Of the bodies alone, without framing: as it came from the client, before plugins, and as
	 * it was passed to the client's connection, after plugins. After a 101: of the tunnel. */
	SLUICE_N_REQUEST_BODY,
	SLUICE_N_RESPONSE_BODY,
	/* microseconds from the request's first byte; in on_complete to the response's last */
	SLUICE_N_DURATION_US,
	/* Microseconds until the connection to the server asked last was open, 0 for one that was
	 * kept; and from the request sent to it until the head of its response came. */
	SLUICE_N_CONNECT_US,
	SLUICE_N_RESPONSE_US,
	SLUICE_N_START_MS, /* when the first byte of the request came, in ms since 1970 */
	/* of the client, if a trusted proxy does not tell another; and of the peer */
	SLUICE_N_CLIENT_PORT,
	SLUICE_N_PEER_PORT,
	/* requests on the client's connection so far, this one included */
	SLUICE_N_CONNECTION_REQUESTS,
	/* 1: the client's connection may carry further requests, as far as is known so far; 0: it
	 * ends with this one */
	SLUICE_N_CONNECTION_KEPT
} sluice_number_id;

/*
 * Bodies. A body passes unchanged, and at no cost, unless a plugin asks for it: for the request's
 * body in on_request; for the response's in on_request (for whatever response comes) or in
 * on_response (for this one). The plugin's body hook is then called with the bytes, at least once,
 * and the last time with `end`. It is called for a message without a body too, but not for a
 * response that cannot have one (to HEAD, 204, 304), nor for a tunnel.
 *
 * The hook takes bytes off the front of data by sluice_body_pass() and sluice_body_drop(), and puts
 * others in their place by sluice_body_write(). Bytes go on in the order of these calls. Bytes that
 * the hook does not take off are held, and shown to it again together with those that have come
 * behind them; to hold more than `max` bytes is a failure of the plugin. Bytes that are left at the
 * end go on as they are.
 *
 * The verdict: SLUICE_NEXT to go on. SLUICE_FAIL, or an answer (sluice_answer_with() and the
 * functions beside it), ends the message: as long as no response head was sent, the client gets
 * that answer, and the request to the upstream is aborted. Later no answer can be given, and
 * SLUICE_FAIL breaks the response off, so that the client does not take it for complete.
 * SLUICE_WAIT is for a BUFFER hook only: in a STREAM hook the services that wait return
 * SLUICE_FAIL.
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
	/* the body goes on, the hook is not called, and the request has the note `body-unseen` */
	SLUICE_BODY_PASS
} sluice_body_over;

typedef struct sluice_body_plan {
	size_t size; /* sizeof(sluice_body_plan) */
	sluice_body_mode mode;
	sluice_body_over over; /* BUFFER */
	uint64_t max;          /* bytes that may be held of one body at a time; 1 to 1 GiB */
	/* the hook only reads: all bytes go on by themselves, and Content-Length stays */
	bool read_only;
} sluice_body_plan;

/* An answer of the plugin's own, for sluice_answer_with(). Zeroed members are left out. */
typedef struct sluice_answer {
	size_t size; /* sizeof(sluice_answer) */
	/* 200 to 599. 204, 205 and 304 have no body */
	int status;
	/* Fields of the answer, copied, in this order; a name may come several times. Those that
	 * sluice_field_add() would not take are left out, with a line in the log. The gateway adds
	 * Content-Length, and Date, Server and X-Request-ID unless they are among these. */
	sluice_pairs headers;
	/* copied; counts before a Content-Type among the headers. Empty: there is none but that */
	sluice_str content_type;
	sluice_str body;
	/*
	 * The body is borrowed: it is sent from where it lies, is not copied, and does not count
	 * against the exchange's memory (max_memory). It must not change until release(arg), which
	 * is called exactly once, on the exchange's worker: when the last byte has left for the
	 * system, when nobody wants the body any more (HEAD, 204, another answer in its place, a
	 * client that is gone), or before sluice_answer_with() returns SLUICE_FAIL. That may be
	 * later than on_complete, and during a call of this or another plugin: release calls
	 * nothing of the gateway that takes an exchange. The instance lives until then.
	 *
	 * NULL: the body is copied into the exchange's memory.
	 */
	void (*release)(void *arg);
	void *arg; /* borrowed: for release */
} sluice_answer;

/* An answer whose body the plugin writes piece by piece, for sluice_answer_begin(). Zeroed members
 * are left out. */
typedef struct sluice_answer_stream {
	size_t size; /* sizeof(sluice_answer_stream) */
	/* as in sluice_answer. Where the response has no body (HEAD, 204, 205, 304), write is not
	 * called */
	int status;
	sluice_pairs headers; /* as in sluice_answer */
	sluice_str content_type;
	/* has_length: the body has that many bytes, and the gateway adds Content-Length, unless a
	 * body hook may change it. Else the end is told as the client's protocol does it: by
	 * chunks, by frames of HTTP/2, to HTTP/1.0 by the end of the connection. */
	bool has_length;
	uint64_t length;
	/* How long the plugin may write nothing while there is room, whatever it waits for; then it
	 * has failed. Milliseconds, at most 600000; 0: 60000. */
	uint64_t idle_ms;
	/* writes the body: see sluice_answer_begin() */
	sluice_verdict (*write)(sluice_exchange *x, const void *conf);
} sluice_answer_stream;

/* how a service call ended */
typedef enum sluice_status {
	SLUICE_OK = 0,
	SLUICE_TIMEOUT,     /* the deadline passed first */
	SLUICE_UNREACHABLE, /* no connection, or it was lost; or the queue to it is full */
	SLUICE_ERROR        /* the other side answered with an error, or broke the protocol */
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
	/* several: a repeated header field, parameter or cookie. Services differ in which of them
	 * they use */
	SLUICE_READ_MANY,
	SLUICE_READ_FAIL /* the exchange's budget is spent: return SLUICE_FAIL */
} sluice_reading;

/* whether a request meets a condition, by sluice_holds() */
typedef enum sluice_truth {
	SLUICE_NO = 0,
	SLUICE_YES,
	/* an expression needed more work than one match may take, or the exchange's budget is
	 * spent: a plugin that decides by the condition returns SLUICE_FAIL */
	SLUICE_UNDECIDED
} sluice_truth;

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
	/* http:// or https:// ; the certificate is verified. With `upstream` a path and query
	 * suffice, and Host is then the upstream's name */
	sluice_str url;
	sluice_pairs headers;
	sluice_str body;
	uint64_t timeout_ms; /* whole fetch; 0: 5 s */
	size_t max_body;     /* bytes; more is SLUICE_ERROR; 0: 1 MiB */
	/* PEM file of authorities, relative to the configuration file; empty: the system's */
	sluice_str ca_file;
	/* for sluice_main_fetch(), sluice_background() and sluice_work_fetch(): returned with the
	 * response, to tell one fetch from another */
	void *user;
	/* Not for sluice_main_fetch(). Ask a server of this upstream, of the instance's own
	 * options, as a request would: by its balancing, health, kept connections, protocol, TLS,
	 * timeouts and retries; timeout_ms holds for all tries together, and ca_file is ignored. Of
	 * an absolute url, its authority is sent as Host. NULL: the server that url names. A worker
	 * keeps up to 32 such connections for 30 s each; the main thread keeps none. */
	const struct sluice_upstream *upstream;
	/* For sluice_fetch() and sluice_background(): ask a server of the upstream to which the
	 * exchange's own request goes at this moment, as for `upstream`, which is NULL then. An
	 * error where the request goes to none. */
	bool of_exchange;
	/* By URL: the HTTP proxy to go through, http://HOST:PORT; https goes through a tunnel
	 * (CONNECT). Empty: that of `runtime.fetch_proxy`, if there is one. "direct": none. */
	sluice_str proxy;
	sluice_str proxy_credentials; /* for `proxy`: USER:PASSWORD; empty: none */
} sluice_fetch_request;

typedef struct sluice_fetch_response {
	size_t size;
	sluice_status status; /* SLUICE_OK: a whole response arrived, of any HTTP status */
	int code;             /* HTTP status code; of a redirect too: none is followed */
	const sluice_pair *headers;
	size_t n_headers;
	sluice_str body;
	const char *error; /* a sentence, when status is not SLUICE_OK */
	void *user;        /* as in the request; NULL for sluice_fetch() */
} sluice_fetch_response;

typedef sluice_verdict (
	*sluice_fetch_fn)(sluice_exchange *x, const void *conf, const sluice_fetch_response *r);

/* Names an exchange that sluice_park() parked, for sluice_resume(). A plain value: copy it, keep it
 * in any memory for any time, or forget it. It keeps nothing alive; its generation shows when the
 * exchange is gone. A ticket of zeros names no exchange. */
typedef struct sluice_ticket {
	uint32_t worker, slot;
	uint64_t generation;
} sluice_ticket;

/* SLUICE_OK: it was resumed; SLUICE_TIMEOUT: the time was up first. */
typedef sluice_verdict (*sluice_park_fn)(sluice_exchange *x, const void *conf, sluice_status st);

/* A fetch in the background, begun by sluice_background(): it belongs to one instance on one worker
 * and has no exchange. It lives until its callback returns. */
typedef struct sluice_work sluice_work;
typedef void (*sluice_work_fn)(sluice_work *k, const void *conf, const sluice_fetch_response *r);

typedef void (
	*sluice_main_fetch_fn)(sluice_instance *inst, void *conf, const sluice_fetch_response *r);
typedef void (*sluice_main_timer_fn)(sluice_instance *inst, void *conf);
typedef sluice_str (*sluice_attr_fn)(sluice_exchange *x, void *ctx, sluice_str name);

/* ---- balancers ----------------------------------------------------------------------------- */

/* A server of an upstream, as one worker knows it at the moment of a choice. */
typedef struct sluice_server {
	/* Names the server: a hash of its address and, over TLS, of its name. It is the same on all
	 * workers, in other gateways and after a restart. */
	uint64_t key;
	sluice_str address; /* "10.0.0.5:9000", "[2001:db8::5]:9000" or "unix:/path" */
	uint32_t weight;    /* 1 to 100 */
	uint32_t in_flight; /* requests of this worker that it has not answered yet */
	/* it is up and has room for a request; see sluice_may_choose() */
	bool ready;
} sluice_server;

/* What on_choose chooses from: all servers of the upstream, also those that cannot be chosen now,
 * so that what is derived from the whole set (a ring of hashes) stays the same while a server is
 * down. Borrowed: valid until on_choose returns. */
typedef struct sluice_choice {
	size_t size;         /* of this struct in the gateway; members are added at the end */
	sluice_str upstream; /* its name */
	/* Another number whenever servers come or go, change their place or their weight, also by a
	 * reload. No two sets of a worker ever have the same one, whatever their upstreams. */
	uint64_t generation;
	const sluice_server *servers; /* by sluice_server_at() */
	uint32_t n_servers;
	uint32_t server_size;  /* bytes from one to the next */
	const uint64_t *tried; /* keys of the servers that this request was sent to before */
	uint32_t n_tried;
	void *state;           /* of the instance on this worker, as sluice_worker_state() */
	const void *published; /* by the instance, as sluice_published() */
} sluice_choice;

/* What on_choose returns in place of the index of a server. */
enum {
	SLUICE_CHOOSE_NONE = -1, /* none in particular: `balance.algorithm` chooses */
	SLUICE_CHOOSE_FAIL = -2  /* the plugin could not do its work */
};

/* The server of that index, which is less than c->n_servers. */
static inline const sluice_server *sluice_server_at(const sluice_choice *c, uint32_t i)
{
	return (const sluice_server *)(const void *)((const char *)c->servers +
		(size_t)i * c->server_size);
}
/* Whether on_choose may return i: the server is up, has room, and was not tried. */
static inline bool sluice_may_choose(const sluice_choice *c, uint32_t i)
{
	const sluice_server *s = sluice_server_at(c, i);
	bool may = s->ready;
	for (uint32_t k = 0; k < c->n_tried; k++)
		may = may && c->tried[k] != s->key;
	return may;
}

/* A server that a plugin found, for sluice_servers_set(). */
typedef struct sluice_server_entry {
	sluice_str address; /* host:port, ip:port, [ipv6]:port or unix:/path; 1 to 300 bytes */
	uint32_t weight;    /* 1 to 100; 0 is 1 */
} sluice_server_entry;

/* ---- metrics ------------------------------------------------------------------------------- */

typedef struct sluice_metric sluice_metric; /* a metric of one instance */

typedef enum sluice_metric_kind {
	SLUICE_METRIC_COUNTER = 0, /* only grows; shown with `_total` behind its name */
	/* goes up and down: the page shows the sum of what each thread counted or set */
	SLUICE_METRIC_GAUGE,
	SLUICE_METRIC_HISTOGRAM /* how many values were at most as large as each of the bounds */
} sluice_metric_kind;

enum {
	SLUICE_METRIC_NAME = 64,   /* bytes of a metric's name, and of a label's */
	SLUICE_METRIC_HELP = 256,  /* bytes of its sentence */
	SLUICE_METRIC_BOUNDS = 32, /* of a histogram */
	/* values of its label that are told apart for an instance; further ones count as `other` */
	SLUICE_METRIC_VALUES = 100
};

/* What sluice_metric_declare() is told. Texts and bounds are copied. */
typedef struct sluice_metric_desc {
	size_t size; /* sizeof(sluice_metric_desc) */
	sluice_metric_kind kind;
	const char *name;  /* a-z, 0-9 and _: "lookups" is shown as sluice_plugin_PLUGIN_lookups */
	const char *help;  /* one sentence, on one line */
	const char *label; /* of its samples, beside `instance`; NULL: none */
	/* of a histogram: 1 to SLUICE_METRIC_BOUNDS, each greater than the one before it */
	const uint64_t *bounds;
	size_t n_bounds;
	/* What is counted, and the bounds, are divided by it when they are shown. 1000000: counted
	 * in microseconds, shown in seconds. 0 is 1. */
	uint64_t divisor;
} sluice_metric_desc;

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

/* Who calls, as a plugin has found out: sluice_identify(). */
typedef struct sluice_identity {
	size_t size;        /* sizeof(sluice_identity) */
	sluice_str name;    /* as the plugin knows it: a user, a subject; 1 byte at least */
	sluice_str groups;  /* joined by commas; empty: none */
	sluice_pairs facts; /* what else is known, such as a plan */
} sluice_identity;

/* What of requests belongs to a plugin: sluice_own(). */
typedef enum sluice_own_kind {
	SLUICE_OWN_WORD = 0,             /* a field that it alone writes */
	SLUICE_OWN_CREDENTIAL_FIELD,     /* a field with credentials */
	SLUICE_OWN_CREDENTIAL_PARAMETER, /* a parameter of the query with credentials */
	SLUICE_OWN_CREDENTIAL_COOKIE     /* a cookie with credentials */
} sluice_own_kind;

/* A cache of the process, one of its objects, and one that is being written: sluice/objects.h. */
typedef struct sluice_cache sluice_cache;
typedef struct sluice_object sluice_object;
typedef struct sluice_object_writer sluice_object_writer;

typedef struct sluice_cache_desc {
	size_t size; /* sizeof(sluice_cache_desc) */
	/* 1 to 64 of a-z, 0-9, - and _; among those of the plugin: the log and the metrics call it
	 * PLUGIN/NAME. Empty: the name of the instance */
	sluice_str name;
	uint64_t max_bytes;  /* of all its objects; 64 KiB to 1 TiB */
	uint64_t max_object; /* of one: key, meta and data; at most max_bytes; 0: a 16th of that */
} sluice_cache_desc;

/* a new object; all of it is copied */
typedef struct sluice_object_new {
	size_t size; /* sizeof(sluice_object_new) */
	sluice_str data;
	sluice_str meta;  /* what the plugin wants to know of data, such as fields of a response */
	uint64_t ttl_ms;  /* how long it is fresh; at most 366 days count */
	uint64_t keep_ms; /* how long it is kept, stale, after that; at most 366 days count */
	sluice_strs tags; /* for sluice_object_remove_tag(): at most 64, of 1 to 128 bytes */
} sluice_object_new;

/* A 64-bit cell of a memory store. */
typedef struct sluice_cell {
	void *slot;       /* NULL: the store has no cell */
	uint64_t value;   /* as last read */
	uint64_t host[6]; /* the gateway's own */
} sluice_cell;

/* A step in the judgement of a credential: sluice_question. Texts are borrowed by the call. */
typedef struct sluice_finding {
	size_t size;             /* sizeof(sluice_finding) of the module */
	sluice_str rule;         /* what is looked at: the name of an option, or of a claim */
	sluice_str found;        /* what the credential says of it, never a secret; may be empty */
	sluice_str wanted;       /* what it has to be; may be empty */
	sluice_str code, detail; /* of the refusal; code.data NULL: the step is passed */
	int status;
} sluice_finding;

/* What explain() is asked. */
typedef struct sluice_question {
	size_t size;           /* of this struct in the gateway; members are added at the end */
	sluice_str credential; /* as a client sends it: a token, a key */
	sluice_str keys;       /* content of a file, in place of the own ones; data NULL: the own */
	bool last;             /* nothing is waited for any more: SLUICE_WAIT is no answer */
	void (*tell)(void *ctx, const sluice_finding *f);
	void *ctx;
	/* a proof that comes with it (RFC 9449), and of which request; data NULL: none is given */
	sluice_str proof, method, url;
} sluice_question;

/* ---- records of the access log ------------------------------------------------------------- */

/* what the number of a field is */
typedef enum sluice_log_kind {
	SLUICE_LOG_IS_TEXT = 0, /* none */
	SLUICE_LOG_IS_LIST,     /* none; text has the members, with commas between them */
	SLUICE_LOG_IS_NUMBER,   /* the number that text shows */
	SLUICE_LOG_IS_MS,       /* microseconds; text shows milliseconds: "1.25" */
	SLUICE_LOG_IS_TIME      /* milliseconds since 1970; text: "2024-07-01T12:00:00.042Z" */
} sluice_log_kind;

/* Never changes, because records have arrays of it. */
typedef struct sluice_log_field {
	/* as in lines of format json, and in the manual: "status", "duration_ms"; a constant */
	const char *name;
	/* what a line of format json shows, before it is escaped: a client's bytes, whatever they
	 * are */
	sluice_str text;
	int64_t number;
	sluice_log_kind kind;
} sluice_log_field;

/* A request that ended. Fields without a value are left out. */
typedef struct sluice_log_record {
	size_t size; /* sizeof(sluice_log_record) of the gateway */
	const sluice_log_field *v;
	size_t n;
} sluice_log_record;

/* What on_records() is given: sluice/records.h. */
typedef struct sluice_log_batch sluice_log_batch;

typedef enum sluice_log_format {
	SLUICE_LOG_AS_CONFIGURED = 0, /* log.access.format */
	SLUICE_LOG_AS_JSON,
	SLUICE_LOG_AS_COMBINED,
	SLUICE_LOG_AS_COMMON
} sluice_log_format;

#ifdef __cplusplus
}
#endif
#endif
