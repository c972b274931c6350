/* The boundaries of WebSocket frames. Any thread. */
#include "proxy/websocket.h"

#include "base/hash.h"

enum { OPCODE_CLOSE = 8, CODE_GOING_AWAY = 1001 };

/* Bytes a head has, as far as can be told from what came of it (5.2). */
static size_t websocket_head_size(const struct websocket *w)
{
	if (w->n_head < 2)
		return 2;
	unsigned len = w->head[1] & 0x7f;
	return 2u + (len == 126 ? 2u : len == 127 ? 8u : 0u) + (w->head[1] & 0x80 ? 4u : 0u);
}

static uint64_t websocket_payload(const struct websocket *w)
{
	unsigned len = w->head[1] & 0x7f, n = len == 126 ? 2 : len == 127 ? 8 : 0;
	uint64_t v = n ? 0 : len;
	for (unsigned i = 0; i < n; i++)
		v = v << 8 | w->head[2 + i];
	return v;
}

size_t websocket_pass(struct websocket *w, const struct buf *data)
{
	size_t seen = 0, whole = 0;
	for (const struct block *b = data->first; b; b = b->next) {
		for (uint32_t at = b->off; at < b->end;) {
			if (w->left) {
				uint64_t n = b->end - at < w->left ? b->end - at : w->left;
				w->left -= n;
				at += (uint32_t)n;
				seen += n;
			} else {
				w->head[w->n_head++] = (uint8_t)b->data[at++];
				seen++;
				if (w->n_head < websocket_head_size(w))
					continue;
				w->left = websocket_payload(w);
				w->closed |= (w->head[0] & 0x0f) == OPCODE_CLOSE;
				w->n_head = 0;
			}
			if (w->left == 0)
				whole = seen;
		}
	}
	return whole;
}

size_t websocket_close(char out[WEBSOCKET_CLOSE_MAX], bool from_client)
{
	unsigned char mask[4] = { 0, 0, 0, 0 };
	size_t n = 0;
	out[n++] = (char)(0x80 | OPCODE_CLOSE);
	out[n++] = (char)(from_client ? 0x82 : 0x02);
	if (from_client) {
		random_bytes(mask, sizeof(mask));
		memcpy(out + n, mask, sizeof(mask));
		n += sizeof(mask);
	}
	out[n++] = (char)((CODE_GOING_AWAY >> 8) ^ mask[0]);
	out[n++] = (char)((CODE_GOING_AWAY & 0xff) ^ mask[1]);
	return n;
}
