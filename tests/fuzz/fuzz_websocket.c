/*
 * Where frames of a WebSocket end: told from the bytes as they come, cut anywhere and lying in any
 * number of blocks, it is the same as told from all of them at once; and a close frame of ours
 * between two frames is read as one. The input is a list of frames, well formed or not, since the
 * gateway does not judge what passes.
 */
#include <stdlib.h>

#include "heap.h"
#include "input.h"
#include "proxy/websocket.h"
#include "reach.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BYTES_MAX = 1 << 18, FRAMES_MAX = 64, HEAD_MAX = 14 };

static uint8_t bytes[BYTES_MAX];
static size_t n_bytes;

static void put_frame(struct input *in)
{
	unsigned first = input_byte(in), len = input_byte(in);
	size_t n = input_size(in) % 70000,
	       extra = (len & 0x7f) == 126 ? 2
		: (len & 0x7f) == 127      ? 8
					   : 0;
	size_t payload = extra ? n : len & 0x7f;
	if (n_bytes + HEAD_MAX + payload > sizeof(bytes))
		return;
	bytes[n_bytes++] = (uint8_t)first;
	bytes[n_bytes++] = (uint8_t)len;
	for (size_t i = extra; i; i--)
		bytes[n_bytes++] = (uint8_t)((uint64_t)payload >> (8 * (i - 1)));
	for (unsigned i = 0; (len & 0x80) && i < 4; i++)
		bytes[n_bytes++] = (uint8_t)(first * 7 + i);
	memset(bytes + n_bytes, 0x88, payload); /* looks like heads of close frames */
	n_bytes += payload;
	REACH_IF(payload > 65536, "a frame with a length of eight bytes");
}

/* The simplest reading: where the last whole frame ends within the first n bytes; whether one that
 * began says close. */
static size_t frames_end(size_t n, bool *closed)
{
	size_t end = 0;
	*closed = false;
	for (size_t at = 0; at < n;) {
		size_t head = 2, extra;
		uint64_t payload;
		if (n - at < 2)
			break;
		payload = bytes[at + 1] & 0x7f;
		extra = payload == 126 ? 2 : payload == 127 ? 8 : 0;
		head += extra + (bytes[at + 1] & 0x80 ? 4 : 0);
		if (n - at < head)
			break;
		if (extra)
			payload = 0;
		for (size_t i = 0; i < extra; i++)
			payload = payload << 8 | bytes[at + 2 + i];
		*closed |= (bytes[at] & 0x0f) == 8;
		if (payload > n - at - head)
			break;
		at += head + (size_t)payload;
		end = at;
	}
	return end;
}

/* In pieces as the script says, some of them in several blocks. */
static void pass_in_pieces(struct input in)
{
	struct websocket w = { 0 };
	size_t end = 0;
	for (size_t at = 0; at < n_bytes;) {
		size_t n = input_size(&in), first;
		bool closed;
		struct buf b;
		n = n ? n : input_has_more(&in) ? 1 : n_bytes;
		n = n < n_bytes - at ? n : n_bytes - at;
		first = n / 3;
		buf_init(&b);
		buf_append(&b, (const char *)bytes + at, first);
		struct buf more;
		buf_init(&more);
		buf_append(&more, (const char *)bytes + at + first, n - first);
		buf_move_all(&b, &more);
		size_t whole = websocket_pass(&w, &b);
		check(whole <= n, "%zu bytes belong to frames, of %zu", whole, n);
		end = whole ? at + whole : end;
		at += n;
		check(b.len == n, "%zu bytes of %zu were taken", n - b.len, n);
		size_t want = frames_end(at, &closed);
		check(end == want, "frames end at %zu, not %zu, of %zu", end, want, at);
		check(websocket_is_between(&w) == (end == at), "between frames: %d",
			websocket_is_between(&w));
		check(w.closed == closed, "closed: %d", w.closed);
		REACH_IF(w.closed, "a close frame");
		REACH_IF(w.n_head > 2, "a head that is cut in its length");
		REACH_IF(w.left, "a payload that is cut");
		REACH_IF(websocket_is_between(&w) && !closed, "a cut between frames");
		buf_fini(&b);
		buf_fini(&more);
	}
}

static void pass_goodbye(bool masked)
{
	char out[WEBSOCKET_CLOSE_MAX];
	struct websocket w = { 0 };
	struct buf b;
	size_t n = websocket_close(out, masked);
	buf_init(&b);
	buf_append(&b, out, n);
	check(websocket_pass(&w, &b) == n && w.closed && websocket_is_between(&w),
		"%zu bytes are no close frame", n);
	buf_fini(&b);
}

static void run(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	bool raw = input_byte(&in) & 1;
	n_bytes = 0;
	if (raw) {
		sluice_str s = input_bytes(&in);
		memcpy(bytes, s.data, s.len);
		n_bytes = s.len;
		REACH("bytes of any kind");
	}
	for (unsigned n = raw ? 0 : input_below(&in, FRAMES_MAX); n; n--)
		put_frame(&in);
	pass_in_pieces(in);
	pass_goodbye(data && size && (data[0] & 2));
	buf_thread_fini();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	heap_watch(run, data, size);
	return 0;
}
