/*
 * The kit for tests of plugins: the real host (gateway/policy and what lies beneath) in one thread,
 * without sockets. The kit adds a clock that stands still until the test moves it, HTTP
 * fetches and Redis stores with the answers of the test, and requests without a client.
 *
 *      kit_reset();
 *      kit_fetch_answer("https://idp.example/keys", 200, keys_json);
 *      sluice_instance *i =
 *              kit_instance(&sluice_plugin_record, "issuer", "https://idp.example/", NULL);
 *      kit_start(i);
 *      kit_advance(5);                                      // lets the first fetch answer
 *      sluice_exchange *x = kit_request(i, "GET", "/a", "Authorization", "Bearer ...", NULL);
 *      assert_int_equal(kit_verdict(x), SLUICE_NEXT);
 *      kit_end(x);
 *      kit_stop(i);
 *
 * Options are bound, checked and reported as by `sluice check`. Misuse of the interface by the
 * plugin (a publish from a worker's hook, a verdict that does not go with what it did) stops the
 * test with a message. The address sanitizer reports what the plugin frees late or never, because
 * kit_reset() and the pairs kit_end/kit_stop free everything of the host.
 */
#ifndef TESTS_PLUGINS_KIT_H
#define TESTS_PLUGINS_KIT_H

#include <sluice/plugin.h>

/* Forget clock, fetch answers, files, stores and the log; every instance must have been stopped.
 * Call first. */
#define kit_reset() kit_begin(sluice_plugin_host)
/* host: where the plugin under test looks for the table of services. */
void kit_begin(const sluice_host **host);
extern const sluice_host **const sluice_plugin_host;

/* ---- time ---------------------------------------------------------------------------------- */

#define KIT_EPOCH_MS UINT64_C(1700000000000) /* what the wall clock shows after kit_reset() */

/* Move both clocks and let whatever falls due on the way happen, in order and at its millisecond:
 * timers, sleeps, fetches, store replies, deadlines. */
void kit_advance(uint64_t ms);
/* Set the wall clock alone, as an operator or NTP does. */
void kit_set_unix_ms(uint64_t ms);

/* ---- instances ----------------------------------------------------------------------------- */

/* One configured use, called "instance": option name and value pairs up to NULL, the value as
 * written in the file: scalars, [a, b], {k: v}; of an option given twice the last counts. Options
 * of a block are named block.option. */
sluice_instance *kit_instance(const sluice_plugin *plugin, ...) __attribute__((sentinel));
/* Bind the options and run check(): 0, or -1 when a mistake was reported. Each is one line
 * `option: message` in kit_errors(). */
int kit_check(sluice_instance *inst);
const char *kit_errors(sluice_instance *inst);
/* Bind and check if that was not done, start() and worker_start(), all of which must succeed. */
void kit_start(sluice_instance *inst);
/* The worker stops: work in the background is dropped; worker_stop(), stop(), and free. */
void kit_stop(sluice_instance *inst);
void *kit_conf(sluice_instance *inst);
void *kit_state(sluice_instance *inst);
const void *kit_published(sluice_instance *inst);
/* What the plugin told last of its dependency of that name; false: nothing. The texts of *out are
 * borrowed: until it tells more. */
bool kit_dependency(sluice_instance *inst, const char *name, sluice_dependency *out);
/* Whether the plugin's timer is set, and in how many milliseconds it rings. */
bool kit_timer(sluice_instance *inst, uint64_t *in_ms);

/* Contents of a file in the folder of the configuration, or in folders of it, which are made; NULL
 * takes it away. */
void kit_file(const char *path, const char *content);
/* All that the plugin logged since the last call or kit_reset(), a line `level: text` each. */
const char *kit_log(void);

/* ---- exchanges ----------------------------------------------------------------------------- */

/* A request with header name and value pairs up to NULL; runs on_request. From 203.0.113.7 to
 * api.example.com on https, route "route", upstream "upstream". Free with kit_end(). */
sluice_exchange *kit_request(sluice_instance *inst, const char *method, const char *target, ...)
	__attribute__((sentinel));
