/*
 * Exchanges between a client and a server that come, go, stall and break off as an input says, with
 * two plugins that work on bodies in either direction: hold, drop, write, replace, wait, refuse,
 * fail. A real configuration, snapshot and upstream; the client is a struct, the server a unix
 * socket on the same thread, and the time is ours.
 *
 * What must hold: an exchange finishes its client exactly once, and does nothing with it
 * afterwards; heads, bodies and ends come in order and never when they were held back; each plugin
 * sees what the one before it let go, and the receiver what the last one did, all of it when the
 * message is whole; nothing is under way at the end.
 */
#include <stdlib.h>

#include "exchange_play.h"
#include "fakewire.h"
#include "heap.h"
#include "reach.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS = 300 };

struct proxy proxy;
static struct snapshot *snapshot;
static unsigned completed;

static struct fakepeer *peer_of(unsigned which)
{
	if (server.n_peers == 0)
		return NULL;
	return &server.peers[which & 1 ? server.n_peers - 1 : (which >> 1) % server.n_peers];
}

static void on_free(struct snapshot *s)
{
	check(s == NULL, "the snapshot is gone, which is still in %s", "use");
}

static struct view *view_make(void)
{
	atomic_fetch_add(&snapshot->refs, 1);
	return view_new(&fakewire_worker, snapshot, on_free);
}

static void reload(void)
{
	struct view *old = proxy.view;
	proxy.view = view_make();
	view_unref(old);
	REACH("a reload");
}

static void step(struct input *in)
{
	static const uint64_t times[] = { 10 * NS_PER_MS, 100 * NS_PER_MS, 400 * NS_PER_MS,
		3 * NS_PER_S };
	unsigned what = input_below(in, 12);
	struct visitor *v = &visitors[what < 6 ? input_below(in, VISITORS) : 0];
	struct fakepeer *p = what >= 6 && what < 9 ? peer_of(input_byte(in)) : NULL;
	switch (what) {
	case 0:
		visit(v, in);
		break;
	case 1:
		visitor_say(v, input_size(in), false);
		break;
	case 2:
		visitor_say(v, v->length > v->said ? (size_t)(v->length - v->said) : 0, true);
		break;
	case 3:
		visitor_gone(v, input_byte(in) & 1);
		break;
	case 4:
		v->full = v->busy;
		break;
	case 5:
		if (v->busy && v->full && !v->gone && v->headed) {
			v->full = false;
			v->c.events->on_drained(&v->c);
			REACH("a client that reads again");
		}
		break;
	case 6:
		if (p)
			serve(p, in);
		break;
	case 7:
		if (p)
			fakepeer_close(p);
		break;
	case 8:
		if (p) {
			sluice_str raw = input_bytes(in);
			wild = true; /* whose answer that becomes is not known */
			for (unsigned i = 0; i < VISITORS; i++)
				visitors[i].out.loose = true;
			fakepeer_say(p, raw.data, raw.len);
		}
		break;
	case 9:
		fakewire_pass(times[input_below(in, 4)]);
		break;
	case 10:
		if (input_byte(in) & 1)
			fakeserver_refuse(&server);
		else
			fakeserver_listen(&server);
		break;
	default:
		reload();
		break;
	}
}

static void turn(void)
{
	fakewire_poll();
	server_read();
	for (unsigned i = 0; i < VISITORS; i++)
		visitor_turn(&visitors[i]);
	fakewire_poll();
}

static void on_done(struct proxy *p __attribute__((unused)), const struct exchange *x)
{
	completed++;
	REACH_IF(x->call.tries > 1, "a second try");
}

static void end(void)
{
	turn();
	for (unsigned i = 0; i < VISITORS; i++)
		visitor_gone(&visitors[i], false);
	turn();
	fakewire_pass(10 * NS_PER_S);
	for (unsigned i = 0; i < VISITORS; i++)
		check(!visitors[i].busy, "visitor %u is not finished", i);
	check(proxy.active == 0 && completed == begun,
		"%u exchanges of %u are complete, %u under way", completed, begun, proxy.active);
	view_unref(proxy.view);
	proxy.view = NULL;
	fakewire_settle();
	worker_end_part(&fakewire_worker, PART_UPSTREAM);
	fakeserver_down(&server);
	check(fakewire_has_no_timer(), "a deadline of %s", "nobody's");
	buf_thread_fini();
	arena_thread_fini();
}

static void run(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	if (!snapshot)
		snapshot = exchange_gateway(&play_hooks);
	proxy = (struct proxy){ .worker = &fakewire_worker, .on_complete = on_done };
	permute_init(&proxy.ids, (const uint64_t[2]){ 1, 2 });
	list_init(&proxy.exchanges);
	wild = false;
	completed = begun = 0;
	memset(answered, 0, sizeof(answered));
	fakeserver_up(&server, 0);
	proxy.view = view_make();
	for (unsigned i = 0; i < STEPS && input_has_more(&in); i++) {
		step(&in);
		turn();
	}
	end();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	heap_watch(run, data, size);
	return 0;
}
