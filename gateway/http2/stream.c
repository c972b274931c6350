/* The states of a stream and the allowed transitions. See the header. Worker's thread only. */
#include "http2/stream.h"

#include "base/check.h"

#define TO(state) (1u << (state))

/* By the state that is left: the states that may follow. */
static const uint8_t receive_to[] = {
	[RECEIVE_HEAD] = TO(RECEIVE_BODY) | TO(RECEIVE_END) | TO(RECEIVE_RESET),
	[RECEIVE_BODY] = TO(RECEIVE_END) | TO(RECEIVE_RESET),
	[RECEIVE_END] = TO(RECEIVE_RESET),
	[RECEIVE_RESET] = 0,
};
/* A message that cannot end as it was announced is cut; so is one whose exchange gives up. */
static const uint8_t send_to[] = {
	[SEND_HEAD] = TO(SEND_BODY) | TO(SEND_DONE) | TO(SEND_CUT),
	[SEND_BODY] = TO(SEND_DONE) | TO(SEND_CUT),
	[SEND_DONE] = TO(SEND_CUT),
	[SEND_CUT] = 0,
};
static const uint8_t wire_to[] = {
	[WIRE_IDLE] = TO(WIRE_OPEN) | TO(WIRE_CLOSED),
	[WIRE_OPEN] = TO(WIRE_RESET) | TO(WIRE_CLOSED),
	[WIRE_RESET] = TO(WIRE_CLOSED),
	[WIRE_CLOSED] = 0,
};
static const uint8_t owner_to[] = {
	[OWNER_NONE] = TO(OWNER_TOLD),
	[OWNER_TOLD] = TO(OWNER_GONE) | TO(OWNER_RELEASED),
	[OWNER_GONE] = TO(OWNER_RELEASED),
	[OWNER_RELEASED] = 0,
};
static const uint8_t kind_to[] = {
	[KIND_MESSAGES] = TO(KIND_CONNECT),
	[KIND_CONNECT] = TO(KIND_TUNNEL),
	[KIND_TUNNEL] = 0,
};

static void door(const struct http2_stream *st, const char *which, const uint8_t *table,
	uint8_t *state, unsigned to)
{
	check(*state == to || (table[*state] & TO(to)), "stream %d: %s goes from %u to %u", st->id,
		which, *state, to);
	*state = (uint8_t)to;
}

void http2_stream_set_receive(struct http2_stream *st, enum receive_state to)
{
	door(st, "receive", receive_to, &st->receive, to);
}

void http2_stream_set_send(struct http2_stream *st, enum send_state to)
{
	door(st, "send", send_to, &st->send, to);
}

void http2_stream_set_wire(struct http2_stream *st, enum wire_state to)
{
	door(st, "wire", wire_to, &st->wire, to);
}

void http2_stream_set_owner(struct http2_stream *st, enum owner_state to)
{
	door(st, "owner", owner_to, &st->owner, to);
}

void http2_stream_set_kind(struct http2_stream *st, enum stream_kind to)
{
	door(st, "kind", kind_to, &st->kind, to);
}