/* The same in two steps, to prepare the exchange in between. */
sluice_exchange *kit_exchange(sluice_instance *inst, const char *method, const char *target);
sluice_verdict kit_run(sluice_exchange *x);
void kit_add_header(sluice_exchange *x, sluice_side side, const char *name, const char *value);
/* A fact, and a number, as the gateway would find it; numbers are unknown unless told. */
void kit_set_info(sluice_exchange *x, sluice_info what, const char *value);
void kit_set_number(sluice_exchange *x, sluice_number_id what, int64_t value);
/* How many bytes the exchange may still allocate; the host needs some of them. 0: none. Without
 * this call there is more than enough. */
void kit_set_budget(sluice_exchange *x, size_t bytes);
/* Whoever stated it: an attribute of the request from its start. */
void kit_state_fact(sluice_exchange *x, const char *name, const char *value);
/* The request is about to be sent to a server, once: runs on_attempt. */
sluice_verdict kit_attempt(sluice_exchange *x);
/* The upstream answers with that status, and with the fields added so far to that side: runs
 * on_response. */
sluice_verdict kit_response(sluice_exchange *x, int status);
/* Bytes of a body arrive; end: they are the last. If the plugin asked for the body, or its
 * on_request waits for it, its hook runs with the bytes that it left before and these; else they
 * pass. */
sluice_verdict kit_body_in(sluice_exchange *x, sluice_side side, const char *bytes, size_t n,
	bool end);
/* The bytes that were passed on so far, NUL-terminated; n may be NULL. */
const char *kit_body_out(sluice_exchange *x, sluice_side side, size_t *n);
bool kit_body_wanted(sluice_exchange *x, sluice_side side);
/* An answer by sluice_answer_begin(): its client has room for that many bytes more, and as long as
 * it has, the write hook is called as in a gateway; each piece is taken whole. SLUICE_NEXT: the
 * answer has ended. SLUICE_WAIT: the hook waits, or the client has no room; kit_advance() lets what
 * it waits for happen. SLUICE_FAIL: the answer is broken off. kit_body_out() has what has come, of
 * the response. Hooks on the response do not run by this. */
sluice_verdict kit_stream(sluice_exchange *x, size_t room);
/* Run on_complete and the clean-ups, then free. If the exchange is parked, or its answer is being
 * written, its client leaves. */
void kit_end(sluice_exchange *x);

/* Give what the access log would say of the exchange, if it ended now, to on_records() of an
 * instance, as a batch of one record. On this thread, which the gateway would not do. */
void kit_record(sluice_instance *inst, sluice_exchange *x);

/* The verdict so far: SLUICE_WAIT while parked. */
sluice_verdict kit_verdict(sluice_exchange *x);
int kit_status(sluice_exchange *x);       /* of the answer, 0 without one */
const char *kit_code(sluice_exchange *x); /* given to sluice_refuse(), or NULL */
const char *kit_detail(sluice_exchange *x);
const char *kit_body(sluice_exchange *x); /* given to sluice_reply(), or NULL */
/* First value of a field as it goes upstream or to the client, NUL-terminated; NULL when there is
 * none. Of a response that is not there yet: what the plugin asked for so far. */
const char *kit_header(sluice_exchange *x, sluice_side side, const char *name);
size_t kit_header_count(sluice_exchange *x, sluice_side side, const char *name);
/* The same of the field of that name which has `at` others before it. */
const char *kit_header_at(sluice_exchange *x, sluice_side side, const char *name, size_t at);
/* Value of an attribute, copied for the exchange; NULL when nobody states it. */
const char *kit_attr(sluice_exchange *x, const char *name);
bool kit_noted(sluice_exchange *x, const char *code);

/* ---- connections --------------------------------------------------------------------------- */

/* A client's connection to the listener "listener", from 203.0.113.7, port 50000, for the hooks of
 * connections of the instance. Free it with kit_disconnect(), after the exchanges that came by
 * it. */
sluice_conn *kit_conn(sluice_instance *inst);
/* A fact, as the gateway would find it; NULL: it has none. */
void kit_conn_set_info(sluice_conn *c, sluice_info what, const char *value);
/* Run on_connect, and on_secured: SLUICE_NEXT, or SLUICE_REPLY when the connection is refused. */
sluice_verdict kit_connect(sluice_conn *c);
sluice_verdict kit_secure(sluice_conn *c);
/* Why it is refused: the code, and by whom. NULL: it is not. */
const char *kit_conn_refused(sluice_conn *c);
/* The exchange came by this connection. Before kit_run(). */
void kit_come_by(sluice_exchange *x, sluice_conn *c);
/* Run on_disconnect and the clean-ups, then free. */
void kit_disconnect(sluice_conn *c);

