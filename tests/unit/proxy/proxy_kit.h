/*
 * An exchange between two ends that the test plays: a client that is a struct, and an upstream that
 * is a socket. The configuration, read from a file, and the loop are real. Plugins are the scripted
 * module of tests/unit/policy, whose hooks the test sets.
 */
#ifndef PROXY_KIT_H
#define PROXY_KIT_H

#include <stdio.h>
#include <stdlib.h>

#include "../policy/modules/script.h"
#include "proxy/exchange.h"
#include "unit.h"

/* ---- the configuration --------------------------------------------------------------------- */

/* The beginning of a configuration: one worker, no access log, one listener. */
#define KIT_GATEWAY                          \
	"runtime: { workers: 1 }\n"          \
	"log: { access: { path: 'off' } }\n" \
	"listeners: [{ name: in, address: '127.0.0.1:1' }]\n"

extern char kit_folder[];
extern struct script *script;
extern struct policy kit_policy;
extern struct worker kit_worker;
extern struct proxy kit_proxy;
extern char *kit_report; /* of the last kit_load() */

int kit_setup(void **state);
int kit_teardown(void **state);
void kit_put(const char *name, const char *text);
void kit_take_away(const char *name);
/* Read a configuration; "@port@" is the upstream's port. NULL when there are mistakes. */
struct snapshot *kit_load(const char *text, const struct snapshot *old);
/* Load it and put it in force, until kit_end(). */
void kit_begin(const char *text);
/* The guest, when it is finished; the next visit does it too. */
void visitor_free(void);
void kit_end(void);

/* ---- the client ---------------------------------------------------------------------------- */

struct visitor {
	struct client c;
	struct request_head head;
	struct conn_info conn;
	struct buf pending;  /* bytes of the body that the exchange has not taken */
	bool more;           /* the body is not complete yet */
	bool held, ended_in; /* on_end was called */
	bool told_gone;
	bool full; /* takes no more of the response for now */
	/* what came */
	unsigned heads, interims, resumes;
	int status;
	uint8_t body_kind;
	char fields[16384], trailers[256];
	char *body;
	size_t body_len;
	bool tunnel;
	bool ended, aborted, sent, finished;
};

/* The connection of the next visitors, and whether their peer is a trusted proxy. */
extern const struct conn_listener *kit_listener;
extern bool kit_is_trusted;
/* What their codec bounds bodies by; 0: nothing. */
extern uint64_t kit_max_body;
/* The last visitor. Each has memory of its own, because a test that fails leaves its visitor
 * alive. */
extern struct visitor *guest;

/* A request head: "GET /path\nName: value\n...". body: enum body_kind. Told to the exchange. */
void visit(const char *head, uint8_t body, uint64_t len);
void visit_by(unsigned version, const char *head, uint8_t body, uint64_t len); /* 11, 20 */
void visit_with_budget(const char *head, uint8_t body, uint64_t len, size_t budget);
void visit_nameless(const char *head); /* HTTP/1.0 without a Host */
/* it asks for another protocol; only: by extended CONNECT */
void visit_tunnel(const char *head, bool only);
void visit_bad(int err, size_t budget);
void visitor_say(const char *bytes, bool last);
void visitor_gone(int err, bool can_answer);
/* The result of the exchange, as the access log would have it. */
extern struct done {
	unsigned n;
	int err, status;
	char code[64], route[64];
	char story[TIMELINE_TEXT]; /* where the log level is debug */
	unsigned tries;            /* how often a server was asked */
} done;

/* ---- the upstream -------------------------------------------------------------------------- */

struct origin_side {
	int listening, fd; /* fd: the last accepted connection; -1: none */
	uint16_t port;
	unsigned accepted;
	char got[65536]; /* everything received on it */
	size_t got_len;
	bool eof;
};
extern struct origin_side up;

void up_say(const char *text);
void up_close(void);
void up_reset(void);

/* One turn of everything. */
void turn(void);
/* Turns until the condition is true. */
#define until(it)                                                    \
	do {                                                         \
		unsigned turns = 0;                                  \
		while (!(it)) {                                      \
			turn();                                      \
			if (++turns > 4000)                          \
				fail_msg("it never comes: %s", #it); \
		}                                                    \
	} while (0)
void turns_for(unsigned ms);

/* ---- texts --------------------------------------------------------------------------------- */
#define assert_has(text, what)                                       \
	do {                                                         \
		if (!strstr(text, what))                             \
			fail_msg("no \"%s\" in \"%s\"", what, text); \
	} while (0)
#define assert_has_not(text, what)                                         \
	do {                                                               \
		if (strstr(text, what))                                    \
			fail_msg("there is \"%s\" in \"%s\"", what, text); \
	} while (0)

#endif
