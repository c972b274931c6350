/* Budgets and the meter. See the header. Worker's thread only. */
#include "http2/limits.h"

#include <string.h>

#include "base/clock.h"

static const struct budget_rule control_rule = { HTTP2_CONTROL_BURST, HTTP2_CONTROL_PER_S };
static const struct budget_rule reset_rule = { HTTP2_RESET_BURST, HTTP2_RESETS_PER_S };

/* ---- budgets ------------------------------------------------------------------------------- */

bool budget_spend(struct budget *b, const struct budget_rule *r, uint64_t now_ns, uint32_t n)
{
	uint64_t each = NS_PER_S / r->per_s;
	uint64_t full = (b->full_ns > now_ns ? b->full_ns : now_ns) + n * each;
	if (full - now_ns > r->burst * each)
		return false;
	b->full_ns = full;
	return true;
}

void budget_earn(struct budget *b, const struct budget_rule *r, uint32_t n)
{
	uint64_t back = n * (NS_PER_S / r->per_s);
	b->full_ns = b->full_ns > back ? b->full_ns - back : 0;
}

/* ---- frames -------------------------------------------------------------------------------- */

void meter_init(struct meter *m, uint32_t max_head)
{
	*m = (struct meter){ .preface_left = HTTP2_PREFACE_LEN,
		.block_max = max_head + HTTP2_BLOCK_SLACK,
		.continuations_max = HTTP2_CONTINUATIONS_MIN + max_head / HTTP2_CONTINUATION_BYTES,
		.flood = FLOOD_ANSWERS };
}

static struct frame_head frame_head_parse(const uint8_t b[HTTP2_FRAME_HEAD])
{
	return (struct frame_head){
		.length = (uint32_t)b[0] << 16 | (uint32_t)b[1] << 8 | b[2],
		.type = b[3],
		.flags = b[4],
		.stream = ((uint32_t)b[5] & 0x7f) << 24 | (uint32_t)b[6] << 16 |
			(uint32_t)b[7] << 8 | b[8],
	};
}

/* All bytes of the frame have passed. */
static void meter_frame_end(struct meter *m)
{
	m->have = 0;
	if (m->block_last)
		m->block_open = m->block_last = false;
}

size_t meter_cut(struct meter *m, const char *p, size_t n, struct frame_head *f, bool *begun)
{
	size_t at = 0;
	*begun = false;
	if (m->preface_left) {
		at = n < m->preface_left ? n : m->preface_left;
		m->preface_left = (uint8_t)(m->preface_left - at);
		return at;
	}
	if (m->have < HTTP2_FRAME_HEAD) {
		at = n < (size_t)(HTTP2_FRAME_HEAD - m->have)
			? n
			: (size_t)(HTTP2_FRAME_HEAD - m->have);
		memcpy(m->head + m->have, p, at);
		m->have = (uint8_t)(m->have + at);
		if (m->have < HTTP2_FRAME_HEAD)
			return at;
		*f = frame_head_parse(m->head);
		*begun = true;
		m->left = f->length;
		if (f->type == FRAME_HEADERS || f->type == FRAME_CONTINUATION) {
			m->block_open = true;
			m->block_last = (f->flags & FRAME_END_HEADERS) != 0;
		}
	}
	size_t payload = n - at < m->left ? n - at : m->left;
	m->left -= (uint32_t)payload;
	if (m->left == 0)
		meter_frame_end(m);
	return at + payload;
}

/* The price of a frame that does not advance a request. */
static uint32_t frame_price(const struct frame_head *f)
{
	switch (f->type) {
	case FRAME_DATA: /* empty and without END_STREAM: useless (CVE-2019-9518) */
		return f->length == 0 && !(f->flags & FRAME_END_STREAM) ? 4 : 0;
	case FRAME_HEADERS: /* a request earns more than that */
	case FRAME_RST_STREAM:
	case FRAME_PRIORITY:
	case FRAME_WINDOW_UPDATE:
		return 1;
	case FRAME_CONTINUATION:
		return f->length == 0 ? 4 : 1;
	case FRAME_SETTINGS: /* it is answered, and may change every stream */
		return f->flags & FRAME_ACK ? 1 : 16;
	case FRAME_PING: /* is answered */
	case FRAME_PRIORITY_UPDATE:
		return 4;
	case FRAME_GOAWAY:
		return 16;
	default: /* unknown types are ignored (RFC 9113 4.1) */
		return 4;
	}
}

/* Bound a header block: its size is not known before its end, and no other frames may come
 * meanwhile (CVE-2024-27316). */
static bool meter_block(struct meter *m, const struct frame_head *f)
{
	if (f->type == FRAME_HEADERS)
		m->block = m->continuations = 0;
	else if (++m->continuations > m->continuations_max)
		return false;
	m->block += f->length < m->block_max ? f->length : m->block_max + 1;
	return m->block <= m->block_max;
}

bool meter_frame(struct meter *m, const struct frame_head *f, uint64_t now_ns)
{
	uint32_t price = frame_price(f);
	if ((f->type == FRAME_HEADERS || f->type == FRAME_CONTINUATION) && !meter_block(m, f))
		m->flood = FLOOD_BLOCK;
	else if (price && !budget_spend(&m->control, &control_rule, now_ns, price))
		m->flood = FLOOD_FRAMES;
	else
		return true;
	return false;
}

bool meter_reset(struct meter *m, uint64_t now_ns)
{
	if (budget_spend(&m->resets, &reset_rule, now_ns, 1))
		return true;
	m->flood = FLOOD_RESETS;
	return false;
}

void meter_request(struct meter *m)
{
	budget_earn(&m->control, &control_rule, HTTP2_REQUEST_CREDIT);
}

void meter_sent(struct meter *m, uint32_t bytes, bool more)
{
	if (!more || bytes > HTTP2_DRIBBLE_MAX) /* CVE-2019-9511 */
		budget_earn(&m->control, &control_rule,
			HTTP2_DATA_CREDIT + (bytes >> HTTP2_DATA_CREDIT_SHIFT));
}
