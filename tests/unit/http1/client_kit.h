/* What the tests of http1/client share: a connection to a server that is the test, its owner, and
 * one request on it. */
#ifndef CLIENT_KIT_H
#define CLIENT_KIT_H

#include <stdio.h>
#include <stdlib.h>

#include "fakewire.h"
#include "http1/client.h"
#include "unit.h"

/* Each has its own memory: a test that fails leaves its connection behind, alive. */
struct peer {
	struct fakewire wire;
	struct http1_conn *conn;
	unsigned opened, freed, gone;
	int err;
};

enum { HEAD = 1, BODY, END, DRAINED, FAIL };

struct ask {
	struct origin *o; /* NULL: released */
	struct arena arena;
	unsigned interims, heads, ends, fails, drained;
	int status, err;
	/* what is offered to be passed on unread, taken if `splices`; the most of one offer, before
	 * and after 8 MiB were taken */
	bool splices;
	uint64_t spliced, early_offer, late_offer;
	bool sent, answered;
	char *body;
	size_t body_len, take; /* take: most at a time; 0: all */
	char trailer[64];
	int release_on; /* HEAD ...: let go from within */
	bool hold_on_head, hold_on_body;
};

extern struct peer *peer;
extern struct ask ask;
extern char large[400 * 1024];

int kit_setup(void **state);
int kit_teardown(void **state);
void open_without_waiting(void);
void begin(void);
void end(void);
/* The head goes out; the rest is the test's. */
void start(const char *method, uint8_t body, uint64_t len);
void start_with(const struct request_head *h);
void get(void);
void send_body(const char *bytes, size_t n, bool full);
void ask_release(void);
void say(const char *text);

#endif
