/* Frames by grammar. See the header. */
#include "h2script.h"

#include <stdio.h>
#include <stdlib.h>

#include "frames.h"

enum { PAYLOAD_MAX = 17000, OLD_STREAMS = 8 };

static const struct reached *reached_rows;
static size_t n_reached;

/* ---- values -------------------------------------------------------------------------------- */

uint32_t script_length(struct h2script *s)
{
	static const uint32_t large[] = { 256, 1000, 1024, 4096, 8192, 16383, 16384, 16385, 30000,
		65535, 65536, 100000, 131072, 200000 };
	uint8_t b = script_byte(s);
	return b < 224 ? b : large[(b - 224u) % (sizeof(large) / sizeof(large[0]))];
}

sluice_str script_bytes(struct h2script *s)
{
	size_t n = script_byte(s), left = (size_t)(s->end - s->at);
	n = n < left ? n : left;
	s->at += n;
	return str_n((const char *)s->at - n, n);
}

/* The latest stream, one a little older, one that is not open, one that cannot be. */
static uint32_t pick_stream(struct h2script *s)
{
	uint8_t b = script_byte(s);
	uint32_t back = 2u * (b % OLD_STREAMS);
	if (b >= 250)
		return 0;
	if (b >= 240)
		return s->latest + 2 * (b - 239u);
	if (b >= 230)
		return b;
	return back < s->latest ? s->latest - back : s->latest % 2;
}

/* ---- frames -------------------------------------------------------------------------------- */

void script_frame(struct h2script *s, unsigned type, unsigned flags, uint32_t stream,
	const char *payload, size_t n)
{
	char head[HTTP2_FRAME_HEAD];
	frame_put(head, &(struct frame){ n, type, flags, stream });
	s->say(head, sizeof(head));
	if (n)
		s->say(payload, n);
	s->said += sizeof(head) + n;
}

static void say_headers(struct h2script *s, unsigned act)
{
	uint8_t flags = script_byte(s);
	sluice_str block = s->heads[script_byte(s) % s->n_heads];
	uint32_t stream;
	if (s->opens && flags < 128) {
		stream = s->latest += s->latest ? 2u + (flags & 0x40 ? 4u : 0u) : 1u;
	} else {
		stream = pick_stream(s);
		s->latest = s->latest ? s->latest : stream;
	}
	unsigned end = flags & FRAME_END_STREAM;
	if (act == SAY_HEADERS)
		script_frame(s, FRAME_HEADERS, end | FRAME_END_HEADERS, stream, block.data,
			block.len);
	else
		script_frame(s, FRAME_HEADERS, end, stream, block.data, block.len / 2);
}

static void say_continuation(struct h2script *s)
{
	uint8_t flags = script_byte(s);
	sluice_str block = s->heads[script_byte(s) % s->n_heads];
	script_frame(s, FRAME_CONTINUATION, flags & FRAME_END_HEADERS,
		flags < 128 ? s->latest : pick_stream(s), block.data + block.len / 2,
		block.len - block.len / 2);
}

/* Literals that are not indexed (RFC 7541 6.2.2). */
static void say_trailers(struct h2script *s)
{
	static const sluice_str blocks[] = { BLOCK("\0\5x-sum\1"
						   "6"),
		BLOCK("\0\13grpc-status\1"
		      "0"),
		BLOCK(""),
		BLOCK("\0\7:status\3"
		      "200"),
		BLOCK("\0\5X-Bad\1"
		      "1") };
	uint8_t flags = script_byte(s);
	sluice_str block = script_pick(s, blocks);
	script_frame(s, FRAME_HEADERS, FRAME_END_HEADERS | (flags & 0x80 ? 0u : FRAME_END_STREAM),
		pick_stream(s), block.data, block.len);
}

static void say_data(struct h2script *s)
{
	static char body[PAYLOAD_MAX];
	uint8_t flags = script_byte(s);
	uint32_t stream = pick_stream(s), n = script_length(s);
	script_frame(s, FRAME_DATA, flags & FRAME_END_STREAM, stream, body,
		n < sizeof(body) ? n : sizeof(body));
}

static void say_settings(struct h2script *s)
{
	static const uint32_t values[] = { 0, 1, 2, 100, 1000, 16384, 65535, 65536, 1 << 20,
		0x7fffffff, 0x80000000, UINT32_MAX };
	char payload[4 * 6];
	size_t n = 0;
	for (unsigned left = script_byte(s) % 5; left; left--) {
		uint8_t id = script_byte(s);
		payload[n] = 0;
		payload[n + 1] = (char)(id % 10);
		frame_put32(payload + n + 2, script_pick(s, values));
		n += 6;
	}
	script_frame(s, FRAME_SETTINGS, 0, 0, payload, n);
}

