/*
 * A link to Redis and calls over it, with servers that answer as an input says: in parts, with
 * errors, out of turn, late or not at all. An input is a script of steps. Built twice:
 * fuzz_redis_link has one server, or two of which one is the primary; fuzz_sentinel (SENTINEL) has
 * two sentinels and two servers that they may name.
 *
 * What must hold: a call that was sent ends once, in its time, and not after it was cancelled; what
 * it gets is the reply to what it sent, as long as no server lies; what is sent are whole commands;
 * and nothing is left behind.
 */
#include <stdlib.h>

#include "base/log.h"
#include "fakeserver.h"
#include "fakewire.h"
#include "fixed_random.h"
#include "heap.h"
#include "input.h"
#include "net/resolve.h"
#include "reach.h"
#include "redis/link_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifndef SENTINEL
#define SENTINEL 0
#endif

enum { SERVERS = 4, CALLS = 8, STEPS = 300, WORDS = 8, ROUNDS = 16 };

enum reaction { NOTHING, AGAIN, CANCEL_NEXT, FREE_LINK, N_REACTIONS };

struct ask {
	struct redis_call call;
	bool waits;
	uint64_t due_ns;
	unsigned number; /* what it says, and wants to hear */
};

static struct fakeserver servers[SERVERS];
static struct ask asks[CALLS];
static struct redis_link *link_a, *link_b; /* b: where redirections lead */
static struct sluice_script *script;
static unsigned reaction, last_number;
static bool wild; /* a server said something else than replies to what it was asked */

/* ---- calls --------------------------------------------------------------------------------- */

static void ask_make(struct ask *a, unsigned how)
{
	char text[16];
	sluice_str number =
		str_n(text, (size_t)snprintf(text, sizeof(text), "n%u", last_number + 1));
	uint64_t timeout = (50 + (how >> 4) * 40) * NS_PER_MS;
	sluice_str argv[] = { STR("ECHO"), number }, more[] = { STR("more"), number };
	sluice_status st;
	if (a->waits || !link_a)
		return;
	if (how & 8)
		st = redis_eval(link_a, &a->call, script, number, more, 2, timeout);
	else
		st = redis_send(link_a, &a->call, argv, 2, timeout);
	REACH_IF(st == SLUICE_UNREACHABLE, "a call that is refused at once");
	if (st != SLUICE_OK)
		return;
	a->number = ++last_number;
	a->waits = true;
	a->due_ns = fakewire_worker.now_ns + timeout;
}

static void on_reply(struct redis_call *c, sluice_status st, const sluice_value *v)
{
	struct ask *a = container_of(c, struct ask, call),
		   *next = &asks[(size_t)(a - asks + 1) % CALLS];
	char text[16];
	int n = snprintf(text, sizeof(text), "n%u", a->number);
	check(a->waits && !c->link && v, "a reply that nobody %s", "waits for");
	a->waits = false;
	if (st == SLUICE_OK && !wild)
		check(v->type == SLUICE_V_STR && str_eq(v->s, str_n(text, (size_t)n)),
			"the reply to %s is %.*s", text, STR_ARG(v->s));
	REACH_IF(st == SLUICE_OK, "a reply");
	REACH_IF(st == SLUICE_ERROR, "an error of Redis");
	REACH_IF(st == SLUICE_TIMEOUT, "a call that was given up");
	REACH_IF(st == SLUICE_UNREACHABLE, "a call whose connection was lost");
	if (reaction == AGAIN) {
		ask_make(a, 0x40);
	} else if (reaction == CANCEL_NEXT) {
		next->waits = false;
		redis_cancel(&next->call);
	} else if (reaction == FREE_LINK && link_a) {
		reaction = NOTHING;
		redis_link_free(&link_a);
		REACH("a link freed from within a callback");
	}
}

/* Follows a redirection once. */
static bool on_error(void *ctx, struct redis_link *l, struct redis_call *c, sluice_str error)
{
	(void)ctx;
	bool ask = str_starts(error, STR("ASK "));
	if ((!ask && !str_starts(error, STR("MOVED "))) || c->hops++ || l != link_a)
		return false;
	REACH_IF(ask, "a call led on for once");
	REACH_IF(!ask, "a call led on");
	call_resend(link_b, c, ask);
	return true;
}

/* ---- servers ------------------------------------------------------------------------------- */

struct command {
	sluice_str words[WORDS]; /* the first of them */
	unsigned long n;
	size_t len;
};

static unsigned long take_number(const char **at, const char *end, char sign)
{
	char *stop;
	check(end - *at >= 4 && **at == sign, "no '%c' in what was sent", sign);
	unsigned long n = strtoul(*at + 1, &stop, 10);
	check(stop[0] == '\r' && stop[1] == '\n', "no line of a %s", "number");
	*at = stop + 2;
	return n;
}

/* The first command that came; false: none that is whole. Commands leave whole, so there are no
 * others. */
