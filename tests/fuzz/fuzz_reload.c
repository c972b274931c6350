/*
 * A gateway whose configuration changes in the middle: clients of both protocols say anything,
 * servers of both protocols answer, stall, break off and talk nonsense, and new configurations come
 * into force while requests are in progress.
 *
 * An input is a script (h2script.h): its first byte says how well clients and servers behave where
 * no act says otherwise. An act below SAY is of the list below; any other is what the client of the
 * moment says: a frame, or for HTTP/1.1 one of the texts. What must hold: an exchange keeps the
 * configuration that it began with, and goes to the servers of that one; each exchange completes
 * once; a configuration goes when nobody uses it; nothing is left in the end.
 */
#include <stdlib.h>

#include "base/check.h"
#include "fakeserver.h"
#include "fakewire.h"
#include "frames.h"
#include "h2script.h"
#include "heap.h"
#include "http2/limits.h"
#include "reach.h"
#include "reload_gateway.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum mode {
	MODE_STINGY = 1, /* nobody makes room for the bodies that he gets by HTTP/2 */
	MODE_SILENT = 2, /* nobody answers SETTINGS or PING */
};

enum act {
	ACT_TURN,
	ACT_PASS,   /* time */
	ACT_CLIENT, /* which one the acts are of */
	ACT_OPEN,   /* it comes, by HTTP/1.1 or HTTP/2 */
	ACT_STILL,  /* it reads nothing any more, or again */
	ACT_EOF,
	ACT_LEAVE,
	ACT_RELOAD,
	ACT_ANSWER,       /* of the server on one of its connections: a text */
	ACT_SERVER_FRAME, /* a frame; to a gateway that speaks HTTP/1.1 it is nonsense */
	ACT_SERVER_BYTES,
	ACT_SERVER_STILL,
	ACT_SERVER_EOF,
	ACT_SERVER_CLOSE, /* a reset, when it has not read all */
	ACT_REFUSE,       /* connections, or take them again */
	ACT_DRAIN,
	ACTS,
};

enum { CLIENTS = 4, ACTS_MAX = 300, SCRIPT_MAX = 4096, RELOADS_MAX = 12 };

/* One end of a connection, of a client or of a server. */
struct end {
	struct fakepeer *peer; /* borrowed */
	uint32_t latest;       /* stream that was opened last */
	bool http2, still, began;
};

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
static const char settings[] = { 0, 0, 0, FRAME_SETTINGS, 0, 0, 0, 0, 0 };

static struct fakepeer client_peers[CLIENTS];
static struct end clients[CLIENTS];
static struct fakeserver servers[RELOAD_SERVERS]; /* 1 speaks HTTP/2 */
static struct end server_ends[RELOAD_SERVERS][FAKESERVER_CONNS];
static struct h2script script;
static struct fakepeer *speaks; /* who says what script_say() makes up */
static unsigned mode, current, reloads;

/* ---- what is said -------------------------------------------------------------------------- */