static void say_number(struct h2script *s, unsigned type)
{
	static const uint32_t codes[] = { 0, 1, 2, 5, 7, 8, 11, 13 };
	static const uint32_t windows[] = { 1, 0, 100, 1000, 16384, 65535, 1 << 20, 0x7fffffff };
	char payload[4];
	uint32_t stream = pick_stream(s);
	frame_put32(payload,
		type == FRAME_WINDOW_UPDATE ? script_pick(s, windows) : script_pick(s, codes));
	script_frame(s, type, 0, stream, payload, sizeof(payload));
}

static void say_goaway(struct h2script *s)
{
	static const uint32_t codes[] = { 0, 1, 2, 11 }, last[] = { 0x7fffffff, 0, 1, 3, 5, 2 };
	char payload[8];
	frame_put32(payload, script_pick(s, last));
	frame_put32(payload + 4, script_pick(s, codes));
	script_frame(s, FRAME_GOAWAY, 0, 0, payload, sizeof(payload));
}

static void say_priority(struct h2script *s, unsigned type)
{
	static const char *const values[] = { "u=1", "u=5, i", "", "u=9", "u=", "i=?0, x=(1 2)" };
	char payload[64];
	uint32_t on = pick_stream(s);
	frame_put32(payload, pick_stream(s));
	if (type == FRAME_PRIORITY) {
		payload[4] = (char)script_byte(s);
		script_frame(s, type, 0, on, payload, 5);
		return;
	}
	const char *value = script_pick(s, values);
	memcpy(payload + 4, value, strlen(value));
	script_frame(s, type, 0, script_byte(s) < 250 ? 0 : on, payload, 4 + strlen(value));
}

static void say_push(struct h2script *s)
{
	char payload[64];
	uint32_t on = pick_stream(s);
	frame_put32(payload, 2u * script_byte(s));
	memcpy(payload + 4, "\x82\x86\x84\x41\1a", 6);
	script_frame(s, FRAME_PUSH_PROMISE, FRAME_END_HEADERS, on, payload, 10);
}

static void say_ping(struct h2script *s, unsigned flags)
{
	static const char *const values[] = { "\0\0\0\0\0\0\0\0", "alive?\0", "12345678" };
	script_frame(s, FRAME_PING, flags, 0, script_pick(s, values), 8);
}

void script_say(struct h2script *s, unsigned act)
{
	switch (act) {
	case SAY_HEADERS:
	case SAY_SPLIT_HEADERS:
		say_headers(s, act);
		break;
	case SAY_CONTINUATION:
		say_continuation(s);
		break;
	case SAY_TRAILERS:
		say_trailers(s);
		break;
	case SAY_DATA:
		say_data(s);
		break;
	case SAY_RESET:
		say_number(s, FRAME_RST_STREAM);
		break;
	case SAY_WINDOW:
		say_number(s, FRAME_WINDOW_UPDATE);
		break;
	case SAY_SETTINGS:
		say_settings(s);
		break;
	case SAY_SETTINGS_ACK:
		script_frame(s, FRAME_SETTINGS, FRAME_ACK, 0, NULL, 0);
		break;
	case SAY_PING:
		say_ping(s, 0);
		break;
	case SAY_PING_ACK:
		say_ping(s, FRAME_ACK);
		break;
	case SAY_GOAWAY:
		say_goaway(s);
		break;
	case SAY_PRIORITY:
		say_priority(s, FRAME_PRIORITY);
		break;
	case SAY_PRIORITY_UPDATE:
		say_priority(s, FRAME_PRIORITY_UPDATE);
		break;
	case SAY_PUSH_PROMISE:
		say_push(s);
		break;
	case SAY_FRAME: {
		uint8_t type = script_byte(s), flags = script_byte(s);
		uint32_t stream = pick_stream(s);
		sluice_str payload = script_bytes(s);
		script_frame(s, type, flags, stream, payload.data, payload.len);
		break;
	}
	default: {
		sluice_str bytes = script_bytes(s);
		s->say(bytes.data, bytes.len);
		s->said += bytes.len;
		break;
	}
	}
}

/* ---- what was reached ---------------------------------------------------------------------- */

static void reached_print(void)
{
	for (size_t i = 0; i < n_reached; i++)
		(void)printf("reached: %s %llu\n", reached_rows[i].name,
			(unsigned long long)reached_rows[i].n);
}

void reached_tell(const struct reached *rows, size_t n)
{
	const char *wanted = getenv("FUZZ_REACHED");
	if (reached_rows || !wanted || strcmp(wanted, "1") != 0)
		return;
	reached_rows = rows;
	n_reached = n;
	(void)atexit(reached_print);
}