static bool take_command(const struct fakepeer *p, struct command *c)
{
	const char *at = p->got, *end = p->got + p->got_len;
	if (p->got_len == 0)
		return false;
	*c = (struct command){ .n = take_number(&at, end, '*') };
	for (unsigned long i = 0; i < c->n; i++) {
		size_t n = take_number(&at, end, '$');
		check((size_t)(end - at) >= n + 2 && at[n] == '\r' && at[n + 1] == '\n',
			"a command of %lu words is cut", c->n);
		if (i < WORDS)
			c->words[i] = str_n(at, n);
		at += n + 2;
	}
	c->len = (size_t)(at - p->got);
	return true;
}

/* What Sentinel says: the port of one of the servers that may be primaries, or something else. */
static int sentinel_text(char *out, size_t size, unsigned how)
{
	char port[8];
	int n = snprintf(port, sizeof(port), "%u", addr_port(&servers[2 + how % 2].addr));
	switch (how / 2 % 8) {
	default:
		return snprintf(out, size, "*2\r\n$9\r\n127.0.0.1\r\n$%d\r\n%s\r\n", n, port);
	case 5:
		return snprintf(out, size, "*-1\r\n");
	case 6:
		return snprintf(out, size, "*2\r\n$9\r\n127.0.0.1\r\n$5\r\n99999\r\n");
	case 7:
		return snprintf(out, size, "*3\r\n$1\r\na\r\n:1\r\n*0\r\n");
	}
}

static int reply_text(const struct command *c, char *out, size_t size, unsigned how)
{
	static const char *const errors[] = { "-ERR no\r\n", "-NOSCRIPT no\r\n",
		"-MOVED 1 127.0.0.1:1\r\n", "-ASK 1 127.0.0.1:1\r\n", "-READONLY no\r\n",
		"-LOADING wait\r\n", "-NOPERM no\r\n", "-OOM no\r\n" };
	sluice_str name = c->words[0],
		   number = str_eq(name, STR("ECHO")) ? c->words[1] : c->words[3];
	if (how & 128) /* an error instead */
		return snprintf(out, size, "%s", errors[how % 8]);
	if (str_eq(name, STR("PING")))
		return snprintf(out, size, "+PONG\r\n");
	if (str_eq(name, STR("ROLE")))
		return snprintf(out, size,
			how & 64 ? "*1\r\n$5\r\nslave\r\n" : "*2\r\n$6\r\nmaster\r\n:0\r\n");
	if (str_eq(name, STR("SENTINEL")))
		return sentinel_text(out, size, how);
	if (str_eq(name, STR("ECHO")) || str_eq(name, STR("EVALSHA")) ||
		str_eq(name, STR("EVAL"))) {
		REACH_IF(str_eq(name, STR("EVAL")), "a script sent whole");
		return snprintf(out, size, "$%zu\r\n%.*s\r\n", number.len, STR_ARG(number));
	}
	return snprintf(out, size, "+OK\r\n");
}

/* Answer the oldest command on a connection, or a part of that: the rest comes with the next
 * answer. */
static bool peer_answer(struct fakepeer *p, unsigned how, bool in_part)
{
	struct command c;
	char text[128];
	if (p->fd < 0 || !take_command(p, &c))
		return false;
	int n = reply_text(&c, text, sizeof(text), how);
	check(n > 0 && (size_t)n < sizeof(text), "a reply of %d bytes", n);
	if (in_part) {
		fakepeer_say(p, text, (size_t)n / 2);
		fakewire_poll();
		fakepeer_say(p, text + n / 2, (size_t)(n - n / 2));
		REACH("a reply in parts");
	} else {
		fakepeer_say(p, text, (size_t)n);
	}
	fakepeer_eat(p, c.len);
	return true;
}

static void serve(struct fakeserver *s, unsigned how)
{
	bool some = true;
	/* a reply may be what a next call comes of */
	for (unsigned rounds = 0; some && rounds < ROUNDS; rounds++) {
		fakewire_poll();
		fakeserver_accept(s);
		fakeserver_read(s);
		some = false;
		for (unsigned i = 0; i < s->n_peers; i++)
			some |= peer_answer(&s->peers[i], how & 0x7f, false);
	}
}

static void server_step(struct input *in, unsigned what)
{
	struct fakeserver *s = &servers[input_below(in, SERVERS)];
	unsigned how = input_byte(in);
	struct fakepeer *p;
	sluice_str raw;
	fakeserver_accept(s);
	fakeserver_read(s);
	p = s->n_peers ? &s->peers[how & 1 ? s->n_peers - 1 : (how >> 1) % s->n_peers] : NULL;
	switch (what) {
	case 4:
	case 5:
		serve(s, how & 0x7f);
		break;
	case 6:
	case 7:
		if (p)
			(void)peer_answer(p, input_byte(in), what == 7);
		break;
	case 8:
		if (p)
			fakepeer_close(p);
		break;
	case 9:
		fakeserver_refuse(s);
		break;
	case 10:
		if (s->addr.sa.sa_family == AF_UNIX)
			fakeserver_listen(s);
		break;
	default:
		raw = input_bytes(in);
		if (!p)
			break;
		wild = true;
		fakepeer_say(p, raw.data, raw.len);
		break;
	}
}