static const sluice_str requests[] = {
#define HOST " HTTP/1.1\r\nHost: a\r\n"
	BLOCK("GET /" HOST "\r\n"),
	BLOCK("POST /" HOST "Content-Length: 10\r\n\r\nhello"),
	BLOCK("world"),
	BLOCK("GET /wait" HOST "\r\n"),
	BLOCK("PUT /body" HOST "Transfer-Encoding: chunked\r\n\r\n"),
	BLOCK("5\r\nhello\r\n"),
	BLOCK("0\r\nX-Sum: 6\r\n\r\n"),
	BLOCK("POST /" HOST "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"),
	BLOCK("HEAD /" HOST "\r\n"),
	BLOCK("GET /1" HOST "\r\nGET /wait" HOST "\r\n"),
	BLOCK("GET /chat" HOST "Connection: upgrade\r\nUpgrade: websocket\r\n"
	      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"),
	BLOCK("\x81\x80\0\0\0\0"),
	BLOCK("GET / HTTP/1.1\r\nHo"),
	BLOCK("GET /" HOST "Connection: close\r\n\r\n"),
	BLOCK("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
	BLOCK("PUT /body" HOST "Content-Length: 200000\r\n\r\n"),
};

static const sluice_str request_blocks[] = {
#define POST "\x83\x86\x41\1a"
	BLOCK("\x82\x86\x41\1a\x84"), BLOCK(POST "\x84"), BLOCK("\x82\x86\x41\1a\x04\5/wait"),
	BLOCK(POST "\x04\5/body"),
	BLOCK(POST "\x84\x0f\x0d\2"
		   "10"),
	BLOCK(POST "\x84\0\6expect\x0c"
		   "100-continue"),
	BLOCK("\x02\7CONNECT\x86\x41\1a\x04\5/chat\0\11:protocol\x09websocket"
	      "\0\x15sec-websocket-version\2"
	      "13"),
	BLOCK(POST "\x84\0\x0c"
		   "content-type\x10"
		   "application/grpc\0\2te\x08trailers"),
	BLOCK("\x82\x82\x84\x86\x41\1a"), /* malformed */
};

static const sluice_str answers[] = {
	BLOCK("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
	BLOCK("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: "
	      "6\r\n\r\n"),
	BLOCK("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
	BLOCK("HTTP/1.1 100 Continue\r\n\r\n"),
	BLOCK("HTTP/1.1 200 O"),
	BLOCK("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nhello"),
	BLOCK("HTTP/1.1 204 No Content\r\n\r\n"),
	BLOCK("HTTP/1.1 200 OK\r\n\r\nuntil the end"),
	BLOCK("HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno"),
	BLOCK("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
	      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\5hello"),
	BLOCK("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
	BLOCK("5\r\nhello\r\n"),
	BLOCK("0\r\n\r\n"),
	BLOCK("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"),
	BLOCK("HTTP/1.1 503 Full\r\nContent-Length: 0\r\n\r\n"),
};

static const sluice_str answer_blocks[] = {
	BLOCK("\x88"), /* 200 */
	BLOCK("\x89"), /* 204 */
	BLOCK("\x88\x0f\x0d\1"
	      "5"),
	BLOCK("\x08\3"
	      "103"),
	BLOCK("\x8e"), /* 500 */
	BLOCK("\x88\0\x0c"
	      "content-type\x10"
	      "application/grpc"),
	BLOCK("\x88\x88"), /* malformed */
};

static void say(const char *bytes, size_t n)
{
	fakepeer_say(speaks, bytes, n);
}

static void say_str(struct end *e, sluice_str s)
{
	fakepeer_say(e->peer, s.data, s.len);
	script.said += s.len;
}

/* A frame that the script chooses. */
static void say_frame(struct end *e, const sluice_str *blocks, uint32_t n, bool opens, unsigned act)
{
	speaks = e->peer;
	script.heads = blocks;
	script.n_heads = n;
	script.opens = opens;
	script.latest = e->latest;
	script_say(&script, SAY + act % (SAY_END - SAY));
	e->latest = script.latest;
}

/* ---- what is heard ------------------------------------------------------------------------- */

/* What the protocol asks for. */
static void react(struct end *e, const struct frame *f, const char *payload)
{
	bool asks = !(f->flags & FRAME_ACK) && !(mode & MODE_SILENT);
	char room[4];
	speaks = e->peer;
	if (f->type == FRAME_HEADERS && f->stream > e->latest)
		e->latest = f->stream;
	if (f->type == FRAME_SETTINGS && asks)
		script_frame(&script, FRAME_SETTINGS, FRAME_ACK, 0, NULL, 0);
	if (f->type == FRAME_PING && asks)
		script_frame(&script, FRAME_PING, FRAME_ACK, 0, payload, f->len);
	if (f->type == FRAME_DATA && f->len && !(mode & MODE_STINGY)) {
		frame_put32(room, (uint32_t)f->len);
		script_frame(&script, FRAME_WINDOW_UPDATE, 0, 0, room, sizeof(room));
		script_frame(&script, FRAME_WINDOW_UPDATE, 0, f->stream, room, sizeof(room));
	}
}

/* Whole frames, as far as they came. */
static void hear_frames(struct end *e)
{
	struct fakepeer *p = e->peer;
	size_t at = 0;
	while (p->got_len - at >= HTTP2_FRAME_HEAD) {
		const char *h = p->got + at;
		struct frame f = frame_get(h);
		if (p->got_len - at < HTTP2_FRAME_HEAD + f.len)
			break;
		at += HTTP2_FRAME_HEAD + f.len;
		react(e, &f, h + HTTP2_FRAME_HEAD);
	}
	fakepeer_eat(p, at);
}

static void hear_client(struct end *e)
{
	struct fakepeer *p = e->peer;
	fakepeer_read(p);
	if (e->http2) {
		hear_frames(e);
		return;
	}
	if (!e->began && p->got_len >= 9) {
		check(memcmp(p->got, "HTTP/1.1 ", 9) == 0, "an answer that begins with %.9s",
			p->got);
		e->began = true;
	}
	fakepeer_clear(p);
}

/* The first request on a connection says the configuration by which it came: server 0 is asked by
 * numbers 0 and 2. */
static void check_first_request(struct end *e)
{
	const char *end = memmem(e->peer->got, e->peer->got_len, "\r\n\r\n", 4), *name;
	if (!end)
		return;
	name = memmem(e->peer->got, (size_t)(end + 2 - e->peer->got), "\r\nx-version: ", 13);
	check(name && (name[13] == '0' || name[13] == '2'), "a request of %.14s",
		name ? name + 2 : "nobody's");
	e->began = true;
}

static void hear_server(struct end *e)
{
	struct fakepeer *p = e->peer;
	fakepeer_read(p);
	if (!p->got_len)
		return;
	if (e->http2 && !e->began) {
		if (p->got_len < sizeof(preface) - 1)
			return;
		check(memcmp(p->got, preface, sizeof(preface) - 1) == 0, "a preface of %.24s",
			p->got);
		fakepeer_eat(p, sizeof(preface) - 1);
		fakepeer_say(p, settings, sizeof(settings));
		e->began = true;
	}
	if (!e->http2 && !e->began)
		check_first_request(e);
	if (e->http2)
		hear_frames(e);
	else if (e->began)
		fakepeer_clear(p);
}

static void server_turn(unsigned k)
{
	struct fakeserver *s = &servers[k];
	unsigned known = s->n_peers;
	fakeserver_accept(s);
	for (unsigned i = known; i < s->n_peers; i++)
		server_ends[k][i] = (struct end){ .peer = &s->peers[i], .http2 = k == 1 };
	for (unsigned i = 0; i < s->n_peers; i++) {
		if (!server_ends[k][i].still)
			hear_server(&server_ends[k][i]);
	}
}

static void turn(void)
{
	fakewire_poll();
	for (unsigned k = 0; k < RELOAD_SERVERS; k++)
		server_turn(k);
	for (unsigned i = 0; i < CLIENTS; i++) {
		if (!clients[i].still)
			hear_client(&clients[i]);
	}
	fakewire_poll();
	reload_gateway_bury();
}

/* ---- acts ---------------------------------------------------------------------------------- */

static void client_leave(struct end *e)
{
	fakepeer_close(e->peer);
	free(e->peer->got);
	*e->peer = (struct fakepeer){ .fd = -1 };
}

static void client_open(struct end *e)
{
	bool http2 = script_byte(&script) & 1;
	client_leave(e);
	*e = (struct end){ .peer = e->peer, .http2 = http2 };
	if (!fakepeer_connect(e->peer, reload_gateway_address()))
		return;
	if (http2) {
		fakepeer_say(e->peer, preface, sizeof(preface) - 1);
		fakepeer_say(e->peer, settings, sizeof(settings));
	}
}

static void client_say(struct end *e, unsigned act)
{
	if (e->http2)
		say_frame(e, request_blocks, sizeof(request_blocks) / sizeof(*request_blocks), true,
			act);
	else
		say_str(e, requests[act % (sizeof(requests) / sizeof(*requests))]);
}

/* One of the connections to servers: mostly the latest. NULL: there is none. */
static struct end *pick_server(void)
{
	unsigned b = script_byte(&script), k = b & 1, back = b >> 1 & 3;
	unsigned n = servers[k].n_peers;
	return back < n ? &server_ends[k][n - 1 - back] : NULL;
}

static void act_of_server(enum act act)
{
	struct end *e = pick_server();
	unsigned what = act <= ACT_SERVER_FRAME ? script_byte(&script) : 0;
	sluice_str bytes = act == ACT_SERVER_BYTES ? script_bytes(&script) : STR_NONE;
	if (!e)
		return;
	if (act == ACT_ANSWER)
		say_str(e, answers[what % (sizeof(answers) / sizeof(*answers))]);
	else if (act == ACT_SERVER_FRAME)
		say_frame(e, answer_blocks, sizeof(answer_blocks) / sizeof(*answer_blocks), false,
			what);
	else if (act == ACT_SERVER_BYTES)
		say_str(e, bytes);
	else if (act == ACT_SERVER_STILL)
		e->still = !e->still;
	else if (act == ACT_SERVER_EOF)
		fakepeer_eof(e->peer);
	else
		fakepeer_close(e->peer);
}

static void act_pass(void)
{
	static const uint16_t spans[] = { 1, 20, 60, 250, 400, 1100, 2500 }; /* ms */
	fakewire_pass(script_pick(&script, spans) * NS_PER_MS);
	turn();
}

static void act_refuse(void)
{
	struct fakeserver *s = &servers[script_byte(&script) % RELOAD_SERVERS];
	if (s->listening >= 0)
		fakeserver_refuse(s);
	else
		fakeserver_listen(s);
}

static void act_reload(void)
{
	unsigned version = script_byte(&script) % RELOAD_VERSIONS;
	if (reloads++ < RELOADS_MAX)
		reload_gateway_apply(version);
}

static void perform(enum act act, struct end *client)
{
	switch (act) {
	case ACT_TURN:
		turn();
		break;
	case ACT_PASS:
		act_pass();
		break;
	case ACT_CLIENT:
		current = script_byte(&script) % CLIENTS;
		break;
	case ACT_OPEN:
		client_open(client);
		break;
	case ACT_STILL:
		client->still = !client->still;
		break;
	case ACT_EOF:
		fakepeer_eof(client->peer);
		break;
	case ACT_LEAVE:
		client_leave(client);
		break;
	case ACT_RELOAD:
		act_reload();
		break;
	case ACT_REFUSE:
		act_refuse();
		break;
	case ACT_DRAIN:
		reloads = RELOADS_MAX; /* a gateway that ends takes no other configuration */
		reload_gateway_drain();
		break;
	default:
		act_of_server(act);
		break;
	}
}

/* ---- from beginning to end ----------------------------------------------------------------- */

static void end(void)
{
	turn();
	for (unsigned i = 0; i < CLIENTS; i++)
		client_leave(&clients[i]);
	turn();
	for (unsigned i = 0; i < 8; i++) {
		fakewire_pass(NS_PER_S);
		turn();
	}
	for (unsigned k = 0; k < RELOAD_SERVERS; k++)
		fakeserver_down(&servers[k]);
	turn();
	reload_gateway_down();
}

static void run(const uint8_t *data, size_t size)
{
	mode = data[0];
	current = reloads = 0;
	script = (struct h2script){ .at = data + 1, .end = data + size, .say = say };
	for (unsigned i = 0; i < CLIENTS; i++) {
		client_peers[i] = (struct fakepeer){ .fd = -1 };
		clients[i] = (struct end){ .peer = &client_peers[i] };
	}
	reload_gateway_up();
	for (unsigned k = 0; k < RELOAD_SERVERS; k++)
		fakeserver_up(&servers[k], k);
	for (unsigned i = 0; i < ACTS_MAX && script_more(&script); i++) {
		unsigned act = script_byte(&script);
		if (act >= SAY)
			client_say(&clients[current], act - SAY);
		else
			perform(act % ACTS, &clients[current]);
	}
	end();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size >= 1 && size <= SCRIPT_MAX)
		heap_watch(run, data, size);
	return 0;
}
