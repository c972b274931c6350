/* Links that follow a channel: what comes on them. See link.h. */
#include "redis/link_internal.h"

static void channel_set_state(struct redis_link *l, bool is_subscribed)
{
	if (l->is_subscribed == is_subscribed)
		return;
	l->is_subscribed = is_subscribed;
	l->conf.channel->on_state(l->conf.channel->ctx, is_subscribed);
}

void channel_ready(struct redis_link *l)
{
	if (l->conf.channel)
		channel_set_state(l, true);
}

void channel_lost(struct redis_link *l)
{
	if (l->conf.channel)
		channel_set_state(l, false);
}

/* The text at that place; empty: there is none. */
static sluice_str channel_part(const sluice_value *v, size_t at)
{
	bool is_there = v->type == SLUICE_V_LIST && at < v->n && v->v[at].type == SLUICE_V_STR;
	return is_there ? v->v[at].s : STR_NONE;
}

const char *channel_on_reply(struct redis_link *l, const sluice_value *v, bool is_error,
	char text[TROUBLE_TEXT])
{
	const struct redis_channel *c = l->conf.channel;
	sluice_str kind = channel_part(v, 0);
	if (is_error)
		return trouble_text(l, v->s, text);
	if (str_eq(kind, STR("message")) && str_eq(channel_part(v, 1), c->name))
		c->on_message(c->ctx, channel_part(v, 2));
	else if (str_eq(kind, STR("pong")) && queue_length(&l->queue))
		(void)queue_pop(&l->queue);
	else
		return "it is no message of the channel";
	return NULL;
}
