/* A handler that is done with its client. Any thread. */
#include "http/handler.h"

static void ended_on_body(struct client *c, struct buf *data)
{
	(void)c;
	buf_drain(data, data->len);
}

static void ended_on_end(struct client *c, const struct fields *trailers)
{
	(void)c, (void)trailers;
}

static void ended_on_event(struct client *c)
{
	(void)c;
}

static void ended_on_gone(struct client *c, int err, bool can_answer)
{
	(void)c, (void)err, (void)can_answer;
}

const struct client_events client_ended = {
	.on_body = ended_on_body,
	.on_end = ended_on_end,
	.on_drained = ended_on_event,
	.on_sent = ended_on_event,
	.on_gone = ended_on_gone,
};
