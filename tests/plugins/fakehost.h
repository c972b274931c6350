/*
 * A gateway in a box, for the unit tests of plugins: an implementation of the whole host table of
 * <sluice/plugin.h> in one process and one thread, without sockets, with a clock that stands still
 * until the test moves it.
 *
 *      fake_reset();
 *      fake_fetch_answer("https://idp.example/keys", 200, keys_json);
 *      sluice_instance *i =
 *              fake_instance(&sluice_plugin_record, "issuer", "https://idp.example/", NULL);
 *      fake_start(i);
 *      fake_advance(0);                                     // lets the first fetch answer
 *      sluice_exchange *x = fake_request(i, "GET", "/a", "Authorization", "Bearer ...", NULL);
 *      assert_int_equal(fake_verdict(x), SLUICE_NEXT);
 *      fake_end(x);
 *      fake_stop(i);
 *
 * Misuse of the interface by the plugin (a wait outside a hook, a value not bound, a publish from a
 * worker's hook) stops the test with a message. Whatever the plugin frees late or not at all shows
 * under the address sanitizer: fake_reset() and the fake_end/fake_stop pairs free everything of the
 * host's own.
 */
#ifndef TESTS_PLUGINS_FAKEHOST_H
#define TESTS_PLUGINS_FAKEHOST_H

#include <sluice/plugin.h>

/* Forget clock, events, fetch answers, files, stores and the log; every instance must have been
 * stopped. Call first. */
void fake_reset(void);

/* ---- time ---------------------------------------------------------------------------------- */

#define FAKE_EPOCH_MS UINT64_C(1700000000000) /* what the wall clock shows after fake_reset() */

/* Move both clocks and run whatever falls due on the way, in order: timers, sleeps, fetches, store
 * replies, deadlines. */
void fake_advance(uint64_t ms);
/* Set the wall clock alone, as an operator or NTP does. */
void fake_set_unix_ms(uint64_t ms);

/* ---- instances ----------------------------------------------------------------------------- */

/* One configured use: option name and value pairs up to NULL, the value as written in the file:
 * scalars, [a, b], {k: v}. Options of a block are named block.option. An unknown option or a value
 * that does not parse stops the test. A list of blocks is not supported. */
sluice_instance *fake_instance(const sluice_plugin *plugin, ...) __attribute__((sentinel));
/* Run check(): its result. What it complained of, one `option: message` on each line, is in
 * fake_errors(). */
int fake_check(sluice_instance *inst);
const char *fake_errors(sluice_instance *inst);
/* check() if it has not run, start() and worker_start(), all of which must succeed. */
void fake_start(sluice_instance *inst);
/* worker_stop(), stop(), and free. */
void fake_stop(sluice_instance *inst);
void *fake_conf(sluice_instance *inst);
void *fake_state(sluice_instance *inst);
const void *fake_published(sluice_instance *inst);
/* Whether the plugin's timer is set, and in how many milliseconds it rings. */
bool fake_timer(sluice_instance *inst, uint64_t *in_ms);

/* Contents of a file for sluice_read_file(); NULL takes it away. */
void fake_file(const char *path, const char *content);
/* All that was logged since the last call or fake_reset(). */
const char *fake_log(void);

/* ---- exchanges ----------------------------------------------------------------------------- */

/* A request with header name and value pairs up to NULL; runs on_request. From 203.0.113.7 to
 * api.example.com on https, route "route", upstream "upstream". Free with fake_end(). */
sluice_exchange *fake_request(sluice_instance *inst, const char *method, const char *target, ...)
	__attribute__((sentinel));
/* The same in two steps, to prepare the exchange in between. */
sluice_exchange *fake_exchange(sluice_instance *inst, const char *method, const char *target);
sluice_verdict fake_run(sluice_exchange *x);
void fake_add_header(sluice_exchange *x, sluice_side side, const char *name, const char *value);
void fake_set_info(sluice_exchange *x, sluice_info what, const char *value);
/* Bytes sluice_alloc() gives before it returns NULL; 64 KiB unless told. */
void fake_set_budget(sluice_exchange *x, size_t bytes);
/* The upstream answers: runs on_response with that status. */
sluice_verdict fake_response(sluice_exchange *x, int status);
/* Bytes of a body that the plugin asked for come in, and with end nothing behind them: runs its
 * body hook with what it left before and these. A body that was not asked for passes. */
sluice_verdict fake_body_in(sluice_exchange *x, sluice_side side, const char *bytes, size_t n,
	bool end);
/* What has left so far, NUL-terminated; *n may be NULL. */
const char *fake_body_out(sluice_exchange *x, sluice_side side, size_t *n);
bool fake_body_wanted(sluice_exchange *x, sluice_side side);
/* on_complete, clean-ups, free. A parked exchange is a client that left. */
void fake_end(sluice_exchange *x);

/* Where it stands: SLUICE_WAIT while parked. */
sluice_verdict fake_verdict(sluice_exchange *x);
int fake_status(sluice_exchange *x);       /* of the answer, 0 without one */
const char *fake_code(sluice_exchange *x); /* given to sluice_refuse(), or NULL */
const char *fake_detail(sluice_exchange *x);
const char *fake_body(sluice_exchange *x); /* given to sluice_reply(), or NULL */
/* First value of a field as it goes upstream or to the client, NUL-terminated; NULL when there is
 * none. */
const char *fake_header(sluice_exchange *x, sluice_side side, const char *name);
size_t fake_header_count(sluice_exchange *x, sluice_side side, const char *name);
/* Value of an attribute, copied for the exchange; NULL when nobody states it. */
const char *fake_attr(sluice_exchange *x, const char *name);
bool fake_noted(sluice_exchange *x, const char *code);

/* ---- HTTP fetches -------------------------------------------------------------------------- */

/* What a URL answers from now on. A URL without an answer is unreachable. */
void fake_fetch_answer(const char *url, int code, const char *body);
void fake_fetch_fail(const char *url, sluice_status status);
/* How long every fetch takes; 5 ms unless told. Longer than its timeout is a timeout. */
void fake_fetch_delay(uint64_t ms);
/* Fetches begun; of all URLs when url is NULL. */
unsigned fake_fetches(const char *url);

/* ---- stores -------------------------------------------------------------------------------- */

typedef struct fake_call {      /* a command or a script given to a Redis store, borrowed */
	const char *script;     /* its source, NULL for a command */
	sluice_str key;         /* scripts */
	const sluice_str *args; /* of the script; or the whole command */
	size_t nargs;
	uint64_t timeout_ms;
} fake_call;

/* Fills *reply (whose strings and lists must live until the next call) and returns how the call
 * ended. */
typedef sluice_status (*fake_store_handler)(void *ctx, const fake_call *call, sluice_value *reply);

/* A store that `store: NAME` finds. Memory stores hold 1024 cells unless told. */
sluice_store *fake_store(const char *name, sluice_store_kind kind);
void fake_store_cells(sluice_store *s, size_t n);
void fake_store_handle(sluice_store *s, fake_store_handler fn, void *ctx);
/* How long a reply takes, 1 ms unless told. 0: it is there before the service returns. */
void fake_store_delay(sluice_store *s, uint64_t ms);
/* Let the next n swaps of a cell fail as if another worker had written `other` in between. */
void fake_store_contend(sluice_store *s, unsigned n, uint64_t other);
/* Let the next n swaps find their cell gone and the store full. */
void fake_store_lose(sluice_store *s, unsigned n);
unsigned fake_store_calls(sluice_store *s);

#endif
