/* What the tests of http1/server share: a handler that does as the test says, and one connection on
 * a wire without a socket. */
#ifndef SERVER_KIT_H
#define SERVER_KIT_H

#include <stdio.h>
#include <stdlib.h>

#include "fakewire.h"
#include "finish.h"
#include "http1/server.h"
#include "http1/write.h"
#include "unit.h"

enum { CALLS = 16, BODY_ROOM = 1 << 20 };
enum { NOW, AT_END, LATER }; /* when the handler answers */

struct plan {
	int when;
	int status;
	uint8_t body_kind; /* of the response */
	const char *body;  /* of the response; NULL: the request's, AT_END */
	size_t body_len;   /* of body; 0: its text */
	bool hold;         /* does not ask for the body */
	unsigned take;     /* most of a body taken at a time; 0: all */
	bool finish_on_request, finish_on_body, finish_on_end; /* without an answer, from within */
	bool keep_when_gone;                                   /* the test finishes it */
	bool keep_when_sent;
	const struct fields *trailers;
};

struct call {
	struct client *c; /* NULL: the test is done with it */
	struct finish finish;
	char target[256];
	char *body;
	size_t body_len;
	bool ended, sent, drained, gone, answered;
	int err;
	bool can_answer;
	uint64_t bytes_in, bytes_out; /* when it ended */
	char trailer[64];
};

/* Each has its own memory: a test that fails leaves its connection behind, alive. */
struct conn {
	struct fakewire wire;
	struct stream s;
	struct conn_info info;
	struct http1_server server;
	unsigned closed;
};

extern struct plan plan;
extern struct codec_conf conf;
extern struct call calls[CALLS];
extern unsigned n_calls, finished;
extern struct conn *conn;

int kit_setup(void **state);
int kit_teardown(void **state);
void begin(void);
void end(void);
void say(const char *text);
void call_answer(struct call *k); /* by the plan */
void call_finish(struct call *k);
unsigned count(const char *text, const char *what);

#define assert_said(what)                                                      \
	do {                                                                   \
		if (!strstr(conn->wire.out, what))                             \
			fail_msg("no \"%s\" in \"%s\"", what, conn->wire.out); \
	} while (0)
#define assert_not_said(what)                                                        \
	do {                                                                         \
		if (strstr(conn->wire.out, what))                                    \
			fail_msg("there is \"%s\" in \"%s\"", what, conn->wire.out); \
	} while (0)
#define assert_open() assert_true(!conn->closed && !(conn->s.flags & STREAM_LINGER))
#define assert_lingers() assert_true(!conn->closed && (conn->s.flags & STREAM_LINGER))

#endif
