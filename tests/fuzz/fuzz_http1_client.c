/*
 * A connection of HTTP/1.1 to an upstream server, requests on it, and a server that says what it
 * likes, when it likes. An input is a script: each byte is a step of the exchange, of the owner, of
 * the server, of the wire or of the clock.
 *
 * What must hold: an exchange hears things in order and one end, and nothing once it has let go; an
 * owner hears of one end of each connection; a connection is reused only when nothing is left over;
 * what a well-behaved server sends is what the exchange gets, byte for byte, and what the exchange
 * sends is what comes out; nothing stays in memory. With `parsing: lenient`, which a bit of the
 * input chooses, the same holds for a server that departs from the standard in a harmless way.
 */
#include <stdlib.h>

#include "heap.h"
#include "http1_play.h"
#include "reach.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CONNS = 6, STEPS = 400, HEAD_MAX = 1024 };

static struct peer peers[CONNS];
static unsigned n_peers;
struct peer *peer;

/* ---- the owner ----------------------------------------------------------------------------- */

static void conn_on_open(struct http1_conn *c)
{
	struct peer *p = http1_conn_owner_data(c);
	check(p->conn == c && !p->opened, "opened %s", "twice");
	p->opened = true;
}

static void conn_on_free(struct http1_conn *c)
{
	check(http1_conn_owner_data(c) == peer && !ask.o, "free during a %s", "request");
	/* a head with nothing behind it is a whole response */
	bool whole = ask.ended || ask.wild || plan.body_len == 0;
	check(ask.head && whole && !ask.failed && ask.ended_out && !ask.tunnel,
		"free before the %s", "end");
	check(peer->wire.in_at == peer->wire.in_len || ask.wild, "%zu bytes are left",
		peer->wire.in_len - peer->wire.in_at);
	check(ask.wild || plan.said == plan.len, "%zu bytes are not said", plan.len - plan.said);
	check_out(true);
	REACH("a connection kept");
}

static void conn_on_gone(struct http1_conn *c, int err)
{
	struct peer *p = http1_conn_owner_data(c);
	check(p->conn == c && (p->opened ? err == 0 : err < 0), "gone: %d", err);
	p->conn = NULL;
	REACH_IF(err == ERR_CONNECT_TIMEOUT, "no connection in time");
	REACH_IF(err == 0 && !ask.o, "gone between requests");
}

static const struct http1_conn_owner owner = { .on_open = conn_on_open,
	.on_free = conn_on_free,
	.on_gone = conn_on_gone };

static struct http1_conn_conf conn_conf(void)
{
	return (struct http1_conn_conf){ .connect_ns = 2 * NS_PER_S,
		.response_ns = 3 * NS_PER_S,
		.idle_ns = 5 * NS_PER_S,
		.max_head = HEAD_MAX,
		.max_fields = 12,
		.lenient = lenient };
}

/* The next connection: one that has to be made, or one that somebody else made. */
static void open_next(bool adopt)
{
	static const struct stream_user nobody = { 0 };
	const struct http1_conn_conf conf = conn_conf();
	int err = 0;
	if (ask.o || (peer && peer->conn) || n_peers == CONNS)
		return;
	peer = &peers[n_peers++];
	peer->used = true;
	if (adopt) {
		fakewire_open(&peer->wire, &peer->adopted, &nobody, NULL);
		peer->conn = http1_conn_adopt(&peer->adopted, &conf, &owner, peer);
		check(peer->conn, "not %s", "adopted");
		/* and the wire learns where its stream is now */
		check(!http1_conn_check_stale(peer->conn), "stale at %s", "once");
		peer->opened = true;
		REACH("a connection taken over");
		return;
	}
	peer->conn = http1_conn_open(&fakewire_worker, fakewire_address(),
		&transport_fake_connecting, &peer->wire, &conf, &owner, peer, &err);
	check(peer->conn, "not begun: %d", err);
}

/* ---- steps --------------------------------------------------------------------------------- */

static void wire_set(unsigned how)
{
	struct fakewire *f = peer ? &peer->wire : NULL;
	if (!f || f->closed || !peer->opened)
		return;
	if (how & 1) {
		f->blocked = true;
		f->owes = how & 2;
	} else if (f->blocked) {
		fakewire_unblock(f);
		REACH("a server that reads again");
	}
	f->read_max = how & 4 ? 1 + how / 32 : 0;
	f->write_max = how & 8 ? 1 + how / 4 : 0;
	if (how & 16)
		f->fail_at = f->ops + 1 + how / 64;
}

static void ask_step(struct input *in, unsigned what)
{
	unsigned b;
	switch (what) {
	case 0:
		ask_begin(in);
		break;
	case 1:
		ask_push(input_size(in));
		break;
	case 2:
		ask_end(input_byte(in) & 1);
		break;
	case 3:
		if (ask.o)
			ask_hold();
		break;
	case 4:
		if (ask.o)
			ask_resume();
		break;
	case 5:
		if (ask.o)
			ask_release();
		break;
	default:
		b = input_byte(in);
		reactions[b % N_EVENTS] = b / N_EVENTS % 4;
		break;
	}
}

static void step(struct input *in)
{
	static const uint64_t times[] = { NS_PER_MS, 500 * NS_PER_MS, 2 * NS_PER_S, 10 * NS_PER_S };
	unsigned what = input_below(in, 20);
	sluice_str raw;
	switch (what) {
	default:
		ask_step(in, what);
		return;
	case 7:
		plan_make(in);
		return;
	case 8:
	case 9:
		say_plan(what == 8 ? input_size(in) : plan.len);
		return;
	case 10:
		say_part(input_byte(in));
		return;
	case 11:
		raw = input_bytes(in);
		ask.wild = true;
		say(raw.data, raw.len);
		return;
	case 12:
	case 13:
		server_end(what == 13);
		return;
	case 14:
		fakewire_pass(times[input_below(in, 4)]);
		return;
	case 15:
		wire_set(input_byte(in));
		return;
	case 16:
		if (!peer || !peer->conn || ask.o)
			return;
		http1_conn_close(peer->conn);
		peer->conn = NULL;
		return;
	case 17:
		open_next(input_byte(in) & 1);
		return;
	case 18:
		fakewire_connect();
		return;
	case 19:
		fakewire_turn();
		return;
	}
}

static void end(void)
{
	fakewire_settle();
	if (ask.o)
		ask_release();
	if (peer && peer->conn)
		http1_conn_close(peer->conn);
	fakewire_settle();
	for (unsigned i = 0; i < n_peers; i++) {
		check(peers[i].wire.closed, "connection %u is still there", i);
		fakewire_fini(&peers[i].wire);
		peers[i] = (struct peer){ 0 };
	}
	arena_fini(&ask.arena);
	ask = (struct ask){ 0 };
	check(fakewire_has_no_timer(), "a deadline of %s", "nobody's");
}

static void run(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	unsigned mode = input_byte(&in);

	little = mode & 1;
	lenient = mode & 8;
	peer = NULL;
	n_peers = 0;
	memset(reactions, 0, sizeof(reactions));
	fakewire_start();
	open_next(mode & 2);
	fakewire_connect();
	for (unsigned i = 0; i < STEPS && input_has_more(&in); i++) {
		step(&in);
		if (!(mode & 4))
			fakewire_settle();
	}
	end();
	fakewire_end();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	heap_watch(run, data, size);
	return 0;
}
