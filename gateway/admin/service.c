/* What answers need. */
#include "admin/service.h"

/* beyond so many unread bytes of answers no large answer is made */
enum { UNREAD_MAX = 64 << 20 };

static void service_on_stop(struct turn_hook *h)
{
	struct admin_service *s = container_of(h, struct admin_service, stop);
	s->env.stop(s->env.ctx);
}

void service_init(struct admin_service *s, struct worker *main, const struct admin_env *env)
{
	s->main = main;
	s->env = *env;
	list_init(&s->heirs);
	s->gather = gather_new(main);
	turn_hook_init(&s->stop, service_on_stop);
}

void service_fini(struct admin_service *s)
{
	gather_free(&s->gather);
}

void service_ask_workers(struct admin_service *s, struct gather_wait *w)
{
	gather_ask(s->gather, w);
}

bool service_is_loaded(const struct admin_service *s)
{
	return s->unread > UNREAD_MAX;
}

void service_stop_soon(struct admin_service *s)
{
	worker_at_turn_end(s->main, &s->stop);
}
