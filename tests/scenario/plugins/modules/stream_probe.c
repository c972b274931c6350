/*
 * stream-probe: writes its answer piece by piece, well or badly. `count` answers with how many
 * answers it began, and how many exchanges of them have ended.
 */
#include <sluice/plugin.h>

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

enum act {
	ACT_WRITE, /* as fast as it is taken */
	ACT_SLEEP, /* a piece every few milliseconds */
	ACT_FETCH, /* what another server answers, twice */
	ACT_STOP,  /* half, and then it waits again and again */
	ACT_FAIL,  /* half, and then it fails */
	ACT_IDLE,  /* half, and then nothing */
	ACT_SHORT, /* half, and then it says that this was all */
	ACT_SPILL, /* without end, whatever room there is */
	ACT_BLOCK, /* as ACT_WRITE, and blocks the worker for a while at each call */
};
static const char *const acts[] = { "write", "sleep", "fetch", "stop", "fail", "idle", "short",
	"spill", "block", NULL };
enum at { AT_REQUEST, AT_WAIT, AT_RESPONSE };
static const char *const ats[] = { "request", "wait", "response", NULL };

enum { PIECE = 10000 };

struct probe {
	int32_t act, at;
	uint64_t size, idle;
	bool length, trailers, count;
	sluice_str url;
};

#define O(type, field, ...) SLUICE_OPTION(SLUICE_T_##type, struct probe, field, __VA_ARGS__)
static const sluice_option options[] = {
	O(ENUM, act, .def = "write", .choices = acts, .doc = "how to write"),
	O(ENUM, at, .def = "request", .choices = ats, .doc = "when to begin"),
	O(SIZE, size, .def = "1MiB", .doc = "how much to write"),
	O(DURATION, idle, .def = "20s", .doc = "how long it may write nothing"),
	O(BOOL, length, .def = "false", .doc = "whether to say the length"),
	O(BOOL, trailers, .def = "false", .doc = "whether to end with trailers"),
	O(BOOL, count, .def = "false", .doc = "whether to tell what was begun"),
	O(STR, url, .doc = "what to fetch"),
	SLUICE_OPTIONS_END,
};

struct state {
	uint64_t written;
	unsigned fetched;
};

static char piece[PIECE];
static _Atomic unsigned begun, ended;

static sluice_verdict end(sluice_exchange *x, const struct probe *p)
{
	static const sluice_pair fields[] = { { SLUICE_STR("X-Sum"), SLUICE_STR("42") },
		{ SLUICE_STR("Content-Type"), SLUICE_STR("not/allowed") } };
	const sluice_pairs trailers = { fields, 2 };
	return sluice_answer_end(x, p->trailers ? &trailers : NULL) ? SLUICE_NEXT : SLUICE_FAIL;
}

static bool write_piece(sluice_exchange *x, struct state *s, uint64_t most)
{
	uint64_t n = most - s->written < PIECE ? most - s->written : PIECE;
	s->written += n;
	return sluice_answer_write(x, (sluice_str){ piece, (size_t)n });
}

static sluice_verdict write_again(sluice_exchange *x, const void *conf);

static sluice_verdict fetched(sluice_exchange *x, const void *conf, const sluice_fetch_response *r)
{
	struct state *s = sluice_state(x, sizeof(*s));
	if (r->status != SLUICE_OK)
		return SLUICE_FAIL;
	(void)sluice_answer_write(x, r->body);
	return ++s->fetched == 2 ? end(x, conf) : SLUICE_NEXT;
}

static sluice_verdict broken(sluice_exchange *x, const struct probe *p)
{
	switch (p->act) {
	case ACT_FAIL:
		return SLUICE_FAIL;
	case ACT_SHORT:
		return end(x, p);
	case ACT_STOP:
		return sluice_sleep(x, 50, write_again);
	default:
		return SLUICE_NEXT;
	}
}

static sluice_verdict write_again(sluice_exchange *x, const void *conf)
{
	const struct probe *p = conf;
	struct state *s = sluice_state(x, sizeof(*s));
	bool whole = p->act == ACT_WRITE || p->act == ACT_SLEEP || p->act == ACT_BLOCK;
	uint64_t most = whole ? p->size : p->size / 2;
	const struct timespec blocked = { .tv_nsec = 20 * 1000 * 1000 };
	if (p->act == ACT_BLOCK)
		nanosleep(&blocked, NULL);
	const sluice_fetch_request r = { .size = sizeof(r), .url = p->url };
	if (p->act == ACT_FETCH)
		return sluice_fetch(x, &r, fetched);
	while (p->act == ACT_SPILL)
		if (!sluice_answer_write(x, (sluice_str){ piece, PIECE }) &&
			(s->written += PIECE) > 4u << 20)
			return SLUICE_NEXT;
	bool room = true;
	while (room && s->written < most) {
		room = write_piece(x, s, most);
		if (p->act == ACT_SLEEP && s->written < most)
			return sluice_sleep(x, 5, write_again);
	}
	if (s->written < most)
		return SLUICE_NEXT;
	return most == p->size ? end(x, p) : broken(x, p);
}

static void count_end(void *arg)
{
	(void)arg;
	ended++;
}

static sluice_verdict begin(sluice_exchange *x, const void *conf)
{
	static const sluice_pair fields[] = { { SLUICE_STR("X-Own"), SLUICE_STR("yes") } };
	const struct probe *p = conf;
	begun++;
	sluice_cleanup(x, count_end, NULL);
	sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("X-Asked"), SLUICE_STR("yes"));
	return sluice_answer_begin(x,
		&(sluice_answer_stream){ .size = sizeof(sluice_answer_stream),
			.status = 200,
			.headers = { fields, 1 },
			.content_type = SLUICE_STR("application/x-stream"),
			.has_length = p->length,
			.length = p->size,
			.idle_ms = p->idle,
			.write = write_again });
}

static sluice_verdict probe_on_request(sluice_exchange *x, const void *conf)
{
	const struct probe *p = conf;
	char text[64];
	if (p->count) {
		int n = snprintf(text, sizeof(text), "%u %u", (unsigned)begun, (unsigned)ended);
		return sluice_reply(x, 200, SLUICE_STR("text/plain"),
			(sluice_str){ text, (size_t)n });
	}
	if (p->at == AT_WAIT)
		return sluice_sleep(x, 1, begin);
	return p->at == AT_REQUEST ? begin(x, conf) : SLUICE_NEXT;
}

static sluice_verdict probe_on_response(sluice_exchange *x, const void *conf)
{
	const struct probe *p = conf;
	return p->at == AT_RESPONSE ? begin(x, conf) : SLUICE_NEXT;
}

SLUICE_PLUGIN("stream-probe", .summary = "write an answer piece by piece", .options = options,
	.conf_size = sizeof(struct probe), .on_request = probe_on_request,
	.on_response = probe_on_response);