/* ---- steps --------------------------------------------------------------------------------- */

static void conf_make(struct redis_conf *c, unsigned mode)
{
	*c = (struct redis_conf){ .connect_timeout_ns = 500 * NS_PER_MS,
		.timeout_ns = 100 * NS_PER_MS,
		.ping_ns = mode & 2 ? 2 * NS_PER_S : 0,
		.quiet = true };
	c->url.n_hosts = SENTINEL || (mode & 4) ? 2 : 1;
	for (unsigned i = 0; i < c->url.n_hosts; i++)
		c->url.hosts[i] = (struct redis_host){ .name = STR(""), .addr = servers[i].addr };
	if (SENTINEL) {
		c->url.kind = REDIS_SENTINEL;
		c->url.master = STR("primary");
		c->sentinel_password = mode & 8 ? STR("secret") : STR_NONE;
	}
	c->url.password = mode & 16 ? STR("secret") : STR_NONE;
	c->url.db = mode & 32 ? 3 : 0;
}

static void links_open(unsigned mode)
{
	struct redis_conf c;
	conf_make(&c, mode);
	c.on_error = mode & 64 ? on_error : NULL;
	link_a = redis_link_new(&fakewire_worker, &c);
	c = (struct redis_conf){ .connect_timeout_ns = 500 * NS_PER_MS,
		.timeout_ns = 100 * NS_PER_MS,
		.quiet = true };
	c.url.n_hosts = 1;
	c.url.hosts[0] = (struct redis_host){ .name = STR(""), .addr = servers[1].addr };
	link_b = redis_link_new(&fakewire_worker, &c);
}

static void check_time(void)
{
	for (unsigned i = 0; i < CALLS; i++)
		check(!asks[i].waits ||
				fakewire_worker.now_ns <=
					asks[i].due_ns + (2ull << TIMER_TICK_SHIFT),
			"call %u waits beyond its time", i);
	if (!link_a)
		return;
	enum redis_state st = redis_link_state(link_a);
	REACH_IF(st == REDIS_READY, "a link that is ready");
	REACH_IF(st == REDIS_WAITING, "a link that waits to try again");
	check(st != REDIS_READY || !link_a->is_down, "ready, and %s", "down");
}

static void step(struct input *in)
{
	static const uint64_t times[] = { 20 * NS_PER_MS, 120 * NS_PER_MS, 700 * NS_PER_MS,
		3 * NS_PER_S };
	unsigned what = input_below(in, 15), b;
	switch (what) {
	case 0:
	case 1:
		b = input_byte(in);
		ask_make(&asks[b % CALLS], b);
		return;
	case 2:
		b = input_byte(in) % CALLS;
		REACH_IF(asks[b].waits, "a call cancelled");
		asks[b].waits = false;
		redis_cancel(&asks[b].call);
		return;
	case 3:
		reaction = input_byte(in) % N_REACTIONS;
		return;
	default:
		server_step(in, what);
		return;
	case 12:
		for (unsigned i = 0; i < CALLS; i++)
			ask_make(&asks[i], 0x10);
		return;
	case 13:
		fakewire_pass(times[input_below(in, 4)]);
		return;
	case 14:
		if (link_a)
			redis_link_warm(link_a);
		return;
	}
}

static void begin(unsigned mode)
{
	static struct arena scripts;
	if (!script) {
		arena_init(&scripts, 0);
		script = script_new(&scripts, STR("return KEYS[1]"));
		(void)atexit(fakeserver_fini);
	}
	fixed_random_reset();
	log_set_level(LOG_ERROR);
	fakewire_start();
	for (unsigned i = 0; i < SERVERS; i++) {
		if (SENTINEL && i >= 2)
			fakeserver_up_tcp(&servers[i]);
		else
			fakeserver_up(&servers[i], i);
	}
	reaction = NOTHING;
	last_number = 0;
	wild = false;
	for (unsigned i = 0; i < CALLS; i++) {
		asks[i] = (struct ask){ .waits = false };
		redis_call_init(&asks[i].call, on_reply);
	}
	links_open(mode);
}

static void end(void)
{
	reaction = NOTHING;
	redis_link_free(&link_a);
	redis_link_free(&link_b);
	for (unsigned i = 0; i < CALLS; i++)
		check(!asks[i].waits && !asks[i].call.link, "call %u is left", i);
	fakewire_settle();
	worker_end_part(&fakewire_worker, PART_RESOLVE);
	check(fakewire_has_no_timer(), "a deadline of %s", "nobody's");
	for (unsigned i = 0; i < SERVERS; i++)
		fakeserver_down(&servers[i]);
	fakewire_end();
}

static void run(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	begin(input_byte(&in));
	for (unsigned i = 0; i < STEPS && input_has_more(&in); i++) {
		step(&in);
		fakewire_poll();
		check_time();
	}
	end();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	heap_watch(run, data, size);
	return 0;
}
