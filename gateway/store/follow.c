/* Followers of channels, and the links that they share. See the header. */
#include "store/follow.h"

#include <stdlib.h>

#include "base/mem.h"
#include "net/worker.h"
#include "store/ops.h"

struct store_channel {
	struct list at;
	struct sluice_store *store; /* shared: held */
	struct redis_channel channel;
	struct redis_link *link; /* owned */
	struct list followers;
	bool is_connected;
	char name[];
};

static struct list channels = { &channels, &channels }; /* main thread */

/* ---- telling ------------------------------------------------------------------------------- */

/* A follower may come while others are told. */
static void channel_tell_state(struct store_channel *c)
{
	bool again = true;
	while (again) {
		again = false;
		list_each (e, &c->followers) {
			struct store_follower *f = container_of(e, struct store_follower, at);
			if (f->is_told == c->is_connected)
				continue;
			f->is_told = c->is_connected;
			f->on_state(f, c->is_connected);
			again = true;
			break;
		}
	}
}

static void channel_on_state(void *ctx, bool is_subscribed)
{
	struct store_channel *c = ctx;
	c->is_connected = is_subscribed;
	channel_tell_state(c);
}

static void channel_on_message(void *ctx, sluice_str message)
{
	struct store_channel *c = ctx;
	list_each_safe (e, &c->followers) {
		struct store_follower *f = container_of(e, struct store_follower, at);
		if (f->is_told)
			f->on_message(f, message);
	}
}

/* ---- life ---------------------------------------------------------------------------------- */

static struct store_channel *channel_find(const struct sluice_store *s, sluice_str name)
{
	list_each (e, &channels) {
		struct store_channel *c = container_of(e, struct store_channel, at);
		if (c->store == s && str_eq(c->channel.name, name))
			return c;
	}
	return NULL;
}

static struct store_channel *channel_new(struct worker *w, struct sluice_store *s, sluice_str name)
{
	struct store_channel *c = mem_zeroed(1, sizeof(*c) + name.len, "a channel");
	memcpy(c->name, name.data, name.len);
	c->store = s;
	c->channel = (struct redis_channel){ .name = { c->name, name.len },
		.on_message = channel_on_message,
		.on_state = channel_on_state,
		.ctx = c };
	list_init(&c->followers);
	store_hold(s);
	list_push(&channels, &c->at);
	c->link = s->ops->follow(w, s, &c->channel);
	redis_link_warm(c->link);
	return c;
}

int store_follow(struct worker *main, const sluice_store *s, sluice_str name,
	struct store_follower *f)
{
	if (!s->ops->follow)
		return -1;
	struct store_channel *c = channel_find(s, name);
	if (!c)
		c = channel_new(main, (struct sluice_store *)(uintptr_t)s, name);
	f->channel = c;
	f->is_told = c->is_connected;
	list_push(&c->followers, &f->at);
	return c->is_connected;
}

void store_unfollow(struct store_follower *f)
{
	struct store_channel *c = f->channel;
	if (!c)
		return;
	list_del(&f->at);
	f->channel = NULL;
	if (!list_is_empty(&c->followers))
		return;
	list_del(&c->at);
	redis_link_free(&c->link);
	store_unref(c->store);
	free(c);
}
