/*
 * The parts of fuzz_http1_client: one exchange at a time (http1_ask.c), a server (http1_answers.c),
 * and what they know of each other. Connections and the steps of an input are in
 * fuzz_http1_client.c. One thread.
 */
#ifndef FUZZ_HTTP1_PLAY_H
#define FUZZ_HTTP1_PLAY_H

#include "fakewire.h"
#include "http1/client.h"
#include "input.h"

enum { PLAN_MAX = 256 * 1024 };

/* What an exchange does when it hears of something. */
enum reaction { LISTEN, RELEASE, HOLD, TAKE_HALF };
enum { ON_HEAD, ON_BODY, ON_END, ON_DRAINED, ON_FAIL, N_EVENTS };

struct peer {
	struct fakewire wire;
	struct http1_conn *conn; /* NULL: gone */
	struct stream adopted;   /* before it is the connection's */
	bool used, opened;
};

/* What the server answers, when it behaves. */
struct plan {
	char text[PLAN_MAX];
	size_t len, said, interims_end, body_at; /* body_at: of a tunnel or a body without chunks */
	size_t body_len;
	unsigned framing;
	bool bare; /* lines end with LF alone */
};

struct ask {
	struct origin *o; /* NULL: released */
	struct arena arena;
	size_t out_at, in_at;  /* of the wire, when it began */
	uint64_t sent, length; /* of the body: passed on, and said */
	uint64_t got;          /* of the answer's body */
	unsigned framing;
	bool bodiless; /* HEAD: nothing follows its answer's head */
	bool head, ended, failed, tunnel, ended_out, full, held, upgrade;
	bool wild; /* the server does not keep to the plan */
};

extern struct peer *peer; /* the one in use */
extern unsigned reactions[N_EVENTS];
extern struct ask ask;
extern struct plan plan;
extern bool little, lenient;

/* The bytes of bodies are known by their position. */
static inline char pattern(uint64_t at)
{
	return (char)('a' + at % 23);
}

/* ---- the exchange -------------------------------------------------------------------------- */
void ask_begin(struct input *in);
/* n further bytes of the body, where more may come. */
void ask_push(size_t n);
void ask_end(bool trailers);
void ask_hold(void);
void ask_resume(void);
void ask_release(void);
/* What came out of the request: a head, and of the body nothing but what was passed on. */
void check_out(bool whole);

/* ---- the server ---------------------------------------------------------------------------- */

/* A whole answer, well formed or all but: how it is framed, how long it is. */
void plan_make(struct input *in);
void say_plan(size_t n);
void say(const char *p, size_t n);
/* Parts of answers that go together in any order, most of them wrong. */
void say_part(unsigned which);
void server_end(bool reset);

#endif