/* ---- choosing a server --------------------------------------------------------------------- */

typedef struct kit_candidate {
	const char *address;
	unsigned weight, in_flight; /* weight 0: 1 */
	bool down, tried;
} kit_candidate;

/* The plugin's on_choose among n servers, for x; NULL: for a fetch. What comes of it: the index
 * that the plugin chose, SLUICE_CHOOSE_NONE, or SLUICE_CHOOSE_FAIL where the request fails. The
 * generation is another one when addresses or weights differ from those of the last call. */
int kit_choose(sluice_instance *inst, sluice_exchange *x, const kit_candidate *v, size_t n);

/* ---- finding servers ----------------------------------------------------------------------- */

/* A configuration comes into force in which the instance finds the servers of that upstream: calls
 * its discover, unless it does so already. What discover returned, or 0. */
int kit_discover(sluice_instance *inst, const char *upstream);
/* The servers that the plugin set, in the order of their addresses: "10.0.0.1:80 10.0.0.2:80*3".
 * NULL: it has set none yet. Lives until the next call. */
const char *kit_servers(const char *upstream);
/* No configuration in force has such an upstream any more. */
void kit_forget_upstream(const char *upstream);

/* ---- HTTP fetches -------------------------------------------------------------------------- */

/* Set the answer of a URL. A URL without an answer is unreachable. url: as the plugin gives
 * it; with an upstream, which the kit does not look at, it may be a path. */
void kit_fetch_answer(const char *url, int code, const char *body);
void kit_fetch_fail(const char *url, sluice_status status);
/* Add a field to the answer that was set last, of 16 at most; and say how long that answer takes.
 */
void kit_fetch_field(const char *name, const char *value);
void kit_fetch_after(uint64_t ms);
/* How long every other fetch takes, 5 ms by default. A fetch that takes longer than its timeout
 * times out. */
void kit_fetch_delay(uint64_t ms);
/* Fetches begun; of all URLs when url is NULL. */
unsigned kit_fetches(const char *url);
/* What the fetch asked that was begun last, NUL-terminated, until kit_reset(): its URL, its method,
 * its body, and a field (NULL: it has none). */
const char *kit_fetch_url(void);
const char *kit_fetch_method(void);
const char *kit_fetch_body(void);
const char *kit_fetch_header(const char *name);
/* Its proxy, and behind a blank the credentials for it; empty: it gave none. */
const char *kit_fetch_proxy(void);

/* ---- stores -------------------------------------------------------------------------------- */

typedef struct kit_call {       /* a command or a script given to a Redis store, borrowed */
	const char *script;     /* its source, NULL for a command */
	sluice_str key;         /* scripts */
	const sluice_str *args; /* of the script; or the whole command */
	size_t nargs;
	uint64_t timeout_ms;
} kit_call;

/* Fills *reply (whose strings and lists must live until the next call) and returns how the call
 * ended. */
typedef sluice_status (*kit_store_handler)(void *ctx, const kit_call *call, sluice_value *reply);

/* A store that `store: NAME` finds. A memory store is a real one, of 1 MiB. */
sluice_store *kit_store(const char *name, sluice_store_kind kind);
void kit_store_handle(sluice_store *s, kit_store_handler fn, void *ctx);
/* How long a reply takes, 1 ms unless told. 0: the store is known to be down, and says so before
 * the service returns. */
void kit_store_delay(sluice_store *s, uint64_t ms);
/* Let the next n swaps of cells fail, as if another worker had written `other` in between. */
void kit_cells_contend(unsigned n, uint64_t other);
/* Let the next n swaps find their cell gone. */
void kit_cells_lose(unsigned n);
/* Let the next n calls find no cell, as in a store that has no memory. */
void kit_cells_fail(unsigned n);
unsigned kit_store_calls(sluice_store *s);
/* The connections of sluice_store_follow() are lost, or there again; they are opened within a
 * millisecond, unless none can be. */
void kit_store_channels(sluice_store *s, bool are_connected);
/* Give a message to all that follow the channel; returns how many connections there are to it. */
unsigned kit_store_publish(sluice_store *s, const char *channel, const char *message);

#endif
