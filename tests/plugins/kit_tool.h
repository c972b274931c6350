/*
 * What sluice-plugin-test needs of the kit beside kit.h: instances of loaded modules by the tree of
 * a file, chains of several, answers as the gateway would give them, and what makes a run differ
 * from another.
 */
#ifndef TESTS_PLUGINS_KIT_TOOL_H
#define TESTS_PLUGINS_KIT_TOOL_H

#include "config/diag.h"
#include "config/file.h"
#include "kit.h"

struct module;

/* An instance whose name is the node's key, and whose options are its members. Mistakes that
 * kit_check() finds are in kit_diag(). */
sluice_instance *kit_instance_of(const struct module *m, const struct config *c,
	const struct node *n);
const struct diag *kit_diag(const sluice_instance *inst);
/* Exchanges that are made for v[0] go through all of v, which have been started. */
void kit_chain(sluice_instance *const *v, size_t n);

/* Whether one of them has hooks of connections. */
bool kit_sees_conns(const sluice_instance *inst);

/* Let the timer that is due first run, if it is due in at_most_ms. False: there is none. */
bool kit_advance_once(uint64_t at_most_ms);

/* From now on, the n-th fetch or call of a store is answered 1 ms before its deadline. 0: none. */
void kit_late(unsigned n);
/* Fetches and calls of stores since then. */
unsigned kit_calls(void);
/* Receivers of bodies have no room when a hook writes: each write is the last one of its call. */
void kit_slow(bool on);

/* ---- exchanges ----------------------------------------------------------------------------- */

/* Where a plugin decided, or the gateway did. */
enum kit_where {
	KIT_AT_HEAD,
	KIT_AT_REQUEST_BODY,
	KIT_AT_RESPONSE_BODY,
	KIT_AT_WRITING /* in the write hook of a streamed answer */
};

/* The gateway answers, in the place of what there is: with what a plugin gave (err 0), or with a
 * refusal of its own (enum err). Runs on_response of the plugins that have not seen it; the verdict
 * is that of kit_response(). */
sluice_verdict kit_answer(sluice_exchange *x, enum kit_where where, int err);
/* Whether the response is a streamed answer that has not ended: kit_stream() goes on with it. */
bool kit_is_written(sluice_exchange *x);
/* Whether it ended because the plugin that wrote it failed. */
bool kit_writer_failed(sluice_exchange *x);
/* Whether its client has room for more. */
bool kit_has_room(sluice_exchange *x);
/* How many bytes of a body were passed on so far. */
size_t kit_body_len(sluice_exchange *x, sluice_side side);
/* The response has no body: forget what plugins asked for of it. */
void kit_no_body(sluice_exchange *x);
/* Whether the head of a side is held until a plugin has decided on the body. */
bool kit_head_is_held(sluice_exchange *x, sluice_side side);
/* The name of the instance that decided last. */
const char *kit_decided_by(sluice_exchange *x);
/* What the exchange waits for: "a fetch". NULL: it is not parked. */
const char *kit_waits_for(sluice_exchange *x);
/* Whether a hook waits for more of the request's body, and for nothing else. */
bool kit_awaits_body(sluice_exchange *x);
/* Whether the exchange's memory was spent. */
bool kit_memory_failed(sluice_exchange *x);
/* From now on the exchange may take that many bytes, of 1 MiB at most, in steps of 16. */
void kit_memory_limit(sluice_exchange *x, size_t bytes);
/* How many of them are left. */
size_t kit_memory_left(sluice_exchange *x);
/* The client's request has that Host, and its target is parsed as the gateway does it. */
void kit_client_asks(sluice_exchange *x, const char *host);
/* Walk the fields of a side, without those that are dropped; *iter starts at 0. */
bool kit_field_next(sluice_exchange *x, sluice_side side, size_t *iter, sluice_pair *out);
/* The n-th note, from 0; NULL: there are no more. */
const char *kit_note(sluice_exchange *x, unsigned n);
/* What is forwarded: one of the parts of the request as the plugins have left it, copied. */
const char *kit_target(sluice_exchange *x);
const char *kit_authority(sluice_exchange *x);
const char *kit_upstream(sluice_exchange *x);

#endif
